"""The linear model that stands for the black box near one picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from seewhy.core.layout import canonical
from seewhy.core.settings import Settings, by_name, members
from seewhy.core.types import Coalitions, Floats
from seewhy.estimation.intervals import Spread, meat
from seewhy.estimation.surrogate.regressors import BayesianRidge, Lasso, LeastSquares, Regressor, Ridge
from seewhy.estimation.surrogate.selection import Selection, select
from seewhy.estimation.surrogate.sums import WeightedSums

_Surrogate: TypeAlias = Ridge | LeastSquares | Lasso | BayesianRidge | Regressor


def _wrap(value: Any) -> Any:
    known = isinstance(value, Settings | str | dict)
    return value if known else Regressor(regressor=value)


SurrogateSetting = Annotated[_Surrogate, BeforeValidator(by_name(_Surrogate)), BeforeValidator(_wrap)]

SURROGATES: dict[str, type[Settings]] = members(_Surrogate)

SampleRows: TypeAlias = Iterator[tuple[Coalitions, Floats, Floats]]
"""Pieces of coalitions (B, d), scores (B,) and weights (B,)."""

__all__ = [
    "LEAST_DF",
    "SURROGATES",
    "BayesianRidge",
    "Lasso",
    "LeastSquares",
    "LinearFit",
    "Regressor",
    "Ridge",
    "SampleRows",
    "Selection",
    "SurrogateSetting",
    "WeightedSums",
    "fit",
    "sandwich",
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
    sums: WeightedSums
    """What it was fitted to."""

    @cached_property
    def fixed(self) -> NDArray[np.bool_]:
        """(d,): segments that are kept in every row that counts, or in none, so that nothing is known of them."""
        diagonal = np.diag(self.sums.xx)
        return np.asarray(diagonal <= _FLAT * self.sums.weight)

    @cached_property
    def spanned(self) -> int:
        """How many of the segments that change the rows tell from each other; fewer: many fits are as good."""
        if self.sums.factor(0.0) is not None:  # of full rank, and by far
            return self.sums.d
        free = ~self.fixed
        return int(np.linalg.matrix_rank(self.sums.xx[np.ix_(free, free)], hermitian=True, rtol=_RCOND))


def fit(surrogate: _Surrogate, rows: SampleRows, *, how: Selection, num_features: int | None) -> LinearFit:
    """Fit ``surrogate`` to weighted rows, at least one, on selected segments only.

    Rows are summed up as they come; only surrogates that need the rows themselves keep them.
    """
    sums: WeightedSums | None = None
    kept: list[tuple[Coalitions, Floats, Floats]] = []
    needs_rows = isinstance(surrogate, BayesianRidge | Regressor)
    for x, y, weights in (piece for piece in rows if len(piece[1])):
        sums = sums or WeightedSums(x.shape[1], float(y[0]))
        sums.update(x, y, weights)
        if needs_rows:
            kept.append((x, y, weights))
    if sums is None:
        msg = "a surrogate needs rows"
        raise ValueError(msg)
    used = select(how, sums, num_features)
    coef = np.zeros(sums.d)
    if not len(used):  # no segment changes, or none helps
        intercept = sums.intercept(coef)
    elif isinstance(surrogate, BayesianRidge | Regressor):
        x, y, weights = (np.concatenate(part) for part in zip(*kept, strict=True))
        coef[used], intercept = surrogate.fit_rows(canonical(x[:, used], np.float64), y, weights)
    else:
        coef[used] = surrogate.solve(sums.only(used))
        intercept = sums.intercept(coef)
    return LinearFit(coef, intercept, sums.r2(coef, intercept), sums)


def sandwich(linear: LinearFit, rows: SampleRows, *, penalty: float, pairs: bool) -> Spread | None:
    """Return the spread of weighted least squares, or of a ridge with this ``penalty``, over all segments.

    The variance is A^-1 (sum of s s^T) A^-1 with A the weighted sum of centered products and s the sum over one draw,
    a row or a pair, of weight times residual times centered coalition. It is scaled by G / (G - p) for G draws and p
    coefficients, the intercept counted unless pairs cancel it. None where too few draws are left to tell.

    Source: White (1980), doi:10.2307/1912934; Liang and Zeger (1986), doi:10.1093/biomet/73.1.13.
    """
    sums = linear.sums
    factor = sums.factor(penalty)
    center = sums.x_mean

    def scores() -> Iterator[Floats]:
        for piece in rows:
            x, y, weights = (canonical(part, np.float64) for part in piece)
            residual = y - linear.intercept - x @ linear.coef
            yield (weights * residual)[:, None] * (x - center)

    if factor is None:
        bread = np.linalg.pinv(sums.xx + penalty * np.eye(sums.d), rcond=1e-12, hermitian=True)
    else:
        bread = factor.inverse()
    total, draws = meat(scores(), draw=2 if pairs else 1)
    df = draws - sums.d - (0 if pairs else 1)
    if df < LEAST_DF:
        return None
    # What rounding leaves of residuals that are exactly zero is not noise.
    floor = 1e-26 * (sums.yy + sums.weight * (sums.y_mean**2 + linear.sums.origin**2))
    if float(np.trace(total)) <= floor * draws:
        total = np.zeros_like(total)
    unknown = linear.fixed if linear.fixed.any() else None
    return Spread(linear.coef, bread @ total @ bread * (draws / df), df, unknown)


_RCOND = 1e-12
"""Share of the largest eigenvalue below which a direction counts as not asked for; least squares cuts there too."""
_FLAT = 1e-12
"""Weighted variance of a segment that never changes, but for rounding."""
LEAST_DF = 3
"""With fewer degrees of freedom an interval carries no information."""
