"""From bits to masks: what a row of 0 and 1 means in pixels. Built a batch at a time, never stored."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seewhy._types import Floats, Masks, Segments
from seewhy.scene import Block


class SegmentMasks:
    """Whole segments are kept or replaced."""

    def __init__(self, segments: Segments) -> None:
        self._flat = segments.ravel()
        self._shape = segments.shape
        self.d = int(self._flat.max()) + 1

    def __call__(self, block: Block) -> Masks:
        """Return masks (B, H, W) of 0 and 1."""
        kept = block.coalitions.astype(np.float32)
        return kept.take(self._flat, axis=1).reshape(-1, *self._shape)


class GridMasks:
    """Coarse grids, blown up bilinearly and cropped at a shift: RISE's smooth masks.

    The upsampling is separable, so a mask is ``rows @ cells @ columns``: two small matrix products.
    ``rows`` (H, grid) and ``columns`` (grid, W) are cut out of one upsampling matrix at the shift.

    Source: arXiv:1806.07421, section 3.2; the upsampling is that of the authors' code, ``skimage.transform.resize``
    with ``order=1, mode="reflect", anti_aliasing=False`` to (grid + 1) cells.
    """

    def __init__(self, height: int, width: int, grid: int) -> None:
        self.height, self.width, self.grid = height, width, grid
        self.cell = (-(-height // grid), -(-width // grid))
        self.d = grid * grid

    @cached_property
    def _down(self) -> Masks:
        return _windows(self.grid, self.cell[0], self.height)

    @cached_property
    def _right(self) -> Masks:
        return _windows(self.grid, self.cell[1], self.width)

    def factors(self, block: Block) -> tuple[Masks, Masks]:
        """Return (B, grid, H) and (B, grid, W): ``mask = down.T @ cells @ right``."""
        shifts = _shifts(block)
        return self._down[shifts[:, 0]], self._right[shifts[:, 1]]

    def __call__(self, block: Block) -> Masks:
        """Return masks (B, H, W) between 0 and 1."""
        down, right = self.factors(block)
        cells = block.coalitions.reshape(-1, self.grid, self.grid).astype(np.float32)
        return np.asarray(np.matmul(down.transpose(0, 2, 1), np.matmul(cells, right)))

    def weighted_sum(self, block: Block, weights: Floats) -> Floats:
        """Return sum_i weights[i, k] * mask_i as (K, H, W), in float64, without building the masks.

        ``weights`` is (B, K). All masks of the block share one matrix product (H, B*grid) x (B*grid, W).
        """
        down, right = self.factors(block)
        cells = block.coalitions.reshape(-1, self.grid, self.grid).astype(np.float64)
        across = np.matmul(cells, right.astype(np.float64)).reshape(-1, self.width)
        tall = down.astype(np.float64).transpose(2, 0, 1)
        return np.stack([(tall * w[None, :, None]).reshape(self.height, -1) @ across for w in weights.T])


def _shifts(block: Block) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    if block.shifts is None:
        msg = "grid masks need a shift for every row"
        raise ValueError(msg)
    return block.shifts


def _windows(grid: int, cell: int, length: int) -> Masks:
    """Return (cell, grid, length): for every shift, how much each of ``grid`` cells weighs in each pixel."""
    from skimage.transform import resize

    size = (grid + 1) * cell
    up = resize(np.eye(grid), (size, grid), order=1, mode="reflect", anti_aliasing=False)
    # Beyond the last full window no shift below ``cell`` can start.
    windows = sliding_window_view(up.astype(np.float32), length, axis=0)[:cell]
    return np.ascontiguousarray(windows)
