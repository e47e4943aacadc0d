"""A folder of PNG masks, each with the name of its photo."""

from __future__ import annotations

from pathlib import Path

from seewhy.truth.known import Known, MaskPicture


def read(path: Path) -> list[Known]:
    """Return an entry for each mask; none is opened."""
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".png" and file.is_file())
    return [Known(file.relative_to(path).as_posix(), exact=False, marks=MaskPicture(file)) for file in files]
