"""The figure of an explanation: photo, segments, chosen regions, heat map and strongest effects."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from seewhy.render import chart, panels
from seewhy.render.colors import Rgb8, unit_rgb
from seewhy.render.numbers import number, score_words
from seewhy.render.overlay import Region, fitted
from seewhy.render.panels import Box, TargetPanel
from seewhy.render.sheet import MARGIN, Page, line_height, wrapped
from seewhy.render.theme import THEMES, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_AREA = 7.0
"""Square inches of a picture, whatever its shape."""
_GAP = 0.2
_ROW_GAP = 0.1
_BOUND = "\N{NO-BREAK SPACE}"
_SHAPE = 1.7
"""Width to height that a figure of one class comes near: it fits a page and a slide."""

_Panel = Callable[[Page, Box], None]


@dataclass(frozen=True)
class _Grid:
    """How large pictures are, and in how many columns they stand."""

    width: float
    height: float
    columns: int
    rows: int
    chart: float
    """Inches down that the chart needs for all chosen segments; 0 without a chart."""
    bars: float
    """Inches across that it needs."""

    @property
    def pictures(self) -> float:
        """Inches from the left edge of the first column to the right edge of the last."""
        return self.columns * (self.width + _GAP) - _GAP

    @property
    def across(self) -> float:
        """Inches with the chart."""
        return self.pictures + (self.bars + 1.5 * _GAP if self.chart else 0)

    @property
    def down(self) -> float:
        """Inches with captions and color bar."""
        return max(self.rows * (self.height + panels.CAPTION) + panels.SCALE, self.chart)

    def box(self, row: int, column: int, left: float, top: float) -> Box:
        """Return the place of a picture and its caption."""
        tall = self.height + panels.CAPTION
        return Box(left + column * (self.width + _GAP), top + row * tall, self.width, tall)


def explanation_figure(
    photo: Rgb8,
    seen: Region,
    targets: Sequence[TargetPanel],
    *,
    title: str,
    subtitle: str = "",
    hide_rest: bool = False,
    notes: Sequence[str] = (),
    theme: Theme = THEMES["light"],
) -> Figure:
    """Return the figure of one explanation, one row a class.

    Parameters
    ----------
    photo
        (H, W, 3).
    seen
        (H, W), False where the model did not see the photo.
    targets
        The explained classes, at least one; they share their segments.
    title, subtitle
        Facts about the run: method, model, pictures asked.
    hide_rest
        Show the chosen regions alone.
    notes
        Sentences at the foot of the figure.
    theme
        Colors of paper and words.
    """
    photo, seen = fitted(photo, panels.PIXELS), fitted(seen, panels.PIXELS)
    targets = [panels.shrunk(target, panels.PIXELS) for target in targets]
    grid = _grid(photo.shape[1] / photo.shape[0], targets)
    head = _Words([(title, 13, "bold"), (subtitle, 10, "normal")], grid.across)
    foot = _Words([(note, 9.5, "normal") for note in notes], grid.across)
    heads = [_Words(_facts(target), grid.across) for target in targets]
    height = head.height + foot.height + sum(words.height + grid.down + _ROW_GAP for words in heads)
    page = Page(grid.across + 2 * MARGIN, height + 2 * MARGIN, theme)
    top = head.write(page, MARGIN)
    for row, target in enumerate(targets):
        top = heads[row].write(page, top)
        _row(page, grid, top, _order(photo, seen, targets, row, hide_rest=hide_rest))
        if grid.chart:
            left = MARGIN + grid.pictures + 1.5 * _GAP
            chart.bars_panel(page, Box(left, top, grid.bars, grid.down), target)
        top += grid.down + _ROW_GAP
    foot.write(page, top)
    return page.figure


class _Words:
    """Paragraphs of (words, size, weight) under each other, broken to ``width`` inches."""

    def __init__(self, paragraphs: Sequence[tuple[str, float, str]], width: float) -> None:
        self._lines = [
            (line.replace(_BOUND, " "), size, weight)
            for words, size, weight in paragraphs  # a number keeps its unit
            for line in wrapped(words.replace(" %", f"{_BOUND}%"), width * (0.9 if weight == "bold" else 1), size, 3)
        ]

    @property
    def height(self) -> float:
        """Inches they take, with a little air below."""
        return sum(line_height(size) for _, size, _ in self._lines) + (0.1 if self._lines else 0)

    def write(self, page: Page, top: float) -> float:
        """Write them from ``top`` on, and return where they end."""
        below = top + self.height
        for line, size, weight in self._lines:
            color = page.theme.ink if weight == "bold" else page.theme.faint
            page.text(MARGIN, top, line, size, weight=weight, color=unit_rgb(color))
            top += line_height(size)
        return below


def _facts(target: TargetPanel) -> list[tuple[str, float, str]]:
    """Say which class a row is about, its score, how well the surrogate follows the model, and how sure it all is."""
    facts = [f"class {target.index}", score_words(target)]
    if target.prediction is not None:
        facts.append(f"surrogate predicts {number(target.prediction)}")
    if target.intercept is not None:
        none = abs(target.intercept) < target.limit / 1000  # rounding has digits too, but they do not count
        facts.append(f"intercept {number(0.0 if none else target.intercept)}")
    if target.r2 is not None:
        facts.append(f"R² {target.r2:.2f}")
    if target.error is not None:
        facts.append(_doubt(target.error))
    return [(target.label, 11.5, "bold"), (" · ".join(facts), 10, "normal")]


def _doubt(error: float) -> str:
    """Say how large the relative error of an answer is, in percent."""
    if not math.isfinite(error):
        return "error unknown: more noise than signal"
    percent = 100 * error
    return f"error about {percent:.0f} %" if percent >= 1 or percent == 0 else f"error about {percent:.1g} %"


def _grid(aspect: float, targets: Sequence[TargetPanel]) -> _Grid:
    """Choose the size of a picture from its aspect, and the columns that come near a page's shape."""
    height = min(max(math.sqrt(_AREA / aspect), 1.4), 3.4)
    width = min(max(height * aspect, 2.0), 4.2)
    height = min(height, max(width / aspect, 1.0))
    down = max(chart.chart_height(target) for target in targets)
    bars = max(chart.chart_width(target) for target in targets)
    count = 4 if targets[0].segments is not None else 3
    ways = [(3, 1)] if len(targets) > 1 else [(count, 1), (1, count)] + [(2, 2)] * (count == 4)
    grids = [_Grid(width, height, columns, rows, down, bars) for columns, rows in ways]
    return min(grids, key=lambda grid: abs(math.log(grid.across / (grid.down + 1) / _SHAPE)))


def _order(
    photo: Rgb8, seen: Region, targets: Sequence[TargetPanel], row: int, *, hide_rest: bool
) -> list[_Panel | None]:
    """Return the panels of a row; several classes share the first column for photo and segments."""
    target = targets[row]
    shared: list[_Panel | None] = [partial(panels.photo_panel, photo=photo, seen=seen)]
    if target.segments is not None:
        shared.append(partial(panels.segments_panel, photo=photo, segments=target.segments))
    own: list[_Panel | None] = [
        partial(panels.regions_panel, photo=photo, seen=seen, target=target, hide_rest=hide_rest),
        partial(panels.heat_panel, photo=photo, seen=seen, target=target),
    ]
    if len(targets) == 1:
        return shared + own
    return [*(shared[row : row + 1] or [None]), *own]


def _row(page: Page, grid: _Grid, top: float, order: Sequence[_Panel | None]) -> None:
    """Draw panels down the first column, then down the next, so that the heat map is at the bottom."""
    for place, panel in enumerate(order):
        column, row = divmod(place, grid.rows)
        if panel is not None:
            panel(page, grid.box(row, column, MARGIN, top))
