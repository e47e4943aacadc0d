"""Locality kernels against the formula of ``lime`` and against distances between pictures, pixel by pixel."""

from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import pairwise_distances

import seewhy
from seewhy.estimation.kernels import Cosine, ImageCosine, InverseL2, Uniform
from seewhy.estimation.kernels.segment_sums import SegmentSums
from seewhy.images.scene import Scene
from support.refusing import refuses

ALL = np.array(list(product([False, True], repeat=6)))[::-1]  # the untouched picture first, the empty one last


def scene(channels=3, fill="noise"):
    """Return a scene of six segments of unequal size."""
    rng = np.random.default_rng(0)
    pixels = rng.random((9, 14, channels), dtype=np.float32)
    segments = np.repeat(np.array([0, 0, 0, 1, 2, 2, 3, 4, 5]), 14).reshape(9, 14).astype(np.int32)
    segments[:, 9:] = segments[::-1, 9:]
    fills = {
        "noise": rng.random(pixels.shape, dtype=np.float32),
        "black": np.zeros_like(pixels),
        "itself": pixels.copy(),
        "partly": np.where(segments[..., None] < 3, pixels, 1 - pixels),
    }
    return Scene(pixels, fills[fill], segments)


def masked(place, row):
    """Return one masked picture, in float64, segment by segment."""
    picture = place.pixels.astype(np.float64)
    for segment, kept in enumerate(row):
        if not kept:
            picture[place.segments == segment] = place.fill[place.segments == segment]
    return picture


def cosine_distances(place):
    x = place.pixels.astype(np.float64).ravel()
    found = []
    for row in ALL:
        z = masked(place, row).ravel()
        norms = np.linalg.norm(x) * np.linalg.norm(z)
        found.append(1 - x @ z / norms if norms else 1.0)
    return np.array(found)


def l2_distances(place):
    return np.array([np.linalg.norm(place.pixels.astype(np.float64) - masked(place, row)) for row in ALL])


@pytest.mark.parametrize("width", [0.25, 0.1, 3.0])
def test_cosine_is_the_kernel_of_lime(width):
    data = ALL.astype(int)
    distances = pairwise_distances(data, data[0].reshape(1, -1), metric="cosine").ravel()
    expected = np.sqrt(np.exp(-(distances**2) / width**2))

    found = Cosine(width=width)(ALL, SegmentSums(scene()))

    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_width_of_lime_is_the_default():
    assert Cosine() == Cosine(width=0.25)


@pytest.mark.parametrize("fill", ["noise", "black", "itself", "partly"])
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("width", [0.25, 1.0])
def test_image_cosine_equals_a_slow_loop_over_masked_pictures(channels, fill, width):
    place = scene(channels, fill)
    expected = np.exp(-(cosine_distances(place) ** 2) / width**2)

    found = ImageCosine(width=width)(ALL, SegmentSums(place))

    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_wholly_black_picture_has_cosine_distance_one():
    found = ImageCosine(width=0.5)(ALL[-1:], SegmentSums(scene(fill="black")))

    np.testing.assert_allclose(found, np.exp(-4))


@pytest.mark.parametrize("fill", ["noise", "black", "partly"])
@pytest.mark.parametrize("channels", [1, 3])
def test_inverse_l2_equals_a_slow_loop_over_masked_pictures(channels, fill):
    place = scene(channels, fill)
    distances = l2_distances(place)
    one_lost = distances[np.sum(~ALL, axis=1) == 1]
    expected = 1 / np.maximum(distances, np.sqrt(np.mean(one_lost**2)))

    found = InverseL2()(ALL, SegmentSums(place))

    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[0] == found.max()


def test_a_segment_that_nearly_is_the_fill_does_not_drown_the_others():
    # A black bar beside a photo, but for one dark gray pixel, under a black fill: the usual classroom recipe.
    rng = np.random.default_rng(0)
    photo = rng.integers(60, 256, (42, 42, 3), dtype=np.uint8)
    photo[35:, 35:] = 0
    photo[40, 40] = 1
    recipe = seewhy.PRESETS["lime-scratch-resnet18"].method.replace(segmentation=seewhy.Grid(rows=6, columns=6))

    got = seewhy.explain(photo, model=lambda batch: batch[:, 7:14, 14:21].mean(axis=(1, 2, 3)), method=recipe)

    assert got.top(1)[0].segment == 8
    assert got.attributions[0].r2 > 0.9


def test_inverse_l2_is_even_where_the_fill_is_the_picture():
    np.testing.assert_array_equal(InverseL2()(ALL, SegmentSums(scene(fill="itself"))), np.ones(64))


def test_no_kernel_counts_every_coalition_the_same():
    np.testing.assert_array_equal(Uniform()(ALL, SegmentSums(scene())), np.ones(64))


@pytest.mark.parametrize("kernel", [Cosine(), ImageCosine(), InverseL2(), Uniform()], ids=lambda kernel: kernel.name)
def test_a_row_weighs_the_same_in_every_company(kernel):
    sums = SegmentSums(scene(fill="black"))
    alone = np.concatenate([kernel(ALL[i : i + 1], sums) for i in range(len(ALL))])

    np.testing.assert_allclose(kernel(ALL, sums), alone, rtol=1e-12)


@pytest.mark.parametrize("kernel", [Cosine(), ImageCosine(), InverseL2(), Uniform()], ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("fill", ["noise", "black"])
def test_explain_weighs_its_samples_by_the_kernel_of_its_own_pictures(kernel, fill):
    place = scene(fill=fill)
    weights_of = {
        "cosine": lambda: Cosine()(ALL, SegmentSums(place)),  # shown above to be that of lime
        "image-cosine": lambda: np.exp(-((cosine_distances(place) / 0.25) ** 2)),
        "inverse-l2": lambda: InverseL2()(ALL, SegmentSums(place)),
        "none": lambda: np.ones(len(ALL)),
    }[kernel.name]()
    method = seewhy.Lime(
        segmentation=seewhy.Labels(array=place.segments),
        fill=seewhy.Picture(array=place.fill),
        kernel=kernel,
        surrogate=seewhy.Ridge(alpha=0.5),
        n_samples=150,
    )
    got = seewhy.explain(place.pixels, model=lambda batch: np.tanh(batch[:, :, 3:5].std(axis=(1, 2, 3))), method=method)

    x = got.samples.block(slice(None)).coalitions
    places = {row.tobytes(): weight for row, weight in zip(ALL, weights_of, strict=True)}
    weights = [places[row.tobytes()] for row in x]
    expected = Ridge(alpha=0.5).fit(x, got.samples.target(0, "score"), sample_weight=weights)
    np.testing.assert_allclose(got.values(), expected.coef_, atol=1e-6)
    assert got.attributions[0].intercept == pytest.approx(expected.intercept_, abs=1e-6)
    assert got.attributions[0].prediction == pytest.approx(expected.predict(np.ones((1, 6)))[0], abs=1e-6)
    assert got.attributions[0].prediction != pytest.approx(got.attributions[0].intercept, abs=1e-3)


@pytest.mark.parametrize("fill", ["noise", "black", "partly"])
def test_image_similarity_is_one_minus_the_distance_of_masked_pictures(fill):
    place = scene(fill=fill)

    found = seewhy.ImageSimilarity()(ALL, SegmentSums(place))

    np.testing.assert_allclose(found, 1 - cosine_distances(place), rtol=1e-9, atol=1e-12)


OWN = {
    "cosine": lambda place: 1 - np.sqrt(ALL.mean(axis=1)),
    "image-cosine": cosine_distances,
    "image-l2": l2_distances,
}


@pytest.mark.parametrize("distance", OWN)
def test_a_function_of_ones_own_receives_the_distances(distance):
    place = scene()
    kernel = seewhy.CustomKernel(function=lambda d: np.exp(-3 * d), distance=distance)

    np.testing.assert_allclose(kernel(ALL, SegmentSums(place)), np.exp(-3 * OWN[distance](place)), rtol=1e-5)


def test_a_function_of_ones_own_may_receive_the_coalitions():
    kernel = seewhy.CustomKernel(function=lambda kept: kept.sum(axis=1) ** 2, distance="coalitions")

    np.testing.assert_array_equal(kernel(ALL, SegmentSums(scene())), ALL.sum(axis=1) ** 2)


@pytest.mark.parametrize(
    "kernel", ["image-similarity", lambda distance: 1 / (0.1 + distance)], ids=["image-similarity", "function"]
)
def test_the_fit_under_other_kernels_is_the_weighted_fit_of_scikit_learn(kernel):
    """A from-scratch LIME: its own cells, its own masked pictures, its own distances, the same coalitions."""
    rng = np.random.default_rng(5)
    photo = rng.integers(40, 256, (24, 36, 3), dtype=np.uint8)
    ids = (np.arange(24)[:, None] // 8) * 3 + np.arange(36)[None] // 12
    method = seewhy.Lime(
        segmentation=seewhy.Labels(array=ids), fill="black", design="bernoulli", n_samples=80, kernel=kernel,
        surrogate=seewhy.Ridge(alpha=0.5), unit="score",
    )  # fmt: skip

    def model(batch):
        left, right = batch[:, :8, :12].mean((1, 2, 3)), batch[:, 16:, 24:].mean((1, 2, 3))
        return left * right + 0.3 * left

    got = seewhy.explain(photo, model=model, method=method, progress=False)
    kept = np.concatenate([block.coalitions for _, block in got.samples.blocks()])
    x = (photo / 255).astype(np.float64)
    masked = np.where(kept[:, ids][..., None], x, 0)
    if kernel == "image-similarity":
        flat = masked.reshape(len(kept), -1)
        weights = flat @ x.ravel() / np.maximum(np.linalg.norm(flat, axis=1) * np.linalg.norm(x), 1e-300)
    else:
        weights = kernel(pairwise_distances(kept.astype(int), np.ones((1, 9)), metric="cosine").ravel())
    theirs = Ridge(alpha=0.5).fit(kept.astype(float), model(masked), sample_weight=weights)

    np.testing.assert_allclose(got.values(), theirs.coef_, atol=2e-6)


@pytest.mark.parametrize("answer", [lambda d: d[:2], lambda d: -1 - d, lambda d: d * np.nan])
def test_a_function_that_gives_no_weights_is_refused(answer):
    with refuses(seewhy.InvalidInput, "CustomKernel.function"):
        seewhy.CustomKernel(function=answer)(ALL, SegmentSums(scene()))


@pytest.mark.parametrize("given", ["numpy.exp", 3])
def test_a_kernel_by_the_name_of_its_function_is_refused(given):
    with refuses(seewhy.InvalidInput, "CustomKernel.function"):
        seewhy.CustomKernel(function=given)
