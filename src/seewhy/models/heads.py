"""What the numbers that come out of a network are, and how they become scores of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.types import ScoreKind, Scores
from seewhy.core.words import shown
from seewhy.sampling.samples import recognize_kind


@dataclass(frozen=True)
class Head:
    """One way in which a network answers."""

    name: str
    kind: ScoreKind
    meaning: str
    """In words, for messages and for ``seewhy check``."""
    outputs: int | None
    """Numbers it needs a picture; None: any."""
    scores: Callable[[Scores], Scores]
    """Numbers (B, N) to scores (B, K)."""


def _as_they_are(raw: Scores) -> Scores:
    return raw


def _both_sides(raw: Scores) -> Scores:
    return np.concatenate([1 - raw, raw], axis=1)


def _against_nothing(raw: Scores) -> Scores:
    return np.concatenate([np.zeros_like(raw), raw], axis=1)


def _each_squashed(raw: Scores) -> Scores:
    from scipy.special import expit

    return np.asarray(expit(raw), np.float32)


HEADS: dict[str, Head] = {
    head.name: head
    for head in (
        Head("softmax", "probability", "probabilities of classes, adding up to 1", None, _as_they_are),
        Head("logits", "logit", "logits of a softmax", None, _as_they_are),
        Head("sigmoid", "probability", "one number, the probability of the second of two classes", 1, _both_sides),
        Head("sigmoid-logit", "logit", "one number, the logit of the second of two classes", 1, _against_nothing),
        Head("multi-label", "probability", "a probability for each label by itself", None, _as_they_are),
        Head("multi-label-logits", "probability", "a logit for each label by itself", None, _each_squashed),
        Head("regression", "score", "plain numbers", None, _as_they_are),
    )
}
"""Heads by name."""

_ROUGHLY = 0.2
"""How far probabilities in few bits may be from adding up to 1."""

LastLayer = Literal["softmax", "sigmoid", "linear", "unknown"]
"""What a network ends with, as far as its framework tells."""


def as_head(name: object) -> Head:
    """Return the head of that name."""
    if not isinstance(name, str) or name not in HEADS:
        raise InvalidInput(f"head must be auto or one of {', '.join(HEADS)}, got {shown(name)}")
    return HEADS[name]


def recognize_head(raw: Scores, last: LastLayer) -> tuple[Head, str | None]:
    """Return the head that the last layer and some answers (B, N) speak for, and what was assumed, if anything.

    A final sigmoid says it all if the answers lie in 0..1, a final softmax if they add up to about 1: such a layer may
    be there and not be used. Answers that add up to 1 are probabilities anyway. What is left is a guess, and said:
    several numbers are taken as logits, a single one as a plain number.
    """
    alone = raw.shape[1] == 1
    inside = bool(raw.min() >= 0 and raw.max() <= 1)
    if last == "sigmoid" and inside:
        return HEADS["sigmoid" if alone else "multi-label"], None
    rounded = last == "softmax" and inside and bool(np.all(np.abs(raw.sum(axis=1) - 1) < _ROUGHLY))
    if rounded or recognize_kind(raw) == "probability":
        return HEADS["softmax"], None
    found = HEADS["regression" if alone else "logits"]
    return found, f"its outputs were taken as {found.meaning}; if they are not, say so with head=..."
