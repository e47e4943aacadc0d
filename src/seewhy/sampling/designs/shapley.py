"""Coalitions for Shapley values by regression, in pairs, with each block's sizes set as evenly as they can be.

The Shapley values are the effects of the linear model that is exact for the whole and for the empty picture and
fits all other coalitions best under weights (d - 1) / (C(d, k) k (d - k)), k segments being kept. So size k has
mass mu_k ~ (d - 1) / (k (d - k)), shared by all coalitions of that size alike. A block is drawn accordingly:

* pair 0 is the whole and the empty picture, whose scores the fit must meet;
* every other pair is a coalition and its complement, of sizes k and d - k;
* how many pairs there are of each size is allotted by systematic sampling: a comb of evenly spaced points with a
  random start is laid over the masses, and a size gets as many pairs as points fall on it. The number expected
  is exact, and the number found differs from it by less than 1;
* the coalitions of a size are drawn uniformly, and no pair comes twice in a block. With few segments a size may
  have fewer pairs than its mass calls for; all of them are taken then, and the sizes after it share the rest.

Given its size a coalition is uniform in any case, so an estimator that weighs a row of size k by mu_k / N_k, N_k
being the number of rows of that size, has no bias from what was handed on or rounded.

Sources: Lundberg and Lee (2017), arXiv:1705.07874, theorem 2 (the regression); Covert and Lee (2021),
arXiv:2012.01536 (pairs); Olsen and Jullum (2024), arXiv:2410.04883 (sizes set rather than drawn).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import comb
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seewhy.core.randomness import generator
from seewhy.core.types import Coalitions, Floats
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.limits import demand_one_half, demand_segments

_DIGITS = 2**32
"""The comb's start is a multiple of 1 / 2**32: so few digits that adding whole numbers to it rounds nothing."""


@dataclass(frozen=True, kw_only=True)
class ShapleyDesign:
    """Pairs of coalitions, in blocks whose sizes follow the Shapley kernel; ``keep`` is not used and must be 1/2.

    A block has ``4 (d + 1)`` rows, the first two included: about two pairs for each unknown, because random
    pairs as many as the unknowns leave a fit nearly singular. It holds every size, except that d / 2 may be
    missing from some blocks over more than 30 segments. Fewer than five segments have fewer pairs, and a block
    takes all of them.
    """

    name: ClassVar[str] = "shapley"
    estimand: ClassVar[str] = (
        "the average change of the score when segments are added in random order (the Shapley value); needs a fit that "
        "equals the scores of the unmasked and the fully masked image"
    )
    pairs: ClassVar[bool] = True
    alike: ClassVar[bool] = False
    keep: float = 0.5

    def __post_init__(self) -> None:
        demand_one_half(self.name, self.keep, "sizes follow the Shapley kernel, so leave keep out")

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks (rows, d) of pairs side by side, the whole and the empty picture first, without end.

        Raises
        ------
        InvalidInput
            There are fewer than two segments.
        """
        pairs = self.block_rows(d) // 2 - 1
        expected = _expected(d, pairs)
        index = 0
        while True:
            rng = generator(seed, "design", index)
            counts = _allotted(expected, rng.integers(_DIGITS) / _DIGITS)
            kept = np.concatenate([_distinct(rng, d, k, n) for k, n in enumerate(counts, start=1)])
            kept = rng.permutation(kept ^ (rng.random((pairs, 1)) < 0.5))  # either row of a pair comes first
            kept = np.concatenate([np.ones((1, d), dtype=bool), kept])
            yield Block(np.stack([kept, ~kept], axis=1).reshape(-1, d))
            index += 1

    def block_rows(self, d: int) -> int:
        """Return 4 (d + 1), or the number 2**d of coalitions where that is less."""
        demand_segments(self.name, d, low=2)
        return 2 * (1 + _pairs(d))

    def least(self, d: int) -> int:
        """Return the rows of two blocks, whose difference tells the error."""
        return 2 * self.block_rows(d)

    def total(self, d: int) -> None:
        """Return None: there is no last block."""
        demand_segments(self.name, d, low=2)


def _pairs(d: int) -> int:
    """Return the pairs of a block besides the whole and the empty picture."""
    return int(min(2 * d + 1, 2 ** (d - 1) - 1))


def _expected(d: int, pairs: int) -> Floats:
    """Return how many of ``pairs`` are expected of sizes k and d - k, for k from 1 to d // 2.

    The shares are those of the Shapley kernel's masses. Where a share is more than the distinct pairs there are,
    it is cut to them and the larger sizes share what is left. One way through the sizes is enough, since the
    number of distinct pairs over the mass grows with k.
    """
    mass = [1 / (k * (d - k)) / (1 + (2 * k == d)) for k in range(1, d // 2 + 1)]
    expected = []
    left = float(pairs)
    for k, share in enumerate(mass, start=1):
        distinct = comb(d, k) // (1 + (2 * k == d))
        expected.append(min(distinct, left * share / sum(mass[k - 1 :])))
        left -= expected[-1]
    return np.asarray(expected, dtype=np.float64)


def _allotted(expected: Floats, start: float) -> NDArray[np.intp]:
    """Return whole numbers less than 1 from ``expected`` with the same sum: the points start + i, i = 0, 1, ...,
    that fall on each size when the sizes are laid end to end; ``start`` is in [0, 1).
    """
    ends = np.cumsum(expected)
    ends[-1] = round(ends[-1])
    return np.asarray(np.diff(np.ceil(ends - start), prepend=0), dtype=np.intp)


def _distinct(rng: np.random.Generator, d: int, size: int, n: int) -> Coalitions:
    """Return ``n`` coalitions (n, d) that keep ``size`` segments, uniformly among those without a repeated pair.

    Rows are drawn until enough differ. Complements of half the segments are of the same size: they count as
    one, told by the segment 0 that it keeps.
    """
    found: dict[bytes, NDArray[np.bool_]] = {}
    while len(found) < n:
        kept = np.zeros((n, d), dtype=bool)
        np.put_along_axis(kept, rng.random((n, d)).argsort(axis=1)[:, :size], values=True, axis=1)
        if 2 * size == d:
            kept ^= ~kept[:, :1]
        for row in kept:
            found.setdefault(row.tobytes(), row)
    return np.asarray(list(islice(found.values(), n)), dtype=bool).reshape(n, d)
