"""What an estimator reads out of samples: values per segment, or a map, in the unit of the score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Floats, Heatmap, Segments
from seewhy.estimation.intervals import Spread


@dataclass(frozen=True)
class Stability:
    """How alike parts of a run answer."""

    same_top: tuple[float, ...]
    """For k = 1, 2, ...: the chance that another run like this one finds the same k strongest segments."""
    vsi: float | None
    """Mean share of their five strongest segments that two parts of the run have in common, 0..1."""
    csi: float | None
    """Share of the intervals of two parts of the run that overlap, 0..1."""
    parts: int
    """Independent parts that were compared; 0 where the run is too short for two."""
    part_samples: int
    """Samples in each."""


@dataclass(frozen=True, eq=False)
class SegmentAttribution:
    """One value a segment, from a linear surrogate, with 95 % intervals."""

    values: Floats
    """(d,)"""
    intercept: float
    r2: float | None
    """Weighted R^2 of the surrogate on the samples; None if the scores never change."""
    effective: float | None = None
    """Samples of equal weight that would say as much as those there with the kernel's weights; None: not known."""
    se: Floats | None = None
    """(d,): standard errors; None where the samples do not tell."""
    reach: float = 0.0
    """Standard errors from a value to the end of its interval."""
    simultaneous: float = 0.0
    """The same for intervals that hold all at once."""
    ranks: NDArray[np.intp] | None = None
    """(d, 2): best and worst rank by magnitude that a segment may have."""
    error: float | None = None
    """Estimated relative error of all values together; infinite where there is more noise than signal."""
    stability: Stability | None = None
    needed: int | None = None
    """Samples that would do, where those there are too few for as many segments; not kept in files."""
    spread: Spread | None = None
    """Where the intervals come from; not kept in files."""

    @property
    def success(self) -> float | None:
        """The R^2 to show; None also where a fit has room for every score, so that it is 1 and meaningless."""
        return self.r2 if self.needed is None else None

    @property
    def prediction(self) -> float:
        """The surrogate's own score for the unmasked image, to hold against the model's."""
        return float(self.intercept + self.values.sum())

    def with_spread(self, spread: Spread, stability: Stability | None) -> SegmentAttribution:
        """Return the same values with all that their spread says."""
        return replace(
            self,
            se=spread.se,
            reach=spread.t(),
            simultaneous=spread.simultaneous(),
            ranks=spread.ranks(),
            error=spread.error,
            stability=stability,
            spread=spread,
        )


@dataclass(frozen=True, eq=False)
class MapAttribution:
    """One value a pixel of the model input, with 95 % intervals."""

    heatmap: Heatmap
    """(h, w)"""
    level: float = 0.0
    """Value of a pixel that changes nothing: 0, or the mean score where the map holds scores. Pictures start there."""
    se: Heatmap | None = None
    """(h, w): standard errors; None where the samples do not tell."""
    reach: float = 0.0
    """Standard errors from a value to the end of its interval."""
    error: float | None = None
    """Estimated relative error of the map less its mean; infinite where there is more noise than signal."""
    spread: Spread | None = None
    """Of the map averaged over rectangles and less its mean; not kept in files."""
    amplified: float = 1.0
    """How many times an error that all scores have in common may stand in a pixel, at most."""


Attribution: TypeAlias = SegmentAttribution | MapAttribution


def on_view(found: Attribution, segments: Segments | None) -> Heatmap:
    """Return what each pixel of the view changes, (h, w); ``segments`` (h, w) where values are of segments."""
    if isinstance(found, MapAttribution):
        return np.asarray(found.heatmap - np.float32(found.level))
    return found.values.astype(np.float32)[segments]
