"""What is done, in one SQLite file; and who is at work on what, so that several processes share a run.

A finished piece of work is stored at once. A process that is killed leaves a claim behind, which ends by itself.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from seewhy._types import JsonObject
from seewhy.atomic import drop_abandoned, replace_file
from seewhy.errors import FileError, InvalidInput
from seewhy.words import shown

LEASE = 20.0
"""Seconds after which a process that has not been heard of is taken for dead."""

_APPLICATION = 0x73656577
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cells (
  key TEXT PRIMARY KEY, unit TEXT NOT NULL, metric TEXT NOT NULL, state TEXT NOT NULL,
  value REAL, low REAL, high REAL, reason TEXT NOT NULL, facts TEXT NOT NULL, stored REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (unit TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
"""

State = Literal["done", "none", "failed"]
"""Measured; does not apply, with the reason; went wrong, with the reason."""


@dataclass(frozen=True)
class Record:
    """A finished piece of work: an explanation, or one grade of it."""

    key: str
    metric: str
    state: State
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    facts: JsonObject = field(default_factory=dict)
    file: bytes | None = field(default=None, repr=False)
    """The result file of an explanation; it is kept beside the store."""
    passing: bool = False
    """Whether it holds for this run alone, and is asked anew by the next."""


class Store:
    """The finished work of one run, and the claims of those at work; use as a context manager."""

    def __init__(self, folder: Path, lease: float = LEASE) -> None:
        self.folder = folder
        self.lease = _seconds(lease)
        self.owner = f"{os.getpid()}-{uuid.uuid4().hex}"
        self._path = folder / "cells.sqlite"
        self._explanations = folder / "explanations"
        self._passing: dict[str, Record] = {}
        self._stop = threading.Event()
        try:
            self._explanations.mkdir(parents=True, exist_ok=True)
            drop_abandoned(self._explanations)
            self._database = _open(self._path)
        except (OSError, sqlite3.Error) as error:
            raise FileError(f"{self._path} must be the store of an evaluation that can be written: {error}") from error
        self._pulse = threading.Thread(target=self._beat, name="seewhy-claims", daemon=True)
        self._pulse.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pulse.join()
        with suppress(sqlite3.Error):  # claims that cannot be given back, as on a full disk, end by themselves
            self._database.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
        self._database.close()

    def records(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return what is done of ``keys``."""
        wanted, found = list(keys), {}
        for i in range(0, len(wanted), 500):
            some = wanted[i : i + 500]
            marks = ",".join("?" * len(some))
            columns = "key, metric, state, value, low, high, reason, facts"
            for row in self._run(f"SELECT {columns} FROM cells WHERE key IN ({marks})", some):  # noqa: S608
                key, metric, state, value, low, high, why, facts = row
                found[key] = Record(key, metric, state, value, low, high, why, json.loads(facts))
        return found | {key: self._passing[key] for key in wanted if key in self._passing}

    def put(self, unit: str, record: Record) -> None:
        """Store a finished piece of work; from now on it is not lost, unless it is passing."""
        if record.passing:
            self._passing[record.key] = record
            return
        if record.file is not None:
            replace_file(self.explanation(unit), record.file)
        values = (record.value, record.low, record.high, record.reason, json.dumps(record.facts, allow_nan=False))
        self._run(
            "INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (record.key, unit, record.metric, record.state, *values, time.time()),
        )

    def forget_failed(self, units: Iterable[str]) -> None:
        """Let what failed in these units be tried again."""
        for unit in units:
            self._run("DELETE FROM cells WHERE unit = ? AND state = 'failed'", (unit,))

    def explanation(self, unit: str) -> Path:
        """Return where the result file of a unit is kept."""
        return self._explanations / f"{unit}.seewhy"

    @contextmanager
    def claimed(self, unit: str) -> Iterator[bool]:
        """Claim a unit; False while another living process is at work on it."""
        now = time.time()
        mine = self._run(
            "INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT (unit) DO UPDATE "
            "SET owner = excluded.owner, until = excluded.until WHERE claims.until < ?",
            (unit, self.owner, now + self.lease, now),
        ).rowcount
        try:
            yield mine == 1
        finally:
            if mine == 1:
                self._run("DELETE FROM claims WHERE unit = ? AND owner = ?", (unit, self.owner))

    def holds(self, unit: str) -> bool:
        """Say whether the claim is still this process's: one that slept for long has lost it."""
        return bool(self._run("SELECT 1 FROM claims WHERE unit = ? AND owner = ?", (unit, self.owner)).fetchall())

    def _run(self, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise FileError(f"{self._path} must be a store that can be read and written: {error}") from error

    def _beat(self) -> None:
        """Renew this process's claims until the end, on a connection of its own."""
        database = _connected(self._path)
        try:
            while not self._stop.wait(self.lease / 4):
                until = time.time() + self.lease
                with suppress(sqlite3.OperationalError):  # the disk is full: the next beat may find room
                    database.execute("UPDATE claims SET until = ? WHERE owner = ?", (until, self.owner))
        finally:
            database.close()


def _seconds(lease: object) -> float:
    if isinstance(lease, bool) or not isinstance(lease, int | float) or not 0 < lease < threading.TIMEOUT_MAX:
        raise InvalidInput(f"lease must be seconds, above 0, got {shown(lease)}")
    return float(lease)


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=60, isolation_level=None)


def _open(path: Path) -> sqlite3.Connection:
    database = _connected(path)
    try:
        _prepared(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _prepared(database: sqlite3.Connection, path: Path) -> None:
    def pragma(name: str) -> Any:
        return database.execute(f"PRAGMA {name}").fetchone()[0]

    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("BEGIN IMMEDIATE")
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables == 0:
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {_VERSION}")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            database.execute(statement)
    database.execute("COMMIT")
    if (pragma("application_id"), pragma("user_version")) != (_APPLICATION, _VERSION):
        raise FileError(f"{path} must be the store of an evaluation of this version, got another file; choose --out")
