"""What an evaluation keeps is of the code and files that it was made with, and the same as what it would make now."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
from PIL import Image as Pillow
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

import seewhy
from seewhy.evaluate import evaluate
from seewhy.evaluate.identity import asked_of
from seewhy.metrics import Facts, Measure, Metric
from support.graded import LIME, SIDE, folder, model, photo, plain


@pytest.fixture
def place(tmp_path):
    return folder(tmp_path, 2)


def graded(place, method=LIME, **more):
    usual = {"truth": place / "masks", "model": model(), "metrics": ["iou", "ap"], "baselines": (), "progress": False}
    return evaluate(place / "photos", methods={"lime": method}, **(usual | {"out": place / "run"} | more))


def cut(n):
    """Return a function that cuts a picture into n x n cells; the name of all of them is the same."""

    def cells(pixels):
        rows, columns = (np.arange(side) * n // side for side in pixels.shape[:2])
        return rows[:, None] * n + columns

    return cells


def by_function(function):
    return seewhy.Lime(segmentation={"name": "custom", "function": function}, fill="black", n_samples=60)


# --- settings that name code and files ----------------------------------------------------------------------


def test_another_function_of_the_same_name_is_another_setting(place):
    graded(place, by_function(cut(2)))

    kept, fresh = graded(place, by_function(cut(4))), graded(place, by_function(cut(4)), out=place / "fresh")

    assert plain(kept) == plain(fresh)
    assert kept.rows[0].value("calls") == 61  # made anew
    assert kept.to_dict()["contenders"]["lime"]["segmentation"]["function"].endswith("cells")


def fill_of(path, color):
    Pillow.fromarray(np.full((SIDE, SIDE, 3), color, dtype=np.uint8)).save(path)
    return LIME.replace(fill={"name": "picture", "path": str(path)})


def test_a_fill_whose_file_has_changed_is_another_setting(place):
    before = graded(place, fill_of(place / "fill.png", (0, 0, 0)))

    kept = graded(place, fill_of(place / "fill.png", (255, 0, 255)))
    fresh = graded(place, fill_of(place / "fill.png", (255, 0, 255)), out=place / "fresh")

    assert plain(kept) == plain(fresh)
    assert [row.value("iou") for row in kept.rows] != [row.value("iou") for row in before.rows]


def test_the_same_code_and_file_are_the_same_setting(place):
    assert asked_of(by_function(cut(3))) == asked_of(by_function(cut(3)))
    assert asked_of(LIME) == LIME.to_dict()
    np.save(place / "labels.npy", np.arange(4).reshape(2, 2))
    labels = LIME.replace(segmentation={"name": "labels", "path": str(place / "labels.npy")})
    first = asked_of(labels)
    assert first == asked_of(labels)
    np.save(place / "labels.npy", np.arange(4).reshape(2, 2)[::-1])
    assert first != asked_of(labels)


class Cells:
    """A segmentation with a number of its own."""

    def __init__(self, n):
        self.n = n

    def __call__(self, pixels):
        return cut(self.n)(pixels)

    def named(self, pixels):
        return self(pixels)


def around(labels):
    return lambda pixels: labels


def with_number(pixels, n):
    return cut(n)(pixels)


@pytest.mark.parametrize(
    "made",
    [
        Cells,
        lambda n: Cells(n).named,
        lambda n: around(np.arange(n * n).reshape(n, n)),
        lambda n: around({"labels": [n]}),
        lambda n: functools.partial(with_number, n=n),
        lambda n: functools.partial(around(np.full((2, 2), n))),
    ],
    ids=["object", "method", "array", "nested", "partial", "partial of array"],
)
def test_what_a_function_holds_counts(made):
    assert asked_of(by_function(made(2))) == asked_of(by_function(made(2))) != asked_of(by_function(made(3)))


class Regressor(BaseEstimator):
    """A regressor whose repr says nothing of it but where it lies in memory."""

    def __init__(self, alpha, inner=None):
        self.alpha, self.inner = alpha, inner

    def fit(self, x, y, sample_weight=None):
        raise NotImplementedError

    def __repr__(self):
        return object.__repr__(self)


@pytest.mark.parametrize(
    "made",
    [Regressor, lambda n: Regressor(1, Regressor(n)), lambda n: Regressor(np.arange(n)), lambda n: Ridge(alpha=n)],
)
def test_a_regressor_is_known_by_its_parameters_not_by_where_it_lies(made):
    one, same, other = (asked_of(seewhy.Lime(surrogate=made(n))) for n in (2, 2, 3))

    assert one == same != other
    assert "0x" not in json.dumps(one)


# --- settings that a result file does not hold --------------------------------------------------------------


@pytest.mark.slow
def test_grades_asked_later_are_those_asked_at_once(place):
    asked = {"metrics": ["iou", "r2", "error", "class-swap", "agreement"]}
    graded(place, by_function(cut(4)), metrics=["iou"])

    later = graded(place, by_function(cut(4)), **asked)
    at_once = graded(place, by_function(cut(4)), **asked, out=place / "fresh")

    assert later.rows[0].grades["r2"].state == "done", later.rows[0].grades["r2"].reason
    assert plain(later) == plain(at_once)


# --- files that change while they are in work ---------------------------------------------------------------


def meddling(change):
    """Return a metric that does something to the files of photo 1 while photo 0 is in work."""

    def measured(question, candidate):
        change()
        return Measure(float(question.image.pixels.mean()))

    return Metric(Facts("m", "m", "higher", "", "", "0", "map", ""), measured)


def test_a_photo_that_changes_while_it_waits_is_not_taken_for_the_one_before(place):
    one, other = ((place / "photos" / f"{i}.png") for i in (0, 1))
    good = other.read_bytes()

    found = graded(place, metrics=[meddling(lambda: other.write_bytes(one.read_bytes()))])

    assert "1.png must not change during the run" in found.faults["1.png"]
    assert found.rows[1].value("m") is None
    other.write_bytes(good)
    again = graded(place, metrics=[meddling(lambda: None)])  # without retry
    assert again.faults == {}
    assert [row.value("m") for row in again.rows] == pytest.approx([photo(i)[0].mean() for i in (0, 1)])


def test_a_photo_that_is_gone_for_a_while_is_tried_again(place):
    other, away = place / "photos" / "1.png", place / "away.png"

    found = graded(place, metrics=[meddling(lambda: other.exists() and other.rename(away))])

    assert found.faults["1.png"] == "1.png: no such file"
    away.rename(other)
    assert graded(place, metrics=[meddling(lambda: None)]).faults == {}


def test_a_mask_that_changes_while_it_waits_costs_only_grades_that_read_it(place):
    mask = place / "masks" / "1.png"
    good = mask.read_bytes()

    found = graded(place, metrics=[meddling(lambda: mask.write_bytes((place / "masks" / "0.png").read_bytes())), "iou"])

    assert "1.png must not change during the run" in found.faults["1.png"]
    assert found.rows[1].value("iou") is None
    assert found.rows[1].value("m") is not None
    mask.write_bytes(good)
    again = graded(place, metrics=["iou"])
    assert again.faults == {}
    assert plain(again) == plain(graded(place, metrics=["iou"], out=place / "fresh"))


def test_a_fill_that_changes_while_it_waits_is_not_taken_for_the_one_before(place):
    path = place / "fill.png"
    method = fill_of(path, (0, 0, 0))

    found = graded(place, method, metrics=[meddling(lambda: fill_of(path, (255, 0, 255)))])

    assert found.faults == {
        "1.png": "a file that the settings of lime name must not change during the run, but the file has changed; run "
        "the command again to use the new file"
    }


def test_a_photo_that_changes_after_it_was_explained_fails_with_its_reason(place):
    one, other = ((place / "photos" / f"{i}.png") for i in (0, 1))
    good = other.read_bytes()
    graded(place)

    found = graded(place, metrics=[meddling(lambda: other.write_bytes(one.read_bytes()))])

    assert "1.png must not change during the run" in found.faults["1.png"]
    other.write_bytes(good)
    assert graded(place).faults == {}


def test_a_share_is_for_maps_so_segments_are_graded_as_they_are_shown(place):
    shown = {"alone": {"regions": 2}, "with a share": {"regions": 2, "share": 0.9}}

    found = [graded(place, {"method": LIME, "display": one}, out=place / name) for name, one in shown.items()]

    first, second = ([row.value("iou") for row in one.rows] for one in found)
    assert first == second
