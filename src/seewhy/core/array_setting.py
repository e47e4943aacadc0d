"""An array as a setting: given as a file or as an array, compared and hashed by what it holds.

A picture or a label map is far too large for a settings file, so its JSON form is the SHA-256 of the array.
That is enough to tell two settings apart and to check an array that is handed in again, not to rebuild it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer, model_serializer, model_validator

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, setting
from seewhy.core.types import JsonObject


class HashedArray:
    """A read-only copy of an array, equal to another one of the same type, shape and values."""

    __slots__ = ("sha256", "values")

    def __init__(self, values: NDArray[Any]) -> None:
        if values.dtype.kind not in "biuf":
            msg = f"must hold numbers, not {values.dtype}"
            raise ValueError(msg)
        # a copy, so that the digest stays true; in one byte order, on which it must not depend
        self.values = values.astype(values.dtype.newbyteorder("<"), order="C", copy=True)
        self.values.setflags(write=False)
        digest = hashlib.sha256(f"{self.values.dtype.str}{values.shape}".encode())
        digest.update(self.values.tobytes())
        self.sha256 = digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.sha256 == other.sha256 if isinstance(other, HashedArray) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __repr__(self) -> str:
        return f"<array {self.values.shape} {self.values.dtype} sha256 {self.sha256[:12]}>"


def _hashed(value: Any) -> Any:
    if value is None or isinstance(value, HashedArray):
        return value
    if not isinstance(value, np.ndarray):
        msg = "must be a numpy array"
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a message
    return HashedArray(value)


def _path_text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


ArraySetting = Annotated[
    HashedArray | None,
    BeforeValidator(_hashed),
    PlainSerializer(lambda held: held and held.sha256, when_used="json"),
]


class FileOrArray(Settings):
    """Settings that hold one array, either read from a file at each use or handed in.

    In JSON the path keeps its text; an array leaves only ``sha256``. Such JSON can be used again together
    with the array (``Labels(**stored, array=labels)``), which must then be the same one.

    Raises
    ------
    InvalidInput
        Neither or both of path and array are given, or the array is not the one that ``sha256`` tells of.
    """

    name: str = ""
    path: Annotated[str | None, BeforeValidator(_path_text), setting("file it is read from")] = None
    array: Annotated[ArraySetting, setting("the array itself, instead of a file")] = None

    content: ClassVar[str] = "array"
    """What the array is, for messages."""

    @model_validator(mode="before")
    @classmethod
    def _check_digest(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("sha256") is None:
            return given
        array = given.get("array")
        if array is None:
            raise InvalidInput(
                (
                    f"{cls.__name__}.sha256 identifies the {cls.content} but does not contain it; give the "
                    f"{cls.content} itself as array or path"
                ),
                setting=f"{cls.__name__}.sha256",
                rule="come with array or path",
            )
        held = _hashed(array)
        if held.sha256 != given["sha256"]:
            raise InvalidInput.of(
                f"{cls.__name__}.array", f"be the {cls.content} with sha256 {given['sha256']}", held.sha256
            )
        return {key: value for key, value in given.items() if key != "sha256"}

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.path is None) == (self.array is None):
            got = "neither" if self.path is None else "both"
            raise InvalidInput.of(type(self).__name__, "be given exactly one of path and array", got)
        return self

    @model_serializer(mode="wrap")
    def _digest_for_array(self, handler: Any, info: Any) -> JsonObject:
        fields: JsonObject = handler(self)
        if info.mode == "json" and fields.get("array") is not None:
            fields["sha256"] = fields.pop("array")
        return fields


_ELSEWHERE = re.compile(r"[\\/]{2}|[A-Za-z][A-Za-z0-9+.-]+:")
"""How an address or a path on another machine begins: looking at it may already send something there."""


def is_near(path: str, folder: Path) -> bool:
    """Return whether a path of a file from others is a file in the current folder or in ``folder``, links followed."""
    if "\0" in path or _ELSEWHERE.match(path):
        return False
    try:
        found = Path(path).resolve(strict=True)
        near = any(found.is_relative_to(one.resolve()) for one in (Path.cwd(), folder))
    except (OSError, RuntimeError):
        return False
    return near and found.is_file()


def far_paths(settings: object, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the path of each setting that reads a file which is not near; ``settings`` as plain values."""
    left = [settings]
    while left:  # not by calling itself: files may nest as deeply as they like
        one = left.pop()
        if isinstance(one, dict):
            path = one.get("path")
            if isinstance(path, str | os.PathLike) and not is_near(str(path), folder):
                yield str(one.get("name", "path")), str(path)
            left += one.values()
        elif isinstance(one, list | tuple):
            left += one
