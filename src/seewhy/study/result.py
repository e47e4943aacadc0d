"""The result of a study: its facts, as a page and as files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from seewhy.core.atomic import make_folder, replace_file
from seewhy.study.facts import StudyFacts
from seewhy.study.page import page


@dataclass(frozen=True, eq=False)
class Study(StudyFacts):
    """The scores of every setting on every photo under every model, and the answers that follow from them."""

    def to_html(self) -> str:
        """Return the page: one file that needs nothing else, neither scripts nor a connection."""
        return page(self)

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write ``study.json`` and ``study.html`` and return their paths."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        out = make_folder(folder)
        return [_written(out / "study.json", text), _written(out / "study.html", self.to_html())]


def _written(path: Path, text: str) -> Path:
    return replace_file(path, text.encode("utf-8", "backslashreplace"))  # a name of a photo may be no UTF-8
