"""Locality kernels: how much a coalition counts, by how far it is from the unmasked image."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from seewhy.core.settings import Settings, by_name, members
from seewhy.estimation.kernels.cosine import Cosine
from seewhy.estimation.kernels.image_cosine import ImageCosine
from seewhy.estimation.kernels.image_similarity import ImageSimilarity
from seewhy.estimation.kernels.inverse_l2 import InverseL2
from seewhy.estimation.kernels.own_function import CustomKernel
from seewhy.estimation.kernels.shapley import Shapley
from seewhy.estimation.kernels.uniform import Uniform

_Kernel: TypeAlias = Cosine | ImageCosine | ImageSimilarity | InverseL2 | Shapley | Uniform | CustomKernel


def _wrap(value: Any) -> Any:
    known = isinstance(value, Settings | type) or not callable(value)
    return value if known else CustomKernel(function=value)


KernelSetting = Annotated[_Kernel, BeforeValidator(by_name(_Kernel)), BeforeValidator(_wrap)]

KERNELS: dict[str, type[Settings]] = members(_Kernel)

__all__ = [
    "KERNELS",
    "Cosine",
    "CustomKernel",
    "ImageCosine",
    "ImageSimilarity",
    "InverseL2",
    "KernelSetting",
    "Shapley",
    "Uniform",
]
