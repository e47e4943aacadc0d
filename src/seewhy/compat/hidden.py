"""What stands where ``lime`` hides a segment: its mean, or ``hide_color``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.types import Segments

_FEW = 16
"""Numbers that are a color; more are an image of somebody's own."""


def segment_means(pixels: NDArray[Any], places: Segments) -> NDArray[Any]:
    """Return the image with each segment replaced by its mean; whole numbers lose what is behind the point."""
    flat = places.ravel()
    counts = np.bincount(flat)
    channels = [np.bincount(flat, weights=channel) / counts for channel in pixels.reshape(len(flat), -1).T]
    return np.stack(channels, axis=-1).astype(pixels.dtype)[places]


def painted(hide_color: Any, pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the color everywhere, in the shape and type of the image."""
    color = np.asarray(hide_color)
    whole = pixels.dtype.kind in "iu"
    limits = np.iinfo(pixels.dtype) if whole else None
    try:
        spread = np.broadcast_to(color, pixels.shape)
    except ValueError:
        raise InvalidInput(
            (
                f"hide_color must be one number, one for each of {pixels.shape[2]} channels, or an image "
                f"of shape {pixels.shape}, got shape {color.shape}"
            ),
            setting="hide_color",
            rule="be a number, one per channel, or an image",
            value=color.shape,
        ) from None
    if color.dtype.kind not in "biuf" or not np.isfinite(color).all():
        raise InvalidInput.of("hide_color", "hold finite numbers", hide_color)
    if limits is not None and not (color.min() >= limits.min and color.max() <= limits.max):
        raise InvalidInput.of(
            "hide_color", f"lie in {limits.min}..{limits.max} for an image of {pixels.dtype}", hide_color
        )
    if not whole:
        _warn_beyond(color, pixels)
    return spread.astype(pixels.dtype)


def _warn_beyond(color: NDArray[Any], pixels: NDArray[Any]) -> None:
    """Say where a color of 0..255 is meant for an image that was scaled to another range.

    Such a color is no color there, but numbers that no photo has, far beyond what the network was trained on.
    """
    low, high = float(pixels.min()), float(pixels.max())
    ranges = {(0.0, 1.0): low >= 0 and high <= 1, (-1.0, 1.0): -1 <= low < 0 and high <= 1}
    known = next((ends for ends, fits in ranges.items() if fits), None)
    if known is None or (color.min() >= known[0] and color.max() <= known[1]) or color.size > _FEW:
        return
    asked = color.tolist()
    advice = ""
    if color.min() >= 0 and color.max() <= 255:
        scaled = np.round(color / 255 * (known[1] - known[0]) + known[0], 3).tolist()
        advice = f"; in this range the color is {scaled}"
    warnings.warn(
        f"hide_color={asked} is outside {known[0]:g}..{known[1]:g}, the range of this image, so masked segments "
        f"have values that no photo has{advice}",
        stacklevel=4,
    )
