"""What settings hold that their plain values only name: functions by their code, files by their bytes."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.core.array_setting import FileOrArray
from seewhy.core.errors import FileError
from seewhy.core.files import open_regular
from seewhy.core.settings import Settings
from seewhy.core.types import JsonObject
from seewhy.engine.protocols import Method
from seewhy.methods import Auto
from seewhy.models.code_digest import code_digest, filled

HELD = "held"
"""Where :func:`asked_of` puts what the plain values only name."""


def asked_of(settings: Settings | Method | Auto) -> JsonObject:
    """Return what decides what settings do, as plain values: equal ones do the same, as far as can be seen.

    A function counts with its own code and the values it holds, not with what it calls; a file with its bytes.
    """
    held = dict(_held(settings, ""))
    return settings.to_dict() | ({HELD: held} if held else {})


def _held(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the digest of every function and file."""
    if isinstance(value, Settings):
        if isinstance(value, FileOrArray) and value.path is not None:
            yield f"{place}.path", digest_of(Path(value.path))
        for name in type(value).model_fields:
            yield from _held(getattr(value, name), f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for i, one in enumerate(value):
            yield from _held(one, f"{place}.{i}")
    elif callable(value) and not isinstance(value, type):
        state = json.dumps([code_digest(value), *_state_of(value)], sort_keys=True)
        yield place, hashlib.sha256(state.encode()).hexdigest()
    elif _is_estimator(value):  # its repr may hide parameters, or name the place in memory
        state = json.dumps([code_digest(value.fit), _plain(value)], sort_keys=True)
        yield place, hashlib.sha256(state.encode()).hexdigest()


def _is_estimator(value: object) -> bool:
    """Say whether an object follows scikit-learn's convention, by which its parameters are all that decides it."""
    named = not isinstance(value, type)
    return named and all(callable(getattr(value, name, None)) for name in ("fit", "get_params"))


def digest_of(path: Path) -> str:
    """Return the hash of a file, or of its path where it cannot be read: that is found out when it is its turn."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, FileError):
        return f"unreadable:{path}"


def _state_of(function: Callable[..., Any]) -> Iterator[object]:
    """Yield what an object that can be called, or a function with values of its own around it, knows."""
    bound = getattr(function, "__self__", None)
    if bound is not None and not isinstance(bound, type):
        yield _plain(vars(bound) if hasattr(bound, "__dict__") else None)
    plain = getattr(function, "__func__", function)
    if hasattr(plain, "__code__"):
        yield [_plain(one) for one in (*filled(plain), *(plain.__defaults__ or ()))]
    elif hasattr(plain, "__dict__"):
        yield _plain(vars(plain))
    if isinstance(plain, functools.partial):
        yield from _state_of(plain.func)
        yield _plain([*plain.args, plain.keywords])


def _plain(value: Any) -> object:
    """Return a value as JSON may hold it: an array by its hash, a function by its code, another object by its type."""
    if isinstance(value, np.ndarray) and value.dtype != np.object_:
        hashed = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return [str(value.dtype), list(value.shape), hashed]
    if isinstance(value, Mapping):
        return sorted([str(name), _plain(one)] for name, one in value.items())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if _is_estimator(value):
        return [type(value).__module__, type(value).__qualname__, _plain(value.get_params(deep=False))]
    return code_digest(value) if callable(value) else type(value).__qualname__
