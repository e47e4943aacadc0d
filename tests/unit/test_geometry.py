"""The way to the model's picture and back, against slow references."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import skimage
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from seewhy.core.errors import FileError, InvalidInput
from seewhy.images import load_image
from seewhy.images.geometry import View
from support.refusing import refuses

DATA = Path(skimage.__file__).parent / "data"
RNG = np.random.default_rng(0)
SIDE = st.integers(1, 17)


@st.composite
def views(draw: st.DrawFn) -> View:
    photo, resized = (draw(SIDE), draw(SIDE)), (draw(SIDE), draw(SIDE))
    top, left = draw(st.integers(0, resized[0] - 1)), draw(st.integers(0, resized[1] - 1))
    height = draw(st.integers(1, resized[0] - top))
    return View(photo, resized, top, left, height, draw(st.integers(1, resized[1] - left)))


def slow(view: View, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the photo is seen, its nearest values, and its bilinear values; pixel by pixel."""
    seen = np.zeros(view.photo, bool)
    nearest, linear = np.full(view.photo, -1.0), np.zeros(view.photo)
    padded = np.pad(values, 1, mode="edge")
    for i, j in np.ndindex(view.photo):
        y = (2 * i + 1) * view.resized[0] / (2 * view.photo[0]) - view.top
        x = (2 * j + 1) * view.resized[1] / (2 * view.photo[1]) - view.left
        if 0 <= y < view.height and 0 <= x < view.width:
            seen[i, j] = True
            nearest[i, j] = values[int(y), int(x)]
            a, b = (
                math.floor(y + 0.5),
                math.floor(x + 0.5),
            )  # in the padded map, whose centers lie half a pixel on
            v, u = y + 0.5 - a, x + 0.5 - b
            upper = padded[a, b] * (1 - u) + padded[a, b + 1] * u
            lower = padded[a + 1, b] * (1 - u) + padded[a + 1, b + 1] * u
            linear[i, j] = upper * (1 - v) + lower * v
    return seen, nearest, linear


@given(views(), st.integers(0, 99))
def test_the_way_back_equals_the_slow_reference(view: View, seed: int) -> None:
    rng = np.random.default_rng(seed)
    segments = rng.integers(0, 9, (view.height, view.width)).astype(np.int32)
    seen, nearest, _ = slow(view, segments)
    np.testing.assert_array_equal(view.seen(), seen)
    np.testing.assert_array_equal(view.segments_to_photo(segments), nearest)
    heatmap = rng.normal(size=segments.shape).astype(np.float32)
    np.testing.assert_allclose(view.map_to_photo(heatmap), slow(view, heatmap)[2], atol=1e-5)


@given(views(), st.floats(-9, 9, width=32))
def test_a_constant_map_stays_constant_where_seen_and_is_zero_elsewhere(view: View, value: float) -> None:
    found = view.map_to_photo(np.full((view.height, view.width), value, np.float32))
    np.testing.assert_array_equal(found, np.where(view.seen(), np.float32(value), 0))
    assert found.dtype == np.float32


def test_identity_changes_nothing() -> None:
    view = View.identity(5, 7)
    segments = RNG.integers(0, 9, (5, 7)).astype(np.int32)
    heatmap = RNG.normal(size=(5, 7)).astype(np.float32)
    np.testing.assert_array_equal(view.segments_to_photo(segments), segments)
    np.testing.assert_array_equal(view.map_to_photo(heatmap), heatmap)
    assert view.segments_to_photo(segments).dtype == np.int32
    assert view.whole
    assert view.box == (0, 0, 7, 5)
    for array in (RNG.random((5, 7, 3)), RNG.integers(0, 256, (5, 7, 3), np.uint8)):
        image = load_image(array)
        np.testing.assert_array_equal(view.apply(image), image.floats())


def test_each_segment_covers_its_pixels_at_twice_the_size() -> None:
    segments = np.arange(20, dtype=np.int32).reshape(4, 5)
    found = View.stretch(8, 10, size=(4, 5)).segments_to_photo(segments)
    np.testing.assert_array_equal(found, segments.repeat(2, axis=0).repeat(2, axis=1))


def test_a_map_at_twice_the_size_lies_between_its_centers_and_holds_at_its_border() -> None:
    found = View.stretch(2, 8, size=(2, 4)).map_to_photo(np.tile(np.float32([0, 4, 8, 8]), (2, 1)))
    np.testing.assert_array_equal(found[0], [0, 1, 3, 5, 7, 8, 8, 8])


def test_a_crop_knows_its_place_on_the_photo() -> None:
    view = View.resize_shorter_then_crop(400, 800, shorter=256, crop=224)
    assert (view.resized, view.top, view.left) == ((256, 512), 16, 144)
    assert view.box == (225.0, 25.0, 575.0, 375.0)
    assert not view.whole
    seen = view.seen()
    assert seen.sum() == 350 * 350
    assert seen[25:375, 225:575].all()


def test_rounding_is_that_of_torchvision() -> None:
    assert View.resize_shorter_then_crop(451, 300, shorter=256, crop=224).resized == (384, 256)
    view = View.resize_shorter_then_crop(300, 451, shorter=255, crop=224)
    assert (view.resized, view.top, view.left) == ((255, 383), 16, 80)  # 15.5 and 79.5 round to even
    with refuses(InvalidInput, "crop", value=224):
        View.resize_shorter_then_crop(300, 451, shorter=200, crop=224)


@pytest.mark.parametrize("name", ["chelsea.png", "camera.png", "rocket.jpg"])
def test_photos_of_8_bits_are_resized_as_pillow_does(name: str) -> None:
    image = load_image(DATA / name)
    view = View.resize_shorter_then_crop(image.height, image.width, shorter=256, crop=224)
    small = Pillow.open(DATA / name).resize((view.resized[1], view.resized[0]), Pillow.Resampling.BICUBIC)
    small = small.crop((view.left, view.top, view.left + 224, view.top + 224))
    expected = np.asarray(small, np.float32).reshape(224, 224, -1) / np.float32(255)
    found = view.apply(image)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_floats_are_resized_alike_and_stay_in_range(channels: int) -> None:
    photo = np.asarray(Pillow.open(DATA / "chelsea.png"))[:90, :120]
    photo = photo[..., [0, 1, 2, 0, 1][:channels]]
    view = View((90, 120), (60, 66), 3, 4, 50, 60)
    found = view.apply(load_image(photo / np.float32(255)))
    assert found.shape == (50, 60, channels)
    assert found.dtype == np.float32
    one = [view.apply(load_image(photo[..., c])) for c in range(channels)]
    np.testing.assert_allclose(found, np.concatenate(one, axis=2), atol=2.1 / 255)  # two roundings to 8 bits
    deep = view.apply(load_image(photo * np.uint16(257)))
    np.testing.assert_allclose(deep, found, atol=1e-6)
    sharp = view.apply(load_image(np.where(photo > 120, 1.0, 0.0)))
    assert (sharp.min(), sharp.max()) == (0, 1)


def test_a_crop_without_resizing_is_exact() -> None:
    image = load_image(RNG.random((6, 8, 3)))
    found = View((6, 8), (6, 8), 1, 2, 4, 5).apply(image)
    np.testing.assert_array_equal(found, image.floats()[1:5, 2:7])


@given(views(), st.integers(0, 99))
def test_segments_of_the_photo_reach_the_crop_by_their_centers(view: View, seed: int) -> None:
    segments = np.random.default_rng(seed).integers(0, 99, view.photo).astype(np.int32)
    expected = np.zeros((view.height, view.width), np.int32)
    for i, j in np.ndindex(expected.shape):
        y = (2 * (i + view.top) + 1) * view.photo[0] // (2 * view.resized[0])
        x = (2 * (j + view.left) + 1) * view.photo[1] // (2 * view.resized[1])
        expected[i, j] = segments[y, x]
    np.testing.assert_array_equal(view.segments_from_photo(segments), expected)


def test_wrong_sizes_are_errors() -> None:
    view = View.stretch(6, 8, size=(3, 4))
    with refuses(InvalidInput, "array", value=(8, 6)):
        view.apply(load_image(np.zeros((8, 6))))
    with refuses(InvalidInput, "a map", value=(4, 3)):
        view.map_to_photo(np.zeros((4, 3), np.float32))
    with refuses(InvalidInput, "a map", value=(6, 8)):
        view.segments_to_photo(np.zeros((6, 8), np.int32))
    with refuses(InvalidInput, "segments", value=(3, 4)):
        view.segments_from_photo(np.zeros((3, 4), np.int32))


@given(views())
def test_json_and_back(view: View) -> None:
    assert View.from_dict(json.loads(json.dumps(view.to_dict()))) == view


GOOD = View((6, 8), (3, 4), 1, 1, 2, 3).to_dict()


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {},
        {**GOOD, "more": 1},
        {k: v for k, v in GOOD.items() if k != "top"},
        {**GOOD, "top": 2},
        {**GOOD, "top": -1},
        {**GOOD, "top": 0.5},
        {**GOOD, "top": True},
        {**GOOD, "width": 0},
        {**GOOD, "photo": [6]},
        {**GOOD, "photo": 6},
        {**GOOD, "photo": ["6", 8]},
        {**GOOD, "resized": [0, 4]},
        {**GOOD, "height": None},
    ],
    ids=str,
)
def test_a_damaged_view_is_an_error(values: object) -> None:
    with pytest.raises(FileError, match="must"):
        View.from_dict(values)
