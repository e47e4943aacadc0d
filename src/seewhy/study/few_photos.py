"""What a study of a few photos saw: their scores as they are, and how far they carry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seewhy.estimation.intervals import FEWEST
from seewhy.study.chance import Estimate
from seewhy.study.tensor import Tensor

_MOST = 6
"""Best settings that are named in a sentence each; the table has them all."""


@dataclass(frozen=True)
class Names:
    """What stands at the places of a tensor."""

    photos: Sequence[str]
    models: Sequence[str]
    settings: Sequence[str]


def bests(tensor: Tensor, names: Names) -> str:
    """Return the best setting of each photo with its score and that of the runner-up, a sentence each."""
    lines = list(_best(tensor, names))
    more = f" The other {len(lines) - _MOST} are in the table." if len(lines) > _MOST else ""
    return " ".join(lines[:_MOST]) + more


def _best(tensor: Tensor, names: Names) -> Iterator[str]:
    several = len(names.models) > 1
    for p, photo in enumerate(names.photos):
        for m, model in enumerate(names.models):
            best = int(tensor.best[m, p])
            if best < 0:
                continue
            text = f"{photo}{f', {model}' if several else ''}: {names.settings[best]} is best "
            text += f"({tensor.own[m, p]:.3g}"
            second = runner_up(tensor, m, p)
            if second is not None:
                text += f"; runner-up {names.settings[second]}, {tensor.reported[m, p, second]:.3g}"
            if best:
                text += f"; the default {tensor.default[m, p]:.3g}"
            yield f"{text})."


def runner_up(tensor: Tensor, m: int, p: int) -> int | None:
    """Return the setting that would be chosen without the best one; None where there is no other."""
    usable = np.isfinite(tensor.reported[m, p]) & np.isfinite(tensor.chosen[m, p])
    usable[tensor.best[m, p]] = False
    if not usable.any():
        return None
    return int(np.argmax(np.where(usable, tensor.chosen[m, p], -np.inf)))


def reach(found: Estimate) -> str:
    """Return a sentence on how far a mean without an interval carries."""
    if found.groups >= FEWEST:
        return "One photo or group is part of every case, so there is no interval."
    more = FEWEST - found.groups
    photos = "photo" if found.groups == 1 else "photos"
    return f"This describes {found.groups} independent {photos} and not others; {more} more would give an interval."
