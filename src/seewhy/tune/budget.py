"""How much a tuning may spend, and what it has spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal, TypeAlias

Ended: TypeAlias = Literal["all", "trials", "calls", "seconds", "interrupted", "cancelled"]

WORDS: dict[Ended, str] = {
    "all": "all settings were looked at",
    "trials": "all sampling settings asked for were tried",
    "calls": "the model calls allowed were made, or too few were left for another sampling setting",
    "seconds": "the time allowed was over",
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
    """For explanations whose grades were not finished."""

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
    started: float = field(default_factory=perf_counter)

    @property
    def elapsed(self) -> float:
        """Seconds since the tuning began."""
        return perf_counter() - self.started

    @property
    def left(self) -> float:
        """Model calls that may still be made; infinite without a limit."""
        return float("inf") if self.calls is None else self.calls - self.reserve - self.spent.total

    def check(self, calls: int = 0) -> None:
        """Go on only if there is time and ``calls`` may still be made.

        Raises
        ------
        Over
            One of them is not so, or somebody cancels.
        """
        if self.cancel is not None and self.cancel():
            raise Over("cancelled")
        if calls > self.left:
            raise Over("calls")
        if self.seconds is not None and not self.patient and self.elapsed > self.seconds:
            raise Over("seconds")
