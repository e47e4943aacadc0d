"""Shapley values from the same rows: KernelSHAP, a least squares that must add up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.layout import canonical
from seewhy.core.types import Floats
from seewhy.estimation.intervals import Spread, meat
from seewhy.estimation.positive import inverse as inverse_of
from seewhy.sampling.samples import Samples

_COVERED = 0.999
"""Share of the kernel that the sizes of the samples must cover."""


@dataclass(frozen=True)
class ShapleyFit:
    """Values that add up to the score of the unmasked image less that of the fully masked image."""

    values: Floats
    """(d,)"""
    base: float
    """Score of the fully masked image."""
    spread: Spread | None


def shapley_values(samples: Samples, scores: Floats, *, pairs: bool, exact: bool) -> ShapleyFit:
    """Return Shapley values by weighted least squares under the constraint that they add up.

    Rows of the same size k share the kernel's mass mu_k ~ (d - 1) / (k (d - k)) equally, so it does not matter how
    often a size was drawn, only that subsets of a size were drawn alike.

    Parameters
    ----------
    scores
        (n,) of the class.
    pairs
        Rows 2i and 2i+1 are one draw.
    exact
        The rows are all there are, so nothing is random.

    Raises
    ------
    InvalidInput
        The samples lack the fully masked image or the unmasked image, or sizes that the kernel needs: see the designs.

    Source: Lundberg and Lee (2017), arXiv:1705.07874, theorem 2; Covert and Lee (2021), arXiv:2012.01536, eq. 7.
    """
    d, scores = samples.d, canonical(scores, np.float64)
    sizes = np.concatenate([block.coalitions.sum(axis=1) for _, block in samples.blocks()])
    counts = np.bincount(sizes, minlength=d + 1)
    mass = _kernel(d)
    covered = float(mass[counts > 0].sum())
    if counts[0] == 0 or counts[d] == 0 or covered < _COVERED:
        raise InvalidInput(
            (
                "Shapley values need coalitions of all sizes, including the empty and the full one, but "
                f"these samples cover {100 * covered:.0f} % of the kernel; use design='shapley' with at "
                "least one block of samples, or 'exhaustive' for few segments"
            ),
            setting="samples",
            rule="cover the Shapley kernel",
            value=covered,
        )
    empty, full = float(scores[sizes == 0][0]), float(scores[sizes == d][0])
    shares = np.divide(mass / covered, counts, out=np.zeros(d + 1), where=counts > 0)
    weights = shares[sizes]

    a, b = np.zeros((d, d)), np.zeros(d)
    for place, block in samples.blocks():
        z = canonical(block.coalitions, np.float64)
        a += z.T @ (weights[place, None] * z)
        b += z.T @ (weights[place] * (scores[place] - empty))
    inverse = inverse_of(a)
    ones = inverse.sum(axis=1)
    free = inverse - np.outer(ones, ones) / ones.sum()
    values = free @ b + ones * ((full - empty) / ones.sum())

    def residuals() -> Iterator[Floats]:
        for place, block in samples.blocks():
            z = canonical(block.coalitions, np.float64)
            yield (weights[place] * (scores[place] - empty - z @ values))[:, None] * z

    if exact:
        return ShapleyFit(values, empty, Spread(values, np.zeros((d, d)), np.inf))
    total, draws = meat(residuals(), draw=2 if pairs else 1)
    df = draws - d
    spread = Spread(values, free @ total @ free * (draws / df), df) if df >= 3 else None
    return ShapleyFit(values, empty, spread)


def _kernel(d: int) -> Floats:
    """Return (d + 1,): the share of the Shapley kernel on each size; none on 0 and d, which are constraints."""
    k = np.arange(1, d)
    mass = np.zeros(d + 1)
    mass[1:d] = 1 / (k * (d - k))
    return mass / mass.sum() if d > 1 else mass


def size_shares(samples: Samples) -> Floats:
    """Return (n,) weights that turn rows drawn by size into rows of independent fair coins.

    A row of size k gets C(d, k) 2^-d / N_k times n, N_k the number of rows of that size, 0 included.
    """
    from scipy.special import gammaln

    d = samples.d
    sizes = np.concatenate([block.coalitions.sum(axis=1) for _, block in samples.blocks()])
    counts = np.bincount(sizes, minlength=d + 1)
    k = np.arange(d + 1)
    log_law = gammaln(d + 1) - gammaln(k + 1) - gammaln(d - k + 1) - d * np.log(2)
    shares = np.divide(np.exp(log_law), counts, out=np.zeros(d + 1), where=counts > 0)
    return np.asarray(shares[sizes] * len(sizes))
