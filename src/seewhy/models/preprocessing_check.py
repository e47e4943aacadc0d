"""Whether a preprocessing does what a library's own transform does: both are shown a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image as Pillow

from seewhy.images import Image
from seewhy.models.preprocessing import Preprocessing

_FAR = 2 / 255
"""How far a channel may be from the library's, beside one pixel of a crop: where half a pixel is left over, some round
up and some round down."""


def departure(found: Preprocessing, theirs: Callable[[Pillow.Image], Any]) -> str:
    """Return in words how ``theirs`` differs from ``found`` on a wide and a tall photo; empty if it does not.

    ``theirs`` makes an array (C, H, W) of a photo, RGB, or gray where the network takes that.
    """
    for height, width in ((360, 480), (500, 375)):
        photo = _shaded(height, width, found.channels)
        ours = found.prepare(found.view(height, width).apply(Image(photo)))
        given = np.asarray(theirs(Pillow.fromarray(photo.squeeze())))
        if given.shape != ours.shape:
            return f"{given.shape} for {ours.shape}"
        std = np.asarray(found.std)[:, None, None]
        apart = float(np.abs((ours - given) * std).max() / found.scale)
        if not apart <= _FAR + 1 / min(ours.shape[1:]):
            return f"up to {apart:.2g} apart"
    return ""


def _shaded(height: int, width: int, channels: int) -> Any:
    """Return a picture (H, W, C) of slow shades, which no way to resize changes by much."""
    down, across = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    shades = (across + 0 * down, down + 0 * across, (1 - across) * (1 - down / 2))
    return np.rint(255 * np.stack(shades[-channels:], axis=2)).astype(np.uint8)
