"""What a run works on: the picture with its fill."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from seewhy.core.layout import canonical
from seewhy.core.types import Pixels, Segments
from seewhy.images.alike import Alike


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

    def __post_init__(self) -> None:
        for name in ("pixels", "fill", "segments"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, canonical(array, array.dtype.type))

    @cached_property
    def alike(self) -> Alike:
        """What smooths maps along the picture; made once, when it is first needed."""
        return Alike(self.pixels)
