"""Means over pairs of photos, and how far chance may have moved them.

A pair is not independent of the other pairs of its photos, so photos are drawn again, with all their pairs; photos of
one group are drawn together.

Source: Davison and Hinkley (1997), "Bootstrap Methods and their Application", section 2.4 (resampling of units);
Hesterberg (2015), doi:10.1080/00031305.2015.1089789 (percentiles widened for few units).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seewhy._types import Floats
from seewhy.intervals import FEWEST, expanded_tail
from seewhy.randomness import generator

_DRAWS = 4000


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs, with its 95 % interval."""

    value: float
    low: float | None
    """None: too few groups of photos."""
    high: float | None
    pairs: int
    photos: int
    groups: int


def over_pairs(values: Floats, groups: Sequence[str], seed: int) -> Estimate | None:
    """Return the mean of ``values`` (P, P) over the pairs that are not NaN; None where there are none.

    A value for each photo alone stands on the diagonal.

    Parameters
    ----------
    groups
        The group of each of the P photos.
    """
    there = np.isfinite(values)
    if not there.any():
        return None
    involved = there.any(axis=0) | there.any(axis=1)
    values, there = values[np.ix_(involved, involved)], there[np.ix_(involved, involved)]
    names, group = np.unique(np.asarray(groups)[involved], return_inverse=True)
    low = high = None
    if len(names) >= FEWEST:
        low, high = _interval(values, there, group, len(names), seed)
    return Estimate(float(values[there].mean()), low, high, int(there.sum()), int(involved.sum()), len(names))


def over_photos(values: Floats, groups: Sequence[str], seed: int) -> Estimate | None:
    """Return the mean of ``values`` (P,) over the photos that have one; None where none has."""
    diagonal = np.full((len(values), len(values)), np.nan)
    np.fill_diagonal(diagonal, values)
    return over_pairs(diagonal, groups, seed)


def _interval(
    values: Floats, there: np.ndarray, group: np.ndarray, n: int, seed: int
) -> tuple[float, float]:  # fmt: skip
    drawn = generator(seed, "bootstrap").multinomial(n, np.full(n, 1 / n), size=_DRAWS)[:, group].astype(np.float64)
    filled, same = np.where(there, values, 0), group[:, None] == group
    sums = _weighted(drawn, np.where(same, 0, filled), np.where(same, filled, 0))
    weights = _weighted(drawn, there & ~same, there & same)
    means = sums[weights > 0] / weights[weights > 0]
    share = expanded_tail(n)
    low, high = np.quantile(means, [share, 1 - share])
    return float(low), float(high)


def _weighted(drawn: Floats, apart: np.ndarray, together: np.ndarray) -> Floats:
    """Return (draws,): sums over pairs, weighted by how often both, or the group of both, were drawn."""
    return np.asarray(((drawn @ apart.astype(np.float64)) * drawn).sum(axis=1) + drawn @ together.sum(axis=1))
