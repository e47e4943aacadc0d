"""Heat maps of one photo under several settings, in rows and columns, on one color scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seewhy.render import panels
from seewhy.render.colors import Rgb8, unit_rgb
from seewhy.render.numbers import number
from seewhy.render.overlay import Region, fitted
from seewhy.render.sheet import MARGIN, Page, wrapped
from seewhy.render.theme import THEMES, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS = 360
_LONGER = 1.9
"""Inches of the longer side of a map."""
_NAMES = 1.5
"""Inches left of the maps for the names of rows."""
_HEAD, _COLUMN, _CAPTION, _GAP, _FOOT = 0.35, 0.4, 0.24, 0.12, 0.3


def map_grid_figure(
    photo: Rgb8,
    seen: Region,
    maps: Sequence[Sequence[panels.TargetPanel | None]],
    captions: Sequence[Sequence[str]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    note: str = "",
    theme: Theme = THEMES["light"],
) -> Figure:
    """Return the figure; a map that is None is a place whose caption says why.

    Parameters
    ----------
    photo, seen
        (H, W, 3), and (H, W), False where the model did not see the photo.
    maps, captions
        R rows of C maps with the color scale that all share, and a line below each.
    rows, columns
        The R and C names.
    """
    photo, seen = fitted(photo, _PIXELS), fitted(seen, _PIXELS)
    high, wide = (_LONGER * side / max(photo.shape[:2]) for side in photo.shape[:2])
    wide = max(wide, 1.2)
    across = _NAMES + len(columns) * (wide + _GAP)
    down = _HEAD + _COLUMN + len(rows) * (high + _CAPTION + _GAP) + _FOOT
    page = Page(max(across, 5.0) + 2 * MARGIN, down + 2 * MARGIN, theme)
    page.text(MARGIN, MARGIN, title, 12, weight="bold")
    for c, name in enumerate(columns):
        _lines(page, MARGIN + _NAMES + c * (wide + _GAP), MARGIN + _HEAD, wrapped(name, wide, 9, 2), weight="bold")
    known = [panel for row in maps for panel in row if panel is not None]
    for r, name in enumerate(rows):
        top = MARGIN + _HEAD + _COLUMN + r * (high + _CAPTION + _GAP)
        _lines(page, MARGIN, top, wrapped(name, _NAMES - _GAP, 9, 5), weight="bold")
        for c, panel in enumerate(maps[r]):
            left = MARGIN + _NAMES + c * (wide + _GAP)
            if panel is not None:
                shown = panels.heat_picture(photo, seen, panels.shrunk(panel, _PIXELS))
                page.picture(left, top, wide, high, shown)
            below, most = (top, 6) if panel is None else (top + high + 0.04, 1)
            _lines(page, left, below, wrapped(captions[r][c], wide, 9, most), color=unit_rgb(theme.faint))
    scale = ""
    if known:
        ends = number(known[0].limit)
        scale = f"color scale: {known[0].effect}, from -{ends} to +{ends}. "
    page.text(MARGIN, MARGIN + down - 0.18, f"{scale}{note}", 8.5, color=unit_rgb(theme.faint))
    return page.figure


def _lines(page: Page, left: float, top: float, lines: Sequence[str], **style: Any) -> None:
    for k, line in enumerate(lines):
        page.text(left, top + 0.16 * k, line, 9, **style)
