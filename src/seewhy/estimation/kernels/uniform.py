"""No kernel: every coalition counts the same."""

from typing import ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.kernels.segment_sums import SegmentSums


class Uniform(Settings):
    """No locality: every coalition counts the same; with keep 0.5 the values are Banzhaf values."""

    source: ClassVar[str] = "Hammer and Holzman (1992), doi:10.1007/BF01415734"

    name: Literal["none"] = "none"

    def __call__(self, coalitions: Coalitions, sums: SegmentSums) -> Floats:
        """Return ones (B,)."""
        del sums
        return np.ones(len(coalitions))
