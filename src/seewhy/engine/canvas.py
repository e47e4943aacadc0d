"""Masked images that are not composed yet: bits go to the device that runs the model, and it composes them there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from seewhy.core.types import Batch
from seewhy.sampling.blocks import Block, cut
from seewhy.sampling.protocols import MaskMaker


@dataclass(frozen=True, eq=False)
class Canvas:
    """What rows are painted on; it stays the same for a whole run, so a device keeps what it makes of it."""

    picture: Batch
    """(C, H, W) or (H, W, C): prepared for the model."""
    fill: Batch
    """What stands where a mask is 0, prepared alike."""
    masks: MaskMaker


@dataclass(frozen=True, eq=False)
class Masked:
    """A batch of masked images, as rows; those of several photos may stand in one batch."""

    parts: tuple[tuple[Canvas, Block], ...]

    def __len__(self) -> int:
        return sum(len(block.coalitions) for _, block in self.parts)

    def __getitem__(self, place: slice) -> Masked:
        """Return the pictures from ``place.start`` to ``place.stop``."""
        start, stop, _ = place.indices(len(self))
        found = []
        for canvas, block in self.parts:
            rows = len(block.coalitions)
            if start < rows and stop > 0:
                found.append((canvas, cut(block, slice(max(start, 0), stop))))
            start, stop = start - rows, stop - rows
        return Masked(tuple(found))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the batch when it is composed."""
        return (len(self), *self.parts[0][0].picture.shape)

    def copy(self) -> Self:
        """Return itself: nothing of it is ever written to."""
        return self


def merged(batches: Sequence[Batch | Masked]) -> Batch | Masked:
    """Return batches of one kind, of pictures of one shape, as one."""
    if len(batches) == 1:
        return batches[0]
    if isinstance(batches[0], Masked):
        return Masked(tuple(part for one in batches if isinstance(one, Masked) for part in one.parts))
    return np.concatenate([one for one in batches if isinstance(one, np.ndarray)])
