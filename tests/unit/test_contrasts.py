"""Why this and not that: a class held against another one."""

import io
import json

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.estimation.targets import classes_of, resolve_targets
from seewhy.methods import EnsembleLime
from seewhy.models import FunctionModel
from support.refusing import refuses

SCORES = np.array([0.1, 0.4, 0.05, 0.3, 0.15])
LABELS = ("tabby cat", "espresso", "Egyptian cat", "tiger_shark", "Persian cat")
PHOTO = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
LOOK = np.random.default_rng(1).normal(size=(5, 24, 32, 3))
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), n_samples=96)
RISE = seewhy.Rise(grid=4, n_samples=96)
ENSEMBLE = EnsembleLime(n_segments=(4, 8), fill="black", n_samples=80)
METHODS = pytest.mark.parametrize("method", [LIME, RISE, ENSEMBLE], ids=lambda method: method.name)


def logits(batch):
    return 2 * np.tanh(np.einsum("bhwc,khwc->bk", batch - 0.5, LOOK, dtype=np.float64) / 8)


def probabilities(batch):
    powers = np.exp(logits(batch))
    return powers / powers.sum(axis=1, keepdims=True)


MODELS = {
    "logit": FunctionModel(logits, kind="logit", labels=LABELS),
    "probability": FunctionModel(probabilities, kind="probability", labels=LABELS),
    "score": FunctionModel(logits, kind="score", labels=LABELS),
}


def run(targets, method=LIME, kind="logit", **more):
    return seewhy.explain(PHOTO, model=MODELS[kind], method=method, targets=targets, **more)


def resolve(targets, labels=LABELS, scores=SCORES):
    return resolve_targets(targets, scores, labels)


# --- what is meant ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("tabby cat vs espresso", ((0, 1),)),
        ("espresso vs tabby cat", ((1, 0),)),
        ("3 vs 0", ((3, 0),)),
        ("tiger shark vs 2", ((3, 2),)),
        ("4 vs Egyptian_Cat", ((4, 2),)),
        ("  persian cat   vs   ESPRESSO ", ((4, 1),)),
        ("tabby cat vs. espresso", ((0, 1),)),
        ("tabby cat\tvs\nespresso", ((0, 1),)),
        (["top2", "0 vs 1"], (1, 3, (0, 1))),
        (["0 vs 1", "1 vs 0", "tabby cat vs. 1", "0 vs 2"], ((0, 1), (1, 0), (0, 2))),
        (["0 vs 1", 0, "espresso", "top1"], ((0, 1), 0, 1)),
    ],
    ids=repr,
)
def test_what_is_held_against_what(targets, expected):
    assert resolve(targets) == expected


@pytest.mark.parametrize("targets", ["1 vs 1", "espresso vs 1", "ESPRESSO vs. espresso", ["top1", "3 vs tiger shark"]])
def test_a_class_is_not_held_against_itself(targets):
    with refuses(InvalidInput, "targets", rule="name two different classes"):
        resolve(targets)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ("expresso vs 1", "expresso"),
        ("1 vs expresso", "expresso"),
        ("1 vs 5", 5),
        ("-1 vs 2", -1),
        ("1 vs top1", "top1"),
        ("0 vs 1 vs 2", "0 vs 1 vs 2"),
        ("vs espresso", "vs espresso"),
        ("espresso vs", "espresso vs"),
        ("espressovs 1", "espressovs 1"),
        ("espresso versus 1", "espresso versus 1"),
    ],
)
def test_a_side_that_is_no_class_is_refused(targets, said):
    with refuses(InvalidInput, "targets", value=said):
        resolve(targets)


def test_without_names_only_indices_can_be_held_against_each_other():
    assert resolve("3 vs 1", labels=None) == ((3, 1),)
    with refuses(InvalidInput, "targets", value="espresso"):
        resolve("3 vs espresso", labels=None)


def test_a_label_that_holds_the_word_is_one_class():
    labels = ("red vs blue", "red", "blue")

    assert resolve("red vs blue", labels, np.zeros(3)) == (0,)
    assert resolve("blue vs red", labels, np.zeros(3)) == ((2, 1),)
    assert resolve("0 vs 2", labels, np.zeros(3)) == ((0, 2),)
    assert resolve("red vs. blue", labels, np.zeros(3)) == ((1, 2),)


def test_every_class_of_a_contrast_is_needed():
    assert classes_of([(3, 1), 2, (1, 0), 3]) == (3, 1, 2, 0)


# --- what it is worth ---------------------------------------------------------------------------------------


@METHODS
@pytest.mark.parametrize("kind", ["logit", "probability"])
def test_a_contrast_is_the_difference_of_two_log_odds(kind, method):
    got = run("0 vs 3", method, kind)
    one, other = (run(k, method.replace(unit="log-odds"), kind) for k in (0, 3))

    assert (got.targets[0].unit, got.targets[0].index, got.targets[0].versus) == ("log-odds", 0, 3)
    assert got.targets[0].label == "tabby cat vs tiger_shark"
    assert got.targets[0].score == pytest.approx(one.targets[0].score - other.targets[0].score, abs=1e-12)
    if method is LIME:
        np.testing.assert_allclose(got.values(), one.values() - other.values(), rtol=0, atol=1e-9)
        assert got.attributions[0].intercept == pytest.approx(
            one.attributions[0].intercept - other.attributions[0].intercept, abs=1e-9
        )
    elif method is ENSEMBLE:
        np.testing.assert_allclose(got.heatmap(), one.heatmap() - other.heatmap(), rtol=0, atol=1e-5)
    else:
        plain = [run(t, RISE.replace(unit="log-odds", estimator="centered"), kind) for t in ("0 vs 3", 0, 3)]
        np.testing.assert_allclose(plain[0].heatmap(), plain[1].heatmap() - plain[2].heatmap(), rtol=0, atol=1e-5)


@METHODS
@pytest.mark.parametrize("kind", MODELS)
def test_the_unit_is_log_odds_where_the_model_allows_them(kind, method):
    expected = "score" if kind == "score" else "log-odds"

    assert run("1 vs 2", method, kind).targets[0].unit == expected
    plain = run(["1 vs 2", 1], LIME, kind).targets[1].unit
    assert plain == ("score" if kind == "score" else "probability")


@pytest.mark.parametrize("unit", ["probability", "score"])
@pytest.mark.parametrize("kind", ["logit", "probability"])
def test_a_unit_that_was_asked_for_is_that_of_the_contrast(kind, unit):
    method = LIME.replace(unit=unit)
    got = run(["1 vs 4", 1, 4], method, kind)

    assert [target.unit for target in got.targets] == [unit] * 3
    np.testing.assert_allclose(got.values(0), got.values(1) - got.values(2), rtol=0, atol=1e-9)
    assert got.targets[0].score == pytest.approx(got.targets[1].score - got.targets[2].score, abs=1e-12)


def test_plain_scores_have_a_contrast_in_scores_alone():
    got = run(["1 vs 4", 1, 4], kind="score")

    np.testing.assert_allclose(got.values(0), got.values(1) - got.values(2), rtol=0, atol=1e-9)
    with refuses(InvalidInput, "unit", value="probability"):
        run("1 vs 4", LIME.replace(unit="probability"), "score")


@METHODS
def test_the_other_way_round_is_the_negative(method):
    got = run(["2 vs 4", "4 vs 2"], method)

    np.testing.assert_allclose(got.heatmap(0), -got.heatmap(1), rtol=0, atol=1e-6)
    assert got.targets[0].score == -got.targets[1].score
    np.testing.assert_allclose(got.standard_error(0), got.standard_error(1), rtol=1e-5)


def test_a_contrast_asks_no_more_pictures_than_a_class():
    assert run("0 vs 1").n_evaluations == run("0").n_evaluations == run(["top3", "3 vs 4"]).n_evaluations


def test_both_sides_are_kept_even_if_no_other_class_would_be():
    many = FunctionModel(lambda batch: np.tile(np.arange(30.0), (len(batch), 1)), kind="logit")
    got = seewhy.explain(PHOTO, model=many, method=LIME, targets=["2 vs 1", "29 vs 0"])

    assert got.samples.classes == (*range(29, 19, -1), 2, 1, 0)
    assert [target.label for target in got.targets] == ["class 2 vs class 1", "class 29 vs class 0"]


def test_log_odds_that_were_cut_are_counted_for_both_sides():
    def certain(batch):
        return np.tile([40.0, -40.0, 0.0], (len(batch), 1))

    def noted(targets):
        found = seewhy.explain(PHOTO, model=FunctionModel(certain, kind="logit"), method=LIME, targets=targets)
        return [text for text in found.warnings if "were cut" in text]

    assert noted("0 vs 1") == ["192 of 192 scores were cut at log-odds of +-12"]
    assert noted("0") == []


# --- carried on ---------------------------------------------------------------------------------------------


@METHODS
def test_a_saved_contrast_is_loaded_as_it_was(method, tmp_path):
    got = run(["top1", "Persian cat vs. espresso"], method)

    loaded = seewhy.load(got.save(tmp_path / "first"))

    assert loaded.targets == got.targets
    assert loaded.save(tmp_path / "second").read_bytes() == (tmp_path / "first").read_bytes()
    np.testing.assert_array_equal(loaded.heatmap(1), got.heatmap(1))


def test_json_says_both_classes():
    got = json.loads(json.dumps(run(["top1", "0 vs 3"]).to_dict()))["targets"]

    assert (got[0]["versus"], got[1]["index"], got[1]["versus"]) == (None, 0, 3)
    assert got[1]["label"] == "tabby cat vs tiger_shark"
    assert got[1]["unit"] == "log-odds"


def test_the_figure_names_both_classes():
    figure = run("0 vs 3").plot()
    texts = [text.get_text() for axes in figure.axes for text in [axes.title, *axes.texts]]
    texts += [text.get_text() for text in figure.texts]

    assert any("tabby cat vs tiger_shark" in " ".join(text.split()) for text in texts), texts


def test_the_picture_of_a_notebook_can_be_drawn():
    with Pillow.open(io.BytesIO(run("0 vs 3")._repr_png_())) as picture:
        assert picture.format == "PNG"


def test_a_contrast_has_no_smallest_region():
    with refuses(InvalidInput, "target", value="tabby cat vs espresso"):
        run("0 vs 1").smallest_region()
