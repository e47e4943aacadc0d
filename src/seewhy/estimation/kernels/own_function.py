"""A function of the user's as a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, PlainSerializer

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, a_function, qualified, setting
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.kernels.segment_sums import SegmentSums


class CustomKernel(Settings):
    """Your own function: distances (B,) from the unmasked image to weights (B,), at least 0; Python only.

    A result file keeps the name of the function, not the function: the values remain, but a refit or resume of the
    loaded result needs ``kernel`` again.
    """

    source: ClassVar[str] = "the user"

    name: Literal["custom"] = "custom"
    function: Annotated[
        Callable[..., Any],
        BeforeValidator(a_function),
        PlainSerializer(qualified, when_used="json"),
        setting("function of distances (or of coalitions) that returns one weight for each"),
    ]
    distance: Annotated[
        Literal["cosine", "image-cosine", "image-l2", "coalitions"],
        setting(
            "what the function receives: cosine distance of coalitions as in lime, cosine or Euclidean distance of "
            "images, or the coalitions themselves, (B, d), true where a segment is kept"
        ),
    ] = "cosine"

    def __call__(self, coalitions: Coalitions, sums: SegmentSums) -> Floats:
        """Return weights (B,).

        Raises
        ------
        InvalidInput
            The function returns something other than one finite weight of at least 0 for each coalition.
        """
        weights = np.asarray(self.function(self._given(coalitions, sums)), dtype=np.float64)
        if weights.shape != (len(coalitions),):
            raise InvalidInput.of("CustomKernel.function", f"return weights ({len(coalitions)},)", weights.shape)
        wrong = ~(np.isfinite(weights) & (weights >= 0))
        if wrong.any():
            raise InvalidInput.of(
                "CustomKernel.function", "return finite weights of at least 0", float(weights[wrong][0])
            )
        return weights

    def _given(self, coalitions: Coalitions, sums: SegmentSums) -> Any:
        if self.distance == "coalitions":
            return coalitions.copy()
        if self.distance == "image-cosine":
            return sums.cosine(coalitions)
        if self.distance == "image-l2":
            return np.sqrt(sums.squared_l2(coalitions))
        return 1 - np.sqrt(coalitions.mean(axis=1))
