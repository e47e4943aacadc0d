"""Where chance comes from: one generator for each seed, purpose and block, never a global one.

Streams of different purposes or blocks are independent and do not depend on the order in which they are
drawn, so a run gives the same samples whatever the batch size, and wherever it was stopped and resumed.
"""

from typing import Literal, TypeAlias

import numpy as np

Purpose: TypeAlias = Literal["design", "segmentation", "fill", "shift", "interval", "subsets", "bootstrap", "baseline"]

_PURPOSES: dict[Purpose, int] = {
    "design": 0, "segmentation": 1, "fill": 2, "shift": 3, "interval": 4, "subsets": 5, "bootstrap": 6, "baseline": 7
}  # fmt: skip


def generator(seed: int, purpose: Purpose, block: int = 0) -> np.random.Generator:
    """Return the generator of block ``block`` of a purpose."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_PURPOSES[purpose], block)))
