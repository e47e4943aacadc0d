"""Random colors."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings
from seewhy.core.types import Pixels, Segments


class Noise(Settings):
    """A random color at each pixel, each channel uniform in 0..1; one draw for the whole explanation."""

    name: Literal["noise"] = "noise"

    source: ClassVar[str] = "Fong and Vedaldi (2017), arXiv:1704.03296, section 4"

    def __call__(self, pixels: Pixels, segments: Segments | None, rng: np.random.Generator) -> Pixels:  # noqa: ARG002
        """Return noise of the shape of ``pixels`` (H, W, C)."""
        return rng.random(pixels.shape, dtype=np.float32)
