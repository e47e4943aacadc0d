"""Tensors as the metadata and the answers of a server state them: they may state anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from seewhy.models.served.http_bodies import name_of

UNLIKE = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading metadata raises that is not what it should be."""

_MOST_LISTED = 5
_MOST_DIMENSIONS = 8
_LONGEST_SIDE = 2**40


@dataclass(frozen=True)
class TensorSpec:
    """An input or output, as metadata states it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """-1 where any length is taken."""

    @classmethod
    def of(cls, name: object, datatype: object, shape: object) -> TensorSpec:
        """Return what metadata states, which may be anything.

        Raises
        ------
        TypeError, ValueError
            It is no name, no type or no shape.
        """
        if not isinstance(name, str) or not isinstance(datatype, str) or not isinstance(shape, list | tuple):
            msg = "a tensor has a name, a type and a shape"
            raise TypeError(msg)
        return cls(name, datatype, tuple(_length(one) for one in shape))

    def __str__(self) -> str:
        lengths = ", ".join(str(one) for one in self.shape[:_MOST_LISTED])
        more = ", ..." if len(self.shape) > _MOST_LISTED else ""
        return f"{name_of(self.name)} {name_of(self.datatype)} [{lengths}{more}]"


def listed(names: Sequence[object]) -> str:
    """Return names, or tensors, for a message: the first of them, each not too long."""
    first = [str(one) if isinstance(one, TensorSpec) else name_of(one) for one in names[:_MOST_LISTED]]
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return f"{', '.join(first)}{more}" or "none"


def is_shape(value: object) -> TypeGuard[list[int]]:
    """Return whether an answer's shape is a list of lengths that numpy can hold."""
    if not isinstance(value, list) or len(value) > _MOST_DIMENSIONS:
        return False
    return all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= _LONGEST_SIDE for n in value)


def as_numbers(data: Any) -> NDArray[Any] | None:
    """Return nested lists of JSON numbers as an array, null as NaN; None if they are anything else."""
    try:
        found = np.asarray(data)
    except (ValueError, OverflowError, RecursionError):  # rows of different lengths, or nested too deeply
        return None
    if found.dtype == object and all(v is None or isinstance(v, int | float) for v in found.flat):
        found = found.astype(np.float64)
    return found if found.dtype.kind in "fiub" else None


def _length(value: object) -> int:
    """Return one length of a shape, -1 for any; some servers write numbers as text."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value, re.ASCII):
        number = int(value)
    if number is None or abs(number) > _LONGEST_SIDE:
        msg = "a length is a whole number"
        raise ValueError(msg)
    return number
