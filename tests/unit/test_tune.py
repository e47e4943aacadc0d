"""Tuning: planted answers are found, each score is that of a run of its own, and what comes out is used."""

from __future__ import annotations

import itertools
import sys
import tomllib

import numpy as np
import pytest

import seewhy
from seewhy.cli.explain import read_settings
from seewhy.core.errors import InvalidInput, MissingExtra
from seewhy.metrics import BASELINES, METRICS, Candidate, Question, Truth
from seewhy.tune.judging import Judge
from seewhy.tune.search import Start
from seewhy.tune.space import Space
from seewhy.tune.tuning import _known
from support.planted import PHOTO
from support.refusing import refuses
from support.tuning import FREE, GRIDS, OBJECT, START, Counted, known, only_free, run

optuna = pytest.importorskip("optuna", reason="the extra tune is not installed")


# --- the class that is explained -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_truth_names_the_class_and_which_photos_belong_together():
    top = int(Question.of(PHOTO, model=Counted()).target)
    other, third = (i for i in range(3) if i != top)
    strongest = max((other, third), key=lambda i: Question.of(PHOTO, model=Counted()).untouched[0][i])
    truths = [known((third, other)), known((third, other), sure=True), known(("no such class",)), known(())]

    photos = [PHOTO, *(np.clip(PHOTO, 0, 250 + i) for i in range(3))]
    given = {"truth": truths, "target": None, "n_samples": 64, "free": {"regions": [1]}}
    found = only_free(photos=photos, groups="none", **given)

    assert [one.target for one in found.photos] == [strongest, third, top, top]
    assert found.held_out == ("photos",)
    assert not only_free(photos=photos, **given).held_out  # they look alike
    together = [known((), group="film")] * 2
    assert not only_free(photos=photos[:2], truth=together, target=None, n_samples=64, free={"regions": [1]}).held_out
    asked = only_free(truth=known((third,)), target=other, n_samples=64, free={"regions": [1]})
    assert asked.photos[0].target == other
    with refuses(InvalidInput, "the truth", value=7):
        only_free(truth=known((7,)), target=None, n_samples=64)


# --- planted answers -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_grid_whose_cells_are_the_ones_that_the_model_reads_wins():
    free = FREE | {"regions": [3, 1, 5], "sign": ["auto"]}
    sampling = GRIDS | {"lime.fill": ["gray"], "lime.design": ["auto"]}
    found = run(truth=OBJECT, trials=18, free=free, sampling=sampling)
    grid = found.winner.method.segmentation
    assert (grid.rows, grid.columns) == (4, 4)
    assert found.score == 1.0  # however many regions are shown: only one of them supports the class
    assert found.winner.source == "search"
    assert found.lead.value == found.score - found.start_score > 0.3
    wide = {"lime.grid.rows": [2, 6], "lime.grid.columns": [2, 6]}
    mattered = run(truth=OBJECT, trials=18, free=free, sampling=sampling | wide).sampling_mattered
    assert mattered["lime.grid.rows"] + mattered["lime.grid.columns"] == pytest.approx(1)


def test_one_region_is_the_best_iou_of_a_model_that_reads_one():
    free = {"regions": [1, 2, 3, 4, 6, 9], "sign": ["auto", "negative"], "kernel": ["cosine", "none"]}
    found = only_free(truth=OBJECT, n_samples=64, free=free)
    assert (found.winner.display.regions, found.score) == (1, 1.0)
    assert found.winner.display.sign != "negative"
    assert found.free_mattered["regions"] + found.free_mattered["sign"] > 0.5 > found.free_mattered["kernel"]


@pytest.mark.slow
def test_of_settings_that_score_the_same_the_one_with_the_fewest_samples_wins():
    found = only_free(truth=OBJECT, free={"n_samples": [256, 128, 64], "regions": [1]})
    assert found.winner.method.n_samples == 64
    assert found.winner.alike > 1


@pytest.mark.parametrize(("metric", "best"), [("iou", max), ("infidelity", min)])
def test_the_winner_is_the_best_in_the_direction_of_the_metric(metric, best):
    found = run(truth=OBJECT, metric=metric, trials=4)
    everything = [one for trial in found.trials for one in trial["chosen"] if one is not None]
    assert found.winner.chosen == pytest.approx(best(everything))
    assert len(set(everything)) > 3


def test_baselines_cover_as_much_as_the_winner():
    found = only_free(truth=OBJECT, n_samples=64, free={"regions": [1]})
    assert set(found.baselines) == {"random", "center", "edges"}
    question = Question.of(PHOTO, model=Counted(), target=0, truth=OBJECT)
    center = np.argsort(-BASELINES["center"](question).on_photo, axis=None, kind="stable")[: OBJECT.sum()]
    overlap = OBJECT.ravel()[center].sum()
    assert found.baselines["center"] == pytest.approx(overlap / (2 * OBJECT.sum() - overlap))


def test_a_winner_that_a_map_without_a_model_beats_says_so():
    in_the_middle = np.zeros_like(OBJECT)
    in_the_middle[12:20, 12:20] = True  # the model looks elsewhere
    free = {"regions": [1], "sign": ["positive"], "num_features": [1]}
    beaten = only_free(truth=in_the_middle, n_samples=64, free=FREE | free)
    assert beaten.notes[0].startswith("maps that do not use the model score as well or better: ")
    assert "center" in beaten.notes[0]
    assert not any(
        "do not use the model" in note for note in only_free(truth=OBJECT, n_samples=64, free=FREE | free).notes
    )


# --- the same as from scratch, at the price of one -------------------------------------------------------------------


LIME = {
    "kernel": ["cosine", "none", "inverse-l2"],
    "surrogate": ["least-squares", {"name": "lasso", "alpha": 0.001}],
    "num_features": [None, 3],
    "n_samples": [96, 40],
    "unit": ["auto", "log-odds"],
    "regions": [1, 4],
    "sign": ["positive", "negative", "both"],
}
CASES = {
    "lime": (START, LIME),
    "rise": (
        seewhy.Rise(grid=4, fill="blur"),
        {"estimator": ["controlled", "ratio"], "share": [0.1, None], "n_samples": [96, 40]},
    ),
    "ensemble": (
        seewhy.EnsembleLime(n_segments=(4, 8), fill="gray"),
        {"weighting": ["density", "value"], "share": [0.1, None], "n_samples": [96, 40]},
    ),
    "shapley": (
        START.replace(design="shapley"),
        {"kernel": ["shapley", "none"], "n_samples": [128], "regions": [1, 2]},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("metric", ["sufficiency", "srg", "energy"])
def test_every_free_setting_scores_what_a_run_of_its_own_scores(name, metric):
    start, free = CASES[name]
    if metric != "sufficiency" and name == "lime":
        free = {key: free[key] for key in ("kernel", "surrogate", "num_features")} | {"n_samples": [40]}
    found = only_free(start=start, free=free, metric=metric, truth=OBJECT)
    (trial,) = found.trials
    question = Question.of(PHOTO, model=Counted(), target=0, truth=OBJECT)
    explained = {}
    for way, chosen, reported in zip(trial["readings"], trial["chosen"], trial["reported"], strict=True):
        changes = {key: way.get(key) for key in start.free}
        key = repr(changes)
        if key not in explained:
            method = start.replace(**changes)
            explained[key] = seewhy.explain(PHOTO, model=Counted(), method=method, targets=0)
        shown = seewhy.Display(**{key: way[key] for key in seewhy.Display.model_fields if key in way})
        wanted = METRICS[metric].measure(question, Candidate.of(explained[key], display=shown))
        fills = ("blur", "black") if found.metric != "energy" else ()
        if fills and start.fill == seewhy.Color(value="black"):
            fills = fills[::-1]
        parts = [wanted.parts[fill] for fill in fills] or [wanted.value] * 2
        assert [chosen, reported] == parts
    assert len(explained) > 2 or name == "shapley"


def test_the_known_grid_costs_one_explanation_and_the_distinct_regions():
    free = {
        "num_features": [5, 10, 100_000],
        "n_samples": [20, 60, 200],
        "sign": ["positive", "negative", "both"],
        "regions": [5, 10, 15],
        "hide_rest": [True, False],
        "kernel": ["cosine"],
        "surrogate": ["ridge"],
    }
    model = Counted()
    lab = START.replace(design="bernoulli", surrogate="ridge", num_features=100_000)
    display = seewhy.Display(regions=15, sign="positive")
    found = only_free(model, start=lab, display=display, metric="sufficiency", free=free)
    assert found.n_settings == 3 * 3 * 3 * 3 * 2

    straight = seewhy.explain(PHOTO, model=Counted(), method=lab.replace(n_samples=200), targets=0)
    regions = set()
    for features, n in itertools.product(free["num_features"], free["n_samples"]):
        one = seewhy.explain(PHOTO, model=Counted(), method=lab.replace(n_samples=n, num_features=features), targets=0)
        for sign, count in itertools.product(free["sign"], free["regions"]):
            regions.add(one.region(count, sign=sign).tobytes())
    assert found.calls.explaining == straight.n_evaluations
    assert found.calls.metrics == 2 * len(regions)
    assert found.calls.baselines == 3 * 2
    assert found.calls.total == model.sent == straight.n_evaluations + 2 * len(regions) + 6 + 1
    assert found.winner.display.hide_rest is True  # its first value: no metric sees it
    assert any("hide_rest" in note for note in found.notes)


# --- what comes out --------------------------------------------------------------------------------------------------


def test_the_settings_file_is_what_explain_takes(tmp_path):
    found = run(truth=OBJECT, trials=3)
    found.save(tmp_path, model="py:some:model")
    read = read_settings(str(tmp_path / "tune.toml"))
    assert read["method"] == found.winner.method.to_dict()
    assert read["display"] == found.winner.display.to_dict()
    assert (read["seed"], read["targets"], read["model"]) == (0, 0, "py:some:model")
    assert tomllib.loads((tmp_path / "tune.toml").read_text()) == found.settings("py:some:model")
    again = seewhy.explain(PHOTO, model=Counted(), method=read["method"], targets=read["targets"])
    shown = found.winner.display
    question = Question.of(PHOTO, model=Counted(), target=0, truth=Truth(OBJECT))
    assert METRICS["iou"].measure(question, Candidate.of(again, display=shown)).value == found.winner.chosen
    assert (tmp_path / "tune.txt").read_text() == f"{found}\n"
    assert (tmp_path / "tune.html").read_text() == found.to_html()


def test_the_next_best_score_otherwise():
    found = run(truth=OBJECT, trials=8)
    scores = [one.chosen for one in found.runners_up]
    assert 3 < len(scores) <= 10
    assert found.winner.chosen > scores[0]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


@pytest.mark.parametrize("metric", ["ap", "iou"])
def test_what_the_metric_does_not_judge_stays_as_it_was(metric):
    shown = seewhy.Display(regions=9, sign="positive", hide_rest=True)
    sampling = GRIDS | {"lime.grid.rows": [4, 4], "lime.grid.columns": [4, 4]}
    free = FREE | {"regions": [1, 5]} if metric == "iou" else FREE
    found = run(truth=OBJECT, metric=metric, display=shown, trials=6, free=free, sampling=sampling)
    assert found.winner.source == "search"
    assert found.winner.display.replace(sign="positive") == (shown if metric == "ap" else shown.replace(regions=1))
    assert metric == "iou" or found.winner.display == shown


@pytest.mark.parametrize("metric", ["ap", "iou"])
def test_presets_are_shown_as_the_start_where_the_metric_does_not_judge_it(metric):
    shown = seewhy.Display(regions=9, sign="negative", hide_rest=True)
    starts = list(_known(Start("default", START, shown), Space(("lime",)), 40, Judge.of(metric, START)))
    assert sum(one.name.startswith("preset ") for one in starts) > 2
    assert {one.display.hide_rest for one in starts} == {True}
    assert (metric == "ap") == ({one.display for one in starts} == {shown})


@pytest.mark.parametrize(("design", "most"), [("exhaustive", 16), ("leave-one-out", 6)])
def test_designs_that_end_by_themselves_can_be_tuned(design, most):
    start = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=2), fill="black", design=design)
    found = only_free(start=start, truth=OBJECT, free=FREE | {"n_samples": [512], "regions": [1, 2]})
    assert found.calls.explaining <= 1 + most
    again = seewhy.explain(PHOTO, model=Counted(), method=found.winner.method, targets=0)
    question = Question.of(PHOTO, model=Counted(), target=0, truth=Truth(OBJECT))
    candidate = Candidate.of(again, display=found.winner.display)
    assert METRICS["iou"].measure(question, candidate).value == found.score > 0


def test_metrics_of_samples_get_their_intervals():
    found = only_free(metric="error", n_samples=128, free={"kernel": ["cosine", "none"], "n_samples": [128]})
    explained = seewhy.explain(PHOTO, model=Counted(), method=found.winner.method, targets=0)
    assert found.winner.chosen == pytest.approx(explained.attributions[0].error)
    assert all("needs the samples" in one for one in found.baselines.values())


def test_without_optuna_free_settings_can_be_tuned_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert only_free(truth=OBJECT, n_samples=40).score > 0
    with refuses(MissingExtra, "optuna", value="tune"):
        run(truth=OBJECT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metric": "beauty"}, {"setting": "metric", "value": "beauty"}),
        ({"metric": "complexity"}, {"setting": "metric", "value": "complexity"}),
        ({"metric": "iou", "truth": None}, {"setting": "truth", "value": "iou"}),
        ({"truth": [OBJECT, OBJECT]}, {"setting": "truth", "value": "a list of 2"}),
        ({"truth": OBJECT.astype(int)}, {"setting": "truth", "rule": "be arrays (H, W) of bool"}),
        ({"truth": OBJECT[:5]}, {"setting": "truth", "value": (5, 32)}),
        ({"methods": ["auto"]}, {"setting": "methods", "rule": "include that of start, lime"}),
        ({"methods": ["lime", "auto"]}, {"setting": "methods", "value": "auto"}),
        ({"methods": "lime"}, {"setting": "methods", "value": "lime"}),
        ({"start": "auto"}, {"setting": "start", "value": "auto"}),
        ({"start": 3}, {"setting": "method", "value": 3}),
        (
            {"sampling": {"lime.gird.rows": [2, 3]}},
            {"setting": "sampling", "rule": "name settings that can be searched"},
        ),
        ({"sampling": {"lime.grid.rows": [3]}}, {"setting": "sampling.lime.grid.rows", "value": [3]}),
        ({"sampling": {"lime.grid.rows": [2.5, 3]}}, {"setting": "sampling.lime.grid.rows", "value": [2.5, 3]}),
        ({"sampling": {"lime.fill": []}}, {"setting": "sampling.lime.fill", "value": []}),
        ({"sampling": {"lime.fill": ["picture"]}}, {"setting": "sampling.lime.fill", "value": "picture"}),
        ({"search": False}, {"setting": "sampling", "rule": "not be given with search=False"}),
        ({"free": {"keep": [0.5]}}, {"setting": "free", "value": "keep"}),
        ({"free": {"regions": 5}}, {"setting": "free.regions", "value": 5}),
        ({"free": {"regions": [0]}}, {"setting": "Display.regions", "value": 0}),
        ({"free": {"num_features": [5, -1]}}, {"setting": "sampling", "value": 30}),
        ({"free": {"n_samples": [1]}}, {"setting": "free.n_samples", "value": 1}),
        ({"n_samples": 1, "free": {}}, {"setting": "n_samples", "value": 1}),
        ({"seconds": 0}, {"setting": "seconds", "value": 0}),
        ({"seconds": float("nan")}, {"setting": "seconds", "rule": "be a number above 0"}),
        ({"calls": 0}, {"setting": "calls", "value": 0}),
        ({"calls": 30}, {"setting": "calls", "value": 30}),
        ({"trials": 0}, {"setting": "trials", "value": 0}),
        ({"seed": -1}, {"setting": "seed", "value": -1}),
        (
            {"groups": ["a", "b"]},
            {"setting": "groups", "value": ["a", "b"]},
        ),
        ({"groups": "frames"}, {"setting": "groups", "value": "frames"}),
        ({"target": "0 vs 1"}, {"setting": "target", "value": "0 vs 1"}),
        ({"photos": []}, {"setting": "photos", "rule": "be at least one"}),
    ],
)
def test_what_breaks_a_rule_is_refused(given, message):
    given = {"truth": OBJECT} | given
    with refuses(InvalidInput, **message):
        run(given.pop("model", None), **given)


def test_a_damaged_memory_is_named(tmp_path):
    (tmp_path / "tune.sqlite").write_bytes(b"this is no database, but it is long enough to be looked at as one" * 20)
    with refuses(seewhy.FileError, "tune.sqlite", value="a file that is not an SQLite database, or a damaged one"):
        only_free(truth=OBJECT, out=tmp_path)
