"""Pictures and arrays as text that a page can hold."""

from __future__ import annotations

import base64
import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seewhy.render.colors import Rgb8
from seewhy.render.overlay import fitted

_QUALITIES = (82, 70, 58)
_SMALLEST = 160
"""Pixels of the longer side below which a picture is not shrunk for the sake of bytes."""


class Embedded(NamedTuple):
    """A picture that stands in the page itself."""

    source: str
    """Data URI."""
    width: int
    height: int


def embedded(photo: Rgb8, longest: int, room: int) -> Embedded:
    """Return a photo (H, W, 3) as JPEG of at most ``longest`` pixels and, where it can be, ``room`` bytes.

    Quality goes first, then size. Nothing of the photo's own file is kept, so no place and no camera.
    """
    from PIL import Image as Pillow

    while True:
        small = fitted(photo, longest)
        for quality in _QUALITIES:
            file = io.BytesIO()
            Pillow.fromarray(small).save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() <= room:
                break
        if file.tell() <= room or longest <= _SMALLEST:
            return Embedded(data_uri("image/jpeg", file.getvalue()), small.shape[1], small.shape[0])
        longest = int(longest * 0.8)


def data_uri(kind: str, data: bytes) -> str:
    """Return bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def numbers(array: NDArray[Any]) -> str:
    """Return whole numbers as base64 of their bytes, little end first."""
    return base64.b64encode(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()).decode()


def runs(ids: NDArray[np.integer[Any]]) -> str:
    """Return labels (h, w), 0..65535, as base64 of pairs of a length and a label, 16 bits each, row after row."""
    flat = ids.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
    lengths = np.diff(np.r_[starts, flat.size])
    times = -(-lengths // 0xFFFF)  # a run that is longer than a number can say is several
    parts = np.full(int(times.sum()), 0xFFFF)
    ends = np.cumsum(times) - 1
    parts[ends] = lengths - (times - 1) * 0xFFFF
    pairs = np.stack([parts, np.repeat(flat[starts], times)], axis=1)
    return numbers(pairs.astype(np.uint16))
