"""Cosine similarity of pictures as it is, without an exponential."""

from typing import ClassVar, Literal

import numpy as np

from seewhy.core.settings import Settings
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.kernels.segment_sums import SegmentSums


class ImageSimilarity(Settings):
    """1 - D, the cosine similarity of masked and unmasked image (pixels in 0..1); it has no width.

    It falls off slowly: an image of which a black fill leaves half still has a weight of about 0.7.
    """

    source: ClassVar[str] = "own; 'weighted by the cosine distance', as it is often read"

    name: Literal["image-similarity"] = "image-similarity"

    def __call__(self, coalitions: Coalitions, sums: SegmentSums) -> Floats:
        """Return weights (B,), from 0 to 1; rounding leaves none below 0."""
        return np.maximum(1 - sums.cosine(coalitions), 0)
