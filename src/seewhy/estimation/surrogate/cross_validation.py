"""A ridge whose penalty is chosen by generalized cross-validation, from sums alone."""

from __future__ import annotations

import numpy as np

from seewhy.core.types import Floats
from seewhy.estimation.surrogate.sums import WeightedSums

_PENALTIES = np.logspace(-6, 2, 33)
"""Tried, in units of the largest eigenvalue."""


def cross_validated_ridge(sums: WeightedSums) -> tuple[Floats, float]:
    """Return ridge coefficients (d,) and trace(H), their degrees of freedom.

    The penalty minimizes V = (RSS / n) / (1 - trace(H) / n)^2, H being the matrix from scores to fitted scores, with
    the intercept as one degree of freedom. For rows of weight 1.

    Source: Golub, Heath and Wahba (1979), doi:10.1080/00401706.1979.10489751, equation 1.4.
    """
    eigenvalues, vectors = np.linalg.eigh(sums.xx)
    eigenvalues = np.maximum(eigenvalues, 0)
    if eigenvalues[-1] == 0 or sums.yy <= 0:
        return np.zeros(sums.d), 1.0
    turned = vectors.T @ sums.xy
    added = eigenvalues + _PENALTIES[:, None] * eigenvalues[-1]
    residual = sums.yy - np.sum(turned**2 * (2 * added - eigenvalues) / added**2, axis=1)
    free = 1 - (1 + np.sum(eigenvalues / added, axis=1)) / sums.n
    usable = free > 0.05  # with hardly a degree of freedom left the criterion is meaningless
    score = np.where(usable, np.maximum(residual, 0) / np.maximum(free, 0.05) ** 2, np.inf)
    best = int(np.argmin(score))
    return np.asarray(vectors @ (turned / added[best])), float(sums.n * (1 - free[best]))
