"""Reported scores of maps that do not use the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.metrics import BASELINES, Candidate, Question
from seewhy.tune.budget import Ended, Over
from seewhy.tune.judging import Grade
from seewhy.tune.trials import Tuner


def measured(
    tuner: Tuner, questions: Sequence[Question], areas: Mapping[int, float], ended: Ended
) -> dict[str, float | str]:
    """Return the mean score of each baseline, or why there is none; whatever the time.

    Parameters
    ----------
    questions
        The photos that are reported on.
    areas
        By the id of its question the share of each photo to which a baseline is cut, for metrics of regions.
    ended
        Why the tuning ended; nothing is measured where somebody stopped it.
    """
    if ended in {"interrupted", "cancelled"}:
        return dict.fromkeys(BASELINES, "not measured: the tuning was stopped")
    tuner.budget.reserve = 0
    scores: dict[str, float | str] = {}
    for name in BASELINES:
        try:
            scores[name] = _mean(tuner, name, questions, areas)
        except KeyboardInterrupt:
            scores[name] = "not measured: interrupted"
        except Over as over:
            scores[name] = f"not measured: {over.why}"
    return scores


def _mean(tuner: Tuner, name: str, questions: Sequence[Question], areas: Mapping[int, float]) -> float | str:
    judge, scores = tuner.judge, []
    for question in questions:
        grade = _grade(tuner, name, question, areas[id(question)])
        if grade.value is None:
            return f"not measured: {grade.why}"
        scores.append(judge.on(judge.reported, grade))
    return float(np.mean(scores))


def _grade(tuner: Tuner, name: str, question: Question, area: float) -> Grade:
    """Return the grade of a baseline on a photo, from memory where it was measured before."""
    judge, looker, budget = tuner.judge, tuner.looker, tuner.budget
    cut = judge.region
    key = looker.key(question, baseline=name, pixels=_pixels(question, area) if cut else None)
    found = _read(looker.memory.get(key))
    if found is None:
        before = question.calls
        with budget.work(timed=False) as work:
            work.ahead(judge.cost_without_samples)
            candidate = BASELINES[name](question)
            grade = judge.grade(question, _cut(candidate, question, area) if cut else candidate)
            found = grade, question.calls - before
            looker.memory.put(key, {"grade": [grade.value, dict(grade.parts), grade.why], "calls": found[1]})
            work.done()
    if looker.counts(key):
        budget.spent.baselines += found[1]
    return found[0]


def _read(held: Any) -> tuple[Grade, int] | None:
    """Return a grade and its calls from memory; None where there is none: then it is measured again."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        value, parts, why = held["grade"]
        grade = Grade(None if value is None else float(value), {str(k): float(v) for k, v in parts.items()}, str(why))
        return grade, int(held["calls"])
    return None


def _pixels(question: Question, area: float) -> int:
    return round(area * question.image.height * question.image.width)


def _cut(candidate: Candidate, question: Question, area: float) -> Candidate:
    """Return a map's candidate with a region that covers as much of the photo as another one."""
    seen: NDArray[np.bool_] = question.view.seen()
    order = np.argsort(np.where(seen, -candidate.on_photo, np.inf), axis=None, kind="stable")
    region = np.zeros(seen.size, dtype=bool)
    region[order[: _pixels(question, area)]] = True
    return Candidate(candidate.name, candidate.on_view, candidate.on_photo, region.reshape(seen.shape) & seen)
