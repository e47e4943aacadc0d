"""What an evaluation says: summary, differences with their intervals, tables and progress."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import seewhy
from seewhy.cli.explain import _FILE_HOLDS
from seewhy.core.errors import InvalidInput
from seewhy.estimation.intervals import expanded_tail
from seewhy.evaluate.asking import FILE_HOLDS
from seewhy.evaluate.averages import average, averages, interval
from seewhy.metrics import METRICS, Candidate, Measure, NotMeasured, Question, Truth
from support.graded import LIME, Counting, asked, folder, metric, model, photo, plain
from support.refusing import refuses


@pytest.fixture
def place(tmp_path):
    return folder(tmp_path)


@pytest.mark.slow
def test_what_is_shown_costs_no_explanation_and_only_the_grades_that_read_it(place):
    def displays(*regions):
        return {f"r{n}": {"method": LIME.to_dict(), "display": {"regions": n}} for n in regions}

    ask = {"metrics": ["iou", "ap", "srg"], "baselines": ()}
    one, four = Counting(), Counting()
    asked(place, model=one, methods=displays(1), out=place / "one", **ask)
    told = []

    def progress(done, total):
        told.append((done, total))

    found = asked(place, model=four, methods=displays(1, 2, 3, 4), progress=progress, **ask)

    assert four.pictures <= one.pictures
    for row in found.rows:
        alone = asked(place, methods=displays(int(row.contender[1:])), out=place / row.contender, **ask)
        (same,) = [other for other in alone.rows if other.photo == row.photo]
        assert [same.value(name) for name in ("iou", "ap", "srg")] == [row.value(name) for name in ("iou", "ap", "srg")]
    assert told[0][0] == 0
    assert told[-1] == (4 * (1 + 4 + 2),) * 2  # explanation, the IoU of each region, AP and SRG
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(list((place / "run" / "explanations").iterdir())) == 4


def test_a_metric_that_reads_the_region_says_so():
    pixels, mask = photo(1)
    explanation = seewhy.explain(pixels, model=model(), method=LIME)
    question = Question.of(pixels, model=model(), truth=Truth(mask))
    one = Candidate.of(explanation)
    other = replace(one, region=~one.region)

    differ = set()
    for name, of in METRICS.items():
        try:
            values = [of.measure(question, candidate).value for candidate in (one, other)]
        except NotMeasured:
            continue
        if values[0] != pytest.approx(values[1], abs=1e-12, nan_ok=True):
            differ.add(name)

    assert differ == {name for name, of in METRICS.items() if of.facts.region}


@pytest.mark.parametrize(
    ("methods", "labels"),
    [
        ({"method": LIME}, ["method"]),
        ({"method": LIME, "other": LIME.replace(n_samples=24)}, ["method", "other"]),
        ({"method": LIME, "other": "rise"}, ["method", "other"]),
        ({"method": LIME.to_dict(), "display": {"regions": 2}}, ["lime"]),
        ({"method": LIME, "display": seewhy.Display(regions=2), "seed": 3, "targets": "top1"}, ["lime"]),
        ({"method": LIME.to_dict()}, ["lime"]),
        ([{"method": LIME}], ["lime"]),
    ],
)
def test_a_settings_file_is_told_from_labels(place, methods, labels):
    found = asked(place, methods=methods, metrics=["iou"], baselines=())

    assert [one["contender"] for one in found.summary] == labels
    assert set(_FILE_HOLDS) == FILE_HOLDS


def test_photos_of_the_same_bytes_are_done_once_and_counted_once(place):
    for folder_of in ("photos", "masks"):
        (place / folder_of / "1.png").write_bytes((place / folder_of / "0.png").read_bytes())
    told = []

    asked(place, metrics=["iou", "ap"], baselines=(), progress=lambda done, total: told.append((done, total)))

    assert told == [(i, 9) for i in range(10)]


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
    with refuses(InvalidInput, "Display.regions", value=0):
        asked(place, methods={"shown": one | {"display": {"regions": 0}}})


@pytest.mark.parametrize("truth", [None, "classes"])
def test_a_metric_that_is_named_must_be_measurable(place, truth):
    if truth is not None:
        truth = place / "truth.json"
        truth.write_text(json.dumps([{"file": "0.png", "index": 1}]))
    with refuses(InvalidInput, "metrics", rule="not need ground truth where there is none"):
        asked(place, truth=truth, metrics=["srg", "iou", "ap"])
    assert not (place / "run").exists()
    some = asked(place, truth=truth, metrics=None, baselines=())
    assert "skipped, because they need ground truth: iou, ap, pointing" in some.notes


def test_without_truth_only_what_needs_none_is_measured(place):
    found = asked(place, truth=None, metrics=None, baselines=())

    assert found.metrics == ("iou", "ap", "pointing", "srg")
    assert {name for row in found.rows for name in row.grades} == {"srg"}
    assert found.summary[0]["avg_iou"] is None
    assert found.summary[0]["metrics"]["srg"]["photos"] == 4


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
    with (place / "run" / "summary.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["photos"], line["odd photos"]) == ("4", "3")
    assert found.summary[0]["metrics"]["odd"]["value"] == 2.0
    assert found.rows[1].grades["odd"].state == "none"
    cell = found.rows[0].grades["odd"]
    assert (cell.low, cell.high, cell.facts) == (None, 3.0, {"parts": {"x": None}, "curves": {"c": [1.0, 2.0]}})


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


@pytest.mark.slow
def test_many_means_at_once_are_those_of_each_alone():
    rng = np.random.default_rng(5)
    photos = [str(i) for i in range(40)]
    groups = {photo: str(int(photo) // 3) for photo in photos}
    columns = [np.where(rng.random(40) < 0.2, np.nan, rng.normal(size=40)) for _ in range(900)]

    together = averages(columns, list(groups.values()), 7)

    for column, found in zip(columns[::60], together[::60], strict=True):
        values = {photo: value for photo, value in zip(photos, column, strict=True) if not np.isnan(value)}
        alone = average(values, groups, 7)
        by_group = [[value for photo, value in values.items() if groups[photo] == str(g)] for g in range(14)]
        means = np.array([np.mean(one) for one in by_group if one])
        n = len(means)
        assert (alone.photos, alone.groups) == (found.photos, found.groups) == (len(values), n)
        assert found.value == pytest.approx(means.mean())
        draws = means[np.random.default_rng(1).integers(0, n, (20_000, n))].mean(axis=1)
        expected = np.quantile(draws, [expanded_tail(n), 1 - expanded_tail(n)])
        assert (found.low, found.high) == pytest.approx(expected, abs=0.05 * means.std())
        assert (alone.low, alone.high) == pytest.approx((found.low, found.high), abs=1e-12)


def test_a_difference_that_is_the_same_on_every_photo_is_no_chance(tmp_path):
    folder(tmp_path, 6)

    def measured(question, candidate):
        return Measure({"random": 1.0, "center": 2.0, "edges": 1.0}[candidate.name])

    found = asked(tmp_path, methods=(), baselines=["random", "center", "edges"], metrics=[metric("m", measured)])

    differences = {(one["first"], one["second"]): one for one in found.differences}
    assert [differences["random", "center"][name] for name in ("low", "high", "better")] == [1.0, 1.0, "center"]
    assert [differences["center", "edges"][name] for name in ("low", "high", "better")] == [-1.0, -1.0, "center"]
    assert [differences["random", "edges"][name] for name in ("low", "high", "better")] == [None, None, None]
    assert found.summary[0]["metrics"]["m"]["low"] is None  # says nothing of how far another photo may be
    few = folder(tmp_path / "few", 5)
    few = asked(few, methods=(), baselines=["random", "center"], metrics=[metric("m", measured)])
    assert few.differences[0]["better"] is None


def test_seconds_and_grades_are_means_over_groups(tmp_path):
    folder(tmp_path, 6)
    (tmp_path / "truth.json").write_text(
        json.dumps([{"file": f"{i}.png", "mask": f"masks/{i}.png", "group": "a" if i < 5 else "b"} for i in range(6)])
    )
    found = asked(tmp_path, truth=tmp_path / "truth.json", baselines=(), metrics=["iou"])

    seconds = [row.value("seconds") for row in found.rows]
    assert found.summary[0]["avg_time"] == pytest.approx((np.mean(seconds[:5]) + seconds[5]) / 2)
    iou = [row.value("iou") for row in found.rows]
    assert found.summary[0]["avg_iou"] == pytest.approx((np.mean(iou[:5]) + iou[5]) / 2)


def test_what_is_asked_twice_of_a_result_is_computed_once(place):
    found = asked(place)
    assert found.differences is found.differences
    assert found.summary is found.summary


def test_the_notes_say_how_photos_count_and_what_was_not_used(tmp_path):
    folder(tmp_path, 4, frames=True)
    file = {"method": LIME.to_dict(), "seed": 3, "display": {}}

    found = asked(tmp_path, methods={"lime": file}, groups="name", metrics=["iou"], baselines=())

    assert found.notes == (
        "4 photos in 2 groups: each group counts once",
        "no intervals: at least 6 independent photos are needed, got 2",
        "settings files: only method and display are used; ignored: seed",
    )
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["notes"] == list(found.notes)


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
    assert (place / "run" / "summary.html").read_text() == found.to_html()
    assert list(held["summary"][0])[:2] == ["avg_iou", "avg_time"]
    assert held == json.loads(json.dumps(found.to_dict()))
    assert not list((place / "run").rglob("*.part"))


def test_tables_without_a_row_have_their_columns(place):
    full = asked(place, metrics=["srg"], out=place / "full")
    one = asked(place, metrics=[], truth=None, baselines=())

    assert one.differences == []
    assert full.differences
    for name in ("cells", "differences"):
        written = (place / "run" / f"{name}.csv").read_text().splitlines()
        assert written == (place / "full" / f"{name}.csv").read_text().splitlines()[:1]


def test_tables_can_be_parquet_too(place):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    found = asked(place, parquet=True)

    table = parquet.read_table(place / "run" / "photos.parquet")

    assert table.column("iou").to_pylist() == [row.value("iou") for row in found.rows]
    assert (place / "run" / "cells.parquet").exists()
    assert (place / "run" / "summary.parquet").exists()
    asked(place, parquet=True, metrics=[], baselines=(), out=place / "empty")
    empty = parquet.read_table(place / "empty" / "differences.parquet")
    assert empty.column_names == parquet.read_table(place / "run" / "differences.parquet").column_names


def test_progress_goes_up_to_all_pieces(place):
    told = []
    asked(place, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (4 * 4 * 4, 4 * 4 * 4)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_copies_of_a_photo_count_as_one(place):
    shutil.copy(place / "photos" / "0.png", place / "photos" / "copy.png")
    shutil.copy(place / "masks" / "0.png", place / "masks" / "copy.png")

    found = asked(place, metrics=["iou"], baselines=(), groups="none")

    groups = {photo.name: photo.group for photo in found.plan.photos}
    assert groups["copy.png"] == groups["0.png"]
    assert len(set(groups.values())) == len(groups) - 1
    assert "copies of other photos, which count as one photo with them: 1" in found.notes


def test_what_seewhy_wrote_is_no_photo(place):
    for name in ("0.lime.png", "0.lime.heatmap.png", "0.lime.281.region.png", "1.lime.png", "0.seewhy.png"):
        shutil.copy(place / "photos" / "0.png", place / "photos" / name)
    (place / "photos" / "0.lime.seewhy").touch()

    found = asked(place, metrics=["srg"], baselines=(), truth=None)

    names = {photo.name for photo in found.plan.photos}
    assert names & {"0.lime.png", "0.lime.heatmap.png", "0.lime.281.region.png"} == set()
    assert {"0.png", "1.lime.png", "0.seewhy.png"} <= names
    assert any(note.startswith("skipped 3 images written by seewhy") for note in found.notes)
