"""Exponential kernel on the cosine distance between pictures."""

from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings, setting
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.kernels.segment_sums import SegmentSums


class ImageCosine(Settings):
    """Cosine distance D between masked and unmasked image (pixels in 0..1): exp(-D^2 / width^2)."""

    source: ClassVar[str] = "Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938, section 3.4"

    name: Literal["image-cosine"] = "image-cosine"
    width: Annotated[
        float,
        setting("width of the kernel; larger: distant images count more", gt=0, le=1e6, search=(0.05, 10), log=True),
    ] = 0.25

    def __call__(self, coalitions: Coalitions, sums: SegmentSums) -> Floats:
        """Return weights (B,)."""
        return np.exp(-((sums.cosine(coalitions) / self.width) ** 2))
