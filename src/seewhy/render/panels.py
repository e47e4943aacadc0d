"""The panels of a figure: each draws one picture or chart into its box."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seewhy.core.text import clean
from seewhy.core.types import Floats, Heatmap, Segments, Sign, Unit
from seewhy.render import overlay
from seewhy.render.colors import FAINT, FULL, INK, Rgb8, scale_colors, sign_color, unit_rgb
from seewhy.render.numbers import signed
from seewhy.render.sheet import Page, badge, rounded_up, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAPTION = 0.25
"""Inches above a picture for the words that say what it is."""
SCALE = 0.78
"""Inches below the heat map for its color bar."""
WORDS = 9.5
"""Font size of captions and numbers, in points."""
PIXELS = 720
"""Longer side of a picture in a figure: about 200 pixels an inch, more than a page shows."""
MAX_BARS = 15
"""Segments in a chart, and numbers on a photo, at most."""


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
    """The model's score of the unmasked image, in ``unit``."""
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
    """What the surrogate says for the unmasked image."""
    low: Floats | None = None
    """(d,), in ``unit``: where the 95 % interval of each value starts; not finite where a value has none."""
    high: Floats | None = None
    """(d,), in ``unit``: where it ends."""
    error: float | None = None
    """Estimated relative error of the whole answer, 0.08 is 8 %; infinite: more noise than signal."""
    spread: Heatmap | None = None
    """(H, W), in ``unit``: what the magnitude of each pixel of a map must exceed to differ from 0, at least half the
    width of its 95 % interval; None with segments."""
    sign: Sign = "auto"
    """Of the regions that were looked for."""

    ends: float | None = None
    """The end of the color scale, where one is given, so that several figures have the same."""
    inks: Rgb8 | None = None
    """(1, 255, 3): the colors of the heat map from -limit to +limit; None: blue and vermilion."""
    alpha: float = FULL
    """Opacity of the strongest color, 0..1."""
    badges: bool = True
    """Whether the chosen segments have their numbers on the photo."""
    versus: int | None = None
    """The class it is held against, for a contrast."""

    @property
    def strongest_effect(self) -> float:
        """The largest value, whatever its sign."""
        effects = self.heatmap if self.values is None else self.values
        return float(np.abs(effects).max(initial=0))

    @property
    def limit(self) -> float:
        """The end of the color scale on both sides: as given, else at least the strongest effect, or 0 without any."""
        return rounded_up(self.strongest_effect) if self.ends is None or not self.strongest_effect else self.ends

    @property
    def effect(self) -> str:
        """What a value says."""
        return f"change in {self.unit}"

    @property
    def silence(self) -> str:
        """Why nothing stands out: the scores never changed, or the surrogate shrank what they did to zero."""
        shrunk = self.values is not None and self.r2 is not None
        return "the surrogate gives every segment 0" if shrunk else "no region changes the score"

    @property
    def nothing(self) -> str:
        """What it means that no region is shown."""
        if self.limit == 0:
            return self.silence
        if self.sign in {"positive", "negative"}:
            return "nothing supports" if self.sign == "positive" else "nothing contradicts"
        return "nothing supports" if self.segments is None else "no segment is distinguishable from 0"

    @property
    def colorless(self) -> bool:
        """Whether something in the heat map has no color because it is not distinguishable from 0."""
        if self.segments is None:
            return self.spread is not None
        return self.unsure is not None and bool(self.unsure.any())

    @cached_property
    def intervals(self) -> Floats | None:
        """(d, 2): start and end of each value's interval, NaN where it has none; None if no value has one."""
        if self.low is None or self.high is None:
            return None
        both = np.stack([self.low, self.high], axis=1).astype(np.float64)
        both[~np.isfinite(both).all(axis=1)] = np.nan
        return None if np.isnan(both).all() else both

    @cached_property
    def unsure(self) -> NDArray[np.bool_] | None:
        """(d,): True where the interval includes 0, so that not even the sign is sure; None without intervals."""
        if self.intervals is None:
            return None
        low, high = self.intervals.T
        found: NDArray[np.bool_] = (low <= 0) & (high >= 0)  # never for NaN
        return found

    def is_unsure(self, segment: int) -> bool:
        """Return whether the interval of this segment's value includes 0."""
        return self.unsure is not None and bool(self.unsure[segment])

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


def shrunk(target: TargetPanel, longest: int) -> TargetPanel:
    """Return the panel with its arrays near ``longest`` pixels."""
    segments = None if target.segments is None else overlay.fitted(target.segments, longest)
    spread = None if target.spread is None else overlay.fitted(target.spread, longest)
    heatmap, region = overlay.fitted(target.heatmap, longest), overlay.fitted(target.region, longest)
    if spread is not None:  # a pixel of the figure is several of the photo: both panels must say the same of it
        region = region & ~overlay.not_sure(heatmap, spread)
    return replace(target, heatmap=heatmap, region=region, segments=segments, spread=spread)


def caption(page: Page, box: Box, words: str, *shorter: str) -> None:
    """Write what a panel shows, above its picture: the first of these ways to say it that fits, or what fits of it."""
    ways = [wrapped(way, box.width, WORDS, 1)[0] for way in (words, *shorter)]
    line = next((line for line, way in zip(ways, (words, *shorter), strict=True) if line == way), ways[-1])
    page.text(box.left, box.top + 0.04, line, WORDS, color=unit_rgb(page.theme.faint))


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
    what, short = (f"{count} chosen regions", f"{count} regions") if count > 1 else ("chosen region", "region")
    if not target.region.any():
        what = short = target.nothing
    doubt = " (?: unsure)" if any(target.is_unsure(i) for i in target.chosen) else ""
    caption(page, box, f"{what} alone{doubt}" if hide_rest else f"{what}{doubt}", f"{short}{doubt}")
    axes = page.picture(*_below(box), regions_picture(photo, seen, target, hide_rest=hide_rest))
    words = target.nothing
    if target.limit == 0 or not target.region.any():
        frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": unit_rgb(FAINT)}
        text = "\n".join(wrapped(words, min(box.width - 0.4, 1.6), 11, 3))
        style = {"ha": "center", "va": "center", "fontsize": 11, "color": unit_rgb(INK)}
        axes.text(0.5, 0.5, text, style, bbox=frame, transform=axes.transAxes)
    elif target.badges and target.segments is not None and target.values is not None:
        shown = set(target.chosen)
        numbered = [i for i in target.strongest(MAX_BARS) if i in shown]
        for i in reversed(numbered):  # the strongest lies on top
            for x, y in middle(target.segments == i):
                if target.is_unsure(i):
                    badge(axes, x, y, f"{i}?", FAINT, size=7.5)  # a letter more, on a disk as large
                else:
                    badge(axes, x, y, str(i), sign_color(target.values[i]))


def heat_panel(page: Page, box: Box, photo: Rgb8, seen: overlay.Region, target: TargetPanel) -> None:
    """Show the heat map over the photo, with its color bar below; of a map, also its peak and what is not sure."""
    spread = target.spread if target.segments is None else None
    inner, peak = _below(box), _peak(target, seen, spread)
    what = "heat map (uncolored: unsure)" if target.colorless else "heat map"
    full = what if peak is None else "heat map (+ peak)" if spread is None else f"{what} + peak"
    shorter = "heat map (gray: unsure)"
    caption(page, box, full, *([f"{shorter} + peak"] if peak is not None and spread is not None else []), what, shorter)
    axes = page.picture(*inner, heat_picture(photo, seen, target))
    if peak is not None:
        axes.plot(*peak, "+", color="black", markersize=13, markeredgewidth=3.5)
        axes.plot(*peak, "+", color="white", markersize=12, markeredgewidth=1.6)
    if target.limit > 0:
        scale(page, Box(inner.left, inner.top + inner.height, inner.width, SCALE), target)


def heat_on(axes: Axes, photo: Rgb8, seen: overlay.Region, target: TargetPanel) -> None:
    """Draw the heat map over the photo into axes of somebody else; nothing but the picture and the class."""
    axes.imshow(heat_picture(photo, seen, target))
    axes.set(xticks=[], yticks=[])
    if not axes.get_title():
        axes.set_title(clean(target.label), parse_math=False)


def heat_picture(photo: Rgb8, seen: overlay.Region, target: TargetPanel) -> Rgb8:
    """Return the photo in gray with the heat map over it; of a map, what may as well be 0 stays gray."""
    spread = target.spread if target.segments is None else None
    return overlay.heat_over(
        photo, target.heatmap, target.limit, seen, spread=spread, inks=target.inks, full=target.alpha
    )


def _below(box: Box) -> Box:
    """Return the box without the caption."""
    return Box(box.left, box.top + CAPTION, box.width, box.height - CAPTION)


def regions_picture(photo: Rgb8, seen: overlay.Region, target: TargetPanel, *, hide_rest: bool = False) -> Rgb8:
    """Return the photo with the shown region: tinted and outlined, or alone."""
    if hide_rest and target.region.any():
        return overlay.cut_out(photo, target.region)
    if target.segments is None or target.values is None:
        return overlay.dim_unseen(overlay.mask_over(photo, target.region), seen)
    known = target.segments, target.values, target.chosen, target.limit
    return overlay.regions_over(photo, *known, unsure=target.unsure)


def _peak(target: TargetPanel, seen: overlay.Region, spread: Heatmap | None) -> tuple[int, int] | None:
    """Return x, y of a map's highest pixel; None for segments, and where that pixel may as well be 0."""
    if target.segments is not None or target.limit == 0:
        return None
    inside = np.where(seen, target.heatmap, -np.inf)
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    if spread is not None and overlay.not_sure(target.heatmap, spread)[y, x]:
        return None
    return int(x), int(y)


def middle(region: overlay.Region) -> Iterator[tuple[int, int]]:
    """Yield x, y of the pixel deepest inside the region; nothing for a segment lost in shrinking."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if rows.size == 0:
        return
    part = np.pad(region[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    depth = distance_transform_edt(part)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    yield int(columns[0] + x - 1), int(rows[0] + y - 1)


def scale(page: Page, box: Box, target: TargetPanel) -> None:
    """Draw the color bar from -limit to +limit, with its unit and what its ends mean."""
    axes = page.axes(box.left, box.top + 0.1, box.width, 0.12)
    axes.imshow(scale_colors(inks=target.inks, full=target.alpha), aspect="auto", extent=(-1, 1, 0, 1))
    axes.axvline(0, color=unit_rgb(page.theme.faint), linewidth=0.8)
    middle, right, top = box.left + box.width / 2, box.left + box.width, box.top + 0.26
    page.text(box.left, top, signed(-target.limit, target.limit), WORDS)
    page.text(middle, top, "0", WORDS, ha="center")
    page.text(right, top, signed(target.limit, target.limit), WORDS, ha="right")
    low, high = (unit_rgb(page.theme.effect(sign) if target.inks is None else page.theme.faint) for sign in (-1, 1))
    page.text(box.left, top + 0.17, "contradicts", 9, color=low)
    page.text(right, top + 0.17, "supports", 9, color=high, ha="right")
    page.text(middle, top + 0.34, target.effect, 9, color=unit_rgb(page.theme.faint), ha="center")
