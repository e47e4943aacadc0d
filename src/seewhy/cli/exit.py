"""How a command ends: its exit code, and an error as one line."""

from __future__ import annotations

import traceback

from seewhy.cli.terminal import say

DONE, FAILED, WRONG = 0, 1, 2
"""Exit codes: done, failure, wrong usage or input. A run that a signal has ended has that of :mod:`seewhy.cli.signals`:
130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
"""


_IN_PYTHON = {
    "continue_()": "seewhy resume",
    "refit()": "seewhy refit",
    "keep_scores='all'": "--keep-scores all",
    "batch_size=1": "--batch-size 1",
    "input_size=SIDE or (HEIGHT, WIDTH)": "--input-size SIDE or HEIGHTxWIDTH",
}
"""What errors advise, and what a command line has for it."""


def report(error: Exception, *, debug: bool, place: str = "") -> int:
    """Print an error as one line on stderr, or with its traceback, and return the exit code."""
    from seewhy.core.errors import FileError, InvalidInput
    from seewhy.core.masking import masked

    if debug:
        say(masked("".join(traceback.format_exception(error)).rstrip("\n")), err=True)
    known = isinstance(error, InvalidInput | FileError)
    kind = "" if type(error).__module__.startswith("seewhy") else f"{type(error).__name__}: "
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", []))
    text = " ".join(f"{kind}{error}{notes}".split())
    for call, command in _IN_PYTHON.items():
        text = text.replace(call, command)
    say(masked(f"error: {place}{text}") + ("" if known or debug else " (--debug shows more)"), err=True)
    return WRONG if known else FAILED
