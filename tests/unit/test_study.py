"""A study finds planted settings, says where they fit, and is the same whether it was interrupted or not."""

from __future__ import annotations

import json
import weakref

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.metrics import METRICS, Candidate, Question
from seewhy.models import FunctionModel
from seewhy.render.display import Display
from seewhy.study import study
from seewhy.study.menu import Menu
from seewhy.study.rule import ALLOWED, CHOSEN_ON, REPORTED_ON, Rule
from support.graded import folder
from support.graded import model as graded_model
from support.refusing import refuses

SIDE = 32
COARSE = {"name": "lime", "segmentation": {"name": "grid", "rows": 2, "columns": 2}, "fill": "black"}
UPRIGHT = {"name": "lime", "segmentation": {"name": "grid", "rows": 1, "columns": 8}, "fill": "black"}
LEVEL = {"name": "lime", "segmentation": {"name": "grid", "rows": 8, "columns": 1}, "fill": "black"}
MENU = {"sampling": {"coarse": COARSE, "upright": UPRIGHT, "level": LEVEL}}
"""A red stripe, a column of the photo, is one segment of ``upright``; a blue one, a row, is one of ``level``."""


def striped(red=None, blue=None):
    photo = np.full((SIDE, SIDE, 3), 60, np.uint8)
    if red is not None:
        photo[:, 4 * red : 4 * red + 4] = 255, 0, 0
    if blue is not None:
        photo[4 * blue : 4 * blue + 4] = 0, 0, 255
    return photo


def seen(channel, *, sharp=True):
    """Return a model whose first class is how much pure red or blue there is, as a share of a stripe."""

    def score(batch):
        others = [i for i in range(3) if i != channel]
        pure = batch[..., channel] - batch[..., others].sum(axis=-1)
        pure = np.clip(5 * pure - 4 if sharp else pure, 0, 1)
        found = np.clip(pure.mean(axis=(1, 2)) * 8, 0, 1)
        return np.stack([found, 1 - found], axis=1)

    return FunctionModel(score, kind="probability", input_size=SIDE, name=f"channel {channel}")


def written(folder, photos):
    for name, photo in photos.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(photo).save(path)
    return folder


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    upright = {f"upright/{i}.png": striped(red=i) for i in (1, 3, 6)}
    level = {f"level/{i}.png": np.swapaxes(striped(red=i), 0, 1) for i in (2, 5, 6)}
    return written(tmp_path_factory.mktemp("classes"), upright | level)


@pytest.fixture(scope="module")
def two_stripes(tmp_path_factory):
    photos = {f"cross/{i}.png": striped(red=i, blue=row) for i, row in enumerate((1, 2, 3, 5, 6, 7), 1)}
    return written(tmp_path_factory.mktemp("stripes"), photos)


def run(photos, **more):
    settings = {"model": seen(0), "menu": MENU, "n_samples": 40, "target": 0, "progress": False}
    return study(photos, **settings | more)


def text(found):
    return json.dumps(found.to_dict(), allow_nan=False)


# --- planted answers ------------------------------------------------------------------------------------------


def test_a_setting_fits_its_class_and_not_the_other(two_classes):
    found = run(two_classes)

    assert found.complete
    best = {photo: found.best(photo).label for photo in found.photos}
    assert best == {photo: photo.split("/")[0] for photo in found.photos}
    assert [one.word for one in found.questions] == ["Yes", "Yes", "No", "Not asked", "Not asked"]
    second, third = found.questions[1:3]
    assert second.loss.value == pytest.approx(0, abs=0.01)
    assert third.loss.value > 0.5 * third.score
    assert (second.loss.pairs, third.loss.pairs) == (12, 18)
    (classes,) = (one for one in found.matrices if one.over == "classes")
    assert classes.names == ("level", "upright")
    losses = np.array([[one.value for one in row] for row in classes.loss])
    assert losses[0, 1] > 0.1 < losses[1, 0]
    np.testing.assert_allclose(np.diag(losses), 0, atol=0.01)


@pytest.mark.slow
def test_a_setting_does_not_fit_a_model_that_looks_elsewhere(two_stripes):
    found = run(two_stripes, model=[seen(0), seen(2)])

    assert {found.best(photo, "channel 0").label for photo in found.photos} == {"upright"}
    assert {found.best(photo, "channel 2").label for photo in found.photos} == {"level"}
    assert [one.word for one in found.questions[:4]] == ["Yes", "Yes", "Not asked", "No"]
    models = found.matrices[-1]
    assert [models.loss[0][0].value, models.loss[1][1].value] == [0, 0]
    assert min(models.loss[0][1].value, models.loss[1][0].value) > 0.1


@pytest.mark.slow
def test_two_models_that_look_alike_share_their_settings(two_stripes):
    other = FunctionModel(seen(0).function, kind="probability", input_size=SIDE, name="twin")

    assert run(two_stripes, model=[seen(0), other]).questions[3].word == "Yes"


def test_views_of_one_photo_are_too_few(two_classes, tmp_path):
    photos = {f"a/one_{i}.png": striped(red=i) for i in range(6)}
    found = run(written(tmp_path, photos), groups="name")

    assert found.groups == ("one",) * 6
    assert [one.word for one in found.questions] == ["Seen here", "Seen here", "Not asked", "Not asked", "Not asked"]
    assert found.questions[1].loss.low is None
    assert "This describes 1 independent photo " in found.questions[1].text


# --- how settings are judged ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_number_is_what_the_metric_says_of_a_run_of_its_own(two_stripes):
    menu = MENU | {"free": {"num_features": [2], "n_samples": [20], "unit": ["log-odds"]}}
    found = run(two_stripes / "cross" / "1.png", menu=menu)

    assert len(found.plan.menu.settings) == 24
    question = Question.of(two_stripes / "cross" / "1.png", model=seen(0), target=0)
    for s, one in enumerate(found.plan.menu.settings):
        alone = seewhy.explain(two_stripes / "cross" / "1.png", model=seen(0), method=one.method, targets=0)
        if np.ptp(alone.heatmap()) == 0:
            assert np.isnan(found.tensor.chosen[0, 0, s])
            continue
        parts = METRICS["srg"].measure(question, Candidate.of(alone)).parts
        assert found.tensor.chosen[0, 0, s] == parts["blur"]
        assert found.tensor.reported[0, 0, s] == parts["black"]


def test_no_winner_is_reported_on_what_it_was_chosen_on(two_stripes):
    assert CHOSEN_ON != REPORTED_ON
    for name in ALLOWED:
        rule = Rule.of(name)
        if rule.apart:
            found = run(two_stripes / "cross" / "1.png", metric=name, model=seen(0, sharp=False))
            assert np.any(found.tensor.chosen != found.tensor.reported)
            assert "a winner is never reported on the score that chose it" in rule.text
        else:
            assert METRICS[name].facts.needs == "truth"
            assert "looks better than it is" in rule.text


def test_regions_are_varied_where_the_metric_reads_them(two_stripes):
    menu = MENU | {"free": {"regions": [1], "sign": ["positive"]}}
    photo = two_stripes / "cross" / "1.png"
    shown, mapped = run(photo, menu=menu, metric="sufficiency"), run(photo, menu=menu)

    assert len(shown.plan.menu.settings) == 12
    rise = Menu.of({"sampling": {"rise": "rise"}, "free": {"regions": [1], "share": [0.1]}}, 40, region=True)
    assert [one.label for one in rise.settings] == ["rise", "rise \u00b7 share 0.1"]  # a map has no regions to count
    assert len(mapped.plan.menu.settings) == 3
    assert mapped.notes == (
        "display settings are not varied, because this metric uses the map and not the shown region",
    )
    explanation = seewhy.explain(photo, model=seen(0), method=shown.plan.menu.samplings["upright"], targets=0)
    candidate = Candidate.of(explanation, display=Display(regions=1, sign="positive"))
    wanted = METRICS["sufficiency"].measure(Question.of(photo, model=seen(0), target=0), candidate)
    place = [one.label for one in shown.plan.menu.settings].index("upright \u00b7 regions 1 \u00b7 sign positive")
    assert shown.tensor.reported[0, 0, place] == wanted.parts["black"]
    assert shown.scores.areas["upright \u00b7 regions 1 \u00b7 sign positive"] == pytest.approx(1 / 8)


def counting():
    sizes = []
    inner = seen(0)

    def score(batch):
        sizes.append(len(batch))
        return inner.function(batch)

    return FunctionModel(score, kind="probability", input_size=SIDE, name="counting"), sizes


def test_samples_are_asked_once_and_equal_maps_scored_once(two_stripes):
    photo = two_stripes / "cross" / "1.png"
    single, one = counting()
    run(photo, model=single, menu={"sampling": {"coarse": COARSE, "upright": UPRIGHT}})
    twice, other = counting()
    menu = {
        "sampling": {"coarse": COARSE, "upright": UPRIGHT, "the same": UPRIGHT},
        "free": {"kernel": [{"name": "cosine", "width": 0.25}]},  # its own: no setting beside it
    }
    run(photo, model=twice, menu=menu)

    # One shows more in a menu that holds nothing more: nothing is asked for it.
    assert sum(one) == sum(other)
    free, more = counting()
    run(photo, model=free, menu={"sampling": {"upright": UPRIGHT, "coarse": COARSE}, "free": {"n_samples": [20]}})
    assert sum(more) <= sum(one) + 2 * 126


def test_no_map_stays_in_memory_once_it_is_judged(two_stripes, monkeypatch):
    held, most = [], []
    of = Candidate.of.__func__

    def noted(cls, *args, **more):
        most.append(sum(one() is not None for one in held))
        found = of(cls, *args, **more)
        held.append(weakref.ref(found))
        return found

    monkeypatch.setattr(Candidate, "of", classmethod(noted))
    run(two_stripes / "cross" / "1.png", menu=MENU | {"free": {"num_features": [1, 2], "n_samples": [20]}})

    assert len(held) > 10
    assert max(most) <= 1  # the one before


def test_a_setting_that_cannot_be_used_somewhere_adds_nothing_to_the_mean_area(two_classes, tmp_path):
    tall = {"name": "lime", "segmentation": {"name": "grid", "rows": 20, "columns": 1}, "fill": "black"}
    menu = {"sampling": {"upright": UPRIGHT, "tall": tall}, "free": {"regions": [4]}}
    photos = {"a/large.png": np.kron(striped(red=1), np.ones((2, 2, 1), np.uint8)), "a/small.png": striped(red=1)[:16]}
    model = FunctionModel(seen(0).function, kind="probability", name="any size")
    found = run(written(tmp_path, photos), model=model, menu=menu, metric="sufficiency", n_samples=96)

    assert {(one["photo"], one["setting"]) for one in found.failed} == {
        ("small.png", "tall"),
        ("small.png", "tall \u00b7 regions 4"),
    }
    assert found.scores.areas["tall \u00b7 regions 4"] == pytest.approx(4 * 4 / 64, abs=0.02)


def test_iou_is_judged_where_there_is_truth(two_classes, tmp_path):
    for path in two_classes.rglob("upright/*.png"):
        mask = np.asarray(Pillow.open(path))[..., 0] == 255
        (tmp_path / "upright").mkdir(exist_ok=True)
        Pillow.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "upright" / path.name)
    found = run(two_classes, metric="iou", truth=tmp_path, menu=MENU | {"free": {"regions": [1]}})

    judged = {photo: found.best(photo) for photo in found.photos}
    assert {photo for photo, one in judged.items() if one is not None} == {f"upright/{i}.png" for i in (1, 3, 6)}
    assert judged["upright/1.png"].label == "upright"  # only the stripe is told from 0, however many may be shown
    assert found.tensor.own[0, 3:].tolist() == [1, 1, 1]
    assert {one["photo"] for one in found.failed} == {f"level/{i}.png" for i in (2, 5, 6)}
    assert found.questions[0].word == "Not clear"
    assert "the same number was used to choose and to report" in found.questions[0].text


# --- what goes wrong, and going on ----------------------------------------------------------------------------


def test_a_bad_photo_and_a_setting_that_does_not_suit_do_not_stop_the_others(tmp_path):
    photos = {f"a/{i}.png": striped(red=i) for i in (1, 2)}
    folder = written(tmp_path, photos | {"a/tiny.png": striped()[:1, :1]})
    (folder / "a" / "broken.png").write_bytes(b"nothing")
    menu = {"sampling": {"upright": UPRIGHT, "rise": {"name": "rise", "grid": 40}}, "free": {"unit": ["log-odds"]}}
    found = run(folder, menu=menu)

    assert found.best("1.png").label == "upright"
    assert found.best("broken.png") is None
    reasons = {(one["photo"], one["setting"]): one["reason"] for one in found.failed}
    assert "must be an image file" in reasons["broken.png", None]
    assert "Rise.grid must be at most 32" in reasons["1.png", "rise"]
    assert found.tensor.reported[0, 0, 2:].tolist() == [0, 0]  # it says nothing there
    assert any(one.startswith("1.png, channel 0, rise and 1 more settings: ") for one in found.failed_in_brief)
    assert found.complete


@pytest.mark.parametrize("after", [1, 5, 12])
def test_an_interrupted_study_goes_on_to_the_same_bytes(two_classes, tmp_path, after):
    photos = [two_classes / "upright" / "1.png", two_classes / "level" / "2.png"]
    menu = {"sampling": {"upright": UPRIGHT, "level": LEVEL}, "free": {"num_features": [2]}}
    stop, calls = [False], []

    def score(batch):
        calls.append(len(batch))
        if stop[0] and len(calls) == after:
            raise KeyboardInterrupt
        return seen(0).function(batch)

    model = FunctionModel(score, kind="probability", input_size=SIDE, name="stopped")
    whole = run(photos, model=model, menu=menu)
    calls.clear()
    stop[0] = True
    first = run(photos, model=model, menu=menu, out=tmp_path)
    assert not first.complete
    assert np.isnan(first.tensor.own).any()
    # What a photo lacks is not known, so nothing is said of it yet.
    judged = np.isfinite(first.tensor.own)
    np.testing.assert_array_equal(first.tensor.own[judged], whole.tensor.own[judged])
    second = run(photos, model=model, menu=menu, out=tmp_path)
    assert second.complete
    assert text(second) == text(whole)
    before = len(calls)
    assert text(run(photos, model=model, menu=menu, out=tmp_path)) == text(second)
    assert len(calls) == before


def test_what_was_damaged_is_asked_again(two_classes, tmp_path):
    photo = two_classes / "upright" / "1.png"
    before = run(photo, out=tmp_path)
    for path in (tmp_path / "explanations").iterdir():
        path.write_bytes(b"damaged")
    after = run(photo, out=tmp_path, menu=MENU | {"free": {"num_features": [2]}})

    np.testing.assert_array_equal(after.tensor.reported[0, 0, ::2], before.tensor.reported[0, 0])


# --- what is handed in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"metric": "deletion"}, {"setting": "metric", "value": "deletion"}),
        ({"metric": "iou"}, {"setting": "truth", "value": "iou"}),
        ({"menu": "huge"}, {"setting": "menu", "value": "huge"}),
        ({"menu": {}}, {"setting": "menu", "rule": "have sampling, and may have free"}),
        ({"menu": {"sampling": {"x": "auto"}}}, {"setting": "method", "value": "auto"}),
        ({"menu": MENU | {"free": {"fill": ["black"]}}}, {"setting": "menu.free", "value": "fill"}),
        ({"menu": MENU | {"free": {"num_features": 3}}}, {"setting": "menu.free.num_features", "value": 3}),
        ({"menu": MENU | {"free": {"n_samples": [400]}}}, {"setting": "menu.free.n_samples", "value": 400}),
        ({"n_samples": 1}, {"setting": "n_samples", "value": 1}),
        ({"target": 0.5}, {"setting": "target", "value": 0.5}),
        ({"groups": "all"}, {"setting": "groups", "value": "all"}),
        ({"model": []}, {"setting": "model", "rule": "be at least one"}),
    ],
)
def test_what_breaks_a_rule_is_refused_before_any_work(two_classes, given, message):
    with refuses(InvalidInput, **message):
        run(two_classes, **given)


@pytest.mark.parametrize("photos", [[], "/no/such/folder", [3], 3])
def test_photos_that_are_none_are_refused(photos):
    with refuses(InvalidInput, "photos"):
        run(photos)


def test_a_class_that_no_model_has_is_refused_before_any_work(tmp_path):
    folder(tmp_path, 1)
    with refuses(InvalidInput, "targets", value="nosuchclass"):
        study(tmp_path / "photos", model=graded_model(), target="nosuchclass", out=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
