"""Evaluations against a truth of several classes: the object is what is of the class that is explained."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.errors import InvalidInput
from seewhy.evaluate import evaluate
from support.graded import LIME, SIDE, model
from support.refusing import refuses

RED, GREEN = [0, 0, 8, 8], [8, 8, 8, 8]
NAMES = {1: "red", 2: "green", 3: "zebra"}


@pytest.fixture
def place(tmp_path):
    """A red and a green square, of which the model says red."""
    pixels = np.full((SIDE, SIDE, 3), 20, dtype=np.uint8)
    pixels[:8, :8, 0] = 250
    pixels[8:, 8:, 1] = 240
    (tmp_path / "photos").mkdir()
    Pillow.fromarray(pixels).save(tmp_path / "photos" / "a.png")
    return tmp_path


def coco(place, *things, **more):
    """Write boxes by their category."""
    held = {
        "images": [{"id": 1, "file_name": "a.png", "width": SIDE, "height": SIDE}],
        "categories": [{"id": number, "name": name} for number, name in NAMES.items()],
        "annotations": [{"image_id": 1, "category_id": number, "bbox": box} | more for number, box in things],
    }
    (place / "truth.json").write_text(json.dumps(held))
    return place / "truth.json"


def graded(place, truth, **more):
    usual = {"methods": {"lime": LIME}, "model": model(), "metrics": ["iou", "ap"], "baselines": (), "progress": False}
    return evaluate(place / "photos", truth=truth, **(usual | {"out": place / "run"} | more))


def said(found):
    return [note for note in found.notes if "truth" in note]


def values(found):
    (row,) = found.rows
    return [row.value(name) for name in found.metrics]


def test_only_objects_of_the_explained_class_are_the_object(place):
    both = graded(place, coco(place, (1, RED), (2, GREEN)))
    alone = graded(place, coco(place, (1, RED)), out=place / "alone")

    assert both.rows[0].explanation.facts["label"] == "red"
    assert values(both) == values(alone)
    assert values(both)[1] == 1
    assert (both.rows[0].truth_of, said(both)) == ("class", [])


def test_where_none_is_of_the_class_all_are_and_that_is_said(place):
    found = graded(place, coco(place, (3, RED), (3, GREEN)))

    assert found.rows[0].truth_of == "all"
    assert said(found) == [
        "the ground truth marks no object of the explained class in a.png; all marked objects are used instead"
    ]
    with (place / "run" / "photos.csv").open(newline="") as file:
        assert [row["truth_of"] for row in csv.DictReader(file)] == ["all"]
    assert json.loads((place / "run" / "summary.json").read_text())["notes"] == list(found.notes)
    assert values(found)[1] < 0.9


def test_grades_kept_are_not_those_of_other_classes(place):
    things = [(1, [0, 0, 2, 2]), (2, GREEN)]
    before = graded(place, coco(place, *things, (2, RED)))
    after = graded(place, coco(place, *things, (1, RED)))
    fresh = graded(place, coco(place, *things, (1, RED)), out=place / "fresh")

    assert after.rows[0].explanation.key == before.rows[0].explanation.key
    assert values(after) == values(fresh) != values(before)


def test_a_truth_without_classes_says_nothing_of_classes(place):
    (place / "truth.csv").write_text("file,x0,y0,x1,y1\na.png,0,0,8,8\n")
    found = graded(place, place / "truth.csv")
    assert (found.rows[0].truth_of, said(found)) == ("photo", [])
    assert graded(place, None, metrics=["complexity"]).rows[0].truth_of is None


def test_a_truth_that_is_no_path_is_refused(place):
    for wrong in ({}, {"a": 1}, "", 3):
        with refuses(InvalidInput, "truth", rule="be the path of a folder of PNG masks, a"):
            graded(place, wrong)
    for wrong in (0, -1, "x", float("nan"), float("inf"), True):
        with refuses(InvalidInput, "lease", rule="be seconds, above 0"):
            graded(place, None, metrics=["complexity"], lease=wrong)
