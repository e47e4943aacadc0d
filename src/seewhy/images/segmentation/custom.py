"""A function of the user's as a segmentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer

from seewhy.core.settings import Settings, a_function, qualified, setting
from seewhy.core.types import Pixels


class Custom(Settings):
    """Your own function: floats (H, W, C) in 0..1 to whole numbers (H, W).

    A parameter named ``seed`` receives the seed. In JSON only the function's name is kept, from which it is
    not loaded back.
    """

    name: Literal["custom"] = "custom"
    function: Annotated[
        Callable[..., Any],
        BeforeValidator(a_function),
        PlainSerializer(qualified, when_used="json"),
        setting("function of the image, and of the seed if it has a parameter of that name"),
    ]

    source: ClassVar[str] = "the user"
    finer: ClassVar[str] = "let the function return more segments"
    coarser: ClassVar[str] = "let the function return fewer segments"

    def __call__(self, pixels: Pixels, seed: int) -> NDArray[Any]:
        """Return what the function answers for a copy of ``pixels`` (H, W, C); :func:`segment` checks it."""
        given = {"seed": seed} if _takes_seed(self.function) else {}
        return np.asarray(self.function(pixels.copy(), **given))


def _takes_seed(function: Callable[..., Any]) -> bool:
    try:
        return "seed" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # a compiled function may not tell
        return False
