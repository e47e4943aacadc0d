"""Pages: one HTML file each, with its style, pictures and script inside, that asks nothing of anybody.

What a page says comes as plain values from the layers above; text from elsewhere is escaped, and orders nothing.
"""

from seewhy.render.pages.drawing import drawing
from seewhy.render.pages.embedded import Embedded, embedded
from seewhy.render.pages.sections import PageTable, Section, sections_page
from seewhy.render.pages.templates import page

__all__ = ["Embedded", "PageTable", "Section", "drawing", "embedded", "page", "sections_page"]
