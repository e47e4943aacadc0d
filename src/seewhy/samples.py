"""Samples: what was asked and what the model answered. Small, appendable, saved; every estimator reads only this.

Coalitions are kept as packed bits, scores as the model gave them, for the kept classes alone. Masks and
masked pictures are never stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seewhy._types import Floats, ScoreKind, Scores, Unit
from seewhy.errors import InvalidInput
from seewhy.scene import Block

LOG_ODDS_LIMIT = 12.0
"""Log-odds are cut at +-12 (a probability of 6e-6 from certainty): beyond it float32 scores carry no information."""

_ROWS = 4096
_ROUNDING = 1e-6
"""How far probabilities in float32 may lie outside of 0..1."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows that were asked, in order, with their answers."""

    d: int
    """Segments or cells a row switches."""
    bits: NDArray[np.uint8]
    """(n, ceil(d / 8)): coalitions, eight to a byte."""
    shifts: NDArray[np.uint16] | None
    """(n, 2): shifts of the grid in pixels; None for segments."""
    classes: tuple[int, ...]
    """Classes whose scores are kept."""
    scores: NDArray[np.float32]
    """(n, len(classes)), as the model gave them."""
    log_totals: Floats | None
    """(n,): log of the sum of exp over all classes, which turns kept logits into probabilities; None otherwise."""
    kind: ScoreKind

    def __len__(self) -> int:
        return len(self.bits)

    def blocks(self, size: int = _ROWS) -> Iterator[tuple[slice, Block]]:
        """Yield the rows in pieces, each with its place."""
        for start in range(0, len(self), size):
            place = slice(start, min(start + size, len(self)))
            yield place, self.block(place)

    def block(self, place: slice) -> Block:
        """Return some rows."""
        shifts = None if self.shifts is None else self.shifts[place].astype(np.int32)
        return Block(np.unpackbits(self.bits[place], axis=1, count=self.d).view(bool), shifts)

    def target(self, index: int, unit: Unit) -> Floats:
        """Return the score (n,) of class ``index`` in ``unit``.

        Raises
        ------
        InvalidInput
            The class was not kept, or the model's scores cannot be turned into ``unit``.
        """
        if index not in self.classes:
            msg = f"target {index} was not kept; kept are {', '.join(map(str, self.classes))}"
            raise InvalidInput(msg)
        raw = self.scores[:, self.classes.index(index)].astype(np.float64)
        return convert(raw, self.log_totals, self.kind, unit)

    def head(self, n: int) -> Samples:
        """Return the first ``n`` rows."""
        cut = slice(0, n)
        return Samples(
            d=self.d,
            bits=self.bits[cut],
            shifts=None if self.shifts is None else self.shifts[cut],
            classes=self.classes,
            scores=self.scores[cut],
            log_totals=None if self.log_totals is None else self.log_totals[cut],
            kind=self.kind,
        )


class Recorder:
    """Samples that grow row by row, into room made beforehand for ``n`` rows."""

    def __init__(self, d: int, n: int, classes: tuple[int, ...], kind: ScoreKind, *, shifted: bool) -> None:
        self._kind: ScoreKind = kind
        self._n = 0
        self._d = d
        self._classes = classes
        self._bits = np.empty((n, -(-d // 8)), dtype=np.uint8)
        self._shifts = np.empty((n, 2), dtype=np.uint16) if shifted else None
        self._scores = np.empty((n, len(classes)), dtype=np.float32)
        self._log_totals = np.empty(n) if kind == "logit" else None

    def __len__(self) -> int:
        return self._n

    def add(self, block: Block, scores: Scores) -> None:
        """Append the rows of ``block`` with the model's scores (B, K) of all classes."""
        place = slice(self._n, self._n + len(scores))
        self._bits[place] = np.packbits(block.coalitions, axis=1)
        if self._shifts is not None and block.shifts is not None:
            self._shifts[place] = block.shifts
        self._scores[place] = scores[:, self._classes]
        if self._log_totals is not None:
            self._log_totals[place] = log_total(scores)
        self._n = place.stop

    def samples(self) -> Samples:
        """Return what has been recorded so far."""
        full = Samples(
            d=self._d,
            bits=self._bits,
            shifts=self._shifts,
            classes=self._classes,
            scores=self._scores,
            log_totals=self._log_totals,
            kind=self._kind,
        )
        return full.head(self._n)


def convert(raw: Floats, log_total: Floats | float | None, kind: ScoreKind, unit: Unit) -> Floats:
    """Turn the model's own scores of one class into ``unit``.

    ``log_total`` is the logsumexp over all classes, known where ``kind`` is logit.

    Raises
    ------
    InvalidInput
        The kind of score does not allow the unit.
    """
    if unit == "score":
        return raw
    if kind == "score":
        raise InvalidInput(
            f"unit={unit!r} needs probabilities or logits, but this model gives plain scores; use unit='score', "
            f"or say kind='logit' or 'probability' when the model is loaded"
        )
    log_p: Floats | None = None
    if kind == "logit" and log_total is not None:
        log_p = np.minimum(raw - log_total, 0)  # rounding must not pass a probability of 1
    if unit == "probability":
        return raw if log_p is None else np.exp(log_p)
    if log_p is None:
        raw = _probabilities(raw)
    with np.errstate(divide="ignore"):  # a probability of exactly 0 or 1 is cut at the limit, below
        odds = np.log(raw) - np.log1p(-raw) if log_p is None else log_p - np.log(-np.expm1(log_p))
    return np.clip(odds, -LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)


def _probabilities(raw: Floats) -> Floats:
    """Return ``raw`` without what rounding adds beyond 0 and 1; refuse what is further off."""
    bad = raw[(raw < -_ROUNDING) | (raw > 1 + _ROUNDING)]
    if len(bad):
        raise InvalidInput(f"log-odds need probabilities in 0..1, got {bad[0]:g}; use unit='score'")
    return np.clip(raw, 0, 1)


def resolve_unit(kind: ScoreKind, unit: Unit | str) -> Unit:
    """Return the unit that ``auto`` stands for: probability where the model allows it, else its plain score."""
    if unit == "auto":
        return "score" if kind == "score" else "probability"
    return unit  # type: ignore[return-value]  # settings allow nothing else


def recognize_kind(scores: Scores) -> ScoreKind:
    """Say what the first answers (B, K) of a model look like.

    Several classes, none below 0, each row adding up to 1 within 0.001: probabilities. Anything else is taken
    as plain scores: a softmax is never assumed.
    """
    rows = scores.astype(np.float64)
    sums_to_one = bool(np.all(np.abs(rows.sum(axis=1) - 1) <= 1e-3))
    return "probability" if rows.shape[1] > 1 and rows.min() >= -_ROUNDING and sums_to_one else "score"


def log_total(scores: Scores) -> Floats:
    """Return the log of the sum of exp over all classes, (B,), for logits (B, K)."""
    from scipy.special import logsumexp

    return np.asarray(logsumexp(scores.astype(np.float64), axis=1))
