"""The linear model that stands for the black box near one picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
from pydantic import BeforeValidator

from seewhy._types import Coalitions, Floats
from seewhy.settings import Settings, by_name, members
from seewhy.surrogate.regressors import BayesianRidge, Lasso, LeastSquares, Regressor, Ridge
from seewhy.surrogate.selection import Selection, select
from seewhy.surrogate.sums import WeightedSums

_Surrogate: TypeAlias = Ridge | LeastSquares | Lasso | BayesianRidge | Regressor


def _wrap(value: Any) -> Any:
    known = isinstance(value, Settings | str | dict)
    return value if known else Regressor(regressor=value)


SurrogateSetting = Annotated[_Surrogate, BeforeValidator(by_name(_Surrogate)), BeforeValidator(_wrap)]

SURROGATES: dict[str, type[Settings]] = members(_Surrogate)

Rows: TypeAlias = Iterator[tuple[Coalitions, Floats, Floats]]
"""Pieces of coalitions (B, d), scores (B,) and weights (B,)."""

__all__ = [
    "SURROGATES",
    "BayesianRidge",
    "Lasso",
    "LeastSquares",
    "LinearFit",
    "Regressor",
    "Ridge",
    "Selection",
    "SurrogateSetting",
    "WeightedSums",
    "fit",
    "select",
]


@dataclass(frozen=True)
class LinearFit:
    """A fitted surrogate."""

    coef: Floats
    """(d,): 0 for segments that were not selected."""
    intercept: float
    r2: float | None
    """Weighted R^2 on the samples; None if the scores never change."""


def fit(
    surrogate: _Surrogate, rows: Rows, *, d: int, origin: float, how: Selection, num_features: int | None
) -> LinearFit:
    """Fit ``surrogate`` to weighted rows, on selected segments only. ``origin`` is a typical score.

    Rows are summed up as they come; only surrogates that need the rows themselves keep them.
    """
    sums = WeightedSums(d, origin)
    kept: list[tuple[Coalitions, Floats, Floats]] = []
    needs_rows = isinstance(surrogate, BayesianRidge | Regressor)
    for x, y, weights in rows:
        sums.update(x.astype(np.float64), y, weights)
        if needs_rows:
            kept.append((x, y, weights))
    used = select(how, sums, num_features)
    coef = np.zeros(d)
    if not len(used):  # no segment changes, or none helps
        intercept = sums.intercept(coef)
    elif isinstance(surrogate, BayesianRidge | Regressor):
        x, y, weights = (np.concatenate(part) for part in zip(*kept, strict=True))
        coef[used], intercept = surrogate.fit_rows(x[:, used].astype(np.float64), y, weights)
    else:
        coef[used] = surrogate.solve(sums.only(used))
        intercept = sums.intercept(coef)
    return LinearFit(coef, intercept, sums.r2(coef, intercept))
