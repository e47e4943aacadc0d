"""Ways to divide a picture into regions.

A segmentation is given by name (``"slic"``), as settings (``Slic(n_segments=20)``, or the same as a dict with
a ``name``), or as a function of floats (H, W, C) to whole numbers (H, W). To add one: a file here, and its
class in ``Segmentation``.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import BeforeValidator

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, by_name, members
from seewhy.core.types import Pixels, Segments
from seewhy.images import Image
from seewhy.images.geometry import View
from seewhy.images.protocols import Segmenter
from seewhy.images.segmentation.custom import Custom
from seewhy.images.segmentation.felzenszwalb import Felzenszwalb
from seewhy.images.segmentation.grid import Grid
from seewhy.images.segmentation.ids import as_segments
from seewhy.images.segmentation.labels import Labels
from seewhy.images.segmentation.quickshift import Quickshift
from seewhy.images.segmentation.slic import Slic
from seewhy.images.segmentation.watershed import Watershed

__all__ = [
    "MAX_SEGMENTS",
    "SEGMENTATIONS",
    "Custom",
    "Felzenszwalb",
    "Grid",
    "Labels",
    "Quickshift",
    "Segmentation",
    "SegmentationSetting",
    "Slic",
    "Watershed",
    "segment",
    "segment_view",
]

Segmentation: TypeAlias = Slic | Quickshift | Felzenszwalb | Watershed | Grid | Labels | Custom

SEGMENTATIONS: dict[str, type[Settings]] = members(Segmentation)
"""Every segmentation by its name."""

MAX_SEGMENTS = 10_000
"""More regions than this are not distinguishable with any affordable number of samples."""

_by_name = by_name(SEGMENTATIONS)


def _segmentation(value: Any) -> Any:
    if isinstance(value, Settings | type) or not callable(value):
        return _by_name(value)
    return Custom(function=value)


SegmentationSetting: TypeAlias = Annotated[Segmentation, BeforeValidator(_segmentation)]
"""Type of a setting that holds a segmentation, however it was given."""


def segment(segmenter: Segmenter, pixels: Pixels, seed: int) -> Segments:
    """Divide ``pixels`` (H, W, C) in 0..1 and return ids (H, W), 0..d-1 without gaps; same seed, same ids.

    Raises
    ------
    InvalidInput
        The segmenter gives something other than whole numbers (H, W) from 0 on, or fewer than 2 or more than
        :data:`MAX_SEGMENTS` regions.
    """
    place = type(segmenter).__name__
    ids = np.asarray(segmenter(pixels, seed))
    if ids.shape != pixels.shape[:2]:
        raise InvalidInput.of(place, f"return segment ids of shape {pixels.shape[:2]}", ids.shape)
    if ids.dtype.kind not in "biu":
        raise InvalidInput.of(place, "give whole numbers", ids.dtype)
    if ids.min() < 0:
        raise InvalidInput.of(place, "give ids of at least 0", ids.min())
    segments = as_segments(ids)
    _check_count(segmenter, place, int(segments.max()) + 1)
    return segments


def _check_count(segmenter: Segmenter, place: str, count: int) -> None:
    if count < 2:
        advice = getattr(segmenter, "finer", "ask for more segments")
        raise InvalidInput(
            (f"{place} gives 1 segment; at least 2 are needed: {advice}, or use grid, which divides any image"),
            setting=place,
            rule="give at least 2 segments",
            value=1,
        )
    if count > MAX_SEGMENTS:
        advice = getattr(segmenter, "coarser", "ask for fewer segments")
        raise InvalidInput(
            f"{place} gives {count} segments; at most {MAX_SEGMENTS} can be explained: {advice}",
            setting=place,
            rule=f"give at most {MAX_SEGMENTS} segments",
            value=count,
        )


def segment_view(segmenter: Segmentation, image: Image, view: View, pixels: Pixels, seed: int) -> Segments:
    """Divide the model input (h, w); a label map of the photo is carried through the crop."""
    if not isinstance(segmenter, Labels):
        return segment(segmenter, pixels, seed)
    found = as_segments(view.segments_from_photo(segmenter.on_photo(image.height, image.width)))
    _check_count(segmenter, "Labels", int(found.max()) + 1)
    return found
