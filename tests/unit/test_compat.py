"""Code written for lime: what it may hand in, what it is told when that breaks a rule, what is promised beyond lime."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from seewhy import ImageError, InvalidInput, ModelError
from seewhy.compat import SegmentationAlgorithm, lime_image
from support.refusing import refuses

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(40, 256, (24, 32, 3), dtype=np.uint8)
SEGMENTS = np.arange(24)[:, None] // 8 * 4 + np.arange(32)[None] // 8
READ = 6
"""The segment that class 1 reads."""


def brightness(batch):
    bright = batch[:, SEGMENTS == READ].reshape(len(batch), -1).mean(axis=1) / 255
    return np.stack([1 - bright, bright], axis=1)


def explained(image=IMAGE, classify=brightness, *, explainer=None, **given):
    made = lime_image.LimeImageExplainer(**explainer or {})
    defaults = {"hide_color": 0, "num_samples": 80, "segmentation_fn": lambda _: SEGMENTS}
    return made.explain_instance(image, classify, **defaults | given)


def test_the_segment_that_is_read_comes_first():
    found = explained(labels=(1,), top_labels=None)

    assert found.local_exp[1][0][0] == READ
    assert found.local_exp[1][0][1] > 10 * abs(found.local_exp[1][1][1])
    np.testing.assert_array_equal(found.get_image_and_mask(1, num_features=1)[1], SEGMENTS == READ)


def test_imports_of_lime_need_only_another_first_word():
    from seewhy.compat.lime_image import ImageExplanation, LimeImageExplainer, SegmentationAlgorithm  # noqa: F401
    from seewhy.compat.wrappers.scikit_image import SegmentationAlgorithm as Same

    assert Same is SegmentationAlgorithm is lime_image.SegmentationAlgorithm


@pytest.mark.slow
def test_import_is_light():
    heavy = ("torch", "tensorflow", "keras", "openvino", "matplotlib", "sklearn", "skimage", "tqdm", "scipy", "lime")
    code = f"import sys; from seewhy.compat import lime_image; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("batch_size", [1, 7, 500])
def test_batches_have_at_most_as_many_images_as_asked_for_and_change_nothing(batch_size):
    sizes = []

    def classify(batch):
        sizes.append(len(batch))
        return brightness(batch)

    found = explained(classify=classify, batch_size=batch_size)

    assert max(sizes) == min(batch_size, 78)
    assert sizes[0] == 1
    assert sum(sizes) == 79  # one coalition comes twice
    assert found.local_exp == explained().local_exp


def test_a_coalition_is_sent_once():
    sent = []

    def classify(batch):
        sent.extend(one.tobytes() for one in batch)
        return batch.reshape(len(batch), -1)[:, :2] / 255

    explained(classify=classify, num_samples=300, segmentation_fn=lambda _: SEGMENTS // 4)

    assert len(sent) == len(set(sent)) == 8


def test_images_of_any_range_keep_it():
    image = (IMAGE / 127.5 - 1).astype(np.float32)
    given = image.copy()
    seen = []

    def classify(batch):
        seen.append((batch.dtype, float(batch.min()), float(batch.max())))
        batch[:] = 7  # its own
        return np.tile([0.4, 0.6], (len(batch), 1))

    found = explained(image, classify, hide_color=-1)
    shown, _ = found.get_image_and_mask(1)
    rest, _ = found.get_image_and_mask(1, hide_rest=True)

    assert {dtype for dtype, _, _ in seen} == {np.dtype(np.float32)}
    assert min(low for _, low, _ in seen) == -1
    assert max(high for _, _, high in seen) == image.max()
    np.testing.assert_array_equal(shown, given)
    np.testing.assert_array_equal(image, given)
    assert not rest.any()


@pytest.mark.parametrize(
    "answer",
    [
        lambda scores: scores,
        lambda scores: scores.tolist(),
        list,
        lambda scores: scores.astype(np.float16).astype(np.float64),
    ],
    ids=["array", "lists", "list-of-rows", "half"],
)
def test_scores_may_be_arrays_or_lists(answer):
    found = explained(classify=lambda batch: answer(brightness(batch)))

    assert found.local_exp[1][0][0] == READ


def test_gray_images_are_repeated():
    found = explained(IMAGE[..., 0])

    assert found.image.shape == (24, 32, 3)
    assert (found.image == IMAGE[..., :1]).all()


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels_is_explained(channels):
    image = np.concatenate([IMAGE, IMAGE], axis=2)[..., :channels]

    found = explained(image, hide_color=None, classify=lambda b: brightness(b.astype(float) ** 2 / 255))

    image_of_both_signs, mask = found.get_image_and_mask(1, positive_only=False)
    assert found.local_exp[1][0][0] in set(SEGMENTS.ravel())
    assert image_of_both_signs.shape == image.shape
    assert set(np.unique(mask)) <= {-1, 0, 1}


def test_ids_may_start_anywhere_have_gaps_and_be_unsigned():
    ids = (SEGMENTS * 3 + 5).astype(np.uint8)

    found = explained(segmentation_fn=lambda _: ids)
    _, mask = found.get_image_and_mask(1, positive_only=False, num_features=100)

    assert {segment for segment, _ in found.local_exp[1]} == set(range(5, 5 + 3 * 12, 3))
    assert found.local_exp[1][0][0] == READ * 3 + 5
    assert found.segments is not None
    np.testing.assert_array_equal(found.segments, ids)
    assert set(np.unique(mask)) == {-1, 1}


def test_one_segment_is_enough():
    found = explained(segmentation_fn=lambda _: np.zeros((24, 32), int))

    assert [segment for segment, _ in found.local_exp[1]] == [0]


def test_the_seed_of_an_explanation_seeds_everything_where_the_explainer_has_none():
    one, same, other = (explained(random_seed=seed).local_exp for seed in (4, 4, 5))

    assert one == same != other
    assert explained(explainer={"random_state": 4}, random_seed=5).local_exp == one


def test_no_random_state_of_others_is_touched():
    state = np.random.RandomState(3)
    everyones = np.random.mtrand._rand
    before, ours = everyones.get_state()[1].copy(), state.get_state()[1].copy()

    explained(explainer={"random_state": state})

    np.testing.assert_array_equal(everyones.get_state()[1], before)
    np.testing.assert_array_equal(state.get_state()[1], ours)


def test_rows_do_not_depend_on_how_many_are_drawn():
    from seewhy.compat.coalitions import CoinFlips, as_random_state
    from seewhy.sampling.masks import SegmentMasks

    method = CoinFlips(start=as_random_state(3))
    drawn = [method.rows(SegmentMasks(SEGMENTS), 0) for _ in range(2)]
    rows, again = (np.concatenate([next(one).coalitions for _ in range(3)]) for one in drawn)
    wanted = np.random.RandomState(3).randint(0, 2, 192 * 12).reshape(192, 12)
    wanted[0] = 1

    np.testing.assert_array_equal(rows, wanted)
    np.testing.assert_array_equal(again, wanted)


@pytest.mark.parametrize(("progress_bar", "shown"), [(True, True), (False, False)])
def test_the_bar_can_be_switched_off(progress_bar, shown, monkeypatch, capsys):
    monkeypatch.setattr("seewhy.core.progress.is_watched", lambda: True)

    explained(progress_bar=progress_bar)

    assert ("lime" in capsys.readouterr().err) is shown


def test_verbose_tells_of_every_label(capsys):
    explained(explainer={"verbose": True})

    said = capsys.readouterr().out
    assert [said.count(word) for word in ("Intercept", "Prediction_local", "Right:")] == [2, 2, 2]


def test_the_kernel_may_reach_as_far_as_there_are_segments():
    widths = []

    def kernel(d, kernel_width):
        widths.append(kernel_width)
        return np.ones_like(d)

    explained(explainer={"kernel": kernel, "kernel_width": None})

    assert widths == [0.75 * np.sqrt(12)]


def test_distances_of_sets_come_without_a_warning():
    assert explained(distance_metric="jaccard").local_exp[1][0][0] == READ


def test_constant_scores_give_zeros():
    found = explained(classify=lambda batch: np.tile([0.25, 0.75], (len(batch), 1)))

    assert {weight for _, weight in found.local_exp[1]} == {0.0}
    assert (found.score, found.intercept[1]) == (1.0, pytest.approx(0.75))
    assert found.local_pred == pytest.approx([0.75])


def test_a_regressor_is_fitted_itself():
    mine = Ridge(alpha=1.0)

    found = explained(model_regressor=mine, labels=[1], top_labels=None)

    np.testing.assert_allclose([dict(found.local_exp[1])[i] for i in range(12)], mine.coef_)
    assert found.intercept[1] == pytest.approx(mine.intercept_)


def test_exceptions_of_the_classifier_pass():
    def classify(batch):
        if len(batch) > 1:
            raise ZeroDivisionError("mine")
        return brightness(batch)

    with pytest.raises(ZeroDivisionError, match="mine"):
        explained(classify=classify)


def test_ctrl_c_ends_it_without_half_an_answer():
    calls = []

    def classify(batch):
        calls.append(len(batch))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return brightness(batch)

    with pytest.raises(KeyboardInterrupt):
        explained(classify=classify)
    assert len(calls) == 5


WRONG = {
    "image-shape": ({"image": IMAGE[None]}, ImageError, {"setting": "image", "value": (1, 24, 32, 3)}),
    "image-text": ({"image": "photo.png"}, ImageError, {"setting": "image", "value": ()}),
    "image-nan": (
        {"image": np.full((24, 32, 3), np.nan)},
        ImageError,
        {"setting": "image", "rule": "hold finite numbers"},
    ),
    "image-channels-first": ({"image": np.zeros((3, 24, 32))}, ImageError, {"setting": "order", "value": (3, 24, 32)}),
    "classifier": (
        {"classify": None},
        InvalidInput,
        {"setting": "classifier_fn", "rule": "be a function of images (B, H, W, C)"},
    ),
    "labels-high": ({"labels": (0, 2), "top_labels": None}, InvalidInput, {"setting": "labels", "value": 2}),
    "labels-low": ({"labels": (-1,), "top_labels": None}, InvalidInput, {"setting": "labels", "value": -1}),
    "top-labels": ({"top_labels": -1}, InvalidInput, {"setting": "top_labels", "value": -1}),
    "num-features": ({"num_features": 0}, InvalidInput, {"setting": "num_features", "value": 0}),
    "num-samples": ({"num_samples": 1}, InvalidInput, {"setting": "num_samples", "value": 1}),
    "batch-size": ({"batch_size": 0}, InvalidInput, {"setting": "batch_size", "value": 0}),
    "random-seed": ({"random_seed": -3}, InvalidInput, {"setting": "random_seed", "value": -3}),
    "color-high": ({"hide_color": 300}, InvalidInput, {"setting": "hide_color", "value": 300}),
    "color-nan": ({"hide_color": np.nan}, InvalidInput, {"setting": "hide_color", "rule": "hold finite numbers"}),
    "color-text": ({"hide_color": "red"}, InvalidInput, {"setting": "hide_color", "value": "red"}),
    "color-shape": ({"hide_color": (1, 2)}, InvalidInput, {"setting": "hide_color", "value": (2,)}),
    "segments-shape": (
        {"segmentation_fn": lambda _: SEGMENTS[:5]},
        InvalidInput,
        {"setting": "segmentation_fn", "value": (5, 32)},
    ),
    "segments-float": (
        {"segmentation_fn": lambda _: SEGMENTS + 0.5},
        InvalidInput,
        {"setting": "segmentation_fn", "rule": "give whole numbers"},
    ),
    "segments-none": ({"segmentation_fn": 5}, InvalidInput, {"setting": "segmentation_fn", "value": 5}),
    "metric": ({"distance_metric": "far"}, InvalidInput, {"setting": "distance_metric", "value": "far"}),
    "regressor-text": ({"model_regressor": "ridge"}, InvalidInput, {"setting": "model_regressor", "value": "ridge"}),
    "regressor-class": ({"model_regressor": Ridge}, InvalidInput, {"setting": "model_regressor", "value": Ridge}),
    "selection": (
        {"explainer": {"feature_selection": "best"}},
        InvalidInput,
        {"setting": "feature_selection", "value": "best"},
    ),
    "kernel-width": ({"explainer": {"kernel_width": 0}}, InvalidInput, {"setting": "kernel_width", "value": 0}),
    "kernel": (
        {"explainer": {"kernel": lambda d, kernel_width: 0 * d}},
        InvalidInput,
        {"setting": "kernel", "rule": "give finite weights of at least 0, not all"},
    ),
    "random-state": ({"explainer": {"random_state": 1.5}}, InvalidInput, {"setting": "random_state", "value": 1.5}),
    "scores-nan": (
        {"classify": lambda b: brightness(b) * np.nan},
        ModelError,
        {"setting": "model", "value": "<lambda>"},
    ),
    "scores-short": ({"classify": lambda b: brightness(b)[:3]}, ModelError, {"setting": "model", "value": "<lambda>"}),
}


@pytest.mark.parametrize(("given", "error", "says"), WRONG.values(), ids=WRONG)
def test_what_breaks_a_rule_is_refused_by_name(given, error, says):
    with refuses(error, **says):
        explained(**given)


def test_a_regressor_without_coefficients_is_refused():
    class Plain(KNeighborsRegressor):
        def fit(self, x, y, sample_weight=None):
            return super().fit(x, y)

    with refuses(InvalidInput, "model_regressor", value=(1,)):
        explained(model_regressor=Plain())


def test_a_label_that_was_not_explained_is_a_key_error_too():
    found = explained(labels=[1], top_labels=None)

    with refuses(KeyError, "label", value=0) as caught:
        found.get_image_and_mask(0)
    assert isinstance(caught.value, InvalidInput)
    with refuses(ValueError, "negative_only", value=True):
        found.get_image_and_mask(1, negative_only=True)


@pytest.mark.parametrize(
    ("name", "given", "now"),
    [
        ("quickshift", {"random_seed": 3, "ratio": 0.2}, {"rng": 3, "ratio": 0.2}),
        ("slic", {"max_iter": 3, "random_seed": 1}, {"max_num_iter": 3}),
        ("felzenszwalb", {"multichannel": True}, {"channel_axis": -1}),
        ("felzenszwalb", {"multichannel": False}, {"channel_axis": None}),
    ],
)
def test_older_names_of_scikit_image_are_understood(name, given, now):
    assert SegmentationAlgorithm(name, **given).target_params == now


def test_unknown_algorithms_and_parameters_are_refused():
    with refuses(InvalidInput, "SegmentationAlgorithm.algo_type", value="grid"):
        SegmentationAlgorithm("grid")
    with refuses(ValueError, "SegmentationAlgorithm.segments", value=5):
        SegmentationAlgorithm("slic", segments=5)


def test_parameters_can_be_replaced():
    algorithm = SegmentationAlgorithm("slic", n_segments=4, sigma=1.0)
    algorithm.set_params(n_segments=9, compactness=1000.0)

    assert algorithm.target_params == {"n_segments": 9, "compactness": 1000.0}
    assert len(np.unique(algorithm(IMAGE))) > 4


@pytest.mark.parametrize(
    ("color", "scaled"),
    [([255, 0, 0], "[1.0, -1.0, -1.0]"), ([0, 255, 0], "[-1.0, 1.0, -1.0]"), (255, "1.0"), (-3, None)],
)
def test_a_color_beyond_the_range_of_the_image_is_named_with_the_right_one(color: object, scaled: str | None) -> None:
    image = np.linspace(-1, 1, SEGMENTS.size * 3, dtype=np.float64).reshape(*SEGMENTS.shape, 3)
    with pytest.warns(UserWarning, match="hide_color") as found:
        explained(image, hide_color=color, classify=lambda batch: brightness(100 + batch.clip(-1, 1)))
    text = str(found[0].message)
    assert "is outside -1..1" in text
    assert (f"in this range the color is {scaled}" in text) if scaled else ("the same color" not in text)


@pytest.mark.parametrize("color", [[0, 0, 0], [1, -1, -1], -1, None])
def test_a_color_in_the_range_of_the_image_is_taken(color: object) -> None:
    image = np.linspace(-1, 1, SEGMENTS.size * 3, dtype=np.float64).reshape(*SEGMENTS.shape, 3)
    assert explained(image, hide_color=color, classify=lambda batch: brightness(100 + batch)) is not None
