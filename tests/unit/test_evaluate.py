"""Evaluations: the grades are those of the metrics, each is made once, and one bad photo does not cost the others."""

from __future__ import annotations

import csv
import json
import sqlite3
import threading
import time

import numpy as np
import pytest

import seewhy
from seewhy.errors import FileError, InvalidInput
from seewhy.evaluate import evaluate
from seewhy.evaluate.averages import average, interval
from seewhy.evaluate.store import Store
from seewhy.metrics import METRICS, Candidate, Facts, Measure, Metric, NotMeasured, Question, Truth
from support.graded import LIME, folder, listed, model, photo, plain, scores


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    assert [one.name for one in threading.enumerate() if one.name.startswith("seewhy")] == []


@pytest.fixture
def place(tmp_path):
    return folder(tmp_path)


def asked(place, **more):
    usual = {"truth": place / "masks", "methods": {"lime": LIME}, "model": model(), "progress": False}
    return evaluate(place / "photos", **(usual | {"out": place / "run", "metrics": ["iou", "ap", "srg"]} | more))


class Counting(seewhy.FunctionModel):
    """Counts pictures; another object of it is the same model."""

    def __init__(self, function=scores):
        super().__init__(function, labels=("red", "green", "blue"), kind="score", input_size=16)
        self.pictures = 0

    def stream(self, batches):
        for found in super().stream(batches):
            self.pictures += len(found)
            yield found


def metric(name, measured, needs="map", version=1):
    return Metric(Facts(name, name, "higher", "", "", "0", needs, "", version), measured)


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


def test_the_summary_begins_with_what_graders_print(place):
    (line,) = asked(place, baselines=()).summary

    assert list(line)[:2] == ["avg_iou", "avg_time"]
    by_hand = [row["iou"] for row in plain(asked(place, baselines=()))]
    assert line["avg_iou"] == pytest.approx(np.mean(by_hand))
    assert line["avg_time"] > 0
    assert (line["photos"], line["failed"]) == (4, 0)


def test_baselines_stand_beside_the_methods_and_have_no_time(place):
    found = asked(place)

    assert [line["contender"] for line in found.summary] == ["lime", "random", "center", "edges"]
    assert [line["avg_time"] is None for line in found.summary] == [False, True, True, True]
    assert all(row.value("iou") is not None for row in found.rows)


def test_several_settings_and_models_are_told_apart(place):
    few = LIME.replace(n_samples=24)
    found = asked(
        place,
        methods=[LIME, few, seewhy.Rise(n_samples=64, grid=4)],
        model=[model(), model()],
        baselines=(),
        metrics=["iou"],
    )

    assert [(line["model"], line["contender"]) for line in found.summary] == [
        (f"scores {i}", contender) for i in (1, 2) for contender in ("lime 1", "lime 2", "rise")
    ]
    assert found.summary[1]["metrics"]["iou"]["photos"] == 4
    assert found.to_dict()["contenders"]["lime 2"]["n_samples"] == 24


def test_what_a_settings_file_shows_is_what_is_graded(place):
    one = {"method": LIME.to_dict(), "display": {"regions": 1, "sign": "positive"}}
    found = asked(place, methods={"plain": LIME, "shown": one}, metrics=["iou", "ap"], baselines=())

    plain_rows, shown_rows = ([row for row in found.rows if row.contender == name] for name in ("plain", "shown"))
    for before, after in zip(plain_rows, shown_rows, strict=True):
        explanation = seewhy.load(next((place / "run" / "explanations").rglob(f"{after.explanation.key}*")))
        region = explanation.region(1, sign="positive")
        mask = seewhy.load_image(place / "masks" / after.photo).pixels[..., 0] > 0
        assert after.value("iou") == pytest.approx((region & mask).sum() / (region | mask).sum())
        assert after.value("ap") == before.value("ap")
    assert [row.value("iou") for row in plain_rows] != [row.value("iou") for row in shown_rows]
    assert found.to_dict()["contenders"]["shown"]["display"]["regions"] == 1
    with pytest.raises(InvalidInput, match="regions"):
        asked(place, methods={"shown": one | {"display": {"regions": 0}}})


def test_without_truth_only_what_needs_none_is_measured(place):
    found = asked(place, truth=None, metrics=None, baselines=())

    assert found.metrics == ("iou", "ap", "pointing", "srg")
    assert {name for row in found.rows for name in row.grades} == {"srg"}
    assert found.summary[0]["avg_iou"] is None
    assert found.summary[0]["metrics"]["srg"]["photos"] == 4


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
    assert found.notes[-1].startswith("the truth does not say where the object is in 4 photos")


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
    assert "1.png must be a readable" in found.faults["1.png"]
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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "not measured"])
def test_a_metric_that_does_not_apply_is_left_out_of_the_mean(place, value):
    def measured(question, candidate):
        if question.target == 1:
            if value == "not measured":
                raise NotMeasured("green is not measured")
            return Measure(value)
        return Measure(2.0, low=float("-inf"), high=3.0, parts={"x": float("nan")}, curves={"c": (1.0, 2.0)})

    found = asked(place, metrics=[metric("odd", measured)], baselines=())

    assert found.faults == {}
    assert found.summary[0]["metrics"]["odd"]["photos"] == 3
    assert found.summary[0]["metrics"]["odd"]["value"] == 2.0
    assert found.rows[1].grades["odd"].state == "none"
    cell = found.rows[0].grades["odd"]
    assert (cell.low, cell.high, cell.facts) == (None, 3.0, {"parts": {"x": None}, "curves": {"c": [1.0, 2.0]}})


def test_a_store_that_is_none_is_refused_and_left_alone(place):
    (place / "run").mkdir()
    other = sqlite3.connect(place / "run" / "cells.sqlite")
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    with pytest.raises(FileError, match="another file"):
        asked(place)
    (place / "other").mkdir()
    (place / "other" / "cells.sqlite").write_bytes(b"x" * 5000)
    with pytest.raises(FileError, match=r"cells\.sqlite"):
        asked(place, out=place / "other")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"methods": ["limes"]}, "limes"),
        ({"methods": []}, None),
        ({"methods": {"random": LIME}}, "random twice"),
        ({"metrics": ["ious"]}, "ious"),
        ({"baselines": ["noise"]}, "noise"),
        ({"groups": "frames"}, "groups must be one of auto, name, none"),
        ({"seed": -1}, "seed"),
        ({"batch_size": 0}, "batch_size"),
        ({"model": []}, "model must be at least one"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(place, wrong, match):
    if match is None:
        wrong, match = wrong | {"baselines": ()}, "at least one"
    with pytest.raises(InvalidInput, match=match):
        asked(place, **wrong)


def test_photos_must_be_there(place, tmp_path):
    with pytest.raises(InvalidInput, match="exist"):
        evaluate(place / "nothing", model=model())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="at least one picture"):
        evaluate(tmp_path / "empty", model=model())
    with pytest.raises(InvalidInput, match="names of their own"):
        evaluate([place / "photos", place / "masks"], model=model())
    (place / "truth.csv").write_text("file,x0,y0,x1,y1\nother.png,0,0,4,4\n")
    with pytest.raises(InvalidInput, match=r"other\.png"):
        asked(place, truth=place / "truth.csv")


# --- groups and intervals -----------------------------------------------------------------------------------


def test_each_group_counts_once():
    values = {"a0": 1.0, "a1": 1.0, "a2": 1.0, "b": 0.0}
    groups = {"a0": "a", "a1": "a", "a2": "a", "b": "b"}
    found = average(values, groups, 0)
    assert (found.value, found.photos, found.groups, found.low) == (0.5, 4, 2, None)
    assert average({}, {}, 0) is None


def test_frames_of_a_sequence_are_one_group(tmp_path):
    folder(tmp_path, 6, frames=True)
    ask = {"metrics": ["iou"], "baselines": ()}
    assert asked(tmp_path, **ask).summary[0]["metrics"]["iou"]["groups"] == 6
    assert asked(tmp_path, **ask, groups="name").summary[0]["metrics"]["iou"]["groups"] == 3


def test_intervals_hold_the_mean_as_often_as_they_say():
    rng, held = np.random.default_rng(3), 0
    for seed in range(300):
        low, high = interval(rng.beta(2, 5, 12), seed)
        held += low <= 2 / 7 <= high
    assert 0.90 < held / 300 < 0.99


def test_no_interval_is_given_where_there_is_nothing_to_tell_from():
    assert interval(np.array([1.0, 2, 3, 4, 5]), 0) == (None, None)
    assert interval(np.ones(50), 0) == (None, None)
    low, high = interval(np.arange(6.0), 0)
    assert 0 <= low < 2.5 < high <= 5


def test_differences_are_of_pairs_and_say_who_is_better(tmp_path):
    folder(tmp_path, 8)
    noise = {str(i): float(np.random.default_rng(i).normal()) for i in range(8)}

    def measured(question, candidate):
        bonus = {"random": 0.0, "center": 0.5, "edges": -0.5}[candidate.name]
        index = next(i for i in range(8) if np.array_equal(photo(i)[0], question.image.pixels))
        return Measure(noise[str(index)] + bonus + 0.01 * noise[str(7 - index)] * bonus)

    found = asked(tmp_path, methods=(), baselines=["random", "center", "edges"], metrics=[metric("m", measured)])

    differences = {(one["first"], one["second"]): one for one in found.differences}
    assert differences["random", "center"]["value"] == pytest.approx(0.5, abs=0.02)
    assert differences["random", "center"]["better"] == "center"
    assert differences["random", "edges"]["better"] == "random"
    assert differences["center", "edges"]["better"] == "center"
    one = found.summary[0]["metrics"]["m"]
    apart = differences["random", "center"]
    assert apart["high"] - apart["low"] < (one["high"] - one["low"]) / 10  # what photos have in common cancels


# --- files --------------------------------------------------------------------------------------------------


def test_the_tables_hold_every_photo_and_every_grade(place):
    found = asked(place)

    with (place / "run" / "photos.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["photo"], row["contender"]) for row in rows] == [(row.photo, row.contender) for row in found.rows]
    assert [float(row["iou"]) for row in rows] == [row.value("iou") for row in found.rows]
    assert {row["state"] for row in rows} == {"done"}
    with (place / "run" / "cells.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 4 * 4 * 3
    with (place / "run" / "summary.csv").open(newline="") as file:
        assert next(iter(csv.DictReader(file)))["avg_iou"] == str(found.summary[0]["avg_iou"])
    held = json.loads((place / "run" / "summary.json").read_text())
    assert list(held["summary"][0])[:2] == ["avg_iou", "avg_time"]
    assert held == json.loads(json.dumps(found.to_dict()))
    assert not list((place / "run").rglob("*.part"))


def test_tables_can_be_parquet_too(place):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    found = asked(place, parquet=True)

    table = parquet.read_table(place / "run" / "photos.parquet")

    assert table.column("iou").to_pylist() == [row.value("iou") for row in found.rows]
    assert (place / "run" / "cells.parquet").exists()
    assert (place / "run" / "summary.parquet").exists()


def test_progress_goes_up_to_all_pieces(place):
    told = []
    asked(place, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (4 * 4 * 4, 4 * 4 * 4)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
