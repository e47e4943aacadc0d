"""RISE's designs: cells of a coarse grid, kept or not, and a random shift of the grid.

Source: Petsiuk, Das and Saenko (2018), arXiv:1806.07421, section 3.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.designs.bernoulli import BLOCK
from seewhy.designs.foldover_hadamard import FoldoverHadamard
from seewhy.randomness import generator
from seewhy.scene import Block


@dataclass(frozen=True, kw_only=True)
class ShiftedGrid:
    """Each cell stays with chance ``keep``; shifts are uniform within one cell of ``cell`` (h, w) pixels."""

    name: ClassVar[str] = "bernoulli"
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


@dataclass(frozen=True, kw_only=True)
class FoldoverGrid:
    """Balanced grids in pairs: :class:`FoldoverHadamard` over the cells, one shift for a grid and its complement."""

    name: ClassVar[str] = "foldover-hadamard"
    keep: float
    cell: tuple[int, int]

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks of grids with ``d`` cells in row order, a fresh shift for every pair, without end."""
        for index, block in enumerate(FoldoverHadamard(keep=self.keep).blocks(d, seed)):
            pairs = len(block.coalitions) // 2
            shifts = generator(seed, "shift", index).integers(0, self.cell, size=(pairs, 2), dtype=np.int32)
            yield Block(block.coalitions, shifts.repeat(2, axis=0))
