"""Answers of a quick model, corrected by a few of the exact one: estimates and error bars are then of the exact model.

The exact model is asked for every eighth pair of rows. What it answers differently is, for the most part, linear in the
rows; that part is fitted and added to every row. The rest is added to the rows where it is known, n / m times, for m of
n: on average over rows it is the right correction, and the spread that it adds is seen by every error bar.

Sources: Cassel, Sarndal and Wretman (1976), doi:10.1093/biomet/63.3.615, the generalized difference estimator;
Peherstorfer, Willcox and Gunzburger (2018), doi:10.1137/16M1082469, section 3, several fidelities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seewhy.core.layout import canonical
from seewhy.core.types import Floats
from seewhy.estimation.surrogate.cross_validation import cross_validated_ridge
from seewhy.estimation.surrogate.sums import WeightedSums
from seewhy.sampling.samples import Samples


def corrected(samples: Samples, quick: Floats, exact: Floats | None) -> Floats:
    """Return scores (n,) to be read in place of ``quick``.

    Parameters
    ----------
    samples
        The rows.
    quick
        (n,): the score of a target, as the quick model answered.
    exact
        (n,): as the exact model answered, NaN where it was not asked. None, or all NaN: ``quick`` is returned.
    """
    if exact is None or np.isnan(exact).all():
        return quick
    quick, exact = canonical(quick, np.float64), canonical(exact, np.float64)
    whole = samples.whole  # of these the exact score is known, and stands for no other row
    share = np.flatnonzero(~np.isnan(exact))
    asked = share[~whole[share]]
    if not len(asked):
        return quick
    difference = exact[asked] - quick[asked]
    linear, freedom = _linear_part(samples, asked, difference)
    linear[whole] = 0
    n = len(quick) - np.count_nonzero(whole)
    found = quick + linear
    rest = np.zeros(len(quick))
    rest[asked] = difference - linear[asked]
    rest[share] = _unshrunk(rest[share], len(asked), freedom, pairs=_in_pairs(samples, share))
    rest[whole] = 0
    return np.asarray(found + n / len(asked) * rest)


def _unshrunk(rest: Floats, m: int, freedom: float, *, pairs: bool) -> Floats:
    """Return residuals (k,) of ``m`` rows as large as they would be around the true linear part.

    A fit leaves residuals that are too small, by draws / (draws - freedom) in variance, and its coefficients vary by as
    much more than so many rows in balance would let them. A row and its complement are one draw: a constant is fitted
    to what they have in common, the segments to how they differ, and each half has lost to its own fit alone.
    """
    if not pairs:
        return rest * m / max(m - freedom, 1.0)
    both = np.append(rest, np.zeros(len(rest) % 2)).reshape(-1, 2)
    common = both.mean(axis=1, keepdims=True)
    draws = m / 2
    grown = common * draws / max(draws - 1, 1.0) + (both - common) * draws / max(draws - (freedom - 1), 1.0)
    return np.asarray(grown.ravel()[: len(rest)])


def _in_pairs(samples: Samples, share: NDArray[np.intp]) -> bool:
    """Say whether rows come as a coalition and its complement.

    Of several segmentations, those with fewer segments than others switch nothing in the last columns of either row.
    """
    rows = samples.block(share[: len(share) // 2 * 2]).coalitions
    one, other = rows[0::2], rows[1::2]
    unused = ~one & ~other if samples.parts is not None else np.False_
    return bool(np.all((one != other) | unused))


def _linear_part(samples: Samples, asked: NDArray[np.intp], difference: Floats) -> tuple[Floats, float]:
    """Return what a ridge over segments or cells predicts for every row, and its degrees of freedom.

    A constant where rows of different segmentations mean different things, or where there are too few.
    """
    if samples.parts is not None or len(asked) < 4 * samples.d:
        return np.full(len(samples), difference.mean()), 1.0
    sums = WeightedSums(samples.d, float(difference[0]))
    sums.update(samples.block(asked).coalitions, difference, np.ones(len(asked)))
    coefficients, freedom = cross_validated_ridge(sums)
    level = sums.intercept(coefficients)
    rows = (canonical(block.coalitions, np.float64) for _, block in samples.blocks())
    return np.concatenate([piece @ coefficients + level for piece in rows]), freedom
