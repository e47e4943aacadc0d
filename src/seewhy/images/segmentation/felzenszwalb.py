"""Felzenszwalb: merge neighbors along the cheapest edges of the pixel graph."""

from __future__ import annotations

import warnings
from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings, setting
from seewhy.core.types import Pixels, Segments


class Felzenszwalb(Settings):
    """Felzenszwalb and Huttenlocher's graph merging; regions of any size, large where it is smooth.

    The defaults give about 30 to 80 regions on photos of 224 px.
    """

    name: Literal["felzenszwalb"] = "felzenszwalb"
    scale: Annotated[
        float, setting("higher: fewer, larger regions", ge=0.1, le=1e6, search=(30.0, 1000.0), log=True)
    ] = 200.0
    sigma: Annotated[float, setting("blur before segmentation, in pixels", ge=0.0, le=100.0, search=(0.0, 3.0))] = 0.8
    min_size: Annotated[int, setting("smallest region in pixels", ge=1, le=1_000_000, search=(20, 500), log=True)] = 100

    source: ClassVar[str] = "Felzenszwalb and Huttenlocher (2004), doi:10.1023/B:VISI.0000022288.19776.77"
    finer: ClassVar[str] = "lower scale or min_size"
    coarser: ClassVar[str] = "raise scale or min_size"

    def __call__(self, pixels: Pixels, seed: int) -> Segments:  # noqa: ARG002 - nothing here is random
        """Return ids for ``pixels`` (H, W, C) in 0..1; the same for every seed."""
        from skimage.segmentation import felzenszwalb

        with warnings.catch_warnings():
            # it warns that more than 3 channels "may not be intended"; here the last axis is always channels
            warnings.filterwarnings("ignore", "Got image with third dimension", RuntimeWarning)
            found = felzenszwalb(pixels, scale=self.scale, sigma=self.sigma, min_size=self.min_size, channel_axis=-1)
        return np.asarray(found, dtype=np.int32)
