"""Feature selection before the surrogate: which segments it may use. As in ``lime``, from the sums alone."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Floats
from seewhy.estimation.surrogate.sums import WeightedSums

Selection: TypeAlias = Literal["none", "auto", "highest-weights", "forward-selection", "lasso-path"]

_LIME_RIDGE = 0.01
_LIME_FORWARD_UP_TO = 6


def select(how: Selection, sums: WeightedSums, num_features: int | None) -> NDArray[np.intp]:
    """Return the indices of the segments that the surrogate uses, in increasing order.

    Source: lime 0.2.0.1, ``lime_base.LimeBase.feature_selection``; ``auto`` is forward selection for at most six
    features, else highest weights.
    """
    if how == "auto":
        few = num_features is not None and num_features <= _LIME_FORWARD_UP_TO
        how = "forward-selection" if few else "highest-weights"
    if num_features is None or num_features >= sums.d or how == "none":
        return np.arange(sums.d)
    chosen = {"highest-weights": _highest_weights, "forward-selection": _forward, "lasso-path": _lasso_path}[how]
    return np.sort(chosen(sums, num_features))


def _highest_weights(sums: WeightedSums, count: int) -> NDArray[np.intp]:
    """Return the largest coefficients, by magnitude, of a ridge over all segments."""
    coef = np.linalg.solve(sums.xx + _LIME_RIDGE * np.eye(sums.d), sums.xy)
    return np.argsort(-np.abs(coef), kind="stable")[:count]


def _forward(sums: WeightedSums, count: int) -> NDArray[np.intp]:
    """Add, one by one, the segment that raises R^2 of least squares most.

    Each step removes the chosen segment's part from all others, so the gain of every candidate is one division.
    """
    xx, xy = sums.xx.copy(), sums.xy.copy()
    start = np.diag(xx).copy()
    chosen: list[int] = []
    for _ in range(count):
        left = np.diag(xx)
        gain = np.divide(xy**2, left, out=np.full(sums.d, -np.inf), where=left > 1e-12 * start)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        if not np.isfinite(gain[best]):
            break
        chosen.append(best)
        row: Floats = xx[best] / xx[best, best]
        xy = xy - row * xy[best]
        xx = xx - np.outer(xx[:, best], row)
    return np.asarray(chosen, dtype=np.intp)


def _lasso_path(sums: WeightedSums, count: int) -> NDArray[np.intp]:
    """Return the last set on the lasso path that has at most ``count`` segments."""
    from sklearn.linear_model import lars_path_gram

    _, _, path = lars_path_gram(Xy=sums.xy, Gram=sums.xx, n_samples=sums.n, method="lasso")
    sizes = np.count_nonzero(path, axis=0)
    last = int(np.flatnonzero(sizes <= count)[-1])
    return np.flatnonzero(path[:, last])
