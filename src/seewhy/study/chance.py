"""Means over pairs of photos, and how far chance may have moved them.

A pair is not independent of the other pairs of its photos, so photos are left out one at a time, with all their pairs;
photos of one group are left out together. Drawing them again instead would say too little: a photo makes no pair with
its own copy, and for values r + c, of row and column, that leaves (n - 2) / (n - 1) of what each photo moves.

Source: Quenouille (1956), doi:10.1093/biomet/43.3-4.353; Tukey (1958); Arvesen (1969), doi:10.1214/aoms/1177697287
(means over pairs); Efron and Stein (1981), doi:10.1214/aos/1176345462 (the variance is not too small on average).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seewhy.core.types import Floats
from seewhy.estimation.intervals import FEWEST, jackknife


@dataclass(frozen=True)
class Estimate:
    """A mean over pairs, with its 95 % interval."""

    value: float
    low: float | None
    """None: too few groups of photos, or one that is in every pair."""
    high: float | None
    pairs: int
    photos: int
    groups: int


def over_pairs(values: Floats, groups: Sequence[str]) -> Estimate | None:
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
    value = float(values[there].mean())
    low, high = _interval(value, np.where(there, values, 0), there, group, len(names))
    return Estimate(value, low, high, int(there.sum()), int(involved.sum()), len(names))


def over_photos(values: Floats, groups: Sequence[str]) -> Estimate | None:
    """Return the mean of ``values`` (P,) over the photos that have one; None where none has."""
    diagonal = np.full((len(values), len(values)), np.nan)
    np.fill_diagonal(diagonal, values)
    return over_pairs(diagonal, groups)


def _interval(
    value: float, filled: Floats, there: np.ndarray, group: np.ndarray, n: int
) -> tuple[float, float] | tuple[None, None]:
    pairs = np.rint(_without(there, group, n))
    if n < FEWEST or not pairs.all():
        return None, None
    spread = jackknife(np.array([value]), [*(_without(filled, group, n) / pairs)[:, None]])
    assert spread is not None
    reach = spread.t() * float(spread.se[0])
    return value - reach, value + reach


def _without(values: np.ndarray, group: np.ndarray, n: int) -> Floats:
    """Return (n,): the sum of ``values`` (P, P) over the pairs that have nothing of each group."""
    cells = (group[:, None] * n + group).ravel()
    sums = np.bincount(cells, values.ravel().astype(np.float64), n * n).reshape(n, n)
    return np.asarray(sums.sum() - sums.sum(axis=0) - sums.sum(axis=1) + np.diag(sums))
