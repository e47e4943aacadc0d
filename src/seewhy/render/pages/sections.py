"""A page of headed sections with text and tables: what an evaluation or a tuning needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from seewhy.render.pages.templates import page


@dataclass(frozen=True)
class PageTable:
    """Columns by name and rows of text."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: frozenset[int] = frozenset()
    """Places of the columns that hold numbers."""


@dataclass(frozen=True)
class Section:
    """Some paragraphs and tables under a heading."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[PageTable] = ()
    items: Sequence[str] = ()
    """A list below."""
    code: str = ""
    """Text that stands as it is written, such as settings."""
    folded: bool = field(default=False)
    """Whether it is shown only when it is asked for."""


def sections_page(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """Return a page of sections, those without content left out."""
    shown = [one for one in sections if one.paragraphs or one.tables or one.items or one.code]
    return page("sections.html.j2", title=title, lead=lead, sections=shown)
