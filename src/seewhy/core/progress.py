"""Progress for people: a bar with a forecast on a terminal or in a notebook, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[int, int], None]
"""Called with the samples scored so far and the samples in all, a forecast where the run stops by itself."""


def is_watched() -> bool:
    """Say whether somebody sees stderr as it comes: a terminal, or a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


@contextmanager
def reporting(progress: Report | bool | None, label: str, unit: str = "samples") -> Iterator[Report]:
    """Yield a function to report to.

    ``progress``: your own function; True a bar on stderr; False nothing; None a bar where somebody watches.
    """
    if callable(progress):
        yield progress
    elif progress or (progress is None and is_watched()):
        from tqdm import tqdm

        with tqdm(desc=label, unit=f" {unit}", dynamic_ncols=True, leave=False, file=sys.stderr) as bar:

            def report(done: int, total: int) -> None:
                changed = bar.total != total
                bar.total = total
                bar.set_postfix_str(f"about {total - done} more", refresh=False)
                bar.update(done - bar.n)
                if changed:  # show at once how much there is to do
                    bar.refresh()

            yield report
    else:
        yield _say_nothing


def _say_nothing(done: int, total: int) -> None:
    del done, total
