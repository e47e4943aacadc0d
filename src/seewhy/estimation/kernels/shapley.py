"""KernelSHAP's weights: values become Shapley values."""

from typing import ClassVar, Literal

from seewhy.core.settings import Settings


class Shapley(Settings):
    """KernelSHAP: coalitions of k segments share a weight of (d - 1) / (k (d - k)), and values add up exactly.

    It weighs coalitions by size, not by distance, and the fit has a constraint: see
    ``seewhy.estimation.surrogate.shapley``.
    """

    source: ClassVar[str] = "Lundberg and Lee (2017), arXiv:1705.07874, theorem 2"

    name: Literal["shapley"] = "shapley"
