"""What the colors mean: blue supports the class, vermilion contradicts it, gray is no effect.

Source: the blue and the vermilion of Okabe and Ito (2008), "Color universal design". The vermilion is
darkened to the lightness of the blue, so that neither sign looks stronger, on screen or printed in gray.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput

Rgb8: TypeAlias = NDArray[np.uint8]
"""(H, W, 3), 0..255, RGB."""

RgbColor: TypeAlias = tuple[int, int, int]
"""Red, green, blue, 0..255."""

SUPPORTS: RgbColor = (0, 114, 178)
CONTRADICTS: RgbColor = (183, 76, 0)
NEUTRAL: RgbColor = (232, 232, 232)
INK: RgbColor = (34, 34, 34)
FAINT: RgbColor = (96, 96, 96)
WHITE: RgbColor = (255, 255, 255)

FULL = 0.85
"""Opacity of the strongest effect: a trace of the photo stays readable under it."""

_STEPS = 127
"""Steps of an effect from 0 to the limit; finer ones make no difference in 8 bits."""


def sign_color(value: float) -> RgbColor:
    """Return the color of an effect by its sign; 0 is neutral."""
    if value == 0:
        return NEUTRAL
    return SUPPORTS if value > 0 else CONTRADICTS


def unit_rgb(color: RgbColor) -> tuple[float, float, float]:
    """Return ``color`` in 0..1, as plotting wants it."""
    red, green, blue = color
    return red / 255, green / 255, blue / 255


def strength(values: NDArray[np.floating], limit: float) -> NDArray[np.float32]:
    """Return ``values / limit`` within -1..1; all 0 where the limit is 0."""
    if limit <= 0:
        return np.zeros(values.shape, np.float32)
    scaled = np.asarray(values, np.float32) * np.float32(1 / limit)
    return np.clip(scaled, -1, 1, out=scaled)


def painted(
    gray: NDArray[np.uint8],
    shares: NDArray[np.float32],
    tones: NDArray[np.float32] | None = None,
    inks: Rgb8 | None = None,
    full: float = FULL,
) -> Rgb8:
    """Paint effects over gray: opacity grows with the effect, so 0 leaves the gray as it is.

    Parameters
    ----------
    gray
        (H, W), 0..255.
    shares
        (H, W), -1..1: the effect as a share of the limit.
    tones
        (256,), 0..255: the tone that stands for each gray; itself, if not given.
    inks
        (1, 255, 3): the colors of effects from -1 to 1; blue and vermilion, if not given.
    full
        Opacity of the strongest effect, 0..1.
    """
    base = np.arange(256, dtype=np.float32) if tones is None else tones
    # A table of every tone under every effect: a photo has far more pixels than there are pairs of them.
    steps = (shares * np.float32(_STEPS) + np.float32(_STEPS + 0.5)).astype(np.uint16)
    place = gray.astype(np.uint16)
    place *= 2 * _STEPS + 1
    place += steps
    effects = np.arange(-_STEPS, _STEPS + 1, dtype=np.float32) / _STEPS
    opacity = np.float32(full) * np.abs(effects)
    colored = np.empty((*gray.shape, 3), np.uint8)
    for channel in range(3):
        own = None if inks is None else inks[0, :, channel]
        ink = np.where(effects > 0, SUPPORTS[channel], CONTRADICTS[channel]) if own is None else own
        table = base[:, None] * (1 - opacity) + ink * opacity
        colored[..., channel] = (table + 0.5).astype(np.uint8).ravel()[place]
    return colored


def scale_colors(steps: int = 255, inks: Rgb8 | None = None, full: float = FULL) -> Rgb8:
    """Return (1, steps, 3): the colors from -limit to +limit, painted over the neutral gray."""
    shares = np.linspace(-1, 1, steps, dtype=np.float32)[None]
    return painted(np.full(shares.shape, NEUTRAL[0], np.uint8), shares, inks=inks, full=full)


def inks_of(cmap: object) -> Rgb8:
    """Return (1, 255, 3): the colors of a colormap of matplotlib, or of its name, from one end to the other.

    Raises
    ------
    InvalidInput
        There is no such colormap.
    """
    import matplotlib as mpl
    from matplotlib.colors import Colormap

    try:
        chosen = cmap if isinstance(cmap, Colormap) else mpl.colormaps[cmap]  # type: ignore[index]
    except (KeyError, TypeError):
        raise InvalidInput.of("cmap", "be a colormap of matplotlib or the name of one", cmap) from None
    colors: Rgb8 = np.rint(chosen(np.linspace(0, 1, 2 * _STEPS + 1))[None, :, :3] * 255).astype(np.uint8)
    return colors
