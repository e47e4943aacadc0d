"""Which classes are explained: by rank, by index or by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from seewhy._types import Floats, Unit
from seewhy.errors import InvalidInput

Targets: TypeAlias = str | int | Sequence[str | int]
"""``"top1"``, ``"topN"``, an index, a class name, or several indices and names."""

_TOP = re.compile(r"top(\d+)")


@dataclass(frozen=True)
class Prediction:
    """The model's answer for one class, on the untouched picture."""

    index: int
    label: str
    score: float


@dataclass(frozen=True)
class Target(Prediction):
    """A class that is explained."""

    unit: Unit


def label_of(index: int, labels: Sequence[str] | None) -> str:
    """Return the name of a class, or ``class 7`` where names are not known."""
    return f"class {index}" if labels is None else labels[index]


def resolve_targets(targets: Targets, scores: Floats, labels: Sequence[str] | None) -> tuple[int, ...]:
    """Return class indices, without repeats, for the scores (K,) of the untouched picture.

    Raises
    ------
    InvalidInput
        An index out of range, an unknown or ambiguous name (the message lists the nearest), no target at all.
    """
    wanted: list[object] = [targets]
    if isinstance(targets, Iterable) and not isinstance(targets, str | bytes):
        wanted = list(targets)
    if not wanted:
        raise InvalidInput("targets must name at least one class, got none")
    found: list[int] = []
    for one in wanted:
        found += _resolve(one, scores, labels)
    return tuple(dict.fromkeys(found))


def _resolve(target: object, scores: Floats, labels: Sequence[str] | None) -> list[int]:
    k = len(scores)
    if isinstance(target, bool) or not isinstance(target, str | int | np.integer):
        raise InvalidInput(f"targets must be 'topN', class indices or class names, got {target!r}")
    top = _TOP.fullmatch(target.strip()) if isinstance(target, str) else None
    if top is not None:
        count = int(top[1])
        if not 1 <= count <= k:
            raise InvalidInput(f"targets='topN' needs N from 1 to {k}, the model's classes, got {target!r}")
        return [int(i) for i in np.argsort(-scores, kind="stable")[:count]]
    if isinstance(target, str) and not re.fullmatch(r"-?\d+", target.strip()):
        return [_by_name(target, labels)]
    index = int(target)
    if not 0 <= index < k:
        raise InvalidInput(f"targets must be class indices from 0 to {k - 1}, got {index}")
    return [index]


def _by_name(name: str, labels: Sequence[str] | None) -> int:
    if labels is None:
        raise InvalidInput(f"targets={name!r} is a class name, but this model has no class names; give an index")
    plain = name.strip().casefold().replace("_", " ")
    same = [i for i, label in enumerate(labels) if label == name]
    same = same or [i for i, label in enumerate(labels) if label.casefold().replace("_", " ") == plain]
    if len(same) == 1:
        return same[0]
    listed = ", ".join(f"{labels[i]} ({i})" for i in same or _nearest(plain, labels))
    if same:
        raise InvalidInput(f"targets={name!r} names several classes: {listed}; give an index")
    raise InvalidInput(f"targets={name!r} is not a class of this model; nearest: {listed or 'none'}")


def _nearest(plain: str, labels: Sequence[str]) -> list[int]:
    """Return up to six classes: those that contain the word, then those spelled alike."""
    lower = [label.casefold() for label in labels]
    whole = [i for i, label in enumerate(lower) if re.search(rf"\b{re.escape(plain)}\b", label)]
    alike = [lower.index(label) for label in difflib.get_close_matches(plain, lower, n=6, cutoff=0.6)]
    inside = [i for i, label in enumerate(lower) if plain in label]
    return list(dict.fromkeys(whole + alike + inside))[:6]
