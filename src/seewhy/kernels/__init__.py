"""Locality kernels: how much a coalition counts, by how far it is from the untouched picture."""

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

from seewhy.kernels.cosine import Cosine
from seewhy.kernels.image_cosine import ImageCosine
from seewhy.kernels.inverse_l2 import InverseL2
from seewhy.kernels.shapley import Shapley
from seewhy.kernels.uniform import Uniform
from seewhy.settings import Settings, by_name, members

_Kernel: TypeAlias = Cosine | ImageCosine | InverseL2 | Shapley | Uniform

KernelSetting = Annotated[_Kernel, BeforeValidator(by_name(_Kernel))]

KERNELS: dict[str, type[Settings]] = members(_Kernel)

__all__ = ["KERNELS", "Cosine", "ImageCosine", "InverseL2", "KernelSetting", "Shapley", "Uniform"]
