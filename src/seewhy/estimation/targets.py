"""Which classes are explained: by rank, by index or by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import SupportsIndex, TypeAlias

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import as_whole
from seewhy.core.types import Floats, Unit
from seewhy.estimation.fidelity import corrected
from seewhy.sampling.samples import Answers, Samples, convert, resolve_unit

Targets: TypeAlias = str | SupportsIndex | Sequence[str | SupportsIndex]
"""``"top1"``, ``"topN"``, an index, a class name, a contrast ``"A vs B"``, or several of them.

An index may be what ``argmax`` of any library returns.
"""

Class: TypeAlias = int | tuple[int, int]
"""A class, or the contrast of the first class against the second."""

ULPS = 8
"""Last digits of float32 within which a score is the same: as much comes of the order in which a model adds up."""

_TOP = re.compile(r"top(\d{1,9})")
_VERSUS = re.compile(r"\s+vs\.?\s+")


@dataclass(frozen=True)
class Prediction:
    """The model's answer for one class, on the unmasked image."""

    index: int
    label: str
    score: float


@dataclass(frozen=True)
class Target(Prediction):
    """A class that is explained."""

    unit: Unit
    versus: int | None = None
    """The class it is held against, for a contrast: the score is the difference."""

    @classmethod
    def of(
        cls,
        wanted: Class,
        untouched: Answers,
        labels: Mapping[int, str] | Sequence[str] | None,
        unit: str = "auto",
        *,
        log_odds: bool = False,
    ) -> Target:
        """Return the target for a class or a contrast, with its score on the unmasked image.

        ``auto`` is probability, and log-odds for contrasts or if ``log_odds`` is set, where the model allows them.
        """
        index, versus = wanted if isinstance(wanted, tuple) else (wanted, None)
        label = label_of(index, labels)
        if versus is not None:
            label = f"{label} vs {label_of(versus, labels)}"
        chosen = resolve_unit(untouched.kind, unit, log_odds=log_odds or versus is not None)
        found = cls(index, label, 0.0, chosen, versus)
        return replace(found, score=float(found.scores(untouched)[0]))

    def scores(self, answers: Answers) -> Floats:
        """Return the score (n,) that is explained: of the class, or the difference of two."""
        own = answers.target(self.index, self.unit)
        return own if self.versus is None else own - answers.target(self.versus, self.unit)

    def read(self, samples: Samples) -> Floats:
        """Return the score (n,) that an estimator reads: corrected, where an exact model was asked as well."""
        exact = samples.answers.exact
        return corrected(samples, self.scores(samples.answers), None if exact is None else self.scores(exact))

    def rounding(self, samples: Samples) -> float:
        """Return what rounding of the scores alone may leave in a value, in the target's unit."""
        classes = classes_of([self.index if self.versus is None else (self.index, self.versus)])
        return sum(_rounding(samples.answers, index, self.unit) for index in classes)


def _rounding(answers: Answers, index: int, unit: Unit) -> float:
    """Return twice what scores of class ``index`` are off by, on average, if their last two bits are noise."""
    raw = answers.scores[:, answers.classes.index(index)].astype(np.float64)
    parts = answers.scores if answers.kind == "logit" else raw
    off = ULPS * float(np.finfo(np.float32).eps) * float(np.abs(parts).max(initial=0))
    if answers.kind == "logit" and unit == "probability":
        return off * float(convert(raw, answers.log_totals, answers.kind, unit).mean())
    if answers.kind == "probability" and unit == "log-odds":
        below, above = (convert(np.clip(raw + by, 0, 1), None, answers.kind, unit) for by in (-off / 2, off / 2))
        return float((above - below).mean())
    return off


A_CLASS = "be a class of this model"
"""The rule that an unknown name breaks."""


def label_of(index: int, labels: Mapping[int, str] | Sequence[str] | None) -> str:
    """Return the name of a class, or ``class 7`` where names are not known."""
    return f"class {index}" if labels is None else labels[index]


def resolve_targets(targets: Targets, scores: Floats, labels: Sequence[str] | None) -> tuple[Class, ...]:
    """Return classes and contrasts, without repeats, for the scores (K,) of the unmasked image.

    Raises
    ------
    InvalidInput
        An index out of range, an unknown or ambiguous name (the message lists the nearest), no target at all.
    """
    wanted: list[object] = [targets]
    several = isinstance(targets, Iterable) and not isinstance(targets, str | bytes)
    if several and as_whole(targets) is None and getattr(targets, "shape", None) != ():
        wanted = list(targets)  # type: ignore[arg-type]
    if not wanted:
        raise InvalidInput(
            "targets must name at least one class, got none",
            setting="targets",
            rule="name at least one class",
            value=(),
        )
    found: list[Class] = []
    for one in wanted:
        found += _resolve(one, scores, labels)
    return tuple(dict.fromkeys(found))


def classes_of(wanted: Iterable[Class]) -> tuple[int, ...]:
    """Return every class that targets need, without repeats."""
    found: list[int] = []
    for one in wanted:
        found += one if isinstance(one, tuple) else [one]
    return tuple(dict.fromkeys(found))


def _resolve(target: object, scores: Floats, labels: Sequence[str] | None) -> list[Class]:
    k = len(scores)
    index = as_whole(target)
    if index is not None:
        return [_by_index(index, k)]
    if getattr(target, "shape", None) == () and isinstance(target, np.ndarray):
        target = target.item()  # a name, or what the message shows
    if not isinstance(target, str):
        raise InvalidInput.of("targets", "be 'topN', class indices, class names or 'A vs B'", target)
    text = target.strip()
    top = _TOP.fullmatch(text)
    if top is not None:
        count = int(top[1])
        if not 1 <= count <= k:
            raise InvalidInput(
                f"targets='topN' needs N from 1 to {k} (the model has {k} classes), got {target!r}",
                setting="targets",
                rule=f"be topN with N from 1 to {k}",
                value=target,
            )
        return [int(i) for i in np.argsort(-scores, kind="stable")[:count]]
    sides = _VERSUS.split(text)
    if len(sides) == 2 and text.casefold() not in {label.casefold() for label in labels or ()}:
        one, other = (_by_word(side, k, labels) for side in sides)
        if one == other:
            raise InvalidInput(
                f"targets={target!r} compares a class with itself; name two different classes",
                setting="targets",
                rule="name two different classes",
                value=target,
            )
        return [(one, other)]
    return [_by_word(text, k, labels)]


def _by_word(text: str, k: int, labels: Sequence[str] | None) -> int:
    """Return the class that an index in digits, or a name, stands for."""
    if re.fullmatch(r"-?\d{1,18}", text):
        return _by_index(int(text), k)
    return _by_name(text, labels)


def _by_index(index: int, k: int) -> int:
    if not 0 <= index < k:
        raise InvalidInput.of("targets", f"be class indices from 0 to {k - 1}", index)
    return index


def _by_name(name: str, labels: Sequence[str] | None) -> int:
    if labels is None:
        raise InvalidInput(
            f"targets={name!r} is a class name, but this model has no class names; give a class index",
            setting="targets",
            rule="be an index where the model has no class names",
            value=name,
        )
    plain = name.strip().casefold().replace("_", " ")
    same = [i for i, label in enumerate(labels) if label == name]
    same = same or [i for i, label in enumerate(labels) if label.casefold().replace("_", " ") == plain]
    if len(same) == 1:
        return same[0]
    listed = ", ".join(f"{labels[i]} ({i})" for i in same or _nearest(plain, labels))
    if same:
        raise InvalidInput(
            f"targets={name!r} is the name of several classes: {listed}; give a class index",
            setting="targets",
            rule="name one class",
            value=name,
        )
    text = f"targets={name!r} is not a class of this model; nearest: {listed or 'none'}"
    raise InvalidInput(text, setting="targets", rule=A_CLASS, value=name)


def _nearest(plain: str, labels: Sequence[str]) -> list[int]:
    """Return up to six classes: those that contain the word, then those spelled alike."""
    lower = [label.casefold() for label in labels]
    whole = [i for i, label in enumerate(lower) if re.search(rf"\b{re.escape(plain)}\b", label)]
    alike = [lower.index(label) for label in difflib.get_close_matches(plain, lower, n=6, cutoff=0.6)]
    inside = [i for i, label in enumerate(lower) if plain in label]
    return list(dict.fromkeys(whole + alike + inside))[:6]
