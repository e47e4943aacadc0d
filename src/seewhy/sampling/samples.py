"""Samples: what was asked and what the model answered. Small, appendable, saved; every estimator reads only this.

Coalitions are kept as packed bits, scores as the model gave them, for the kept classes alone. Masks and
masked images are never stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.layout import canonical
from seewhy.core.types import Floats, ScoreKind, Scores, Unit
from seewhy.sampling.blocks import Block

LOG_ODDS_LIMIT = 12.0
"""Log-odds are cut at +-12 (a probability of 6e-6 from certainty): beyond it float32 scores carry no information."""

_ROWS = 1024
_EVERY = 8
"""Pairs of rows of which the exact model is asked for one, where a model of lower precision answers the rest."""
SHARE = 1 / _EVERY
_LARGEST = 10
"""Kept classes, the strongest on the unmasked image, from whose largest logit totals are measured."""
_ROUNDING = 1e-6
"""How far probabilities in float32 may lie outside of 0..1."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model answered to some pictures, for the kept classes."""

    kind: ScoreKind
    classes: tuple[int, ...]
    """Classes whose scores are kept."""
    scores: NDArray[np.float32]
    """(n, len(classes)), as the model gave them."""
    excess: NDArray[np.float32] | None
    """(n,): for logits, the log of the sum of exp over all classes less the largest logit of the first ten kept
    classes; this difference keeps its digits in float32 where a class is nearly certain. None for other kinds."""
    exact: Answers | None = None
    """(n, ...): what the original of a model of lower precision answered, NaN where it was not asked."""

    def __post_init__(self) -> None:
        _in_one_layout(self, scores=np.float32, excess=np.float32)

    @classmethod
    def of(cls, scores: Scores, kind: ScoreKind, classes: tuple[int, ...]) -> Answers:
        """Keep some classes of a model's scores (n, K)."""
        scores = canonical(scores, np.float32)
        kept = scores[:, classes]
        excess = None
        if kind == "logit":
            excess = (log_total(scores) - kept[:, :_LARGEST].max(axis=1)).astype(np.float32)
        return cls(kind, classes, kept, excess)

    @classmethod
    def room(cls, n: int, kind: ScoreKind, classes: tuple[int, ...], *, exact: bool = False) -> Answers:
        """Return room for ``n`` answers, if wanted also of an exact model that was not asked yet."""
        excess = np.zeros(n, dtype=np.float32) if kind == "logit" else None
        found = cls(kind, classes, np.zeros((n, len(classes)), dtype=np.float32), excess)
        return replace(found, exact=found.unknown()) if exact else found

    def unknown(self) -> Answers:
        """Return answers to as many pictures that nobody has asked for."""
        excess = None if self.excess is None else np.full_like(self.excess, np.nan)
        return Answers(self.kind, self.classes, np.full_like(self.scores, np.nan), excess)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,): where there is an answer."""
        return ~np.isnan(self.scores[:, 0])

    @classmethod
    def joined(cls, pieces: Sequence[Answers]) -> Answers:
        """Return the answers of several, one after the other."""
        excess = [piece.excess for piece in pieces if piece.excess is not None]
        exact = [piece.exact for piece in pieces if piece.exact is not None]
        return replace(
            pieces[0],
            scores=np.concatenate([piece.scores for piece in pieces]),
            excess=np.concatenate(excess) if excess else None,
            exact=cls.joined(exact) if exact else None,
        )

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def log_totals(self) -> Floats | None:
        """(n,): log of the sum of exp over all classes, which turns kept logits into probabilities."""
        if self.excess is None:
            return None
        return np.asarray(self.scores[:, :_LARGEST].max(axis=1).astype(np.float64) + self.excess)

    def take(self, places: slice | NDArray[np.intp]) -> Answers:
        """Return the answers to some of the pictures."""
        excess = None if self.excess is None else self.excess[places]
        exact = None if self.exact is None else self.exact.take(places)
        return replace(self, scores=self.scores[places], excess=excess, exact=exact)

    def put(self, places: slice | NDArray[np.intp], answers: Answers) -> None:
        """Write answers into this room; those of an exact model are left as they are."""
        self.scores[places] = answers.scores
        if self.excess is not None:
            self.excess[places] = answers.excess

    def target(self, index: int, unit: Unit) -> Floats:
        """Return the score (n,) of class ``index`` in ``unit``.

        Raises
        ------
        InvalidInput
            The class was not kept, or the model's scores cannot be turned into ``unit``.
        """
        if index not in self.classes:
            kept = ", ".join(map(str, self.classes[:20])) + (", ..." if len(self.classes) > 20 else "")
            raise InvalidInput(
                f"the scores of class {index} were not saved; saved are {kept}",
                setting="targets",
                rule="be a class whose scores were saved",
                value=index,
            )
        raw = self.scores[:, self.classes.index(index)].astype(np.float64)
        return convert(raw, self.log_totals, self.kind, unit)


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows that were evaluated, in order, with their answers."""

    d: int
    """Segments or cells a row switches; the most of them where they differ from row to row."""
    bits: NDArray[np.uint8]
    """(n, ceil(d / 8)): coalitions, eight to a byte."""
    shifts: NDArray[np.uint16] | None
    """(n, 2): shifts of the grid in pixels; None without a grid."""
    parts: NDArray[np.uint16] | None
    """(n,): which of several segmentations a row switches; None where there is one."""
    untouched: Answers
    """The answer to the picture as it is."""
    answers: Answers
    """The answers to the rows."""

    def __post_init__(self) -> None:
        _in_one_layout(self, bits=np.uint8, shifts=np.uint16, parts=np.uint16)

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def n_exact(self) -> int | None:
        """Rows that the original of a model of lower precision was asked as well; None where there is none."""
        exact = self.answers.exact
        return None if exact is None else int(np.count_nonzero(exact.known))

    @property
    def kind(self) -> ScoreKind:
        """What the scores are."""
        return self.answers.kind

    @property
    def classes(self) -> tuple[int, ...]:
        """Classes whose scores are kept."""
        return self.answers.classes

    @property
    def scores(self) -> NDArray[np.float32]:
        """(n, len(classes)), as the model gave them."""
        return self.answers.scores

    @property
    def whole(self) -> NDArray[np.bool_]:
        """(n,): True where a row keeps everything and so asks for the unmasked image."""
        full = np.packbits(np.ones(self.d, dtype=bool))
        return np.asarray((self.bits == full).all(axis=1))

    def blocks(self, size: int = _ROWS) -> Iterator[tuple[slice, Block]]:
        """Yield the rows in pieces, each with its place."""
        for start in range(0, len(self), size):
            place = slice(start, min(start + size, len(self)))
            yield place, self.block(place)

    def block(self, place: slice | NDArray[np.intp]) -> Block:
        """Return some rows."""
        shifts = None if self.shifts is None else self.shifts[place].astype(np.int32)
        parts = None if self.parts is None else self.parts[place].astype(np.intp)
        return Block(np.unpackbits(self.bits[place], axis=1, count=self.d).view(bool), shifts, parts)

    def target(self, index: int, unit: Unit) -> Floats:
        """Return the score (n,) of class ``index`` in ``unit``; see :meth:`Answers.target`."""
        return self.answers.target(index, unit)

    def rows(self, place: slice | NDArray[np.intp]) -> Samples:
        """Return some rows as samples of their own."""
        return replace(
            self,
            bits=self.bits[place],
            shifts=None if self.shifts is None else self.shifts[place],
            parts=None if self.parts is None else self.parts[place],
            answers=self.answers.take(place),
        )

    def head(self, n: int) -> Samples:
        """Return the first ``n`` rows."""
        return self.rows(slice(0, n))

    def asked(self) -> NDArray[np.uint8]:
        """Return (n, bytes): what each row asks, as bytes; equal rows ask for the same picture."""
        return packed(self.bits, self.shifts, self.parts)


def _in_one_layout(kept: Answers | Samples, **types: type[np.generic]) -> None:
    """Bring the arrays of what is kept into the one layout, so that they are the same new, cut, joined or loaded."""
    for name, dtype in types.items():
        array = getattr(kept, name)
        if array is not None:
            object.__setattr__(kept, name, canonical(array, dtype))


class Recorder:
    """Samples that grow: rows are queried first, and answered piece by piece."""

    def __init__(self, d: int, untouched: Answers, *, exact: bool = False) -> None:
        self._d = d
        self._exact = exact
        self._untouched = untouched
        self._pieces: list[Samples] = []

    def __len__(self) -> int:
        return sum(len(piece) for piece in self._pieces)

    def ask(self, block: Block) -> None:
        """Append rows without answers."""
        kind, classes = self._untouched.kind, self._untouched.classes
        self._pieces.append(
            Samples(
                d=self._d,
                bits=np.packbits(block.coalitions, axis=1),
                shifts=None if block.shifts is None else block.shifts.astype(np.uint16),
                parts=None if block.parts is None else block.parts.astype(np.uint16),
                untouched=self._untouched,
                answers=Answers.room(len(block.coalitions), kind, classes, exact=self._exact),
            )
        )

    def answer(self, places: slice | NDArray[np.intp], answers: Answers) -> None:
        """Write down the answers to some rows."""
        self.samples().answers.put(places, answers)

    def samples(self) -> Samples:
        """Return all rows, answered or not."""
        if not self._pieces:
            msg = "no row was queried"
            raise ValueError(msg)
        if len(self._pieces) > 1:
            self._pieces = [_joined(self._pieces)]
        return self._pieces[0]


def to_be_exact(n: int) -> NDArray[np.bool_]:
    """Return (n,): which rows the exact model is asked as well, every eighth pair from the first one on."""
    return np.asarray(np.arange(n) // 2 % _EVERY == 0)


def merge(one: Samples, other: Samples) -> Samples:
    """Return the rows of ``one``, then those of ``other``; both must be of the same picture, model and method.

    Raises
    ------
    InvalidInput
        They differ in what they switch, keep or saw.
    """
    same = (one.d, one.classes, one.kind) == (other.d, other.classes, other.kind)
    if not same or not np.array_equal(one.untouched.scores, other.untouched.scores):
        raise InvalidInput(
            "samples can be merged only if they share image, model, method and classes",
            setting="samples",
            rule="share image, model, method and classes",
        )
    return _joined([one, other])


def packed(
    bits: NDArray[np.uint8], shifts: NDArray[np.uint16] | None, parts: NDArray[np.uint16] | None
) -> NDArray[np.uint8]:
    """Return (n, bytes): the columns of rows side by side, as bytes."""
    columns = [bits]
    if shifts is not None:
        columns.append(np.ascontiguousarray(shifts).view(np.uint8).reshape(len(bits), -1))
    if parts is not None:
        columns.append(np.ascontiguousarray(parts[:, None]).view(np.uint8).reshape(len(bits), -1))
    return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)


def _joined(pieces: Sequence[Samples]) -> Samples:
    def column(parts: Iterable[NDArray[Any] | None]) -> NDArray[Any] | None:
        known = [part for part in parts if part is not None]
        return np.concatenate(known) if known else None

    first = pieces[0]
    return replace(
        first,
        bits=np.concatenate([piece.bits for piece in pieces]),
        shifts=column(piece.shifts for piece in pieces),
        parts=column(piece.parts for piece in pieces),
        answers=Answers.joined([piece.answers for piece in pieces]),
    )


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
            (
                f"unit={unit!r} needs probabilities or logits, but this model returns raw scores; use "
                "unit='score', or load the model with kind='logit' or 'probability'"
            ),
            setting="unit",
            rule="be 'score' for raw scores",
            value=unit,
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
        raise InvalidInput(
            f"log-odds need probabilities in 0..1, got {bad[0]:g}; use unit='score'",
            setting="unit",
            rule="be 'score' outside of 0..1",
            value=float(bad[0]),
        )
    return np.clip(raw, 0, 1)


def resolve_unit(kind: ScoreKind, unit: Unit | str, *, log_odds: bool = False) -> Unit:
    """Return the unit that ``auto`` stands for: probability where the model allows it, else its raw score.

    ``log_odds``: they, and not the probability, where the model allows them.
    """
    if unit != "auto":
        return unit  # type: ignore[return-value]  # settings allow nothing else
    if kind == "score":
        return "score"
    return "log-odds" if log_odds else "probability"


def recognize_kind(scores: Scores) -> ScoreKind:
    """Say what the first answers (B, K) of a model look like.

    Several classes, none below 0, each row adding up to 1 within 0.001: probabilities. Anything else is taken
    as raw scores: a softmax is never assumed.
    """
    rows = scores.astype(np.float64)
    sums_to_one = bool(np.all(np.abs(rows.sum(axis=1) - 1) <= 1e-3))
    return "probability" if rows.shape[1] > 1 and rows.min() >= -_ROUNDING and sums_to_one else "score"


def log_total(scores: Scores) -> Floats:
    """Return the log of the sum of exp over all classes, (B,), for logits (B, K)."""
    # In the loop, beside the model: scipy's logsumexp takes ten times as long for a batch.
    top = scores.max(axis=1, keepdims=True).astype(np.float64)
    return np.asarray(top[:, 0] + np.log(np.exp(scores - top).sum(axis=1)))


def comparable(scores: Scores, kind: ScoreKind, scale: float = 1.0) -> Floats:
    """Return scores (B, K) as differences can be judged: 0..1 for classes, raw scores over ``scale``."""
    from scipy.special import softmax

    values = scores.astype(np.float64)
    if kind == "logit":
        return np.asarray(softmax(values, axis=1))
    return values if kind == "probability" else values / scale
