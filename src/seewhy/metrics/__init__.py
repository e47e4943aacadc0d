"""Grades: does a map agree with an annotation, with the model, with itself?

>>> from seewhy.metrics import METRICS, Candidate, Question
>>> METRICS["ap"].facts.better
'higher'

To add one: a :class:`Metric` in a file here, and its name below.
"""

from __future__ import annotations

from seewhy.metrics.agreement import AGREEMENT
from seewhy.metrics.annotation import AVERAGE_PRECISION, BEST_IOU, ENERGY, IOU, POINTING
from seewhy.metrics.baselines import BASELINES
from seewhy.metrics.curves import DELETION, INSERTION, SRG
from seewhy.metrics.held_out import HELD_OUT
from seewhy.metrics.metric import METRICS, Facts, Measure, Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question, Truth
from seewhy.metrics.subsets import INFIDELITY, SENSITIVITY_N
from seewhy.metrics.sufficiency import SUFFICIENCY
from seewhy.metrics.trust import CLASS_SWAP, COMPLEXITY, CSI, ERROR, SPLIT_HALF, VSI

__all__ = [
    "BASELINES",
    "METRICS",
    "Candidate",
    "Facts",
    "Measure",
    "Metric",
    "NotMeasured",
    "Question",
    "Truth",
]

METRICS |= {
    metric.facts.name: metric
    for metric in (
        IOU, BEST_IOU, AVERAGE_PRECISION, POINTING, ENERGY, SRG, INSERTION, DELETION, SUFFICIENCY, HELD_OUT,
        SENSITIVITY_N, INFIDELITY, ERROR, SPLIT_HALF, VSI, CSI, CLASS_SWAP, COMPLEXITY, AGREEMENT,
    )
}  # fmt: skip
