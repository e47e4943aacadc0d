"""Rows of a design, drawn together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Coalitions, Shifts


class Block(NamedTuple):
    """Some rows of a design, drawn together."""

    coalitions: Coalitions
    shifts: Shifts | None = None
    parts: NDArray[np.intp] | None = None
    """(B,): which of several segmentations a row switches."""


def join(blocks: Sequence[Block]) -> Block:
    """Return the rows of several blocks as one."""

    def column(name: str) -> NDArray[np.generic] | None:
        found = [part for part in (getattr(block, name) for block in blocks) if part is not None]
        return np.concatenate(found) if found else None

    return Block(np.concatenate([b.coalitions for b in blocks]), column("shifts"), column("parts"))  # type: ignore[arg-type]


def cut(block: Block, place: slice | NDArray[np.intp]) -> Block:
    """Return some rows of a block."""
    shifts = None if block.shifts is None else block.shifts[place]
    parts = None if block.parts is None else block.parts[place]
    return Block(block.coalitions[place], shifts, parts)
