"""The chart of the strongest segments: one bar each, with the interval that its value is known to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seewhy.core.types import Floats
from seewhy.render.colors import sign_color, unit_rgb
from seewhy.render.numbers import signed
from seewhy.render.panels import CAPTION, MAX_BARS, WORDS, Box, TargetPanel, caption
from seewhy.render.sheet import Page, rounded_up
from seewhy.render.theme import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

_BAR = 0.25
"""Inches from one bar to the next."""
_FOOT = 0.25
"""Inches below the bars for a line that explains them."""
_FOOT_LINE = 0.17
"""Inches for a second such line."""
_DIGIT = 0.089
"""Inches of a bold digit at the size of the words."""


def chart_height(target: TargetPanel) -> float:
    """Return the inches a chart needs for the chosen segments, so that each number finds its bar; 0: no chart."""
    if target.values is None or target.limit == 0:
        return 0.0
    return CAPTION + _BAR * min(MAX_BARS, max(1, len(target.chosen))) + _foot(target)


def chart_width(target: TargetPanel) -> float:
    """Return the inches a chart needs across: intervals take room, on the axis and in the caption."""
    return 2.5 if target.intervals is None else 3.1


def bars_panel(page: Page, box: Box, target: TargetPanel) -> None:
    """Chart the strongest segments: pale if not among the shown regions, hollow if their sign is not sure."""
    if target.values is None:
        return
    room = int((box.height - CAPTION - _foot(target)) / _BAR + 1e-6)
    ids = target.strongest(min(MAX_BARS, room))
    if target.limit == 0 or not ids:
        caption(page, box, target.silence)
        return
    caption(page, box, target.effect if target.intervals is None else f"{target.effect}, 95 % intervals")
    _bars(page, Box(box.left, box.top + CAPTION, box.width, len(ids) * _BAR), target, ids)
    below = box.top + CAPTION + len(ids) * _BAR + 0.05
    if not set(ids) <= set(target.chosen):
        page.text(box.left, below, "pale: not among the chosen", 9, color=unit_rgb(page.theme.faint))
        below += _FOOT_LINE
    if any(target.is_unsure(i) for i in ids):
        page.text(box.left, below, "hollow: interval includes 0", 9, color=unit_rgb(page.theme.faint))


def _foot(target: TargetPanel) -> float:
    """Return the inches below the bars: one line, or two where pale and hollow bars may both need a word."""
    doubtful = target.unsure is not None and bool(target.unsure.any())
    return _FOOT + (_FOOT_LINE if doubtful else 0)


def _bars(page: Page, box: Box, target: TargetPanel, ids: list[int]) -> None:
    """Draw one bar a segment, with its id at the left, and its value beyond the end of bar and whisker."""
    values = np.zeros(len(ids)) if target.values is None else target.values[ids].astype(np.float64)
    spans = np.full((len(ids), 2), np.nan) if target.intervals is None else target.intervals[ids]
    words = [signed(value, rounded_up(target.strongest_effect)) for value in values]
    axes = page.axes(*box)
    solid = set(target.chosen)
    colors = [(*unit_rgb(sign_color(value)), 1.0 if i in solid else 0.3) for i, value in zip(ids, values, strict=True)]
    bars = axes.barh(range(len(ids)), values, height=0.68, color=colors)
    axes.axvline(0, color=unit_rgb(page.theme.faint), linewidth=0.8)
    for i, bar in zip(ids, bars, strict=True):
        if target.is_unsure(i):
            _hollow(bar)
    _whiskers(axes, spans, page.theme)
    starts, ends = np.fmin(values, spans[:, 0]), np.fmax(values, spans[:, 1])
    word, name = _DIGIT * max(map(len, words)) + 0.1, _DIGIT * len(str(max(ids)))
    before = name + 0.12 + (word if values.min() < 0 else 0)
    left, inch = _reach((starts.min(), ends.max()), box.width, before, word if values.max() > 0 else 0.05)
    axes.set(xlim=(left, left + box.width * inch), ylim=(len(ids) - 0.5, -0.5))
    style = {"va": "center_baseline", "fontsize": WORDS, "color": unit_rgb(page.theme.ink)}
    for row, (i, value, label) in enumerate(zip(ids, values, words, strict=True)):
        x, side = (ends[row] + 0.05 * inch, "left") if value >= 0 else (starts[row] - 0.05 * inch, "right")
        axes.text(x, row, label, {"ha": side} | style)
        axes.text(left, row, str(i), {"ha": "left", "weight": "bold"} | style)


def _hollow(bar: Rectangle) -> None:
    """Leave only the outline of a bar, in the color it had; a pale line would be lost, so it is less pale."""
    from matplotlib.colors import to_rgba

    red, green, blue, opacity = to_rgba(bar.get_facecolor())
    bar.set(facecolor="none", edgecolor=(red, green, blue, max(opacity, 0.55)), linewidth=1.2)


def _whiskers(axes: Axes, spans: Floats, theme: Theme) -> None:
    """Draw a line with caps along each interval (n, 2), with a rim of paper that sets it off the bar."""
    from matplotlib.patheffects import withStroke

    for row, span in enumerate(spans):
        if not np.isnan(span).any():
            (line,) = axes.plot(span, (row, row), "|-", color=unit_rgb(theme.ink), linewidth=1, markersize=5)
            line.set_path_effects([withStroke(linewidth=2.4, foreground=unit_rgb(theme.paper))])


def _reach(ends: tuple[float, float], width: float, before: float, after: float) -> tuple[float, float]:
    """Return where the chart's axis starts, and how much of it an inch is.

    ``ends`` is what bars and whiskers reach; ``before`` and ``after`` are the inches kept free beside it for words.
    """
    low, high = min(0.0, ends[0]), max(0.0, ends[1])
    inch = (high - low) / (width - before - after)
    return low - before * inch, inch
