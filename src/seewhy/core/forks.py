"""What a forked process must make anew.

Only the thread that forks lives on in the new process. Threads that served a model are gone there, so that whoever
waits for them waits for ever; and a lock that another thread held stays locked. So whatever computes in threads of its
own does so inside :func:`working`, and a fork waits until nothing does; it knows by :func:`generation` what its parent
made; and its locks are :class:`Lock`.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PATIENCE = 30
"""Seconds at most that a fork waits for what is being computed."""
_drains: list[Callable[[], None]] = []


class _ForkState:
    """Who is at work; made anew in a forked process."""

    def __init__(self, generation: int = 0) -> None:
        self.generation = generation
        self.inherited = frozenset(sys.modules) if generation else frozenset[str]()
        self.gate = threading.Condition(threading.Lock())
        self.active: Counter[int] = Counter()
        self.forking = False


_state = _ForkState()


def generation() -> int:
    """Return how many forks lie between the first process and this one."""
    return _state.generation


def inherited(module: str) -> bool:
    """Return whether the process that this one was forked from had imported a module, and may have used it."""
    return module in _state.inherited


@contextmanager
def working() -> Iterator[None]:
    """Keep forks away for as long as this takes; inside of another one nothing is waited for."""
    state, me = _state, threading.get_ident()
    with state.gate:
        state.gate.wait_for(lambda: not state.forking or state.active[me] > 0)
        state.active[me] += 1
    try:
        yield
    finally:
        with state.gate:
            state.active[me] -= 1
            if not state.active[me]:
                del state.active[me]
            state.gate.notify_all()


def before_forks(drain: Callable[[], None]) -> None:
    """Call ``drain`` before each fork: it waits for what was started and goes on by itself."""
    _drains.append(drain)


def leave(made_before: object) -> None:
    """Never free what the process made that this one was forked from: that may wait for threads that are gone."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made_before))


class Lock:
    """A lock for ``with``, which is free in a forked process whoever held it in its parent."""

    def __init__(self) -> None:
        self._lock, self._generation = threading.Lock(), generation()

    def __enter__(self) -> None:
        if self._generation != generation():
            self._lock, self._generation = threading.Lock(), generation()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _before() -> None:
    me = threading.get_ident()
    _state.gate.acquire()  # until the fork is over
    _state.forking = True
    _state.gate.wait_for(lambda: not any(count for one, count in _state.active.items() if one != me), _PATIENCE)
    for drain in _drains:
        drain()


def _in_parent() -> None:
    _state.forking = False
    _state.gate.notify_all()
    _state.gate.release()


def _in_child() -> None:
    global _state  # noqa: PLW0603  # whoever holds the old one is not there any more
    mine = _state.active[threading.get_ident()]
    _state = _ForkState(_state.generation + 1)
    if mine:
        _state.active[threading.get_ident()] = mine


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
