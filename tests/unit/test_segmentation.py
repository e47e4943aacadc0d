"""Segmentations: ids without gaps on any picture, and one clear error for whatever does not fit."""

import json

import numpy as np
import pytest
from PIL import Image

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings
from seewhy.images.segmentation import (
    MAX_SEGMENTS,
    SEGMENTATIONS,
    Custom,
    Felzenszwalb,
    Grid,
    Labels,
    Quickshift,
    SegmentationSetting,
    Slic,
    Watershed,
    segment,
)
from support.refusing import refuses

ALGORITHMS = [Slic(), Quickshift(), Felzenszwalb(), Watershed(), Grid()]
HAND = np.array([[0, 7, 7], [3, 3, 300]])
"""A label map with gaps; 300 needs more than 8 bits."""
HAND_IDS = [[0, 2, 2], [1, 1, 3]]


class Holder(Settings):
    segmentation: SegmentationSetting = Slic()


def _photo(name):
    from skimage import data

    photo = Image.fromarray(getattr(data, name)())
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    return np.asarray(photo.crop((left, top, left + side, top + side)).resize((224, 224)))


@pytest.fixture(scope="module", params=["chelsea", "coffee"])
def photo(request):
    return _photo(request.param)


@pytest.fixture(scope="module")
def pixels(photo):
    return (photo / 255).astype(np.float32)


def _check_ids(ids, pixels):
    assert ids.dtype == np.int32
    assert ids.shape == pixels.shape[:2]
    np.testing.assert_array_equal(np.unique(ids), np.arange(ids.max() + 1))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: a.name)
def test_defaults_give_20_to_80_regions_without_gaps(algorithm, pixels):
    ids = segment(algorithm, pixels, 0)

    _check_ids(ids, pixels)
    assert 20 <= ids.max() + 1 <= 80
    np.testing.assert_array_equal(ids, segment(algorithm, pixels, 0))


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: a.name)
def test_any_number_of_channels(algorithm, channels, pixels):
    wide = np.concatenate([pixels, pixels[::-1]], axis=-1)[:112, :112, :channels]

    ids = segment(algorithm, wide, 0)

    _check_ids(ids, wide)
    assert 4 <= ids.max() + 1 <= 200


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda a: a.name)
def test_leaves_the_picture_alone_and_warns_of_nothing(algorithm, pixels):
    small = np.concatenate([pixels[:40, :50]] * 2, axis=-1)
    kept = small.copy()

    segment(algorithm, small, 0)

    np.testing.assert_array_equal(small, kept)


def test_slic_itself_counts_from_zero_without_phantom(pixels):
    """`lime`'s fault: ids from 1 leave the last region never hidden, and add region 0 that no pixel has."""
    ids = Slic()(pixels, 0)

    np.testing.assert_array_equal(np.unique(ids), np.arange(ids.max() + 1))


def test_slic_on_floats_is_scikit_image_on_bytes(photo, pixels):
    from skimage.segmentation import slic

    oracle = slic(photo, n_segments=50, compactness=10.0, start_label=0)

    np.testing.assert_array_equal(Slic()(pixels, 0), oracle)


def test_slic_compactness_on_gray_means_what_it_means_on_rgb(pixels):
    """At 10 it follows edges as on RGB; taken as it is, 0..1 against place would give plain squares."""
    gray = pixels.mean(axis=-1, keepdims=True)
    squares = segment(Slic(compactness=1e4), gray, 0)

    ids = segment(Slic(), gray, 0)

    assert np.ptp(np.bincount(ids.ravel())) > 2 * np.ptp(np.bincount(squares.ravel()))


def test_quickshift_is_scikit_image_with_the_seed(pixels):
    from skimage.segmentation import quickshift

    crop = pixels[:64, :64]
    oracle = quickshift(crop, kernel_size=4, max_dist=200, ratio=0.2, rng=3)

    np.testing.assert_array_equal(segment(Quickshift(), crop, 3), oracle)


def test_quickshift_seed_breaks_ties():
    """On a flat picture all pixels tie, so only the seed decides."""
    flat = np.full((32, 32, 3), 0.5, np.float32)
    quickshift = Quickshift(max_dist=5.0)

    first, again, other = (segment(quickshift, flat, seed) for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_watershed_itself_counts_from_zero(pixels):
    assert Watershed()(pixels, 0).min() == 0


def test_grid_by_hand():
    ids = segment(Grid(rows=2, columns=3), np.zeros((3, 5, 1), np.float32), 0)

    np.testing.assert_array_equal(ids, [[0, 0, 1, 1, 2], [0, 0, 1, 1, 2], [3, 3, 4, 4, 5]])


def test_grid_is_as_even_as_possible():
    ids = Grid(rows=7, columns=9)(np.zeros((40, 31, 3), np.float32), 0)

    for axis, cells in ((0, 7), (1, 9)):
        sizes = np.bincount(ids[:, 0] // 9 if axis == 0 else ids[0], minlength=cells)
        assert len(sizes) == cells
        assert np.ptp(sizes) <= 1


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (Grid(rows=5, columns=2), {"setting": "Grid.rows", "value": 5}),
        (Grid(rows=2, columns=7), {"setting": "Grid.columns", "value": 7}),
    ],
)
def test_grid_finer_than_pixels(grid, message):
    with refuses(InvalidInput, **message):
        segment(grid, np.zeros((4, 6, 3), np.float32), 0)


# ---------------------------------------------------------------- custom, and how settings are given


def _halves(pixels):
    pixels[:] = 0
    return np.indices(pixels.shape[:2])[1] // 2 * 5


def test_a_function_is_a_segmentation():
    given = np.ones((2, 4, 3), np.float32)
    holder = Holder(segmentation=_halves)

    ids = segment(holder.segmentation, given, 0)

    np.testing.assert_array_equal(ids, [[0, 0, 1, 1]] * 2)
    assert given.all(), "the function works on a copy"
    assert holder == Holder(segmentation=Custom(function=_halves))
    stored = holder.to_dict()["segmentation"]
    assert stored == {"name": "custom", "function": f"{__name__}._halves"}
    with refuses(InvalidInput, "Custom.function"):
        Holder(segmentation=stored)


def test_a_function_may_take_the_seed():
    def draw(pixels, seed):
        return np.random.default_rng(seed).integers(0, 9, pixels.shape[:2])

    given = np.zeros((20, 20, 1), np.float32)

    first, again, other = (segment(Custom(function=draw), given, seed) for seed in (4, 4, 5))

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("given", ["grid", {"name": "grid"}, {"name": "grid", "rows": 7}, Grid(columns=7)], ids=repr)
def test_a_segmentation_may_be_given_in_several_ways(given):
    assert Holder(segmentation=given).segmentation == Grid()


@pytest.mark.parametrize(
    "settings",
    [
        Slic(n_segments=9, slic_zero=True),
        Quickshift(max_dist=3.5),
        Felzenszwalb(scale=1.5, min_size=3),
        Watershed(compactness=0.0),
        Grid(rows=2),
        Labels(path="a/labels.npy"),
    ],
    ids=lambda s: s.name,
)
def test_settings_survive_json(settings):
    stored = json.loads(json.dumps(Holder(segmentation=settings).to_dict()))

    assert stored["segmentation"] == settings.to_dict()
    assert Holder(**stored).segmentation == settings
    assert hash(Holder(**stored)) == hash(Holder(segmentation=settings))


def test_every_segmentation_has_a_name_source_and_summary():
    assert list(SEGMENTATIONS) == [
        "slic",
        "quickshift",
        "felzenszwalb",
        "watershed",
        "grid",
        "labels",
        "custom",
    ]
    assert all(one.source and one.summary() for one in SEGMENTATIONS.values())


# ---------------------------------------------------------------- hygiene


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((3, 4), int), "give at least 2 segments"),
        (np.zeros((4, 3), int), "return segment ids of shape (3, 4)"),
        (np.zeros((3, 4, 1), int), "return segment ids of shape (3, 4)"),
        (np.zeros((3, 4)), "give whole numbers"),
        (np.eye(3, 4, dtype=int) - 1, "give ids of at least 0"),
        (None, "return segment ids of shape (3, 4)"),
    ],
)
def test_answers_that_are_no_ids(answer, message):
    with refuses(InvalidInput, "Custom", rule=message):
        segment(Custom(function=lambda pixels: answer), np.zeros((3, 4, 3), np.float32), 0)


def test_a_flat_picture_has_one_segment():
    with refuses(InvalidInput, "Felzenszwalb", value=1):
        segment(Felzenszwalb(), np.ones((20, 20, 3), np.float32), 0)


def test_more_segments_than_can_be_explained():
    grid, blank = Grid(rows=101, columns=100), np.zeros((101, 100, 1), np.float32)

    with refuses(InvalidInput, "Grid", value=10100):
        segment(grid, blank, 0)
    assert segment(Grid(rows=100, columns=100), blank, 0).max() + 1 == MAX_SEGMENTS


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint64, np.int8])
def test_any_integer_type_will_do(kind):
    ids = segment(Custom(function=lambda pixels: np.eye(3, dtype=kind)), np.zeros((3, 3, 1), np.float32), 0)

    np.testing.assert_array_equal(ids, np.eye(3))


@pytest.mark.parametrize(
    ("cls", "given", "message"),
    [
        (Slic, {"n_segments": 1}, {"setting": "Slic.n_segments", "value": 1}),
        (Slic, {"n_segments": 10_001}, {"setting": "Slic.n_segments", "value": 10001}),
        (Slic, {"n_segments": 2.5}, {"setting": "Slic.n_segments", "value": 2.5}),
        (Slic, {"n_segments": "many"}, {"setting": "Slic.n_segments", "value": "many"}),
        (Slic, {"compactness": 0}, {"setting": "Slic.compactness", "value": 0}),
        (Slic, {"compactness": float("nan")}, {"setting": "Slic.compactness", "rule": "be a finite number"}),
        (Slic, {"compactness": float("inf")}, {"setting": "Slic.compactness", "rule": "be a finite number"}),
        (Slic, {"sigma": -1}, {"setting": "Slic.sigma", "value": -1}),
        (Slic, {"max_num_iter": 0}, {"setting": "Slic.max_num_iter", "value": 0}),
        (Slic, {"slic_zero": "perhaps"}, {"setting": "Slic.slic_zero", "value": "perhaps"}),
        (Slic, {"start_label": 1}, {"setting": "Slic.start_label", "rule": "not a setting"}),
        (Slic, {"name": "grid"}, {"setting": "Slic.name", "value": "grid"}),
        (Quickshift, {"kernel_size": 0.5}, {"setting": "Quickshift.kernel_size", "value": 0.5}),
        (Quickshift, {"max_dist": 0}, {"setting": "Quickshift.max_dist", "value": 0}),
        (Quickshift, {"ratio": 1.1}, {"setting": "Quickshift.ratio", "value": 1.1}),
        (Quickshift, {"random_seed": 3}, {"setting": "Quickshift.random_seed", "rule": "not a setting"}),
        (Felzenszwalb, {"scale": 0}, {"setting": "Felzenszwalb.scale", "value": 0}),
        (Felzenszwalb, {"min_size": 0}, {"setting": "Felzenszwalb.min_size", "value": 0}),
        (Watershed, {"n_segments": 0}, {"setting": "Watershed.n_segments", "value": 0}),
        (Watershed, {"compactness": 2}, {"setting": "Watershed.compactness", "value": 2}),
        (Grid, {"rows": 0}, {"setting": "Grid.rows", "value": 0}),
        (Grid, {"columns": None}, {"setting": "Grid.columns", "rule": "be a whole number"}),
        (Labels, {}, {"setting": "Labels", "value": "neither"}),
        (Labels, {"path": "a", "array": HAND}, {"setting": "Labels", "value": "both"}),
        (Labels, {"array": [[1, 2]]}, {"setting": "Labels.array", "value": [[1, 2]]}),
        (Labels, {"array": HAND / 2}, {"setting": "Labels.array", "value": "float64"}),
        (Labels, {"array": HAND - 1}, {"setting": "Labels.array", "value": -1}),
        (Labels, {"array": HAND[0]}, {"setting": "Labels.array", "value": (3,)}),
        (Labels, {"array": np.array([["a"]])}, {"setting": "Labels.array", "rule": "hold numbers"}),
        (Labels, {"path": 3}, {"setting": "Labels.path", "value": 3}),
        (Custom, {}, {"setting": "Custom.function"}),
        (Custom, {"function": 3}, {"setting": "Custom.function", "value": 3}),
        (Holder, {"segmentation": "blobs"}, {"setting": "Holder.segmentation", "rule": "be one of slic, quickshift"}),
        (
            Holder,
            {"segmentation": {"n_segments": 3}},
            {"setting": "Holder.segmentation", "rule": "be one of slic, quickshift"},
        ),
        (Holder, {"segmentation": 3}, {"setting": "Holder.segmentation", "rule": "be one of slic, quickshift"}),
        (Holder, {"segmentation": None}, {"setting": "Holder.segmentation", "rule": "be one of slic, quickshift"}),
        (Holder, {"segmentation": Slic}, {"setting": "Holder.segmentation", "rule": "be one of slic, quickshift"}),
        (
            Holder,
            {"segmentation": {"name": "grid", "rows": 0}},
            {"setting": "Grid.rows", "value": 0},
        ),
    ],
)
def test_bad_settings_name_class_setting_rule_and_value(cls, given, message):
    with refuses(InvalidInput, **message):
        cls(**given)
