"""What was seen, kept in one SQLite file, so that a tuning that was killed resumes where it stopped."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from seewhy.evaluate.database import check_own, connected, unusable
from seewhy.evaluate.records import read_json

FILE = "tune.sqlite"
_WHAT = "the store of a tuning"


class Memory:
    """Values that JSON can hold, by key. Without a folder it remembers while the program runs."""

    def __init__(self, folder: Path | None) -> None:
        self._held: dict[str, str] = {}
        self._path = None if folder is None else folder / FILE
        if self._path is not None:
            check_own(self._path, _WHAT, tables=("looks",))
            with self._open() as held:
                held.execute("PRAGMA journal_mode = WAL")
                held.execute("CREATE TABLE IF NOT EXISTS looks (key TEXT PRIMARY KEY, look TEXT NOT NULL)")

    def get(self, key: str) -> Any:
        """Return what is known under a key; None: nothing."""
        if self._path is None:
            text = self._held.get(key)
        else:
            with self._open() as held:
                row = held.execute("SELECT look FROM looks WHERE key = ?", (key,)).fetchone()
            text = None if row is None else str(row[0])
        try:
            return None if text is None else read_json(text)
        except (ValueError, RecursionError):
            return None  # damaged: it is found out once more

    def put(self, key: str, value: Any) -> None:
        """Remember a value, wholly or not at all."""
        text = json.dumps(value, allow_nan=False)
        if self._path is None:
            self._held[key] = text
            return
        with self._open() as held:
            held.execute("INSERT OR REPLACE INTO looks VALUES (?, ?)", (key, text))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        assert self._path is not None
        try:
            with closing(connected(self._path)) as held:
                held.execute("PRAGMA synchronous = NORMAL")  # safe from kill; a power cut may cost the last values
                yield held
        except sqlite3.Error as error:
            raise unusable(self._path, _WHAT, error) from error
