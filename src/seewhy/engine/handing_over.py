"""Partial results of a run, passed on while it goes on: to a file, and to a caller."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Generic, TypeVar

from seewhy.core.progress import Progress
from seewhy.sampling.samples import Samples

Save = Callable[[Samples], object]
"""Is given the samples that are answered."""
Update = Callable[[Callable[[], Samples]], object]
"""Is given a function that returns them, which it calls if an update is due."""

Known = TypeVar("Known")

_SAVE_SECONDS = 20.0
_UPDATE_SECONDS, _UPDATE_PART = 0.5, 0.02
"""Least time between two updates, and the most of a run's time that they may take."""


class Updates(Generic[Known]):
    """Hands on what is known: at once, then about twice a second, and less often where that takes long."""

    def __init__(self, give: Callable[[Known], object]) -> None:
        self._give = give
        self._begun, self._last = perf_counter(), -math.inf
        self._spent, self._cost = 0.0, 0.0

    def offer(self, make: Callable[[], Known]) -> None:
        """Hand on what ``make`` returns, if it is time: the first at once, others once their cost is earned."""
        begun = perf_counter()
        earned = _UPDATE_PART * (begun - self._begun)
        if begun - self._last < _UPDATE_SECONDS or (self._spent and self._spent + self._cost > earned):
            return
        self._give(make())
        self._last = perf_counter()
        self._cost = self._last - begun
        self._spent += self._cost


def handing_over(
    report: Progress, readable: int, head: Callable[[int], Samples], save: Save | None, update: Update | None
) -> Progress:
    """Return a report that also saves and updates.

    Parameters
    ----------
    report
        Is told every time.
    readable
        Samples from which anything can be read; before, nothing is passed on.
    head
        Returns the first samples.
    save
        Is given what there is every 20 seconds.
    update
        Is offered it every time.
    """
    saved = perf_counter()

    def report_and_hand_over(done: int, total: int) -> None:
        nonlocal saved
        report(done, total)
        if done < readable:
            return
        if update is not None:
            update(lambda: head(done))
        if save is not None and perf_counter() - saved > _SAVE_SECONDS:
            save(head(done))
            saved = perf_counter()

    return report_and_hand_over
