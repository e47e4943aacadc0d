"""Transfer matrices: a setting tuned on the row, judged on the column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from seewhy.core.types import Floats, JsonObject
from seewhy.study.chance import Estimate, over_pairs, over_photos
from seewhy.study.tensor import Tensor, mean


@dataclass(frozen=True, eq=False)
class Matrix:
    """Losses of settings that were tuned on the row and are judged on the column."""

    over: str
    """What rows and columns are."""
    names: tuple[str, ...]
    score: Floats
    """(n, n): mean score on the column; NaN: never judged."""
    loss: tuple[tuple[Estimate | None, ...], ...]
    """(n, n): the column's own best less that."""
    default: tuple[Estimate | None, ...]
    """(n,): the column's own best less the default."""
    model: str = ""
    """The model that was asked; empty: all of them."""

    def to_dict(self) -> JsonObject:
        """Return the matrix as plain values."""
        return {
            "over": self.over,
            "model": self.model or None,
            "names": list(self.names),
            "score": [[finite(one) for one in row] for row in self.score.tolist()],
            "loss": [[None if one is None else asdict(one) for one in row] for row in self.loss],
            "default_loss": [None if one is None else asdict(one) for one in self.default],
        }


def finite(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return float(value) if np.isfinite(value) else None


def between_photos(tensor: Tensor, m: int, model: str, photos: Sequence[str], groups: Sequence[str]) -> Matrix:
    """Return the matrix over photos under the model at place ``m``; a pair has no interval."""
    scores, own = tensor.across_photos[m], tensor.own[m]
    loss = tuple(
        tuple(_single(own[b] - scores[a, b], {groups[a], groups[b]}) for b in range(len(photos)))
        for a in range(len(photos))
    )
    default = tuple(_single(own[b] - tensor.default[m, b], {groups[b]}) for b in range(len(photos)))
    return Matrix("photos", tuple(photos), scores, loss, default, model)


def between_classes(tensor: Tensor, kinds: Sequence[str], groups: Sequence[str]) -> Matrix:
    """Return the matrix over classes: means over models and over all pairs of different photos."""
    names, of = np.unique(np.asarray(kinds), return_inverse=True)
    carried = mean(tensor.across_photos, axis=0)
    lost = mean(tensor.own[:, None] - tensor.across_photos, axis=0)
    apart = ~np.eye(len(of), dtype=bool)
    score = np.full((len(names), len(names)), np.nan)
    rows: list[tuple[Estimate | None, ...]] = []
    for a in range(len(names)):
        row: list[Estimate | None] = []
        for b in range(len(names)):
            pairs = (of[:, None] == a) & (of == b) & apart
            score[a, b] = mean(np.where(pairs, carried, np.nan))
            row.append(over_pairs(np.where(pairs, lost, np.nan), groups))
        rows.append(tuple(row))
    lost_by_default = mean(tensor.own - tensor.default, axis=0)
    default = tuple(over_photos(np.where(of == b, lost_by_default, np.nan), groups) for b in range(len(names)))
    return Matrix("classes", tuple(map(str, names)), score, tuple(rows), default)


def between_models(tensor: Tensor, models: Sequence[str], groups: Sequence[str]) -> Matrix:
    """Return the matrix over models: means over photos."""
    carried = tensor.across_models
    lost = tensor.own[None] - carried
    loss = tuple(tuple(over_photos(one, groups) for one in row) for row in lost)
    default = tuple(over_photos(one, groups) for one in tensor.own - tensor.default)
    return Matrix("models", tuple(models), mean(carried, axis=2), loss, default)


def _single(value: float, groups: set[str]) -> Estimate | None:
    return Estimate(float(value), None, None, 1, 1, len(groups)) if np.isfinite(value) else None
