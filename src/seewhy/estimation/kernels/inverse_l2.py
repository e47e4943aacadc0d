"""Weight by one over the Euclidean distance between pictures."""

from typing import ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.kernels.segment_sums import SegmentSums


class InverseL2(Settings):
    """One over the Euclidean distance between masked and unmasked image (pixels in 0..1).

    Weights are capped at that of an image that loses one segment of average (squared) difference from the fill. This
    bounds the unmasked image, at distance 0, and images that lose only segments that look like the fill; otherwise a
    single nearly black segment with a black fill would outweigh all other samples.
    """

    source: ClassVar[str] = "own rule near distance 0; the weight is a common classroom variant of LIME"

    name: Literal["inverse-l2"] = "inverse-l2"

    def __call__(self, coalitions: Coalitions, sums: SegmentSums) -> Floats:
        """Return weights (B,); all 1 if the fill equals the picture."""
        nearest = sums.apart.mean()
        if nearest <= 0:
            return np.ones(len(coalitions))
        return np.asarray(1 / np.sqrt(np.maximum(sums.squared_l2(coalitions), nearest)))
