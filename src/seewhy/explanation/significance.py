"""Which values differ from 0: beyond their interval, beyond rounding, and not by chance among many.

The one place that decides it. Regions, figures, tables and masks show nothing else as evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Floats
from seewhy.estimation.attribution import Attribution, MapAttribution
from seewhy.estimation.intervals import LEVEL

_Values: TypeAlias = NDArray[np.floating[Any]]

_NORMAL = 1.9601
"""Standard errors to the end of an interval, below which its degrees of freedom are taken as infinite."""


@dataclass(frozen=True)
class Evidence:
    """What a value must exceed to count as evidence."""

    positive: float
    """Standard errors that a value above 0 must exceed; infinite: nothing of this sign is evidence."""
    negative: float
    """The same for a value below 0."""
    rounding: float
    """What rounding alone may leave, in the unit of the score."""

    @classmethod
    def of(cls, attribution: Attribution, rounding: float) -> Evidence:
        """Return the limits for all values of one answer.

        A value whose 95 % interval includes 0 is never evidence. Of many values without any effect, though, 2.5 % lie
        above 0 with their whole interval, and 2.5 % below. So each sign must first show that not all of its values are
        chance: by Simes' test at 5 %.

        Source: Simes (1986), doi:10.1093/biomet/73.3.751.

        Parameters
        ----------
        attribution
            Values of segments, or a map on the view.
        rounding
            What rounding of scores may leave in a value: see :meth:`seewhy.estimation.targets.Target.rounding`.
        """
        if isinstance(attribution, MapAttribution):
            values = attribution.heatmap.astype(np.float64).ravel() - attribution.level
            rounding *= attribution.amplified
        else:
            values = attribution.values
        if attribution.se is None:
            return cls(0.0, 0.0, rounding)
        se, reach = attribution.se.astype(np.float64).ravel(), attribution.reach
        above, below = (reach if _not_all_chance(sign * values, se, reach) else math.inf for sign in (1, -1))
        return cls(above, below, rounding)

    def told(self, values: _Values, se: _Values | None) -> NDArray[np.bool_]:
        """Return where values differ from 0; ``se`` None: their errors are not known, and only rounding counts."""
        return np.asarray(np.abs(values) > self.needed(values, se))

    def needed(self, values: _Values, se: _Values | None) -> Floats:
        """Return what the magnitude of each value must exceed."""
        if se is None:
            return np.full(np.shape(values), self.rounding)
        errors = np.where(values > 0, self.positive, self.negative)
        # No error at all needs no standard errors, however many there must be: inf * 0 would be no number.
        reach = np.multiply(errors, se, out=np.zeros(np.shape(values)), where=se > 0)
        return np.maximum(reach, self.rounding)


def _not_all_chance(values: Floats, se: Floats, reach: float) -> bool:
    """Say whether values above 0 are more, or larger, than values without any effect would give."""
    from scipy.special import ndtr, stdtr, stdtridf

    uncertain = (se > 0) & np.isfinite(se)
    tests = int(np.count_nonzero(uncertain))
    if not tests or reach <= 0:
        return True
    above = uncertain & (values > 0)
    away = np.sort(-values[above] / se[above])
    normal = reach < _NORMAL
    chance = ndtr(away) if normal else stdtr(float(stdtridf(1 - (1 - LEVEL) / 2, reach)), away)
    return bool(np.any(chance <= (1 - LEVEL) * np.arange(1, len(away) + 1) / tests))
