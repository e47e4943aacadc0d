"""Means of independent estimates that do not weigh the same, and how far chance may have moved them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seewhy.core.layout import canonical
from seewhy.core.types import Floats


@dataclass(frozen=True, eq=False)
class Shares:
    """What each of several independent estimates contributes to their mean."""

    values: Floats
    """(B,); they sum to 1."""

    @classmethod
    def of(cls, weights: Floats) -> Shares:
        """Return weights (B,), all above 0, as shares of their sum."""
        given = canonical(weights, np.float64)
        return cls(given / given.sum())

    @cached_property
    def factors(self) -> Floats:
        """(B,): the variance of the mean is estimated by the sum of factor times squared difference to the mean.

        With shares w and estimates of one variance s, a squared difference is (1 - 2 w + sum of w squared) s on
        average. Divided by it, each is an unbiased estimate of s, and counts with w squared. Equal shares give the
        usual 1 / (B (B - 1)); one estimate alone tells nothing and gives 0. Where variances differ, each estimate
        still speaks for its own, nearly without bias.

        Source: Horn, Horn and Duncan (1975), doi:10.1080/01621459.1975.10479877, the almost unbiased estimator.
        """
        if len(self.values) == 1:
            return np.zeros(1)
        squared = self.values**2
        return np.asarray(squared / (1 - 2 * self.values + squared.sum()))

    @cached_property
    def df(self) -> float:
        """Degrees of freedom of that estimate, matched to its first two moments for normal estimates of one variance.

        Equal shares give B - 1.

        Source: Satterthwaite (1946), doi:10.2307/3002019.
        """
        away = np.eye(len(self.values)) - self.values  # differences to the mean, as rows over estimates
        form = away.T @ (self.factors[:, None] * away)
        return float(np.trace(form) ** 2 / np.sum(form**2))


def mean_and_variance(maps: Iterable[Floats], shares: Shares) -> tuple[Floats, Floats]:
    """Return the mean of maps with ``shares``, and the estimated variance of that mean; holds one map at a time.

    Squared differences are added up around the mean by factors, and moved to the mean by shares at the end.

    Source: West (1979), doi:10.1145/359146.359153, updating with weights.
    """
    mean, inner, squares, total = np.zeros(()), np.zeros(()), np.zeros(()), 0.0
    for one, share, factor in zip(maps, shares.values.tolist(), shares.factors.tolist(), strict=True):
        mean = mean + share * one
        total += factor
        away = one - inner
        inner = inner + away * (factor / total if total else 1.0)
        away *= one - inner
        squares = squares + factor * away
    return mean, squares + total * (inner - mean) ** 2
