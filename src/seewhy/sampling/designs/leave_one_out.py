"""The unmasked image, then the picture without each segment in turn: nothing is random.

A segment whose evidence another one repeats gets no value here, since the other one is always there.

Source: occlusion as in Zeiler and Fergus (2014), arXiv:1311.2901, section 4.1, with segments for squares.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.limits import demand_one_half, demand_segments


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut:
    """All segments, then all but one, for each in order; ``keep`` is not used and must be left at 1/2."""

    name: ClassVar[str] = "leave-one-out"
    estimand: ClassVar[str] = "the drop of the score when only this segment is masked"
    pairs: ClassVar[bool] = False
    alike: ClassVar[bool] = False
    keep: float = 0.5

    def __post_init__(self) -> None:
        demand_one_half(self.name, self.keep, "this design does not use keep, so leave it out")

    def blocks(self, d: int, seed: int) -> Iterator[Block]:  # noqa: ARG002 - nothing here is random
        """Yield one block (d + 1, d), then end: row 0 keeps all, row 1 + j all but segment j."""
        demand_segments(self.name, d)
        yield Block(np.concatenate([np.ones((1, d), dtype=bool), ~np.eye(d, dtype=bool)]))

    def block_rows(self, d: int) -> int:
        """Return d + 1: the only block is the whole design."""
        demand_segments(self.name, d)
        return d + 1

    def least(self, d: int) -> int:
        """Return d + 1: each value is a difference of two scores, exact with these rows and unknown with fewer."""
        return self.block_rows(d)

    def total(self, d: int) -> int:
        """Return d + 1."""
        return self.block_rows(d)
