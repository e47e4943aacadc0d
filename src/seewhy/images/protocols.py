"""The seams of a picture: what a segmentation and a fill must offer.

Nothing here has behavior. A part that fits its protocol works everywhere.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from seewhy.core.types import Pixels, Segments


class Segmenter(Protocol):
    """Divides a picture into regions."""

    def __call__(self, pixels: Pixels, seed: int) -> Segments:
        """Return ids 0..d-1 without gaps for a picture (H, W, C) in 0..1."""


class Fill(Protocol):
    """What stands where a mask is 0; acts on the picture in 0..1, before preprocessing."""

    def __call__(self, pixels: Pixels, segments: Segments | None, rng: np.random.Generator) -> Pixels:
        """Return a picture of the same shape; ``segments`` is None for methods that have none."""
