"""Evaluations: the grades are those of the metrics, each is made once, and one bad photo does not cost the others."""

from __future__ import annotations

import json
import sqlite3
import threading
import time

import pytest

import seewhy
from seewhy.core.errors import FileError, InvalidInput
from seewhy.evaluate import evaluate
from seewhy.evaluate.store import Record, Store
from seewhy.metrics import METRICS, Candidate, Measure, Question, Truth
from support.graded import LIME, Counting, asked, folder, listed, metric, model, photo, plain, scores
from support.refusing import refuses


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    assert [one.name for one in threading.enumerate() if one.name.startswith("seewhy")] == []


@pytest.fixture
def place(tmp_path):
    return folder(tmp_path)


# --- the grades ---------------------------------------------------------------------------------------------


def test_grades_are_those_that_the_metrics_give_by_hand(place):
    found = asked(place)

    for i, row in enumerate(row for row in found.rows if row.contender == "lime"):
        pixels, mask = photo(i)
        explanation = seewhy.explain(pixels, model=model(), method=LIME)
        question = Question.of(pixels, model=model(), truth=Truth(mask))
        for name in ("iou", "ap", "srg"):
            expected = METRICS[name].measure(question, Candidate.of(explanation)).value
            assert row.value(name) == pytest.approx(expected, abs=1e-9), name
        assert row.value("calls") == explanation.n_evaluations
        assert row.explanation.facts["label"] == ("red", "green", "blue")[i % 3]
        assert row.value("ap") > 0.9


def test_masks_in_the_folder_of_photos_are_no_photos(place):
    found = evaluate(place, truth=place / "masks", methods=[LIME], model=model(), metrics=["iou"], baselines=())

    assert [row.photo for row in found.rows] == [f"photos/{i}.png" for i in range(4)]
    assert found.out is None


# --- which class --------------------------------------------------------------------------------------------


def test_the_class_is_the_one_that_the_truth_names(place):
    found = asked(place, truth=listed(place), baselines=())

    facts = [row.explanation.facts for row in found.rows]
    assert [(one["class"], one["class_from"]) for one in facts] == [(1, "truth")] * 4
    assert [one["right"] for one in facts] == [False, True, True, False]  # the model says red, green, blue, red


def test_of_several_classes_that_are_right_the_strongest_is_explained(place):
    entries = [{"file": f"{i}.png", "accept": [1, 2]} for i in range(4)]
    (place / "truth.json").write_text(json.dumps(entries))

    found = asked(place, truth=place / "truth.json", baselines=(), metrics=["complexity"])

    assert [row.explanation.facts["class"] for row in found.rows][1:3] == [1, 2]


@pytest.mark.parametrize(("label", "expected"), [("Green", (1, "truth")), ("zebra", (0, "model"))])
def test_a_name_that_the_model_does_not_have_leaves_it_its_own_class(place, label, expected):
    (place / "truth.csv").write_text(f"file,x0,y0,x1,y1,label\n0.png,0,0,8,8,{label}\n")

    found = evaluate(place / "photos" / "0.png", truth=place / "truth.csv", methods=[LIME], model=model())

    facts = found.rows[0].explanation.facts
    assert (facts["class"], facts["class_from"]) == expected


def test_a_class_that_the_model_does_not_have_is_said(place):
    (place / "truth.json").write_text(json.dumps([{"file": "0.png", "index": 3}, {"file": "1.png", "index": 2}]))

    found = asked(place, truth=place / "truth.json", baselines=(), metrics=["complexity"])

    assert found.faults == {"0.png": "the truth must name classes of the model, 0 to 2, got 3"}
    assert found.notes[0].startswith("the ground truth marks no object in 4 photos")


# --- once ---------------------------------------------------------------------------------------------------


def test_asking_again_asks_the_model_nothing_and_says_the_same(place):
    first, again = Counting(), Counting()

    before, after = asked(place, model=first), asked(place, model=again)

    assert first.pictures > 0
    assert again.pictures == 0
    assert before.to_dict() == after.to_dict()
    assert [row.to_dict(before.metrics) for row in before.rows] == [row.to_dict(after.metrics) for row in after.rows]


def test_one_explanation_serves_all_metrics_and_those_asked_later(place):
    first, later, other = Counting(), Counting(), Counting()
    asked(place, model=first, metrics=["iou", "ap"], baselines=())
    found = asked(place, model=later, metrics=["iou", "ap", "energy", "error"], baselines=())

    assert later.pictures == 4  # the class of each photo
    asked(place, model=other, metrics=["energy"], baselines=(), out=place / "other")
    assert other.pictures == first.pictures
    assert all(row.value("energy") is not None for row in found.rows)
    alone = asked(place, metrics=["iou", "ap", "energy", "error"], baselines=(), out=place / "alone")
    assert plain(found) == plain(alone)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1, "metrics": [metric("seed", lambda question, candidate: Measure(candidate.explanation.seed))]},
        {"truth": "list"},
        {"methods": {"lime": LIME.replace(n_samples=42)}},
        {"model": seewhy.FunctionModel(scores, input_size=8, labels=("r", "g", "b"))},
        {"truth": "boxes"},
        {"photo": True},
    ],
    ids=["seed", "class", "settings", "model", "truth", "photo"],
)
def test_what_has_changed_is_done_again(place, change):
    change = dict(change)
    ask = {"baselines": (), "metrics": change.pop("metrics", ["iou"])}
    asked(place, **ask)
    if change.get("truth") == "list":
        change = {"truth": listed(place)}
    if change.get("truth") == "boxes":
        (place / "truth.csv").write_text("file,x0,y0,x1,y1\n" + "".join(f"{i}.png,0,0,4,4\n" for i in range(4)))
        change = {"truth": place / "truth.csv"}
    if change.pop("photo", False):
        (place / "photos" / "0.png").write_bytes((place / "photos" / "1.png").read_bytes())

    kept = asked(place, **ask, **change)
    fresh = asked(place, **ask, out=place / "fresh", **change)

    assert plain(kept) == plain(fresh)


def test_a_function_whose_code_has_changed_is_asked_again(place):
    def written(body):
        held = {"scores": scores}
        exec(f"def answer(batch):\n    return {body}\n", held)
        return Counting(held["answer"])

    first, same, changed = (written(body) for body in ("scores(batch)", "scores(batch)", "scores(batch)[:, ::-1]"))
    for one in (first, same, changed):
        asked(place, model=one, baselines=(), metrics=["srg"])

    assert same.fingerprint == changed.fingerprint
    assert (same.pictures, changed.pictures) == (0, first.pictures)


def test_a_metric_of_another_version_is_measured_again(place):
    one = metric("odd", lambda question, candidate: Measure(1.0))
    two = metric("odd", lambda question, candidate: Measure(2.0), version=2)
    assert {row.value("odd") for row in asked(place, metrics=[one]).rows} == {1.0}
    assert {row.value("odd") for row in asked(place, metrics=[two]).rows} == {2.0}


def test_a_damaged_explanation_is_made_once_more(place):
    asked(place, baselines=(), metrics=["iou"])
    for file in (place / "run" / "explanations").iterdir():
        file.write_bytes(b"damaged")

    found = asked(place, baselines=(), metrics=["iou", "ap"])

    assert plain(found) == plain(asked(place, baselines=(), metrics=["iou", "ap"], out=place / "fresh"))


# --- what goes wrong ----------------------------------------------------------------------------------------


def test_a_bad_photo_is_recorded_and_tried_again_only_on_request(place):
    good = (place / "photos" / "1.png").read_bytes()
    (place / "photos" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")

    found = asked(place)
    (place / "photos" / "1.png").write_bytes(good)

    assert list(found.faults) == ["1.png"]
    assert "1.png: not a readable" in found.faults["1.png"]
    assert [line["failed"] for line in found.summary] == [1] * 4
    assert [line["photos"] for line in found.summary] == [3] * 4
    assert asked(place).faults == {}  # other bytes are another photo


def test_a_claim_is_renewed_while_its_process_lives_and_taken_over_afterwards(tmp_path):
    def until(store):
        return store._database.execute("SELECT until FROM claims").fetchone()[0]

    with Store(tmp_path, lease=0.2) as one, Store(tmp_path, lease=1000) as other:
        with one.claimed("unit") as mine:
            assert mine
            first = until(one)
            while until(one) == first:  # by the thread that says it is alive
                time.sleep(0.01)
            one._stop.set()
            one._pulse.join()
            one._database.execute("UPDATE claims SET until = 1")
            assert one.holds("unit")
            with other.claimed("unit") as taken:
                assert taken
                assert not one.holds("unit")
                with one.claimed("unit") as again:
                    assert not again
        with other.claimed("unit") as mine:
            assert mine


def test_what_failed_is_not_tried_again_unless_asked(place):
    calls = []

    def moody(question, candidate):
        calls.append(1)
        if len(calls) < 3:
            msg = "not\nnow"
            raise RuntimeError(msg)
        return Measure(5.0)

    ask = {"metrics": [metric("moody", moody)], "baselines": ()}
    assert set(asked(place, **ask).faults.values()) == {"RuntimeError: not now"}
    assert len(asked(place, **ask).faults) == 2
    assert len(calls) == 4
    assert asked(place, **ask, retry=True).faults == {}
    assert len(calls) == 6


def test_a_model_that_fails_on_one_photo_is_recorded_with_its_own_words(place):
    def fails(batch):
        if batch[..., 1].max() > 0.9:
            msg = "no green"
            raise ValueError(msg)
        return scores(batch)

    found = asked(place, model=seewhy.FunctionModel(fails, kind="score"), baselines=(), metrics=["iou"])

    assert list(found.faults) == ["1.png"]
    assert found.faults["1.png"].startswith("ValueError: no green (in model")


def test_a_bad_mask_costs_only_what_needs_it(place):
    (place / "masks" / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")

    found = asked(place, baselines=())

    row = found.rows[2]
    assert (row.grades["iou"].state, row.grades["srg"].state) == ("failed", "done")
    assert "2.png" in found.faults["2.png"]


def test_a_store_that_is_none_is_refused_and_left_alone(place):
    (place / "run").mkdir()
    other = sqlite3.connect(place / "run" / "cells.sqlite")
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    with refuses(FileError, "cells.sqlite", value="a database of something else"):
        asked(place)
    (place / "other").mkdir()
    (place / "other" / "cells.sqlite").write_bytes(b"x" * 5000)
    with refuses(FileError, "cells.sqlite", value="a file that is not an SQLite database, or a damaged one"):
        asked(place, out=place / "other")


def test_a_full_disk_is_named(tmp_path):
    with Store(tmp_path) as store:
        store._database.execute("PRAGMA max_page_count = 20")

        def fill():
            for i in range(100):
                store.put("unit", Record(str(i), "iou", "done", reason="x" * 4000))

        with refuses(FileError, "cells.sqlite", value="database or disk is full"):
            fill()
    with Store(tmp_path) as store:
        (tmp_path / "explanations" / "unit.seewhy").mkdir()
        with refuses(FileError, "unit.seewhy", rule="Is a directory"):
            store.put("unit", Record("unit", "", "done", file=b"x"))
        assert store.records(["unit"]) == {}
        assert len(list((tmp_path / "explanations").iterdir())) == 1


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"methods": ["limes"]}, "limes"),
        ({"methods": []}, None),
        ({"methods": {"random": LIME}}, "random twice"),
        ({"metrics": ["ious"]}, "ious"),
        ({"baselines": ["noise"]}, "noise"),
        ({"groups": "frames"}, "groups must be one of auto, name, folder, none"),
        ({"seed": -1}, "seed"),
        ({"batch_size": 0}, "batch_size"),
        ({"model": []}, "at least one model"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(place, wrong, match):
    if match is None:
        wrong, match = wrong | {"baselines": ()}, "at least one"
    with pytest.raises(InvalidInput, match=match):
        asked(place, **wrong)


def test_photos_must_be_there(place, tmp_path):
    with refuses(InvalidInput, "photos", rule="exist"):
        evaluate(place / "nothing", model=model())
    (tmp_path / "empty").mkdir()
    with refuses(InvalidInput, "photos", rule="be at least one"):
        evaluate(tmp_path / "empty", model=model())
    with refuses(InvalidInput, "photos", rule="have different names"):
        evaluate([place / "photos", place / "masks"], model=model())
    (place / "truth.csv").write_text("file,x0,y0,x1,y1\nother.png,0,0,4,4\n")
    with refuses(InvalidInput, "truth", value="other.png"):
        asked(place, truth=place / "truth.csv")
