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


class Unwilling:
    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


class Closed(io.BytesIO):
    def __init__(self) -> None:
        super().__init__(b"x")
        self.close()


BAD = {
    "no file": ("/no/such/cat.jpg", "^/no/such/cat.jpg: no such file$"),
    "folder": (DATA, "not a regular file but a folder"),
    "device": ("/dev/zero", "not a regular file but a device"),
    "null byte": ("a\0b", "null byte"),
    "endless name": ("x" * 5000, "too long"),
    "address": ("https://example.org/cat.jpg", "^https://example.org/cat.jpg: no such file; seewhy does not download"),
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
    "bomb": (raw_png(60000, 60000), "at most 50000000 pixels, got 60000 x 60000 = 3600000000"),
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
    with pytest.raises(ImageError, match="make it smaller first, or raise max_pixels"):
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
