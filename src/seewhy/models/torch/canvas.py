"""Masked images composed by torch, where its model runs: bits in, images out, nothing of their size is sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from itertools import pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from seewhy.engine.canvas import Canvas, Masked
from seewhy.models.extras import need
from seewhy.sampling.blocks import Block
from seewhy.sampling.masks import ComposedMasks, EnsembleMasks, GridMasks, SegmentMasks
from seewhy.sampling.protocols import MaskMaker

_PARTS = 16
"""Segmentations of an ensemble that are kept on the device."""


class TorchComposer:
    """Composes rows on one device; what it makes of a canvas is kept as long as the canvas lives.

    Parameters
    ----------
    device
        The ``torch.device``.
    channels_last
        Whether channels lie beside each other in memory, as tensor cores want them.
    """

    def __init__(self, device: Any, channels_last: bool = False) -> None:
        self._torch = need("torch", "torch")
        self._device = device
        self._format = self._torch.channels_last if channels_last else self._torch.contiguous_format
        self._known: WeakKeyDictionary[Canvas, _OnDevice] = WeakKeyDictionary()

    def __call__(self, rows: Masked) -> Any:
        """Return ``fill + mask * (picture - fill)``, a float32 tensor (B, C, H, W)."""
        pictures = self._torch.empty(
            rows.shape, dtype=self._torch.float32, device=self._device, memory_format=self._format
        )
        done = 0
        for canvas, block in rows.parts:
            if canvas not in self._known:
                self._known[canvas] = _OnDevice(canvas, self._device)
            known = self._known[canvas]
            place = pictures[done : done + len(block.coalitions)]
            mask = known.masks(block)[:, None]
            self._torch.addcmul(known.fill, mask, known.difference, out=place)
            done += len(block.coalitions)
        return pictures

    def sent(self, pictures: NDArray[np.float32]) -> Any:
        """Return composed pictures (B, C, H, W) on the device."""
        return to_device(pictures, self._device).contiguous(memory_format=self._format)


class _OnDevice:
    """A canvas on a device."""

    def __init__(self, canvas: Canvas, device: Any) -> None:
        self.fill = to_device(canvas.fill, device)
        self.difference = to_device(canvas.picture - canvas.fill, device)
        self.masks = masks_on(canvas.masks, device)


def to_device(array: NDArray[Any], device: Any) -> Any:
    """Return an array as a tensor there; a GPU fetches it from pinned memory while this thread goes on."""
    found = need("torch", "torch").from_numpy(np.ascontiguousarray(array))
    return found.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else found.to(device)


@singledispatch
def masks_on(masks: MaskMaker, device: Any) -> Callable[[Block], Any]:
    """Return what makes masks (B, H, W) of rows on a device; kinds it does not know are made by NumPy and sent."""
    return lambda block: to_device(masks(block), device)


@masks_on.register
def _composed(masks: ComposedMasks, device: Any) -> Callable[[Block], Any]:
    constants = {name: to_device(array, device) for name, array in masks.constants.items()}
    return lambda block: masks.compose(_bits(block.coalitions, device), constants).float()


@masks_on.register
def _segments(masks: SegmentMasks, device: Any) -> Callable[[Block], Any]:
    switched_by = _switch(masks.segments, device)
    return lambda block: switched_by(_bits(block.coalitions, device))


@masks_on.register
def _ensemble(masks: EnsembleMasks, device: Any) -> Callable[[Block], Any]:
    torch = need("torch", "torch")
    known: dict[int, Callable[[Any], Any]] = {}

    def make(block: Block) -> Any:
        parts = masks.parts_of(block)
        starts = [0, *(np.flatnonzero(np.diff(parts)) + 1), len(parts)]
        bits, found = _bits(block.coalitions, device), []
        for start, end in pairwise(starts):
            index = int(parts[start])
            if index not in known:
                while len(known) >= _PARTS:  # they come in order, a few in a batch
                    del known[next(iter(known))]
                known[index] = _switch(masks.part(index), device)
            found.append(known[index](bits[start:end]))
        return torch.cat(found)

    return make


@masks_on.register
def _grid(masks: GridMasks, device: Any) -> Callable[[Block], Any]:
    down, right = (to_device(windows, device) for windows in (masks.down, masks.right))

    def make(block: Block) -> Any:
        shifts = to_device(masks.shifts_of(block).astype(np.int64), device)
        cells = _bits(block.coalitions, device).view(-1, masks.grid, masks.grid)
        # Sums of products, not a matrix product: of that, TF32 would keep three digits where its user allows it.
        across = cells.new_zeros(len(cells), masks.grid, masks.width)
        for column in range(masks.grid):
            across.addcmul_(cells[:, :, column, None], right[shifts[:, 1], None, column])
        found = cells.new_zeros(len(cells), masks.height, masks.width)
        for row in range(masks.grid):
            found.addcmul_(down[shifts[:, 0], row, :, None], across[:, None, row])
        return found

    return make


def _switch(segments: NDArray[np.int32], device: Any) -> Callable[[Any], Any]:
    """Return what turns bits (B, d), as numbers, into masks (B, H, W) over segments (H, W)."""
    ids = to_device(segments.ravel(), device)
    return lambda bits: bits.index_select(1, ids).view(-1, *segments.shape)


def _bits(coalitions: NDArray[np.bool_], device: Any) -> Any:
    """Return bits as numbers 0 and 1, sent as a byte each."""
    return to_device(coalitions.view(np.uint8), device).float()
