"""lime's kernel: cosine distance between the coalition and the row of ones."""

from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings, setting
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.kernels.segment_sums import SegmentSums


class Cosine(Settings):
    """Cosine distance on coalitions, as in ``lime``: sqrt(exp(-D^2 / width^2)), D = 1 - sqrt(kept share)."""

    source: ClassVar[str] = "Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938, section 3.3; lime 0.2.0.1"

    name: Literal["cosine"] = "cosine"
    width: Annotated[
        float,
        setting(
            "width of the kernel; larger: distant coalitions count more", gt=0, le=1e6, search=(0.05, 10), log=True
        ),
    ] = 0.25

    def __call__(self, coalitions: Coalitions, sums: SegmentSums) -> Floats:
        """Return weights (B,). The empty coalition has distance 1, as in scikit-learn."""
        del sums
        distance = 1 - np.sqrt(coalitions.mean(axis=1))
        return np.asarray(np.exp(-((distance / self.width) ** 2) / 2))
