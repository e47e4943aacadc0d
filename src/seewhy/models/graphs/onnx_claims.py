"""What an ONNX file claims: the numbers that it holds or refers to, read off its bytes before a library reads it.

A file of some bytes may claim a tensor of any size, name another file for it, or ask that one be made while it is
loaded. Only the few fields are read that say so; what is not well formed is left to the library to tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from seewhy.models.model_files import check_numbers

Bytes = memoryview

_SIZES = {2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}
"""Bytes of a number by its type; another takes one at most, or is a text."""
_INT64 = 7
_FEW = 16
"""Numbers of a tensor that may be the shape of another."""
_MAKERS = {"ConstantOfShape": (0,), "Expand": (1,), "Tile": (1,), "Range": (0, 1, 2)}
"""What makes a tensor out of a few numbers, and which inputs those are."""
_DEEPEST = 20


class ClaimedTensor(NamedTuple):
    """What is claimed of one tensor."""

    name: str
    shape: tuple[int, ...]
    size: int
    """Bytes of a number."""
    place: str | None
    """Name of the file beside this one that holds the numbers; None: they are in this one."""
    few: tuple[int, ...]
    """Its numbers, if they are whole ones and few."""


@dataclass
class Claims:
    """What is claimed by a file."""

    tensors: list[ClaimedTensor] = field(default_factory=list)
    made: list[tuple[str, list[str]]] = field(default_factory=list)
    """Operations of :data:`_MAKERS` with the names of their inputs."""

    @property
    def places(self) -> set[str]:
        """Names of the files that hold numbers."""
        return {one.place for one in self.tensors if one.place is not None}


def claims_of(content: Bytes) -> Claims:
    """Return what an ONNX file claims, as far as it is well formed."""
    found = Claims()
    try:
        for number, value in _fields(content):
            if number == 7 and isinstance(value, Bytes):
                _graph(value, found, 0)
    except (IndexError, ValueError):
        pass
    return found


def check_claims(found: Claims, name: str) -> None:
    """Refuse tensors that take too much memory, together or one alone.

    Raises
    ------
    InvalidInput
        Says how much.
    """
    whole = sum(math.prod(one.shape) * one.size for one in found.tensors)
    check_numbers((), whole, f"the numbers of {name}")
    few = {one.name: one.few for one in found.tensors if one.few}
    for operation, inputs in found.made:
        which = [few.get(inputs[i], ()) for i in _MAKERS[operation] if i < len(inputs)]
        lengths = [number for numbers in which for number in numbers]
        check_numbers(lengths, 4, f"{operation} in {name}")


def _graph(content: Bytes, found: Claims, depth: int) -> None:
    if depth > _DEEPEST:
        return
    for number, value in _fields(content):
        if not isinstance(value, Bytes):
            continue
        if number == 1:
            _node(value, found, depth)
        elif number == 5:
            found.tensors.append(_tensor(value))


def _node(content: Bytes, found: Claims, depth: int) -> None:
    inputs, output, operation = [], "", ""
    for number, value in _fields(content):
        if not isinstance(value, Bytes):
            continue
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            output = output or _text(value)
        elif number == 4:
            operation = _text(value)
        elif number == 5:
            _attribute(value, found, output, depth)
    if operation in _MAKERS:
        found.made.append((operation, inputs))


def _attribute(content: Bytes, found: Claims, output: str, depth: int) -> None:
    """Read tensors and graphs in an attribute; a Constant's tensor is known by the output of its node."""
    for number, value in _fields(content):
        if not isinstance(value, Bytes):
            continue
        if number in {5, 10}:
            found.tensors.append(_tensor(value)._replace(name=output))
        elif number in {6, 11}:
            _graph(value, found, depth + 1)


def _tensor(content: Bytes) -> ClaimedTensor:
    shape: list[int] = []
    whole: list[int] = []
    name, place, kind, raw = "", None, 0, Bytes(b"")
    for number, value in _fields(content):
        if number == 1:
            shape += _numbers(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 7:
            whole += _numbers(value)[:_FEW]
        elif isinstance(value, Bytes):
            name = _text(value) if number == 8 else name
            raw = value if number == 9 else raw
            place = (_location(value) or place) if number == 13 else place
    if kind == _INT64 and not whole and len(raw) <= 8 * _FEW:
        whole = [int.from_bytes(raw[i : i + 8], "little", signed=True) for i in range(0, len(raw), 8)]
    few = tuple(whole) if kind == _INT64 and len(whole) <= _FEW else ()
    return ClaimedTensor(name, tuple(shape), _SIZES.get(kind, 4), place, few)


def _location(content: Bytes) -> str | None:
    """Return the value of an entry named ``location``."""
    entry = {number: _text(value) for number, value in _fields(content) if isinstance(value, Bytes)}
    return entry.get(2) if entry.get(1) == "location" else None


def _numbers(value: int | Bytes) -> list[int]:
    """Return whole numbers, written one by one or together."""
    if isinstance(value, int):
        return [value]
    numbers: list[int] = []
    at = 0
    while at < len(value) and len(numbers) < 1000:
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def _text(content: Bytes) -> str:
    return bytes(content).decode("utf-8", "replace")


def _fields(content: Bytes) -> Iterator[tuple[int, int | Bytes]]:
    """Yield number and value of each field of a protobuf message.

    Raises
    ------
    IndexError
        It ends too early.
    ValueError
        It is no such message.
    """
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(content, at)
            yield key >> 3, value
            continue
        length, at = _varint(content, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if length < 0 or at + length > len(content):
            raise ValueError("no protobuf message")
        yield key >> 3, content[at : at + length]
        at += length


def _varint(content: Bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = content[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at
        if shift > 63:
            raise ValueError("no protobuf message")
