"""What white is, which axes are which, and which page is read: done as told, refused, or noted; never guessed."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.core.errors import ImageError, InvalidInput
from seewhy.images import MAX_PIXELS, Image, from_bytes, load_image, to_bytes
from support.pictures import PHOTO, encoded, npy_bytes, png, raw_png
from support.refusing import refuses

GRAY = PHOTO[..., 0]
TWELVE = GRAY.astype(np.uint16) * 16 + 15
"""12 bits: 15..4095."""


def tiff(pixels: np.ndarray, *, photometric: int = 2, more: dict[int, int] | None = None, bits: int = 0) -> bytes:
    """Return an uncompressed TIFF of any bands, with other tags if wanted."""
    h, w, bands = pixels.reshape(*pixels.shape[:2], -1).shape
    bits = bits or pixels.dtype.itemsize * 8
    data = pixels.tobytes()
    extra = [0] * max(0, bands - (3 if photometric == 2 else 1))
    tags: dict[int, tuple[int, list[int]]] = {
        256: (4, [w]), 257: (4, [h]), 258: (3, [bits] * bands), 259: (3, [1]), 262: (3, [photometric]),
        273: (4, [0]), 277: (3, [bands]), 278: (4, [h]), 279: (4, [len(data)]),
    }  # fmt: skip
    tags |= {338: (3, extra)} if extra else {}
    tags |= {tag: (4, [value]) for tag, value in (more or {}).items()}
    head, tail = b"", b""
    after = 8 + 2 + 12 * len(tags) + 4
    start = after + sum(2 * len(v) + len(v) % 2 * 2 for k, v in tags.values() if k == 3 and len(v) > 2)
    tags[273] = (4, [start])
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        packed += b"\0" * (-len(packed) % 4)
        if len(packed) > 4:
            packed, tail = struct.pack("<I", after + len(tail)), tail + packed
        head += struct.pack("<HHI", tag, kind, len(values)) + packed
    return struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(tags)) + head + bytes(4) + tail + data


# --- the value of white ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [4095, 4095.0, np.int64(4095), "4095", "12-bit", "12 bits", "12bit"])
@pytest.mark.parametrize(
    "source", [TWELVE, encoded(Pillow.fromarray(TWELVE), "TIFF"), encoded(Pillow.fromarray(TWELVE))]
)
def test_12_bits_in_16_are_read_by_one_keyword(scale: object, source: object) -> None:
    image = load_image(source, scale=scale)
    np.testing.assert_allclose(image.floats()[..., 0], TWELVE / 4095, atol=1e-6)
    assert image.warnings == ()


@pytest.mark.parametrize(
    "source", [TWELVE, encoded(Pillow.fromarray(TWELVE), "TIFF"), encoded(Pillow.fromarray(TWELVE))]
)
def test_without_it_they_stay_dark_and_it_is_said_what_was_assumed(source: object) -> None:
    image = load_image(source)
    np.testing.assert_array_equal(image.pixels[..., 0], TWELVE)
    (note,) = image.warnings
    assert "65535 is treated as white" in note
    assert f"scale={4095}" in note


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (GRAY.astype(np.uint16), 255),
        ((GRAY / 16).astype(np.uint8), 15),
        ((GRAY > 99).astype(np.uint8), 1),
        (GRAY.astype(np.uint16) * 4, 1023),
        (GRAY.astype(np.uint16) * 64, 16383),
    ],
)
def test_values_far_below_white_are_noted_with_the_white_that_is_likely(values: np.ndarray, white: int) -> None:
    (note,) = load_image(values).warnings
    assert f"scale={white} " in note
    assert load_image(values, scale=white).warnings == ()


@pytest.mark.parametrize("values", [PHOTO, TWELVE * np.uint16(16), np.zeros((4, 4), np.uint16), GRAY / 255])
def test_usual_and_black_photos_are_not_noted(values: np.ndarray) -> None:
    assert load_image(values).warnings == ()


def test_a_dark_jpeg_is_noted_and_still_kept_as_it_is() -> None:
    image = load_image(encoded(Pillow.fromarray(PHOTO // 16), "JPEG"))
    assert len(image.warnings) == 1
    assert image.encoded is not None


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u4", "u8", "f2", "f4", "f8", ">i4", "u1", "u2"])
def test_numbers_of_every_type_are_read_where_white_is_said(kind: str) -> None:
    values = (GRAY // 2).astype(kind)
    image = load_image(values, scale=127)
    np.testing.assert_allclose(image.floats()[..., 0], values.astype(float) / 127, atol=1e-6)
    assert load_image(np.eye(4, dtype=bool), scale=1).floats()[..., 0].tolist() == np.eye(4).tolist()


@pytest.mark.parametrize(("scale", "kind"), [(255, "uint8"), ("8-bit", "uint8"), (65535, "uint16"), (254, "float32")])
def test_white_of_8_and_16_bits_keeps_whole_numbers(scale: object, kind: str) -> None:
    assert load_image(np.minimum(GRAY, 254).astype(np.int64), scale=scale).pixels.dtype == kind


@pytest.mark.parametrize("scale", [0, -1, "white", "0-bit", "99-bit", np.nan, np.inf, True, [255], {}])
def test_a_bad_scale_is_an_error(scale: object) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(PHOTO, scale=scale)
    assert caught.value.setting == "scale"


@pytest.mark.parametrize("values", [PHOTO.astype(int), PHOTO.astype(int) - 200, PHOTO / 3])
def test_values_beyond_white_or_below_black_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(values, scale=50)
    assert caught.value.setting == "scale"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (GRAY.astype(np.float32), "scale=255"),
        (GRAY / GRAY.max() * 16, "scale=16"),
        (GRAY * 16.0, "scale=4095"),
        (GRAY / 2.55, "scale=100"),
        (GRAY * 257.0, "scale=65535"),
        (GRAY.astype(np.int32), "scale=255"),
        (GRAY.astype(np.int32) * 16, "scale=4095"),
        (GRAY > 3, "scale=1"),
        (np.full((4, 4), 1.0000001), "numpy.clip"),
        (np.full((4, 4), 1.0000001), "1.0000001..1.0000001"),
        (np.full((4, 4), -1e-9), r"-1e-09"),
        (GRAY / 127.5 - 1, "(x + 1) / 2"),
        (np.full((4, 4), 1j), "abs"),
        (np.full((4, 4), 3, object), "astype"),
    ],
)
def test_the_error_names_the_way_out_that_fits_the_values(values: np.ndarray, told: str) -> None:
    with refuses(ImageError, "array") as refused:
        load_image(values)
    assert told in str(refused.value)


@pytest.mark.parametrize(("top", "white"), [(255, 255), (4000, 65535)])
def test_integers_of_32_bits_in_a_file_are_read_by_a_rule_that_is_said(top: int, white: int) -> None:
    values = np.linspace(0, top, 48).round().astype(np.int32).reshape(6, 8)
    image = load_image(encoded(Pillow.fromarray(values), "TIFF"))
    np.testing.assert_allclose(image.floats()[..., 0], values / white, atol=1e-6)
    assert f"{white} as white" in image.warnings[0]
    assert load_image(encoded(Pillow.fromarray(values), "TIFF"), scale=top).floats().max() == 1


def test_wider_integers_in_a_file_need_a_word() -> None:
    wide = encoded(Pillow.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF")
    with refuses(ImageError, "bytes", rule="hold integers in 0..65535"):
        load_image(wide)
    assert load_image(wide, scale=100_000).floats().max() == pytest.approx(0.7)


def test_bright_floats_in_a_file_are_read_by_one_keyword() -> None:
    hdr = encoded(Pillow.fromarray(np.linspace(0, 8, 16, dtype=np.float32).reshape(4, 4)), "TIFF")
    with refuses(ImageError, "bytes", value=(0.0, 8.0)):
        load_image(hdr)
    assert load_image(hdr, scale=8).floats().max() == 1


# --- TIFF --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bands", [4, 5, 6])
def test_bands_beyond_color_are_noted_with_the_way_to_keep_them(bands: int) -> None:
    pixels = np.dstack([PHOTO] + [255 - GRAY] * (bands - 3))
    image = load_image(tiff(pixels))
    np.testing.assert_array_equal(image.pixels, PHOTO)
    assert any(f"{bands} bands" in one and "tifffile" in one for one in image.warnings)


@pytest.mark.parametrize("bands", [3, 5, 12])
def test_bands_that_pillow_cannot_read_are_refused_with_the_way_out(bands: int) -> None:
    pixels = np.dstack([GRAY] * bands)
    with refuses(ImageError, "bytes", rule="be a TIFF that Pillow reads"):
        load_image(tiff(pixels, photometric=1))


def test_plain_color_and_alpha_are_not_called_bands() -> None:
    assert load_image(encoded(Pillow.fromarray(PHOTO), "TIFF")).warnings == ()
    clear = Pillow.fromarray(PHOTO).convert("RGBA")
    assert load_image(encoded(clear, "TIFF")).warnings == ("alpha dropped: it is opaque everywhere",)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_black_and_white_exchanged_are_turned_round(kind: type) -> None:
    full = np.iinfo(kind).max
    values = GRAY.astype(kind) * (full // 255)
    image = load_image(tiff(full - values, photometric=0))
    np.testing.assert_array_equal(image.pixels[..., 0], values)
    assert any("WhiteIsZero" in one for one in image.warnings) == (kind is np.uint16)


@pytest.mark.parametrize("tags", [{254: 1}, {50706: 0x01010000}], ids=["preview", "DNG"])
def test_the_preview_of_a_raw_photo_is_not_taken_for_it(tags: dict[int, int]) -> None:
    raw = tiff(PHOTO, more=tags)
    with pytest.raises(ImageError) as caught:
        load_image(raw)
    assert caught.value.setting == "page"
    np.testing.assert_array_equal(load_image(raw, page=1).pixels, PHOTO)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_any_page_can_be_read(kind: str, page: int) -> None:
    frames = [Pillow.new("RGB", (8, 6), color) for color in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    image = load_image(data, page=page)
    np.testing.assert_array_equal(image.pixels, np.asarray(frames[page - 1]))
    for wrong in (4, 1000):
        with pytest.raises(ImageError) as caught:
            load_image(data, page=wrong)
        assert caught.value.setting == "page"


def test_the_size_of_the_page_itself_is_checked() -> None:
    small, large = Pillow.new("L", (8, 6)), Pillow.new("L", (80, 60))
    data = encoded(small, "TIFF", save_all=True, append_images=[large])
    assert load_image(data, max_pixels=100).width == 8
    with refuses(ImageError, "max_pixels", value=4800):
        load_image(data, max_pixels=100, page=2)


@pytest.mark.parametrize("page", [0, -1, 1.5, "2", True])
def test_a_bad_page_is_an_error(page: object) -> None:
    with refuses(InvalidInput, "page", rule="be a whole number of at least 1"):
        load_image(png(), page=page)


# --- arrays ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5, 6, 12, 30])
def test_channels_first_are_asked_for_and_read_where_it_is_said(bands: int) -> None:
    last = np.random.default_rng(0).random((40, 50, bands))
    first = last.transpose(2, 0, 1)
    with pytest.raises(ImageError) as caught:
        load_image(first)
    assert (caught.value.setting, caught.value.value) == ("order", first.shape)
    np.testing.assert_array_equal(load_image(first, order="CHW").pixels, last.astype(np.float32))
    assert load_image(first, order="HWC").pixels.shape == first.shape if bands > 1 else True
    assert load_image(last).pixels.shape == last.shape


def test_axes_with_names_are_believed() -> None:
    class Named:
        dims = ("band", "y", "x")

        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return np.zeros((9, 5, 5))

    with pytest.raises(ImageError) as caught:
        load_image(Named())
    assert caught.value.setting == "order"
    assert load_image(Named(), order="CHW").pixels.shape == (5, 5, 9)


@pytest.mark.parametrize("order", ["chw", "RGB", 1, ["HWC"]])
def test_a_bad_order_is_an_error(order: object) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(PHOTO, order=order)
    assert caught.value.setting == "order"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (png(), {"order": "HWC"}),
        (Pillow.new("L", (4, 4)), {"order": "CHW"}),
        (PHOTO, {"page": 1}),
        (load_image(PHOTO), {"scale": 255}),
    ],
)
def test_what_cannot_apply_is_refused_and_not_ignored(source: object, told: dict[str, object]) -> None:
    with pytest.raises(ImageError):
        load_image(source, **told)


def test_masked_values_are_refused_and_nothing_masked_is_fine() -> None:
    masked = np.ma.masked_less(PHOTO, 50)
    with refuses(ImageError, "array", value=302):
        load_image(masked)
    assert load_image(np.ma.masked_array(PHOTO)).sha256 == load_image(PHOTO).sha256


@pytest.mark.parametrize("view", [np.asfortranarray(PHOTO), PHOTO[::-1, ::-1][::-1, ::-1], memoryview(PHOTO).obj])
def test_the_way_an_array_lies_in_memory_does_not_matter(view: np.ndarray) -> None:
    assert load_image(view).sha256 == load_image(PHOTO).sha256


def test_data_files_that_are_no_pictures_are_named() -> None:
    with refuses(ImageError, "bytes", value="an .npy file; pass its array, numpy.load(path)"):
        load_image(npy_bytes(PHOTO))
    with refuses(ImageError, "bytes", rule="be an image file (PNG, JPEG, GIF, WEBP, TIFF,"):
        load_image(bytes(128) + b"DICM" + bytes(100))


def test_color_profiles_that_are_not_applied_are_named() -> None:
    profile = b"\0" * 40 + "Display P3".encode("utf-16-be") + b"\0" * 40
    image = load_image(encoded(Pillow.fromarray(PHOTO), "JPEG", icc_profile=profile))
    assert any("Display P3" in one for one in image.warnings)
    assert image.encoded is not None


# --- size --------------------------------------------------------------------------------------------------


def test_the_limit_is_checked_before_anything_is_decoded_and_can_be_raised() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    bomb = raw_png(side, side, data=b"\0" * 1000)
    load_image(png())
    tracemalloc.start()
    with pytest.raises(ImageError) as caught:
        load_image(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert (caught.value.setting, caught.value.value) == ("max_pixels", side * side)
    assert load_image(png(size=(9, 9)), max_pixels=81).height == 9


@pytest.mark.parametrize("most", [0, -5, 1.5, "many", None, True])
def test_a_bad_limit_is_an_error(most: object) -> None:
    with refuses(InvalidInput, "max_pixels", rule="be a whole number of at least 4"):
        load_image(PHOTO, max_pixels=most)


@pytest.mark.parametrize("source", [PHOTO, TWELVE, GRAY / 255])
def test_results_of_photos_above_the_limit_can_be_read(source: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seewhy.images.reading.KEPT_PIXELS", 100)
    image = load_image(source)
    again = from_bytes(to_bytes(image), "x")
    assert again.sha256 == image.sha256
    flat = to_bytes(load_image(np.zeros((300, 300), np.uint8)))
    assert len(flat) * 100 < 300 * 300
    with pytest.raises(ImageError):
        from_bytes(flat, "x")
    assert from_bytes(flat, "x", max_pixels=90_000).height == 300


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 3), (2, 3000), (3000, 2, 3)])
def test_the_smallest_and_the_longest_photos(shape: tuple[int, ...]) -> None:
    image = load_image(np.full(shape, 200, np.uint8))
    assert (image.height, image.width) == shape[:2]
    assert isinstance(image, Image)


def test_a_picture_that_was_closed_is_one_error(tmp_path: Path) -> None:
    Pillow.fromarray(PHOTO).save(tmp_path / "a.png")
    with Pillow.open(tmp_path / "a.png") as picture:
        pass
    with pytest.raises(ImageError):
        load_image(picture)
    lazy = Pillow.open(io.BytesIO(png()))
    assert load_image(lazy).height == 6


# --- from the front door -----------------------------------------------------------------------------------


def test_explain_and_segment_read_as_they_are_told() -> None:
    first = TWELVE[None].repeat(3, axis=0).astype(np.int32)
    told = {"scale": 4095, "order": "CHW", "max_pixels": TWELVE.size}
    lime = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=2), n_samples=16)
    found = seewhy.explain(first, model=lambda batch: batch.mean((1, 2)), method=lime, progress=False, **told)
    np.testing.assert_allclose(found.image.floats()[..., 0], TWELVE / 4095, atol=1e-6)
    assert seewhy.segment(first, "grid", model=lambda batch: batch.mean((1, 2)), **told).shape == TWELVE.shape
    for call in (seewhy.explain, seewhy.segment):
        with pytest.raises(ImageError) as caught:
            call(first, model=lambda batch: batch.mean((1, 2)), **told | {"max_pixels": TWELVE.size - 1})
        assert caught.value.setting == "max_pixels"
