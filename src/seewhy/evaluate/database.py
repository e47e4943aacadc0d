"""SQLite files of runs: a file of somebody else's is refused before anything is written to it."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from seewhy.core.errors import FileError

PATIENCE = 60.0
"""Seconds to wait for another process that is writing."""
_HEADER = b"SQLite format 3\x00"


def connected(path: Path) -> sqlite3.Connection:
    """Return a connection on which every statement is a transaction of its own."""
    return sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)


def unusable(path: Path, what: str, error: sqlite3.Error | OSError) -> FileError:
    """Return what to raise where a file of a run cannot be read or written."""
    if "locked" in str(error):
        rule = f"be free within {PATIENCE:g} s"
        text = f"{path} is in use by another program and did not become free within {PATIENCE:g} s"
        return FileError(f"{text}; end that program, or choose another output folder", setting=str(path), rule=rule)
    if isinstance(error, sqlite3.OperationalError | OSError):  # the disk is full, or the file may not be written
        reason = getattr(error, "strerror", None) or str(error)
        rule = f"be {what} that can be read and written"
        return FileError(f"{path} must {rule}: {reason}", setting=str(path), rule=rule, value=reason)
    return _refused(path, what, str(error))


def check_own(path: Path, what: str, *, tables: Collection[str], application: int = 0, version: int = 0) -> None:
    """Refuse what no run wrote: a folder, a pipe, another kind of file, or a database with other tables.

    A missing or empty file is fine: the run is new, or was killed before it had written anything.

    Parameters
    ----------
    what
        What the file should be, for the message: "an evaluation's store".
    tables
        Names of its tables.
    application, version
        SQLite's numbers of application and version that it must have.

    Raises
    ------
    FileError
        Names the file and what is wrong with it.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise unusable(path, what, error) from error
    if not stat.S_ISREG(mode):
        raise _refused(path, what, "a folder" if stat.S_ISDIR(mode) else "a pipe or device")
    try:
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
    except OSError as error:
        raise unusable(path, what, error) from error
    if not head:
        return
    if head != _HEADER:
        raise _refused(path, what, "a file that is not an SQLite database, or a damaged one")
    try:
        _check_inside(path, what, frozenset(tables), (application, version))
    except sqlite3.Error as error:
        raise unusable(path, what, error) from error


def _check_inside(path: Path, what: str, tables: frozenset[str], numbers: tuple[int, int]) -> None:
    with closing(connected(path)) as database:
        held = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not held:
            return
        found = [database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
        if found[0] != numbers[0] or not tables <= held:
            raise _refused(path, what, "a database of something else")
        if found[1] != numbers[1]:
            raise _refused(path, what, f"version {found[1]}; this seewhy reads version {numbers[1]}")


def _refused(path: Path, what: str, got: str) -> FileError:
    advice = "choose another output folder, or delete this file to start again"
    return FileError(f"{path} must be {what}, got {got}; {advice}", setting=str(path), rule=f"be {what}", value=got)
