"""Reading photos: every good form gives exact pixels."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Pillow
from PIL import ImageOps

from seewhy.core.errors import ImageError
from seewhy.images import Image, from_bytes, load_image, to_bytes
from support.pictures import DATA, JPEG, PHOTO, RNG, encoded, npy_bytes, raw_png, with_gps
from support.refusing import refuses


@pytest.mark.parametrize("name", ["coffee.png", "rocket.jpg", "camera.png"])
def test_real_photos_equal_what_pillow_reads(name: str) -> None:
    expected = np.asarray(Pillow.open(DATA / name))
    image = load_image(str(DATA / name))
    np.testing.assert_array_equal(image.pixels.squeeze(), expected)
    profile = ("color profile Adobe RGB not applied: colors are used as stored",)
    assert (image.name, image.warnings) == (name, profile if name == "rocket.jpg" else ())
    assert image.channels == (3 if expected.ndim == 3 else 1)


def test_all_sources_give_the_same_image(tmp_path: Path) -> None:
    data = encoded(Pillow.fromarray(PHOTO))
    path = tmp_path / "cat.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        opened = load_image(file)
        assert not file.closed
    same = [opened] + [load_image(s) for s in (path, str(path), data, bytearray(data), io.BytesIO(data))]
    same += [load_image(Pillow.fromarray(PHOTO)), load_image(Pillow.open(path)), load_image(PHOTO)]
    assert [image.name for image in same] == ["cat.png"] * 3 + ["bytes"] * 3 + ["picture"] * 2 + ["array"]
    assert len({image.sha256 for image in same}) == 1
    assert load_image(opened) is opened


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    data = encoded(Pillow.fromarray(PHOTO), kind, exif=exif)
    image = load_image(data)
    np.testing.assert_array_equal(image.pixels, np.asarray(ImageOps.exif_transpose(Pillow.open(io.BytesIO(data)))))
    assert image.height == (60 if orientation < 5 else 80)
    if kind != "TIFF":  # Pillow itself turns these
        assert image.warnings == (() if orientation == 1 else (f"EXIF orientation {orientation} applied",))
    assert (image.encoded is not None) == (kind == "JPEG" and orientation == 1)


@pytest.mark.parametrize(
    ("background", "rgb"),
    [("white", (255, 255, 255)), ("#00f", (0, 0, 255)), ((10, 20, 30), (10, 20, 30))],
)
def test_transparency_is_composed_over_the_background(background: object, rgb: tuple[int, int, int]) -> None:
    layer = np.zeros((4, 4, 4), np.uint8)
    layer[:2] = (200, 100, 0, 255)
    layer[3] = (200, 100, 0, 51)
    image = load_image(encoded(Pillow.fromarray(layer)), background=background)
    assert image.pixels.shape == (4, 4, 3)
    np.testing.assert_array_equal(image.pixels[0, 0], (200, 100, 0))
    np.testing.assert_array_equal(image.pixels[2, 0], rgb)
    mixed = np.array((200, 100, 0)) * 0.2 + np.array(rgb) * 0.8
    np.testing.assert_allclose(image.pixels[3, 0], mixed, atol=1)
    assert image.warnings == (f"alpha composed over background #{bytes(rgb).hex()}",)


@pytest.mark.parametrize("mode", ["LA", "PA", "La", "RGBa"])
def test_other_modes_with_alpha_are_composed_too(mode: str) -> None:
    clear = Pillow.new("LA" if mode[0] in "LP" else "RGBA", (4, 4))
    clear = Pillow.new("PA", (4, 4)) if mode == "PA" else clear.convert(mode)
    assert (load_image(clear, background=(9, 8, 7)).pixels == (9, 8, 7)).all()


def test_an_opaque_alpha_is_dropped_with_a_word() -> None:
    image = load_image(Pillow.fromarray(PHOTO).convert("RGBA"))
    np.testing.assert_array_equal(image.pixels, PHOTO)
    assert image.warnings == ("alpha dropped: it is opaque everywhere",)


def test_palette_cmyk_and_one_bit() -> None:
    few = Pillow.fromarray(PHOTO).quantize(16)
    image = load_image(encoded(few))
    np.testing.assert_array_equal(image.pixels, np.asarray(few.convert("RGB")))
    assert image.warnings == ("palette converted to RGB",)

    image = load_image(encoded(few, transparency=few.getpixel((0, 0))), background="lime")
    np.testing.assert_array_equal(image.pixels[0, 0], (0, 255, 0))

    cmyk = encoded(Pillow.fromarray(PHOTO).convert("CMYK"), "JPEG")
    image = load_image(cmyk)
    np.testing.assert_array_equal(image.pixels, np.asarray(Pillow.open(io.BytesIO(cmyk)).convert("RGB")))
    assert (image.warnings, image.encoded) == (("CMYK converted to RGB",), None)

    image = load_image(encoded(Pillow.fromarray(PHOTO[..., 0] > 100)))
    np.testing.assert_array_equal(image.pixels[..., 0], np.where(PHOTO[..., 0] > 100, 255, 0))
    assert image.warnings == ("1-bit converted to gray",)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I"])
def test_gray_of_16_bits_stays_exact(mode: str) -> None:
    values = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1300
    kind = {"I": "<i4", "I;16B": ">u2"}.get(mode, "<u2")
    image = load_image(Pillow.frombytes(mode, (8, 6), values.astype(kind).tobytes()))
    assert image.pixels.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels[..., 0], values)
    if mode == "I;16":
        read = load_image(encoded(Pillow.fromarray(values)))
        assert read.sha256 == image.sha256
        assert read.warnings == ()


def test_color_of_16_bits_says_that_it_loses_bits() -> None:
    rows = b"".join(b"\0" + bytes(3 * 2 * 4) for _ in range(4))
    image = load_image(raw_png(4, 4, depth=16, data=rows))
    assert image.pixels.dtype == np.uint8
    assert image.warnings == ("16-bit color reduced to 8 bits",)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_of_several_frames_the_first_is_used(kind: str) -> None:
    frames = [Pillow.new("RGB", (8, 6), color) for color in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    image = load_image(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert (image.pixels == (255, 0, 0)).all()
    assert any(one.startswith("several frames: using the first") for one in image.warnings)


def test_previews_in_a_phone_photo_are_neither_frames_nor_kept() -> None:
    preview = Pillow.fromarray(PHOTO[::2, ::2])
    exif = Pillow.Exif()
    exif[0x010F] = "PHONEMAKER"
    data = encoded(Pillow.fromarray(PHOTO), "MPO", save_all=True, append_images=[preview], exif=exif)
    image = load_image(data)
    assert image.warnings == ()
    assert image.encoded is not None
    assert image.encoded.count(b"\xff\xd8\xff") == 1
    assert not any(word in image.encoded for word in (b"PHONEMAKER", b"MPF"))
    assert from_bytes(image.encoded, "cat").sha256 == image.sha256


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2", np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 1), (6, 5, 2), (6, 5, 3), (6, 5, 4), (6, 5, 13)])
def test_arrays_keep_all_their_channels(dtype: object, shape: tuple[int, ...]) -> None:
    values = RNG.random(shape)
    kind = np.dtype(dtype)
    array = values.astype(kind) if kind.kind == "f" else (values * np.iinfo(kind).max).astype(kind)
    image = load_image(array)
    assert image.pixels.shape == (*shape, 1)[:3]
    assert image.pixels.dtype == (np.float32 if kind.kind == "f" else kind.newbyteorder("="))
    np.testing.assert_allclose(image.floats(), values.reshape(6, 5, -1), atol=1 / 255)
    assert image.warnings == ()
    array[:] = 0
    assert image.pixels.any()
    assert not image.pixels.flags.writeable
    image.floats()[:] = 1  # a new array


def test_anything_with_array_is_an_array() -> None:
    class Tensor:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return PHOTO

    assert load_image(Tensor()).sha256 == load_image(PHOTO).sha256


def test_what_is_shown_has_three_channels_of_8_bits() -> None:
    np.testing.assert_array_equal(load_image(PHOTO).rgb8(), PHOTO)
    np.testing.assert_array_equal(load_image(PHOTO / np.float32(255)).rgb8(), PHOTO)
    np.testing.assert_array_equal(load_image(PHOTO * np.uint16(257)).rgb8(), PHOTO)
    np.testing.assert_array_equal(load_image(PHOTO[..., :2]).rgb8(), PHOTO[..., [0, 0, 0]])
    np.testing.assert_array_equal(load_image(PHOTO[..., [0, 1, 2, 0, 0]]).rgb8(), PHOTO)


def test_gray_and_color_change_into_each_other_alone() -> None:
    gray, rgb = load_image(PHOTO[..., 0]), load_image(PHOTO)
    assert rgb.with_channels(3) is rgb
    wide = gray.with_channels(3)
    np.testing.assert_array_equal(wide.pixels, PHOTO[..., [0, 0, 0]])
    assert wide.warnings == ("gray repeated to 3 channels",)
    narrow = rgb.with_channels(1)
    as_pillow = np.asarray(Pillow.fromarray(PHOTO).convert("L"), np.int16)
    assert narrow.pixels.shape == (*PHOTO.shape[:2], 1)
    assert narrow.pixels.dtype == np.uint8
    assert np.abs(narrow.pixels[..., 0] - as_pillow).max() <= 1  # Pillow counts in 16 bits
    assert narrow.warnings == ("color turned to gray",)
    floats = load_image(PHOTO / np.float32(255)).with_channels(1)
    np.testing.assert_allclose(floats.floats()[..., 0], as_pillow / 255, atol=0.004)
    for image, n in ((rgb, 2), (rgb, 4), (gray, 5)):
        with refuses(ImageError, "array", rule=f"have {n} channels"):
            image.with_channels(n)


def test_the_hash_is_of_shape_type_and_values() -> None:
    zeros = np.zeros((4, 6), np.uint8)
    others = [zeros, zeros.reshape(6, 4), zeros.astype(np.uint16), zeros + np.uint8(1)]
    assert len({load_image(array).sha256 for array in others}) == 4
    assert Image(load_image(zeros).pixels, "other").sha256 == load_image(zeros).sha256


def test_a_jpeg_is_kept_without_where_and_with_what_it_was_taken() -> None:
    data = with_gps()
    assert all(word in data for word in (b"PHONEMAKER", b"2024:05:06", b"at home", b"GPSLatitude"))
    image = load_image(data + b"trailing film of the phone")
    kept = to_bytes(image)
    words = (b"PHONEMAKER", b"2024:05:06", b"at home", b"GPS", b"Exif", b"xmpmeta", b"trailing")
    assert not any(word in kept for word in words)
    assert len(Pillow.open(io.BytesIO(kept)).getexif()) == 0
    assert kept.startswith(b"\xff\xd8\xff\xe0")
    assert len(data) - 1500 < len(kept) < len(data)

    turned = load_image(with_gps(orientation=6))
    assert b"PHONEMAKER" not in to_bytes(turned)
    assert from_bytes(to_bytes(turned), "cat").sha256 == turned.sha256


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"restart_marker_blocks": 2},
        {"subsampling": 0, "optimize": True},
        {"keep_rgb": True},
        {"icc_profile": b"profile" * 20000},
        {"quality": 100},
    ],
    ids=str,
)
@pytest.mark.parametrize("gray", [True, False])
def test_a_stripped_jpeg_decodes_to_the_same_pixels(options: dict[str, object], gray: bool) -> None:
    photo = Pillow.fromarray(PHOTO[..., 0] if gray else PHOTO)
    exif = Pillow.Exif()
    exif[0x010F] = "PHONEMAKER"
    image = load_image(encoded(photo, "JPEG", exif=exif, **options))
    kept = image.encoded
    assert kept is not None
    assert b"PHONEMAKER" not in kept
    assert (b"ICC_PROFILE" in kept) == ("icc_profile" in options)
    again = from_bytes(kept, "cat")
    assert (again.sha256, again.encoded) == (image.sha256, kept)


@given(
    hnp.arrays(np.uint8, st.tuples(*[st.integers(2, 6)] * 2, st.integers(1, 5))),
    st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_bytes_and_back_is_exact(values: np.ndarray, kind: str) -> None:
    array = values / np.float32(255) if kind == "float32" else values.astype(kind) * np.array(1, kind)
    image = load_image(array, order="HWC")  # some look as if their channels came first
    data = to_bytes(image)
    again = from_bytes(data, "cat", ("a word",))
    assert again.sha256 == image.sha256
    assert (again.name, again.warnings) == ("cat", ("a word",))
    assert to_bytes(again) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", {"setting": "photo", "value": 0}),
        (b"\x93NUMPY", {"setting": "photo", "rule": "be a readable, complete image"}),
        (
            npy_bytes(np.full((4, 4, 1), None), allow_pickle=True),
            {"setting": "photo", "rule": "be a readable, complete image"},
        ),
        (
            npy_bytes(np.zeros((4, 4, 3), np.float32))[:-1],
            {"setting": "photo", "rule": "be a readable, complete image"},
        ),
        (npy_bytes(np.full((4, 4, 3), 2, np.float32)), {"setting": "photo", "value": (2.0, 2.0)}),
        (npy_bytes(np.zeros((4, 4, 3), np.int32)), {"setting": "photo", "value": "int32"}),
        (b"\x93NUMPY\x03\x00" + bytes(40), {"setting": "photo", "rule": "be an .npy of version (1, 0)"}),
        (
            npy_bytes(np.zeros((4, 4), "u1")).replace(b"(4, 4)", b"(9**9,)"),
            {"setting": "photo", "rule": "be a readable, complete image"},
        ),
        (encoded(Pillow.fromarray(PHOTO), "GIF"), {"setting": "photo", "rule": "be an image file (PNG, JPEG)"}),
        (raw_png(60000, 60000), {"setting": "max_pixels", "value": 3600000000}),
        (JPEG[:900], {"setting": "photo", "rule": "be a readable, complete image"}),
    ],
    ids=range(11),
)
def test_damaged_bytes_of_a_result_are_an_error(data: bytes, message: str) -> None:
    with refuses(ImageError, **message):
        from_bytes(data, "photo")
