"""What the files of ``evaluate``, ``study`` and ``tune`` are of, so that another run's are not replaced in silence.

All that was found stays in the store beside them, so that the same command writes them again; the files are of one run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seewhy.cli.terminal import say

_MOST = 64 * 2**20
"""Bytes of a file that is looked into."""


class Held:
    """What a folder holds before a run.

    Parameters
    ----------
    folder
        Of the run.
    name
        The file that says what it is of: ``photos.csv``, ``study.json`` or ``tune.json``.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name
        self._before = self._parts()

    def notes(self, *, quiet: bool) -> list[str]:
        """Return what people should hear after the run: nothing where all that was there is there still.

        ``quiet``: say it on stderr instead, since nothing else is printed.
        """
        lost = sorted(self._before - self._parts())
        if not lost:
            return []
        note = (
            f"{self._path.parent} held the files of another run ({lost[0]}), which were replaced; its "
            "results are still stored there, and its command writes them again; use --out to keep "
            "runs apart"
        )
        if quiet:
            say(f"note: {note}", err=True)
            return []
        return [note]

    def _parts(self) -> set[str]:
        """Return what the file is of; nothing where it is missing, damaged or of another kind."""
        try:
            if not self._path.is_file() or self._path.stat().st_size > _MOST:
                return set()
            text = self._path.read_text(encoding="utf-8")
            return set(_of_table(text) if self._path.suffix == ".csv" else _of_json(json.loads(text)))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, csv.Error):
            return set()


def _of_table(text: str) -> Iterator[str]:
    for row in csv.DictReader(text.splitlines()):
        yield f"{row['photo']}, {row['contender']}, {row['model']}"


def _of_json(found: dict[str, Any]) -> Iterator[str]:
    """Yield the photos and models of a study with its seed and metric; or the photos, class and seed of a tuning."""
    if "questions" in found:
        yield f"metric {found['metric']['name']}"
        for one in found["photos"]:
            yield from (f"{one['photo']}, {model}" for model in found["models"])
        yield from (f"setting {one['label']}" for one in found["settings"])
    else:
        yield f"metric {found['metric']}"
        yield f"class {found['target']}"
        yield from (f"photo {one['name']}" for one in found["photos"])
    yield f"seed {found['seed']}"
