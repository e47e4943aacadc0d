"""Weight by one over the Euclidean distance between pictures."""

from typing import ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.kernels.segment_sums import SegmentSums


class InverseL2(Settings):
    """One over the Euclidean distance between masked and untouched picture (pixels in 0..1).

    Nothing weighs more than a picture that loses one segment of average (squared) difference from the fill. This
    bounds the untouched picture, at distance 0, and pictures that lose only what looks like the fill anyway: else
    a single nearly black segment under a black fill would make every other sample worthless.
    """

    source: ClassVar[str] = "own rule near distance 0; the weight is a common classroom variant of LIME"

    name: Literal["inverse-l2"] = "inverse-l2"

    def __call__(self, coalitions: Coalitions, sums: SegmentSums) -> Floats:
        """Return weights (B,); all 1 if the fill equals the picture."""
        nearest = sums.apart.mean()
        if nearest <= 0:
            return np.ones(len(coalitions))
        return np.asarray(1 / np.sqrt(np.maximum(sums.squared_l2(coalitions), nearest)))
