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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Self

from seewhy.core.atomic import drop_abandoned, replace_file
from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.text import shown
from seewhy.evaluate.database import check_own, connected, unusable
from seewhy.evaluate.records import COLUMNS, Record, State, record_of

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

__all__ = ["LEASE", "Record", "State", "Store"]

_WHAT = "the store of an evaluation or a study"


class Store:
    """The finished work of one run, and the claims of those at work; use as a context manager."""

    def __init__(
        self, folder: Path, lease: float = LEASE, *, needed: Mapping[str, Collection[str]] = MappingProxyType({})
    ) -> None:
        self.folder = folder
        self._needed = needed
        self.lease = _seconds(lease)
        self.owner = f"{os.getpid()}-{uuid.uuid4().hex}"
        self._blocked: dict[str, tuple[object, object, float]] = {}
        """Owner and end of each claim of another process that stood in the way, and when it was first seen so."""
        self._path = folder / "cells.sqlite"
        self._explanations = folder / "explanations"
        self._passing: dict[str, Record] = {}
        self._stop = threading.Event()
        try:
            self._explanations.mkdir(parents=True, exist_ok=True)
            drop_abandoned(self._explanations)
            self._database = _open(self._path)
        except (OSError, sqlite3.Error) as error:
            raise unusable(self._path, _WHAT, error) from error
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
            for row in self._rows(f"SELECT {', '.join(COLUMNS)} FROM cells WHERE key IN ({marks})", some):  # noqa: S608
                record = self._record(row)
                found[record.key] = record
        return found | {key: self._passing[key] for key in wanted if key in self._passing}

    def _record(self, row: Sequence[object]) -> Record:
        try:
            return record_of(row, self._needed)
        except InvalidInput as error:
            raise FileError(
                f"{self._path}, row {shown(row[0])} of cells: {error}; delete the row to do that work again",
                setting=f"{self._path}: {error.setting}",
                rule=error.rule,
                value=error.value,
            ) from error

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
        """Claim a unit; False while another living process is at work on it.

        A process lives as long as it renews its claims. That is judged by this process's own clock, since the end that
        a claim names may lie far ahead: of a clock that was set back since, or of a longer lease.
        """
        now = time.time()
        mine = self._run(
            "INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT (unit) DO UPDATE "
            "SET owner = excluded.owner, until = excluded.until "
            "WHERE claims.until < ? OR (claims.owner IS ? AND claims.until IS ?)",
            (unit, self.owner, now + self.lease, now, *self._abandoned(unit)),
        ).rowcount
        try:
            yield mine == 1
        finally:
            if mine == 1:
                self._blocked.pop(unit, None)
                self._run("DELETE FROM claims WHERE unit = ? AND owner = ?", (unit, self.owner))

    def _abandoned(self, unit: str) -> tuple[object, object]:
        """Return owner and end of a claim that was not renewed for a whole lease; a pair that is no claim if none."""
        nobody = (None, None)
        claims = self._rows("SELECT owner, until FROM claims WHERE unit = ?", (unit,))
        if not claims or claims[0][0] == self.owner:
            return nobody
        owner, until = claims[0]
        now = time.monotonic()
        seen = self._blocked.get(unit)
        if seen is None or seen[:2] != (owner, until):
            self._blocked[unit] = owner, until, now
            return nobody
        patience = max(self.lease, LEASE)  # a living process renews more often, whatever its lease
        return (owner, until) if now - seen[2] > patience else nobody

    def holds(self, unit: str) -> bool:
        """Say whether the claim is still this process's: one that slept for long has lost it."""
        return bool(self._rows("SELECT 1 FROM claims WHERE unit = ? AND owner = ?", (unit, self.owner)))

    def _run(self, statement: str, values: Sequence[object]) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise unusable(self._path, _WHAT, error) from error

    def _rows(self, statement: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise unusable(self._path, _WHAT, error) from error

    def _beat(self) -> None:
        """Renew this process's claims until the end, on a connection of its own."""
        database = connected(self._path)
        try:
            while not self._stop.wait(min(self.lease, LEASE) / 4):
                until = time.time() + self.lease
                with suppress(sqlite3.Error):  # the disk is full: the next beat may find room
                    database.execute("UPDATE claims SET until = ? WHERE owner = ?", (until, self.owner))
        finally:
            database.close()


def _seconds(lease: object) -> float:
    if isinstance(lease, bool) or not isinstance(lease, int | float) or not 0 < lease < threading.TIMEOUT_MAX:
        raise InvalidInput.of("lease", "be seconds, above 0", lease)
    return float(lease)


def _open(path: Path) -> sqlite3.Connection:
    check_own(path, _WHAT, tables=("cells", "claims"), application=_APPLICATION, version=_VERSION)
    database = connected(path)
    try:
        _prepared(database)
    except BaseException:
        database.close()
        raise
    return database


def _prepared(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("BEGIN IMMEDIATE")
    if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {_VERSION}")
        for statement in filter(str.strip, _SCHEMA.split(";")):
            database.execute(statement)
    database.execute("COMMIT")
