"""Drop exactly a fraction of the segments in every row, a fresh random choice each time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.randomness import generator
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.bernoulli import BLOCK
from seewhy.sampling.designs.limits import demand_chance, demand_segments, whole_blocks


@dataclass(frozen=True, kw_only=True)
class DropFraction:
    """Exactly ``round((1 - keep) * d)`` of the ``d`` segments are dropped in every row.

    All rows being of one size, they tell segments from each other and nothing of the level of all values.
    """

    name: ClassVar[str] = "drop-fraction"
    estimand: ClassVar[str] = (
        "differences of values only: the average change of the score when one segment is kept instead of another, at "
        "the fixed number of kept segments; a constant common to all values is not determined"
    )
    pairs: ClassVar[bool] = False
    alike: ClassVar[bool] = True
    keep: float = 0.5

    def __post_init__(self) -> None:
        demand_chance(self.name, self.keep)

    def dropped(self, d: int) -> int:
        """Return how many of ``d`` segments each row drops.

        Raises
        ------
        InvalidInput
            The fraction comes to no segment or to all of them.
        """
        demand_segments(self.name, d, low=2)
        dropped = round((1 - self.keep) * d)
        if not 0 < dropped < d:
            raise InvalidInput(
                (f"keep={self.keep:g} drops {dropped} of {d} segments; drop-fraction needs from 1 to {d - 1} dropped"),
                setting="keep",
                rule=f"drop from 1 to {d - 1} segments",
                value=self.keep,
            )
        return dropped

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks (64, d) without end; raises what :meth:`dropped` raises."""
        dropped = self.dropped(d)
        index = 0
        while True:
            order = generator(seed, "design", index).random((BLOCK, d)).argsort(axis=1)
            coalitions = np.ones((BLOCK, d), dtype=bool)
            np.put_along_axis(coalitions, order[:, :dropped], values=False, axis=1)
            yield Block(coalitions)
            index += 1

    def block_rows(self, d: int) -> int:
        """Return 64, however many segments there are."""
        self.dropped(d)
        return BLOCK

    def least(self, d: int) -> int:
        """Return the smallest multiple of 64 that gives two rows for each unknown of the linear model."""
        return whole_blocks(2 * (d + 1), self.block_rows(d))

    def total(self, d: int) -> None:
        """Return None: there is no last block."""
        self.dropped(d)
