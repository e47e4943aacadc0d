"""One photo explained with one sampling setting, and every reading of it graded. Done once, and remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from seewhy._types import JsonObject
from seewhy.api import explain
from seewhy.errors import InvalidInput
from seewhy.evaluate.plan import identity_of
from seewhy.explanation import Explanation
from seewhy.metrics import Question
from seewhy.settings import plain
from seewhy.tune.budget import Budget, Over
from seewhy.tune.fits import Fits
from seewhy.tune.judging import Grade, Grades, Judge
from seewhy.tune.memory import Memory
from seewhy.tune.readings import Reading, Readings
from seewhy.tune.space import Tuned

_VERSION = 1


@dataclass(frozen=True)
class Look:
    """The grades of all readings of one explanation, and what they cost."""

    grades: tuple[Grade, ...]
    explaining: int
    """Pictures that the explanation sent to the model."""
    metrics: int
    """Pictures that the metric sent."""


@dataclass(frozen=True)
class Looker:
    """Looks at explanations of photos, or remembers what was seen."""

    judge: Judge
    seed: int
    batch_size: int | None
    preflight: bool
    budget: Budget
    memory: Memory

    def __call__(self, question: Question, method: Tuned, readings: Readings) -> Look:
        """Return the look at a photo, from memory where it was taken before.

        Raises
        ------
        Over
            Time or calls are up, or somebody stopped it; what was spent is counted as not finished.
        InvalidInput
            The photo cannot be explained with these settings.
        """
        key = self._key(question, method, readings)
        found = _read(self.memory.get(key), len(readings.ways))
        if found is None:
            found = self._taken(question, method, readings)
            self.memory.put(key, _held(found))
        self.budget.spent.explaining += found.explaining
        self.budget.spent.metrics += found.metrics
        return found

    def _taken(self, question: Question, method: Tuned, readings: Readings) -> Look:
        spent, before = self.budget.spent, question.calls
        exact = getattr(question.model, "exact", None) is not None
        n = method.n_samples or 0
        self.budget.check(1 + n + (n // 8 + 4 if exact else 0))
        explanation = self._explained(question, method)
        spent.not_finished += explanation.n_evaluations
        kept = spent.not_finished
        try:
            if not explanation.complete:
                raise Over("interrupted" if explanation.stop.by == "interrupted" else "cancelled")
            grades = []
            for grade in self._grades(question, explanation, readings.ways):
                grades.append(grade)
                spent.not_finished = kept + question.calls - before
        finally:
            spent.not_finished = kept + question.calls - before
        spent.not_finished = kept - explanation.n_evaluations  # finished: it is counted where it belongs
        return Look(tuple(grades), explanation.n_evaluations, question.calls - before)

    def _explained(self, question: Question, method: Tuned) -> Explanation:
        return explain(
            question.image,
            model=question.model,
            method=method,
            targets=question.target,
            seed=self.seed,
            batch_size=self.batch_size,
            progress=False,
            cancel=self.budget.cancel,
            preflight=self.preflight,
        )

    def _grades(self, question: Question, explanation: Explanation, ways: Sequence[Reading]) -> Iterator[Grade]:
        """Yield the grade of each way, in order; ways that differ in what is shown alone share a fit."""
        known = Grades(self.judge, question)
        fits = Fits(explanation, intervals=self.judge.metric.facts.needs == "samples")
        for _, same in groupby(ways, key=lambda way: repr(sorted((k, plain(v)) for k, v in way.changes.items()))):
            group = list(same)
            try:
                fitted = fits(group[0])
            except InvalidInput as error:  # what this picture, or this design, does not allow
                yield from (Grade(None, why=str(error)) for _ in group)
                continue
            for way in group:
                self.budget.check(self.judge.cost if known.needs(fitted, way.display) else 0)
                yield known.of(fitted, way.display)

    def _key(self, question: Question, method: Tuned, readings: Readings) -> str:
        facts = self.judge.metric.facts
        truth = question.truth
        held = {
            "version": _VERSION,
            "photo": question.image.sha256,
            "model": identity_of(question.model),
            "target": question.target,
            "truth": None if truth is None else [truth.kind, hashlib.sha256(truth.mask.tobytes()).hexdigest()],
            "metric": [facts.name, facts.version, self.judge.chosen, self.judge.reported],
            "method": method.to_dict(),
            "seed": self.seed,
            "ways": [described(way) for way in readings.ways],
        }
        return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:32]


def described(way: Reading) -> JsonObject:
    """Return a reading as JSON values."""
    return {name: plain(value) for name, value in way.changes.items()} | way.display.to_dict()


def _held(look: Look) -> JsonObject:
    return {
        "explaining": look.explaining,
        "metrics": look.metrics,
        "grades": [[one.value, dict(one.parts), one.why] for one in look.grades],
    }


def _read(held: Any, count: int) -> Look | None:
    """Return a look from memory; None where it is none: then it is taken again."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        grades = tuple(
            Grade(None if value is None else float(value), {str(k): float(v) for k, v in parts.items()}, str(why))
            for value, parts, why in held["grades"]
        )
        if len(grades) == count:
            return Look(grades, int(held["explaining"]), int(held["metrics"]))
    return None
