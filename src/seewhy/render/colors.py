"""What the colors mean: blue supports the class, vermilion contradicts it, gray is no effect.

Source: the blue and the vermilion of Okabe and Ito (2008), "Color universal design". The vermilion is darkened
to the lightness of the blue, so that neither sign looks stronger, on screen or printed in gray.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb8: TypeAlias = NDArray[np.uint8]
"""(H, W, 3), 0..255, RGB."""

Color: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0..255."""

SUPPORTS: Color = (0, 114, 178)
CONTRADICTS: Color = (183, 76, 0)
NEUTRAL: Color = (232, 232, 232)
INK: Color = (34, 34, 34)
FAINT: Color = (96, 96, 96)
WHITE: Color = (255, 255, 255)

FULL = 0.85
"""Opacity of the strongest effect: a trace of the photo stays readable under it."""


def sign_color(value: float) -> Color:
    """Return the color of an effect by its sign; 0 is neutral."""
    if value == 0:
        return NEUTRAL
    return SUPPORTS if value > 0 else CONTRADICTS


def unit_rgb(color: Color) -> tuple[float, float, float]:
    """Return ``color`` in 0..1, as plotting wants it."""
    red, green, blue = color
    return red / 255, green / 255, blue / 255


def strength(values: NDArray[np.floating], limit: float) -> NDArray[np.float32]:
    """Return ``values / limit`` within -1..1; all 0 where the limit is 0."""
    if limit <= 0:
        return np.zeros(values.shape, np.float32)
    scaled = np.asarray(values, np.float32) * np.float32(1 / limit)
    return np.clip(scaled, -1, 1, out=scaled)


def painted(base: NDArray[np.float32], shares: NDArray[np.float32]) -> Rgb8:
    """Paint effects over gray: opacity grows with the effect, so 0 leaves the gray as it is.

    Parameters
    ----------
    base
        (H, W) gray, 0..255.
    shares
        (H, W), -1..1: the effect as a share of the limit.
    """
    opacity = np.abs(shares)
    opacity *= np.float32(FULL)
    supports = shares > 0
    found = np.empty((*base.shape, 3), np.uint8)
    for channel in range(3):
        ink = np.where(supports, np.float32(SUPPORTS[channel]), np.float32(CONTRADICTS[channel]))
        ink -= base
        ink *= opacity
        ink += base
        found[..., channel] = ink
    return found


def scale_colors(steps: int = 256) -> NDArray[np.float64]:
    """Return (steps, 3) in 0..1: the colors from -limit to +limit, painted over the neutral gray."""
    shares = np.linspace(-1, 1, steps, dtype=np.float32)[None]
    base = np.full(shares.shape, NEUTRAL[0], np.float32)
    return painted(base, shares)[0] / 255.0
