"""The smallest part of a photo that is enough: pixels in order of the heat map, until the class is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.types import Heatmap
from seewhy.engine.protocols import Model
from seewhy.engine.run import Asker
from seewhy.estimation.attribution import on_view
from seewhy.explanation.facts import ExplanationFacts
from seewhy.sampling.samples import Answers

_STEPS = 20


@dataclass(frozen=True, eq=False)
class SmallestRegion:
    """The strongest pixels that keep the class, everything else replaced by the fill."""

    region: NDArray[np.bool_]
    """(H, W) on the photo."""
    share: float
    """Of the model input."""
    score: float
    """Of the class when only the region is shown, in the target's unit."""
    shares: tuple[float, ...]
    """Shares that were tried."""
    scores: tuple[float, ...]
    """Scores of the class at each of them."""


def smallest_region(explanation: ExplanationFacts, model: Model, target: int) -> SmallestRegion:
    """Show growing shares of the strongest pixels, 5 % to 100 %, and return the smallest that keeps the class.

    Pixels that support the class and differ from 0 come first. The class is kept where no more classes score above
    it than on the unmasked image. Costs 20 evaluations.
    """
    wanted = explanation.targets[target]
    if wanted.versus is not None:
        raise InvalidInput.of("target", "be one class, not a contrast", wanted.label)
    strength = _told_first(explanation, target)
    shares = np.arange(1, _STEPS + 1) / _STEPS
    masks = np.stack([strength >= np.quantile(strength, 1 - share) for share in shares])
    asker = Asker(model, explanation.subject())
    whole, scores = asker.untouched(), asker.score(masks.astype(np.float32))
    allowed = _above(whole, wanted.index)[0]
    step = int(np.flatnonzero(_above(scores, wanted.index) <= allowed)[0])  # the unmasked image, at the latest
    answers = Answers.of(scores, explanation.samples.kind, explanation.samples.classes)
    found = wanted.scores(answers)
    region = explanation.view.map_to_photo(masks[step].astype(np.float32)) > 0.5
    share = float(masks[step].mean())
    return SmallestRegion(region, share, float(found[step]), tuple(shares.tolist()), tuple(found.tolist()))


def _told_first(explanation: ExplanationFacts, target: int) -> Heatmap:
    """Return an order of the pixels (h, w) of the view: by value, those above 0 that are told from it before others."""
    attribution = explanation.attributions[target]
    strength = on_view(attribution, explanation.scene_segments)
    told = explanation.told_on_view(target) & (strength > 0)
    return np.where(told, strength + (strength.max() - strength.min()), strength)


def _above(scores: NDArray[np.float32], index: int) -> NDArray[np.intp]:
    """Return (n,): how many classes score above class ``index``."""
    return np.asarray((scores > scores[:, index : index + 1]).sum(axis=1))
