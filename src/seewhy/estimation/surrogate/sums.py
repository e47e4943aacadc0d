"""Weighted sums of coalitions and scores: all that a linear surrogate needs to know, whatever n is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seewhy.core.layout import canonical
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.positive import MANY, Cholesky


class WeightedSums:
    """Sums that grow by :meth:`update`, in float64; two halves of a run give the same as the whole.

    ``x`` are the coalitions (B, d), ``y`` the scores (B,), ``weights`` (B,) of the locality kernel. Scores are
    measured from ``origin``, so a constant model gives exactly zero.
    """

    def __init__(self, d: int, origin: float) -> None:
        self.d, self.origin = d, origin
        self.n = 0
        self._squares = 0.0
        self._moments = np.zeros((d + 2, d + 2))
        self._factors: dict[float, Cholesky | None] = {}

    def update(self, x: Coalitions | Floats, y: Floats, weights: Floats) -> None:
        """Add rows."""
        x, y, weights = (canonical(part, np.float64) for part in (x, y, weights))
        rows = np.column_stack([np.ones(len(x)), x, y - self.origin])
        if self.d < MANY:
            self._moments += rows.T @ (weights[:, None] * rows)
        else:  # a product with itself takes half the work
            rows *= np.sqrt(weights)[:, None]
            self._moments += rows.T @ rows
        self._factors.clear()
        self._squares += float(weights @ weights)
        self.n += len(x)

    def only(self, used: NDArray[np.intp]) -> WeightedSums:
        """Return the sums over some of the segments."""
        if len(used) == self.d:
            return self
        part = WeightedSums(len(used), self.origin)
        places = np.concatenate([[0], used + 1, [self.d + 1]])
        part._moments = self._moments[np.ix_(places, places)]
        part.n = self.n
        return part

    @property
    def weight(self) -> float:
        """Sum of the weights."""
        return float(self._moments[0, 0])

    @property
    def effective(self) -> float:
        """Rows of equal weight that would say as much: Kish's (sum of w)^2 / (sum of w^2)."""
        return self.weight**2 / self._squares if self._squares > 0 else 0.0

    @property
    def x_mean(self) -> Floats:
        """(d,) weighted mean of the coalitions."""
        return self._moments[0, 1:-1] / self.weight

    @property
    def y_mean(self) -> float:
        """Weighted mean of the scores, from ``origin``."""
        return float(self._moments[0, -1] / self.weight)

    @property
    def xx(self) -> Floats:
        """(d, d) weighted sum of products of centered coalitions."""
        return self._moments[1:-1, 1:-1] - self.weight * np.outer(self.x_mean, self.x_mean)

    @property
    def xy(self) -> Floats:
        """(d,) weighted sum of products of centered coalitions and centered scores."""
        return self._moments[1:-1, -1] - self.weight * self.x_mean * self.y_mean

    @property
    def yy(self) -> float:
        """Weighted sum of squared centered scores."""
        return float(self._moments[-1, -1] - self.weight * self.y_mean**2)

    def factor(self, penalty: float) -> Cholesky | None:
        """Return the factorization of ``xx`` with a penalty on its diagonal, made once; None: see :class:`Cholesky`."""
        if self.d >= MANY and penalty not in self._factors:
            xx = self.xx
            xx.flat[:: self.d + 1] += penalty
            self._factors[penalty] = Cholesky.of(xx)
        return self._factors.get(penalty)

    def intercept(self, coef: Floats) -> float:
        """Return the constant that goes with ``coef`` (d,)."""
        return float(self.origin + self.y_mean - self.x_mean @ coef)

    def r2(self, coef: Floats, intercept: float) -> float | None:
        """Return the weighted R^2 on the samples; None if the scores never change."""
        # Rounding leaves about 1e-16 of the uncentered sum behind where nothing varies.
        if self.yy <= 1e-14 * max(float(self._moments[-1, -1]), np.finfo(float).tiny):
            return None
        offset = self.intercept(coef) - intercept
        residual = self.yy - 2 * coef @ self.xy + coef @ self.xx @ coef + self.weight * offset**2
        return float(1 - residual / self.yy)
