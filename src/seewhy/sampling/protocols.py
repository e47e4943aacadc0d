"""The seams of sampling: what a design and a maker of masks must offer.

Nothing here has behavior. A part that fits its protocol works everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Masks, Segments
from seewhy.sampling.blocks import Block
from seewhy.sampling.samples import Samples

Column: TypeAlias = Literal["segments", "shifts", "parts", "values"]
"""``segments``: the segmentations that rows switch; ``shifts``: where the grid of a row lies; ``parts``: which of
several segmentations a row switches; ``values``: one number a segment, where the method gives segments."""


class Design(Protocol):
    """Says which coalitions are asked; block i depends only on the seed and i.

    Whatever takes ``d`` segments or cells raises InvalidInput if the design cannot be drawn over as many.
    """

    name: ClassVar[str]
    """Name shown to people, such as ``foldover-hadamard``."""
    estimand: ClassVar[str]
    """What a value means: the limit of an unweighted linear fit on the design's rows, in one line."""
    pairs: ClassVar[bool]
    """Whether rows 2i and 2i + 1 of every block were drawn together, a coalition and its partner; rows of
    different pairs may then be taken as independent where rows may not."""
    alike: ClassVar[bool]
    """Whether rows, or pairs, are drawn alike, so that any share of them stands for all; not where sizes differ by
    plan, or where the design holds every row once."""

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks of coalitions over ``d`` segments or cells: without end, or until :meth:`total` rows came."""

    def block_rows(self, d: int) -> int:
        """Return the rows of a block, that is what it costs in pictures; all blocks of a design are alike."""

    def least(self, d: int) -> int:
        """Return the fewest rows, in whole blocks, that give values and what is needed to tell their error."""

    def total(self, d: int) -> int | None:
        """Return the rows of the whole design; None: there is no end."""


class MaskMaker(Protocol):
    """Turns rows of a design into masks."""

    columns: ClassVar[frozenset[Column]]
    """What a result file holds of the rows beside their bits."""

    @property
    def d(self) -> int:
        """Segments or cells a row switches."""

    def record(self, samples: Samples) -> Segments | None:
        """Return the segments that these samples switch, to be kept with them; None where there are none."""

    def __call__(self, block: Block) -> Masks:
        """Return masks (B, H, W) for the rows of ``block``."""

    def opposite(self, block: Block) -> NDArray[np.bool_]:
        """Return (B,): where a mask is of 0 and 1 alone, and the very opposite of the mask before it."""
