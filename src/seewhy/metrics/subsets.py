"""Faithfulness on random subsets: does the map add up to what the score loses?

Cells of a grid are replaced, each subset once; the sum of the map over them is held against the drop of the score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seewhy.core.randomness import generator
from seewhy.core.types import Floats
from seewhy.images.fills import Blur
from seewhy.metrics.metric import Facts, Measure, Metric, NotMeasured
from seewhy.metrics.question import Candidate, Question

_GRID = 9
_SHARES = (0.1, 0.3, 0.5, 0.7)
_SUBSETS = 50
_RESAMPLES = 1000
_ROUNDING = 1e-9
"""Share of their size below which sums differ by rounding alone."""


@dataclass(frozen=True, eq=False)
class _Drops:
    """Random subsets and what they cost."""

    removed: Floats
    """(shares, subsets, cells): 1 where a cell was replaced."""
    drops: Floats
    """(shares, subsets): unmasked image less what is left."""


def _asked(question: Question) -> _Drops:
    def ask() -> _Drops:
        rng = question.generator("subsets")
        cells = _GRID * _GRID
        order = np.argsort(rng.random((len(_SHARES), _SUBSETS, cells)), axis=2)
        removed = order < np.round(np.asarray(_SHARES) * cells)[:, None, None]
        kept = ~removed.reshape(-1, cells)
        scores = np.concatenate(
            [question.scores(kept[i : i + 64][:, _cells(question)], Blur()) for i in range(0, len(kept), 64)]
        )
        return _Drops(removed.astype(np.float64), question.whole - scores.reshape(removed.shape[:2]))

    found: _Drops = question.remember("subsets", ask)
    return found


def _cells(question: Question) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Return (h, w): the cell of each pixel."""
    height, width = question.view.apply(question.image).shape[:2]
    rows, columns = (np.arange(n) * _GRID // n for n in (height, width))
    return np.asarray(rows[:, None] * _GRID + columns)


def _sums(question: Question, candidate: Candidate) -> tuple[Floats, Floats]:
    """Return (shares, subsets): the map's sum over each subset, and the drop of the score."""
    asked, cells = _asked(question), _cells(question)
    per_cell = np.bincount(cells.ravel(), candidate.density.ravel(), _GRID * _GRID)
    sums = asked.removed @ per_cell
    if np.ptp(sums) == 0 or np.ptp(asked.drops) == 0:
        raise NotMeasured("the map, or the score, never changes")
    return sums, asked.drops


def _varying(values: Floats) -> Floats:
    """Return values (shares, subsets) less the mean of their share; 0 where only rounding tells them apart."""
    away = values - values.mean(axis=1, keepdims=True)
    noise = _ROUNDING * np.abs(values).max(axis=1, keepdims=True)
    return np.where(np.abs(away).max(axis=1, keepdims=True) > noise, away, 0)


def _correlation(sums: Floats, drops: Floats) -> float:
    """Return the mean over shares of the correlation over subsets; a share where nothing varies counts 0."""
    sums, drops = _varying(sums), _varying(drops)
    scale = np.sqrt((sums**2).sum(axis=1) * (drops**2).sum(axis=1))
    products = (sums * drops).sum(axis=1)
    return float(np.mean(np.divide(products, scale, out=np.zeros_like(scale), where=scale > 0)))


def _residual(sums: Floats, drops: Floats) -> float:
    """Return how much of the drops is left by the best multiple of the sums.

    It is not below 0: a map with its sign turned explains nothing.
    """
    factor = max((sums * drops).sum() / (sums**2).sum(), 0)
    return float(((drops - factor * sums) ** 2).sum() / (drops**2).sum())


def _with_interval(question: Question, candidate: Candidate, read: Callable[[Floats, Floats], float]) -> Measure:
    """Return a measure with the 95 % interval of a bootstrap over the subsets of each share."""
    sums, drops = _sums(question, candidate)
    rng = generator(question.seed, "bootstrap", 0)
    again = []
    for _ in range(_RESAMPLES):
        drawn = rng.integers(_SUBSETS, size=sums.shape)
        some, their = (np.take_along_axis(values, drawn, axis=1) for values in (sums, drops))
        if np.ptp(some) > 0 and np.ptp(their) > 0:
            again.append(read(some, their))
    low, high = np.quantile(again, (0.025, 0.975))
    return Measure(float(read(sums, drops)), float(low), float(high))


def _sensitivity_n(question: Question, candidate: Candidate) -> Measure:
    return _with_interval(question, candidate, _correlation)


def _infidelity(question: Question, candidate: Candidate) -> Measure:
    return _with_interval(question, candidate, _residual)


_CALLS = f"{len(_SHARES) * _SUBSETS}, shared by sensitivity-n and infidelity, and by all maps of a photo and class"
SENSITIVITY_N = Metric(
    Facts(
        "sensitivity-n",
        "correlation of sums of the map with drops of the score",
        "higher",
        "-1..1",
        "Ancona et al. (2018), arXiv:1711.06104, section 3.1, on 10, 30, 50 and 70 % of 9 x 9 cells over blur",
        _CALLS,
        "model",
        "with 50 subsets per share the interval is about 0.1; interactions of cells are not additive",
        version=2,
        region=False,
    ),
    _sensitivity_n,
)
INFIDELITY = Metric(
    Facts(
        "infidelity",
        "part of the score drops that the map does not explain",
        "lower",
        "0..1 at the best scale of the map",
        "Yeh et al. (2019), arXiv:1901.09392, definition 2.1, at the best scale from 0 up, over the drops' squares",
        _CALLS,
        "model",
        "if all subsets of one size lower the score equally, a flat map scores well; compare with the baselines",
        version=2,
        region=False,
    ),
    _infidelity,
)
