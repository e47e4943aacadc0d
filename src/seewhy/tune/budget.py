"""How much a tuning may spend, and what it has spent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal, TypeAlias

Ended: TypeAlias = Literal["all", "trials", "repeats", "calls", "seconds", "interrupted", "cancelled"]

WORDS: dict[Ended, str] = {
    "all": "all settings were evaluated",
    "trials": "all requested sampling settings were tried",
    "repeats": "the search proposed only settings that had been tried",
    "calls": "stopped at the limit of model calls, or too few were left for another sampling setting",
    "seconds": "stopped at the time limit",
    "interrupted": "interrupted",
    "cancelled": "cancelled",
}
"""Why a tuning ended."""


class Over(Exception):  # it is no fault
    """The tuning must end now; its text says why."""

    def __init__(self, why: Ended) -> None:
        super().__init__(why)
        self.why: Ended = why


@dataclass
class Calls:
    """Pictures sent to the model, by what for."""

    explaining: int = 0
    metrics: int = 0
    baselines: int = 0
    photos: int = 0
    """The photos as they are, once each."""
    not_finished: int = 0
    """For explanations, grades and answers that were not finished, in this run or one before it."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(vars(self).values())


@dataclass
class Budget:
    """Limits, and what was spent so far."""

    seconds: float | None
    calls: int | None
    cancel: Callable[[], bool] | None = None
    spent: Calls = field(default_factory=Calls)
    reserve: int = 0
    """Calls that are kept for the baselines."""
    patient: bool = True
    """Whether time does not count yet: the first settings are always looked at."""
    keep: Callable[[int], None] = field(default=lambda _: None)
    """Stores how many calls are not finished, should the program be killed now."""
    started: float = field(default_factory=perf_counter)

    @property
    def elapsed(self) -> float:
        """Seconds since the tuning began."""
        return perf_counter() - self.started

    @property
    def left(self) -> float:
        """Model calls that may still be made; infinite without a limit."""
        return float("inf") if self.calls is None else self.calls - self.reserve - self.spent.total

    def check(self, calls: int = 0, *, timed: bool = True) -> None:
        """Go on only if ``calls`` may still be made, and, if ``timed``, there is time.

        Raises
        ------
        Over
            One of them is not so, or somebody cancels.
        """
        if self.cancel is not None and self.cancel():
            raise Over("cancelled")
        if calls and calls > self.left:
            raise Over("calls")
        if timed and self.seconds is not None and not self.patient and self.elapsed > self.seconds:
            raise Over("seconds")

    @contextmanager
    def work(self, *, timed: bool = True) -> Iterator[Work]:
        """Count the calls of a piece of work: as not finished, whatever ends it, unless it says that it is done."""
        work = Work(self, timed)
        try:
            yield work
        finally:
            work.settle()


class Work:
    """A piece of work that sends pictures. What it may send next is counted, and stored, before it is sent."""

    def __init__(self, budget: Budget, timed: bool) -> None:
        self._budget, self._timed = budget, timed
        self._before = budget.spent.not_finished
        self._made = self._ahead = 0

    def ahead(self, calls: int) -> None:
        """Go on only if so many calls may be made; they count in full until :meth:`made` says how many there were."""
        self._budget.check(calls, timed=self._timed)
        if calls:
            self._ahead = calls
            self.settle()

    def made(self, calls: int) -> None:
        """Count calls in place of those that were ahead."""
        self._ahead = 0
        self._made += calls
        self._budget.spent.not_finished = self._before + self._made

    def done(self) -> None:
        """It is finished: whoever keeps what came of it counts its calls."""
        self._ahead = self._made = 0

    def settle(self) -> None:
        """Count, and store the count."""
        self._budget.spent.not_finished = self._before + self._made + self._ahead
        self._budget.keep(self._budget.spent.not_finished)
