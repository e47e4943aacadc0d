"""Opening files that people name: only regular ones, so that nothing is waited for and nothing is endless."""

from __future__ import annotations

import io
import os
import re
import stat
from pathlib import Path

from seewhy.core.errors import FileError, SeewhyError
from seewhy.core.text import shortened

_ADDRESS = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?=[^/])")
"""The start of a URL; a path keeps one slash of two. One letter is a drive of Windows."""
_LONGEST_NAME = 200
_MAGIC = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
)
"""How files of known kinds begin."""
_KINDS = {
    stat.S_ISDIR: "folder",
    stat.S_ISFIFO: "pipe",
    stat.S_ISSOCK: "socket",
    stat.S_ISCHR: "device",
    stat.S_ISBLK: "device",
}


def open_regular(
    path: str | os.PathLike[str], *, what: str = "", error: type[SeewhyError] = FileError
) -> io.BufferedReader:
    """Open a file for reading, in binary; links are followed, and what they lead to counts.

    A pipe would be waited for and a device may never end: both are refused without being opened.

    Parameters
    ----------
    what
        What the file is, as the first word of the message, such as ``truth``.
    error
        The class that is raised.
    """
    name = _name(path)
    place = f"{what} {name}" if what else name
    try:
        _check(Path(path).stat().st_mode, place, name, error)
        # Between the two calls the file may have become another one.
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  # the caller closes it
    except SeewhyError:
        raise
    except FileNotFoundError:
        raise error(f"{place}: no such file{_advice(name)}", setting=name, rule="be a file", value=None) from None
    except (OSError, ValueError) as failure:  # ValueError: a zero byte in the name
        reason = getattr(failure, "strerror", None) or str(failure)
        raise error(f"{place}: cannot be opened: {reason}", setting=name, rule="be readable") from failure
    try:
        _check(os.fstat(file.fileno()).st_mode, place, name, error)
    except SeewhyError:
        file.close()
        raise
    return file


def read_regular(path: str | os.PathLike[str], *, what: str = "", error: type[SeewhyError] = FileError) -> bytes:
    """Return the bytes of a file, opened by :func:`open_regular`."""
    with open_regular(path, what=what, error=error) as file:
        try:
            return file.read()
        except OSError as failure:
            name = _name(path)
            raise error(f"{name}: cannot be read: {failure.strerror or failure}", setting=name) from failure


def check_regular(path: str | os.PathLike[str], *, what: str = "", error: type[SeewhyError] = FileError) -> None:
    """Refuse what :func:`open_regular` refuses, for a library that opens files by itself."""
    open_regular(path, what=what, error=error).close()


def kind_of(content: bytes) -> str:
    """Return what a file is by how its ``content`` begins, such as "a JPEG image"; empty where that is not known."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "a WebP image"
    if content[4:12] in {b"ftypavif", b"ftypheic", b"ftypmif1"}:
        return "an AVIF or HEIC image"
    if content[:2] == b"BM" and content[6:10] == bytes(4):
        return "a BMP image"
    length = int.from_bytes(content[:8], "little")
    if content[8:10] == b'{"' and 0 < length < 10**8:
        return "a safetensors or result file"
    return next((kind for start, kind in _MAGIC if content.startswith(start)), "")


def _check(mode: int, place: str, name: str, error: type[SeewhyError]) -> None:
    if not stat.S_ISREG(mode):
        kind = next((word for fits, word in _KINDS.items() if fits(mode)), "special file")
        raise error(f"{place}: not a regular file but a {kind}", setting=name, rule="be a regular file", value=kind)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _name(path: str | os.PathLike[str]) -> str:
    """Return the path as people wrote it, an address with both of its slashes."""
    return shortened(_ADDRESS.sub(r"\1://", str(Path(os.fsdecode(path))), count=1), _LONGEST_NAME)


def _advice(name: str) -> str:
    return "; seewhy does not download: save it first and give the path" if "://" in name else ""
