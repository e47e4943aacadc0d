"""The figures of an explanation: what is shown of it, handed to render as arrays and plain facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.types import Floats, Heatmap
from seewhy.estimation.attribution import SegmentAttribution
from seewhy.estimation.targets import Target
from seewhy.explanation.facts import ExplanationFacts
from seewhy.explanation.verdict import verdict_of
from seewhy.render.colors import FULL
from seewhy.render.display import Display
from seewhy.render.theme import THEMES

if TYPE_CHECKING:
    from seewhy.render import TargetPanel
    from seewhy.render.drawn import Axes, Figure


COLOR_NAMES = {"#000000": "black", "#808080": "gray", "#ffffff": "white"}
_NEVER = 1e30
"""Half an interval that no value lies beyond; infinity would not survive being averaged."""


@dataclass(frozen=True, eq=False)
class Style:
    """How effects are colored, and which are shown at all."""

    cmap: object = None
    """A colormap of matplotlib or its name, from the most contradicting effect to the most supporting; None: ours."""
    limit: float | None = None
    """The effect that has the strongest color, also called ``vmax``; None: the strongest effect, rounded up."""
    min_weight: float = 0
    """The least effect that is shown."""
    alpha: float = FULL
    """Opacity of the strongest color, above 0, at most 1."""
    figsize: tuple[float, float] | None = None
    """Width and height of the figure in inches; None: what its content needs."""
    style: str = "light"
    """``light``, ``dark`` or ``print``."""
    caption: str | None = None
    """The line below the figure; empty: none; None: with what it was made."""
    badges: bool = True
    """Whether the chosen segments have their numbers on the photo."""
    one_scale: bool = False
    """Whether all classes of the figure have the scale of the one with the strongest effect."""

    @classmethod
    def split(cls, shown: dict[str, Any]) -> tuple[Style, Display]:
        """Return what is said of colors and paper, and what is said of regions."""
        if "vmax" in shown:
            if "limit" in shown:
                raise InvalidInput.of("vmax", "be given without limit, which is the same setting", shown["vmax"])
            shown = {"limit" if name == "vmax" else name: value for name, value in shown.items()}
        mine = {one.name for one in fields(cls)}
        style = cls(**{name: value for name, value in shown.items() if name in mine})
        return style, Display(**{name: value for name, value in shown.items() if name not in mine})

    def __post_init__(self) -> None:
        if not _is_number(self.alpha, above=True) or self.alpha > 1:
            raise InvalidInput.of("alpha", "be a number above 0, at most 1", self.alpha)
        if self.one_scale and self.limit is not None:
            raise InvalidInput.of("one_scale", "be given without limit, which is one scale already", self.limit)
        if self.style not in THEMES:
            raise InvalidInput.of("style", f"be one of {', '.join(THEMES)}", self.style)
        if self.figsize is not None:
            size = np.ravel(np.asarray(self.figsize, dtype=object))
            if len(size) != 2 or not all(_is_number(one, above=True) for one in size):
                raise InvalidInput.of("figsize", "be width and height in inches, both above 0", self.figsize)
        if self.limit is not None and not _is_number(self.limit, above=True):
            raise InvalidInput.of("limit", "be a number above 0, in the unit of the score", self.limit)
        if not _is_number(self.min_weight):
            raise InvalidInput.of("min_weight", "be a number of at least 0, in the unit of the score", self.min_weight)


def plotted(explanation: ExplanationFacts, ax: Axes | None, target: int | None, shown: dict[str, Any]) -> Figure:
    """Return the figure of an explanation, or the one that ``ax`` is in, with the heat map of a target drawn there.

    ``target`` None: all of them, and the first in axes.
    """
    style, display = Style.split(shown)
    if ax is None:
        places = range(len(explanation.targets)) if target is None else [target]
        return figure(explanation, display, style, places)
    from seewhy.render import heat_on

    if not hasattr(ax, "imshow"):
        raise InvalidInput.of("ax", "be one Axes of matplotlib", ax)
    heat_on(ax, explanation.image.rgb8(), explanation.seen, panel_of(explanation, target or 0, display, style))
    whole: Figure = ax.get_figure(root=True)  # type: ignore[assignment]
    return whole


def figure(explanation: ExplanationFacts, display: Display, style: Style, places: Iterable[int]) -> Figure:
    """Return the figure: photo, segments, regions and heat map of targets, side by side."""
    from seewhy.render import explanation_figure, resized, rounded_up

    panels = [panel_of(explanation, i, display, style) for i in places]
    beyond = max(panel.strongest_effect for panel in panels)
    if style.one_scale:
        panels = [replace(panel, ends=rounded_up(beyond)) for panel in panels]
    notes = [made_with(explanation) if style.caption is None else style.caption]
    if beyond > (style.limit or beyond):
        notes.append(f"effects above {style.limit:g} (up to {beyond:.3g}) have the strongest color")
    drawn = explanation_figure(
        explanation.image.rgb8(),
        explanation.seen,
        panels,
        title=explanation.image.name,
        subtitle=verdict_of(explanation, display).sentence if 0 in places else "",
        hide_rest=display.hide_rest,
        notes=notes,
        theme=THEMES[style.style],
    )
    if style.figsize is not None:
        resized(drawn, *style.figsize)
    return drawn


def map_alone(explanation: ExplanationFacts, target: int, shown: dict[str, Any], *, colorbar: bool) -> Figure:
    """Return the figure of a target's map without the photo."""
    from seewhy.render import map_figure, resized

    style, display = Style.split(shown)
    changes = explanation.changes(target)
    shown_changes = np.where(np.abs(changes) < style.min_weight, np.float32(0), changes)
    panel = replace(panel_of(explanation, target, display, style), heatmap=shown_changes)
    drawn = map_figure(explanation.seen, panel, colorbar=colorbar, theme=THEMES[style.style])
    if style.figsize is not None:
        resized(drawn, *style.figsize)
    return drawn


def made_with(explanation: ExplanationFacts) -> str:
    """Say in one line with what a result was made, as a figure in a report says it."""
    settings, samples = explanation.method.to_dict(), explanation.samples
    parts = [explanation.method.name.upper(), f"{len(samples)} samples", f"{explanation.n_evaluations} model calls"]
    if "fill" in settings:
        parts.append(f"fill {_named(settings['fill'])}")
    if explanation.segments is not None:
        parts.append(f"{samples.d} segments by {_named(settings.get('segmentation', 'segmentation'))}")
    if "grid" in settings:
        parts.append(f"grid {settings['grid']}")
    if settings.get("keep") is not None:
        parts.append(f"keep {settings['keep']:g}")
    parts += [explanation.targets[0].unit, f"seed {explanation.seed}", explanation.model.name]
    return " · ".join(parts)


def _named(part: object) -> str:
    """Return the name of a member of a family of settings, or the color of a fill."""
    if not isinstance(part, dict):
        return str(part)
    name = str(part.get("name"))
    color = str(part.get("value"))
    return COLOR_NAMES.get(color, color) if name == "color" else name


def cutout(explanation: ExplanationFacts, target: int, shown: dict[str, Any]) -> NDArray[np.uint8]:
    """Return the shown region of the photo alone, (H, W, 4)."""
    from seewhy.render import clear_around

    style, display = Style.split(shown)
    return clear_around(explanation.image.rgb8(), panel_of(explanation, target, display, style).region)


def example_figure(explanation: ExplanationFacts, n: int, shown: Target) -> Figure:
    """Return a figure of ``n`` example masks and masked images with their scores."""
    from seewhy.render import examples_figure

    samples, scene = explanation.samples, explanation.scene
    first = 1 if samples.d > 1 and bool(samples.block(slice(0, 1)).coalitions.all()) else 0
    place = slice(first, min(first + n, len(samples)))
    masks = explanation.method.masks(scene)(samples.block(place))
    mixed = scene.fill + masks[..., None] * (scene.pixels - scene.fill)
    return examples_figure(
        _three_channels(mixed),
        masks,
        shown.scores(samples.answers)[place],
        unit=shown.unit,
        label=shown.label,
        title=f"Masked images scored by {explanation.model.name}",
    )


def _is_number(value: object, *, above: bool = False) -> bool:
    is_real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return is_real and bool(np.isfinite(value)) and (value > 0 if above else value >= 0)  # type: ignore[operator,call-overload]


def panel_of(explanation: ExplanationFacts, i: int, display: Display, style: Style) -> TargetPanel:
    """Return what is shown of a target."""
    from seewhy.render import TargetPanel, inks_of

    target, found = explanation.targets[i], explanation.attributions[i]
    linear = found if isinstance(found, SegmentAttribution) else None
    chosen: Sequence[int] = (
        () if linear is None else [one.segment for one in explanation.top(display.regions, target=i, sign=display.sign)]
    )
    region = explanation.region(
        display.regions, sign=display.sign, target=i, share=display.share if linear is None else None
    )
    heatmap, values, spread = _colored(explanation, i)
    if style.min_weight > 0:
        weak = np.abs(heatmap) < style.min_weight
        heatmap, region = np.where(weak, np.float32(0), heatmap), region & ~weak
        strong = () if linear is None else np.flatnonzero(np.abs(linear.values) >= style.min_weight)
        chosen = tuple(k for k in chosen if k in strong)
    low, high = (None, None) if linear is None or linear.se is None else explanation.interval(i)
    return TargetPanel(
        label=target.label,
        index=target.index,
        score=target.score,
        unit=target.unit,
        heatmap=heatmap,
        segments=explanation.segments,
        values=values,
        chosen=tuple(chosen),
        region=region,
        intercept=None if linear is None else linear.intercept,
        r2=None if linear is None else linear.success,
        prediction=None if linear is None else linear.prediction,
        low=low,
        high=high,
        error=found.error,
        spread=spread,
        sign=display.sign,
        ends=style.limit,
        inks=None if style.cmap is None else inks_of(style.cmap),
        alpha=style.alpha,
        badges=style.badges,
        versus=target.versus,
    )


def _colored(explanation: ExplanationFacts, i: int) -> tuple[Heatmap, Floats | None, Heatmap | None]:
    """Return the heat map to color, the values to chart, and what a pixel of a map must exceed to differ from 0.

    What is no more than rounding is 0 in all of them, so that nothing is scaled to it.
    """
    found, limits = explanation.attributions[i], explanation.limits(i)
    if isinstance(found, SegmentAttribution):
        values = np.where(np.abs(found.values) > limits.rounding, found.values, 0.0)
        return explanation.evidence(i), values, None
    changes, se = explanation.changes(i), explanation.standard_error(i)
    changes = np.where(np.abs(changes) > limits.rounding, changes, np.float32(0))
    spread = None if se is None else np.minimum(limits.needed(changes, se), _NEVER).astype(np.float32)
    return changes, None, spread


def _three_channels(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pictures (m, h, w, C) as color: the first three channels, or the first one as gray, as for photos."""
    return pictures[..., :3] if pictures.shape[-1] >= 3 else pictures[..., :1].repeat(3, axis=-1)
