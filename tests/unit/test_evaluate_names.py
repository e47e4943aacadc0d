"""Names of files that are not in UTF-8: they are written so that everyone can read them, and end no run."""

from __future__ import annotations

import json
import os

import pytest

from seewhy.core.errors import FileError
from seewhy.evaluate import evaluate
from seewhy.truth import Known, matched, printable, read_truth
from support.graded import LIME, folder, model
from support.refusing import refuses

ODD = b"caf\xe9"
SHOWN = "caf\\udce9"


def odd(inside):
    return inside / f"{os.fsdecode(ODD)}.png"


@pytest.fixture
def place(tmp_path):
    """Two photos, the second with an odd name; and a mask of it."""
    folder(tmp_path, 2)
    try:
        for name in ("photos", "masks"):
            (tmp_path / name / "1.png").rename(odd(tmp_path / name))
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    return tmp_path


def graded(place, **more):
    usual = {"truth": place / "masks", "methods": {"lime": LIME}, "model": model(), "baselines": (), "progress": False}
    return evaluate(place / "photos", metrics=["iou"], out=place / "run", **(usual | more))


def test_every_table_is_in_utf_8(place):
    found = graded(place)

    assert [row.photo for row in found.rows] == ["0.png", f"{SHOWN}.png"]
    assert all(row.value("iou") is not None for row in found.rows)
    for name in ("photos", "cells", "summary"):
        assert (SHOWN in (place / "run" / f"{name}.csv").read_bytes().decode()) == (name != "summary")


def test_parquet_takes_such_names(place):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    graded(place, parquet=True)
    assert parquet.read_table(place / "run" / "photos.parquet").column("photo").to_pylist()[1] == f"{SHOWN}.png"


def test_a_damaged_photo_of_such_a_name_is_recorded(place):
    odd(place / "photos").write_bytes(b"nothing")

    found = graded(place)

    assert list(found.faults) == [f"{SHOWN}.png"]
    assert found.faults[f"{SHOWN}.png"].startswith(f"{SHOWN}.png must be an image file")
    assert json.loads((place / "run" / "summary.json").read_text())["failed"] == found.faults
    assert graded(place).faults == found.faults


def test_a_damaged_mask_of_such_a_name_is_recorded(place):
    odd(place / "masks").write_bytes(b"nothing")
    assert f"{SHOWN}.png: a mask must be a PNG" in graded(place).faults[f"{SHOWN}.png"]


def test_a_list_that_names_such_a_photo_is_about_it(place):
    entries = [{"file": odd(place / "photos").name, "boxes": [[0, 0, 8, 8]]}, {"file": f"x{os.fsdecode(ODD)}.png"}]
    (place / "truth.json").write_text(json.dumps(entries))

    found = graded(place, truth=place / "truth.json")

    assert found.rows[1].value("iou") is not None
    assert found.rows[1].group == SHOWN
    (place / "run" / "photos.csv").read_bytes().decode()
    assert any(f"such as x{SHOWN}.png" in note for note in found.notes)


def test_labels_are_readable_too(place):
    assert graded(place, methods={os.fsdecode(ODD): LIME}).rows[0].contender == SHOWN


def test_truth_of_such_a_name_is_found(tmp_path):
    raw = os.fsdecode(ODD) + ".jpg"
    known = Known(raw)
    assert matched([known], [printable(raw)]) == ({f"{SHOWN}.jpg": known}, [])
    assert printable("plain é \ud800") == "plain é \\ud800"
    (tmp_path / "truth.json").write_text(json.dumps([{"file": "a.jpg", "group": raw}]))
    with refuses(FileError, "truth.json[0].group", value="caf\udce9.jpg"):
        read_truth(tmp_path / "truth.json")
