"""A figure laid out by hand, in inches from its top left corner, so that nothing overlaps and edges align.

No automatic layout: pictures keep their own aspect ratio, and the room for text is known. Sizes and colors
are set here and not taken from the user's plot style; the font family is theirs. pyplot is not touched.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from seewhy.core.text import clean
from seewhy.render.colors import FAINT, Rgb8, RgbColor, unit_rgb
from seewhy.render.theme import THEMES, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.2
"""Inches around a page."""

_LETTER = 0.62
"""Mean width of a letter as a part of the font size, on the generous side."""


class Page:
    """A figure of ``width`` x ``height`` inches."""

    def __init__(self, width: float, height: float, theme: Theme = THEMES["light"]) -> None:
        from seewhy.render.shown import ShownFigure

        self.theme = theme
        self.figure: Figure = ShownFigure(figsize=(width, height), dpi=theme.dpi, facecolor=unit_rgb(theme.paper))
        self._size = (width, height)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes in this box, without frame and ticks."""
        across, down = self._size
        box = (left / across, 1 - (top + height) / down, width / across, height / down)
        found = self.figure.add_axes(box)
        found.set_axis_off()
        return found

    def text(self, left: float, top: float, words: str, size: float, **style: Any) -> None:
        """Write ``words``; no letter is taken for a formula, and no control character reaches the font."""
        across, down = self._size
        style = {"color": unit_rgb(self.theme.ink)} | style
        # Lines are placed by their baseline: by their top, words with and without high letters do not align.
        base = 1 - (top + 0.93 * size / 72) / down
        self.figure.text(left / across, base, clean(words), fontsize=size, parse_math=False, **style)

    def picture(self, left: float, top: float, width: float, height: float, picture: Rgb8) -> Axes:
        """Show a picture (h, w, 3) as large as the box allows, at its top left."""
        rows, columns = picture.shape[:2]
        scale = min(width / columns, height / rows)
        # A thread of a photo would be invisible: it is drawn a little wider than it is.
        wide, tall = max(columns * scale, 0.05), max(rows * scale, 0.05)
        axes = self.axes(left, top, wide, tall)
        axes.imshow(picture, aspect="auto", interpolation="antialiased")
        return axes


def framed(axes: Axes) -> None:
    """Draw a thin frame, without which a white mask would melt into the page."""
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set(visible=True, color=unit_rgb(FAINT), linewidth=0.6)


def wrapped(words: str, width: float, size: float, lines: int) -> list[str]:
    """Break ``words`` to fit ``width`` inches at font ``size``, into at most ``lines`` lines."""
    letters = max(8, int(width * 72 / (size * _LETTER)))
    return textwrap.wrap(words, letters, max_lines=lines, placeholder=" …")


def line_height(size: float) -> float:
    """Return the inches a line of this font size takes."""
    return size * 1.3 / 72


def rounded_up(limit: float) -> float:
    """Return the next number with two digits that count, so that a scale's end can be written exactly."""
    if limit <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(limit)) - 1)
    return math.ceil(limit / step - 1e-4) * step


def badge(axes: Axes, x: float, y: float, words: str, color: RgbColor, *, size: float = 8.5) -> None:
    """Write a number in white on a disk of ``color`` with a white rim, readable on any photo."""
    box = {
        "boxstyle": "circle,pad=0.22",
        "facecolor": unit_rgb(color),
        "edgecolor": "white",
        "linewidth": 1.2,
    }
    axes.text(x, y, words, ha="center", va="center", fontsize=size, color="white", weight="bold", bbox=box, zorder=5)
