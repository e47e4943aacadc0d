"""What ``static/drawing.js`` draws from: an explanation as plain JSON values, small enough for a page.

``size``: width and height of the photo; ``photo``: a data URI; ``seen``: left, top, right, bottom of the model input as
parts of the photo, or null; ``colors``: what effects are painted in. ``segments``: labels at a low resolution, 0 where
the model did not see. ``targets``: each with ``label``, ``unit``, ``limit`` of its color scale, and either the values,
interval ends, areas and places of its segments, or a ``map`` of levels -127..127 and half intervals 0..255 with their
steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seewhy.core.masking import masked
from seewhy.core.text import clean
from seewhy.core.types import Floats, JsonObject, Segments
from seewhy.render.colors import CONTRADICTS, FULL, NEUTRAL, SUPPORTS, Rgb8
from seewhy.render.overlay import Region, not_sure, reduced
from seewhy.render.pages.embedded import embedded, numbers, runs
from seewhy.render.panels import TargetPanel, middle

_PHOTO = 1280
"""Pixels of the photo's longer side: enough for a large screen."""
_LABELS = 512
"""The same of the label map."""
_MAP_PIXELS = 150_000
"""Pixels of all maps together."""
_LARGEST_MAP = 256
"""Pixels of a map's longer side: no model sees much more of a photo."""
_LEVELS = 127
"""Steps of a map from 0 to its limit, as many as figures have."""
_PLACED = 60
"""Segments that are given a place for their number: more are never numbered."""


def drawing(photo: Rgb8, seen: Region, panels: Sequence[TargetPanel], *, alt: str, room: int) -> JsonObject:
    """Return what the drawing needs.

    Parameters
    ----------
    photo, seen
        (H, W, 3) and (H, W).
    panels
        The classes, at least one; they share their segments.
    alt
        What the picture shows, in words.
    room
        Bytes that the photo may take.
    """
    segments = panels[0].segments
    longest = int(np.clip(math.sqrt(_MAP_PIXELS / len(panels)), 64, _LARGEST_MAP))
    areas = None if segments is None else _areas(segments)
    own = [_mapped(panel, seen, longest) if areas is None else _by_segments(panel, areas) for panel in panels]
    return {
        "size": [photo.shape[1], photo.shape[0]],
        "photo": embedded(photo, _PHOTO, room).source,
        "alt": _plain(alt),
        "seen": _box(seen),
        "colors": {"supports": SUPPORTS, "contradicts": CONTRADICTS, "neutral": NEUTRAL, "full": FULL},
        "segments": None if segments is None else _labels(segments),
        "targets": [
            {"label": _plain(panel.label), "unit": panel.effect, "limit": panel.limit} | found
            for panel, found in zip(panels, own, strict=True)
        ],
    }


def _plain(text: str) -> str:
    """Return text without credentials and control characters."""
    return clean(masked(text))


def _areas(segments: Segments) -> Floats:
    """Return the share of what the model saw that each segment has."""
    inside = segments[segments >= 0]
    return np.asarray(np.bincount(inside) / max(1, inside.size), np.float64)


def _labels(segments: Segments) -> JsonObject:
    small = reduced(segments, _LABELS)
    return {"width": small.shape[1], "height": small.shape[0], "runs": runs(small + 1)}


def _by_segments(panel: TargetPanel, areas: Floats) -> JsonObject:
    values = np.zeros(0) if panel.values is None else panel.values
    told = _told(panel, len(values))
    ends = (None, None) if panel.intervals is None else (panel.intervals[:, 0], panel.intervals[:, 1])
    low, high = (None if end is None else [_end(one) for one in end] for end in ends)
    return {
        "values": [_short(value) for value in values],
        "low": low,
        "high": high,
        "told": told.astype(int).tolist(),
        "area": [_short(area) for area in np.pad(areas, (0, max(0, len(values) - len(areas))))],
        "places": _places(panel, np.flatnonzero(told)),
        "regions": len(panel.chosen),
    }


def _told(panel: TargetPanel, count: int) -> NDArray[np.bool_]:
    """Return which segments (d,) have a color: those whose values are distinguishable from 0."""
    found = np.zeros(count, bool)
    if panel.segments is not None:
        found[np.unique(panel.segments[panel.heatmap != 0])] = True
    return found


def _places(panel: TargetPanel, told: NDArray[np.intp]) -> list[list[float] | None]:
    """Return where the number of each strong segment goes, as parts of width and height."""
    values = np.zeros(0) if panel.values is None else panel.values
    found: list[list[float] | None] = [None] * len(values)
    if panel.segments is None:
        return found
    small = reduced(panel.segments, _LABELS)
    height, width = small.shape
    for i in told[np.argsort(-np.abs(values[told]), kind="stable")][:_PLACED]:
        for x, y in middle(small == i):
            found[i] = [_short((x + 0.5) / width), _short((y + 0.5) / height)]
    return found


def _mapped(panel: TargetPanel, seen: Region, longest: int) -> JsonObject:
    shown = panel.heatmap
    if panel.spread is not None:
        shown = np.where(not_sure(shown, panel.spread), np.float32(0), shown)
    small, step = reduced(shown, longest), panel.limit / _LEVELS
    levels = np.zeros(small.shape, np.int8) if step == 0 else np.rint((small / step).clip(-_LEVELS, _LEVELS))
    height, width = small.shape
    found: JsonObject = {"width": width, "height": height, "step": step, "levels": numbers(levels.astype(np.int8))}
    if panel.spread is not None:
        half = reduced(np.where(shown == 0, np.float32(0), panel.spread), longest)
        found["half_step"] = float(half.max()) / 255 or 1.0
        found["half"] = numbers(np.rint(half / found["half_step"]).astype(np.uint8))
    share = 100 * float((panel.region & seen).sum() / seen.sum())
    return {"map": found, "share": _short(share)}


def _box(seen: Region) -> list[float] | None:
    """Return left, top, right and bottom of what the model saw, as parts of the photo; None: all of it."""
    if seen.all():
        return None
    (rows, columns), (height, width) = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0)), seen.shape
    left, right, top, bottom = int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
    return [_short(left / width), _short(top / height), _short(right / width), _short(bottom / height)]


def _short(value: float) -> float:
    """Return a number with six digits that count: a page needs no more."""
    return float(f"{value:.6g}")


def _end(value: float) -> float | None:
    """Return the end of an interval; None where it is not finite."""
    return _short(value) if math.isfinite(value) else None
