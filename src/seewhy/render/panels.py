"""The panels of a figure: each draws one picture or chart into its box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seewhy._types import Floats, Heatmap, Segments, Unit
from seewhy.render import overlay
from seewhy.render.colors import FAINT, INK, Rgb8, scale_colors, sign_color, unit_rgb
from seewhy.render.page import Page, badge, rounded_up, signed, wrapped

CAPTION = 0.25
"""Inches above a picture for the words that say what it is."""
SCALE = 0.78
"""Inches below the heat map for its color bar."""
BAR = 0.25
"""Inches from one bar of the chart to the next."""

_FOOT = 0.25
"""Inches below the chart for its explanation."""

_WORDS = 9.5
_MAX_BARS = 15
_DIGIT = 0.089
"""Inches of a bold digit at the size of the words."""


class Box(NamedTuple):
    """A place on the page, in inches from its top left corner."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, eq=False)
class TargetPanel:
    """What a figure shows of one class."""

    label: str
    index: int
    score: float
    """The model's score of the whole picture, in ``unit``."""
    unit: Unit
    heatmap: Heatmap
    """(H, W), in ``unit``."""
    segments: Segments | None
    """(H, W) ids 0..d-1, -1 where the model did not see the photo; None for a map without segments."""
    values: Floats | None
    """(d,), in ``unit``; given with segments."""
    chosen: tuple[int, ...]
    """Ids of the segments to show."""
    region: NDArray[np.bool_]
    """(H, W): the chosen segments, or the part of the map to show."""
    intercept: float | None
    r2: float | None
    prediction: float | None
    """What the surrogate says for the whole picture."""

    @property
    def limit(self) -> float:
        """The end of the color scale on both sides, at least the strongest effect; 0 if there is none."""
        effects = self.heatmap if self.values is None else self.values
        return rounded_up(float(np.abs(effects).max(initial=0)))

    @property
    def effect(self) -> str:
        """What a value says."""
        return f"change in {self.unit}"

    def strongest(self, count: int) -> list[int]:
        """Return ids of segments to chart, strongest first: the chosen ones, then others with an effect."""
        if self.values is None:
            return []
        chosen = set(self.chosen)
        order = [int(i) for i in np.argsort(-np.abs(self.values), kind="stable")]
        first = [i for i in order if i in chosen][:count]
        others = [i for i in order if i not in chosen and self.values[i] != 0]
        picked = {*first, *others[: count - len(first)]}
        return [i for i in order if i in picked]


def caption(page: Page, box: Box, words: str) -> None:
    """Write what a panel shows, above its picture."""
    line = wrapped(words, box.width, _WORDS, 1)[0]
    page.text(box.left, box.top + 0.04, line, _WORDS, color=unit_rgb(FAINT))


def photo_panel(page: Page, box: Box, photo: Rgb8, seen: overlay.Region) -> None:
    """Show the photo, and which part of it the model saw."""
    caption(page, box, "photo" if seen.all() else "photo (hatched: unseen)")
    page.picture(*_below(box), overlay.dim_unseen(photo, seen))


def segments_panel(page: Page, box: Box, photo: Rgb8, segments: Segments) -> None:
    """Show the borders of all segments."""
    caption(page, box, f"{segments.max() + 1} segments")
    page.picture(*_below(box), overlay.outlines_over(photo, segments))


def regions_panel(
    page: Page, box: Box, photo: Rgb8, seen: overlay.Region, target: TargetPanel, *, hide_rest: bool
) -> None:
    """Show the chosen regions, numbered as in the chart."""
    count = len(target.chosen)
    what = f"{count} chosen regions" if count > 1 else "chosen region"
    caption(page, box, f"{what} alone" if hide_rest else what)
    axes = page.picture(*_below(box), _regions(photo, seen, target, hide_rest=hide_rest))
    words = _silent(target) if target.limit == 0 else "no region chosen"
    if target.limit == 0 or not target.region.any():
        frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": unit_rgb(FAINT)}
        text = "\n".join(wrapped(words, min(box.width - 0.4, 1.6), 11, 3))
        style = {"ha": "center", "va": "center", "fontsize": 11, "color": unit_rgb(INK)}
        axes.text(0.5, 0.5, text, style, bbox=frame, transform=axes.transAxes)
    elif target.segments is not None and target.values is not None:
        shown = set(target.chosen)
        numbered = [i for i in target.strongest(_MAX_BARS) if i in shown]
        for i in reversed(numbered):  # the strongest lies on top
            for x, y in _middle(target.segments == i):
                badge(axes, x, y, str(i), sign_color(target.values[i]))


def heat_panel(page: Page, box: Box, photo: Rgb8, seen: overlay.Region, target: TargetPanel) -> None:
    """Show the heat map over the photo, with its color bar below."""
    peak = target.segments is None and target.limit > 0
    caption(page, box, "heat map (+ peak)" if peak else "heat map")
    inner = _below(box)
    axes = page.picture(*inner, overlay.heat_over(photo, target.heatmap, target.limit, seen))
    if peak:
        inside = np.where(seen, target.heatmap, -np.inf)
        y, x = np.unravel_index(int(inside.argmax()), inside.shape)
        axes.plot(x, y, "+", color="black", markersize=13, markeredgewidth=3.5)
        axes.plot(x, y, "+", color="white", markersize=12, markeredgewidth=1.6)
    if target.limit > 0:
        _scale(page, Box(inner.left, inner.top + inner.height, inner.width, SCALE), target)


def chart_height(target: TargetPanel) -> float:
    """Return the inches a chart needs for the chosen segments, so that each number finds its bar; 0: no chart."""
    if target.values is None or target.limit == 0:
        return 0.0
    return CAPTION + BAR * min(_MAX_BARS, max(1, len(target.chosen))) + _FOOT


def bars_panel(page: Page, box: Box, target: TargetPanel) -> None:
    """Chart the strongest segments; those that are not among the shown regions are pale."""
    if target.values is None:
        return
    room = int((box.height - CAPTION - _FOOT) / BAR + 1e-6)
    ids = target.strongest(min(_MAX_BARS, room))
    if target.limit == 0 or not ids:
        caption(page, box, _silent(target))
        return
    caption(page, box, target.effect)
    _bars(page, Box(box.left, box.top + CAPTION, box.width, len(ids) * BAR), target, ids)
    if not set(ids) <= set(target.chosen):
        below = box.top + CAPTION + len(ids) * BAR + 0.05
        page.text(box.left, below, "pale: not among the chosen", 9, color=unit_rgb(FAINT))


def _bars(page: Page, box: Box, target: TargetPanel, ids: list[int]) -> None:
    """Draw one bar a segment, with its id at the left and its value at its end."""
    values = [0.0 if target.values is None else float(target.values[i]) for i in ids]
    words = [signed(value, target.limit) for value in values]
    axes = page.axes(*box)
    solid = set(target.chosen)
    colors = [(*unit_rgb(sign_color(value)), 1.0 if i in solid else 0.3) for i, value in zip(ids, values, strict=True)]
    axes.barh(range(len(ids)), values, height=0.68, color=colors)
    axes.axvline(0, color=unit_rgb(FAINT), linewidth=0.8)
    left, inch = _reach(values, box.width, _DIGIT * max(map(len, words)) + 0.1, _DIGIT * len(str(max(ids))))
    axes.set(xlim=(left, left + box.width * inch), ylim=(len(ids) - 0.5, -0.5))
    style = {"va": "center_baseline", "fontsize": _WORDS, "color": unit_rgb(INK)}
    for row, (i, value, word) in enumerate(zip(ids, values, words, strict=True)):
        away, side = (0.05 * inch, "left") if value >= 0 else (-0.05 * inch, "right")
        axes.text(value + away, row, word, {"ha": side} | style)
        axes.text(left, row, str(i), {"ha": "left", "weight": "bold"} | style)


def _reach(values: list[float], width: float, word: float, name: float) -> tuple[float, float]:
    """Return where the chart's axis starts, and how much of it an inch is.

    ``word`` and ``name`` are the inches that the longest value and the longest id take; room is kept for them.
    """
    low, high = min(0.0, *values), max(0.0, *values)
    before = name + 0.12 + (word if low < 0 else 0)
    after = word if high > 0 else 0.05
    inch = (high - low) / (width - before - after)
    return low - before * inch, inch


def _below(box: Box) -> Box:
    """Return the box without the caption."""
    return Box(box.left, box.top + CAPTION, box.width, box.height - CAPTION)


def _regions(photo: Rgb8, seen: overlay.Region, target: TargetPanel, *, hide_rest: bool) -> Rgb8:
    if hide_rest and target.region.any():
        return overlay.cut_out(photo, target.region)
    if target.segments is None or target.values is None:
        return overlay.dim_unseen(overlay.mask_over(photo, target.region), seen)
    return overlay.regions_over(photo, target.segments, target.values, target.chosen, target.limit)


def _middle(region: overlay.Region) -> Iterator[tuple[int, int]]:
    """Yield x, y of the pixel deepest inside the region; nothing for a segment lost in shrinking."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if rows.size == 0:
        return
    part = np.pad(region[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    depth = distance_transform_edt(part)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    yield int(columns[0] + x - 1), int(rows[0] + y - 1)


def _scale(page: Page, box: Box, target: TargetPanel) -> None:
    """Draw the color bar from -limit to +limit, with its unit and what its ends mean."""
    axes = page.axes(box.left, box.top + 0.1, box.width, 0.12)
    axes.imshow(scale_colors(), aspect="auto", extent=(-1, 1, 0, 1))
    axes.axvline(0, color=unit_rgb(FAINT), linewidth=0.8)
    middle, right, top = box.left + box.width / 2, box.left + box.width, box.top + 0.26
    page.text(box.left, top, signed(-target.limit, target.limit), _WORDS)
    page.text(middle, top, "0", _WORDS, ha="center")
    page.text(right, top, signed(target.limit, target.limit), _WORDS, ha="right")
    low, high = (unit_rgb(sign_color(sign)) for sign in (-1, 1))
    page.text(box.left, top + 0.17, "contradicts", 9, color=low)
    page.text(right, top + 0.17, "supports", 9, color=high, ha="right")
    page.text(middle, top + 0.34, target.effect, 9, color=unit_rgb(FAINT), ha="center")


def _silent(target: TargetPanel) -> str:
    """Say why nothing stands out: the scores never changed, or the surrogate shrank what they did to zero."""
    shrunk = target.values is not None and target.r2 is not None
    return "the surrogate gives every segment 0" if shrunk else "no region changes the score"
