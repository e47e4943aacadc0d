"""Reading photos: every good form gives exact pixels, every bad one a single clear error."""

import contextlib
import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Pillow
from PIL import ImageOps

from seewhy.errors import ImageError
from seewhy.images import Image, from_bytes, load_image, to_bytes

DATA = Path(skimage.__file__).parent / "data"
RNG = np.random.default_rng(0)
PHOTO = np.asarray(Pillow.open(DATA / "chelsea.png"))[:60, :80]


def encoded(picture: Pillow.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png(mode: str = "RGB", size: tuple[int, int] = (8, 6), **options: object) -> bytes:
    return encoded(Pillow.new(mode, size), **options)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(width: int, height: int, depth: int = 8, color: int = 2, data: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def npy_bytes(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def with_gps(quality: int = 90, orientation: int = 1) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "PHONEMAKER"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 33.0), 29: "2024:05:06"})
    picture = Pillow.fromarray(PHOTO)
    xmp = b"<x:xmpmeta>GPSLatitude</x:xmpmeta>"
    return encoded(picture, "JPEG", quality=quality, exif=exif, comment=b"at home", xmp=xmp)


class Unwilling:
    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


class Closed(io.BytesIO):
    def __init__(self) -> None:
        super().__init__(b"x")
        self.close()


JPEG = encoded(Pillow.fromarray(PHOTO), "JPEG")
FLOATS = PHOTO / 255.0

BAD = {
    "no file": ("/no/such/cat.jpg", "cat.jpg must be a file that exists, got nothing there"),
    "folder": (DATA, "must be a file that exists, got a folder"),
    "device": ("/dev/zero", "got a device or pipe"),
    "null byte": ("a\0b", "got nothing there"),
    "endless name": ("x" * 5000, "too long"),
    "address": ("https://example.org/cat.jpg", "got nothing there"),
    "empty bytes": (b"", "got an empty file"),
    "text": (b"this is not a picture at all", "begins with b'this is not a pi'"),
    "one byte": (b"\xff", r"begins with b'\\xff'"),
    "pdf": (b"%PDF-1.7 and more", "%PDF"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "%!PS"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "save HEIC as JPEG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG, JPEG"),
    "cut JPEG": (JPEG[:-200], "whole picture: .*truncated"),
    "cut PNG": (encoded(Pillow.fromarray(PHOTO))[:2000], "whole picture"),
    "JPEG header only": (JPEG[:20], "whole picture"),
    "PNG header only": (png()[:20], "whole picture"),
    "PNG with damage": (png()[:50] + b"\0" * 9 + png()[59:], "whole picture"),
    "cut GIF": (encoded(Pillow.fromarray(PHOTO), "GIF")[:900], "whole picture"),
    "cut WebP": (encoded(Pillow.fromarray(PHOTO), "WEBP")[:200], "whole picture"),
    "cut TIFF": (encoded(Pillow.fromarray(PHOTO), "TIFF")[:90], "whole picture"),
    "no size": (raw_png(0, 0), r"at least 2 x 2 pixels|whole picture"),
    "bomb": (raw_png(60000, 60000), "at most 100000000 pixels, got 60000 x 60000 = 3600000000"),
    "one pixel": (png(size=(1, 1)), "at least 2 x 2 pixels, got 1 x 1"),
    "one row": (png(size=(9, 1)), "at least 2 x 2 pixels, got 1 x 9"),
    "text file object": (io.StringIO("x"), r"binary file \('rb'\), got str"),
    "closed file": (Closed(), "closed file"),
    "number": (3, "must be a path, bytes, .* got int"),
    "None": (None, "got NoneType"),
    "list": ([[1, 2], [3, 4]], "got list"),
    "float PIL": (Pillow.fromarray(np.full((4, 4), 7, np.float32)), r"floats in 0\.\.1, got 7\.\.7"),
    "deep PIL": (Pillow.fromarray(np.full((4, 4), 70000, np.int32)), r"0\.\.65535, got 70000\.\.70000"),
    "bool array": (np.ones((4, 4), bool), r"got bool; use .astype\('float32'\)"),
    "int64 array": (np.ones((4, 4, 3), np.int64), r"got int64; use .astype\('uint8'\)"),
    "complex array": (np.ones((4, 4), complex), "got complex128"),
    "text array": (np.array([["a", "b"], ["c", "d"]]), "got <U1"),
    "object array": (np.full((4, 4), None), "got object"),
    "0..255 floats": (PHOTO.astype(np.float32), r"in 0\.\.1, got .*divide by 255"),
    "preprocessed": ((FLOATS - 0.45) / 0.22, r"got -.*undo the model's preprocessing"),
    "huge float": (np.full((4, 4), 1e300), r"got 1e\+300"),
    "NaN": (np.full((4, 4), np.nan), "finite, got 16 values"),
    "infinite": (np.where(np.eye(4), np.inf, 0.5), "finite, got 4 values"),
    "channels first": (PHOTO.transpose(2, 0, 1), r"channels last .* got \(3, 60, 80\); transpose it"),
    "gray first": (FLOATS[None, ..., 0], "channels last"),
    "batch": (PHOTO[None], r"got \(1, 60, 80, 3\), a batch"),
    "five axes": (np.zeros((1, 1, 4, 4, 3)), r"must have shape \(H, W\)"),
    "scalar": (np.float64(0.5), r"must have shape \(H, W\) or \(H, W, C\), got \(\)"),
    "empty array": (np.zeros((0, 5, 3)), r"must not be empty, got shape \(0, 5, 3\)"),
    "no channels": (np.zeros((5, 5, 0)), "must not be empty"),
    "thin array": (np.zeros((5, 1, 3)), "at least 2 x 2 pixels, got 5 x 1"),
    "unwilling array": (Unwilling(), "cuda:0"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_photo_is_one_error_that_names_the_rule(case: str) -> None:
    source, message = BAD[case]
    with pytest.raises(ImageError, match=message) as caught:
        load_image(source)
    assert type(caught.value) is ImageError


@pytest.mark.parametrize("content", [b"", b"hello, I am text", JPEG[:700]])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cat.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=r"^cat\.jpg must be"):
        load_image(tmp_path / "cat.jpg")


@given(st.binary(max_size=60), st.sampled_from([JPEG, png(), encoded(Pillow.fromarray(PHOTO), "GIF")]), st.data())
def test_damage_anywhere_never_raises_another_error(junk: bytes, whole: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(whole)))
    with contextlib.suppress(ImageError):
        load_image(whole[:at] + junk + whole[at + len(junk) :])


def test_a_bomb_is_refused_from_its_header_and_without_memory() -> None:
    bomb = raw_png(60000, 60000, data=b"\0" * 1000)
    load_image(png())
    tracemalloc.start()
    with pytest.raises(ImageError, match="make it smaller first or raise max_pixels"):
        load_image(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_the_limit_is_ours_and_not_that_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 40)  # 48 pixels: Pillow would warn
    assert load_image(png()).height == 6
    with pytest.raises(ImageError, match="at most 47 pixels, got 6 x 8 = 48"):
        load_image(png(), max_pixels=47)
    with pytest.raises(ImageError, match="at most 47 pixels"):
        load_image(np.zeros((6, 8)), max_pixels=47)


@pytest.mark.parametrize("color", ["no color", "#ff000080", (1, 2), (0, 0, 256), (0.5, 0, 0), 7, None])
def test_a_bad_background_is_an_error(color: object) -> None:
    with pytest.raises(ImageError, match="background must be a color name"):
        load_image(png(), background=color)


@pytest.mark.parametrize("name", ["coffee.png", "rocket.jpg", "camera.png"])
def test_real_photos_equal_what_pillow_reads(name: str) -> None:
    expected = np.asarray(Pillow.open(DATA / name))
    image = load_image(str(DATA / name))
    np.testing.assert_array_equal(image.pixels.squeeze(), expected)
    assert (image.name, image.warnings) == (name, ())
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
    assert "several frames: the first is used" in image.warnings


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


def test_only_gray_changes_its_channels() -> None:
    gray, rgb = load_image(PHOTO[..., 0]), load_image(PHOTO)
    assert rgb.with_channels(3) is rgb
    wide = gray.with_channels(3)
    np.testing.assert_array_equal(wide.pixels, PHOTO[..., [0, 0, 0]])
    assert wide.warnings == ("gray repeated to 3 channels",)
    for image, n in ((rgb, 1), (rgb, 4), (gray, 5)):
        with pytest.raises(ImageError, match=f"must have {n} channels for this model, got {image.channels}"):
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
    if array.shape[0] in {3, 4} and array.shape[2] > 4:
        array = array[:2]  # would look as if its channels came first
    image = load_image(array)
    data = to_bytes(image)
    again = from_bytes(data, "cat", ("a word",))
    assert again.sha256 == image.sha256
    assert (again.name, again.warnings) == ("cat", ("a word",))
    assert to_bytes(again) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty file"),
        (b"\x93NUMPY", "whole picture"),
        (npy_bytes(np.full((4, 4, 1), None), allow_pickle=True), "whole picture|object"),
        (npy_bytes(np.zeros((4, 4, 3), np.float32))[:-1], "whole picture"),
        (npy_bytes(np.full((4, 4, 3), 2, np.float32)), r"in 0\.\.1"),
        (npy_bytes(np.zeros((4, 4, 3), np.int32)), "int32"),
        (b"\x93NUMPY\x03\x00" + bytes(40), "version"),
        (npy_bytes(np.zeros((4, 4), "u1")).replace(b"(4, 4)", b"(9**9,)"), "whole picture"),
        (encoded(Pillow.fromarray(PHOTO), "GIF"), "PNG, JPEG"),
        (raw_png(60000, 60000), "at most 100000000 pixels"),
        (JPEG[:900], "whole picture"),
    ],
    ids=range(11),
)
def test_damaged_bytes_of_a_result_are_an_error(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        from_bytes(data, "photo")
