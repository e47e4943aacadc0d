"""What every fill must do."""

from __future__ import annotations

import numpy as np

from seewhy.core.settings import Settings
from seewhy.images.fills import fill_picture
from seewhy.images.protocols import Fill
from seewhy.testing.must import must


def check_fill(fill: Fill, *, without_segments: bool = True, channels: tuple[int, ...] = (1, 3)) -> None:
    """Check that a fill keeps the contract of :class:`seewhy.images.protocols.Fill`.

    Parameters
    ----------
    fill
        Called with pictures (H, W, C) in 0..1, with and without segments (H, W).
    without_segments
        Whether it must also work for methods that have no segments.
    channels
        Numbers of channels that it must take.

    Raises
    ------
    AssertionError
        Names the first rule that is broken, and how.
    InvalidInput
        What it gives is no picture of the same shape with finite numbers in 0..1.
    """
    rng = np.random.default_rng(0)
    segments = (np.arange(24)[:, None] // 8 * 4 + np.arange(32)[None] // 8).astype(np.int32)
    for count in channels:
        pixels = rng.random((24, 32, count), dtype=np.float32)
        kept_pixels, kept_segments = pixels.copy(), segments.copy()
        for given in (segments, None) if without_segments else (segments,):
            made = fill_picture(fill, pixels, given, 0)
            must(
                np.array_equal(pixels, kept_pixels) and np.array_equal(segments, kept_segments),
                "a fill must change neither the image nor the segments",
            )
            must(made.dtype == np.float32, f"a fill must give float32, got {made.dtype}")
            must(
                made.tobytes() == fill_picture(fill, pixels, given, 0).tobytes(),
                "the same image and seed must give the same fill",
            )
    if isinstance(fill, Settings):
        again = type(fill)(**fill.to_dict())
        must(again == fill, f"settings must survive to_dict(), got {again!r}")
