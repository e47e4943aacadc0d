"""Independent coin flips: every segment stays with the same chance, as in LIME and RISE."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from seewhy.randomness import generator
from seewhy.scene import Block

BLOCK = 64
"""Rows drawn together: enough that drawing costs nothing, few enough that none is wasted."""


@dataclass(frozen=True, kw_only=True)
class Bernoulli:
    """Each segment stays with chance ``keep``, independently of all others."""

    name: ClassVar[str] = "bernoulli"
    keep: float

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks (64, d) without end."""
        index = 0
        while True:
            yield Block(generator(seed, "design", index).random((BLOCK, d)) < self.keep)
            index += 1
