"""Files of networks: only regular ones are opened, and what one unpacks to is computed before any library reads it.

A zip archive of a few megabytes may unpack to many gigabytes, and may claim less than it holds.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from seewhy.core import memory
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.files import check_regular, kind_of, open_regular

_STEP = 1 << 20
_LOCAL_HEADER = 30
"""Bytes before the name of a member in an archive."""


def existing(path: str) -> Path:
    """Return the path of a model's file, once it is known that it can be opened and is not too large.

    Raises
    ------
    InvalidInput
        There is no such file, it is no regular one, empty, an image or a text that is no model, or larger than what
        SEEWHY_MAX_MEMORY allows.
    """
    try:
        file_path = Path(path).expanduser()
    except RuntimeError:  # the home of nobody
        file_path = Path(path)
    with open_regular(file_path, what="model", error=InvalidInput) as file:
        size, kind = os.fstat(file.fileno()).st_size, kind_of(file.read(16))
    if size == 0:
        raise InvalidInput(
            f"model {file_path}: the file is empty", setting=str(file_path), rule="hold a network", value=0
        )
    if kind.endswith(("image", "PDF")):
        raise InvalidInput(
            f"model {file_path}: not a network but {kind}", setting=str(file_path), rule="hold a network", value=kind
        )
    memory.check(size, f"the model {file_path.name}", InvalidInput)
    return file_path


def check_files(folder: Path) -> None:
    """Refuse a model's folder in which something is no regular file, which a library would wait for.

    Raises
    ------
    InvalidInput
        Names it.
    """
    for one in sorted(folder.iterdir()):
        if one.exists() and not one.is_dir():
            check_regular(one, what="model", error=InvalidInput)


def unreadable(name: str, kind: str, why: str) -> ModelError:
    """Return the error of a file that a library cannot read as what it should be."""
    return ModelError(f"{name}: not a readable {kind} file: {why}", setting=name, rule=f"be a whole file of {kind}")


def members(path: Path, name: str) -> list[str]:
    """Return the names in a zip archive, once it is known what it unpacks to.

    Sizes that an archive states are compared with what its members really unpack to, a piece at a time: readers ask for
    a whole member at once, and get all that is packed.

    Raises
    ------
    InvalidInput
        It unpacks to more than what SEEWHY_MAX_MEMORY allows, or is packed in a way that networks are not.
    zipfile.BadZipFile
        It is no archive, or contradicts itself.
    """
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        memory.check(sum(part.file_size for part in parts), f"the model {name}, unpacked,", InvalidInput)
        for part in parts:
            _check_member(file, part, name)
    return [part.filename for part in parts]


def _check_member(file: IO[bytes], part: zipfile.ZipInfo, name: str) -> None:
    if part.compress_type == zipfile.ZIP_STORED:
        if part.file_size != part.compress_size:
            raise zipfile.BadZipFile(f"{part.filename} is not compressed, but states two different sizes")
    elif part.compress_type != zipfile.ZIP_DEFLATED:
        raise InvalidInput(
            f"{name}: {part.filename} has an unsupported compression; save the model again",
            setting=name,
            rule="be stored or deflated",
            value=part.compress_type,
        )
    elif _unpacks_to_more(file, part):
        raise InvalidInput(
            f"{name}: {part.filename} unpacks to more than the {memory.size(part.file_size)} that the archive states",
            setting=name,
            rule="unpack to what it states",
            value=part.file_size,
        )


def _unpacks_to_more(file: IO[bytes], part: zipfile.ZipInfo) -> bool:
    file.seek(part.header_offset)
    header = file.read(_LOCAL_HEADER)
    file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
    unpacker, left, size = zlib.decompressobj(-zlib.MAX_WBITS), part.compress_size, 0
    try:
        while not unpacker.eof and size <= part.file_size:
            packed = unpacker.unconsumed_tail or file.read(min(_STEP, left))
            left -= 0 if unpacker.unconsumed_tail else len(packed)
            if not packed:
                break
            size += len(unpacker.decompress(packed, _STEP))
    except zlib.error as error:
        raise zipfile.BadZipFile(f"{part.filename}: {error}") from error
    return size > part.file_size


def check_numbers(shape: Iterable[int | None], size: int, what: str) -> None:
    """Refuse an array that a network claims to take, give or hold, where it is too large; None: any length.

    Raises
    ------
    InvalidInput
        It would need more than what SEEWHY_MAX_MEMORY allows.
    """
    number = size
    for length in shape:
        number *= max(1, int(length or 1))
    memory.check(number, what, InvalidInput)
