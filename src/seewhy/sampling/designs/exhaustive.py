"""Every coalition once: for few segments, exact values that no sampling can better."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.core.randomness import generator
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.limits import demand_one_half, demand_segments

_PAIRS = 64
"""Pairs in a block; a power of two, so that blocks are full wherever there is more than one."""

_MOST = 20
"""Segments at most: each one more doubles the cost, and 2**20 are a million model calls."""


@dataclass(frozen=True, kw_only=True)
class Exhaustive:
    """All ``2**d`` coalitions, in pairs with their complements; the seed decides the order alone; keep is 1/2."""

    name: ClassVar[str] = "exhaustive"
    estimand: ClassVar[str] = (
        "the average change of the score when a segment is kept, over all coalitions of the other segments "
        "(the Banzhaf value), exactly"
    )
    pairs: ClassVar[bool] = True
    alike: ClassVar[bool] = False
    keep: float = 0.5

    def __post_init__(self) -> None:
        demand_one_half(self.name, self.keep, "each coalition comes once, so leave keep out")

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks of at most 64 pairs side by side, (min(128, 2**d), d), until every coalition came once.

        Raises
        ------
        InvalidInput
            ``d`` is not from 1 to 20.
        """
        demand_segments(self.name, d, high=_MOST)
        order = generator(seed, "design").permutation(2 ** (d - 1))
        for start in range(0, len(order), _PAIRS):
            codes = order[start : start + _PAIRS, None]
            kept = (codes >> np.arange(d)) % 2 == 1  # the last segment is dropped here and kept by the complement
            yield Block(np.stack([kept, ~kept], axis=1).reshape(-1, d))

    def block_rows(self, d: int) -> int:
        """Return 128, or all 2**d where that is less."""
        return min(2 * _PAIRS, self.total(d))

    def least(self, d: int) -> int:
        """Return 2**d: anything less is a sample, which other designs draw better."""
        return self.total(d)

    def total(self, d: int) -> int:
        """Return 2**d."""
        demand_segments(self.name, d, high=_MOST)
        return int(2**d)
