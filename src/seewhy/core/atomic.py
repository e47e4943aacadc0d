"""The one place where files are written: a reader sees the old file or the new one, never half of it.

The content goes to a hidden file in the same folder, to the disk, and then under its name. A full disk, a killed
process or a power cut therefore leaves the old file whole.

A symbolic link stays a link: the file it points to is replaced. A file keeps its permissions, and one that may not be
written to is refused. What is no regular file, such as a pipe or a device, is written to as it is.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seewhy.core.errors import FileError

PART = ".part"
"""Ending of what is being written. Its name does not depend on the file's, which may be as long as names can be."""
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.EINVAL}
"""What file systems without hard links say."""
_ABANDONED = 24 * 3600
"""Seconds after which what is being written has no writer any more."""


def replace_file(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write ``data`` to a file, in place of the one there, and return its path as it was given.

    Raises
    ------
    FileError
        The file cannot be written; the one that was there is as before.
    """
    target = Path(path)
    with _said(target):
        place = Path(os.path.realpath(target)) if target.is_symlink() else target
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if place.exists() and not place.is_file():
            place.write_bytes(data)
            return target
        if place.exists() and not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with _part(place.parent, data) as part:
            with suppress(OSError):
                part.chmod(place.stat().st_mode & 0o7777)
            part.replace(place)
        _settle(place.parent)
    return target


def create_file(path: str | os.PathLike[str], data: bytes) -> bool:
    """Write ``data`` to a file that is not there yet, and return True; False, and nothing is written, if there is one.

    Of several processes that create the same file at the same moment one gets True.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    target = Path(path)
    if os.path.lexists(target):
        return False
    with _said(target), _part(target.parent, data) as part:
        try:
            _linked(part, target)
        except FileExistsError:
            return False
        _settle(target.parent)
    return True


def make_folder(path: str | os.PathLike[str], what: str = "") -> Path:
    """Make a folder, with those above it, where it is not there yet; ``what`` is the setting that names it.

    Raises
    ------
    FileError
        It cannot be made, or is a file.
    """
    folder = Path(path)
    place = what or str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        text = f"{place} must be a folder, but {folder} is a file"
        raise FileError(text, setting=place, rule="be a folder", value=str(folder)) from None
    except OSError as error:
        text = f"{what}: cannot make the folder {folder}" if what else f"cannot make the folder {folder}"
        text = f"{text}: {error.strerror or error}"
        raise FileError(text, setting=place, rule="be a folder", value=str(folder)) from error
    return folder


def drop_abandoned(folder: Path) -> None:
    """Remove what processes that were killed more than a day ago left half written."""
    with suppress(OSError):
        for part in folder.glob(f".seewhy-*{PART}"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > _ABANDONED:
                    part.unlink()


@contextmanager
def _said(target: Path) -> Iterator[None]:
    """Turn what the system says into one line that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot write {target}: {reason}", setting=str(target), rule=reason) from error
    except ValueError as error:  # a NUL character in a name
        raise FileError(f"cannot write {target}: {error}", setting=str(target), rule=str(error)) from error


@contextmanager
def _part(folder: Path, data: bytes) -> Iterator[Path]:
    """Yield a hidden file with the content, on the disk; it is gone afterwards, if nobody has renamed it."""
    part = folder / f".seewhy-{os.getpid()}-{secrets.token_hex(6)}{PART}"
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(file)
        yield part
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _linked(part: Path, target: Path) -> None:
    """Give a written file its name, if nothing has that name."""
    try:
        os.link(part, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))  # the name is ours from here on
        part.replace(target)


def _settle(folder: Path) -> None:
    """Bring the new name to the disk, where the system lets a folder be opened."""
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
