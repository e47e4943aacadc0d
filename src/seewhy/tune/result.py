"""The result of a tuning: its facts, printed and written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from seewhy.core.atomic import make_folder, replace_file
from seewhy.core.settings import to_toml
from seewhy.tune.facts import TuningFacts
from seewhy.tune.page import page
from seewhy.tune.summary import report


@dataclass(frozen=True, kw_only=True, repr=False)
class Tuning(TuningFacts):
    """The result of :func:`seewhy.tune`. Printed, it is the report."""

    def save(self, folder: str | Path, model: object = None) -> list[Path]:
        """Write ``tune.toml`` with the settings, ``tune.json`` with all, ``tune.txt`` and ``tune.html``.

        Raises
        ------
        FileError
            They cannot be written.
        """
        texts = {
            "tune.toml": to_toml(self.settings(model)),
            "tune.json": json.dumps(self.to_dict(), allow_nan=False) + "\n",
            "tune.txt": f"{self}\n",
            "tune.html": self.to_html(),
        }
        place = make_folder(folder)
        return [replace_file(place / name, text.encode("utf-8", "backslashreplace")) for name, text in texts.items()]

    def to_html(self) -> str:
        """Return everything as one HTML page that needs nothing else."""
        return page(self)

    def __str__(self) -> str:
        return report(self)

    def __repr__(self) -> str:
        same = "" if self.held_out else " on the data used for choosing"
        return (
            f"<Tuning by {self.metric}: {self.winner.method.name} {self.score:.4g}{same}, "
            f"{self.calls.total} model calls>"
        )
