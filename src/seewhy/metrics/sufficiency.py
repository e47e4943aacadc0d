"""Is the shown region enough for the class?"""

from __future__ import annotations

import numpy as np

from seewhy.metrics.curves import FILLS
from seewhy.metrics.metric import Facts, Measure, Metric
from seewhy.metrics.question import Candidate, Question


def _sufficiency(question: Question, candidate: Candidate) -> Measure:
    """The region alone, everything else black or blurred."""
    mask = question.on_view(candidate.region)[None]
    parts = {fill: float(question.scores(mask, behind)[0]) for fill, behind in FILLS.items()}
    return Measure(parts["black"], parts={**parts, "area": float(np.mean(mask))})


SUFFICIENCY = Metric(
    Facts(
        "sufficiency",
        "score of the shown region alone",
        "higher",
        "probability, or the model's own score",
        "Carter et al. (2019), arXiv:1810.03805, sufficient input subsets",
        "2",
        "model",
        "larger regions score higher (parts: area); a cut-out on black is unlike the training data",
    ),
    _sufficiency,
)
