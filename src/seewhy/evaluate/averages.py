"""Means over photos that may not be independent, and how far chance may have moved them.

Photos of one group are averaged first, so that a long sequence counts as one. Intervals are bootstrap percentiles over
groups, widened for few of them.

Source: Hesterberg (2015), doi:10.1080/00031305.2015.1089789, the expanded percentile interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seewhy._types import Floats
from seewhy.intervals import FEWEST, expanded_tail
from seewhy.randomness import generator

_DRAWS = 10_000
_AT_ONCE = 4_000_000
"""Numbers drawn at a time."""


@dataclass(frozen=True)
class Average:
    """A mean and its 95 % interval."""

    value: float
    low: float | None
    """None: there are fewer than six groups, or nothing varies between them."""
    high: float | None
    photos: int
    groups: int


def average(values: Mapping[str, float], groups: Mapping[str, str], seed: int) -> Average | None:
    """Return the mean over groups of photos; None without photos.

    Parameters
    ----------
    values
        A value for each photo.
    groups
        The group of each photo, and perhaps of others.
    """
    if not values:
        return None
    together: dict[str, list[float]] = defaultdict(list)
    for photo in sorted(values):
        together[groups[photo]].append(values[photo])
    means = np.array([np.mean(one) for one in together.values()])
    low, high = interval(means, seed)
    return Average(float(means.mean()), low, high, len(values), len(means))


def interval(means: Floats, seed: int) -> tuple[float | None, float | None]:
    """Return the ends of the 95 % interval of the mean of independent values (n,); None where they do not tell."""
    n = len(means)
    if n < FEWEST or np.ptp(means) == 0:
        return None, None
    share = expanded_tail(n)
    low, high = np.quantile(_drawn(means, seed), [share, 1 - share])
    return float(low), float(high)


def _drawn(means: Floats, seed: int) -> Floats:
    """Return means of bootstrap samples."""
    rng, n = generator(seed, "interval"), len(means)
    rows = max(1, _AT_ONCE // n)
    pieces = [
        means[rng.integers(0, n, (min(rows, _DRAWS - begun), n))].mean(axis=1) for begun in range(0, _DRAWS, rows)
    ]
    found: Floats = np.concatenate(pieces)
    return found
