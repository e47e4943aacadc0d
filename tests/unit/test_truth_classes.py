"""Truth of several classes: only what is of the class that is explained counts as the object."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.errors import FileError
from seewhy.study import study
from seewhy.truth import read_truth
from seewhy.tune import tune
from support.graded import LIME, SIDE, model
from support.refusing import refuses

HEIGHT, WIDTH = 6, 8
LABELS = ("sea", "big dog", "cat")
CAT, DOG = np.zeros((2, HEIGHT, WIDTH), dtype=bool)
CAT[2:5, 1:4] = DOG[0:2, 5:8] = True


def coco(more=()):
    """A cat as a polygon, a dog as runs down the columns."""
    counts = [30, 2, 4, 2, 4, 2, 4]
    things = [
        {"image_id": 7, "category_id": 3, "segmentation": [[1, 2, 4, 2, 4, 5, 1, 5]], "iscrowd": 0},
        {"image_id": 7, "category_id": 4, "segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}},
    ]
    names = [{"id": 3, "name": "cat"}, {"id": 4, "name": "big_dog"}]
    images = [{"id": 7, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}]
    return {"images": images, "annotations": [*things, *more], "categories": names}


THING = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
VOC = f"<annotation><filename>a.jpg</filename>{THING.format('Cat', 2, 3, 4, 5)}{THING.format('Big Dog', 6, 1, 8, 2)}"
FORMS = {
    "coco": ("truth.json", json.dumps(coco())),
    "voc": ("truth/a.xml", VOC + "</annotation>"),
    "csv": ("truth.csv", "file,x0,y0,x1,y1,index,label\na.jpg,1,2,4,5,2,\na.jpg,5,0,8,2,,big dog\n"),
}


def written(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    (found,), _ = read_truth(path.parent if path.suffix == ".xml" else path)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_only_what_is_of_the_class_counts(form, tmp_path):
    known = written(tmp_path, *FORMS[form])

    for target, expected, of in [(2, CAT, "class"), (1, DOG, "class"), (0, CAT | DOG, "all"), (None, CAT | DOG, "all")]:
        found = known.marked(HEIGHT, WIDTH, target, LABELS)
        np.testing.assert_array_equal(found.mask, expected)
        assert found.of == of
    assert len(known.classes) == 2


@pytest.mark.parametrize("labels", [None, ("a", "b", "c"), ("big dog", "big_dog", "c")])
def test_a_name_that_the_model_has_not_or_twice_is_no_class_of_it(labels, tmp_path):
    known = written(tmp_path, *FORMS["coco"])
    assert known.marked(HEIGHT, WIDTH, 1, labels).of == "all"


def test_one_box_of_the_class_makes_boxes_of_it_alone(tmp_path):
    known = written(tmp_path, "truth.json", with_box(4))
    assert known.marked(HEIGHT, WIDTH, 2, LABELS).kind == "mask"
    assert known.marked(HEIGHT, WIDTH, 1, LABELS).kind == "boxes"
    assert known.marked(HEIGHT, WIDTH, 1, LABELS).mask[0, 0]


def test_a_truth_without_classes_is_of_the_photo(tmp_path):
    known = written(tmp_path, "truth.csv", "file,x0,y0,x1,y1\na.jpg,1,2,4,5\na.jpg,5,0,8,2\n")
    found = known.marked(HEIGHT, WIDTH, 1, LABELS)
    np.testing.assert_array_equal(found.mask, CAT | DOG)
    assert found.of == "photo"


def test_crowds_are_left_out(tmp_path):
    crowd = {"image_id": 7, "category_id": 3, "bbox": [0, 0, 8, 6], "iscrowd": 1}
    known = written(tmp_path, "truth.json", json.dumps(coco([crowd])))
    np.testing.assert_array_equal(known.marked(HEIGHT, WIDTH, 2, LABELS).mask, CAT)

    only = written(tmp_path, "truth.json", json.dumps(coco() | {"annotations": [crowd]}))
    assert (only.marks, only.classes) == (None, ())


def test_the_digest_follows_the_class_of_each_shape(tmp_path):
    text = "file,x0,y0,x1,y1,label\na.jpg,0,0,1,1,cat\na.jpg,1,1,2,2,dog\na.jpg,2,2,3,3,{}\n"
    one, other = (written(tmp_path, "truth.csv", text.format(name)) for name in ("cat", "dog"))
    assert one.classes == other.classes
    assert one.marks.digest() != other.marks.digest()


def with_box(category, **more):
    return json.dumps(coco([{"image_id": 7, "category_id": category, "bbox": [0, 0, 1, 1]} | more]))


WRONG = {
    "a category that is none": (
        "truth.json",
        with_box(9),
        {"setting": "truth.json: annotations[2].category_id", "value": 9},
    ),
    "an object of no class": (
        "truth.json",
        with_box(None),
        {"setting": "truth.json: images[0]", "rule": "all have a class, or none", "value": 2},
    ),
    "a crowd of two": (
        "truth.json",
        with_box(3, iscrowd=2),
        {"setting": "truth.json: annotations[2].iscrowd", "value": 2},
    ),
    "a box of no class": (
        "truth.csv",
        "file,x0,y0,x1,y1,label\na.jpg,0,0,1,1,cat\na.jpg,1,1,2,2,\n",
        {"setting": "truth.csv", "rule": "all have a class, or none", "value": 1},
    ),
    "index and label": (
        "truth.csv",
        "file,x0,y0,x1,y1,index,label\na.jpg,0,0,1,1,3,cat\n",
        {"setting": "truth.csv, line 2", "rule": "have an index or a label"},
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_classes_that_are_not_clear_are_refused(case, tmp_path):
    name, text, match = WRONG[case]
    with refuses(FileError, **match):
        written(tmp_path, name, text)


# --- those who read it ---------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path):
    """A red and a green square, of which the model says red, and a truth that marks both, or the red one alone."""
    pixels = np.full((SIDE, SIDE, 3), 20, dtype=np.uint8)
    pixels[:8, :8, 0] = 250
    pixels[8:, 8:, 1] = 240
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    rows = ["file,x0,y0,x1,y1,label", "a.png,0,0,8,8,red", "a.png,8,8,16,16,green", ""]
    (tmp_path / "both.csv").write_text("\n".join(rows))
    (tmp_path / "red.csv").write_text("\n".join([*rows[:2], ""]))
    return tmp_path


@pytest.mark.slow
def test_a_tuning_is_judged_by_the_class_that_it_explains(two):
    scores = []
    for name in ("both", "red"):
        (known,), _ = read_truth(two / f"{name}.csv")
        found = tune(two / "a.png", model=model(), truth=known, target="top1", start=LIME, search=False)
        scores.append((found.winner.to_dict(), found.score))
    assert scores[0] == scores[1]
    assert scores[0][1] > 0.9


def test_a_study_is_judged_by_the_class_that_it_explains(two):
    menu = {"sampling": {"lime": LIME.to_dict()}}
    both, red = (
        study(two / "a.png", truth=two / f"{name}.csv", metric="iou", menu=menu, model=model(), progress=False)
        for name in ("both", "red")
    )
    np.testing.assert_array_equal(both.tensor.reported, red.tensor.reported)
    assert np.nanmax(both.tensor.reported) > 0.7


@pytest.mark.slow
def test_where_no_object_is_of_the_class_a_tuning_and_a_study_say_so(two):
    (two / "zebra.csv").write_text("file,x0,y0,x1,y1,label\na.png,0,0,8,8,zebra\n")
    (known,), _ = read_truth(two / "zebra.csv")
    note = "the ground truth marks no object of the explained class in a.png; all marked objects are used instead"
    asked = {"model": model(), "metric": "iou", "progress": False}
    menu = {"sampling": {"lime": LIME.to_dict()}}

    assert note in tune(two / "a.png", truth=known, start=LIME, search=False, **asked).notes
    assert note in study(two / "a.png", truth=two / "zebra.csv", menu=menu, **asked).notes
    (known,), _ = read_truth(two / "both.csv")
    assert note not in tune(two / "a.png", truth=known, start=LIME, search=False, **asked).notes
    assert note not in study(two / "a.png", truth=two / "both.csv", menu=menu, **asked).notes
