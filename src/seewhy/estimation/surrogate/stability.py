"""How alike independent parts of one run answer, at no further model call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np

from seewhy.core.types import Floats
from seewhy.estimation.attribution import Stability
from seewhy.estimation.intervals import Spread

_TOP = 5
"""Strongest segments that parts are compared by."""
_RANKED = 10
_PARTS = 10


def stability(spread: Spread, n: int, block: int, part: Callable[[slice], Floats]) -> Stability:
    """Compare parts of ``n`` samples, each of whole blocks of ``block`` rows and enough for a fit of its own.

    VSI is the share of the five strongest segments that two parts have in common, CSI the share of their 95 %
    intervals that overlap, both averaged over pairs of parts, 0..1. ``part`` fits one stretch of rows.

    Source: Visani et al. (2022), doi:10.1080/01605682.2020.1865846, there from repeated runs.
    """
    d = len(spread.values)
    size = -(-2 * (d + 1) // block) * block
    count = min(_PARTS, n // size)
    same_top = tuple(spread.same_top(_RANKED))
    if count < 2:
        return Stability(same_top, None, None, 0, 0)
    found = [part(slice(i * size, (i + 1) * size)) for i in range(count)]
    top = min(_TOP, d)
    chosen = [set(np.argsort(-np.abs(values), kind="stable")[:top].tolist()) for values in found]
    reach = 2 * spread.t() * spread.se * np.sqrt(n / size)  # two intervals overlap if their centers are this near
    pairs = list(combinations(range(count), 2))
    vsi = float(np.mean([len(chosen[i] & chosen[j]) / top for i, j in pairs]))
    known = np.isfinite(reach)
    csi = float(np.mean([np.mean((np.abs(found[i] - found[j]) <= reach)[known]) for i, j in pairs]))
    return Stability(same_top, vsi, csi, count, size)
