"""Randomized foldover Hadamard blocks: balanced coalitions whose main effects do not disturb each other.

A block is [Z; 1 - Z], with Z from random columns of a Hadamard matrix under random signs. Each row is exactly
Bernoulli(1/2)^d, so estimators keep the limit they have with coin flips. Inside a block the columns are exactly
orthogonal, and what a coalition and its complement have in common (all effects of even order) cancels.

Sources: Box and Wilson (1951), doi:10.1111/j.2517-6161.1951.tb00067.x (foldover); Plackett and Burman (1946),
doi:10.1093/biomet/33.4.305. The random signs and columns are what makes the rows unbiased.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np

from seewhy.core.randomness import generator
from seewhy.core.types import Coalitions
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.hadamard import hadamard_at_least
from seewhy.sampling.designs.limits import demand_one_half, demand_segments


@dataclass(frozen=True, kw_only=True)
class FoldoverHadamard:
    """Pairs of a coalition and its complement, from a Hadamard matrix of the next order above d; keep is 1/2."""

    name: ClassVar[str] = "foldover-hadamard"
    estimand: ClassVar[str] = (
        "the average change of the score when a segment is kept, while each other segment is kept with probability "
        "0.5 (the Banzhaf value)"
    )
    pairs: ClassVar[bool] = True
    alike: ClassVar[bool] = True
    keep: float = 0.5

    def __post_init__(self) -> None:
        demand_one_half(self.name, self.keep, "a complement keeps what its partner drops, so leave keep out")

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks (2m, d), m the next Hadamard order above d, pairs side by side, without end."""
        demand_segments(self.name, d)
        for index in count():
            yield Block(self.block(d, seed, index))

    def block(self, d: int, seed: int, index: int) -> Coalitions:
        """Return block ``index`` alone, (2m, d)."""
        matrix = hadamard_at_least(d + 1)
        m = len(matrix)
        rng = generator(seed, "design", index)
        columns = 1 + rng.permutation(m - 1)[:d]  # the first column is constant
        signs = rng.choice(np.array([-1, 1], dtype=np.int8), size=d)
        kept = matrix[rng.permutation(m)][:, columns] * signs > 0
        return np.stack([kept, ~kept], axis=1).reshape(2 * m, d)

    def block_rows(self, d: int) -> int:
        """Return 2m, m the next Hadamard order above d."""
        demand_segments(self.name, d)
        return 2 * len(hadamard_at_least(d + 1))

    def least(self, d: int) -> int:
        """Return the rows of two blocks: one gives values, the second tells the error."""
        return 2 * self.block_rows(d)

    def total(self, d: int) -> None:
        """Return None: there is no last block."""
        demand_segments(self.name, d)
