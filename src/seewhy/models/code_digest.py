"""A hash of what a Python function says, so that stored results are not taken for those of its next version."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from enum import Enum
from types import CodeType
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_OF_ONE_PLACE = re.compile(r"[/\\]|\b0x[0-9a-fA-F]{6}")
"""Paths and addresses, which are others elsewhere and in the next process."""


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


def described(held: Any, around: tuple[int, ...] = ()) -> object:
    """Return plain values that stand for what an object holds, the same in every process; None where nothing does.

    Numbers, names, members of enumerations, types of numbers, functions by their code, and lists and dicts of these
    count. Paths, networks, arrays and other objects leave no trace, and neither does what is None or empty, so that
    what a network keeps of its last pictures changes nothing.

    Parameters
    ----------
    held
        Anything.
    around
        Identities of what holds it, which are not gone into again.
    """
    if isinstance(held, Enum):
        return (type(held).__qualname__, held.name)
    if isinstance(held, _PLAIN):
        return None if isinstance(held, str) and _OF_ONE_PLACE.search(held) else held
    if id(held) in around:
        return None
    around = (*around, id(held))
    if isinstance(held, dict):
        pairs = [(described(key, around), described(value, around)) for key, value in held.items()]
        found: Any = sorted((pair for pair in pairs if pair[1] is not None), key=repr)
    elif isinstance(held, list | tuple | set | frozenset):
        found = [part for one in held if (part := described(one, around)) is not None]
        found = sorted(found, key=repr) if isinstance(held, set | frozenset) else found
    else:
        found = _of_callable(held, around) if callable(held) else _of_torch(held)
    return found or None


def _of_torch(held: Any) -> str:
    """Return a type of torch's numbers, or a way it lays them out, as text."""
    kind = type(held)
    return str(held) if kind.__module__ == "torch" and kind.__name__ in {"dtype", "layout", "memory_format"} else ""


def _of_callable(held: Any, around: tuple[int, ...]) -> object:
    if hasattr(held, "named_modules"):
        return None
    if isinstance(held, type):
        return (held.__qualname__, class_code(held))
    if isinstance(held, functools.partial):
        return ("partial", described([held.func, held.args, held.keywords], around))
    if hasattr(held, "__func__"):
        return (described(held.__func__, around), described(getattr(held, "__self__", None), around))
    return _of_function(held, around)


def _of_function(held: Any, around: tuple[int, ...]) -> object:
    if isinstance(getattr(held, "__code__", None), CodeType):
        kept = [held.__defaults__, held.__kwdefaults__, list(filled(held))]
        return (code_digest(held), described(kept, around))
    if isinstance(getattr(held, "code", None), str):  # compiled by torch
        return str(held.code)
    if hasattr(held, "__wrapped__"):
        return described(held.__wrapped__, around)
    name = getattr(held, "__qualname__", None) or getattr(held, "__name__", None)
    if isinstance(name, str):  # not written in Python
        return (str(getattr(held, "__module__", "")), name)
    return (type(held).__qualname__, code_digest(held), described(getattr(held, "__dict__", None), around))


def class_code(kind: type) -> list[tuple[str, str]]:
    """Return the functions of a class by name, each with a hash of its code."""
    functions = [
        (name, one) for name, one in vars(kind).items() if hasattr(one, "__code__") or hasattr(one, "__func__")
    ]
    return sorted((name, code_digest(one)) for name, one in functions)
