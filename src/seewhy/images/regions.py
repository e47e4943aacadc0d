"""Choosing regions: the strongest segments, or the strongest pixels of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.types import Floats, Heatmap, Segments, Sign


@dataclass(frozen=True)
class Region:
    """One segment on the original photo."""

    segment: int
    value: float
    """Attribution, in the unit of the score."""
    area: int
    """Pixels of the photo."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 in pixels of the photo; x1 and y1 are just outside."""


def checked(sign: Sign) -> Sign:
    """Return ``sign`` if it is one."""
    if sign not in get_args(Sign):
        raise InvalidInput.of("sign", f"be one of {', '.join(get_args(Sign))}", sign)
    return sign


def describe(segments: Segments, values: Floats) -> list[Region]:
    """Return every segment of a photo (H, W; -1: not seen) in order of its id."""
    from scipy.ndimage import find_objects

    d = len(values)
    areas = np.bincount(segments.ravel() + 1, minlength=d + 1)[1:]
    found = []
    for i, place in enumerate(find_objects(segments + 1, max_label=d)):
        # A segment thinner than a pixel of a small photo may own none of them.
        box = (0, 0, 0, 0) if place is None else (place[1].start, place[0].start, place[1].stop, place[0].stop)
        found.append(Region(i, float(values[i]), int(areas[i]), box))
    return found


def strongest(values: Floats, told: NDArray[np.bool_], n: int | None, sign: Sign) -> NDArray[np.intp]:
    """Return up to ``n`` indices of ``values``, strongest first, of one sign or of both by magnitude.

    ``auto`` is both. Only values that are ``told`` (d,) from 0 are chosen, never 0 itself. ``n=None`` takes all.
    """
    strength = {"positive": values, "negative": -values, "both": np.abs(values)}["both" if sign == "auto" else sign]
    order = np.argsort(-strength, kind="stable")
    return order[(strength[order] > 0) & told[order]][:n]


def above_otsu(heatmap: Heatmap, seen: NDArray[np.bool_], sign: Sign) -> NDArray[np.bool_]:
    """Return the seen pixels (H, W) whose values of a sign lie above Otsu's threshold, never values of 0.

    ``auto`` is positive.

    Source: Otsu (1979), doi:10.1109/TSMC.1979.4310076.
    """
    from skimage.filters import threshold_otsu

    strength = _strength(heatmap, sign)
    values = strength[seen]
    limit = float(threshold_otsu(values)) if np.ptp(values) > 0 else np.inf
    return np.asarray(seen & (strength > limit) & (strength > 0))


def strongest_pixels(heatmap: Heatmap, seen: NDArray[np.bool_], share: float, sign: Sign) -> NDArray[np.bool_]:
    """Return the ``share`` of the seen pixels (H, W) with the strongest values of a sign, never values of 0.

    ``auto`` is positive.
    """
    strength = _strength(heatmap, sign)
    limit = np.quantile(strength[seen], 1 - share)
    chosen: NDArray[np.bool_] = seen & (strength >= limit) & (strength > 0)
    return chosen


def _strength(heatmap: Heatmap, sign: Sign) -> Heatmap:
    signed = {"positive": heatmap, "negative": -heatmap, "both": np.abs(heatmap)}
    return signed["positive" if sign == "auto" else sign]
