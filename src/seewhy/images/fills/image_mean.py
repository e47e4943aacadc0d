"""The picture's mean color."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings
from seewhy.core.types import Pixels, Segments


class ImageMean(Settings):
    """The mean color of the model input, everywhere."""

    name: Literal["image-mean"] = "image-mean"

    source: ClassVar[str] = "Zeiler and Fergus (2014), arXiv:1311.2901 (gray squares); here the mean of the model input"

    def __call__(self, pixels: Pixels, segments: Segments | None, rng: np.random.Generator) -> Pixels:  # noqa: ARG002
        """Return the mean of ``pixels`` (H, W, C) in 0..1 at every pixel."""
        mean = pixels.mean(axis=(0, 1), dtype=np.float64)
        return np.full(pixels.shape, mean, dtype=np.float32)
