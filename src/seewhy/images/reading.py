"""The front door of images: whatever a photo comes as, and the bytes that a result keeps of it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image as Pillow

from seewhy.core.errors import ImageError
from seewhy.core.files import open_regular
from seewhy.core.settings import whole_number
from seewhy.images.array_photos import from_array, is_array
from seewhy.images.decoding import FORMATS, Background, color_of, decode, from_picture
from seewhy.images.image import Image
from seewhy.images.rules import MAX_PIXELS, Order, Scale, Told, one_error, white_of

KEPT_PIXELS = 100_000_000
_KEPT_PIXELS_A_BYTE = 100
"""What a result keeps may have more pixels only if it has the bytes for them."""


@dataclass(frozen=True)
class Reading:
    """How photos are read: what is said of them beside the photos themselves, as in :func:`load_image`."""

    background: Background = "white"
    max_pixels: int = MAX_PIXELS
    scale: Scale | None = None
    order: Order | None = None
    page: int | None = None

    def check(self) -> None:
        """Refuse what cannot be said of any photo.

        Raises
        ------
        ImageError
            Names the setting, the rule and the value that broke it.
        """
        color_of(self.background)
        _told(self.max_pixels, self.scale, self.order, self.page)

    def __call__(self, source: object) -> Image:
        """Return the image of a photo."""
        return load_image(source, **vars(self))


def load_image(
    source: object,
    *,
    background: Background = "white",
    max_pixels: int = MAX_PIXELS,
    scale: Scale | None = None,
    order: Order | None = None,
    page: int | None = None,
) -> Image:
    """Read a photo.

    Image files are turned upright (EXIF), colors become RGB, transparency is composed over ``background``, and the
    first of several frames is used; gray images keep one channel and 16 bits. Arrays keep all channels: a fourth
    channel is not treated as transparency. Automatic decisions are listed in :attr:`Image.warnings`.

    Parameters
    ----------
    source
        A path, bytes, binary file, ``PIL.Image.Image``, an array (H, W) or (H, W, C) of uint8, uint16 or
        floats in 0..1 (or anything with ``__array__`` or ``__dlpack__``), or an :class:`Image`, returned as it is.
    background
        Background color of transparent pixels.
    max_pixels
        Maximum number of pixels (height times width); checked before decoding.
    scale
        The value of white, such as 4095, or ``"12-bit"``; black is 0. None: 255 for uint8, 65535 for uint16,
        1 for floats. With a scale, arrays may have any real type.
    order
        ``"CHW"`` for an array with channels first, ``"HWC"`` for one with channels last whose shape is ambiguous.
    page
        Page of a TIFF, or frame of a GIF, PNG or WebP, counted from 1; None: the first.

    Raises
    ------
    ImageError
        Names the photo, the rule and the value that broke it.
    """
    color = color_of(background)
    told = _told(max_pixels, scale, order, page)
    if isinstance(source, Image):
        if (scale, order, page) != (None, None, None):
            raise ImageError(
                "scale, order and page apply when a photo is read, but this one is already read",
                setting="scale",
                rule="be given where the photo is read",
            )
        return source
    if isinstance(source, Pillow.Image):
        with one_error("picture"):
            return from_picture(source, "picture", color, told)
    if is_array(source):
        return from_array(source, "array", told)
    file, name = _binary(source)
    with file, one_error(name):
        return decode(file, name, color, told, FORMATS)


def _told(max_pixels: object, scale: object, order: object, page: object) -> Told:
    if order not in (None, "HWC", "CHW"):  # what cannot be hashed may be handed in too
        raise ImageError.of("order", "be 'HWC' (channels last) or 'CHW' (channels first)", order)
    number = None if page is None else whole_number("page", page, 1)
    return Told(whole_number("max_pixels", max_pixels, 4), white_of(scale), order, number)


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


def from_bytes(data: bytes, name: str, warnings: tuple[str, ...] = (), max_pixels: int | None = None) -> Image:
    """Read what :func:`to_bytes` wrote, never unpickling; :class:`ImageError` if broken or too large.

    ``max_pixels``, if not given, grows with ``data``, so that photos can be read that were explained under another
    limit, and few bytes cannot claim much memory.
    """
    most = max(KEPT_PIXELS, _KEPT_PIXELS_A_BYTE * len(data)) if max_pixels is None else max_pixels
    with one_error(name):
        if data.startswith(b"\x93NUMPY"):
            image = from_array(_read_npy(data, name), name, Told(most, order="HWC"))
        else:
            image = decode(io.BytesIO(data), name, (255, 255, 255), Told(most), ("PNG", "JPEG"))
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
        kinds = "a path, bytes, a binary file, a PIL image or an array"
        raise ImageError.of("a photo", f"be {kinds}", type(source).__name__)
    given = getattr(source, "name", None)
    name = Path(given).name if isinstance(given, str) else "bytes"
    with one_error(name):
        data = source.read()
    if not isinstance(data, bytes):
        raise ImageError.of(name, "be opened as a binary file ('rb')", type(data).__name__)
    return io.BytesIO(data), name


def _read_npy(data: bytes, name: str) -> NDArray[Any]:
    """Read an array by its header and plain bytes, so that no pickle can be reached."""
    stream = io.BytesIO(data)
    if npy.read_magic(stream) != (1, 0):
        raise ImageError(f"{name} must be an .npy of version (1, 0)", setting=name, rule="be an .npy of version (1, 0)")
    shape, fortran, dtype = npy.read_array_header_1_0(stream)
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
