"""Designs say which coalitions are asked. ``DESIGNS`` lists those over segments, ``GRID_DESIGNS`` RISE's.

To add one: a file here with a class that fits :class:`seewhy.sampling.protocols.Design`, and a line in ``DESIGNS``.
"""

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import numpy as np

from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.antithetic import Antithetic
from seewhy.sampling.designs.bernoulli import Bernoulli
from seewhy.sampling.designs.drop_fraction import DropFraction
from seewhy.sampling.designs.exhaustive import Exhaustive
from seewhy.sampling.designs.foldover_hadamard import FoldoverHadamard
from seewhy.sampling.designs.leave_one_out import LeaveOneOut
from seewhy.sampling.designs.shapley import ShapleyDesign
from seewhy.sampling.designs.shifted_grid import FoldoverGrid, ShiftedGrid
from seewhy.sampling.protocols import Design

DesignName: TypeAlias = Literal[
    "antithetic", "bernoulli", "drop-fraction", "exhaustive", "foldover-hadamard", "leave-one-out", "shapley"
]

DESIGNS: dict[DesignName, Callable[..., Design]] = {
    "antithetic": Antithetic,
    "bernoulli": Bernoulli,
    "drop-fraction": DropFraction,
    "exhaustive": Exhaustive,
    "foldover-hadamard": FoldoverHadamard,
    "leave-one-out": LeaveOneOut,
    "shapley": ShapleyDesign,
}
"""Made from the chance ``keep`` that a segment stays; designs that have no such chance take 0.5 alone."""

GridDesignName: TypeAlias = Literal["bernoulli", "foldover-hadamard"]

GRID_DESIGNS: dict[GridDesignName, Callable[..., Design]] = {
    "bernoulli": ShiftedGrid,
    "foldover-hadamard": FoldoverGrid,
}
"""Made from ``keep`` and the size of a ``cell`` in pixels."""

__all__ = [
    "DESIGNS",
    "GRID_DESIGNS",
    "Antithetic",
    "Bernoulli",
    "DesignName",
    "DropFraction",
    "Exhaustive",
    "FoldoverGrid",
    "FoldoverHadamard",
    "GridDesignName",
    "LeaveOneOut",
    "ShapleyDesign",
    "ShiftedGrid",
    "rows",
    "with_untouched",
]


def rows(design: Design, d: int, n: int, seed: int, *, skip: int = 0) -> Iterator[Block]:
    """Yield rows ``skip`` to ``n`` of a design, block by block, the last one cut to fit; less where the design ends."""
    start = 0
    for block in design.blocks(d, seed):
        stop = start + len(block.coalitions)
        if stop > skip:
            take = slice(max(skip - start, 0), n - start)
            yield Block(block.coalitions[take], None if block.shifts is None else block.shifts[take])
        start = stop
        if start >= n:
            return


def with_untouched(blocks: Iterator[Block]) -> Iterator[Block]:
    """Replace the very first row by the unmasked image, as ``lime`` does."""
    first = next(blocks)
    coalitions = first.coalitions.copy()
    coalitions[0] = np.True_
    yield Block(coalitions, first.shifts)
    yield from blocks
