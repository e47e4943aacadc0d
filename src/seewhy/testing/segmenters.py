"""What every segmentation must do."""

from __future__ import annotations

import numpy as np

from seewhy.core.settings import Settings
from seewhy.core.types import Pixels
from seewhy.images.protocols import Segmenter
from seewhy.images.segmentation import segment
from seewhy.testing.must import must

_SIZES = ((48, 64, 3), (64, 48, 3), (40, 40, 1))


def check_segmenter(segmenter: Segmenter) -> None:
    """Check that a segmentation keeps the contract of :class:`seewhy.images.protocols.Segmenter`.

    Parameters
    ----------
    segmenter
        Called with smooth pictures (H, W, C) in 0..1 of three shapes, gray ones among them.

    Raises
    ------
    AssertionError
        Names the first rule that is broken, and how.
    InvalidInput
        What it gives are no segments: other than whole numbers (H, W) from 0 on, or fewer than 2.
    """
    for shape in _SIZES:
        pixels = _smooth(shape)
        kept = pixels.copy()
        ids = segment(segmenter, pixels, 0)
        must(np.array_equal(pixels, kept), "a segmentation must not change the image")
        must(ids.shape == shape[:2], f"ids must be of shape {shape[:2]}, got {ids.shape}")
        must(
            np.array_equal(np.unique(ids), np.arange(ids.max() + 1)), f"ids must be 0..d-1 without gaps at {shape[:2]}"
        )
        must(np.array_equal(ids, segment(segmenter, pixels, 0)), "the same image and seed must give the same ids")
        must(
            np.array_equal(ids, segment(segmenter, np.asfortranarray(pixels), 0)),
            "ids must not depend on the layout of the image in memory",
        )
    if isinstance(segmenter, Settings) and segmenter.to_dict().keys() == type(segmenter).model_fields.keys():
        again = type(segmenter)(**segmenter.to_dict())
        must(again == segmenter, f"settings must survive to_dict(), got {again!r}")


def _smooth(shape: tuple[int, int, int]) -> Pixels:
    """Return a picture with some regions in it, and a little noise."""
    height, width, channels = shape
    rng = np.random.default_rng(0)
    coarse = rng.random((4, 5, channels))
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 5 // width
    noise = rng.uniform(-0.02, 0.02, shape)
    return np.clip(coarse[rows[:, None], columns[None, :]] + noise, 0, 1).astype(np.float32)
