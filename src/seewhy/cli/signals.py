"""Ctrl-C, SIGTERM and SIGHUP end a run alike: what there is, is saved. A second Ctrl-C ends it at once.

A signal that was ignored when the command began, as SIGHUP is under nohup, stays ignored.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic

from seewhy import _start

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_USUAL = (signal.SIG_DFL, signal.default_int_handler, _start.leave)
"""What may be replaced: handlers of others stay."""
_BOUNCE = 0.5
"""Seconds within which a second Ctrl-C is the first one, sent to the process and to its group."""


@dataclass
class _State:
    received: int | None = None
    at: float = 0.0
    held: bool = False
    pending: bool = False


_state = _State()


@contextmanager
def handled() -> Iterator[None]:
    """Turn the first of these signals into a KeyboardInterrupt; outside of the main thread nothing is changed."""
    _state.__init__()  # type: ignore[misc]  # what came during a command before is over
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for one in (getattr(signal, name) for name in _NAMES if hasattr(signal, name)):
        if signal.getsignal(one) in _USUAL:
            before[one] = signal.signal(one, _receive)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def held() -> Iterator[None]:
    """Let what is saved here be saved; a signal that comes meanwhile counts at the end."""
    _state.held = True
    try:
        yield
    finally:
        _state.held = False
        if _state.pending:
            _state.pending = False
            raise KeyboardInterrupt


def exit_code() -> int:
    """Return the exit code of a run that was interrupted: 128 and the number of the signal."""
    return 128 + (_state.received or signal.SIGINT)


def is_hung_up() -> bool:
    """Say whether the terminal is gone."""
    return _state.received is not None and _state.received == getattr(signal, "SIGHUP", None)


def _receive(signum: int, frame: object) -> None:
    del frame
    if _state.received is None:
        _state.received, _state.at = signum, monotonic()
        if _state.held:
            _state.pending = True
            return
        raise KeyboardInterrupt
    if signum == signal.SIGINT and monotonic() - _state.at > _BOUNCE:
        with suppress(OSError):
            os.write(2, b"\ninterrupted\n")
        os._exit(128 + signum)
