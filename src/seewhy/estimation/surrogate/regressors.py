"""Linear surrogates by name: each turns weighted sums, or the rows themselves, into one coefficient a segment.

Least squares, ridge and lasso need only :class:`WeightedSums`. Bayesian ridge and regressors of the user's own
get the rows as float64 (8 n d bytes while they fit).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import field_serializer, field_validator

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, setting
from seewhy.core.types import Floats
from seewhy.estimation.surrogate.sums import WeightedSums

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
"""Where an object lies in memory, which does not identify it and differs from process to process."""


class Ridge(Settings):
    """Ridge regression: sum of w (y - b0 - x b)^2 plus alpha |b|^2, the intercept free; lime's default."""

    source: ClassVar[str] = "Hoerl and Kennard (1970), doi:10.1080/00401706.1970.10488634; lime 0.2.0.1"

    name: Literal["ridge"] = "ridge"
    alpha: Annotated[float, setting("penalty on squared coefficients", ge=0, le=1e9, search=(1e-3, 100), log=True)] = (
        1.0
    )

    def solve(self, sums: WeightedSums) -> Floats:
        """Return coefficients (d,)."""
        if self.alpha == 0:
            return _least_squares(sums)
        factor = sums.factor(self.alpha)
        if factor is not None:
            return factor.solve(sums.xy)
        return np.asarray(np.linalg.solve(sums.xx + self.alpha * np.eye(sums.d), sums.xy))


class LeastSquares(Settings):
    """Weighted least squares without shrinkage; the smallest solution where it is not unique."""

    source: ClassVar[str] = "Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938, eq. 2"

    name: Literal["least-squares"] = "least-squares"

    def solve(self, sums: WeightedSums) -> Floats:
        """Return coefficients (d,)."""
        return _least_squares(sums)


class Lasso(Settings):
    """Lasso: half the weighted mean of (y - b0 - x b)^2 plus alpha |b|_1, scikit-learn's scale."""

    source: ClassVar[str] = "Tibshirani (1996), doi:10.1111/j.2517-6161.1996.tb02080.x"

    name: Literal["lasso"] = "lasso"
    alpha: Annotated[float, setting("penalty on absolute coefficients", gt=0, le=1e9, search=(1e-4, 1), log=True)] = (
        0.01
    )

    def solve(self, sums: WeightedSums) -> Floats:
        """Return coefficients (d,).

        The lasso depends on the rows only through their sums, so it is solved on d rows that have the same
        sums: the symmetric root of the covariance.
        """
        from sklearn.linear_model import Lasso as SklearnLasso

        rows, answers = _equal_rows(sums.xx / sums.weight, sums.xy / sums.weight)
        model = SklearnLasso(alpha=self.alpha / sums.d, fit_intercept=False, tol=1e-10, max_iter=100_000)
        return np.asarray(model.fit(rows, answers).coef_)


class BayesianRidge(Settings):
    """Bayesian ridge: the penalty is found from the samples by maximizing the evidence."""

    source: ClassVar[str] = "Tipping (2001), JMLR 1; MacKay (1992), doi:10.1162/neco.1992.4.3.415"

    name: Literal["bayesian-ridge"] = "bayesian-ridge"
    max_iter: Annotated[int, setting("most iterations", ge=1, le=100_000)] = 300
    tol: Annotated[float, setting("change at which it stops", gt=0, le=1)] = 1e-3
    alpha_1: Annotated[float, setting("shape of the prior on the noise's precision", ge=0)] = 1e-6
    alpha_2: Annotated[float, setting("rate of the prior on the noise's precision", ge=0)] = 1e-6
    lambda_1: Annotated[float, setting("shape of the prior on the coefficients' precision", ge=0)] = 1e-6
    lambda_2: Annotated[float, setting("rate of the prior on the coefficients' precision", ge=0)] = 1e-6

    def fit_rows(self, x: Floats, y: Floats, weights: Floats) -> tuple[Floats, float]:
        """Return coefficients (d,) and the intercept."""
        from sklearn.linear_model import BayesianRidge as SklearnBayesianRidge

        model = SklearnBayesianRidge(**self.model_dump(exclude={"name"}))
        origin = y[0]  # measured from a score, constant scores are exactly 0
        fitted = model.fit(x, y - origin, sample_weight=weights)
        return np.asarray(fitted.coef_), float(origin + fitted.intercept_)


class Regressor(Settings):
    """Any scikit-learn regressor with ``coef_`` whose ``fit`` takes ``sample_weight``; Python only."""

    source: ClassVar[str] = "the user"

    name: Literal["regressor"] = "regressor"
    regressor: Annotated[Any, setting("regressor object; it is cloned, never changed")]

    @field_validator("regressor")
    @classmethod
    def _fits(cls, value: Any) -> Any:
        if isinstance(value, str | type) or not callable(getattr(value, "fit", None)):
            msg = "must be a regressor object with a fit method (files and flags know named surrogates only)"
            raise ValueError(msg)  # noqa: TRY004  # pydantic turns it into a message
        if not _takes_weights(value.fit):
            msg = "must be a regressor whose fit takes sample_weight"
            raise ValueError(msg)
        return value

    @field_serializer("regressor")
    def _as_text(self, value: Any) -> str:
        return _ADDRESS.sub("", repr(value))

    def fit_rows(self, x: Floats, y: Floats, weights: Floats) -> tuple[Floats, float]:
        """Return coefficients (d,) and the intercept."""
        from sklearn.base import clone

        fitted = clone(self.regressor).fit(x, y, sample_weight=weights)
        coef = np.asarray(getattr(fitted, "coef_", np.nan), dtype=np.float64).ravel()
        if coef.shape != (x.shape[1],):
            msg = (
                f"the surrogate must have one coefficient per segment after fit, ({x.shape[1]},), "
                f"got coef_ of shape {coef.shape} from {self.regressor!r}"
            )
            raise InvalidInput(msg, setting="surrogate", rule="have one coefficient per segment", value=coef.shape)
        return coef, float(np.ravel(getattr(fitted, "intercept_", 0.0))[0])


def _takes_weights(fit: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(fit).parameters.values()
    except (TypeError, ValueError):  # a compiled function may not tell
        return True
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def _least_squares(sums: WeightedSums) -> Floats:
    factor = sums.factor(0.0)
    return np.asarray(np.linalg.lstsq(sums.xx, sums.xy, rcond=1e-12)[0]) if factor is None else factor.solve(sums.xy)


def _equal_rows(xx: Floats, xy: Floats) -> tuple[Floats, Floats]:
    """Return rows (d, d) and answers (d,) with ``rows.T @ rows == xx`` and ``rows.T @ answers == xy``."""
    eigenvalues, vectors = np.linalg.eigh(xx)
    roots = np.sqrt(np.maximum(eigenvalues, 0))
    inverse = np.divide(1, roots, out=np.zeros_like(roots), where=roots > 1e-9 * max(roots.max(), 1e-300))
    return roots[:, None] * vectors.T, inverse * (vectors.T @ xy)
