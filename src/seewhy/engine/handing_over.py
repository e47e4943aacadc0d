"""Partial results of a run, passed on while it goes on: to a file, and to a caller."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter

from seewhy.core.progress import Progress
from seewhy.sampling.samples import Samples

Save = Callable[[Samples], object]
"""Is given the samples that are answered."""

_SAVE_SECONDS = 20.0
_UPDATE_SECONDS, _UPDATE_PART = 0.5, 0.02
"""Least time between two updates, and the most of a run's time that they may take."""


def handing_over(
    report: Progress, readable: int, head: Callable[[int], Samples], save: Save | None, update: Save | None
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
        Is given it as soon as it can be read, then about twice a second; less often where one update takes long.
    """
    saved, updated, pause = perf_counter(), -math.inf, _UPDATE_SECONDS

    def report_and_hand_over(done: int, total: int) -> None:
        nonlocal saved, updated, pause
        report(done, total)
        if done < readable:
            return
        if update is not None and perf_counter() - updated >= pause:
            begun = perf_counter()
            update(head(done))
            updated = perf_counter()
            pause = max(_UPDATE_SECONDS, (updated - begun) / _UPDATE_PART)
        if save is not None and perf_counter() - saved > _SAVE_SECONDS:
            save(head(done))
            saved = perf_counter()

    return report_and_hand_over
