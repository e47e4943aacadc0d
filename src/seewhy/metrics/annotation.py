"""Agreement with an annotation: does the map lie on the object? Not whether the model looked there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seewhy.metrics.metric import Facts, Measure, Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question

_CONTEXT = "a model may use the surroundings of the object; boxes include background"


def _seen(question: Question, candidate: Candidate) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return truth and map at the pixels that the model saw.

    Raises
    ------
    NotMeasured
        The model saw nothing of the object, or nothing else.
    """
    seen = question.view.seen()
    if question.truth is None:
        raise NotMeasured("this photo has no ground truth")
    truth = question.truth.mask[seen]
    if truth.all() or not truth.any():
        raise NotMeasured("the model saw " + ("nothing but the object" if truth.any() else "nothing of the object"))
    return truth, candidate.on_photo[seen].astype(np.float64)


def _overlap(region: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(region & truth) / max(1, int(np.count_nonzero(region | truth))))


def _iou(question: Question, candidate: Candidate) -> Measure:
    truth, _ = _seen(question, candidate)
    assert question.truth is not None
    whole = _overlap(candidate.region, question.truth.mask)
    return Measure(_overlap(candidate.region[question.view.seen()], truth), parts={"whole photo": whole})


def _best_iou(question: Question, candidate: Candidate) -> Measure:
    """Only sizes at which the map says which pixels come next are regions: equal values go together."""
    truth, found = _seen(question, candidate)
    order = np.argsort(-found, kind="stable")
    inside = np.cumsum(truth[order])
    size = np.arange(1, len(order) + 1)
    ious = inside / (size + inside[-1] - inside)
    ends = np.append(np.diff(found[order]) != 0, True)
    best = int(np.argmax(np.where(ends, ious, -1)))
    return Measure(float(ious[best]), parts={"share": float(size[best] / len(order))})


def _average_precision(question: Question, candidate: Candidate) -> Measure:
    from sklearn.metrics import average_precision_score

    truth, found = _seen(question, candidate)
    return Measure(float(average_precision_score(truth, found)), parts={"chance": float(truth.mean())})


def _pointing(question: Question, candidate: Candidate) -> Measure:
    truth, found = _seen(question, candidate)
    return Measure(float(truth[found == found.max()].mean()))


def _energy(question: Question, candidate: Candidate) -> Measure:
    truth, found = _seen(question, candidate)
    positive = np.maximum(found, 0)
    if not positive.any():
        raise NotMeasured("the map has no positive value")
    return Measure(float(positive[truth].sum() / positive.sum()), parts={"chance": float(truth.mean())})


IOU = Metric(
    Facts(
        "iou",
        "IoU of the shown region",
        "higher",
        "0..1",
        "Jaccard (1912), doi:10.1111/j.1469-8137.1912.tb05611.x",
        "0",
        "truth",
        f"the size of the region counts as much as its place; {_CONTEXT}",
    ),
    _iou,
)
BEST_IOU = Metric(
    Facts(
        "best-iou",
        "best IoU over region sizes",
        "higher",
        "0..1",
        "Choe et al. (2020), arXiv:2001.07437, MaxBoxAcc's threshold",
        "0",
        "truth",
        f"the threshold is tuned on the ground truth, so this is an upper bound; {_CONTEXT}",
        region=False,
    ),
    _best_iou,
)
AVERAGE_PRECISION = Metric(
    Facts(
        "ap",
        "average precision of the map",
        "higher",
        "0..1",
        "Choe et al. (2020), arXiv:2001.07437, PxAP; scikit-learn",
        "0",
        "truth",
        f"chance level is the object's share of the image (parts: chance); {_CONTEXT}",
        region=False,
    ),
    _average_precision,
)
POINTING = Metric(
    Facts(
        "pointing",
        "pointing game",
        "higher",
        "0 or 1; a share where several pixels are strongest",
        "Zhang et al. (2016), arXiv:1608.00507, section 4.1, without its 15 pixels of tolerance",
        "0",
        "truth",
        f"one pixel decides, and the center of a photo does well; {_CONTEXT}",
        region=False,
    ),
    _pointing,
)
ENERGY = Metric(
    Facts(
        "energy",
        "share of the positive map inside",
        "higher",
        "0..1",
        "Wang et al. (2020), arXiv:1910.01279, energy-based pointing game",
        "0",
        "truth",
        f"a flat map scores the object's share of the image (parts: chance); {_CONTEXT}",
        region=False,
    ),
    _energy,
)
