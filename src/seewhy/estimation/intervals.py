"""How far chance may have moved an answer: covariances from independent draws, and what follows from them.

A design draws its rows one by one or in pairs; draws are independent of each other, rows of a pair are not. All
covariances here are between draws, so they are right whatever the model does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from seewhy.core.layout import canonical
from seewhy.core.randomness import generator
from seewhy.core.types import Floats
from seewhy.estimation.positive import MANY, Cholesky

LEVEL = 0.95
"""Of every interval, unless said otherwise."""

FEWEST = 6
"""Independent values that a bootstrap of their mean needs: with 5, intervals of 95 % hold in 83 to 92 %."""

_DRAWS = 4000
_DRAWS_OF_MANY = 1000
"""Draws of many values: their largest varies less, so that as few tell its quantile to half a percent."""
_ZONE = 0.05
"""Share of the range of values within which an order does not matter."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Values with the covariance of their estimates."""

    values: Floats
    """(m,)"""
    covariance: Floats
    """(m, m)"""
    df: float
    """Degrees of freedom of the covariance."""
    unknown: NDArray[np.bool_] | None = None
    """(m,): True where the samples say nothing of a value, so that its covariance of 0 is not certainty."""

    def __post_init__(self) -> None:
        for name in ("values", "covariance"):
            object.__setattr__(self, name, canonical(getattr(self, name), np.float64))

    @cached_property
    def se(self) -> Floats:
        """(m,): standard errors, infinite where nothing is known."""
        se = np.sqrt(np.maximum(np.diag(self.covariance), 0))
        return se if self.unknown is None else np.where(self.unknown, np.inf, se)

    def t(self, level: float = LEVEL) -> float:
        """Return how many standard errors an interval of this level reaches to each side."""
        return _t(1 - (1 - level) / 2, self.df)

    def simultaneous(self, level: float = LEVEL) -> float:
        """Return how many standard errors all intervals must reach to hold at once (max-t).

        The Gaussian multiplier bootstrap of sums over draws is, given the samples, exactly normal with their
        covariance, so it is drawn from directly.

        Source: Chernozhukov, Chetverikov and Kato (2013), doi:10.1214/13-AOS1161.
        """
        known = (self.se > 0) & np.isfinite(self.se)
        if not known.any():
            return self.t(level)
        largest = np.max(np.abs(self._deviations[:, known]) / self.se[known], axis=1)
        return float(np.quantile(largest, level))

    @cached_property
    def error(self) -> float:
        """Estimated relative error of the whole answer: root of the summed variances over the length of the values.

        The length is bias-corrected for noise; infinite where there is more noise than signal, 0 where nothing
        varies.
        """
        noise = float(np.trace(self.covariance))
        return _ratio(noise, self._signal)

    def bound(self, alpha: float, *, certain: bool = False) -> float:
        """Return the relative error that is exceeded with chance ``alpha``, from the law of the squared error.

        ``certain``: as if the covariance were known, which it nearly is after more samples.
        """
        eigenvalues = self._eigenvalues
        eigenvalues = eigenvalues[eigenvalues > 1e-6 * max(eigenvalues.max(initial=0), 0)]
        rng = generator(0, "interval", 1)
        squares = rng.standard_normal((_DRAWS, len(eigenvalues))) ** 2 @ eigenvalues
        if not certain:
            squares *= self._inflation(rng, _DRAWS)
        return _ratio(float(np.quantile(squares, 1 - alpha)), self._signal)

    def ranks(self, level: float = LEVEL) -> NDArray[np.intp]:
        """Return (m, 2): the best and the worst rank by magnitude that each value may have, all at once.

        Two values are distinguishable if their difference is significant after Bonferroni's correction for all pairs.
        """
        m = len(self.values)
        limit = _t(1 - (1 - level) / max(m * (m - 1), 1), self.df)
        difference, se = self._differences()
        if self.unknown is not None:
            se = np.where(self.unknown | self.unknown[:, None], np.inf, se)
        ahead = difference > limit * se
        return np.stack([1 + ahead.sum(axis=0), m - ahead.sum(axis=1)], axis=1)

    def separated(self, k: int, alpha: float) -> bool:
        """Say whether the ``k`` largest magnitudes are distinguishable from all others at level ``alpha``.

        Pairs closer than 5 % of the range of values, with a difference known to within that zone, count as settled:
        either of the two may be in the set.
        """
        m = len(self.values)
        if k >= m:
            return True
        order = np.argsort(-np.abs(self.values), kind="stable")
        difference, se = (part[np.ix_(order[:k], order[k:])] for part in self._differences())
        reach = _t(1 - alpha / (k * (m - k)), self.df) * se
        zone = _ZONE * float(np.ptp(np.append(self.values, 0)))
        return bool(np.all((difference > reach) | (difference + reach <= zone)))

    def same_top(self, most: int) -> list[float]:
        """Return, for k = 1 to ``most``, the chance that another run finds the same k largest magnitudes.

        From draws around the values; the true set is not known, so this speaks of repeatability.
        """
        order = np.argsort(-np.abs(self.values), kind="stable")
        drawn = np.abs(self.values + self._deviations)
        first, others = drawn[:, order[:most]], drawn[:, order[most:]].max(axis=1, keepdims=True, initial=0)
        weakest = np.minimum.accumulate(first, axis=1)
        # Of what stands behind the first k, the strongest; behind all of them stands nothing.
        ends = first if len(order) <= most else np.hstack([first, others])
        behind = np.maximum.accumulate(ends[:, :0:-1], axis=1)[:, ::-1]
        same = [float(np.mean(weakest[:, k] >= behind[:, k])) for k in range(behind.shape[1])]
        return same + [1.0] * (min(most, len(order)) - len(same))

    @property
    def _signal(self) -> float:
        return float(self.values @ self.values) - float(np.trace(self.covariance))

    @cached_property
    def _eigen(self) -> tuple[Floats, Floats]:
        eigenvalues, vectors = np.linalg.eigh(self.covariance)
        return eigenvalues, vectors

    @cached_property
    def _eigenvalues(self) -> Floats:
        return np.asarray(np.linalg.eigvalsh(self.covariance)) if len(self.values) >= MANY else self._eigen[0]

    @cached_property
    def _root(self) -> Floats:
        """(m, m): a matrix whose product with its transpose is the covariance."""
        if len(self.values) >= MANY and not self.covariance.any():
            return self.covariance
        factor = Cholesky.of(self.covariance)
        if factor is not None:
            return factor.lower
        eigenvalues, vectors = self._eigen
        return np.asarray(vectors * np.sqrt(np.maximum(eigenvalues, 0)))

    @cached_property
    def _deviations(self) -> Floats:
        """(draws, m): what chance may add to the values."""
        draws = _DRAWS if len(self.values) < MANY else _DRAWS_OF_MANY
        rng = generator(0, "interval", 0)
        found = rng.standard_normal((draws, len(self.values))) @ self._root.T
        return np.asarray(found * np.sqrt(self._inflation(rng, draws))[:, None])

    def _inflation(self, rng: np.random.Generator, draws: int) -> Floats:
        """Return (draws,): how far an estimated variance may be from the true one."""
        if not math.isfinite(self.df):
            return np.ones(draws)
        return np.asarray(self.df / rng.chisquare(self.df, draws))

    def _differences(self) -> tuple[Floats, Floats]:
        """Return (m, m): magnitude of the row less that of the column, and its standard error."""
        signs = np.where(self.values < 0, -1.0, 1.0)
        turned = self.covariance * np.outer(signs, signs)
        variance = np.diag(turned)[:, None] + np.diag(turned) - 2 * turned
        size = np.abs(self.values)
        return size[:, None] - size, np.sqrt(np.maximum(variance, 0))


def meat(pieces: Iterable[Floats], *, draw: int) -> tuple[Floats, int]:
    """Return the sum over draws of the outer product of their scores, (m, m), and the number of draws.

    Parameters
    ----------
    pieces
        Rows (B, m) of estimating scores, in order; every piece but the last holds whole draws.
    draw
        Rows of one draw: 1, 2 where rows come in pairs, or those of a block.

    Source: Liang and Zeger (1986), doi:10.1093/biomet/73.1.13, the middle of the sandwich.
    """
    total: Floats | None = None
    draws = 0
    for rows in pieces:
        sums = canonical(rows, np.float64)
        if draw > 1:
            missing = np.zeros((-len(rows) % draw, rows.shape[1]))
            sums = np.concatenate([sums, missing]).reshape(-1, draw, rows.shape[1]).sum(axis=1)
        total = sums.T @ sums if total is None else total + sums.T @ sums
        draws += len(sums)
    return np.zeros((0, 0)) if total is None else total, draws


def groups(n: int, block: int, *, pairs: bool, most: int = 20) -> list[slice]:
    """Cut ``n`` rows into at most ``most`` stretches of whole blocks, or of whole draws where blocks are few."""
    unit = block if n >= 8 * block else 2 if pairs else 1
    units = n // unit
    count = min(most, units)
    if count < 2:
        return []
    edges = [unit * (units * i // count) for i in range(count)] + [n]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def mean_and_squares(maps: Iterable[Floats]) -> tuple[int, Floats, Floats]:
    """Return how many maps there are, their mean, and the sum of squared differences to it; holds one at a time.

    Source: Welford (1962), doi:10.1080/00401706.1962.10490022.
    """
    number, mean, squares = 0, np.zeros(()), np.zeros(())
    for number, one in enumerate(maps, start=1):
        away = one - mean
        mean = mean + away / number
        away *= one - mean
        squares = squares + away
    return number, mean, squares


def jackknife(values: Floats, without: Sequence[Floats]) -> Spread | None:
    """Return the spread of ``values`` (m,) from estimates that leave one group of draws out at a time.

    Source: Quenouille (1956), doi:10.1093/biomet/43.3-4.353; Tukey (1958). None from fewer than two groups.
    """
    count = len(without)
    if count < 2:
        return None
    left = canonical(np.stack(without), np.float64)
    away = left - np.mean(left, axis=0)
    return Spread(values, away.T @ away * ((count - 1) / count), count - 1)


def expanded_tail(n: int) -> float:
    """Return which quantile of bootstrap means of ``n`` independent values ends a 95 % interval, to be taken twice.

    A sample varies less than what it was drawn from, and Student's t is wider than the normal: both matter for few.

    Source: Hesterberg (2015), doi:10.1080/00031305.2015.1089789, the expanded percentile interval.
    """
    from scipy.special import ndtr

    return float(ndtr(-math.sqrt(n / (n - 1)) * _t(1 - (1 - LEVEL) / 2, n - 1)))


def _ratio(noise: float, signal: float) -> float:
    if noise <= 0:
        return 0.0
    return math.sqrt(noise / signal) if signal > 0 else math.inf


def _t(quantile: float, df: float) -> float:
    """Return a quantile of Student's t, of the normal law for infinite ``df``."""
    from scipy.special import ndtri, stdtrit  # scipy.stats would take a second to load

    return float(stdtrit(df, quantile) if math.isfinite(df) else ndtri(quantile))
