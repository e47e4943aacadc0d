"""Quickshift: each pixel moves to a nearby, denser one."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings, setting
from seewhy.core.types import Pixels, Segments
from seewhy.images.segmentation.slic import LAB_RANGE


class Quickshift(Settings):
    """Quickshift: modes of color and place; irregular regions that follow edges (the choice of ``lime``).

    The defaults are ``lime``'s. Ties are broken at random by the seed; ``lime`` loses its own seed with
    scikit-image 0.21 and later. Images that are not RGB are used without conversion, scaled like lightness in Lab.
    """

    name: Literal["quickshift"] = "quickshift"
    kernel_size: Annotated[
        float, setting("width of the density kernel in pixels", ge=1.0, le=100.0, search=(2.0, 10.0))
    ] = 4.0
    max_dist: Annotated[
        float, setting("longest step to a denser pixel", ge=0.1, le=10_000.0, search=(5.0, 300.0), log=True)
    ] = 200.0
    ratio: Annotated[float, setting("weight of color relative to position", ge=0.0, le=1.0, search=(0.1, 1.0))] = 0.2
    sigma: Annotated[float, setting("blur before segmentation, in pixels", ge=0.0, le=100.0, search=(0.0, 3.0))] = 0.0

    source: ClassVar[str] = "Vedaldi and Soatto (2008), doi:10.1007/978-3-540-88693-8_52"
    finer: ClassVar[str] = "lower kernel_size or max_dist"
    coarser: ClassVar[str] = "raise kernel_size or max_dist"

    def __call__(self, pixels: Pixels, seed: int) -> Segments:
        """Return ids for ``pixels`` (H, W, C) in 0..1; ``seed`` breaks ties."""
        from skimage.segmentation import quickshift

        color = pixels.shape[-1] == 3
        found = quickshift(
            pixels,
            ratio=self.ratio if color else self.ratio * LAB_RANGE,
            kernel_size=self.kernel_size,
            max_dist=self.max_dist,
            sigma=self.sigma,
            convert2lab=color,
            rng=seed % 2**31,  # scikit-image takes no more
            channel_axis=-1,
        )
        return np.asarray(found, dtype=np.int32)
