"""A CSV of boxes: ``file, x0, y0, x1, y1`` and, if wanted, ``index`` or ``label``, and ``group``; a row a box."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from seewhy.errors import FileError
from seewhy.settings import shown
from seewhy.truth.fields import file_name
from seewhy.truth.known import Known
from seewhy.truth.shapes import Box, Shapes

_CORNERS = ("x0", "y0", "x1", "y1")
_MORE = ("index", "label", "group")


def read(path: Path) -> list[Known]:
    """Return an entry for each photo, its boxes together."""
    boxes: dict[str, list[Box]] = {}
    said: dict[str, dict[str, list[str]]] = {}
    for number, row in enumerate(_rows(path), start=2):
        place = f"truth {path}, line {number}"
        file = file_name(row["file"], f"{place}: file")
        left, top, right, bottom = (_number(row[corner], f"{place}: {corner}") for corner in _CORNERS)
        boxes.setdefault(file, []).append((left, top, right, bottom))
        known = said.setdefault(file, {name: [] for name in _MORE})
        for name in _MORE:
            value = (row.get(name) or "").strip()
            if value and value not in known[name]:
                known[name].append(value)
    return [_entry(file, tuple(boxes[file]), said[file], path) for file in boxes]


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, strict=True)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"truth {path} must be a readable CSV in UTF-8: {error}") from error
    header = tuple(reader.fieldnames or ())
    missing = {"file", *_CORNERS} - set(header)
    surplus = set(header) - {"file", *_CORNERS, *_MORE}
    if missing or surplus:
        rule = f"the columns file, {', '.join(_CORNERS)}, and none but {', '.join(_MORE)} beside them"
        raise FileError(f"truth {path} must have {rule}, got {', '.join(header) or 'none'}")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise FileError(f"truth {path}, line {number} must have {len(header)} values, as the first line")
    return rows


def _entry(file: str, boxes: tuple[Box, ...], said: dict[str, list[str]], path: Path) -> Known:
    if len(said["group"]) > 1:
        raise FileError(f"truth {path}: {file} must be in one group, got {', '.join(said['group'])}")
    indices = [_index(text, f"truth {path}: index of {file}") for text in said["index"]]
    classes: tuple[int | str, ...] = tuple(indices) or tuple(said["label"])
    group = said["group"][0] if said["group"] else None
    return Known(file, marks=Shapes(boxes), classes=classes, sure=len(classes) == 1, group=group)


def _index(text: str, place: str) -> int:
    if not text.isdecimal():
        raise FileError(f"{place} must be a whole number of at least 0, got {shown(text)}")
    return int(text)


def _number(text: str, place: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FileError(f"{place} must be a number, got {shown(text)}") from None
