"""Trials of sampling settings until the budget is spent, and what each of their readings scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from seewhy.core.errors import Cancelled, InvalidInput
from seewhy.core.progress import Progress
from seewhy.core.types import Floats
from seewhy.metrics import BASELINES, Question
from seewhy.tune.budget import Budget, Ended, Over
from seewhy.tune.judging import Judge
from seewhy.tune.looking import Look, Looker
from seewhy.tune.readings import Free, Readings
from seewhy.tune.search import Search, Start

_REPEATS = 50
"""Proposals in a row that were tried before, after which nothing new is expected."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A sampling setting, tried on all photos."""

    start: Start
    readings: Readings
    looks: tuple[Look, ...]
    """One a photo."""

    @property
    def calls(self) -> int:
        """Pictures that explaining and grading sent."""
        return sum(one.explaining + one.metrics for one in self.looks)

    def scores(self, judge: Judge, fill: str) -> Floats:
        """Return the score of each photo and reading (P, R) over a fill, NaN where there is none."""
        return np.array([[judge.on(fill, grade) for grade in look.grades] for look in self.looks])


@dataclass(eq=False)
class Tuner:
    """All that a tuning needs to go on."""

    make: Callable[[], Sequence[Question]]
    """Asks the model for its answer to each photo."""
    judge: Judge
    search: Search
    looker: Looker
    free: Free
    n: int
    """Samples of each explanation."""
    most: int
    """Trials at most."""
    report: Progress
    questions: Sequence[Question] = ()
    """One a photo, once the tuning has begun."""
    trials: list[Trial] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why sampling settings could not be tried."""

    @property
    def budget(self) -> Budget:
        """What may be spent, and was."""
        return self.looker.budget

    def run(self) -> Ended:
        """Try settings until something ends it; return what.

        Raises
        ------
        InvalidInput
            No settings can be used, or the calls allowed are too few for the first ones.
        Cancelled
            It was cancelled before the first settings were looked at.
        """
        try:
            self.questions = self.make()
            judge, budget = self.judge, self.budget
            budget.reserve = len(BASELINES) * len(self.questions) * judge.cost_without_samples
            ended = self._all()
        except Over as over:
            return self._ended(over.why)
        except KeyboardInterrupt:
            if not self.trials:
                raise
            return "interrupted"
        if not self.trials:
            raise InvalidInput(
                f"none of the {self.most} sampling settings can be used here; the first: {self.refused[0]}",
                setting="sampling",
                rule="leave settings that can be used",
                value=self.most,
            )
        return ended

    def _ended(self, why: Ended) -> Ended:
        if self.trials:
            return why
        if why == "interrupted":
            raise KeyboardInterrupt
        if why == "cancelled":
            raise Cancelled(
                "cancelled before the first settings were evaluated; there is no result",
                setting="settings",
                rule="be evaluated once",
            )
        raise InvalidInput(
            (
                f"calls={self.budget.calls} is too small for the settings that tuning starts from: "
                f"{self.budget.spent.total} were used and {self.budget.reserve} reserved for the "
                "baselines; raise calls, or use fewer samples or fewer free settings"
            ),
            setting="calls",
            rule="be enough for the starting settings",
            value=self.budget.calls,
        )

    def _all(self) -> Ended:
        known: dict[str, float | None] = {}
        repeats = 0
        while len(self.trials) + len(self.refused) < self.most and (start := self.search.next()) is not None:
            key = repr((start.method.to_dict(), start.display.to_dict()))
            if key in known:
                repeats += 1
                self.search.told(known[key])
                if repeats == _REPEATS:
                    return "repeats"
                continue
            repeats, known[key] = 0, self._objective_of(start)
            self.search.told(known[key])
        return "trials" if self.most > 1 else "all"

    def _objective_of(self, start: Start) -> float | None:
        """Try settings; return their objective, None where they have none or cannot be used here."""
        try:
            trial = self._tried(start)
        except InvalidInput as error:
            if self.most == 1:
                raise
            self.refused.append(str(error))
            return None
        self.trials.append(trial)
        self.budget.patient = False
        return self._objective(trial)

    def _tried(self, start: Start) -> Trial:
        readings = Readings.of(
            start.method, start.display, self.free, region=self.judge.region, costly=self.judge.costly, n=self.n
        )
        # What is remembered is looked at in any case, so that a run that goes on finds what it would have found.
        if not all(self.looker.knows(question, start.method, readings) for question in self.questions):
            self._forecast()
        looks = []
        for question in self.questions:
            looks.append(self.looker(question, start.method, readings))
            self._say(len(looks))
        return Trial(start, readings, tuple(looks))

    def _objective(self, trial: Trial) -> float | None:
        """Return the best mean of a reading over the photos that any reading could be graded on."""
        scores = trial.scores(self.judge, self.judge.chosen)
        graded = scores[np.isfinite(scores).any(axis=1)]
        means = graded[:, np.isfinite(graded).all(axis=0)].mean(axis=0) if len(graded) else np.empty(0)
        if not means.size:
            return None
        return float(means.max() if self.judge.better > 0 else means.min())

    def _forecast(self) -> None:
        """End before a trial that would probably be cut off."""
        if self.trials:
            self.budget.check(max(one.calls for one in self.trials))

    def _say(self, looks: int) -> None:
        """Report the calls made, and how many there will be: by the limit that is reached first."""
        spent, budget = self.budget.spent.total, self.budget
        done = len(self.trials) + len(self.refused) + looks / len(self.questions)
        totals = [spent * self.most / done]
        if budget.seconds is not None:
            totals.append(spent * max(1.0, budget.seconds / max(budget.elapsed, 1e-3)))
        if budget.calls is not None:
            totals.append(budget.calls)
        self.report(spent, max(spent, int(min(totals))))
