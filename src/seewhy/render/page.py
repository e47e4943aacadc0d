"""A figure laid out by hand, in inches from its top left corner, so that nothing overlaps and edges align.

No automatic layout: pictures keep their own aspect ratio, and the room for text is known. Sizes and colors are
set here and not taken from the user's plot style; the font family is theirs. Nothing of pyplot is touched.
"""

from __future__ import annotations

import io
import math
import textwrap
from typing import TYPE_CHECKING, Any

from seewhy.render.colors import FAINT, INK, Color, Rgb8, unit_rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.2
"""Inches around a page."""

_LETTER = 0.62
"""Mean width of a letter as a part of the font size, on the generous side."""


class Page:
    """A white figure of ``width`` x ``height`` inches."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(width, height), dpi=150, facecolor="white")
        self._size = (width, height)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes in this box, without frame and ticks."""
        across, down = self._size
        box = (left / across, 1 - (top + height) / down, width / across, height / down)
        found = self.figure.add_axes(box)
        found.set_axis_off()
        return found

    def text(self, left: float, top: float, words: str, size: float, **style: Any) -> None:
        """Write ``words`` as they are; no letter of a class name is taken for a formula."""
        across, down = self._size
        style = {"color": unit_rgb(INK), "va": "top", "linespacing": 1.25} | style
        self.figure.text(left / across, 1 - top / down, words, fontsize=size, parse_math=False, **style)

    def picture(self, left: float, top: float, width: float, height: float, picture: Rgb8) -> Axes:
        """Show a picture (h, w, 3) as large as the box allows, at its top, centered."""
        rows, columns = picture.shape[:2]
        scale = min(width / columns, height / rows)
        # A thread of a photo would be invisible: it is drawn a little wider than it is.
        wide, tall = max(columns * scale, 0.05), max(rows * scale, 0.05)
        axes = self.axes(left + (width - wide) / 2, top, wide, tall)
        axes.imshow(picture, aspect="auto", interpolation="antialiased")
        return axes


def wrapped(words: str, width: float, size: float, lines: int) -> list[str]:
    """Break ``words`` to fit ``width`` inches at font ``size``, into at most ``lines`` lines."""
    letters = max(8, int(width * 72 / (size * _LETTER)))
    return textwrap.wrap(words, letters, max_lines=lines, placeholder=" …")


def line_height(size: float) -> float:
    """Return the inches a line of this font size takes."""
    return size * 1.3 / 72


def number(value: float) -> str:
    """Return a score with four digits that count."""
    return _plain(value, f"{value:.4g}")


def signed(value: float) -> str:
    """Return an effect with its sign and two digits that count."""
    return _plain(value, f"{value:+.2g}") if value != 0 else "0"


def _plain(value: float, short: str) -> str:
    sign = "+" if short.startswith("+") else ""
    text = f"{value:{sign}.0f}" if 1000 <= abs(value) < 1e6 or (abs(value) >= 100 and sign) else short
    return text.replace("-", "\N{MINUS SIGN}", 1)


def rounded_up(limit: float) -> float:
    """Return the next number with two digits that count, so that the end of a scale can be written exactly."""
    if limit <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(limit)) - 1)
    return math.ceil(limit / step - 1e-9) * step


def badge(axes: Axes, x: float, y: float, words: str, color: Color) -> None:
    """Write a number in white on a disk of ``color`` with a white rim, readable on any photo."""
    box = {
        "boxstyle": "circle,pad=0.22",
        "facecolor": unit_rgb(color),
        "edgecolor": "white",
        "linewidth": 1.2,
    }
    axes.text(x, y, words, ha="center", va="center", fontsize=8.5, color="white", weight="bold", bbox=box, zorder=5)


def caption_style() -> dict[str, Any]:
    """Return the style of text that explains a panel."""
    return {"color": unit_rgb(FAINT)}


def figure_png(figure: Figure, dpi: float = 150) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        What a function of this package returned.
    dpi
        Pixels an inch.
    """
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return file.getvalue()
