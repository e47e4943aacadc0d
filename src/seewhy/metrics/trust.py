"""Trust: what the samples themselves say about the map, at no model call."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from seewhy.engine.stopping import Draws
from seewhy.estimation.attribution import Attribution, SegmentAttribution, on_view
from seewhy.explanation.explanation import Explanation
from seewhy.metrics.metric import Facts, Measure, Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question
from seewhy.metrics.ranks import rank_correlation
from seewhy.sampling.samples import Samples

_BOUND = 0.05


def _of(candidate: Candidate) -> tuple[Explanation, Attribution]:
    if candidate.explanation is None:
        raise NotMeasured("needs the samples of an explanation")
    return candidate.explanation, candidate.explanation.attributions[candidate.place]


def _error(question: Question, candidate: Candidate) -> Measure:
    del question
    explanation, found = _of(candidate)
    if found.error is None or not math.isfinite(found.error):
        raise NotMeasured("the error is unknown, or there is more noise than signal")
    spread, samples = found.spread, explanation.samples
    scores = explanation.targets[candidate.place].read(samples)
    if np.ptp(scores) == 0:
        raise NotMeasured("the score never changes")
    if spread is None:  # of a result from a file, which keeps the error but not where it comes from
        spread = explanation.method.spread(samples, explanation.scene, scores)
    bound = None if spread is None else spread.bound(_BOUND)
    return Measure(found.error, high=bound if bound is not None and math.isfinite(bound) else None)


def _split_half(question: Question, candidate: Candidate) -> Measure:
    """The correlation of the maps of the first and the second half."""
    del question
    explanation, _ = _of(candidate)
    samples, method, scene = explanation.samples, explanation.method, explanation.scene
    half = _middle(samples, method.draws(method.masks(scene)))
    pieces = [samples.rows(place) for place in (slice(0, half), slice(half, None))]
    target = explanation.targets[candidate.place]
    maps = [method.estimate(piece, scene, target.read(piece)) for piece in pieces]
    one, other = (on_view(found, explanation.scene_segments).ravel() for found in maps)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        raise NotMeasured("half of the samples carries no information")
    return Measure(float(np.corrcoef(one, other)[0, 1]))


def _middle(samples: Samples, draws: Draws) -> int:
    """Return where the second half begins: rows of a block balance each other, and stay together."""
    n, block = len(samples), draws.boundary(1)
    if samples.parts is None:
        half = round(n / (2 * block)) * block
        enough = min(half, n - half) >= draws.least() / 2
    else:  # blocks differ in length; each half needs a whole one
        half = draws.boundary(n // 2)
        enough = draws.boundary(half + 1) <= n
    if not enough:
        raise NotMeasured(f"{n} samples are too few for two halves")
    return half


def _stability(name: str) -> Callable[[Question, Candidate], Measure]:
    def measured(question: Question, candidate: Candidate) -> Measure:
        del question
        _, found = _of(candidate)
        alike = found.stability if isinstance(found, SegmentAttribution) else None
        value = None if alike is None else getattr(alike, name)
        if value is None:
            raise NotMeasured("needs segments, and enough samples for two parts")
        return Measure(float(value))

    return measured


def _class_swap(question: Question, candidate: Candidate) -> Measure:
    """The rank correlation of the map with that of the strongest other class, from the same samples."""
    del question
    explanation, found = _of(candidate)
    target = explanation.targets[candidate.place]
    other = next((one.index for one in explanation.predictions if one.index != target.index), None)
    if other is None:
        raise NotMeasured("needs the scores of another class")
    swapped = explanation.refit(targets=[other]).attributions[0]
    one, two = (on_view(one, explanation.scene_segments).ravel() for one in (found, swapped))
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        raise NotMeasured("a map is flat")
    return Measure(rank_correlation(one, two))


def _complexity(question: Question, candidate: Candidate) -> Measure:
    """The share of the picture that a flat map as uneven as this one would cover: exp(entropy) over pixels."""
    del question
    strength = np.abs(candidate.on_view.astype(np.float64)).ravel()
    if not strength.any():
        raise NotMeasured("the map is empty")
    parts = {}
    if candidate.explanation is not None:
        found = candidate.explanation.attributions[candidate.place]
        if isinstance(found, SegmentAttribution):
            parts["segments"] = _effective(np.abs(found.values))
    return Measure(_effective(strength) / strength.size, parts=parts)


def _effective(strength: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    share = strength[strength > 0] / strength.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


ERROR = Metric(
    Facts(
        "error",
        "estimated relative error",
        "lower",
        "relative to the norm of the values",
        "sandwich and jackknife: see docs/how-sure.md",
        "0",
        "samples",
        "covers sampling noise only; more samples do not correct a wrong fill or segmentation",
        region=False,
    ),
    _error,
)
SPLIT_HALF = Metric(
    Facts(
        "split-half",
        "correlation of two halves of the samples",
        "higher",
        "-1..1",
        "Spearman (1910), doi:10.1111/j.2044-8295.1910.tb00206.x",
        "0",
        "samples",
        "uses halves of the samples; a map that is the same for every photo is stable too",
        region=False,
    ),
    _split_half,
)
VSI = Metric(
    Facts(
        "vsi",
        "variables stability index",
        "higher",
        "0..1",
        "Visani et al. (2022), doi:10.1080/01605682.2020.1865846",
        "0",
        "samples",
        "compares parts of the run, which have fewer samples than the run",
        region=False,
    ),
    _stability("vsi"),
)
CSI = Metric(
    Facts(
        "csi",
        "coefficients stability index",
        "higher",
        "0..1",
        "Visani et al. (2022), doi:10.1080/01605682.2020.1865846",
        "0",
        "samples",
        "intervals of the right width nearly always overlap, however noisy the run; wider ones overlap even more",
        region=False,
    ),
    _stability("csi"),
)
CLASS_SWAP = Metric(
    Facts(
        "class-swap",
        "rank correlation with the map of the strongest other class",
        "lower",
        "-1..1",
        "Adebayo et al. (2018), arXiv:1810.03292, with the class in place of the weights",
        "0",
        "samples",
        "similar classes have similar maps, and should",
        version=2,
        region=False,
    ),
    _class_swap,
)
COMPLEXITY = Metric(
    Facts(
        "complexity",
        "effective share of the image",
        "",
        "0..1; parts: effective number of segments",
        "Bhatt, Weller and Moura (2020), arXiv:2005.00631, section 4.3, as exp of the entropy",
        "0",
        "map",
        "neither a small nor a large value is better",
        region=False,
    ),
    _complexity,
)
