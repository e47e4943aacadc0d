"""Progress for people: a bar with a forecast on a terminal or in a notebook, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TextIO, TypeGuard

from seewhy.core.words import clean

if TYPE_CHECKING:
    from tqdm import tqdm

Report = Callable[[int, int], None]
"""Called with the samples scored so far and the samples in all, a forecast where the run stops by itself."""


def is_terminal(stream: object) -> bool:
    """Say whether a stream is a terminal; what is closed, missing, or no file at all is none."""
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):
        return False


def is_watched() -> bool:
    """Say whether somebody sees stderr as it comes: a terminal, or a notebook."""
    return is_terminal(sys.stderr) or ("ipykernel" in sys.modules and _can_write(sys.stderr))


def _can_write(stream: object) -> TypeGuard[TextIO]:
    return callable(getattr(stream, "write", None)) and not getattr(stream, "closed", False)


@contextmanager
def reporting(progress: Report | bool | None, label: str, unit: str = "samples") -> Iterator[Report]:
    """Yield a function to report to.

    ``progress``: your own function; True a bar on stderr; False nothing; None a bar where somebody watches.
    """
    if callable(progress):
        yield progress
    elif (progress or (progress is None and is_watched())) and _can_write(sys.stderr):
        bar = _bar(label, unit, sys.stderr)
        try:
            yield partial(_report, bar)
        finally:
            with suppress(OSError, ValueError):
                bar.close()
    else:
        yield _say_nothing


def _bar(label: str, unit: str, stream: TextIO) -> tqdm[NoReturn]:
    from tqdm import tqdm

    # A stream of somebody's own may have nothing but write.
    seen = stream if hasattr(stream, "flush") else _Flushed(stream)
    return tqdm(desc=clean(label), unit=f" {unit}", dynamic_ncols=is_terminal(stream), leave=False, file=seen)


def _report(bar: tqdm[NoReturn], done: int, total: int) -> None:
    """Show how far a run is; a stream that takes no more must not end it."""
    with suppress(OSError, ValueError):
        changed = bar.total != total
        bar.total = total
        bar.set_postfix_str(f"about {total - done} more", refresh=False)
        bar.update(done - bar.n)
        if changed:  # show at once how much there is to do
            bar.refresh()


class _Flushed:
    def __init__(self, stream: TextIO) -> None:
        self.write = stream.write

    def flush(self) -> None:
        """Do nothing."""


def _say_nothing(done: int, total: int) -> None:
    del done, total
