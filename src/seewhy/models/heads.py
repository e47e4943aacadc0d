"""What the numbers that come out of a network are, and how they become scores of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.types import ScoreKind, Scores
from seewhy.models.last_layer import LastLayer
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

    @property
    def softmax(self) -> bool:
        """Whether its numbers are a softmax already."""
        return self.name == "softmax"

    @property
    def changes(self) -> bool:
        """Whether scores are other numbers than what comes out of the network."""
        return self.scores is not _as_they_are


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
        Head("multi-label", "probability", "an independent probability for each label", None, _as_they_are),
        Head("multi-label-logits", "probability", "an independent logit for each label", None, _each_squashed),
        Head("regression", "score", "plain numbers", None, _as_they_are),
    )
}
"""Heads by name."""

_ROUGHLY = 0.2
"""How far probabilities may be from adding up to 1 where nothing tells how they were rounded."""
_BEYOND = 0.02
"""How far a probability that was rounded may lie outside of 0..1."""
_STEPS = (1 / 256, 1 / 255, 1 / 128, 1 / 127)
"""Steps of probabilities in eight bits and in seven."""


def as_head(name: object) -> Head:
    """Return the head of that name."""
    if not isinstance(name, str) or name not in HEADS:
        raise InvalidInput.of("head", f"be auto or one of {', '.join(HEADS)}", name)
    return HEADS[name]


def recognize_head(raw: Scores, last: LastLayer, name: str = "the model") -> tuple[Head, str | None]:
    """Return the head that the last layer and some answers (B, N) speak for, and what was assumed, if anything.

    A last layer that is known decides where the answers do not contradict it: it may be there and not be used. Answers
    that add up to 1 are probabilities anyway. What is left is a guess, and said: several numbers are taken as logits, a
    single one as a plain number.

    Raises
    ------
    InvalidInput
        The answers cannot be logits of a trained network, or are the softmax of a single number.
    """
    alone = raw.shape[1] == 1
    if alone and last in {"softmax", "log-softmax"}:
        raise InvalidInput(
            f"{name} ends in the {last} of a single output, which is the same for every photo; it needs two outputs or "
            "a sigmoid",
            setting="head",
        )
    if last == "sigmoid" and is_within(raw):
        return HEADS["sigmoid" if alone else "multi-label"], None
    if (last == "softmax" and is_softmax(raw)) or recognize_kind(raw) == "probability":
        return HEADS["softmax"], None
    if last == "log-softmax" and raw.max() <= _BEYOND:
        return HEADS["logits"], None
    if not alone and last != "linear":
        _ask_about(raw, name)
    head = HEADS["regression" if alone else "logits"]
    return head, f"treating its outputs as {head.meaning}; pass head=... to change this"


def check_head(head: Head, raw: Scores, name: str) -> None:
    """Refuse a head that numbers (B, N) cannot have.

    Raises
    ------
    InvalidInput
        Names the head that they can have.
    """
    numbers, alone = raw.shape[1], raw.shape[1] == 1
    if head.outputs not in {None, numbers}:
        instead = "multi-label" if head.kind == "probability" else "logits"
        raise _unfit(head, f"needs {head.outputs} output per image, but {name} has {numbers}", instead)
    if alone and head.name in _ONE_OF:
        raise _unfit(
            head, f"needs two outputs or more, and {name} has one: its softmax is 1 for every photo", _ONE_OF[head.name]
        )
    if head.name in _INSIDE and not is_within(raw):
        seen = f"{float(raw.min()):.4g}..{float(raw.max()):.4g}"
        raise _unfit(head, f"needs outputs in 0..1, and those of {name} lie in {seen}", _INSIDE[head.name])


_ONE_OF = {"softmax": "sigmoid", "logits": "sigmoid-logit"}
"""Heads of several numbers, and what they are of one."""
_INSIDE = {"softmax": "logits", "sigmoid": "sigmoid-logit", "multi-label": "multi-label-logits"}
"""Heads of probabilities, and what the same is of numbers that are none yet."""


def _unfit(head: Head, why: str, instead: str) -> InvalidInput:
    return InvalidInput(f"head={head.name} {why}; use head='{instead}'", setting="head", value=head.name)


def is_within(raw: Scores) -> bool:
    """Return whether numbers lie in 0..1, as probabilities do."""
    return bool(raw.min() >= -_BEYOND and raw.max() <= 1 + _BEYOND)


def is_softmax(raw: Scores, roughly: float = _ROUGHLY) -> bool:
    """Return whether rows (B, K) can be a softmax: they add up to 1, as far as their rounding lets them.

    Of 1001 probabilities in eight bits most are rounded to 0, and what is left adds up to 0.6 or less.
    """
    slack = max(roughly, rounding(raw))
    sums = raw.sum(axis=1, dtype=np.float64)
    return is_within(raw) and bool(np.abs(sums - 1).max() <= slack)


def rounding(raw: Scores) -> float:
    """Return how far rows of probabilities (B, K) may be from adding up to 1 since their numbers have few bits."""
    for step in _STEPS:
        if np.abs(raw - step * np.rint(raw / step)).max() < step / 1000:
            return float(raw.shape[1] * step / 2)
    in_bf16 = not (np.ascontiguousarray(raw, np.float32).view(np.uint32) & 0xFFFF).any()
    return 1 / 256 if in_bf16 else 0.0


def _ask_about(raw: Scores, name: str) -> None:
    """Refuse to guess what numbers (B, K) are that a trained network does not give as logits."""
    if is_within(raw):
        seen = "lie in 0..1 and do not add up to 1"
        choice = "softmax (one class of many), multi-label (independent classes), or logits"
    else:
        sums = raw.sum(axis=1, dtype=np.float64)
        if raw.min() < 0 or not np.allclose(sums, sums[0], rtol=1e-3, atol=0):
            return
        seen = f"are at least 0 and add up to {sums[0]:.4g} for every photo"
        choice = "logits or regression; for percentages, divide by 100 in the model"
    raise InvalidInput(
        f"{name}: its outputs {seen}, which is unusual for the logits of a trained network; set head: {choice}",
        setting="head",
    )
