"""Rank correlation of maps, in which rounding ranks nothing."""

from __future__ import annotations

import numpy as np

from seewhy.core.types import Heatmap

_STEP = 1e-6
"""Share of a map's largest magnitude within which its values tie: as far apart may the same map be elsewhere."""


def rank_correlation(one: Heatmap, other: Heatmap) -> float:
    """Return Spearman's correlation of two maps of one shape, -1..1.

    Where a region changes nothing a map holds what rounding leaves of 0; such values tie, whatever their order.
    """
    from scipy.stats import spearmanr

    return float(spearmanr(_steps(one), _steps(other)).statistic)


def _steps(heatmap: Heatmap) -> Heatmap:
    values = heatmap.ravel().astype(np.float64)
    largest = np.abs(values).max(initial=0)
    return np.asarray(np.rint(values / (largest * _STEP)) if largest > 0 else values)
