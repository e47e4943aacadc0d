"""A CSV of boxes: ``file, x0, y0, x1, y1`` and, if wanted, ``index`` or ``label``, and ``group``; a row a box."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.files import read_regular
from seewhy.core.text import Words, shown
from seewhy.truth.fields import bounded, file_name
from seewhy.truth.known import Known
from seewhy.truth.shapes import Objects, Shapes, marks_of

_CORNERS = ("x0", "y0", "x1", "y1")
_MORE = ("index", "label", "group")


@dataclass
class _Photo:
    """What the rows of one photo say."""

    boxes: list[tuple[int | str | None, Shapes]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def read(path: Path) -> list[Known]:
    """Return an entry for each photo, its boxes together."""
    photos: dict[str, _Photo] = {}
    for place, row in _rows(path):
        photo = photos.setdefault(file_name(row["file"], f"{place}: file"), _Photo())
        left, top, right, bottom = (_number(row[corner], f"{place}: {corner}") for corner in _CORNERS)
        photo.boxes.append((_class(row, place), Shapes(boxes=((left, top, right, bottom),))))
        group = (row.get("group") or "").strip()
        if group and group not in photo.groups:
            photo.groups.append(group)
    return [_entry(file, photo, path) for file, photo in photos.items()]


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place of each row, and the row."""
    data = read_regular(path, what="truth")
    try:
        lines = io.StringIO(data.decode("utf-8-sig"), newline="")
        reader = csv.DictReader(lines, skipinitialspace=True, strict=True)
        rows = [(f"truth {path}, line {reader.line_num}", row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(
            f"truth {path} is not readable as UTF-8 CSV: {error}",
            setting=str(path),
            rule="be readable as UTF-8 CSV",
            value=str(error),
        ) from error
    header = tuple(reader.fieldnames or ())
    missing = {"file", *_CORNERS} - set(header)
    surplus = set(header) - {"file", *_CORNERS, *_MORE}
    if missing or surplus:
        rule = f"the columns file, {', '.join(_CORNERS)}, and none but {', '.join(_MORE)} beside them"
        raise FileError.of(f"truth {path}", f"have {rule}", Words(", ".join(header) or "none"))
    for place, row in rows:
        if None in row or None in row.values():
            raise FileError(
                f"{place} must have {len(header)} values, as the first line",
                setting=place,
                rule="have as many values as the first line",
                value=len(header),
            )
        yield place, row


def _entry(file: str, photo: _Photo, path: Path) -> Known:
    if len(photo.groups) > 1:
        raise FileError(
            f"truth {path}: {file} must be in one group, got {', '.join(photo.groups)}",
            setting=str(path),
            rule="put each photo in one group",
            value=file,
        )
    try:
        marks = marks_of(photo.boxes)
    except InvalidInput as error:
        raise FileError(
            f"truth {path}: {file}: {error}", setting=str(path), rule=error.rule or str(error), value=error.value
        ) from error
    classes = marks.classes if isinstance(marks, Objects) else ()
    group = photo.groups[0] if photo.groups else None
    return Known(file, marks=marks, classes=classes, sure=len(classes) == 1, group=group, place=f"truth {path}: {file}")


def _class(row: dict[str, Any], place: str) -> int | str | None:
    index, label = ((row.get(name) or "").strip() for name in ("index", "label"))
    if index and label:
        raise FileError(
            f"{place} must have an index or a label, got {shown(index)} and {shown(label)}",
            setting=place,
            rule="have an index or a label",
            value=(index, label),
        )
    if not index:
        return label or None
    if not index.isdecimal():
        raise FileError(
            f"{place}: index must be a whole number of at least 0, got {shown(index)}",
            setting=place,
            rule="have a whole number of at least 0 as index",
            value=index,
        )
    return bounded(index, f"{place}: index")


def _number(text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FileError.of(place, "be a number", text) from None
