"""The local linear model of ``lime``, for one label: weights, feature selection, fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.layout import canonical
from seewhy.core.text import shown
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.surrogate import Ridge, Selection, WeightedSums, select

Kernel = Callable[..., Any]
"""From distances (n,) and a ``kernel_width`` to weights (n,)."""

SELECTIONS: dict[str, Selection] = {
    "auto": "auto",
    "none": "none",
    "forward_selection": "forward-selection",
    "highest_weights": "highest-weights",
    "lasso_path": "lasso-path",
}
"""lime's names for ways to choose features."""


def exponential(d: Any, kernel_width: float) -> Any:
    """Return lime's weights for distances ``d``: sqrt(exp(-d^2 / kernel_width^2))."""
    return np.sqrt(np.exp(-(d**2) / kernel_width**2))


def weights_of(coalitions: Coalitions, metric: Any, kernel: Kernel, kernel_width: float | None) -> Floats:
    """Return the weight (n,) of each coalition (n, d) by its distance from the first one.

    Raises
    ------
    InvalidInput
        There is no such metric, or the kernel does not give one finite weight of at least 0 a row.
    """
    width = 0.75 * float(np.sqrt(coalitions.shape[1])) if kernel_width is None else kernel_width
    found = np.asarray(kernel(_distances(coalitions, metric), kernel_width=width), dtype=np.float64)
    if found.shape != (len(coalitions),) or not (np.isfinite(found).all() and found.min() >= 0 and found.max() > 0):
        raise InvalidInput.of(
            "kernel", f"give finite weights of at least 0, not all 0, for distances ({len(coalitions)},)", found
        )
    return found


def _distances(coalitions: Coalitions, metric: Any) -> Floats:
    from sklearn.metrics import pairwise_distances
    from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS

    is_of_sets = isinstance(metric, str) and metric in PAIRWISE_BOOLEAN_FUNCTIONS
    rows = coalitions if is_of_sets else coalitions.astype(np.float64)
    try:
        return np.asarray(pairwise_distances(rows, rows[:1], metric=metric), dtype=np.float64).ravel()
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            (f"distance_metric must be one of sklearn.metrics.pairwise_distances, got {shown(metric)}: {error}"),
            setting="distance_metric",
            rule="be a metric of sklearn.metrics.pairwise_distances",
            value=metric,
        ) from error


@dataclass(frozen=True)
class LocalFit:
    """A linear model of one label."""

    intercept: Any
    weights: list[tuple[int, float]]
    """(column of the coalitions, weight), the largest magnitude first; selected columns only."""
    score: float
    """Weighted R^2 on the samples; 1 where the scores never change."""
    local_pred: NDArray[Any]
    """(1,): what the model says of the whole image."""


def fit_label(
    x: Coalitions, y: Floats, weights: Floats, *, how: Selection, num_features: int, regressor: Any = None
) -> LocalFit:
    """Fit coalitions (n, d) to the scores (n,) of one label, by a ridge with alpha 1 or the regressor handed in."""
    rows = canonical(x, np.float64)
    sums = WeightedSums(x.shape[1], float(y[0]))
    sums.update(rows, y, weights)
    used = select(how, sums, num_features)
    if regressor is not None and used.size:
        return _by_regressor(regressor, canonical(rows[:, used], np.float64), y, weights, used)
    part = sums.only(used)
    coef = Ridge(alpha=1.0).solve(part)
    intercept = part.intercept(coef)
    r2 = part.r2(coef, intercept)
    return LocalFit(intercept, _ranked(used, coef), 1.0 if r2 is None else r2, np.array([intercept + coef.sum()]))


def _by_regressor(regressor: Any, x: Floats, y: Floats, weights: Floats, used: NDArray[np.intp]) -> LocalFit:
    """Fit the very regressor handed in, as lime does: it stays fitted to the last label."""
    missing = [name for name in ("fit", "score", "predict") if not callable(getattr(regressor, name, None))]
    if missing or isinstance(regressor, type):
        raise InvalidInput.of("model_regressor", "be a regressor object with fit, score and predict", regressor)
    regressor.fit(x, y, sample_weight=weights)
    coef = np.ravel(getattr(regressor, "coef_", np.nan)).astype(np.float64)
    if coef.shape != used.shape:
        raise InvalidInput(
            (
                f"model_regressor must have one coefficient a segment after fit, ({len(used)},), got "
                f"coef_ of shape {coef.shape} from {shown(regressor)}"
            ),
            setting="model_regressor",
            rule="have one coefficient per segment",
            value=coef.shape,
        )
    score = float(regressor.score(x, y, sample_weight=weights))
    local_pred = np.asarray(regressor.predict(x[:1]))
    return LocalFit(getattr(regressor, "intercept_", 0.0), _ranked(used, coef), score, local_pred)


def _ranked(used: NDArray[np.intp], coef: Floats) -> list[tuple[int, float]]:
    order = np.argsort(-np.abs(coef), kind="stable")
    return [(int(used[i]), float(coef[i])) for i in order]
