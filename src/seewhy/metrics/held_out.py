"""Does the surrogate predict rows that it has not seen?"""

from __future__ import annotations

import numpy as np

from seewhy.core.layout import canonical
from seewhy.core.randomness import generator
from seewhy.core.types import Floats, Scores
from seewhy.engine.run import Asker, Subject
from seewhy.estimation.attribution import SegmentAttribution
from seewhy.estimation.kernels import Shapley
from seewhy.explanation.explanation import Explanation
from seewhy.methods import Lime
from seewhy.metrics.metric import Facts, Measure, Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question
from seewhy.sampling.blocks import Block, cut, join
from seewhy.sampling.samples import Answers, Recorder, Samples

_ROWS = 128
_ENOUGH = 32
"""Rows below which an R² carries no information."""
_RESAMPLES = 1000


def _held_out(question: Question, candidate: Candidate) -> Measure:
    """1 - weighted residual over weighted variance, on rows of the same design and another seed."""
    explanation = candidate.explanation
    method = None if explanation is None else explanation.method
    if explanation is None or not isinstance(method, Lime) or isinstance(method.kernel, Shapley):
        raise NotMeasured("only LIME's surrogate predicts the score of a coalition")
    found = explanation.attributions[candidate.place]
    assert isinstance(found, SegmentAttribution)
    subject = Subject.of(question.image, question.view, method, explanation.seed, explanation.scene_segments)
    block = _fresh(method, subject, explanation.samples)
    asker = Asker(question.model, subject, question.batch_size)
    samples = _scored(block, asker.score(subject.masks(block)), explanation)
    question.calls += len(samples)
    wanted = explanation.targets[candidate.place].scores(samples.answers)
    if np.ptp(wanted) == 0:
        raise NotMeasured("the score never changes")
    weights = method.weights(samples, subject.scene)
    predicted = found.intercept + canonical(block.coalitions, np.float64) @ found.values
    pairs = np.arange(len(wanted) // 2 * 2).reshape(-1, 2)
    rng = generator(question.seed, "bootstrap", 1)
    again = [
        r2(*(part[pairs[drawn].ravel()] for part in (wanted, predicted, weights)))
        for drawn in rng.integers(len(pairs), size=(_RESAMPLES, len(pairs)))
    ]
    low, high = np.quantile(again, (0.025, 0.975))
    return Measure(r2(wanted, predicted, weights), float(low), float(high))


def r2(wanted: Floats, predicted: Floats, weights: Floats) -> float:
    """Return the weighted R² of predictions (n,) that were made without looking."""
    wanted, predicted, weights = (canonical(part, np.float64) for part in (wanted, predicted, weights))
    around = wanted - np.average(wanted, weights=weights)
    return float(1 - (weights @ (wanted - predicted) ** 2) / float(weights @ around**2))


def _fresh(method: Lime, subject: Subject, samples: Samples) -> Block:
    """Return rows that the surrogate was not fitted to.

    Raises
    ------
    NotMeasured
        Few segments, or a design that comes to its end, leave hardly any.
    """
    source = method.rows(subject.masks, subject.seed + 1)
    drawn = [next(source)]
    while sum(len(block.coalitions) for block in drawn) < _ROWS and (more := next(source, None)) is not None:
        drawn.append(more)
    found = cut(join(drawn), slice(0, _ROWS))
    known = {row.tobytes() for row in samples.bits}
    new = [row.tobytes() not in known for row in np.packbits(found.coalitions, axis=1)]
    if sum(new) < _ENOUGH:
        raise NotMeasured(f"{len(new) - sum(new)} of the {len(new)} rows of the design were evaluated before")
    return Block(found.coalitions[new], None, None)


def _scored(block: Block, scores: Scores, explanation: Explanation) -> Samples:
    recorder = Recorder(explanation.samples.d, explanation.samples.untouched)
    recorder.ask(block)
    recorder.answer(slice(None), Answers.of(scores, explanation.samples.kind, explanation.samples.classes))
    return recorder.samples()


HELD_OUT = Metric(
    Facts(
        "r2",
        "R² of the surrogate on held-out rows",
        "higher",
        "up to 1",
        "Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938, equation 1, as a share of the variance",
        f"{_ROWS}, minus those evaluated before",
        "samples",
        ("low where regions interact, however many samples there are; does not transfer to other fills"),
        region=False,
    ),
    _held_out,
)
