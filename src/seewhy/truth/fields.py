"""Values out of a truth file, checked: each fault names its place, the rule and the value."""

from __future__ import annotations

import math
import os
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from seewhy.core.errors import FileError
from seewhy.truth.names import printable

_DIGITS = 18
"""Most digits of an index; more are no class of any model, and too many cannot be read at all."""


def record(value: Any, place: str) -> dict[str, Any]:
    """Return an object of JSON."""
    if not isinstance(value, dict):
        raise FileError.of(place, "be an object", value)
    return value


def records(value: Any, place: str) -> list[dict[str, Any]]:
    """Return a list of objects of JSON."""
    if not isinstance(value, list):
        raise FileError.of(place, "be a list", value)
    return [record(one, f"{place}[{i}]") for i, one in enumerate(value)]


def file_name(value: Any, place: str) -> str:
    """Return a relative path with ``/`` between folders that stays in its folder."""
    path = PurePosixPath(str(value).replace("\\", "/"))
    leaves = path.is_absolute() or ".." in path.parts or bool(PureWindowsPath(str(value)).drive)
    if not isinstance(value, str) or not path.name or leaves or "\0" in value or not _is_name(value):
        raise FileError.of(place, "be a path inside the folder", value)
    return str(path)


def _is_name(value: str) -> bool:
    """Say whether a file can have this name: half a surrogate pair is none."""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def bounded(digits: str, place: str) -> int:
    """Return a whole number that a text of digits says, if an index can be so large."""
    if len(digits) > _DIGITS:
        raise FileError.of(place, f"have at most {_DIGITS} digits", len(digits))
    return int(digits)


def numbers(value: Any, place: str, n: int | None = None) -> tuple[float, ...]:
    """Return numbers, ``n`` of them."""
    fits = isinstance(value, list | tuple) and n in {None, len(value)} and all(map(_is_number, value))
    if not fits:
        what = "numbers" if n is None else f"{n} numbers"
        raise FileError.of(place, f"be a list of {what}", value)
    try:
        return tuple(float(one) for one in value)
    except OverflowError:
        raise FileError.of(place, "be pixels", value) from None


def whole(value: Any, place: str, least: int = 0) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise FileError.of(place, f"be a whole number of at least {least}", value)
    return value


def sides(value: Any, place: str) -> tuple[int, int]:
    """Return two whole numbers of pixels; ``640.0`` is one, ``640.7`` is none."""
    one, other = (whole(int(n) if math.isfinite(n) and n == int(n) else n, place, 1) for n in numbers(value, place, 2))
    return one, other


def flag(value: Any, place: str) -> bool:
    """Return yes or no, as 1 or 0, true or false; None is no."""
    if not (value is None or (isinstance(value, int) and value in {0, 1})):
        raise FileError.of(place, "be 0 or 1", value)
    return bool(value)


def text(value: Any, place: str) -> str:
    """Return text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise FileError.of(place, "be text", value)
    if printable(value) != value:
        raise FileError.of(place, "be text in UTF-8", value)
    return value.strip()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
