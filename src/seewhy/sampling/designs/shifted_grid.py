"""RISE's designs: cells of a coarse grid, kept or not, and a random shift of the grid.

Source: Petsiuk, Das and Saenko (2018), arXiv:1806.07421, section 3.2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.core.randomness import generator
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.bernoulli import BLOCK
from seewhy.sampling.designs.foldover_hadamard import FoldoverHadamard
from seewhy.sampling.designs.limits import demand_chance, demand_one_half, demand_segments, whole_blocks


@dataclass(frozen=True, kw_only=True)
class ShiftedGrid:
    """Each cell stays with chance ``keep``; shifts are uniform within one cell of ``cell`` (h, w) pixels."""

    name: ClassVar[str] = "bernoulli"
    estimand: ClassVar[str] = (
        "the average change of the score when a cell is kept, while each other cell is kept with probability keep, "
        "over all shifts of the grid"
    )
    pairs: ClassVar[bool] = False
    alike: ClassVar[bool] = True
    keep: float
    cell: tuple[int, int]

    def __post_init__(self) -> None:
        demand_chance(self.name, self.keep)

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks of 64 grids with ``d`` cells in row order, each with its own shift, without end."""
        demand_segments(self.name, d)
        index = 0
        while True:
            rng = generator(seed, "design", index)
            cells = rng.random((BLOCK, d)) < self.keep
            yield Block(cells, rng.integers(0, self.cell, size=(BLOCK, 2), dtype=np.int32))
            index += 1

    def block_rows(self, d: int) -> int:
        """Return 64, however many cells there are."""
        demand_segments(self.name, d)
        return BLOCK

    def least(self, d: int) -> int:
        """Return the smallest multiple of 64 that gives two grids for each cell."""
        return whole_blocks(2 * d, self.block_rows(d))

    def total(self, d: int) -> None:
        """Return None: there is no last block."""
        demand_segments(self.name, d)


@dataclass(frozen=True, kw_only=True)
class FoldoverGrid:
    """Balanced grids in pairs: :class:`FoldoverHadamard` over the cells, one shift for a grid and its complement."""

    name: ClassVar[str] = "foldover-hadamard"
    estimand: ClassVar[str] = (
        "the average change of the score when a cell is kept, while each other cell is kept with probability 0.5, "
        "over all shifts of the grid"
    )
    pairs: ClassVar[bool] = True
    alike: ClassVar[bool] = True
    keep: float
    cell: tuple[int, int]

    def __post_init__(self) -> None:
        demand_one_half(self.name, self.keep, "a complement keeps what its partner drops, so leave keep out")

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks of grids with ``d`` cells in row order, a fresh shift for every pair, without end."""
        for index, block in enumerate(FoldoverHadamard(keep=self.keep).blocks(d, seed)):
            pairs = len(block.coalitions) // 2
            shifts = generator(seed, "shift", index).integers(0, self.cell, size=(pairs, 2), dtype=np.int32)
            yield Block(block.coalitions, shifts.repeat(2, axis=0))

    def block_rows(self, d: int) -> int:
        """Return the rows of a :class:`FoldoverHadamard` block over ``d`` cells."""
        return FoldoverHadamard().block_rows(d)

    def least(self, d: int) -> int:
        """Return the rows of two blocks: one gives a map, the second tells its error."""
        return FoldoverHadamard().least(d)

    def total(self, d: int) -> None:
        """Return None: there is no last block."""
        demand_segments(self.name, d)
