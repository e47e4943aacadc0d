"""The picture, blurred."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings, setting
from seewhy.core.types import Pixels, Segments


class Blur(Settings):
    """The model input under a Gaussian blur; removes detail without adding edges."""

    name: Literal["blur"] = "blur"
    sigma: Annotated[
        float,
        setting(
            "standard deviation as a share of the shorter side; 1/12 is 18.7 px at 224",
            ge=1e-3,
            le=1.0,
            search=(0.02, 0.25),
            log=True,
        ),
    ] = 1 / 12

    source: ClassVar[str] = "Fong and Vedaldi (2017), arXiv:1704.03296, section 4"

    def __call__(self, pixels: Pixels, segments: Segments | None, rng: np.random.Generator) -> Pixels:  # noqa: ARG002
        """Return ``pixels`` (H, W, C) in 0..1, blurred; the edge is mirrored."""
        from scipy.ndimage import gaussian_filter

        sigma = self.sigma * min(pixels.shape[:2])
        blurred = gaussian_filter(pixels.astype(np.float32, copy=False), (sigma, sigma, 0), mode="reflect")
        # a weighted mean stays within 0..1; only rounding can pass the ends
        return np.ascontiguousarray(np.clip(blurred, 0, 1), dtype=np.float32)
