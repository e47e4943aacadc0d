"""Ctrl-C while the command line is still being imported ends it by a word, not by a traceback.

Imported first of all. In a program that only uses the package nothing is changed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

_NAMES = {"seewhy", "seewhy.exe", "seewhy-script.py"}


def leave(signum: int, frame: object) -> None:
    """End the process at once; there is nothing to save yet."""
    del frame
    with suppress(OSError):
        os.write(2, b"\ninterrupted\n")
    os._exit(128 + signum)


def is_command_line(argv: list[str], original: list[str]) -> bool:
    """Say whether this process is the command line: ``seewhy``, or ``python -m seewhy`` while that is imported."""
    if argv[:1] == ["-m"]:
        return original[original.index("-m") + 1 :][:1] == ["seewhy"] if "-m" in original else False
    return bool(argv) and Path(argv[0]).name in _NAMES


if (
    is_command_line(getattr(sys, "argv", []), sys.orig_argv)
    and threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    signal.signal(signal.SIGINT, leave)
