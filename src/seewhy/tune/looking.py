"""One photo explained with one sampling setting, and every reading of it graded. Done once, and remembered."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeGuard

from seewhy._version import __version__
from seewhy.api import explain
from seewhy.core.errors import InvalidInput
from seewhy.core.settings import plain
from seewhy.core.types import JsonObject
from seewhy.engine.protocols import Model
from seewhy.engine.traits import traits_of
from seewhy.evaluate.identity import asked_of
from seewhy.evaluate.plan import identity_of
from seewhy.explanation.explanation import Explanation
from seewhy.metrics import Question, Truth
from seewhy.tune.budget import Budget, Over, Work
from seewhy.tune.fits import Fits
from seewhy.tune.judging import Grade, Grades, Judge
from seewhy.tune.readings import FitReading, Readings
from seewhy.tune.space import Tuned
from seewhy.tune.store import Memory

_VERSION = 2
_LARGEST_BATCH = 64
"""Pictures that are sent at once where nobody says how many."""


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
    _counted: set[str] = field(default_factory=set)
    """Keys whose calls were counted in this run."""

    def __call__(self, question: Question, method: Tuned, readings: Readings) -> Look:
        """Return the look at a photo, from memory where it was taken before; its calls are counted once.

        Raises
        ------
        Over
            Time or calls are up, or somebody stopped it; what was spent is counted as not finished.
        InvalidInput
            The photo cannot be explained with these settings.
        """
        key = self._key_of(question, method, readings)
        look = _read(self.memory.get(key), len(readings.ways))
        if look is None:
            look = self._taken(key, question, method, readings)
        if self.counts(key):
            self.budget.spent.explaining += look.explaining
            self.budget.spent.metrics += look.metrics
        return look

    def counts(self, key: str) -> bool:
        """Say whether the calls behind a key are to be counted now: once a run, however often it is asked for."""
        new = key not in self._counted
        self._counted.add(key)
        return new

    def knows(self, question: Question, method: Tuned, readings: Readings) -> bool:
        """Say whether a look was taken before, and costs nothing now."""
        held = self.memory.get(self._key_of(question, method, readings))
        return _read(held, len(readings.ways)) is not None

    def _taken(self, key: str, question: Question, method: Tuned, readings: Readings) -> Look:
        before = question.calls
        assert method.n_samples is not None, "a run that ends by itself cannot be held to a budget"
        with self.budget.work() as work:
            explanation = self._explained(question, method, work)
            grades = tuple(self._grades(question, explanation, readings.ways, work))
            found = Look(grades, explanation.n_evaluations, question.calls - before)
            self.memory.put(key, _held(found))
            work.done()
        return found

    def _explained(self, question: Question, method: Tuned, work: Work) -> Explanation:
        most = most_pictures(question.model, method)
        work.ahead(most)
        try:
            found = self._explain(question, method)
        except InvalidInput:  # such settings are refused before the model is asked for samples
            work.made(1)
            raise
        if found.complete:
            work.made(found.n_evaluations)
            return found
        # What had been sent when it was stopped, and was not answered yet, cannot be known.
        size = self.batch_size or question.model.batch_size or _LARGEST_BATCH
        work.made(min(most, found.n_evaluations + size * (question.model.in_flight + 1)))
        raise Over("interrupted" if found.stop.by == "interrupted" else "cancelled")

    def _explain(self, question: Question, method: Tuned) -> Explanation:
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
            verdict=False,
        )

    def _grades(
        self, question: Question, explanation: Explanation, ways: Sequence[FitReading], work: Work
    ) -> Iterator[Grade]:
        """Yield the grade of each way, in order; ways that differ in what is shown alone share a fit."""
        known = Grades(self.judge, question)
        fits = Fits(explanation, intervals=self.judge.needs_intervals)
        for _, same in groupby(ways, key=lambda way: repr(sorted((k, plain(v)) for k, v in way.changes.items()))):
            group = list(same)
            try:
                fitted = fits(group[0])
            except InvalidInput as error:  # what this picture, or this design, does not allow
                yield from (Grade(None, why=str(error)) for _ in group)
                continue
            for way in group:
                before = question.calls
                work.ahead(self.judge.cost if known.needs(fitted, way.display) else 0)
                yield known.of(fitted, way.display)
                work.made(question.calls - before)

    def _key_of(self, question: Question, method: Tuned, readings: Readings) -> str:
        ways = [described(way) for way in readings.ways]
        return self.key(question, method=asked_of(method), ways=ways)

    def key(self, question: Question, **more: object) -> str:
        """Return the key under which something is remembered of a photo: all that decides it."""
        facts = self.judge.metric.facts
        truth = question.truth
        return key_of(
            photo=question.image.sha256,
            model=identity_of(question.model),
            target=question.target,
            truth=None if truth is None else digest_of(truth),
            metric=[facts.name, facts.version, self.judge.chosen, self.judge.reported],
            seed=self.seed,
            **more,
        )


def key_of(**held: object) -> str:
    """Return the hash of plain values, for this version of the library."""
    text = json.dumps({"version": _VERSION, "seewhy": __version__} | held, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def digest_of(truth: Truth) -> list[str]:
    """Return what tells a truth from others."""
    return [truth.kind, hashlib.sha256(truth.mask.tobytes()).hexdigest()]


def most_pictures(model: Model, method: Tuned) -> int:
    """Return how many pictures an explanation sends at most: the whole one, the samples, and those asked exactly."""
    n = method.n_samples or 0
    return 1 + n + (n // 8 + 4 if traits_of(model).exact is not None else 0)


def described(way: FitReading) -> JsonObject:
    """Return a reading as JSON values."""
    return {name: plain(value) for name, value in way.changes.items()} | way.display.to_dict()


def _held(look: Look) -> JsonObject:
    return {
        "explaining": look.explaining,
        "metrics": look.metrics,
        "grades": [[one.value, dict(one.parts), one.why] for one in look.grades],
    }


def is_count(value: object) -> TypeGuard[int]:
    """Say whether a value out of the memory can be a number of model calls."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _read(held: Any, count: int) -> Look | None:
    """Return a look from memory; None where it is none: then it is taken again."""
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        grades = tuple(
            Grade(None if value is None else float(value), {str(k): float(v) for k, v in parts.items()}, str(why))
            for value, parts, why in held["grades"]
        )
        calls = held["explaining"], held["metrics"]
        numbers = [number for one in grades for number in (one.value or 0.0, *one.parts.values())]
        if len(grades) == count and all(map(math.isfinite, numbers)) and all(map(is_count, calls)):
            return Look(grades, *calls)
    return None
