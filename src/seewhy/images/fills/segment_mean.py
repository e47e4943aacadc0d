"""Each region's own mean color."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings
from seewhy.core.types import Pixels, Segments


class SegmentMean(Settings):
    """Each segment's own mean color, as ``lime`` does by default; removes texture, keeps coarse colors."""

    name: Literal["segment-mean"] = "segment-mean"

    source: ClassVar[str] = "Ribeiro et al., code of lime 0.2.0.1 (hide_color=None)"

    def __call__(self, pixels: Pixels, segments: Segments | None, rng: np.random.Generator) -> Pixels:  # noqa: ARG002
        """Return ``pixels`` (H, W, C) in 0..1 with each segment replaced by its mean.

        Raises
        ------
        InvalidInput
            There are no segments.
        """
        if segments is None:
            raise InvalidInput(
                "SegmentMean needs segments, which RISE does not have; use image-mean, blur or a color",
                setting="SegmentMean",
                rule="have segments",
            )
        ids = segments.ravel()
        counts = np.bincount(ids)
        counts = np.maximum(counts, 1)  # an id that no pixel has is never looked up
        channels = [np.bincount(ids, weights=channel) / counts for channel in pixels.reshape(len(ids), -1).T]
        return np.stack(channels, axis=-1).astype(np.float32)[segments]
