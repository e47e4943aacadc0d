"""The files of an evaluation: tables as CSV and, if wanted, Parquet; everything together as JSON and as a page."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seewhy.core.atomic import replace_file
from seewhy.core.tables import csv_bytes
from seewhy.core.types import JsonObject
from seewhy.evaluate.result import Evaluation
from seewhy.models.extras import need

_COLUMNS = {
    "cells": ("photo", "group", "model", "contender", "metric", "value", "low", "high", "state", "reason", "parts"),
    "differences": ("model", "metric", "first", "second", "value", "low", "high", "photos", "groups", "better"),
}
"""Of the tables that may have no row."""


def written(found: Evaluation, out: Path, *, parquet: bool) -> list[Path]:
    """Write all files and return their paths; a reader sees the old file or the new one, never half of it."""
    tables = {"photos": _photos(found), "cells": list(_grades(found)), "summary": _summary(found)}
    tables["differences"] = found.differences
    paths = []
    for name, rows in tables.items():
        columns = _COLUMNS.get(name) or tuple(rows[0])
        paths.append(replace_file(out / f"{name}.csv", csv_bytes(rows, columns)))
        if parquet:
            paths.append(replace_file(out / f"{name}.parquet", _parquet(rows, columns)))
    text = json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n"
    page = found.to_html().encode("utf-8", "backslashreplace")  # a name of a photo may be no UTF-8
    return [*paths, replace_file(out / "summary.json", text.encode()), replace_file(out / "summary.html", page)]


def _photos(found: Evaluation) -> list[JsonObject]:
    return [row.to_dict(found.metrics) for row in found.rows]


def _grades(found: Evaluation) -> Iterator[JsonObject]:
    """Yield a row for each grade, with its interval, what it is made of, and why it is missing."""
    for row in found.rows:
        for name, one in row.grades.items():
            state = {"done": "done", "none": "does not apply", "failed": "failed"}[one.state]
            parts = json.dumps(one.facts.get("parts", {}))
            named = (row.photo, row.group, row.model, row.contender, name)
            values = (*named, one.value, one.low, one.high, state, one.reason, parts)
            yield dict(zip(_COLUMNS["cells"], values, strict=True))


def _summary(found: Evaluation) -> list[JsonObject]:
    """Return a row for each line of the summary; beside each metric its interval, and of how many photos it is."""
    rows = []
    for line in found.summary:
        row = {key: value for key, value in line.items() if key != "metrics"}
        for name, one in line["metrics"].items():
            row[name] = None if one is None else one["value"]
            row |= {f"{name} {end}": None if one is None else one[end] for end in ("low", "high")}
            row[f"{name} photos"] = 0 if one is None else one["photos"]
        rows.append(row)
    return rows


def need_parquet() -> Any:
    """Return the module that writes Parquet, or say what to install."""
    return need("pyarrow.parquet", "evaluate")


def _parquet(rows: list[JsonObject], columns: tuple[str, ...]) -> bytes:
    writer, arrow, stream = need_parquet(), need("pyarrow", "evaluate"), io.BytesIO()
    values = {name: [row[name] for row in rows] for name in columns}
    writer.write_table(arrow.table(values), stream)
    return stream.getvalue()
