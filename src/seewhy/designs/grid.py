"""RISE's design: coin flips on a coarse grid, and a random shift of the grid for every mask.

Source: Petsiuk, Das and Saenko (2018), arXiv:1806.07421, section 3.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.designs.bernoulli import BLOCK
from seewhy.randomness import generator
from seewhy.scene import Block


@dataclass(frozen=True, kw_only=True)
class ShiftedGrid:
    """Each cell stays with chance ``keep``; shifts are uniform within one cell of ``cell`` (h, w) pixels."""

    name: ClassVar[str] = "shifted-grid"
    keep: float
    cell: tuple[int, int]

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks of 64 grids with ``d`` cells in row order, each with its own shift, without end."""
        index = 0
        while True:
            rng = generator(seed, "design", index)
            cells = rng.random((BLOCK, d)) < self.keep
            yield Block(cells, rng.integers(0, self.cell, size=(BLOCK, 2), dtype=np.int32))
            index += 1
