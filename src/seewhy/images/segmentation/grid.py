"""Equal rectangles."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, setting
from seewhy.core.types import Pixels, Segments


class Grid(Settings):
    """Rectangles of equal size (as far as possible), regardless of the content.

    Ids run along the rows from the top left; heights differ by at most 1 pixel, and so do widths.
    """

    name: Literal["grid"] = "grid"
    rows: Annotated[int, setting("rectangles from top to bottom", ge=1, le=1000, search=(4, 14))] = 7
    columns: Annotated[int, setting("rectangles from left to right", ge=1, le=1000, search=(4, 14))] = 7

    source: ClassVar[str] = "Zeiler and Fergus (2014), arXiv:1311.2901 (occlusion of squares)"
    finer: ClassVar[str] = "raise rows or columns"
    coarser: ClassVar[str] = "lower rows or columns"

    def __call__(self, pixels: Pixels, seed: int) -> Segments:  # noqa: ARG002 - nothing here is random
        """Return ids for ``pixels`` (H, W, C).

        Raises
        ------
        InvalidInput
            There are more rows or columns than pixels.
        """
        height, width = pixels.shape[:2]
        for axis, cells, size in (("rows", self.rows, height), ("columns", self.columns, width)):
            if cells > size:
                raise InvalidInput.of(
                    f"Grid.{axis}", f"be at most {size}, the size of the model input in pixels", cells
                )
        row = np.arange(height) * self.rows // height
        column = np.arange(width) * self.columns // width
        ids: Segments = (row[:, None] * self.columns + column[None, :]).astype(np.int32)
        return ids
