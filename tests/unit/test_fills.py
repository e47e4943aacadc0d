"""Fills: what stands where a mask is 0, in 0..1 and of the picture's shape."""

import json

import numpy as np
import pytest
from PIL import Image

from seewhy.core.errors import ImageError, InvalidInput
from seewhy.core.settings import Settings
from seewhy.images.fills import FILLS, Blur, Color, FillSetting, ImageMean, Noise, Picture, SegmentMean, fill_picture
from support.refusing import refuses

RNG = np.random.default_rng(0)
PIXELS = RNG.random((24, 36, 3), dtype=np.float32)
SEGMENTS = (np.indices((24, 36)).sum(axis=0) // 7).astype(np.int32)
PHOTO = RNG.integers(0, 256, (24, 36, 3), dtype=np.uint8)
ALL = [SegmentMean(), ImageMean(), Color(), Blur(), Noise(), Picture(array=PHOTO[..., 0])]


class Holder(Settings):
    fill: FillSetting = SegmentMean()


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("fill", ALL, ids=lambda f: f.name)
def test_any_number_of_channels_and_the_picture_is_left_alone(fill, channels):
    pixels = np.random.default_rng(1).random((24, 36, channels), dtype=np.float32)
    kept = pixels.copy()

    filled = fill_picture(fill, pixels, SEGMENTS, 0)

    assert filled.shape == pixels.shape
    assert filled.dtype == np.float32
    assert filled.flags.c_contiguous
    assert not np.shares_memory(filled, pixels)
    np.testing.assert_array_equal(pixels, kept)


def test_segment_mean_equals_a_slow_loop():
    filled = fill_picture(SegmentMean(), PIXELS, SEGMENTS, 0)

    slow = np.empty_like(PIXELS)
    for region in range(SEGMENTS.max() + 1):
        here = np.equal(SEGMENTS, region)
        slow[here] = PIXELS[here].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(filled, slow, rtol=0, atol=1e-7)


def test_segment_mean_needs_segments():
    with refuses(InvalidInput, "SegmentMean", rule="have segments"):
        fill_picture(SegmentMean(), PIXELS, None, 0)


def test_image_mean():
    filled = fill_picture(ImageMean(), PIXELS, None, 0)

    np.testing.assert_allclose(filled, np.broadcast_to(PIXELS.mean((0, 1)), PIXELS.shape), atol=1e-6)


@pytest.mark.parametrize(
    ("value", "rgb"),
    [
        ("gray", (128, 128, 128)),
        ("Black", (0, 0, 0)),
        ("white", (255, 255, 255)),
        ("#808080", (128, 128, 128)),
        ("#f0A", (255, 0, 170)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ([1, 2, 3], (1, 2, 3)),
        ((255, 0, 0), (255, 0, 0)),
        (np.array([4, 5, 6], np.uint8), (4, 5, 6)),
    ],
    ids=repr,
)
def test_colors(value, rgb):
    color = Color(value=value)

    assert color.rgb == rgb
    assert color == Color(value=rgb)
    filled = fill_picture(color, PIXELS, None, 0)
    np.testing.assert_array_equal(filled, np.broadcast_to(np.float32(np.array(rgb) / 255), PIXELS.shape))


def test_default_color_is_gray():
    assert Color().rgb == (128, 128, 128)
    assert Color(value="gray").replace() == Color()


def test_a_gray_suits_any_number_of_channels_and_another_color_does_not():
    five = np.zeros((3, 4, 5), np.float32)

    np.testing.assert_allclose(fill_picture(Color(value=[51, 51, 51]), five, None, 0), 0.2)
    with refuses(InvalidInput, "Color.value", value="#ff0000"):
        fill_picture(Color(value="red"), five, None, 0)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_blur_leaves_a_constant_picture(level):
    flat = np.full((30, 20, 2), level, np.float32)

    np.testing.assert_allclose(fill_picture(Blur(), flat, None, 0), flat, atol=1e-6)


def test_blur_is_a_gaussian_in_pixels_of_the_shorter_side_for_each_channel():
    point = np.zeros((61, 81, 2), np.float32)
    point[30, 40, 0] = 1

    filled = fill_picture(Blur(sigma=3 / 61), point, None, 0)

    assert not filled[..., 1].any()
    rows, columns = np.indices((61, 81)).astype(float)
    assert filled.sum() == pytest.approx(1, abs=1e-4)
    for axis in (rows - 30, columns - 40):
        assert np.sqrt((filled[..., 0] * axis**2).sum()) == pytest.approx(3, rel=0.01)


def test_blur_of_a_picture_at_the_ends_stays_in_range():
    edges = (np.indices((50, 50)).sum(axis=0) % 2).astype(np.float32)[..., None]

    for sigma in (0.001, 0.01, 1.0):
        fill_picture(Blur(sigma=sigma), edges, None, 0)


def test_noise_depends_on_the_seed_alone():
    first, again, other = (fill_picture(Noise(), PIXELS, None, seed) for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.99
    assert first.mean() == pytest.approx(0.5, abs=0.05)
    assert first.std() == pytest.approx(12**-0.5, abs=0.02)


@pytest.mark.parametrize("kind", ["bytes", "floats", "file"])
def test_picture_of_the_same_size_is_taken_as_it_is(kind, tmp_path):
    path = tmp_path / "other.png"
    Image.fromarray(PHOTO).save(path)
    fill = {
        "bytes": Picture(array=PHOTO),
        "floats": Picture(array=PHOTO / 255),
        "file": Picture(path=path),
    }[kind]

    np.testing.assert_allclose(fill_picture(fill, PIXELS, None, 0), PHOTO / np.float32(255), atol=1e-6)


def test_picture_is_stretched():
    """Left half black, right half white: so it stays at any size, with no overshoot past 0..1."""
    halves = np.zeros((4, 8), np.uint8)
    halves[:, 4:] = 255

    filled = fill_picture(Picture(array=halves), PIXELS, None, 0)

    assert filled.shape == PIXELS.shape
    assert not filled[:, :12].any()
    np.testing.assert_allclose(filled[:, -12:], 1)
    np.testing.assert_allclose(filled.mean(), 0.5, atol=1e-3)


def test_picture_of_other_channels():
    with refuses(InvalidInput, "Picture", value=2):
        fill_picture(Picture(array=np.zeros((4, 5, 2), np.uint8)), PIXELS, None, 0)


def test_picture_that_cannot_be_read(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnothing")

    with refuses(ImageError, "broken.png", rule="be a readable, complete image"):
        fill_picture(Picture(path=path), PIXELS, None, 0)
    with refuses(ImageError, "none.png", rule="be a file"):
        fill_picture(Picture(path=tmp_path / "none.png"), PIXELS, None, 0)


def test_picture_in_json_tells_the_array_apart_but_does_not_hold_it():
    picture = Picture(array=PHOTO)
    stored = json.loads(json.dumps(Holder(fill=picture).to_dict()))

    assert set(stored["fill"]) == {"name", "sha256"}
    assert Picture(**stored["fill"], array=PHOTO) == picture
    assert picture != Picture(array=PHOTO[::-1])
    assert picture != Picture(array=PHOTO.reshape(36, 24, 3)), "the shape counts"
    with refuses(InvalidInput, "Picture.sha256", rule="come with array or path"):
        Holder(**stored)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("blur", Blur()),
        ({"name": "blur", "sigma": 0.1}, Blur(sigma=0.1)),
        (Noise(), Noise()),
        ("black", Color(value=[0, 0, 0])),
        ("#ff0000", Color(value="red")),
        ([255, 0, 0], Color(value="red")),
        ((255, 0, 0), Color(value="red")),
        ("color", Color()),
        ({"name": "color", "value": [0, 0, 255]}, Color(value="blue")),
        ("segment-mean", SegmentMean()),
    ],
    ids=repr,
)
def test_a_fill_may_be_given_in_several_ways(given, expected):
    assert Holder(fill=given).fill == expected


@pytest.mark.parametrize(
    "settings",
    [SegmentMean(), ImageMean(), Color(value="#123456"), Blur(sigma=0.3), Noise(), Picture(path="a/b.png")],
    ids=lambda s: s.name,
)
def test_settings_survive_json(settings):
    stored = json.loads(json.dumps(Holder(fill=settings).to_dict()))

    assert stored["fill"] == settings.to_dict()
    assert Holder(**stored) == Holder(fill=settings)
    assert hash(Holder(**stored)) == hash(Holder(fill=settings))


def test_every_fill_has_a_name_source_and_summary():
    assert list(FILLS) == ["segment-mean", "image-mean", "color", "blur", "noise", "picture"]
    assert all(one.source and one.summary() for one in FILLS.values())


class Odd:
    """A fill of somebody else's, which answers what it is told to."""

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, pixels, segments, rng):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (PIXELS[:-1], "return an image of shape (24, 36, 3)"),
        (0.5, "return an image of shape (24, 36, 3)"),
        (PIXELS * np.nan, "return finite numbers"),
        (np.full_like(PIXELS, np.inf), "return finite numbers"),
        (PHOTO, "return numbers in 0..1"),
        (PIXELS - 1, "return numbers in 0..1"),
    ],
)
def test_answers_that_are_no_picture(answer, message):
    with refuses(InvalidInput, "Odd", rule=message):
        fill_picture(Odd(answer), PIXELS, None, 0)


def test_a_fill_of_doubles_is_made_contiguous_floats():
    filled = fill_picture(Odd(PIXELS.astype(np.float64)[:, ::-1]), PIXELS, None, 0)

    assert filled.dtype == np.float32
    assert filled.flags.c_contiguous


@pytest.mark.parametrize(
    ("cls", "given", "message"),
    [
        (
            Color,
            {"value": "nocolor"},
            {"setting": "Color.value", "value": "nocolor"},
        ),
        (Color, {"value": "#12345"}, {"setting": "Color.value", "value": "#12345"}),
        (Color, {"value": "#11223344"}, {"setting": "Color.value", "value": "#11223344"}),
        (Color, {"value": "rgb(300, 0, 0)"}, {"setting": "Color.value", "value": "rgb(300, 0, 0)"}),
        (Color, {"value": ""}, {"setting": "Color.value", "value": ""}),
        (Color, {"value": [1, 2]}, {"setting": "Color.value", "value": [1, 2]}),
        (Color, {"value": [256, 0, 0]}, {"setting": "Color.value", "value": [256, 0, 0]}),
        (Color, {"value": [-1, 0, 0]}, {"setting": "Color.value", "value": [-1, 0, 0]}),
        (Color, {"value": [0.5, 0, 0]}, {"setting": "Color.value", "value": [0.5, 0, 0]}),
        (Color, {"value": [True, 0, 0]}, {"setting": "Color.value", "value": [True, 0, 0]}),
        (Color, {"value": 128}, {"setting": "Color.value", "value": 128}),
        (Color, {"value": None}, {"setting": "Color.value", "rule": 'be a color name such as "gray", "#rgb",'}),
        (Blur, {"sigma": 0}, {"setting": "Blur.sigma", "value": 0}),
        (Blur, {"sigma": 18.7}, {"setting": "Blur.sigma", "value": 18.7}),
        (Blur, {"sigma": float("nan")}, {"setting": "Blur.sigma", "rule": "be a finite number"}),
        (Blur, {"sigma": "wide"}, {"setting": "Blur.sigma", "value": "wide"}),
        (Noise, {"std": 1}, {"setting": "Noise.std", "rule": "not a setting"}),
        (SegmentMean, {"name": "blur"}, {"setting": "SegmentMean.name", "value": "blur"}),
        (ImageMean, {"value": 3}, {"setting": "ImageMean.value", "rule": "not a setting"}),
        (Picture, {}, {"setting": "Picture", "value": "neither"}),
        (Picture, {"path": "a", "array": PHOTO}, {"setting": "Picture", "value": "both"}),
        (Picture, {"array": PHOTO * 2.0}, {"setting": "array", "rule": "hold floats in 0..1"}),
        (Picture, {"array": PHOTO.astype(int)}, {"setting": "array", "rule": "be uint8, uint16 or float in 0..1"}),
        (Picture, {"array": PHOTO[0, 0]}, {"setting": "array", "rule": "have shape (H, W) or (H, W, C)"}),
        (Picture, {"array": "photo.png"}, {"setting": "Picture.array", "value": "photo.png"}),
        (
            Holder,
            {"fill": "nothing"},
            {"setting": "Holder.fill", "rule": "be one of segment-mean, image-mean"},
        ),
        (Holder, {"fill": 3}, {"setting": "Holder.fill", "rule": "be one of segment-mean, image-mean"}),
        (Holder, {"fill": None}, {"setting": "Holder.fill", "rule": "be one of segment-mean, image-mean"}),
        (Holder, {"fill": {"sigma": 1}}, {"setting": "Holder.fill", "rule": "be one of segment-mean, image-mean"}),
        (Holder, {"fill": [300, 0, 0]}, {"setting": "Color.value", "value": [300, 0, 0]}),
        (Holder, {"fill": "picture"}, {"setting": "Picture", "value": "neither"}),
    ],
)
def test_bad_settings_name_class_setting_rule_and_value(cls, given, message):
    with refuses(InvalidInput, **message):
        cls(**given)
