"""Means over photos that may not be independent, and how far chance may have moved them.

Photos of one group are averaged first, so that a long sequence counts as one. Intervals are bootstrap percentiles over
groups, widened for few of them. Everything that is asked together is drawn together, which makes many means cheap.

Source: Hesterberg (2015), doi:10.1080/00031305.2015.1089789, the expanded percentile interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seewhy.core.randomness import generator
from seewhy.core.types import Floats
from seewhy.estimation.intervals import FEWEST, expanded_tail

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
    photos = sorted(values)
    column = np.array([values[photo] for photo in photos], dtype=np.float64)
    return averages([column], [groups[photo] for photo in photos], seed)[0]


def averages(
    columns: Sequence[Floats], groups: Sequence[str], seed: int, *, differences: bool = False
) -> list[Average | None]:
    """Return the mean of each column over groups of photos; None for one without a value.

    Parameters
    ----------
    columns
        Values (photos,) each, NaN where a photo has none.
    groups
        The group of each photo.
    differences
        The values are differences: one that is the same for every group, and not 0, is its own interval. A value that
        is the same for every group has none, for nothing tells how far another photo's would be from it.
    """
    place = {group: i for i, group in enumerate(sorted(set(groups)))}
    of_photo = np.array([place[group] for group in groups], dtype=np.intp)
    means = [_of_groups(column, of_photo) for column in columns]
    ends: list[tuple[float | None, float | None]] = [(None, None)] * len(means)
    for n, places in _varying(means):
        found = _intervals(np.stack([means[i] for i in places], axis=1), n, seed)
        for i, (low, high) in zip(places, found, strict=True):
            ends[i] = float(low), float(high)
    if differences:
        for i, one in enumerate(means):
            if len(one) >= FEWEST and np.ptp(one) == 0 and one[0] != 0:
                ends[i] = float(one[0]), float(one[0])
    return [
        Average(float(one.mean()), *ends[i], int(np.count_nonzero(~np.isnan(columns[i]))), len(one))
        if len(one)
        else None
        for i, one in enumerate(means)
    ]


def interval(means: Floats, seed: int) -> tuple[float | None, float | None]:
    """Return the ends of the 95 % interval of the mean of independent values (n,); None where they do not tell."""
    for n, _ in _varying([means]):
        ((low, high),) = _intervals(means[:, None], n, seed)
        return float(low), float(high)
    return None, None


def _of_groups(column: Floats, of_photo: NDArray[np.intp]) -> Floats:
    """Return the mean (n,) of each group that has a value."""
    known = ~np.isnan(column)
    count = np.bincount(of_photo[known])
    total = np.bincount(of_photo[known], column[known])
    found: Floats = total[count > 0] / count[count > 0]
    return found


def _varying(means: Sequence[Floats]) -> Iterator[tuple[int, list[int]]]:
    """Yield each number of groups with the places of what has so many and an interval, some at a time."""
    by_number = defaultdict(list)
    for i, one in enumerate(means):
        if len(one) >= FEWEST and np.ptp(one) > 0:
            by_number[len(one)].append(i)
    most = _AT_ONCE // _DRAWS
    for n, places in by_number.items():
        for i in range(0, len(places), most):
            yield n, places[i : i + most]


def _intervals(means: Floats, n: int, seed: int) -> Floats:
    """Return the ends (k, 2) of k means of ``n`` independent values, (n, k)."""
    share = expanded_tail(n)
    drawn = np.concatenate([counts @ means for counts in _counts(n, seed)]) / n
    found: Floats = np.quantile(drawn, [share, 1 - share], axis=0).T
    return found


def _counts(n: int, seed: int) -> Iterator[Floats]:
    """Yield how often each of ``n`` values is in each bootstrap sample, (some, n)."""
    rng, rows = generator(seed, "interval"), max(1, _AT_ONCE // n)
    for begun in range(0, _DRAWS, rows):
        some = min(rows, _DRAWS - begun)
        drawn = rng.integers(0, n, (some, n)) + n * np.arange(some)[:, None]
        yield np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n).astype(np.float64)
