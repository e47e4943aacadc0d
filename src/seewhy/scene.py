"""What a run works on: the picture with its fill, and rows of a design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seewhy._types import Coalitions, Pixels, Segments, Shifts


class Block(NamedTuple):
    """Some rows of a design, drawn together."""

    coalitions: Coalitions
    shifts: Shifts | None = None
    parts: NDArray[np.intp] | None = None
    """(B,): which of several segmentations a row switches."""


@dataclass(frozen=True)
class Scene:
    """The picture as the model sees it, and what replaces it where a mask is 0."""

    pixels: Pixels
    fill: Pixels
    segments: Segments | None
    """(h, w); (B, h, w) where each block of rows has its own; None for methods that work on a grid."""
    seed: int = 0
    """Seed of the run, for what is drawn later on."""
    drawn: list[Segments] = field(default_factory=list, repr=False)
    """(h, w) each: segmentations of the first blocks, as far as somebody needed them; drawn once, read by all."""


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
