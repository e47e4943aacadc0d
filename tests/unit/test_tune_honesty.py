"""What a tuning says of its scores: what they were chosen on, how sure they are, and who does as well."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.metrics import METRICS, Candidate, Question
from seewhy.tune import tune
from seewhy.tune.facts import Setting
from seewhy.tune.judging import Judge
from seewhy.tune.search import OptunaSearch, Start
from seewhy.tune.space import Space
from seewhy.tune.wording import changes, reason
from support.planted import PHOTO
from support.refusing import refuses
from support.tuning import COARSE, FREE, OBJECT, QUICK, SHOWN, START, Counted, known, noise_question, only_free, run

optuna = pytest.importorskip("optuna", reason="the extra tune is not installed")


@pytest.mark.slow
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


@pytest.mark.slow
def test_photos_of_one_group_are_held_out_together():
    photos, truths = noise_question(4)
    together = only_free(photos=photos, truth=truths, n_samples=40, groups=["a"] * 4, free=SHOWN)
    assert together.held_out == ()
    assert together.lead.low is None
    assert "expect a worse score on other photos" in str(together)
    assert together.score == pytest.approx(together.winner.chosen)
    two = only_free(photos=photos, truth=truths, n_samples=40, groups=["a", "a", "b", "b"], free=SHOWN)
    assert (two.held_out, len(two.fold_winners)) == (("photos",), 2)
    assert (two.lead.low, two.lead.groups) == (None, 2)
    assert "no interval: at least 6 independent groups of photos are needed, got 2" in str(two)


def test_one_photo_with_truth_says_that_nothing_is_held_out():
    found = only_free(truth=OBJECT, n_samples=40)
    assert found.held_out == ()
    assert (found.chosen_on, found.reported_on) == ("iou, on this photo", "iou, on the same photo")
    assert "the settings were chosen on the same data" in str(found)
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
    assert "expect a worse" not in str(found)
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
    assert len(fills) >= 4
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
    assert any(note.startswith("skipped: array (2): the ") for note in found.notes)


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
    with refuses(InvalidInput, "Felzenszwalb", value=1):
        only_free(photos=plain_photo, start=seewhy.Lime(segmentation="felzenszwalb"), truth=OBJECT)


def test_the_same_picture_given_twice_is_never_held_out_against_itself():
    other = PHOTO[::-1].copy()
    given = {"n_samples": 40, "free": FREE | {"regions": [1, 3]}}
    found = only_free(photos=[PHOTO, PHOTO.copy()], truth=[OBJECT, OBJECT], **given)
    assert found.held_out == ()
    assert any(note.startswith("duplicate photos: 1;") for note in found.notes)
    chained = {"photos": [PHOTO, PHOTO.copy(), other], "truth": [OBJECT] * 3}
    assert only_free(**chained, groups=["a", "b", "b"], **given).held_out == ()
    assert only_free(**chained, groups="none", **given).held_out == ("photos",)


@pytest.mark.parametrize(("groups", "folds"), [("auto", 4), ("name", 2), ("none", 4)])
@pytest.mark.parametrize("opened", [False, True])
def test_frames_of_one_name_are_of_one_group(groups, folds, opened, tmp_path):
    pictures, truths = noise_question(4)
    paths = [tmp_path / f"{name}.png" for name in ("bear_01", "bear_02", "cat_1", "cat_2")]
    for path, picture in zip(paths, pictures, strict=True):
        Image.fromarray(picture).save(path)
    photos = [seewhy.load_image(path) for path in paths] if opened else paths
    found = only_free(photos=photos, truth=truths, groups=groups, n_samples=40, free=FREE | {"regions": [1]})
    assert len(found.fold_winners) == folds


def test_photos_of_one_name_in_two_folders_stand_alone(tmp_path):
    pictures, truths = noise_question(2)
    paths = [tmp_path / name / "photo.png" for name in ("one", "two")]
    for path, picture in zip(paths, pictures, strict=True):
        path.parent.mkdir()
        Image.fromarray(picture).save(path)
    photos = [seewhy.load_image(path) for path in paths]
    found = only_free(photos=photos, truth=truths, groups="none", n_samples=40, free=FREE | {"regions": [1]})
    assert found.held_out == ("photos",)


@pytest.mark.slow
def test_a_start_that_is_better_where_it_is_reported_is_named():
    said, start = [], seewhy.Display(regions=3, sign="both")
    free = FREE | {"regions": [1, 2, 3, 4, 5, 6, 7, 8], "sign": ["both", "positive", "negative"]}
    for seed in range(6):
        photos, truths = noise_question(6, seed)
        found = only_free(photos=photos, truth=truths, free=free, metric="iou", display=start)
        worse = found.score < found.start_score and "Changed" in found.reason
        noted = [note for note in found.notes if note.startswith("the start settings have a better reported score ")]
        assert bool(noted) == worse
        assert not worse or f"({found.start_score:.4g}, winner {found.score:.4g}); keep them" in noted[0]
        said.append(worse)
    assert set(said) == {True, False}


def test_what_a_notebook_shows_says_that_nothing_was_held_out():
    same = only_free(truth=OBJECT, n_samples=40, free=FREE | {"regions": [1]})
    assert "on the data used for choosing, " in repr(same)
    held = only_free(metric="sufficiency", n_samples=40, free=FREE | {"regions": [1]})
    assert "on the data used" not in repr(held)


def test_the_settings_file_names_the_class_of_all_photos_or_says_that_it_cannot():
    given = {"target": None, "n_samples": 40, "free": FREE | {"regions": [1]}}
    top = int(Question.of(PHOTO, model=Counted()).target)
    one, other = (i for i in range(3) if i != top)
    photos = [PHOTO, np.clip(PHOTO, 0, 250)]
    named = only_free(photos=photos, truth=[known((one,))] * 2, **given)
    assert named.settings()["targets"] == one
    apart = only_free(photos=photos, truth=[known((one,)), known((other,))], **given)
    assert apart.settings()["targets"] == "top1"
    assert any("for 2 of 2 photos, the ground truth is of another class" in note for note in apart.notes)
    own = only_free(photos=photos, truth=[known((top,))] * 2, **given)
    assert own.settings()["targets"] == "top1"
    assert not any("of another class than the top one" in note for note in own.notes + named.notes)


# --- the reason ------------------------------------------------------------------------------------------------------


def searched(space, trials=20, seed=0):
    """Return what a search says of importance, when settings are worth what chance says."""
    search = OptunaSearch(space, [Start("default", seewhy.Lime(n_samples=40))], better=1, seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(trials):
        search.next()
        search.told(float(rng.random()))
    return search.importance()


def test_importance_is_told_only_where_several_settings_are_common():
    grids = {
        "lime.segmentation": ["grid"],
        "lime.fill": ["gray"],
        "lime.design": ["bernoulli"],
        "lime.keep": [0.5, 0.5],
    }
    rows = {"lime.grid.rows": [2, 30], "lime.grid.columns": [4, 4]}
    assert len(searched(Space(("lime",), grids))) > 1
    assert searched(Space(("lime", "rise", "ensemble-lime"))) == {}  # the method alone is common
    assert searched(Space(("lime",), grids | rows)) == {}
    assert searched(Space(("lime",), grids), trials=12) == {}


def setting(method, **shown):
    return Setting(method, seewhy.Display(**shown), "start", None)


def test_the_reason_names_what_changed_and_what_mattered_most():
    one, other = setting(START, regions=3), setting(START)
    judge = Judge.of("iou", START)
    text = reason(judge, one, other, 0.5, 0.25, sampling={"fill": 0.4, "design": 0.35}, free={"regions": 0.6})
    assert text == (
        "iou 0.5 (start settings: 0.25). Changed: regions 3 (was 5). "
        "Among sampling settings, fill matters most (40 % of the variance of the scores). "
        "Among free settings, regions matters most (60 % of the variance of the scores)."
    )


def test_another_method_is_compared_by_what_both_have():
    lime = seewhy.Lime(fill="gray", n_samples=128, tolerance=0.2)
    rise = seewhy.Rise(fill="black", n_samples=128, grid=5)
    assert changes(setting(rise, regions=2), setting(lime)) == [
        "method rise (was lime)", "grid 5", "fill black", "regions 2 (was 5)",
    ]  # fmt: skip
    assert changes(setting(lime), setting(lime.replace(n_samples=64))) == ["n_samples 128 (was 64)"]
