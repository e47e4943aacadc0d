"""What an estimator reads out of samples: values per segment, or a map, in the unit of the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from seewhy._types import Floats, Heatmap


@dataclass(frozen=True, eq=False)
class SegmentAttribution:
    """One value a segment, from a linear surrogate."""

    values: Floats
    """(d,)"""
    intercept: float
    r2: float | None
    """Weighted R^2 of the surrogate on the samples; None if the scores never change."""

    @property
    def prediction(self) -> float:
        """The surrogate's own score for the untouched picture, to hold against the model's."""
        return float(self.intercept + self.values.sum())


@dataclass(frozen=True, eq=False)
class MapAttribution:
    """One value a pixel of the picture that the model sees."""

    heatmap: Heatmap
    """(h, w)"""
    level: float = 0.0
    """Value of a pixel that changes nothing: 0, or the mean score where the map holds scores. Pictures start there."""


Attribution: TypeAlias = SegmentAttribution | MapAttribution
