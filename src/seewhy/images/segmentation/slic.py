"""SLIC: k-means in color and place."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings, setting
from seewhy.core.types import Pixels, Segments

LAB_RANGE = 100.0
"""Lightness in Lab runs over 0..100; the channels of pictures that are not RGB stay in 0..1."""


class Slic(Settings):
    """SLIC: k-means clusters of similar color and place; even, compact regions.

    RGB is clustered in Lab, where ``compactness`` weighs position relative to color. On floats in 0..1 it gives the
    same ids as ``skimage.segmentation.slic`` on the same image in bytes, as ``lime`` uses it. Images with another
    number of channels are clustered without conversion, scaled to 0..1, with ``compactness`` / 100, which has about the
    same effect.

    Ids start at 0. ``lime`` leaves scikit-image's ``start_label`` at 1, never hides the last region and adds
    one that does not exist.
    """

    name: Literal["slic"] = "slic"
    n_segments: Annotated[
        int, setting("approximate number of regions; SLIC may give fewer", ge=2, le=10_000, search=(20, 200), log=True)
    ] = 50
    compactness: Annotated[
        float, setting("weight of position relative to color", ge=1e-4, le=1e4, search=(1.0, 100.0), log=True)
    ] = 10.0
    sigma: Annotated[float, setting("blur before segmentation, in pixels", ge=0.0, le=100.0, search=(0.0, 3.0))] = 0.0
    max_num_iter: Annotated[int, setting("rounds of k-means", ge=1, le=1000)] = 10
    enforce_connectivity: Annotated[bool, setting("whether each region is one piece")] = True
    slic_zero: Annotated[bool, setting("whether each region adapts its own compactness (SLICO)")] = False

    source: ClassVar[str] = "Achanta et al. (2012), doi:10.1109/TPAMI.2012.120"
    finer: ClassVar[str] = "raise n_segments"
    coarser: ClassVar[str] = "lower n_segments"

    def __call__(self, pixels: Pixels, seed: int) -> Segments:  # noqa: ARG002 - nothing here is random
        """Return ids for ``pixels`` (H, W, C) in 0..1; the same for every seed."""
        from skimage.segmentation import slic

        color = pixels.shape[-1] == 3
        found = slic(
            pixels,
            n_segments=self.n_segments,
            compactness=self.compactness if color else self.compactness / LAB_RANGE,
            sigma=self.sigma,
            max_num_iter=self.max_num_iter,
            enforce_connectivity=self.enforce_connectivity,
            slic_zero=self.slic_zero,
            convert2lab=color,
            start_label=0,
            channel_axis=-1,
        )
        return np.asarray(found, dtype=np.int32)
