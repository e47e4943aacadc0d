"""Independent coin flips: every segment stays with the same chance, as in LIME and RISE."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from seewhy.core.randomness import generator
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.limits import demand_chance, demand_segments, whole_blocks

BLOCK = 64
"""Rows drawn together: enough that drawing costs nothing, few enough that none is wasted."""


@dataclass(frozen=True, kw_only=True)
class Bernoulli:
    """Each segment stays with chance ``keep``, independently of all others."""

    name: ClassVar[str] = "bernoulli"
    estimand: ClassVar[str] = (
        "the average change of the score when a segment is kept, while each other segment is kept with probability "
        "keep (at 0.5: the Banzhaf value)"
    )
    pairs: ClassVar[bool] = False
    alike: ClassVar[bool] = True
    keep: float = 0.5

    def __post_init__(self) -> None:
        demand_chance(self.name, self.keep)

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks (64, d) without end."""
        demand_segments(self.name, d)
        index = 0
        while True:
            yield Block(generator(seed, "design", index).random((BLOCK, d)) < self.keep)
            index += 1

    def block_rows(self, d: int) -> int:
        """Return 64, however many segments there are."""
        demand_segments(self.name, d)
        return BLOCK

    def least(self, d: int) -> int:
        """Return the smallest multiple of 64 that gives two rows for each unknown of the linear model."""
        return whole_blocks(2 * (d + 1), self.block_rows(d))

    def total(self, d: int) -> None:
        """Return None: there is no last block."""
        demand_segments(self.name, d)
