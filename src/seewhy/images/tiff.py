"""What is special about TIFF: previews of raw photos, bands beyond color, bits a value, black and white exchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image as Pillow

from seewhy.core.errors import ImageError
from seewhy.images.image import Image, frozen

OTHERWISE = "to use all of it, pass the array of tifffile.imread(path)"

_SUBFILE, _BITS, _PHOTOMETRIC, _SAMPLES, _DNG, _CFA = 254, 258, 262, 277, 50706, 32803
_BANDS = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2, "La": 2, "PA": 2, "YCbCr": 3, "LAB": 3}
"""Bands that Pillow keeps of a picture, by its mode; one where none is named."""


def check(picture: Pillow.Image, name: str, page: int | None) -> None:
    """Refuse the small preview that stands first in files of raw photos, unless this page is asked for."""
    tags = _tags(picture)
    if tags is None or page is not None:
        return
    canon = getattr(picture, "_ifh", b"")[8:10] == b"CR"
    if canon or _DNG in tags or _is_preview(tags) or tags.get(_PHOTOMETRIC) == _CFA:
        raise ImageError(
            f"{name} is a raw photo or begins with a preview, {picture.height} x {picture.width}; develop it to PNG "
            "or JPEG first, or pass page=1 (--page 1) for the preview",
            setting="page",
            rule="be developed first",
        )


def bands_note(picture: Pillow.Image) -> list[str]:
    """Return what people should hear of bands that are left out."""
    tags = _tags(picture)
    there, kept = (tags or {}).get(_SAMPLES, 1), _BANDS.get(picture.mode, 1)
    return [f"{there} bands: the first {kept} are used; {OTHERWISE}"] if there > kept else []


def white(picture: Pillow.Image, said: list[str]) -> float | None:
    """Return the value of white of a gray picture whose bits are fewer than its numbers have; None: it has no such."""
    bits = (_tags(picture) or {}).get(_BITS, ())
    if picture.mode.startswith("I;16") and bits and bits[0] < 16:
        said.append(f"{bits[0]} bits a value: {2 ** bits[0] - 1} is white")
        return float(2 ** bits[0] - 1)
    return None


def is_inverted(picture: Pillow.Image) -> bool:
    """Say whether 0 is white; Pillow turns that round itself where a value has at most 8 bits."""
    tags = _tags(picture)
    return tags is not None and tags.get(_PHOTOMETRIC) == 0 and picture.mode in {"I;16", "I;16B", "F"}


def inverted(image: Image) -> Image:
    """Return the negative."""
    full = 1 if image.pixels.dtype == np.float32 else np.iinfo(image.pixels.dtype).max
    return replace(image, pixels=frozen(full - image.pixels))


def _is_preview(tags: Any) -> bool:
    kind = tags.get(_SUBFILE, 0)
    return isinstance(kind, int) and bool(kind & 1)


def _tags(picture: Pillow.Image) -> Any:
    """Return the tags of a page of a TIFF; None for other pictures."""
    return getattr(picture, "tag_v2", None) if picture.format == "TIFF" else None
