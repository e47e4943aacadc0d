"""What a run works on: the picture with its fill, and rows of a design."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from seewhy._types import Coalitions, Pixels, Segments, Shifts


class Block(NamedTuple):
    """Some rows of a design, drawn together."""

    coalitions: Coalitions
    shifts: Shifts | None = None


@dataclass(frozen=True)
class Scene:
    """The picture as the model sees it, and what replaces it where a mask is 0."""

    pixels: Pixels
    fill: Pixels
    segments: Segments | None
    """None for methods that work on a grid."""
