"""Do LIME and RISE say the same?"""

from __future__ import annotations

import numpy as np

from seewhy.api import explain
from seewhy.core.errors import InvalidInput
from seewhy.methods import Lime, Rise
from seewhy.metrics.metric import Facts, Measure, Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question
from seewhy.metrics.ranks import rank_correlation

_SAMPLES = 512


def _agreement(question: Question, candidate: Candidate) -> Measure:
    """The rank correlation with the map of the other method, which is asked once for a question."""
    own = candidate.explanation
    of_rise = own is not None and own.method.name == "rise"
    method = Lime(n_samples=_SAMPLES) if of_rise else Rise(n_samples=_SAMPLES)

    def ask() -> Candidate:
        try:
            found = explain(
                question.image, model=question.model, method=method, targets=question.target, seed=question.seed,
                batch_size=question.batch_size, progress=False, preflight=False, verdict=False,
            )  # fmt: skip
        except InvalidInput as error:
            raise NotMeasured(f"{method.name} does not apply here: {error}") from error
        question.calls += found.n_evaluations
        return Candidate.of(found)

    other: Candidate = question.remember(("agreement", method.name), ask)
    one, two = candidate.on_view.ravel(), other.on_view.ravel()
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        raise NotMeasured("a map is flat")
    return Measure(rank_correlation(one, two))


AGREEMENT = Metric(
    Facts(
        "agreement",
        "rank correlation of LIME and RISE",
        "higher",
        "-1..1",
        "Krishna et al. (2022), arXiv:2202.01602, rank correlation",
        f"{_SAMPLES + 1}, shared by all maps of a photo and class; once more for maps of RISE",
        "model",
        "two methods can be wrong together; their fills differ by default",
        version=2,
        region=False,
    ),
    _agreement,
)
