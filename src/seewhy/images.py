"""Reading photos: a path, bytes, a file, a picture or an array becomes an :class:`Image`, or one clear error.

Nothing is guessed in silence: what is decided on the way stands in :attr:`Image.warnings`.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageColor, ImageFile

from seewhy._types import Pixels
from seewhy.errors import ImageError
from seewhy.files import open_regular

Background: TypeAlias = str | tuple[int, int, int]
"""A color name, a hex code, or red, green and blue in 0..255."""

MAX_PIXELS = 100_000_000

# Only these: others of Pillow start programs (EPS) or check the size of what is inside too late (ICO, PSD).
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "HEIF")
_FULL = {"uint8": 255, "uint16": 65535, "float32": 1}
_TURN = Pillow.Transpose
_UPRIGHT = {2: _TURN.FLIP_LEFT_RIGHT, 3: _TURN.ROTATE_180, 4: _TURN.FLIP_TOP_BOTTOM, 5: _TURN.TRANSPOSE}
_UPRIGHT |= {6: _TURN.ROTATE_270, 7: _TURN.TRANSVERSE, 8: _TURN.ROTATE_90}


@dataclass(frozen=True, eq=False)
class Image:
    """A photo at its own size; made by :func:`load_image`."""

    pixels: NDArray[Any]
    """(H, W, C), uint8, uint16, or float32 in 0..1; read-only."""
    name: str = "array"
    """File name without folder, or ``array``, ``picture``, ``bytes``."""
    warnings: tuple[str, ...] = ()
    """What was decided on the way from the source to these pixels."""
    encoded: bytes | None = None
    """The JPEG these pixels came from, without place, camera and other metadata; decodes to the same."""

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[2])

    @cached_property
    def sha256(self) -> str:
        """Hex digest of shape, type and values; the name and the file format do not count."""
        digest = hashlib.sha256(f"{self.pixels.shape} {self.pixels.dtype.name} ".encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()

    def floats(self) -> Pixels:
        """Return a new array (H, W, C) float32 in 0..1."""
        full = np.float32(_FULL[self.pixels.dtype.name])
        values: Pixels = np.divide(self.pixels, full, dtype=np.float32)
        return values

    def rgb8(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 to look at: the first three channels; of fewer, the first as gray."""
        shown = self.pixels[..., :3] if self.channels >= 3 else self.pixels[..., :1]
        if shown.dtype != np.uint8:
            shown = np.rint(shown * np.float32(255 / _FULL[shown.dtype.name])).astype(np.uint8)
        return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else np.ascontiguousarray(shown)

    def with_channels(self, n: int) -> Image:
        """Return the image with ``n`` channels; gray becomes three equal ones, color the gray of ITU-R BT.601.

        Raises
        ------
        ImageError
            The image has another number of channels.
        """
        if self.channels == n:
            return self
        if (self.channels, n) == (3, 1):
            gray = self.pixels @ np.array([[0.299], [0.587], [0.114]])
            whole = np.issubdtype(self.pixels.dtype, np.integer)
            said = (*self.warnings, "color turned to gray")
            pixels = _frozen((np.rint(gray) if whole else gray).astype(self.pixels.dtype))
            return replace(self, pixels=pixels, warnings=said, encoded=None)
        if (self.channels, n) != (1, 3):
            raise ImageError(f"{self.name} must have {n} channels for this model, got {self.channels}")
        said = (*self.warnings, "gray repeated to 3 channels")
        return replace(self, pixels=_frozen(np.repeat(self.pixels, 3, axis=2)), warnings=said, encoded=None)


def load_image(source: object, *, background: Background = "white", max_pixels: int = MAX_PIXELS) -> Image:
    """Read a photo.

    Encoded photos are turned upright (EXIF), colors become RGB, transparency is composed over ``background``,
    of several frames the first is taken; gray stays one channel, of 16 bits if it has them. Arrays keep all
    channels: a fourth is not taken for transparency.

    Parameters
    ----------
    source
        A path, bytes, binary file, ``PIL.Image.Image``, an array (H, W) or (H, W, C) of uint8, uint16 or
        floats in 0..1 (or anything with ``__array__`` or ``__dlpack__``), or an :class:`Image`, returned as it is.
    background
        What is seen through transparent pixels.
    max_pixels
        Most pixels (height times width) a photo may have; checked before it is decoded.

    Raises
    ------
    ImageError
        Names the photo, the rule and the value that broke it.
    """
    color = _color(background)
    if isinstance(source, Image):
        return source
    if isinstance(source, Pillow.Image):
        with _one_error("picture"):
            return _from_picture(source, "picture", color, max_pixels)
    if hasattr(source, "__array__"):
        return _from_array(source, "array", max_pixels)
    if hasattr(source, "__dlpack__"):
        return _from_array(np.from_dlpack(source, device="cpu"), "array", max_pixels)
    file, name = _binary(source)
    with file, _one_error(name):
        return _decode(file, name, color, max_pixels, _FORMATS)


def to_bytes(image: Image) -> bytes:
    """Return the bytes a result keeps: the stripped JPEG, else PNG, else ``.npy``; the pixels stay exact."""
    if image.encoded is not None:
        return image.encoded
    stream = io.BytesIO()
    if (image.pixels.dtype.name, image.channels) in {("uint8", 1), ("uint8", 3), ("uint16", 1)}:
        flat = image.pixels[..., 0] if image.channels == 1 else image.pixels
        Pillow.fromarray(np.ascontiguousarray(flat)).save(stream, "PNG", compress_level=2)
    else:
        npy.write_array(stream, np.ascontiguousarray(image.pixels), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def from_bytes(data: bytes, name: str, warnings: tuple[str, ...] = (), max_pixels: int = MAX_PIXELS) -> Image:
    """Read what :func:`to_bytes` wrote, never unpickling; :class:`ImageError` if broken or too large."""
    with _one_error(name):
        if data.startswith(b"\x93NUMPY"):
            image = _from_array(_read_npy(data, name), name, max_pixels)
        else:
            image = _decode(io.BytesIO(data), name, (255, 255, 255), max_pixels, ("PNG", "JPEG"))
    return replace(image, warnings=tuple(warnings))


def _binary(source: object) -> tuple[IO[bytes], str]:
    """Return an open binary file of our own, and the name of the photo."""
    if isinstance(source, (str, os.PathLike)):
        # A name that is not Unicode can be opened, but neither drawn nor printed.
        name = Path(os.fsdecode(source)).name.encode("utf-8", "replace").decode()
        return open_regular(source, error=ImageError), name
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source), "bytes"
    if not hasattr(source, "read"):
        kinds = "a path, bytes, a binary file, a PIL picture or an array"
        raise ImageError(f"a photo must be {kinds}, got {type(source).__name__}")
    given = getattr(source, "name", None)
    name = Path(given).name if isinstance(given, str) else "bytes"
    with _one_error(name):
        data = source.read()
    if not isinstance(data, bytes):
        raise ImageError(f"{name} must be opened as a binary file ('rb'), got {type(data).__name__}")
    return io.BytesIO(data), name


def _color(background: Background) -> tuple[int, ...]:
    """Return red, green and blue in 0..255."""
    try:
        color: Any = ImageColor.getrgb(background) if isinstance(background, str) else tuple(background)
    except (ValueError, TypeError):
        color = ()
    if len(color) != 3 or not all(isinstance(c, (int, np.integer)) and 0 <= c <= 255 for c in color):
        raise ImageError(f"background must be a color name, #rrggbb or three of 0..255, got {background!r}")
    return tuple(int(c) for c in color)


@contextmanager
def _one_error(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged data, which is nearly any type, into one error."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(f"{name} must be a readable, whole picture: {str(error) or type(error).__name__}") from error


def _check_size(name: str, height: int, width: int, max_pixels: int) -> None:
    if height < 2 or width < 2:
        raise ImageError(f"{name} must be at least 2 x 2 pixels, got {height} x {width} (height x width)")
    if height * width > max_pixels:
        size = f"{height} x {width} = {height * width}; make it smaller first or raise max_pixels"
        raise ImageError(f"{name} must have at most {max_pixels} pixels, got {size}")


def _decode(file: IO[bytes], name: str, color: tuple[int, ...], limit: int, formats: tuple[str, ...]) -> Image:
    picture = _open(file, name, formats)
    image = _from_picture(picture, name, color, limit)
    # MPO is what phones call a JPEG followed by previews.
    if picture.format not in {"JPEG", "MPO"} or picture.mode not in {"L", "RGB"} or image.warnings:
        return image
    file.seek(0)
    return replace(image, encoded=_without_metadata(file.read()))


def _open(file: IO[bytes], name: str, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    """Read the header only.

    Not by ``PIL.Image.open``: that has a limit of its own, which can only be moved for the whole process.
    """
    prefix = file.read(16)
    if not prefix:
        raise ImageError(f"{name} must be a picture, got an empty file (0 bytes)")
    for register in (Pillow.preinit, Pillow.init):
        register()
        for kind in formats:
            factory, accepts = Pillow.OPEN.get(kind, (None, None))
            if factory is not None and accepts is not None and accepts(prefix) is True:
                file.seek(0)
                return factory(file, "")  # no name: given one, Pillow would open it a second time to map it
    hint = "; save HEIC as JPEG, or register pillow-heif" if prefix[4:8] == b"ftyp" else ""
    if prefix[7:9] == b"\0{":
        raise ImageError(f"{name}: a result of seewhy, not a photo; seewhy refit, resume and compare take results")
    known = ", ".join(kind for kind in formats if kind in Pillow.OPEN)
    raise ImageError(f"{name} must be a picture ({known}), got data that begins with {prefix!r}{hint}")


def _from_picture(picture: Pillow.Image, name: str, color: tuple[int, ...], max_pixels: int) -> Image:
    """Take the pixels of a PIL picture whose header alone may have been read so far."""
    _check_size(name, picture.height, picture.width, max_pixels)
    said: list[str] = []
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        frame = picture.tell()
        said.append("several frames: the first is used" if frame == 0 else f"frame {frame} is used")
    deep = ";16" in str(getattr(picture, "tile", ()))
    picture.load()
    if deep and not picture.mode.startswith("I"):
        said.append("16-bit color reduced to 8 bits")
    pixels = _values(_upright(picture, said), name, color, said)
    return Image(_frozen(pixels.reshape(*pixels.shape[:2], -1)), name, tuple(said))


def _upright(picture: Pillow.Image, said: list[str]) -> Pillow.Image:
    """Turn the picture as its EXIF says; as ``ImageOps.exif_transpose``, but damaged EXIF does no harm."""
    try:
        orientation = picture.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - any type, as in _one_error; the pixels themselves are fine
        said.append("EXIF is damaged: orientation not applied")
        return picture
    if orientation not in _UPRIGHT:
        return picture
    said.append(f"EXIF orientation {orientation} applied")
    return picture.transpose(_UPRIGHT[orientation])


def _values(picture: Pillow.Image, name: str, color: tuple[int, ...], said: list[str]) -> NDArray[Any]:
    """Return gray or RGB values of a picture of any mode."""
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        if "transparency" in picture.info:
            said.append("transparent gray value shown as it is")
        return _deep_gray(np.asarray(picture), name)
    if picture.has_transparency_data:
        picture = _composed(picture, color, said)
    elif mode not in {"L", "RGB"}:
        old, new = {"1": ("1-bit", "gray"), "P": ("palette", "RGB")}.get(mode, (mode, "RGB"))
        said.append(f"{old} converted to {new}")
        picture = picture.convert("L" if new == "gray" else new)
    return np.asarray(picture)


def _deep_gray(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return gray of 16 bits (Pillow may hold it in 32) or float32, checked to be in range."""
    if values.dtype.kind == "f":
        _check_unit(values, name)
        return values.astype(np.float32)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageError(f"{name} must hold integers of 0..65535, got {low}..{high}")
    return values.astype(np.uint16)


def _composed(picture: Pillow.Image, color: tuple[int, ...], said: list[str]) -> Pillow.Image:
    """Lay a picture with transparency over ``color``; return RGB."""
    layer = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
    if layer.getchannel("A").getextrema() == (255, 255):
        said.append("alpha dropped: it is opaque everywhere")
    else:
        said.append(f"alpha composed over background #{bytes(color).hex()}")
    return Pillow.alpha_composite(Pillow.new("RGBA", layer.size, (*color, 255)), layer).convert("RGB")


def _from_array(source: Any, name: str, max_pixels: int) -> Image:
    with _one_error(name):
        values: NDArray[Any] = np.asarray(source)
    check_shape(values.shape, name)
    _check_type(values.dtype, name)
    _check_size(name, values.shape[0], values.shape[1], max_pixels)
    kept: np.dtype[Any] = values.dtype.newbyteorder("=")
    if kept.kind == "f":
        _check_unit(values, name)
        kept = np.dtype(np.float32)
    pixels = np.array(values.reshape(*values.shape[:2], -1), dtype=kept, order="C")
    return Image(_frozen(pixels), name)


def check_shape(shape: tuple[int, ...], name: str) -> None:
    """Refuse what is no picture (H, W) or (H, W, C)."""
    if len(shape) not in {2, 3}:
        batch = ", a batch: pass one of its images" if len(shape) == 4 else ""
        raise ImageError(f"{name} must have shape (H, W) or (H, W, C), got {shape}{batch}")
    if math.prod(shape) == 0:
        raise ImageError(f"{name} must not be empty, got shape {shape}")
    if len(shape) == 3 and shape[0] in {1, 3, 4} and shape[2] > 4:
        advice = "transpose it: array.transpose(1, 2, 0), or tensor.permute(1, 2, 0)"
        raise ImageError(f"{name} must have its channels last (H, W, C), got {shape}; {advice}")


def _check_type(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind == "f" or dtype.newbyteorder("=") in (np.uint8, np.uint16):
        return
    whole = "; use .astype('uint8') for values of 0..255, or .astype('uint16') for 0..65535"
    advice = {"b": "; use .astype('float32')", "i": whole, "u": whole}.get(dtype.kind, "")
    raise ImageError(f"{name} must be uint8, uint16 or float in 0..1, got {dtype}{advice}")


def _check_unit(values: NDArray[Any], name: str) -> None:
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageError(f"{name} must be finite, got {np.sum(~np.isfinite(values))} values that are NaN or infinite")
    if low < 0 or high > 1:
        advice = "divide by 255, or undo the model's preprocessing"
        raise ImageError(f"{name} must hold floats in 0..1, got {low:g}..{high:g} (min..max); {advice}")


def _read_npy(data: bytes, name: str) -> NDArray[Any]:
    """Read an array by its header and plain bytes, so that no pickle can be reached."""
    stream = io.BytesIO(data)
    if npy.read_magic(stream) != (1, 0):
        raise ImageError(f"{name} must be an .npy of version (1, 0)")
    shape, fortran, dtype = npy.read_array_header_1_0(stream)
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")


def _frozen(pixels: NDArray[Any]) -> NDArray[Any]:
    pixels.flags.writeable = False
    return pixels


_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # not: stuffed zeros, restarts, fill bytes
_APPS = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # they decide how colors are decoded


def _without_metadata(data: bytes) -> bytes | None:
    """Return the first picture of a JPEG with only what decoding needs; None if its structure is not plain.

    EXIF and XMP (place, camera, thumbnail), IPTC, comments, and whatever follows the end are left out.
    """
    kept, at, in_scan = [b"\xff\xd8"], 2, False
    while (match := _MARKER.search(data, at)) is not None:
        kept += [data[at : match.start()]] if in_scan else []
        at, code = match.end(), match.group()[1]
        if code == 0xD9:
            return b"".join([*kept, b"\xff\xd9"])
        segment = data[at : at + int.from_bytes(data[at : at + 2], "big")]
        if code in {0x01, 0xD8} or len(segment) < max(2, int.from_bytes(segment[:2], "big")):
            return None
        if 0xC0 <= code <= 0xDF or (code in _APPS and segment[2:].startswith(_APPS[code])):
            kept += [match.group(), segment]
        at, in_scan = at + len(segment), code == 0xDA
    return None
