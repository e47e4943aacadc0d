"""Tuning: planted answers are found, nothing is asked twice, and what a score was chosen on is said."""

from __future__ import annotations

import io
import itertools
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.cli.explain import read_settings
from seewhy.errors import Cancelled, InvalidInput, MissingExtra
from seewhy.metrics import BASELINES, METRICS, Candidate, Question, Truth
from seewhy.models import FunctionModel
from seewhy.truth import Known, MaskPicture
from seewhy.tune import tune
from support.planted import BLOCKS, PHOTO, READ, logits, prepared

optuna = pytest.importorskip("optuna", reason="the extra tune is not installed")

OBJECT = READ[0] == BLOCKS
START = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black")
COARSE = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), fill="blur")
GRIDS = {"lime.segmentation": ["grid"], "lime.grid.rows": [3, 5], "lime.grid.columns": [3, 5], "lime.fill": ["blur"]}
FREE = {"kernel": ["cosine"], "surrogate": ["least-squares"], "num_features": [None], "n_samples": [40]}
SHOWN = {"regions": [1, 3, 5, 8], "sign": ["auto", "positive"]}
QUICK = {"methods": ["lime"], "sampling": GRIDS, "target": 0, "start": COARSE, "free": FREE | SHOWN}


class Counted(FunctionModel):
    """The planted network, which counts the pictures that it is sent, and may break at one of them."""

    def __init__(self, stop_at=None, error=KeyboardInterrupt):
        self.sent, self.stop_at, self.error = 0, stop_at, error
        super().__init__(self.answer, kind="logit", batch_size=8, name="counted")
        self.fingerprint = "test:counted"

    def answer(self, batch):
        self.sent += len(batch)
        if self.stop_at is not None and self.sent > self.stop_at:
            raise self.error
        return logits(prepared(batch))


def run(model=None, photos=PHOTO, **more):
    return tune(photos, model=model or Counted(), **(QUICK | more))


def only_free(model=None, photos=PHOTO, **more):
    return tune(photos, model=model or Counted(), **({"start": START, "search": False, "target": 0} | more))


def plain(found):
    return {key: value for key, value in found.to_dict().items() if key != "seconds"}


def known(classes, *, sure=False, group=None):
    path = Path("mask.png")
    held = io.BytesIO()
    Pillow.fromarray(OBJECT).save(held, "PNG")
    return Known(path.name, marks=MaskPicture(path, held.getvalue()), classes=classes, sure=sure, group=group)


# --- the class that is explained -----------------------------------------------------------------------------


def test_the_truth_names_the_class_and_which_photos_belong_together():
    top = int(Question.of(PHOTO, model=Counted()).target)
    other, third = (i for i in range(3) if i != top)
    strongest = max((other, third), key=lambda i: Question.of(PHOTO, model=Counted()).untouched[0][i])
    truths = [known((third, other)), known((third, other), sure=True), known(("no such class",)), known(())]

    found = only_free(photos=[PHOTO] * 4, truth=truths, target=None, n_samples=64, free={"regions": [1]})

    assert [one.target for one in found.photos] == [strongest, third, top, top]
    assert found.held_out == ("photos",)
    together = [known((), group="film")] * 2
    assert not only_free(photos=[PHOTO] * 2, truth=together, target=None, n_samples=64, free={"regions": [1]}).held_out
    asked = only_free(truth=known((third,)), target=other, n_samples=64, free={"regions": [1]})
    assert asked.photos[0].target == other
    with pytest.raises(InvalidInput, match="classes of the model, 0 to 2, got 7"):
        only_free(truth=known((7,)), target=None, n_samples=64)


# --- planted answers -----------------------------------------------------------------------------------------


def test_the_grid_whose_cells_are_the_ones_that_the_model_reads_wins():
    free = FREE | {"regions": [3, 1, 5], "sign": ["auto"]}
    sampling = GRIDS | {"lime.fill": ["gray"], "lime.design": ["auto"]}
    found = run(truth=OBJECT, trials=18, free=free, sampling=sampling)
    grid = found.winner.method.segmentation
    assert (grid.rows, grid.columns, found.winner.display.regions) == (4, 4, 1)
    assert found.score == 1.0
    assert found.winner.source == "search"
    assert found.lead.value == found.score - found.start_score > 0.3
    mattered = found.sampling_mattered
    assert mattered["lime.grid.rows"] + mattered["lime.grid.columns"] == pytest.approx(1)


def test_one_region_is_the_best_iou_of_a_model_that_reads_one():
    free = {"regions": [1, 2, 3, 4, 6, 9], "sign": ["auto", "negative"], "kernel": ["cosine", "none"]}
    found = only_free(truth=OBJECT, n_samples=64, free=free)
    assert (found.winner.display.regions, found.score) == (1, 1.0)
    assert found.winner.display.sign != "negative"
    assert found.free_mattered["regions"] + found.free_mattered["sign"] > 0.5 > found.free_mattered["kernel"]


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
    assert beaten.notes[0].startswith("maps that know nothing of the model score as well or better: ")
    assert "center" in beaten.notes[0]
    assert not any("know nothing" in note for note in only_free(truth=OBJECT, n_samples=64, free=FREE | free).notes)


# --- the same as from scratch, at the price of one -----------------------------------------------------------

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


@pytest.mark.parametrize("metric", ["iou", "ap", "srg", "sufficiency", "r2", "sensitivity-n", "error", "agreement"])
def test_every_picture_is_counted(metric):
    model = Counted()
    found = run(model, metric=metric, truth=OBJECT, trials=3, free={"n_samples": [40, 80]})
    assert found.calls.total == model.sent
    assert found.calls.not_finished == 0


# --- seeds, and going on -------------------------------------------------------------------------------------


def test_the_same_seed_finds_the_same():
    one, same, other = (run(truth=OBJECT, trials=6, seed=seed) for seed in (3, 3, 4))
    assert plain(one) == plain(same)
    assert plain(one)["trials"] != plain(other)["trials"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("metric", ["iou", "sufficiency"])
def test_a_killed_tuning_goes_on_to_what_it_would_have_found(error, metric, tmp_path):
    given = {"truth": OBJECT, "metric": metric, "trials": 6, "out": tmp_path}
    straight = Counted()
    wanted = run(straight, **(given | {"out": None}))
    stopped = Counted(stop_at=wanted.calls.total // 2, error=error)
    try:
        assert not run(stopped, **given).complete
    except RuntimeError:
        assert error is RuntimeError
    rest = Counted()
    assert plain(run(rest, **given)) == plain(wanted)
    assert wanted.calls.total / 4 < rest.sent < 0.7 * straight.sent
    third = Counted()
    run(third, **given)
    assert third.sent == 1 + wanted.calls.baselines  # the photo itself, and the baselines


def test_another_question_in_the_same_folder_is_asked_anew(tmp_path):
    one = only_free(truth=OBJECT, out=tmp_path, n_samples=40)
    other = Counted()
    two = only_free(other, truth=~OBJECT, out=tmp_path, n_samples=40)
    assert other.sent == two.calls.total
    assert one.score != two.score


# --- honesty -------------------------------------------------------------------------------------------------


def noise_question(count, seed=0):
    """Photos whose objects lie anywhere: no setting is better than another."""
    rng = np.random.default_rng(seed)
    photos = [rng.integers(60, 256, (32, 32, 3), dtype=np.uint8) for _ in range(count)]
    truths = [rng.integers(16) == BLOCKS for _ in range(count)]
    return photos, truths


def test_choosing_and_reporting_on_the_same_photos_would_look_better():
    apart = []
    free = FREE | {"regions": [1, 2, 3, 4, 5, 6, 7, 8], "sign": ["both", "positive", "negative"]}
    for seed in range(4):
        photos, truths = noise_question(6, seed)
        found = only_free(photos=photos, truth=truths, free=free, metric="iou")
        assert found.held_out == ("photos",)
        assert len(found.fold_winners) == 5
        apart.append(found.winner.chosen - found.score)
    assert min(apart) >= 0
    assert np.mean(apart) > 0.02


def test_photos_of_one_group_are_held_out_together():
    photos, truths = noise_question(4)
    together = only_free(photos=photos, truth=truths, n_samples=40, groups=["a"] * 4, free=SHOWN)
    assert together.held_out == ()
    assert together.lead.low is None
    assert "elsewhere expect a worse one" in str(together)
    assert together.score == pytest.approx(together.winner.chosen)
    two = only_free(photos=photos, truth=truths, n_samples=40, groups=["a", "a", "b", "b"], free=SHOWN)
    assert (two.held_out, len(two.fold_winners)) == (("photos",), 2)
    assert two.lead.low <= two.lead.value <= two.lead.high


def test_one_photo_with_truth_says_that_nothing_is_held_out():
    found = only_free(truth=OBJECT, n_samples=40)
    assert found.held_out == ()
    assert (found.chosen_on, found.reported_on) == ("iou, on this photo", "iou, on the same photo")
    assert "this score is on the very data that the settings were chosen on" in str(found)
    assert found.score == found.winner.chosen


@pytest.mark.parametrize(
    ("start", "chosen", "reported"),
    [(COARSE, "blur", "black"), (START, "black", "blur"), (seewhy.Rise(grid=4), "black", "blur")],
)
def test_one_fill_is_chosen_on_and_another_reported(start, chosen, reported):
    found = only_free(start=start, metric="sufficiency", n_samples=40, free={"regions": [1, 3], "share": [0.1, 0.3]})
    assert (found.chosen_on, found.reported_on) == (
        f"sufficiency over {chosen}, on this photo",
        f"sufficiency over {reported}, on the same photo",
    )
    assert found.held_out == ("fill",)
    assert "elsewhere expect" not in str(found)
    explained = seewhy.explain(PHOTO, model=Counted(), method=found.winner.method, targets=0)
    question = Question.of(PHOTO, model=Counted(), target=0)
    parts = METRICS["sufficiency"].measure(question, Candidate.of(explained, display=found.winner.display)).parts
    assert (found.winner.chosen, found.score) == (parts[chosen], parts[reported])
    assert parts[chosen] != parts[reported]


def test_nothing_is_proposed_that_is_explained_with_the_fill_it_would_be_reported_on():
    found = tune(
        PHOTO,
        model=Counted(),
        metric="sufficiency",
        start=COARSE,
        target=0,
        methods=["lime"],
        trials=10,
        free=FREE | SHOWN,
    )
    fills = [trial["method"]["fill"].get("value") for trial in found.trials]
    assert len(fills) > 4
    assert "#000000" not in fills
    given = QUICK["sampling"] | {"lime.fill": ["black", "blur"]}
    found = run(metric="sufficiency", sampling=given, trials=6)
    assert "#000000" in [trial["method"]["fill"].get("value") for trial in found.trials]
    assert found.winner.method.fill.name == "blur"
    assert any("cannot win" in note for note in found.notes)


def test_a_photo_that_cannot_be_graded_is_left_out_by_name():
    photos = [PHOTO, PHOTO[::-1].copy()]
    found = only_free(photos=photos, truth=[OBJECT, np.zeros_like(OBJECT)], free=FREE)
    assert [one.target for one in found.photos] == [0]
    assert [one.name for one in found.photos] == ["array (1)"]
    assert any(note.startswith("left out, array (2): the ") for note in found.notes)


def test_settings_that_cannot_be_used_here_do_not_end_a_search():
    plain_photo = np.full((32, 32, 3), 90, np.uint8)
    sampling = {"lime.segmentation": ["grid"], "lime.grid.rows": [3, 5], "lime.grid.columns": [3, 5]}
    found = tune(
        plain_photo, model=Counted(), truth=OBJECT, start=seewhy.Lime(segmentation="felzenszwalb"), methods=["lime"],
        sampling=sampling, free=FREE, trials=3, metric="iou",
    )  # fmt: skip
    assert found.start_score is None
    assert found.lead is None
    assert any("cannot be used here" in note for note in found.notes)
    with pytest.raises(InvalidInput, match="Felzenszwalb gives 1 segment"):
        only_free(photos=plain_photo, start=seewhy.Lime(segmentation="felzenszwalb"), truth=OBJECT)


# --- budgets -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [400, 800, 1400])
@pytest.mark.parametrize("metric", ["srg", "sufficiency"])
def test_no_more_calls_are_made_than_allowed(metric, calls):
    model = Counted()
    free = FREE | {"regions": [1, 2]}
    given = QUICK["sampling"] | {"lime.grid.rows": [2, 9]}
    if metric == "srg" and calls == 400:  # 126 a map, of which three are the baselines'
        with pytest.raises(InvalidInput, match="calls must be enough"):
            run(model, metric=metric, calls=calls, free=free, sampling=given)
    else:
        found = run(model, metric=metric, calls=calls, free=free, sampling=given, trials=100)
        assert found.calls.total == model.sent
        assert found.ended == "calls"
        assert found.complete
        assert all(isinstance(one, float) for one in found.baselines.values())
    assert model.sent <= calls


def test_time_that_is_over_ends_it_after_the_first_settings():
    found = run(truth=OBJECT, seconds=1e-9, trials=20)
    assert (found.ended, found.n_trials, found.complete) == ("seconds", 1, True)


def test_somebody_who_stops_it_gets_the_best_so_far():
    reported = []

    def stop():
        return len(reported) > 3

    found = run(truth=OBJECT, cancel=stop, progress=lambda done, total: reported.append((done, total)), trials=30)
    assert (found.ended, found.complete) == ("cancelled", False)
    assert 0 < found.n_trials < 30
    assert all(done <= total for done, total in reported)
    with pytest.raises(Cancelled):
        run(truth=OBJECT, cancel=lambda: True)
    with pytest.raises(KeyboardInterrupt):
        run(Counted(stop_at=5), truth=OBJECT)


# --- what comes out ------------------------------------------------------------------------------------------


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


def test_the_next_best_score_otherwise():
    found = run(truth=OBJECT, trials=8)
    scores = [one.chosen for one in found.runners_up]
    assert 3 < len(scores) <= 10
    assert found.winner.chosen > scores[0]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


def test_metrics_of_samples_get_their_intervals():
    found = only_free(metric="error", n_samples=128, free={"kernel": ["cosine", "none"], "n_samples": [128]})
    explained = seewhy.explain(PHOTO, model=Counted(), method=found.winner.method, targets=0)
    assert found.winner.chosen == pytest.approx(explained.attributions[0].error)
    assert all("without samples" in one for one in found.baselines.values())


def test_without_optuna_free_settings_can_be_tuned_still(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert only_free(truth=OBJECT, n_samples=40).score > 0
    with pytest.raises(MissingExtra, match=r"seewhy\[tune\]"):
        run(truth=OBJECT)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metric": "beauty"}, "metric must be one of iou"),
        ({"metric": "complexity"}, "metric must be one of iou"),
        ({"metric": "iou", "truth": None}, "metric iou needs truth"),
        ({"truth": [OBJECT, OBJECT]}, "truth must be one for each of the 1 photos, got a list of 2"),
        ({"truth": OBJECT.astype(int)}, "truth must be arrays .* of bool"),
        ({"truth": OBJECT[:5]}, "truth must be of the photo's size"),
        ({"methods": ["auto"]}, "methods must include that of start"),
        ({"methods": ["lime", "auto"]}, "methods must be some of lime, rise, ensemble-lime, got 'auto'"),
        ({"methods": "lime"}, "methods must be a list"),
        ({"start": "auto"}, "start must be settings of lime, rise, ensemble-lime, got 'auto'"),
        ({"start": 3}, "method must be one of"),
        ({"sampling": {"lime.gird.rows": [2, 3]}}, "did you mean lime.grid.rows"),
        ({"sampling": {"lime.grid.rows": [3]}}, "two ends of a range"),
        ({"sampling": {"lime.grid.rows": [2.5, 3]}}, "two whole numbers"),
        ({"sampling": {"lime.fill": []}}, "sampling.lime.fill must be a list"),
        ({"sampling": {"lime.fill": ["picture"]}}, "sampling.lime.fill must be some of"),
        ({"search": False}, "sampling must not be given where nothing is searched"),
        ({"free": {"keep": [0.5]}}, "free must name settings that cost no model call"),
        ({"free": {"regions": 5}}, "free.regions must be a list of values"),
        ({"free": {"regions": [0]}}, "Display.regions must be at least 1"),
        ({"free": {"num_features": [5, -1]}}, "free.num_features must hold values that are possible, got -1"),
        ({"free": {"n_samples": [1]}}, "free.n_samples must be whole numbers of at least 2"),
        ({"n_samples": 1, "free": {}}, "n_samples must be a whole number from 2"),
        ({"seconds": 0}, "seconds must be a number above 0"),
        ({"seconds": float("nan")}, "seconds must be a number above 0"),
        ({"calls": 0}, "calls must be a whole number of at least 1"),
        ({"calls": 30}, "calls must be enough"),
        ({"trials": 0}, "trials must be a whole number of at least 1"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"groups": ["a", "b"]}, "groups must be one name for each of the 1 photos"),
        ({"target": "0 vs 1"}, "target must be one class"),
        ({"photos": []}, "photos must be at least one"),
    ],
)
def test_what_breaks_a_rule_is_refused(given, message):
    given = {"truth": OBJECT} | given
    with pytest.raises(InvalidInput, match=message):
        run(given.pop("model", None), **given)


def test_a_damaged_memory_is_named(tmp_path):
    (tmp_path / "tune.sqlite").write_bytes(b"this is no database, but it is long enough to be looked at as one" * 20)
    with pytest.raises(seewhy.FileError, match=r"tune\.sqlite"):
        only_free(truth=OBJECT, out=tmp_path)
