"""Progress for people: a bar with a forecast on a terminal or in a notebook, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, TypeGuard

from seewhy.core.text import clean

Progress = Callable[[int, int], None]
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
def reporting(progress: Progress | bool | None, label: str, unit: str = "samples") -> Iterator[Progress]:
    """Yield a function to report to.

    ``progress``: your own function; True a bar on stderr; False nothing; None a bar where somebody watches.
    """
    if callable(progress):
        yield progress
    elif (progress or (progress is None and is_watched())) and _can_write(sys.stderr):
        from tqdm import tqdm

        stream = _Patient(sys.stderr)
        with tqdm(
            desc=clean(label), unit=f" {unit}", dynamic_ncols=is_terminal(stream), leave=False, file=stream
        ) as bar:
            yield Bar(bar)
    else:
        yield _say_nothing


class Bar:
    """A bar that also has room for what is known so far."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._known = ""

    def __call__(self, done: int, total: int) -> None:
        """Show how much is done, and how much there is to do."""
        changed = self._bar.total != total
        self._bar.total = total
        self._bar.set_postfix_str(f"{self._known}about {total - done} more", refresh=False)
        self._bar.update(done - self._bar.n)
        if changed:  # show at once how much there is to do
            self._bar.refresh()

    def tell(self, known: str) -> None:
        """Show what is known so far, from the next report on."""
        self._known = f"{clean(known)}, "


class _Patient:
    """A stream whose faults, such as a reader who has gone or a full disk, do not end a run; it may lack a flush."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        """Flush what was written, if that can be done."""
        with suppress(AttributeError, OSError, ValueError):
            self._stream.flush()


def _say_nothing(done: int, total: int) -> None:
    del done, total
