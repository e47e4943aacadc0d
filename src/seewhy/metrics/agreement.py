"""Do LIME and RISE say the same, beyond that photographers center things?

Two maps of one photo both tend to be high in the middle, so a bare correlation is high for a map that knows nothing but
that. What both share with the baseline ``center`` is therefore taken off: a partial correlation of ranks.

Source: Krishna et al. (2022), arXiv:2202.01602 (rank correlation); Kendall (1942), doi:10.1093/biomet/32.3-4.277
(partial).
"""

from __future__ import annotations

import numpy as np

from seewhy.api import explain
from seewhy.core.errors import InvalidInput
from seewhy.methods import Lime, Rise
from seewhy.metrics.baselines import center
from seewhy.metrics.metric import Facts, Measure, Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question
from seewhy.metrics.ranks import rank_correlation

_SAMPLES = 512
_NOTHING_LEFT = 1e-9
"""Share of the variance of ranks below which only rounding is left beside the baseline."""


def _agreement(question: Question, candidate: Candidate) -> Measure:
    """The partial rank correlation with the map of the other method, which is asked once for a question."""
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
    middle = question.remember(("agreement", "center"), lambda: center(question)).on_view.ravel()
    plain = rank_correlation(one, two)
    return Measure(partial(plain, rank_correlation(one, middle), rank_correlation(two, middle)), parts={"bare": plain})


def partial(r: float, one: float, two: float) -> float:
    """Return the correlation ``r`` of two maps without what each shares with a third; 0 if one is all that."""
    left = (1 - one**2) * (1 - two**2)
    return 0.0 if left <= _NOTHING_LEFT else float(np.clip((r - one * two) / np.sqrt(left), -1, 1))


AGREEMENT = Metric(
    Facts(
        "agreement",
        "rank correlation of LIME and RISE, without what both share with the baseline center",
        "higher",
        "-1..1",
        "Krishna et al. (2022), arXiv:2202.01602; partial: Kendall (1942), doi:10.1093/biomet/32.3-4.277",
        f"{_SAMPLES + 1}, shared by all maps of a photo and class; once more for maps of RISE",
        "model",
        "two methods can be wrong together; their fills differ by default; an object in the middle counts for less",
        version=3,
        region=False,
    ),
    _agreement,
)
