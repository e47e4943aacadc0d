"""A hash of what a Python function says, so that stored results are not taken for those of its next version."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import CodeType
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def code_digest(function: Callable[..., Any]) -> str:
    """Return a hash of a function's own code, with the plain values it holds; empty where it is not Python.

    Where the code stands in its file does not matter. What the function calls, and the arrays and networks that it
    holds, are not looked at; another version of Python compiles to another code.
    """
    parts = list(_parts(function))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16] if parts else ""


def _parts(held: Any) -> Iterator[object]:
    if isinstance(held, functools.partial):
        yield from _parts(held.func)
        yield from _values((*held.args, *(one for pair in sorted(held.keywords.items()) for one in pair)))
        return
    held = getattr(held, "__func__", held)  # of a bound method
    if not hasattr(held, "__code__"):
        held = type(held).__call__
    code = getattr(held, "__code__", None)
    if not isinstance(code, CodeType):
        return
    yield from _of_code(code)
    yield from _values(held.__defaults__ or ())
    yield from _values(filled(held))


def _of_code(code: CodeType) -> Iterator[object]:
    yield (code.co_code, code.co_names, code.co_varnames, code.co_freevars)
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _of_code(one)
        else:
            yield one if not isinstance(one, frozenset) else sorted(map(repr, one))


def _values(values: Iterable[Any]) -> Iterator[object]:
    """Yield plain values, and the code of functions among them."""
    for one in values:
        if isinstance(one, _PLAIN):
            yield one
        elif hasattr(one, "__code__"):
            yield from _of_code(one.__code__)


def filled(function: Any) -> Iterator[Any]:
    """Yield what the function holds from around it, as far as it has a value yet."""
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # an empty one
            yield cell.cell_contents
