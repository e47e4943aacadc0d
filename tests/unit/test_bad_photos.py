"""Photos that cannot be read: one clear error that names the rule, at no cost."""

import contextlib
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from seewhy.core.errors import ImageError
from seewhy.images import load_image
from support.pictures import DATA, FLOATS, JPEG, PHOTO, encoded, png, raw_png
from support.refusing import refuses


class Unwilling:
    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


class Closed(io.BytesIO):
    def __init__(self) -> None:
        super().__init__(b"x")
        self.close()


BAD = {
    "no file": ("/no/such/cat.jpg", {"setting": "/no/such/cat.jpg", "rule": "be a file"}),
    "folder": (DATA, {"setting": str(DATA), "value": "folder"}),
    "device": ("/dev/zero", {"setting": "/dev/zero", "value": "device"}),
    "null byte": ("a\0b", {"setting": "a\x00b", "rule": "be readable"}),
    "endless name": (
        "x" * 5000,
        {"setting": "x" * 197 + "...", "rule": "be readable"},
    ),
    "address": ("https://example.org/cat.jpg", {"setting": "https://example.org/cat.jpg", "rule": "be a file"}),
    "empty bytes": (b"", {"setting": "bytes", "value": 0}),
    "text": (
        b"this is not a picture at all",
        {"setting": "bytes", "value": "data that begins with b'this is not a pi'"},
    ),
    "one byte": (b"\xff", {"setting": "bytes", "value": "data that begins with b'\\xff'"}),
    "pdf": (b"%PDF-1.7 and more", {"setting": "bytes", "value": "data that begins with b'%PDF-1.7 and mor'"}),
    "postscript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        {"setting": "bytes", "value": "data that begins with b'%!PS-Adobe-3.0 E'"},
    ),
    "heic": (
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        {"setting": "bytes", "rule": "be an image file (PNG, JPEG, GIF, WEBP, TIFF,"},
    ),
    "svg": (
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        {"setting": "bytes", "value": 'data that begins with b"<svg xmlns=\'http"'},
    ),
    "cut JPEG": (JPEG[:-200], {"setting": "bytes", "rule": "be a readable, complete image"}),
    "cut PNG": (encoded(Pillow.fromarray(PHOTO))[:2000], {"setting": "bytes", "rule": "be a readable, complete image"}),
    "JPEG header only": (JPEG[:20], {"setting": "bytes", "rule": "be a readable, complete image"}),
    "PNG header only": (png()[:20], {"setting": "bytes", "rule": "be a readable, complete image"}),
    "PNG with damage": (
        png()[:50] + b"\0" * 9 + png()[59:],
        {"setting": "bytes", "rule": "be a readable, complete image"},
    ),
    "cut GIF": (
        encoded(Pillow.fromarray(PHOTO), "GIF")[:900],
        {"setting": "bytes", "rule": "be a readable, complete image"},
    ),
    "cut WebP": (
        encoded(Pillow.fromarray(PHOTO), "WEBP")[:200],
        {"setting": "bytes", "rule": "be a readable, complete image"},
    ),
    "cut TIFF": (
        encoded(Pillow.fromarray(PHOTO), "TIFF")[:90],
        {"setting": "bytes", "rule": "be a readable, complete image"},
    ),
    "no size": (raw_png(0, 0), {"setting": "bytes", "rule": "be a readable, complete image"}),
    "bomb": (raw_png(60000, 60000), {"setting": "max_pixels", "value": 3600000000}),
    "one pixel": (png(size=(1, 1)), {"setting": "bytes", "rule": "be at least 2 x 2 pixels"}),
    "one row": (png(size=(9, 1)), {"setting": "bytes", "rule": "be at least 2 x 2 pixels"}),
    "text file object": (io.StringIO("x"), {"setting": "bytes", "value": "str"}),
    "closed file": (
        Closed(),
        {"setting": "bytes", "rule": "be a readable, complete image"},
    ),
    "number": (3, {"setting": "a photo", "value": "int"}),
    "None": (None, {"setting": "a photo", "value": "NoneType"}),
    "list": ([[1, 2], [3, 4]], {"setting": "a photo", "value": "list"}),
    "float PIL": (Pillow.fromarray(np.full((4, 4), 7, np.float32)), {"setting": "picture", "value": (7.0, 7.0)}),
    "deep PIL": (
        Pillow.fromarray(np.full((4, 4), 70000, np.int32)),
        {"setting": "picture", "rule": "hold integers in 0..65535"},
    ),
    "bool array": (np.ones((4, 4), bool), {"setting": "array", "value": "bool"}),
    "int64 array": (np.ones((4, 4, 3), np.int64), {"setting": "array", "value": "int64"}),
    "complex array": (np.ones((4, 4), complex), {"setting": "array", "value": "complex128"}),
    "text array": (np.array([["a", "b"], ["c", "d"]]), {"setting": "array", "value": "<U1"}),
    "object array": (np.full((4, 4), None), {"setting": "array", "value": "object"}),
    "0..255 floats": (PHOTO.astype(np.float32), {"setting": "array", "value": (23.0, 205.0)}),
    "preprocessed": ((FLOATS - 0.45) / 0.22, {"setting": "array", "value": (-1.6354723707664884, 1.60873440285205)}),
    "huge float": (np.full((4, 4), 1e300), {"setting": "array", "value": (1e300, 1e300)}),
    "NaN": (np.full((4, 4), np.nan), {"setting": "array", "rule": "be finite"}),
    "infinite": (np.where(np.eye(4), np.inf, 0.5), {"setting": "array", "rule": "be finite"}),
    "channels first": (PHOTO.transpose(2, 0, 1), {"setting": "order", "value": (3, 60, 80)}),
    "gray first": (FLOATS[None, ..., 0], {"setting": "order", "value": (1, 60, 80)}),
    "batch": (PHOTO[None], {"setting": "array", "rule": "have shape (H, W) or (H, W, C)"}),
    "five axes": (np.zeros((1, 1, 4, 4, 3)), {"setting": "array", "rule": "have shape (H, W) or (H, W, C)"}),
    "scalar": (np.float64(0.5), {"setting": "array", "rule": "have shape (H, W) or (H, W, C)"}),
    "empty array": (np.zeros((0, 5, 3)), {"setting": "array", "value": (0, 5, 3)}),
    "no channels": (np.zeros((5, 5, 0)), {"setting": "array", "value": (5, 5, 0)}),
    "thin array": (np.zeros((5, 1, 3)), {"setting": "array", "rule": "be at least 2 x 2 pixels"}),
    "unwilling array": (Unwilling(), {"setting": "array", "rule": "be a readable, complete image"}),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_photo_is_one_error_that_names_the_rule(case: str) -> None:
    source, message = BAD[case]
    with refuses(ImageError, **message) as caught:
        load_image(source)
    assert type(caught.value) is ImageError


@pytest.mark.parametrize("content", [b"", b"hello, I am text", JPEG[:700]])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cat.jpg").write_bytes(content)
    with refuses(ImageError, "cat.jpg"):
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
    with refuses(ImageError, "max_pixels", value=3600000000):
        load_image(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_the_limit_is_ours_and_not_that_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 40)  # 48 pixels: Pillow would warn
    assert load_image(png()).height == 6
    with refuses(ImageError, "max_pixels", value=48):
        load_image(png(), max_pixels=47)
    with refuses(ImageError, "max_pixels", value=48):
        load_image(np.zeros((6, 8)), max_pixels=47)


@pytest.mark.parametrize("color", ["no color", "#ff000080", (1, 2), (0, 0, 256), (0.5, 0, 0), 7, None])
def test_a_bad_background_is_an_error(color: object) -> None:
    with refuses(ImageError, "background", rule="be a color name, #rrggbb or three of 0..255"):
        load_image(png(), background=color)
