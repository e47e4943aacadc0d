"""What an evaluation found: a row for each photo, a line for each contender, and the differences between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np

from seewhy._version import __version__
from seewhy.core.types import Floats, JsonObject
from seewhy.estimation.intervals import FEWEST
from seewhy.evaluate.averages import Average, averages
from seewhy.evaluate.grouping import Independence
from seewhy.evaluate.page import page
from seewhy.evaluate.plan import MEASURED_ALWAYS, Photo, Plan, WorkUnit
from seewhy.evaluate.store import Record
from seewhy.truth import of_others


@dataclass(frozen=True, eq=False)
class Row:
    """One photo, explained by one contender."""

    photo: str
    group: str
    model: str
    contender: str
    explanation: Record | None
    """None: it is not done yet."""
    grades: Mapping[str, Record]

    @property
    def fault(self) -> str:
        """Why it, or one of its grades, failed; empty: nothing did."""
        if self.explanation is not None and self.explanation.state == "failed":
            return self.explanation.reason
        return next((one.reason for one in self.grades.values() if one.state == "failed"), "")

    @property
    def truth_of(self) -> str | None:
        """Of what the object is that was graded against, as :class:`seewhy.truth.Marked` has it; None: of nothing."""
        return next((one.facts["truth_of"] for one in self.grades.values() if "truth_of" in one.facts), None)

    def value(self, metric: str) -> float | None:
        """Return a grade, or ``seconds`` or ``calls``; None where there is none."""
        if metric in MEASURED_ALWAYS:
            found = None if self.explanation is None else self.explanation.facts.get(metric)
            return None if found is None else float(found)
        return None if metric not in self.grades else self.grades[metric].value

    def to_dict(self, metrics: tuple[str, ...]) -> JsonObject:
        """Return the row as plain values, the grades by the names of their metrics."""
        facts = {} if self.explanation is None else self.explanation.facts
        known = {name: facts.get(name) for name in ("class", "label", "class_from", "right", "score", "unit")}
        state = "missing" if self.explanation is None else "failed" if self.fault else "done"
        named = {"photo": self.photo, "group": self.group, "model": self.model, "contender": self.contender}
        grades = {name: self.value(name) for name in (*metrics, *MEASURED_ALWAYS)}
        return named | known | {"truth_of": self.truth_of} | grades | {"state": state, "reason": self.fault}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The grades of all photos; :attr:`summary` is what most people look at."""

    plan: Plan
    rows: tuple[Row, ...]
    complete: bool
    """False if it was stopped before all work was done; the same call resumes it."""
    notes: tuple[str, ...] = ()
    """Automatic decisions and warnings."""
    out: Path | None = None
    """Folder of its files."""
    independence: Independence | None = None
    """How photos were counted, and whether some seem to be frames of one sequence or near copies."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics, without ``seconds`` and ``calls``, which are always known."""
        return tuple(self.plan.metrics)

    @property
    def faults(self) -> dict[str, str]:
        """Reasons why photos failed, by name."""
        found = {row.photo: row.fault for row in reversed(self.rows) if row.fault}
        return dict(reversed(found.items()))

    @cached_property
    def summary(self) -> list[JsonObject]:
        """A dict for each model and contender: ``avg_iou`` and ``avg_time`` first, then every metric with interval.

        ``avg_iou`` is None without truth, or where the metric ``iou`` was not asked; ``avg_time`` is seconds a photo,
        None for baselines. Both are means over groups of photos, as those of the metrics are, each of which says over
        how many ``photos`` and ``groups``; the line's own ``photos`` are those that were explained.
        """
        return list(self._summary())

    @cached_property
    def differences(self) -> list[JsonObject]:
        """For each model, metric and pair of contenders: the second less the first, on photos that both have."""
        return list(self._differences())

    def to_dict(self) -> JsonObject:
        """Return everything as plain values: what ``summary.json`` holds."""
        plan = self.plan
        return {
            "version": __version__,
            "complete": self.complete,
            "photos": len(plan.photos),
            "groups": len({photo.group for photo in plan.photos}),
            "independence": None if self.independence is None else self.independence.to_dict(),
            "seed": plan.seed,
            "models": {one.label: one.model.fingerprint for one in plan.models},
            "contenders": {one.label: one.to_dict() for one in plan.contenders},
            "metrics": {name: metric.facts.__dict__ for name, metric in plan.metrics.items()},
            "summary": self.summary,
            "differences": self.differences,
            "failed": self.faults,
            "notes": list(self.notes),
        }

    def to_html(self) -> str:
        """Return everything as one HTML page that needs nothing else."""
        return page(self.plan, self.to_dict(), [row.to_dict(self.metrics) for row in self.rows])

    @cached_property
    def _rows(self) -> dict[tuple[str, str], list[Row]]:
        """The rows of each model and contender."""
        found = defaultdict(list)
        for row in self.rows:
            found[row.model, row.contender].append(row)
        return {(m.label, c.label): found[m.label, c.label] for m in self.plan.models for c in self.plan.contenders}

    @cached_property
    def _values(self) -> dict[tuple[str, str], dict[str, Floats]]:
        """Values of each metric and of seconds, of each model and contender: one a photo, NaN where there is none."""
        place = {photo.name: i for i, photo in enumerate(self.plan.photos)}
        found = {}
        for line, rows in self._rows.items():
            found[line] = {name: np.full(len(place), np.nan) for name in (*self.metrics, "seconds")}
            for name, values in found[line].items():
                for row in rows:
                    value = row.value(name)
                    values[place[row.photo]] = np.nan if value is None else value
        return found

    def _averages(self, columns: list[Floats], *, differences: bool = False) -> list[Average | None]:
        groups = [photo.group for photo in self.plan.photos]
        return averages(columns, groups, self.plan.seed, differences=differences)

    def _summary(self) -> Iterator[JsonObject]:
        names = (*self.metrics, "seconds")
        means = iter(self._averages([one[name] for one in self._values.values() for name in names]))
        for (model, contender), rows in self._rows.items():
            found = {name: next(means) for name in names}
            seconds, iou = found.pop("seconds"), found.get("iou")
            yield {
                "avg_iou": None if iou is None else iou.value,
                "avg_time": None if seconds is None else seconds.value,
                "model": model,
                "contender": contender,
                "photos": sum(row.explanation is not None and row.explanation.state == "done" for row in rows),
                "failed": sum(bool(row.fault) for row in rows),
                "metrics": {name: None if one is None else asdict(one) for name, one in found.items()},
            }

    def _differences(self) -> Iterator[JsonObject]:
        values, pairs, columns = self._values, [], []
        for model in self.plan.models:
            for one, other in combinations(self.plan.contenders, 2):
                for name in (*self.metrics, "seconds"):
                    columns.append(values[model.label, other.label][name] - values[model.label, one.label][name])
                    pairs.append({"model": model.label, "metric": name, "first": one.label, "second": other.label})
        for pair, found in zip(pairs, self._averages(columns, differences=True), strict=True):
            if found is not None:
                yield pair | asdict(found) | {"better": self._better(pair["metric"], found.low, found.high, pair)}

    def _better(self, metric: str, low: float | None, high: float | None, pair: Mapping[str, str]) -> str | None:
        """Return the contender whose grade is better beyond chance; None: neither, or the metric does not say."""
        sign = "lower" if metric == "seconds" else self.plan.metrics[metric].facts.better
        if low is None or high is None or low <= 0 <= high or not sign:
            return None
        return pair["second" if (low > 0) == (sign == "higher") else "first"]


def grouped(photos: tuple[Photo, ...]) -> list[str]:
    """Return what people should hear of how photos count."""
    groups = len({photo.group for photo in photos})
    said = [] if len(photos) == groups else [f"{len(photos)} photos in {groups} groups: each group counts once"]
    if groups < FEWEST:
        said.append(f"no intervals: at least {FEWEST} independent photos are needed, got {groups}")
    return said


def truth_notes(rows: Iterable[Row]) -> list[str]:
    """Return what people should hear of photos that were graded against objects of other classes."""
    return of_others(row.photo for row in rows if row.truth_of == "all")


def rows_of(units: list[WorkUnit], records: Mapping[str, Record]) -> tuple[Row, ...]:
    """Return a row for each unit, with what is done of it."""
    return tuple(
        Row(
            unit.photo.name,
            unit.photo.group,
            unit.model.label,
            unit.contender.label,
            records.get(unit.key),
            {name: records[key] for name, key in unit.cells.items() if key in records},
        )
        for unit in units
    )
