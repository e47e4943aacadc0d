"""Code written for lime against lime itself: the same seeds, so the same coalitions and, where it is right, answers."""

import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from lime import lime_image as theirs
from lime.wrappers.scikit_image import SegmentationAlgorithm as TheirAlgorithm
from skimage import data
from sklearn.linear_model import BayesianRidge, Lasso, LinearRegression

from seewhy.compat import SegmentationAlgorithm
from seewhy.compat import lime_image as ours
from support.refusing import refuses

RNG = np.random.default_rng(0)
BYTES = np.ascontiguousarray(data.chelsea()[::10, ::10])
LARGER = np.ascontiguousarray(data.chelsea()[::4, ::4])
HEIGHT, WIDTH = BYTES.shape[:2]
PREPROCESSED = (BYTES / np.float32(127.5) - 1).astype(np.float32)
SEGMENTS = np.arange(HEIGHT)[:, None] // 8 * 4 + np.arange(WIDTH)[None] // 12
D = int(SEGMENTS.max()) + 1
WEIGHTS = RNG.normal(size=(HEIGHT, WIDTH, 3, 4))


def classify(batch):
    """Answer four probabilities, as a list of rows; write over the batch, as careless code does."""
    values = batch.astype(np.float64)
    values = values / 127.5 - 1 if batch.dtype.kind in "iu" else values
    drive = np.einsum("bhwc,hwck->bk", values, WEIGHTS) / 30
    batch[-1] = 0
    odds = np.exp(drive - drive.max(axis=1, keepdims=True))
    return list(odds / odds.sum(axis=1, keepdims=True))


def explained(module, image=BYTES, classify=classify, *, explainer=None, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of lime and what it calls, not ours
        made = module.LimeImageExplainer(**{"random_state": 7} | deepcopy(explainer or {}))  # lime moves states on
        return made.explain_instance(
            image, classify, **{"num_samples": 150, "segmentation_fn": lambda _: SEGMENTS, "top_labels": 2} | given
        )


def linear(d, kernel_width):
    return np.maximum(1 - d / (4 * kernel_width), 0.01)


CASES = {
    "default": {},
    "many-samples": {"num_samples": 1000, "batch_size": 64},
    "forward-selection": {"num_features": 4},
    "highest-weights": {"num_features": 8},
    "lasso-path": {"num_features": 5, "explainer": {"feature_selection": "lasso_path"}},
    "none": {"num_features": 3, "explainer": {"feature_selection": "none"}},
    "forward-by-name": {"num_features": 7, "explainer": {"feature_selection": "forward_selection"}},
    "kernel-width": {"explainer": {"kernel_width": 0.6, "random_state": 3}},
    "kernel": {"explainer": {"kernel": linear}},
    "euclidean": {"distance_metric": "euclidean", "explainer": {"kernel_width": 2.0}},
    "jaccard": {"distance_metric": "jaccard"},
    "black": {"hide_color": 0},
    "red": {"hide_color": [255, 0, 0]},
    "cut-off": {"hide_color": (100.7, 3.2, 250.9)},
    "least-squares": {"model_regressor": LinearRegression()},
    "lasso": {"model_regressor": Lasso(alpha=0.0005, tol=1e-10, max_iter=100_000)},
    "bayesian": {"model_regressor": BayesianRidge()},
    "labels": {"labels": (3, 0), "top_labels": None},
    "no-top": {"labels": [2], "top_labels": 0},
    "all-labels": {"top_labels": 9},
    "seed-of-segments": {"random_seed": 11},
    "state": {"explainer": {"random_state": np.random.RandomState(5)}},
    "preprocessed": {"image": PREPROCESSED},
    "preprocessed-green": {"image": PREPROCESSED, "hide_color": (-1, 1, -1)},
    "doubles": {"image": BYTES / 255.0},
    "gray": {"image": BYTES[..., 1]},
}


@pytest.mark.parametrize("given", CASES.values(), ids=CASES)
def test_the_same_seed_gives_the_explanation_of_lime(given):
    wanted, got = explained(theirs, **given), explained(ours, **given)

    np.testing.assert_array_equal(got.image, wanted.image)
    np.testing.assert_array_equal(got.segments, wanted.segments)
    assert got.top_labels == getattr(wanted, "top_labels", None)
    assert list(got.local_exp) == list(wanted.local_exp)
    for label, weights in wanted.local_exp.items():
        here, there = dict(got.local_exp[label]), dict(weights)
        assert set(here) == set(there)
        np.testing.assert_allclose([here[i] for i in there], list(there.values()), atol=2e-6)
        assert max(map(abs, there.values())) > 1e-3
        assert [abs(w) for _, w in got.local_exp[label]] == sorted((abs(w) for w in here.values()), reverse=True)
        assert got.intercept[label] == pytest.approx(wanted.intercept[label], abs=2e-6)
    assert got.score == pytest.approx(wanted.score, abs=1e-5)
    assert got.local_pred == pytest.approx(wanted.local_pred, abs=2e-6)
    assert got.local_pred.shape == (1,)


@pytest.mark.parametrize("hide_color", [None, 3], ids=["mean", "color"])
@pytest.mark.parametrize("image", [BYTES, PREPROCESSED, BYTES / 7.0], ids=["uint8", "float32", "float64"])
def test_the_classifier_is_sent_what_lime_sends_once(image, hide_color):
    def sent_by(module):
        seen = []

        def record(batch):
            assert len(batch) <= 10
            seen.extend(batch.copy())
            return classify(batch)

        explained(module, image, record, hide_color=hide_color, segmentation_fn=lambda _: SEGMENTS % 7, num_samples=200)
        return seen

    here, there = sent_by(ours), sent_by(theirs)
    different = list({one.tobytes(): one for one in there}.values())

    assert len(there) == 200
    assert len(here) == len(different) < 128
    assert here[0].dtype == image.dtype
    np.testing.assert_allclose(here, different, rtol=1e-6, atol=1e-6 if image.dtype.kind == "f" else 0)


SHOWN = [
    {"positive_only": positive, "negative_only": negative, "hide_rest": hide, "num_features": n, "min_weight": least}
    for positive, negative in [(True, False), (False, True), (False, False)]
    for hide in (False, True)
    for n in (1, 5, 15, 100)
    for least in (0.0, 0.2, 0.7)
]


@pytest.mark.parametrize("image", [BYTES, PREPROCESSED], ids=["uint8", "preprocessed"])
def test_image_and_mask_are_those_of_lime(image):
    weights = sorted(zip(range(D), RNG.normal(size=D), strict=True), key=lambda pair: -abs(pair[1]))
    weights[3] = (weights[3][0], 0.0)
    found = []
    for module in (theirs, ours):
        explanation = module.ImageExplanation(image, SEGMENTS)
        explanation.local_exp[2] = weights
        found.append([explanation.get_image_and_mask(2, **shown) for shown in SHOWN])

    assert len({mask.tobytes() for _, mask in found[0]}) > 15
    for (their_image, their_mask), (our_image, our_mask) in zip(*found, strict=True):
        np.testing.assert_array_equal(our_image, their_image, strict=True)
        np.testing.assert_array_equal(our_mask, their_mask, strict=True)


@pytest.mark.parametrize(
    "image", [LARGER, (LARGER / np.float32(127.5) - 1).astype(np.float32)], ids=["uint8", "preprocessed"]
)
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("quickshift", {"kernel_size": 2, "max_dist": 8, "ratio": 0.5, "rng": 3}),
        ("slic", {"n_segments": 12, "compactness": 20}),
        ("felzenszwalb", {"scale": 5, "min_size": 20}),
    ],
)
def test_segments_are_those_of_lime(name, settings, image):
    wanted = TheirAlgorithm(name, **settings)(image)

    got = SegmentationAlgorithm(name, **settings)(image)

    np.testing.assert_array_equal(got, wanted, strict=True)
    assert len(np.unique(got)) > 3


# --- where lime is wrong ---------------------------------------------------------------------------------


def reading(place):
    """Return a classifier whose class 1 is how bright a part of the image (H, W) is."""

    def read(batch):
        bright = batch[:, place].reshape(len(batch), -1).mean(axis=1) / 255
        return np.stack([1 - bright, bright], axis=1)

    return read


def strongest(module, segments, place):
    """Return the segment shown when one segment is asked for, and its weight, or None."""
    found = explained(
        module, classify=reading(place), hide_color=0, segmentation_fn=lambda _: segments, labels=(1,), top_labels=None
    )
    weights = dict(found.local_exp[1])
    return found.get_image_and_mask(1, num_features=1)[1] == 1, max(map(abs, weights.values()))


@pytest.mark.parametrize("gaps", [False, True], ids=["slic-from-1", "gaps"])
def test_a_model_that_reads_only_the_last_segment_is_seen_through_here_and_not_by_lime(gaps):
    segments = SegmentationAlgorithm("slic", n_segments=12)(BYTES)
    assert segments.min() == 1
    if gaps:
        segments = np.where(segments > 6, segments * 10, segments)
    last = segments == segments.max()

    shown, weight = strongest(ours, segments, last)
    _, lime_weight = strongest(theirs, segments, last)

    np.testing.assert_array_equal(shown, last)
    assert weight > 0.2
    assert lime_weight < 1e-9


def test_asked_twice_the_same_is_answered_here_and_not_by_lime():
    def twice(module):
        explainer = module.LimeImageExplainer(random_state=1)
        found = [
            explainer.explain_instance(BYTES, classify, segmentation_fn=lambda _: SEGMENTS, num_samples=50)
            for _ in range(2)
        ]
        return [one.local_exp for one in found]

    here, there = twice(ours), twice(theirs)

    assert here[0] == here[1]
    assert there[0] != there[1]


def test_a_seed_reaches_quickshift_here_and_not_in_lime():
    flat = np.full((40, 40, 3), 0.5)  # nothing but ties
    given = {"kernel_size": 2, "max_dist": 5, "ratio": 0.5}

    def drawn(seed):
        return SegmentationAlgorithm("quickshift", **given, random_seed=seed)(flat)

    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))
    assert "rng" not in TheirAlgorithm("quickshift", **given, random_seed=1).target_params


@pytest.mark.parametrize("segmentation_fn", [lambda _: SEGMENTS, None], ids=["given", "default"])
def test_four_channels_are_explained_here_and_not_by_lime(segmentation_fn):
    image = np.concatenate([BYTES, np.full_like(BYTES[..., :1], 200)], axis=2)
    image[:8, :12, 3] = 0

    def fourth(batch):
        """Class 1: how much the fourth channel differs within the image."""
        spread = batch[..., 3].reshape(len(batch), -1).std(axis=1)
        return np.stack([100 - spread, spread], axis=1)

    given = {"classify": fourth, "segmentation_fn": segmentation_fn, "hide_color": None, "labels": [1], "top_labels": 0}
    found = explained(ours, image, **given)

    strongest_segment = found.segments == found.local_exp[1][0][0]
    assert strongest_segment[:8, :12].sum() > strongest_segment.sum() / 2 or segmentation_fn is None
    assert found.image.shape[2] == 4
    with pytest.raises((ValueError, IndexError)):
        explained(theirs, image, **given)


def test_the_default_segmentation_with_the_seed_that_lime_always_uses():
    def classify(batch):
        shares = batch.astype(np.float64).mean(axis=(1, 2))
        return shares / shares.sum(axis=1, keepdims=True)

    given = {"classify": classify, "segmentation_fn": None, "random_seed": 42}
    one, other = (explained(module, LARGER, **given) for module in (ours, theirs))

    np.testing.assert_array_equal(one.segments, other.segments)
    for label in other.top_labels:
        weights, wanted = dict(one.local_exp[label]), dict(other.local_exp[label])
        assert weights == pytest.approx(wanted, abs=1e-6)


def test_their_own_test_file_of_the_wrapper_passes_after_its_imports_are_changed():
    """All but the one whose call of scikit-image has an argument that newer versions refuse."""
    import importlib.util
    import unittest

    spec = importlib.util.find_spec("lime.tests.test_scikit_image")
    if spec is None or spec.origin is None:
        pytest.skip("this lime comes without its tests")
    text = Path(spec.origin).read_text(encoding="utf-8")
    assert "from lime.wrappers.scikit_image import BaseWrapper" in text
    names = {"__name__": "theirs"}
    exec(compile(text.replace("from lime.wrappers", "from seewhy.compat.wrappers"), spec.origin, "exec"), names)
    suite = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromTestCase(names[name])
        for name in ("TestBaseWrapper", "TestSegmentationAlgorithm")
    )

    result = unittest.TestResult()
    suite.run(result)

    failed = {test.id().rpartition(".")[2]: text for test, text in [*result.failures, *result.errors]}
    assert result.testsRun == 7
    assert set(failed) <= {"test_instanciate_segmentation_algorithm"}
    assert all("unexpected keyword argument 'random_seed'" in text for text in failed.values())


def test_a_wrapper_of_something_that_cannot_be_called_or_has_no_such_parameter_is_refused():
    from seewhy.compat.wrappers.scikit_image import BaseWrapper

    with refuses(TypeError, "target_fn"):
        BaseWrapper()._check_params(["a"])
    with refuses(ValueError, "target_params", value="b"):
        BaseWrapper(lambda a: a).set_params(b=1)
