"""What stands where a mask hides the picture.

A fill is given by name (``"blur"``), as settings (``Blur(sigma=0.1)``, or the same as a dict with a
``name``), or as a color (``"black"``, ``"#ff0000"``, ``[255, 0, 0]``). To add one: a file here, and its class
in ``AnyFill``.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import BeforeValidator

from seewhy.core.errors import InvalidInput
from seewhy.core.randomness import generator
from seewhy.core.settings import Settings, by_name, members
from seewhy.core.types import Pixels, Segments
from seewhy.images.fills.blur import Blur
from seewhy.images.fills.color import Color, hex_color
from seewhy.images.fills.image_mean import ImageMean
from seewhy.images.fills.noise import Noise
from seewhy.images.fills.picture import Picture
from seewhy.images.fills.segment_mean import SegmentMean
from seewhy.images.protocols import Fill

__all__ = [
    "FILLS",
    "AnyFill",
    "Blur",
    "Color",
    "FillSetting",
    "ImageMean",
    "Noise",
    "Picture",
    "SegmentMean",
    "fill_picture",
    "hides",
    "most_different",
]

AnyFill: TypeAlias = SegmentMean | ImageMean | Color | Blur | Noise | Picture

FILLS: dict[str, type[Settings]] = members(AnyFill)
"""Every fill by its name."""

_STEP = 1.5 / 255
"""What a fill must change somewhere to hide anything."""

_by_name = by_name(FILLS)


def _fill(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return Color(value=value)
    if isinstance(value, dict | Settings) or (isinstance(value, str) and value in FILLS):
        return _by_name(value)
    try:
        return Color(value=hex_color(value))
    except ValueError:
        msg = f"must be one of {', '.join(FILLS)}, or a color such as black or #ff0000"
        raise ValueError(msg) from None


FillSetting: TypeAlias = Annotated[AnyFill, BeforeValidator(_fill)]
"""Type of a setting that holds a fill, however it was given."""


def fill_picture(fill: Fill, pixels: Pixels, segments: Segments | None, seed: int) -> Pixels:
    """Return what stands where a mask is 0, for ``pixels`` (H, W, C) in 0..1; same seed, same fill.

    Raises
    ------
    InvalidInput
        The fill does not suit the picture, or gives another shape, or numbers outside 0..1.
    """
    place = type(fill).__name__
    given = np.asarray(fill(pixels, segments, generator(seed, "fill")))
    if given.shape != pixels.shape:
        raise InvalidInput.of(place, f"return an image of shape {pixels.shape}", given.shape)
    filled = np.ascontiguousarray(given, dtype=np.float32)
    if not np.isfinite(filled).all():
        raise InvalidInput(
            f"{place} must return finite numbers, got NaN or infinity", setting=place, rule="return finite numbers"
        )
    if filled.min() < 0 or filled.max() > 1:
        raise InvalidInput(
            f"{place} must return numbers in 0..1, got {filled.min():g}..{filled.max():g}",
            setting=place,
            rule="return numbers in 0..1",
            value=(float(filled.min()), float(filled.max())),
        )
    return filled


def hides(pixels: Pixels, filled: Pixels) -> bool:
    """Say whether a filled picture differs from the picture itself, anywhere by more than one step of eight bits."""
    return bool(np.abs(pixels - filled).max() > _STEP)


def most_different(pixels: Pixels, seed: int) -> str:
    """Return the usual fill that differs most from ``pixels`` (H, W, C) on average, by name."""
    fills: dict[str, AnyFill] = {"blur": Blur(), "image-mean": ImageMean()}
    fills |= {name: Color(value=hex_color(name)) for name in ("black", "white")}
    away = {name: float(np.abs(pixels - fill_picture(fill, pixels, None, seed)).mean()) for name, fill in fills.items()}
    return max(away, key=lambda name: away[name])
