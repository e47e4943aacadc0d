"""What the model reads is where the explanation points: every method, with every setting that has a name."""

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.estimation.kernels import KERNELS
from seewhy.estimation.surrogate import SURROGATES
from seewhy.images.fills import FILLS
from seewhy.images.geometry import View
from seewhy.images.segmentation import SEGMENTATIONS
from seewhy.models import FunctionModel
from seewhy.sampling.designs import DESIGNS
from support.refusing import refuses

H, W = 36, 48
RNG = np.random.default_rng(0)
BLOCKS = (np.arange(H)[:, None] // 12 * 4 + np.arange(W)[None] // 12).astype(np.int32)
"""Twelve squares of 12 x 12."""
PHOTO = (0.25 + 0.5 * RNG.random((12, 3)))[BLOCKS] + RNG.uniform(-0.15, 0.15, (H, W, 3))
PHOTO = np.rint(255 * PHOTO).astype(np.uint8)
"""Every square has its color, and is rough, so that no fill leaves it as it is."""
OTHER = RNG.integers(0, 256, (H, W, 3), dtype=np.uint8)
RIVER = np.where(np.arange(W)[None] + np.arange(H)[:, None] < 40, BLOCKS % 3, 3 + BLOCKS // 4).astype(np.int32)

SEGMENTATION = {
    "slic": seewhy.Slic(n_segments=12, compactness=30),
    "quickshift": seewhy.Quickshift(kernel_size=2, max_dist=30, ratio=0.5),
    "felzenszwalb": seewhy.Felzenszwalb(scale=300, sigma=1.5, min_size=60),
    "watershed": seewhy.Watershed(n_segments=12),
    "grid": seewhy.Grid(rows=3, columns=4),
    "labels": seewhy.Labels(array=RIVER),
    "custom": lambda pixels: 40 - BLOCKS,
}
FILL = {
    "segment-mean": seewhy.SegmentMean(),
    "image-mean": seewhy.ImageMean(),
    "color": seewhy.Color(value="black"),
    "blur": seewhy.Blur(),
    "noise": seewhy.Noise(),
    "picture": seewhy.Picture(array=OTHER),
}
SURROGATE = {
    "ridge": seewhy.Ridge(),
    "least-squares": seewhy.LeastSquares(),
    "lasso": seewhy.Lasso(alpha=0.001),
    "bayesian-ridge": seewhy.BayesianRidge(),
    "regressor": ElasticNet(alpha=1e-3),
}


def reader(segments, hidden):
    """Return a model with one class for every region, which says how well that region alone is kept.

    1 where the region is as in the photo, about 0.3 where it is as in the picture ``hidden``.
    """
    photo = PHOTO.astype(np.float32) / 255
    d = int(segments.max()) + 1
    one = np.eye(d)[segments.ravel()]  # (H * W, d)
    far = np.maximum(((hidden - photo) ** 2).sum(axis=-1).ravel() @ one, 1e-9)

    def model(batch):
        apart = ((batch - photo) ** 2).sum(axis=-1).reshape(len(batch), -1) @ one
        return np.exp(-1.2 * apart / far)

    return model


def fill_for(method, segments=None):
    """Return the picture that stands where masks are 0."""
    photo = seewhy.load_image(PHOTO)
    return method.scene(photo, View.identity(H, W), 0, segments).fill


def check_points_at_each(got, d):
    assert len(got.targets) == d
    for k in range(d):
        values = got.values(k)
        assert int(np.argmax(values)) == k
        assert values[k] > 2 * np.delete(np.abs(values), k).max()
        assert got.top(1, target=k)[0].segment == k
        np.testing.assert_array_equal(got.region(1, target=k), got.segments == k)


def test_every_name_there_is_has_a_member_here():
    assert set(SEGMENTATION) == set(SEGMENTATIONS)
    assert set(FILL) == set(FILLS)
    assert set(SURROGATE) == set(SURROGATES)


@pytest.mark.parametrize("fill", FILL)
@pytest.mark.parametrize("segmentation", SEGMENTATION)
def test_lime_points_at_the_region_the_model_reads(segmentation, fill):
    method = seewhy.Lime(segmentation=SEGMENTATION[segmentation], fill=FILL[fill], n_samples=200)
    segments = seewhy.segment(PHOTO, SEGMENTATION[segmentation], model=len)
    d = int(segments.max()) + 1
    assert 4 <= d <= 40
    model = FunctionModel(reader(segments, fill_for(method, segments)), kind="score")

    got = seewhy.explain(PHOTO, model=model, method=method, targets=list(range(d)))

    np.testing.assert_array_equal(got.segments, segments)
    check_points_at_each(got, d)


ROWS = {"exhaustive": 4096, "leave-one-out": None}
"""Designs over twelve segments that end, and how many rows to ask for: all."""
WITH_CHANCE = {"antithetic", "bernoulli", "drop-fraction"}
"""Designs that may keep another share than half."""
ALL_SIZES = {"exhaustive", "shapley"}
"""Designs that ask coalitions of all sizes, as Shapley values need."""


def designed(design, **more):
    """Return a method that divides the picture into the twelve squares, and a model that reads them."""
    method = seewhy.Lime(
        segmentation=SEGMENTATION["grid"],
        fill="gray",
        design=design,
        keep=0.6 if design in WITH_CHANCE else 0.5,
        n_samples=ROWS.get(design, 200),
        **more,
    )
    return method, FunctionModel(reader(BLOCKS, np.float32(128 / 255)), kind="score")


WITHOUT_SHAPLEY = [name for name in KERNELS if name not in {"shapley", "custom"}]  # custom: somebody's own function
LATIN = [
    (design, WITHOUT_SHAPLEY[(i + j) % len(WITHOUT_SHAPLEY)], surrogate)
    for i, design in enumerate(DESIGNS)
    for j, surrogate in enumerate(SURROGATE)
]
"""As in a Latin square: each design meets each kernel, and each of both meets each surrogate."""


def test_every_pair_of_names_is_tried():
    assert {(design, surrogate) for design, _, surrogate in LATIN} == {(d, s) for d in DESIGNS for s in SURROGATE}
    assert {(design, kernel) for design, kernel, _ in LATIN} == {(d, k) for d in DESIGNS for k in WITHOUT_SHAPLEY}
    assert {(kernel, surrogate) for _, kernel, surrogate in LATIN} == {
        (k, s) for k in WITHOUT_SHAPLEY for s in SURROGATE
    }


@pytest.mark.slow
@pytest.mark.parametrize(("design", "kernel", "surrogate"), LATIN)
def test_lime_points_there_with_every_design_kernel_and_surrogate(design, kernel, surrogate):
    method, model = designed(design, kernel=kernel, surrogate=SURROGATE[surrogate])

    got = seewhy.explain(PHOTO, model=model, method=method, targets=list(range(12)))

    check_points_at_each(got, 12)


@pytest.mark.parametrize("design", DESIGNS)
def test_shapley_values_point_there_or_say_what_the_design_lacks(design):
    method, model = designed(design, kernel="shapley")

    if design in ALL_SIZES:
        check_points_at_each(seewhy.explain(PHOTO, model=model, method=method, targets=list(range(12))), 12)
        return
    with refuses(InvalidInput, "Lime.design", rule="be 'shapley' or 'exhaustive'"):
        seewhy.explain(PHOTO, model=model, method=method)


@pytest.mark.parametrize("surrogate", [name for name in SURROGATE if name != "least-squares"])
@pytest.mark.parametrize("design", DESIGNS)
def test_shapley_values_need_least_squares(design, surrogate):
    with refuses(InvalidInput, "Lime.kernel", rule="need least-squares and no num_features"):
        designed(design, kernel="shapley", surrogate=SURROGATE[surrogate])


@pytest.mark.parametrize("selection", ["auto", "highest-weights", "forward-selection", "lasso-path"])
@pytest.mark.parametrize("num_features", [1, 3, 8, 100])
def test_lime_points_there_with_every_selection(selection, num_features):
    method = seewhy.Lime(
        segmentation=SEGMENTATION["grid"], n_samples=200, feature_selection=selection, num_features=num_features
    )
    model = FunctionModel(reader(BLOCKS, fill_for(method, BLOCKS)), kind="score")

    got = seewhy.explain(PHOTO, model=model, method=method, targets=[0, 5, 11])

    for place, k in enumerate([0, 5, 11]):
        assert int(np.argmax(got.values(place))) == k
        assert 1 <= np.count_nonzero(got.values(place)) <= num_features


@pytest.mark.parametrize("unit", ["auto", "probability", "log-odds", "score"])
@pytest.mark.parametrize("kind", ["probability", "logit"])
@pytest.mark.parametrize("method", ["lime", "rise"])
def test_every_method_points_there_in_every_unit(method, kind, unit):
    read = reader(BLOCKS, np.float32(0))

    def model(batch):
        logits = 4 * read(batch)
        odds = np.exp(logits)
        return logits if kind == "logit" else odds / odds.sum(axis=1, keepdims=True)

    settings = {
        "lime": seewhy.Lime(segmentation=SEGMENTATION["grid"], fill="black", n_samples=400, unit=unit),
        "rise": seewhy.Rise(n_samples=1500, grid=4, unit=unit),
    }[method]

    got = seewhy.explain(PHOTO, model=FunctionModel(model, kind=kind), method=settings, targets=[0, 5, 11])

    for place, k in enumerate([0, 5, 11]):
        assert got.targets[place].unit == ("probability" if unit == "auto" else unit)
        assert strongest_block(got.heatmap(place)) == k


def strongest_block(heatmap):
    return int(np.argmax(np.bincount(BLOCKS.ravel(), weights=heatmap.ravel())))


@pytest.mark.parametrize("fill", [name for name in FILL if name != "segment-mean"])
@pytest.mark.parametrize(
    ("estimator", "keep"),
    [
        ("controlled", 0.5),
        ("controlled", 0.3),
        ("centered", 0.5),
        ("centered", 0.3),
        ("ratio", 0.4),
        ("reference", 0.5),
    ],
)
def test_rise_points_at_the_region_the_model_reads(estimator, fill, keep):
    method = seewhy.Rise(n_samples=1200, grid=6, keep=keep, fill=FILL[fill], estimator=estimator)
    model = FunctionModel(reader(BLOCKS, fill_for(method)), kind="score")

    got = seewhy.explain(PHOTO, model=model, method=method, targets=list(range(12)))

    for k in range(12):
        heatmap = got.heatmap(k)
        assert strongest_block(heatmap) == k
        assert BLOCKS.flat[np.argmax(heatmap)] == k
        assert np.mean(BLOCKS[got.region(share=0.02, target=k)] == k) > 0.8


def test_a_region_that_speaks_against_the_class_has_the_lowest_value():
    for method in (seewhy.Lime(segmentation="grid", fill="black", n_samples=200), seewhy.Rise(n_samples=1000, grid=4)):
        read = reader(BLOCKS, np.float32(0))

        got = seewhy.explain(PHOTO, model=lambda batch, read=read: -read(batch)[:, 7], method=method)

        assert strongest_block(-got.heatmap()) == 7
        assert np.mean(BLOCKS[got.region(share=0.02, sign="negative")] == 7) > 0.8
        if method.name == "lime":
            assert got.top(1)[0].segment == got.top(1, sign="negative")[0].segment == int(np.argmin(got.values()))
            assert 7 not in {found.segment for found in got.top(100, sign="positive")}
            np.testing.assert_array_equal(got.region(1, sign="negative"), got.region(1, sign="both"))
        assert got.heatmap().min() < -3 * got.heatmap().max()


# --- constant models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("selection", ["none", "forward-selection", "highest-weights", "lasso-path"])
@pytest.mark.parametrize("surrogate", [name for name in SURROGATE if name != "regressor"])
def test_a_constant_model_gets_exactly_zero_from_lime(surrogate, selection):
    limited = {} if selection == "none" else {"feature_selection": selection, "num_features": 3}
    method = seewhy.Lime(segmentation="grid", surrogate=surrogate, n_samples=100, **limited)

    got = seewhy.explain(PHOTO, model=lambda batch: np.full((len(batch), 1), 0.3), method=method)

    assert (got.values() == 0).all()
    assert (got.heatmap() == 0).all()
    assert got.attributions[0].intercept == np.float32(0.3)
    assert got.attributions[0].r2 is None
    assert not got.region().any()
    assert got.top() == []


@pytest.mark.parametrize("kind", ["probability", "logit"])
@pytest.mark.parametrize("unit", ["probability", "log-odds", "score"])
@pytest.mark.parametrize("method", [seewhy.Lime(segmentation="grid", n_samples=60), seewhy.Rise(n_samples=60, grid=4)])
def test_a_constant_model_gets_exactly_zero_in_every_unit(method, unit, kind):
    model = FunctionModel(lambda batch: np.tile([0.7, 0.1, 0.2], (len(batch), 1)), kind=kind)

    got = seewhy.explain(PHOTO, model=model, method=method.replace(unit=unit), targets=[0, 1])

    assert (got.heatmap(0) == 0).all()
    assert (got.heatmap(1) == 0).all()


@pytest.mark.parametrize(("estimator", "expected"), [("centered", 0.0), ("ratio", 0.3)])
def test_a_constant_model_gets_a_flat_map_from_rise(estimator, expected):
    got = seewhy.explain(
        PHOTO,
        model=lambda batch: np.full(len(batch), 0.3),
        method=seewhy.Rise(n_samples=100, grid=4, estimator=estimator),
    )

    np.testing.assert_allclose(got.heatmap(), expected, rtol=0, atol=1e-7)
    if estimator == "centered":
        assert (got.heatmap() == 0).all()


# --- symmetry ----------------------------------------------------------------------------------------------


def test_regions_that_count_the_same_get_the_same_values_from_lime():
    # Whole numbers over 1024 and a black fill: float32 holds every score exactly, so least squares must be exact.
    white = np.full((H, W, 3), 255, dtype=np.uint8)
    weight = np.minimum(np.arange(12), 11 - np.arange(12))  # square k counts as much as square 11 - k

    def model(batch):
        return (batch[..., 0].reshape(len(batch), -1) @ np.eye(12)[BLOCKS.ravel()] @ weight)[:, None] / 1024

    method = seewhy.Lime(
        segmentation=SEGMENTATION["grid"], fill="black", surrogate="least-squares", n_samples=100, unit="score"
    )

    got = seewhy.explain(white, model=model, method=method)

    np.testing.assert_allclose(got.values(), weight * 144 / 1024, rtol=0, atol=1e-9)
    np.testing.assert_allclose(got.values(), got.values()[::-1], rtol=0, atol=1e-9)
    assert got.attributions[0].intercept == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "method",
    [
        seewhy.Lime(segmentation=SEGMENTATION["grid"], fill="black", n_samples=4000, design=design)
        for design in ("bernoulli", "foldover-hadamard")
    ]
    + [
        seewhy.Rise(n_samples=4000, grid=4, design="bernoulli", estimator=estimator)
        for estimator in ("centered", "ratio", "reference")
    ],
    ids=lambda method: f"{method.name}-{method.design}-{method.to_dict().get('estimator', 'surrogate')}",
)
def test_a_symmetric_picture_and_model_give_a_symmetric_answer(method):
    """Left and right, up and down: within five standard errors of the difference, from 20 parts of the samples.

    Shifts from 0 to cell - 1, as in the paper, are not quite even; controlled maps are so sure of themselves that
    they would show it.
    """
    quarter = PHOTO[: H // 2, : W // 2]
    half = np.concatenate([quarter, quarter[:, ::-1]], axis=1)
    photo = np.concatenate([half, half[::-1]])

    def model(batch):  # saturates, and multiplies the four quarters
        brightness = batch.mean(axis=3)
        a = brightness[:, : H // 2].reshape(len(batch), H // 2, 2, -1).mean(axis=(1, 3))
        b = brightness[:, H // 2 :].reshape(len(batch), H // 2, 2, -1).mean(axis=(1, 3))
        return np.tanh(6 * a.prod(axis=1) + 6 * b.prod(axis=1) + brightness.mean(axis=(1, 2)))

    got = seewhy.explain(photo, model=model, method=method)

    def squares(explained):
        heatmap = got.heatmap() if explained is None else explained
        return (np.bincount(BLOCKS.ravel(), weights=heatmap.ravel()) / 144).reshape(3, 4)

    parts = [squares(heatmap) for heatmap in maps_of_parts(got, 20)]
    for flip in (np.fliplr, np.flipud):
        error = np.std([part - flip(part) for part in parts], axis=0, ddof=1) / np.sqrt(len(parts))
        difference = squares(None) - flip(squares(None))
        assert (np.abs(difference) <= 5 * error + 1e-9).all()
        assert error.max() < 0.1 * np.abs(squares(None)).max(), "the bound is too wide to show anything"


def maps_of_parts(got, parts):
    """Yield the maps (H, W) that parts of the samples give."""
    for rows in np.array_split(np.arange(len(got.samples)), parts):
        piece = got.samples.rows(rows)
        found = got.method.estimate(piece, got.scene, piece.target(got.targets[0].index, got.targets[0].unit))
        yield found.heatmap if hasattr(found, "heatmap") else found.values[got.segments]


# --- several targets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "calls_expected"),
    [
        (seewhy.Lime(segmentation="grid", n_samples=90, design="bernoulli"), 90),  # the first is the untouched picture
        (seewhy.Lime(segmentation="grid", n_samples=90), 91),
        (seewhy.Rise(n_samples=90, grid=4), 91),
    ],
    ids=["lime", "balanced", "rise"],
)
def test_several_targets_share_the_model_calls_and_give_what_each_alone_gives(method, calls_expected):
    read, calls = reader(BLOCKS, np.float32(0)), []

    def model(batch):
        calls.append(len(batch))
        return read(batch)

    together = seewhy.explain(PHOTO, model=model, method=method, targets=[3, 0, 8])
    asked = sum(calls)

    assert asked == together.n_evaluations == calls_expected
    assert [target.index for target in together.targets] == [3, 0, 8]
    for place, index in enumerate([3, 0, 8]):
        alone = seewhy.explain(PHOTO, model=model, method=method, targets=index)
        np.testing.assert_array_equal(alone.heatmap(), together.heatmap(place))
        assert alone.targets == together.targets[place : place + 1]
