"""The metric of the tuner, on which of its fills it chooses and on which it reports, and what it costs."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.types import JsonObject
from seewhy.estimation.attribution import SegmentAttribution, on_view
from seewhy.explanation.explanation import Explanation
from seewhy.images.fills import Color
from seewhy.metrics import METRICS, Candidate, Metric, NotMeasured, Question
from seewhy.metrics.curves import FILLS, ranks
from seewhy.metrics.question import graded_sign
from seewhy.render.display import Display
from seewhy.tune.space import Tuned

_READS_RANKS = frozenset({"srg", "insertion", "deletion"})
_PARTS_BY_FILL = _READS_RANKS | {"sufficiency"}
_COSTLY = 16
"""Model calls from which on a map is not judged for the asking."""


@dataclass(frozen=True)
class Grade:
    """What one way to explain is worth on one photo."""

    value: float | None
    """As the metric says it; None: not measured, for ``why``."""
    parts: JsonObject = field(default_factory=dict)
    """The value over each fill, and the area of the region, where there are such."""
    why: str = ""


@dataclass(frozen=True)
class Judge:
    """A metric with the fills that are chosen and reported on."""

    metric: Metric
    chosen: str = ""
    """Fill on whose part settings are chosen; empty: the metric has no fills."""
    reported: str = ""
    """Fill on whose part the chosen one is reported."""

    @classmethod
    def of(cls, name: str, start: Tuned) -> Judge:
        """Return the judge of a metric, for a tuning that starts from these settings.

        Choosing is on blur and reporting on black; the other way round where the start is explained with black.

        Raises
        ------
        InvalidInput
            There is no such metric, or it has no direction.
        """
        graded = [one for one, metric in METRICS.items() if metric.facts.better]
        if name not in graded:
            raise InvalidInput.of("metric", f"be one of {', '.join(graded)}", name)
        if name not in _PARTS_BY_FILL:
            return cls(METRICS[name])
        blur, black = FILLS
        return cls(METRICS[name], *((black, blur) if fill_name(start) == black else (blur, black)))

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.facts.name

    @property
    def better(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.metric.facts.better == "higher" else -1

    @property
    def region(self) -> bool:
        """Whether the region that is shown counts, and not the map."""
        return self.metric.facts.region

    @property
    def needs_intervals(self) -> bool:
        """Whether the score depends on intervals: a region has only values that are distinguishable from 0."""
        return self.region or self.metric.facts.needs == "samples"

    @property
    def costly(self) -> bool:
        """Whether each map costs many model calls."""
        return self.cost >= _COSTLY

    @property
    def cost(self) -> int:
        """Most model calls that one grade may cost."""
        found = re.match(r"\d+", self.metric.facts.calls)
        calls = int(found[0]) if found else 0
        return calls + 1 if calls else 0  # the picture itself may be asked for beside

    @property
    def cost_without_samples(self) -> int:
        """Most model calls that the grade of a map may cost that comes from no samples."""
        return 0 if self.metric.facts.needs == "samples" else self.cost

    def flattered(self, method: Tuned) -> bool:
        """Say whether a method is explained with the very fill that it would be reported on."""
        return bool(self.reported) and fill_name(method) == self.reported

    def grade(self, question: Question, candidate: Candidate) -> Grade:
        """Return what the metric finds; an answer that it does not apply is a grade too."""
        try:
            found = self.metric.measure(question, candidate)
        except NotMeasured as why:
            return Grade(None, why=str(why))
        if not math.isfinite(found.value) or not {self.chosen, self.reported} <= {"", *found.parts}:
            return Grade(None, why="it is not defined on both fills" if self.chosen else "its value is not finite")
        parts = {name: float(found.parts[name]) for name in (self.chosen, self.reported) if name}
        if self.region:
            parts["area"] = float(candidate.region.mean())
        return Grade(float(found.value), parts)

    def on(self, fill: str, grade: Grade) -> float:
        """Return a grade's part of a fill, or its value where there are no fills; NaN if not measured."""
        if grade.value is None:
            return math.nan
        return float(grade.parts[fill]) if fill else grade.value


def fill_name(method: Tuned) -> str:
    """Return how a method's fill is called; a color by its name where it is black."""
    fill = method.fill
    if isinstance(fill, Color) and fill == Color(value="black"):
        return "black"
    return str(fill.name)


class Grades:
    """Grades of one photo's readings of one explanation; equal regions and equal maps are graded once."""

    def __init__(self, judge: Judge, question: Question) -> None:
        self._judge, self._question = judge, question
        self._known: dict[Hashable, Grade] = {}

    def needs(self, fitted: Explanation, display: Display) -> bool:
        """Say whether the model may have to be asked for the grade of a reading."""
        return bool(self._judge.cost) and self._key(fitted, display) not in self._known

    def of(self, fitted: Explanation, display: Display) -> Grade:
        """Return the grade of an explanation as ``display`` shows it."""
        key = self._key(fitted, display)
        if key not in self._known:
            self._known[key] = self._judge.grade(self._question, self._candidate(fitted, display))
        return self._known[key]

    def _key(self, fitted: Explanation, display: Display) -> Hashable:
        """Return what the metric reads of a reading."""
        found = fitted.attributions[0]
        if self._judge.metric.facts.needs == "samples":
            return repr(fitted.method.to_dict())
        if not self._judge.region:
            heatmap = on_view(found, fitted.scene_segments)
            return _digest(ranks(heatmap) if self._judge.name in _READS_RANKS else heatmap)
        if isinstance(found, SegmentAttribution):
            return tuple(sorted(one.segment for one in fitted.top(display.regions, sign=graded_sign(display))))
        region = fitted.region(display.regions, sign=graded_sign(display), share=display.share)
        return _digest(np.packbits(region))

    def _candidate(self, fitted: Explanation, display: Display) -> Candidate:
        return Candidate.of(fitted, display=display)


def _digest(values: np.ndarray[Any, Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
