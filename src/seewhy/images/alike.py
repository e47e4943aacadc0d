"""Smoothing along a photo: pixels of like color near each other share what a map says of them.

The photo is divided into many small regions; each takes the mean over all, with weights that fall with the distance in
place and in color. No weight is negative and those of a pixel sum to 1: a map without values below 0 gets none, nothing
becomes larger than the largest, and the mean of smoothed maps is the smoothed mean, so error bars go along.

Source: the bilateral filter, Tomasi and Manduchi (1998), doi:10.1109/ICCV.1998.710815, over regions in place of pixels.
"""

from __future__ import annotations

import numpy as np

from seewhy.core.layout import canonical
from seewhy.core.types import Floats, Pixels
from seewhy.images.segmentation.family import Family
from seewhy.images.segmentation.slic import LAB_RANGE

_REGIONS, _PIXELS = 400, 25
"""Regions of a photo, and the pixels that each must have on average where it is small."""
_COMPACTNESS = 8.0
_NEAR = 0.14
"""Standard deviation of weights in place, as a share of the photo's shorter side."""
_LIKE = 5.0
"""The same in color, in Lab."""


class Alike:
    """How much the pixels of a photo share."""

    def __init__(self, pixels: Pixels) -> None:
        """Take a photo (H, W, C) in 0..1.

        Raises
        ------
        InvalidInput
            It is too small to be divided.
        """
        height, width = pixels.shape[:2]
        regions = max(4, min(_REGIONS, height * width // _PIXELS))
        family = Family(n_segments=(regions, regions), compactness=(_COMPACTNESS, _COMPACTNESS))
        self._ids = family.member(pixels, 0, 0)
        self._areas = np.bincount(self._ids.ravel()).astype(np.float64)
        places = np.indices((height, width)) / (_NEAR * min(height, width))
        marks = np.stack([self._means(part) for part in (*places, *np.moveaxis(_colors(pixels) / _LIKE, -1, 0))])
        away = sum((mark[:, None] - mark) ** 2 for mark in marks)
        weights = np.exp(-away / 2) * self._areas
        self._weights = canonical(weights / weights.sum(axis=1, keepdims=True), np.float64)

    def __call__(self, heatmap: Floats) -> Floats:
        """Return the smoothed map (H, W)."""
        return np.asarray((self._weights @ self._means(heatmap))[self._ids])

    def _means(self, array: Floats) -> Floats:
        """Return the mean of an array (H, W) over every region."""
        return np.asarray(np.bincount(self._ids.ravel(), array.ravel()) / self._areas)


def _colors(pixels: Pixels) -> Floats:
    """Return Lab for RGB, else the channels as they are, in the same range."""
    from skimage.color import rgb2lab

    exact = canonical(pixels, np.float64)
    return np.asarray(rgb2lab(exact)) if pixels.shape[-1] == 3 else exact * LAB_RANGE
