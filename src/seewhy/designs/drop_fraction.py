"""Drop exactly a fraction of the segments in every row, a fresh random choice each time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.designs.bernoulli import BLOCK
from seewhy.errors import InvalidInput
from seewhy.randomness import generator
from seewhy.scene import Block


@dataclass(frozen=True, kw_only=True)
class DropFraction:
    """Exactly ``round((1 - keep) * d)`` of the ``d`` segments are dropped in every row."""

    name: ClassVar[str] = "drop-fraction"
    keep: float

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks (64, d) without end.

        Raises
        ------
        InvalidInput
            The fraction comes to no segment or to all of them.
        """
        dropped = round((1 - self.keep) * d)
        if not 0 < dropped < d:
            raise InvalidInput(
                f"keep={self.keep:g} drops {dropped} of {d} segments; drop-fraction needs from 1 to {d - 1} dropped"
            )
        index = 0
        while True:
            order = generator(seed, "design", index).random((BLOCK, d)).argsort(axis=1)
            coalitions = np.ones((BLOCK, d), dtype=bool)
            np.put_along_axis(coalitions, order[:, :dropped], values=False, axis=1)
            yield Block(coalitions)
            index += 1
