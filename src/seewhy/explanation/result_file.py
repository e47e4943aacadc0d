"""The container of a result: one safetensors file with a JSON header. Reading it never runs code from the file.

The same content gives the same bytes. Times are not part of it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core import memory
from seewhy.core.atomic import replace_file
from seewhy.core.errors import FileError
from seewhy.core.files import open_regular
from seewhy.core.masking import masked_values
from seewhy.core.types import JsonObject

FORMAT = 4
"""Raised when an older reader can no longer understand the file."""

_JSON = 32
"""Times that JSON may grow when it is read."""

Arrays = dict[str, NDArray[Any]]


def write(path: str | os.PathLike[str], header: JsonObject, arrays: Arrays) -> Path:
    """Write ``header`` and ``arrays``; a reader sees the old file or the new one, never half of it."""
    return replace_file(path, as_bytes(header, arrays))


def as_bytes(header: JsonObject, arrays: Arrays) -> bytes:
    """Return the content of a result file."""
    from safetensors.numpy import save

    text = json.dumps(masked_values({"format": FORMAT} | header), sort_keys=True, allow_nan=False)
    # One key only: safetensors stores metadata in an order that changes from run to run.
    data: bytes = save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata={"seewhy": text})
    return data


def read(path: str | os.PathLike[str]) -> tuple[JsonObject, Arrays]:
    """Read a result file.

    Raises
    ------
    FileError
        It is missing, damaged, of another kind, or written by a newer version.
    """
    from safetensors import SafetensorError, safe_open

    _check_kind(path)
    memory.check(Path(path).stat().st_size, f"{path}", FileError)
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(
            f"{path}: not a readable seewhy result file: {error}",
            setting=str(path),
            rule="be a readable seewhy result",
            value=str(error),
        ) from error
    if "seewhy" not in metadata:
        raise FileError(
            f"{path}: a safetensors file, but not a seewhy result", setting=str(path), rule="be a seewhy result"
        )
    text = metadata["seewhy"]
    memory.check(_JSON * len(text), f"the header of {path}", FileError)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"{path} has a damaged header: {error}", setting=str(path), rule="have a whole header", value=str(error)
        ) from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else header
        raise FileError.of(str(path), f"have format {FORMAT}", found, "it needs another version of seewhy")
    return header, arrays


_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"BM", b"RIFF")
"""How files of photos begin; a result begins with the length of its header, a number of eight bytes."""


def _check_kind(path: str | os.PathLike[str]) -> None:
    """Refuse what is no regular file, and a photo where a result is meant."""
    with open_regular(path) as file:
        start = file.read(8)
    if start.startswith(_PICTURES) and start[4:] != bytes(4):
        raise FileError(
            f"{path} is a photo, not a result file; seewhy explain makes one, which ends in .seewhy",
            setting=str(path),
            rule="be a result file",
        )
