"""The files of an evaluation: tables as CSV and, if wanted, Parquet; everything together as JSON."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seewhy._types import JsonObject
from seewhy.errors import FileError
from seewhy.evaluate.result import Evaluation
from seewhy.models.extras import need


def written(found: Evaluation, out: Path, *, parquet: bool) -> list[Path]:
    """Write all files and return their paths; a reader sees the old file or the new one, never half of it."""
    tables = {"photos": _photos(found), "cells": _cells(found), "summary": _summary(found)}
    tables["differences"] = found.differences
    paths = []
    for name, rows in tables.items():
        paths.append(_write(out / f"{name}.csv", _csv(rows)))
        if parquet:
            paths.append(_write(out / f"{name}.parquet", _parquet(rows)))
    text = json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n"
    return [*paths, _write(out / "summary.json", text.encode())]


def _photos(found: Evaluation) -> list[JsonObject]:
    return [row.to_dict(found.metrics) for row in found.rows]


def _cells(found: Evaluation) -> list[JsonObject]:
    """Return a row for each grade, with its interval, what it is made of, and why it is missing."""
    return list(_grades(found))


def _grades(found: Evaluation) -> Iterator[JsonObject]:
    for row in found.rows:
        for name, one in row.grades.items():
            yield {
                "photo": row.photo,
                "group": row.group,
                "model": row.model,
                "contender": row.contender,
                "metric": name,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "state": {"done": "done", "none": "does not apply", "failed": "failed"}[one.state],
                "reason": one.reason,
                "parts": json.dumps(one.facts.get("parts", {})),
            }


def _summary(found: Evaluation) -> list[JsonObject]:
    """Return a row for each line of the summary, the interval of each metric beside it."""
    rows = []
    for line in found.summary:
        row = {key: value for key, value in line.items() if key != "metrics"}
        for name, one in line["metrics"].items():
            row[name] = None if one is None else one["value"]
            row |= {f"{name} {end}": None if one is None else one[end] for end in ("low", "high")}
        rows.append(row)
    return rows


def _csv(rows: list[JsonObject]) -> bytes:
    stream = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return stream.getvalue().encode("utf-8", "surrogateescape")


def need_parquet() -> Any:
    """Return the module that writes Parquet, or say what to install."""
    return need("pyarrow.parquet", "evaluate")


def _parquet(rows: list[JsonObject]) -> bytes:
    writer, stream = need_parquet(), io.BytesIO()
    writer.write_table(need("pyarrow", "evaluate").Table.from_pylist(rows), stream)
    return stream.getvalue()


def _write(path: Path, data: bytes) -> Path:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    return path
