"""From bits to masks: what a row of 0 and 1 means in pixels. Built a batch at a time, never stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seewhy.core.arrays import Arrays
from seewhy.core.layout import canonical
from seewhy.core.types import Coalitions, Floats, Masks, Segments, Shifts
from seewhy.sampling.blocks import Block
from seewhy.sampling.protocols import Column
from seewhy.sampling.samples import Samples

_ONE_THREAD = 2**18
"""Multiplications up to which OpenBLAS stays in the calling thread. Beyond it, it wakes a thread for each core, and
those spin on while the model needs the cores: on two cores that cost up to 40 % of a run."""


class ComposedMasks(ABC):
    """Masks as one formula over arrays, which a device that runs the model computes itself."""

    columns: ClassVar[frozenset[Column]] = frozenset()
    d: int
    """Cells that a row switches."""

    @property
    @abstractmethod
    def constants(self) -> dict[str, Masks]:
        """Arrays that are the same for every row, by name; float32."""

    @abstractmethod
    def compose(self, bits: Arrays, constants: dict[str, Arrays]) -> Arrays:
        """Return masks (B, H, W) in 0..1 for bits (B, d), float32 of 0 and 1; NumPy's or torch's, as it was given."""

    def __call__(self, block: Block) -> Masks:
        """Return masks (B, H, W)."""
        masks = self.compose(canonical(block.coalitions, np.float32), self.constants)
        return np.ascontiguousarray(masks, dtype=np.float32)

    def record(self, samples: Samples) -> Segments | None:
        """Return None: there are no segments."""
        del samples
        return None

    def opposite(self, block: Block) -> NDArray[np.bool_]:
        """Return (B,): nowhere, as far as is known."""
        return np.zeros(len(block.coalitions), dtype=bool)


class SegmentMasks:
    """Whole segments are kept or replaced."""

    columns: ClassVar[frozenset[Column]] = frozenset({"segments", "values"})

    def __init__(self, segments: Segments) -> None:
        self._flat = segments.ravel()
        self.segments = segments
        self._shape = segments.shape
        self.d = int(self._flat.max()) + 1

    def record(self, samples: Samples) -> Segments:
        """Return the segments (H, W)."""
        del samples
        return self.segments

    def __call__(self, block: Block) -> Masks:
        """Return masks (B, H, W) of 0 and 1."""
        kept = block.coalitions.astype(np.float32)
        return kept.take(self._flat, axis=1).reshape(-1, *self._shape)

    def opposite(self, block: Block) -> NDArray[np.bool_]:
        """Return (B,): whether a row keeps just what the row before replaces."""
        return np.asarray(_turned(block.coalitions).all(axis=1))


class EnsembleMasks:
    """Whole segments are kept or replaced, but each block of rows has its own segmentation.

    Segmentations are drawn when they are first needed, and added to ``parts``, those (H, W) that there are. Rows are as
    wide as the largest segmentation may be; what a smaller one does not need is kept only where the unmasked image is.
    """

    columns: ClassVar[frozenset[Column]] = frozenset({"segments", "parts"})

    def __init__(self, shape: tuple[int, int], d: int, draw: Callable[[int], Segments], parts: list[Segments]) -> None:
        self.d = d
        self._shape = shape
        self._draw = draw
        self._parts = parts

    def part(self, index: int) -> Segments:
        """Return the segmentation (H, W) of one block."""
        while len(self._parts) <= index:
            self._parts.append(small(self._draw(len(self._parts))))
        return self._parts[index].astype(np.int32)

    def size(self, index: int) -> int:
        """Return the segments of one block."""
        return int(self.part(index).max()) + 1

    @staticmethod
    def parts_of(block: Block) -> NDArray[np.intp]:
        """Return (B,): which segmentation each row switches."""
        if block.parts is None:
            msg = "ensemble masks need the part of every row"
            raise ValueError(msg)
        return block.parts

    def record(self, samples: Samples) -> Segments | None:
        """Return the segmentations that samples switch, (B, H, W)."""
        last = 0 if samples.parts is None else int(samples.parts[-1])
        return np.stack([self.part(i) for i in range(last + 1)])

    def __call__(self, block: Block) -> Masks:
        """Return masks (B, H, W) of 0 and 1."""
        parts = self.parts_of(block)
        masks = np.empty((len(block.coalitions), *self._shape), dtype=np.float32)
        for index in np.unique(parts):
            rows = np.flatnonzero(parts == index)
            kept = block.coalitions[rows].astype(np.float32)
            masks[rows] = kept.take(self.part(int(index)).ravel(), axis=1).reshape(-1, *self._shape)
        return masks

    def opposite(self, block: Block) -> NDArray[np.bool_]:
        """Return (B,): whether a row keeps just what the row before replaces, in the same segmentation."""
        parts = self.parts_of(block)
        used, place = np.unique(parts, return_inverse=True)
        sizes = np.array([self.size(int(index)) for index in used])[place]
        same = np.append(False, parts[1:] == parts[:-1])
        return same & (_turned(block.coalitions) | (np.arange(self.d) >= sizes[:, None])).all(axis=1)


class GridMasks:
    """Coarse grids, blown up bilinearly and cropped at a shift: RISE's smooth masks.

    The upsampling is separable, so a mask is ``rows @ cells @ columns``: two small matrix products.
    ``rows`` (H, grid) and ``columns`` (grid, W) are cut out of one upsampling matrix at the shift.

    Source: arXiv:1806.07421, section 3.2; the upsampling is that of the authors' code, ``skimage.transform.resize``
    with ``order=1, mode="reflect", anti_aliasing=False`` to (grid + 1) cells.
    """

    columns: ClassVar[frozenset[Column]] = frozenset({"shifts"})

    def __init__(self, height: int, width: int, grid: int) -> None:
        self.height, self.width, self.grid = height, width, grid
        self.cell = (-(-height // grid), -(-width // grid))
        self.d = grid * grid

    @staticmethod
    def shifts_of(block: Block) -> Shifts:
        """Return (B, 2): how far down and right the grid of each row is moved."""
        if block.shifts is None:
            msg = "grid masks need a shift for every row"
            raise ValueError(msg)
        return block.shifts

    def record(self, samples: Samples) -> None:
        """Return None: a grid has no segments."""
        del samples

    @cached_property
    def down(self) -> Masks:
        """(cell, grid, H): for every shift, how much each row of cells weighs in each row of pixels."""
        return _windows(self.grid, self.cell[0], self.height)

    @cached_property
    def right(self) -> Masks:
        """(cell, grid, W): the same for columns."""
        return _windows(self.grid, self.cell[1], self.width)

    def __call__(self, block: Block) -> Masks:
        """Return masks (B, H, W) between 0 and 1."""
        shifts = self.shifts_of(block)
        cells = canonical(block.coalitions, np.float32).reshape(-1, self.grid, self.grid)
        across = np.matmul(cells, self.right[shifts[:, 1]])
        down = self.down[shifts[:, 0]].transpose(0, 2, 1)
        masks = np.empty((len(cells), self.height, self.width), dtype=np.float32)
        rows = max(1, _ONE_THREAD // (self.width * self.grid))
        for top in range(0, self.height, rows):
            np.matmul(down[:, top : top + rows], across, out=masks[:, top : top + rows])
        return masks

    def opposite(self, block: Block) -> NDArray[np.bool_]:
        """Return (B,): nowhere, since masks between 0 and 1 round."""
        return np.zeros(len(block.coalitions), dtype=bool)

    def weighted_sum(self, pieces: Iterable[tuple[Block, Floats]]) -> Floats:
        """Return the sum of weight times mask over all rows, (H, W), in float64, without building a mask.

        Masks with the same shift share their upsampling, so weights are added up per shift and cell first; that
        takes about as much room as the map. Two matrix products then spread them over the pixels, and only the shifts
        that occur where they are few.
        """
        down, right = self.cell
        cells, used = np.zeros((down, right, self.grid, self.grid)), np.zeros((down, right), dtype=bool)
        for block, weights in pieces:
            shifts = self.shifts_of(block)
            kept = canonical(block.coalitions, np.bool_).reshape(-1, self.grid, self.grid)
            weighted = canonical(weights, np.float64)[:, None, None] * kept
            np.add.at(cells, (shifts[:, 0], shifts[:, 1]), weighted)
            used[shifts[:, 0], shifts[:, 1]] = True
        if np.count_nonzero(used) <= min(down, right):
            return self._spread_out(cells[used], *np.nonzero(used))
        rows = self.down.reshape(-1, self.height).astype(np.float64)
        columns = self.right.reshape(-1, self.width).astype(np.float64)
        table = cells.transpose(0, 2, 1, 3).reshape(len(rows), len(columns))
        return np.asarray(rows.T @ (table @ columns))

    def _spread_out(self, cells: Floats, down: NDArray[np.intp], right: NDArray[np.intp]) -> Floats:
        """Return the sum (H, W) of cells (n, grid, grid) at some shifts."""
        across = cells @ self.right[right].astype(np.float64)
        rows = self.down[down].reshape(-1, self.height).astype(np.float64)
        return np.asarray(rows.T @ across.reshape(-1, self.width))

    def pooled(self, block: Block, parts: int) -> Floats:
        """Return every mask averaged over ``parts`` x ``parts`` rectangles, (B, parts * parts), without building it."""
        shifts = self.shifts_of(block)
        down = np.matmul(self.down, _pooling(self.height, parts).T)
        right = np.matmul(self.right, _pooling(self.width, parts).T)
        cells = canonical(block.coalitions, np.float64).reshape(-1, self.grid, self.grid)
        across = np.matmul(cells, right[shifts[:, 1]])
        pooled = np.matmul(down[shifts[:, 0]].transpose(0, 2, 1), across)
        return np.asarray(pooled.reshape(len(cells), -1))

    def pooled_covariance(self, coefficients: Floats, parts: int, keep: float) -> Floats:
        """Return Cov(M, c . pooled(M)) as a map (H, W): exact, over random cells and shifts.

        Given the shift a mask is linear in independent cells and its mean is ``keep`` everywhere, so
        Cov(M(l), M(l')) = keep (1 - keep) K(l_y, l'_y) K(l_x, l'_x), with K the mean over shifts of the products of
        upsampling weights.
        """
        left = _kernel(self.down) @ _pooling(self.height, parts).T
        right = _kernel(self.right) @ _pooling(self.width, parts).T
        return np.asarray(keep * (1 - keep) * left @ coefficients.reshape(parts, parts) @ right.T)


def _turned(rows: Coalitions) -> NDArray[np.bool_]:
    """Return (B, d): where a row differs from the row before; the first has none."""
    found = np.zeros(rows.shape, dtype=bool)
    np.not_equal(rows[1:], rows[:-1], out=found[1:])
    return found


def small(segments: Segments) -> Segments:
    """Return ids in the fewest bytes: an ensemble keeps a segmentation for every block."""
    return segments.astype(np.uint8) if segments.max() < 256 else segments.astype(np.uint16)


def pool(heatmap: Floats, parts: int) -> Floats:
    """Return a map (H, W) averaged over ``parts`` x ``parts`` rectangles, (parts * parts,)."""
    height, width = heatmap.shape
    return np.asarray(_pooling(height, parts) @ canonical(heatmap, np.float64) @ _pooling(width, parts).T).ravel()


def _windows(grid: int, cell: int, length: int) -> Masks:
    """Return (cell, grid, length): for every shift, how much each of ``grid`` cells weighs in each pixel."""
    from skimage.transform import resize

    size = (grid + 1) * cell
    up = resize(np.eye(grid), (size, grid), order=1, mode="reflect", anti_aliasing=False)
    # Beyond the last full window no shift below ``cell`` can start.
    windows = sliding_window_view(up.astype(np.float32), length, axis=0)[:cell]
    return np.ascontiguousarray(windows)


def _kernel(windows: Masks) -> Floats:
    """Return (length, length): the mean over shifts of the products of upsampling weights, summed over cells."""
    rows = windows.reshape(-1, windows.shape[-1]).astype(np.float64)
    return np.asarray(rows.T @ rows / len(windows))


def _pooling(length: int, parts: int) -> Floats:
    """Return (parts, length): the mean over each of ``parts`` stretches of as equal length as possible."""
    part = np.arange(length) * parts // length
    chosen = (part == np.arange(parts)[:, None]).astype(np.float64)
    return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))
