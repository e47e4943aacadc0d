"""Pairs of opposite coin flips: a segment that luck keeps in one row tends to be dropped in the next.

Both rows of a pair are read off the same uniform numbers, U < keep and 1 - U < keep. Each alone is exactly
Bernoulli(keep)^d, so estimators keep the limit they have with coin flips, while effects of an even number of
segments (at keep 1/2, where the partner is the complement) cancel within the pair. A pair tells about as
much on single segments as one row does: below about 4 d rows the fit is worse than with independent rows.

Source: Hammersley and Morton (1956), doi:10.1017/S0305004100031455.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.core.randomness import generator
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.bernoulli import BLOCK
from seewhy.sampling.designs.limits import demand_chance, demand_segments, whole_blocks

_LARGEST = np.nextafter(1.0, 0.0)
"""The largest number that a generator draws; what it leaves of U runs over the same numbers, equally often."""


@dataclass(frozen=True, kw_only=True)
class Antithetic:
    """Each segment stays with chance ``keep``, decided in both rows of a pair by one number and its mirror image."""

    name: ClassVar[str] = "antithetic"
    estimand: ClassVar[str] = (
        "the average change of the score when a segment is kept, while each other segment is kept with probability "
        "keep (at 0.5: the Banzhaf value)"
    )
    pairs: ClassVar[bool] = True
    alike: ClassVar[bool] = True
    keep: float = 0.5

    def __post_init__(self) -> None:
        demand_chance(self.name, self.keep)

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks (64, d) of 32 pairs side by side, without end."""
        demand_segments(self.name, d)
        index = 0
        while True:
            u = generator(seed, "design", index).random((BLOCK // 2, d))
            kept = np.stack([u < self.keep, _LARGEST - u < self.keep], axis=1)
            yield Block(kept.reshape(BLOCK, d))
            index += 1

    def block_rows(self, d: int) -> int:
        """Return 64, however many segments there are."""
        demand_segments(self.name, d)
        return BLOCK

    def least(self, d: int) -> int:
        """Return the smallest multiple of 64 that gives two pairs for each unknown of the linear model."""
        return whole_blocks(4 * (d + 1), self.block_rows(d))

    def total(self, d: int) -> None:
        """Return None: there is no last block."""
        demand_segments(self.name, d)
