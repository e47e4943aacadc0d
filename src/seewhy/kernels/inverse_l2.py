"""Weight by one over the Euclidean distance between pictures."""

from typing import ClassVar, Literal

import numpy as np

from seewhy._types import Coalitions, Floats
from seewhy.kernels.segment_sums import SegmentSums
from seewhy.settings import Settings


class InverseL2(Settings):
    """One over the Euclidean distance between masked and untouched picture (pixels in 0..1).

    The untouched picture itself, at distance 0, weighs as much as the nearest picture that masking can give:
    the one that loses only the segment that differs least from the fill.
    """

    source: ClassVar[str] = "own rule at distance 0; the weight is a common classroom variant of LIME"

    name: Literal["inverse-l2"] = "inverse-l2"

    def __call__(self, coalitions: Coalitions, sums: SegmentSums) -> Floats:
        """Return weights (B,); all 1 if the fill equals the picture."""
        apart = sums.apart[sums.apart > 0]
        if not len(apart):
            return np.ones(len(coalitions))
        return np.asarray(1 / np.sqrt(np.maximum(sums.squared_l2(coalitions), apart.min())))
