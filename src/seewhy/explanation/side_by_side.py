"""What relatives of a method say about the same samples, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.types import Floats, JsonObject
from seewhy.explanation.facts import ExplanationFacts

_TOP = 5
AREA = 0.2
"""Share of a map whose overlap is told: single pixels of two maps hardly ever agree, their regions do."""


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Answers of several readings of the same samples."""

    target: str
    names: tuple[str, ...]
    """The explanation's own first."""
    values: Floats
    """(m, d) for segments, (m, H * W) for maps: pixels that the model saw."""
    errors: tuple[float | None, ...]
    """Estimated relative error of each."""
    maps: bool
    """Whether the values are those of pixels."""
    missing: dict[str, str]
    """Relatives that these samples do not allow, and why."""

    @property
    def correlation(self) -> Floats:
        """(m, m): Pearson correlations."""
        with np.errstate(invalid="ignore"):  # an answer without any variation agrees with nothing
            return np.nan_to_num(np.atleast_2d(np.corrcoef(self.values)))

    @property
    def same_top(self) -> NDArray[np.intp]:
        """(m, m): how many of the five strongest two answers have in common."""
        top = [set(np.argsort(-np.abs(row), kind="stable")[:_TOP].tolist()) for row in self.values]
        return np.array([[len(one & other) for other in top] for one in top])

    @property
    def same_area(self) -> Floats | None:
        """(m, m): share of the strongest fifth of the area that two maps have in common; by chance 0.2.

        None for segments.
        """
        if not self.maps:
            return None
        count = max(1, round(AREA * self.values.shape[1]))
        top = np.zeros(self.values.shape, dtype=bool)
        for row, values in zip(top, self.values, strict=True):
            row[np.argsort(-values, kind="stable")[:count]] = True
        return np.array([[float((one & other).sum()) / count for other in top] for one in top])

    @property
    def apart(self) -> Floats:
        """(m,): length of the difference from the first answer, relative to it; maps are without their mean."""
        first = self.values[0]
        length = float(np.linalg.norm(first)) or 1.0
        return np.asarray(np.linalg.norm(self.values - first, axis=1) / length)

    def to_dict(self) -> JsonObject:
        """Return plain JSON values."""
        return {
            "target": self.target,
            "names": list(self.names),
            "errors": [None if e is None or not np.isfinite(e) else e for e in self.errors],
            "correlation": self.correlation.tolist(),
            "apart": self.apart.tolist(),
            "same_top": self.same_top.tolist(),
            "same_area": None if self.same_area is None else self.same_area.tolist(),
            "missing": dict(self.missing),
        }


def side_by_side(explanation: ExplanationFacts, refit: Callable[..., ExplanationFacts], target: int) -> SideBySide:
    """Read the samples as each relative of the method would, by ``refit``; the model is not asked."""
    names, rows, errors = [explanation.method.name], [_answer(explanation, target)], [_error(explanation, target)]
    missing: dict[str, str] = {}
    for name, changes in explanation.method.relatives().items():
        if isinstance(changes, str):
            missing[name] = changes
            continue
        try:
            found = refit(**changes)
        except InvalidInput as error:
            missing[name] = str(error)
            continue
        names.append(name)
        rows.append(_answer(found, target))
        errors.append(_error(found, target))
    label = explanation.targets[target].label
    return SideBySide(label, tuple(names), np.stack(rows), tuple(errors), not _has_segments(explanation), missing)


def _has_segments(explanation: ExplanationFacts) -> bool:
    return explanation.segments is not None and explanation.scene_segments is not None


def _answer(explanation: ExplanationFacts, target: int) -> Floats:
    if _has_segments(explanation):
        return explanation.values(target)
    seen = explanation.heatmap(target)[explanation.seen].astype(np.float64)
    return np.asarray(seen - seen.mean())


def _error(explanation: ExplanationFacts, target: int) -> float | None:
    return explanation.attributions[target].error
