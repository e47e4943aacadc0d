"""What a result file would take in memory once it is opened and read again, told from its header.

A few bytes may claim anything: rows that are drawn again, segments of one color, a view as large as a hall.
So the claim is checked before anything of its size is allocated.
"""

from __future__ import annotations

import math

from seewhy.core import memory
from seewhy.core.errors import FileError
from seewhy.engine.protocols import Method
from seewhy.explanation.result_header import Header
from seewhy.images import Image
from seewhy.images.geometry import View
from seewhy.sampling.masks import GridMasks
from seewhy.sampling.protocols import MaskMaker
from seewhy.sampling.samples import Samples

_FLOAT, _DOUBLE = 4, 8
_COPIES = 3
"""Copies of the model input: pixels, fill, and one that is mixed."""
_CLASS = 100
"""Bytes of a class where targets are looked up by name."""
_PANEL = 1_000_000
"""Bytes that a target takes in a figure, beside its map."""


def check_view(header: Header, view: View, image: Image) -> None:
    """Refuse a view, or more targets and classes, than memory holds.

    Raises
    ------
    FileError
        Names what would take too much.
    """
    height, width = view.height, view.width
    resized = view.resized[0] * view.resized[1]
    channels = image.pixels.shape[-1]
    pixels = _FLOAT * channels * (resized + _COPIES * height * width)
    memory.check(pixels, f"a model input of {height} x {width}, cut out of {view.resized},", FileError)
    maps = len(header.targets) * (_DOUBLE * height * width + _PANEL)
    memory.check(maps, f"heat maps of {len(header.targets)} targets", FileError)
    memory.check(_CLASS * header.model_classes, f"a model of {_shown([header.model_classes])} classes", FileError)
    if header.segments is not None:
        memory.check(
            2 * _FLOAT * math.prod(header.segments.shape), f"segments {_shown(header.segments.shape)}", FileError
        )


def check_rows(header: Header, method: Method, masks: MaskMaker, *, kept: bool) -> None:
    """Refuse more rows and segments than memory holds; ``kept``: whether rows are in the file, or drawn again.

    Raises
    ------
    FileError
        Says how many rows and segments there would be.
    """
    n, d = header.n_samples, masks.d
    what = f"{_shown([n])} rows of {d} segments or cells"
    needed = n * d  # numbers of any length are exact as they are
    if isinstance(masks, GridMasks):
        needed += 2 * _FLOAT * (masks.height**2 + masks.width**2)
    else:
        needed = _DOUBLE * needed + 2 * _DOUBLE * d**2
    memory.check(needed, what, FileError)
    if not kept:
        draws = method.draws(masks)
        block = draws.boundary(1)
        memory.check(2 * draws.boundary(n) * d + n * d + 2 * block**2, f"{what}, drawn again,", FileError)


def check_parts(header: Header, samples: Samples) -> None:
    """Refuse rows of segmentations that the header does not state: each would be computed.

    Raises
    ------
    FileError
        Says how many there would be.
    """
    if samples.parts is None:
        return
    used = int(samples.parts.max()) + 1
    stated = 0 if header.segments is None or len(header.segments.shape) != 3 else header.segments.shape[0]
    if used != stated:
        raise FileError(
            f"the rows use {used} segmentations, but the header states {stated}",
            setting="segments",
            rule=f"be {stated} segmentations",
            value=used,
        )


def _shown(shape: list[int]) -> str:
    return " x ".join(f"{length:.6g}" if length < 10**300 else "..." for length in shape[:4])
