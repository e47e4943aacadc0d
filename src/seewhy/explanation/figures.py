"""The figures of an explanation: what is shown of it, handed to render as arrays and plain facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seewhy.estimation.attribution import MapAttribution, SegmentAttribution
from seewhy.estimation.targets import Target
from seewhy.images import regions
from seewhy.render.display import Display

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seewhy.explanation.explanation import Explanation
    from seewhy.render import TargetPanel


def figure(explanation: Explanation, display: Display) -> Figure:
    """Return the figure: photo, segments, regions and heat map of every target, side by side."""
    from seewhy.render import explanation_figure

    return explanation_figure(
        explanation.image.rgb8(),
        explanation.seen,
        [_panel(explanation, i, display) for i in range(len(explanation.targets))],
        title=(
            f"{explanation.method.name.upper()} · {explanation.model.name} · {explanation.n_evaluations} evaluations"
        ),
        subtitle=explanation.image.name,
        hide_rest=display.hide_rest,
        notes=explanation.warnings,
    )


def example_figure(explanation: Explanation, n: int, shown: Target) -> Figure:
    """Return a figure of ``n`` example masks and masked pictures with their scores."""
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
        title=f"Masked pictures that {explanation.model.name} scored",
    )


def _panel(explanation: Explanation, i: int, display: Display) -> TargetPanel:
    from seewhy.render import TargetPanel

    target, found = explanation.targets[i], explanation.attributions[i]
    linear = found if isinstance(found, SegmentAttribution) else None
    chosen = () if linear is None else regions.strongest(linear.values, display.regions, display.sign)
    low, high = (None, None) if linear is None or linear.se is None else explanation.interval(i)
    se = explanation.standard_error(i) if isinstance(found, MapAttribution) else None
    return TargetPanel(
        label=target.label,
        index=target.index,
        score=target.score,
        unit=target.unit,
        heatmap=explanation.changes(i),
        segments=explanation.segments,
        values=None if linear is None else linear.values,
        chosen=tuple(int(k) for k in chosen),
        region=explanation.region(
            display.regions, sign=display.sign, target=i, share=display.share if linear is None else None
        ),
        intercept=None if linear is None else linear.intercept,
        r2=None if linear is None else linear.r2,
        prediction=None if linear is None else linear.prediction,
        low=low,
        high=high,
        error=found.error,
        spread=None if se is None else (se * np.float32(found.reach)),
    )


def _three_channels(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pictures (m, h, w, C) as color: the first three channels, or the first one as gray, as for photos."""
    return pictures[..., :3] if pictures.shape[-1] >= 3 else pictures[..., :1].repeat(3, axis=-1)
