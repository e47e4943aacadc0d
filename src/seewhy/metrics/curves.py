"""Faithfulness by removal: how the score falls when pixels go in the order of the map.

Removing the most relevant pixels first (MoRF) is RISE's deletion; removing the least relevant first (LeRF) is its
insertion, run backward. Both curves are asked once for each fill, and every metric here reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Floats, Heatmap
from seewhy.images.fills import Blur, Color
from seewhy.images.protocols import Fill
from seewhy.metrics.metric import Facts, Measure, Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question

STEPS = 32
FILLS: dict[str, Fill] = {"blur": Blur(), "black": Color(value=(0, 0, 0))}
"""What is put in place of a pixel. Blur leaves texture's color, black leaves the training pictures: neither is right
alone."""
_FLAT = 0.01
"""Share of the score below which the unmasked and the fully masked image count as equal."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores of the class for shares 0, 1 / STEPS, ..., 1 of the pixels shown."""

    strongest: Floats
    """(STEPS + 1,): the strongest pixels are shown: insertion."""
    weakest: Floats
    """(STEPS + 1,): the weakest pixels are shown: deletion, from its end."""

    @property
    def empty(self) -> float:
        """Score of the fully masked image."""
        return float(self.strongest[0])

    @property
    def full(self) -> float:
        """Score of the unmasked image."""
        return float(self.strongest[-1])


def curves(question: Question, candidate: Candidate, fill: str) -> Curves:
    """Return the curves of a map over a fill, asked once."""
    if np.ptp(candidate.on_view) == 0:
        raise NotMeasured("the map is flat, so it has no ranking")

    def ask() -> Curves:
        rank = ranks(candidate.on_view)
        shown = np.stack([rank < share * rank.size for share in np.linspace(0, 1, STEPS + 1)[1:-1]])
        masks = np.concatenate([np.zeros_like(shown[:1]), shown, ~shown[::-1]])
        scores = question.scores(masks, FILLS[fill])
        empty, strongest, weakest = scores[:1], scores[1:STEPS], scores[STEPS:]
        whole = [question.whole]
        return Curves(np.concatenate([empty, strongest, whole]), np.concatenate([empty, weakest, whole]))

    # They go with their map: those of all settings of a large photo together would fill the memory.
    known: WeakKeyDictionary[Candidate, dict[str, Curves]] = question.remember("curves", WeakKeyDictionary)
    of_map = known.setdefault(candidate, {})
    if fill not in of_map:
        of_map[fill] = ask()
    return of_map[fill]


def ranks(heatmap: Heatmap) -> NDArray[np.intp]:
    """Return 0 for the strongest pixel, and so on, (h, w); equal ones in reading order."""
    order = np.argsort(-heatmap.ravel(), kind="stable")
    found = np.empty_like(order)
    found[order] = np.arange(len(order))
    return found.reshape(heatmap.shape)


def _area(curve: Floats) -> float:
    return float(np.trapezoid(curve) / STEPS)


def _gain(question: Question, candidate: Candidate) -> Measure:
    parts, drawn = {}, {}
    for fill in FILLS:
        found = curves(question, candidate, fill)
        parts[fill] = _area(found.strongest) - _area(found.weakest)
        drawn[f"insertion {fill}"] = tuple(found.strongest.tolist())
        drawn[f"deletion {fill}"] = tuple(found.weakest[::-1].tolist())
    return Measure(float(np.mean(list(parts.values()))), parts=parts, curves=drawn)


def _normalized(question: Question, candidate: Candidate, side: str) -> Measure:
    """Return the mean over fills of the area under (f - empty) / (full - empty)."""
    parts, drawn = {}, {}
    for fill in FILLS:
        found = curves(question, candidate, fill)
        height = found.full - found.empty
        if height > _FLAT * abs(found.full):
            curve = found.strongest if side == "strongest" else found.weakest[::-1]
            parts[fill] = (_area(curve) - found.empty) / height
            drawn[fill] = tuple(curve.tolist())
    if not parts:
        raise NotMeasured("the class scores as high on the fully masked image as on the unmasked one")
    return Measure(float(np.mean(list(parts.values()))), parts=parts, curves=drawn)


def _insertion(question: Question, candidate: Candidate) -> Measure:
    return _normalized(question, candidate, "strongest")


def _deletion(question: Question, candidate: Candidate) -> Measure:
    return _normalized(question, candidate, "weakest")


_CALLS = f"{len(FILLS) * (2 * STEPS - 1)}, shared by srg, insertion and deletion"
SRG = Metric(
    Facts(
        "srg",
        "symmetric relevance gain",
        "higher",
        "probability, or the model's own score",
        "Blücher, Vielhaben and Strodthoff (2024), arXiv:2401.06654, equation 5",
        _CALLS,
        "model",
        ("masked images are unlike the training data; disagreement between the two fills (parts) shows this"),
        region=False,
    ),
    _gain,
)
INSERTION = Metric(
    Facts(
        "insertion",
        "insertion, normalized",
        "higher",
        "0..1 between the fully masked and the unmasked image",
        "Petsiuk, Das and Saenko (2018), arXiv:1806.07421, section 4.2",
        _CALLS,
        "model",
        "only the ranking counts; a few sharp pixels on a blurred image may be enough",
        region=False,
    ),
    _insertion,
)
DELETION = Metric(
    Facts(
        "deletion",
        "deletion, normalized",
        "lower",
        "0..1 between the fully masked and the unmasked image",
        "Petsiuk, Das and Saenko (2018), arXiv:1806.07421, section 4.2",
        _CALLS,
        "model",
        ("only the ranking counts; scattered holes may destroy an image without showing where the object is"),
        region=False,
    ),
    _deletion,
)
