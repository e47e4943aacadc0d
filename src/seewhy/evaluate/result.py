"""What an evaluation found: a row for each photo, a line for each contender, and the differences between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

from seewhy._types import JsonObject
from seewhy._version import __version__
from seewhy.evaluate.averages import average
from seewhy.evaluate.plan import MEASURED_ALWAYS, Plan, Unit
from seewhy.evaluate.store import Record


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
        return named | known | grades | {"state": state, "reason": self.fault}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The grades of all photos; :attr:`summary` is what most people look at."""

    plan: Plan
    rows: tuple[Row, ...]
    complete: bool
    """False if it was stopped before everything asked was done; the same call goes on."""
    notes: tuple[str, ...] = ()
    """What was decided on the way."""
    out: Path | None = None
    """Where its files are."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics asked, without ``seconds`` and ``calls``, which are always known."""
        return tuple(self.plan.metrics)

    @property
    def faults(self) -> dict[str, str]:
        """Why photos failed, by their names."""
        found = {row.photo: row.fault for row in reversed(self.rows) if row.fault}
        return dict(reversed(found.items()))

    @property
    def summary(self) -> list[JsonObject]:
        """A dict for each model and contender: ``avg_iou`` and ``avg_time`` first, then every metric with interval.

        ``avg_iou`` is None without truth, or where the metric ``iou`` was not asked; ``avg_time`` is seconds a photo,
        None for baselines.
        """
        return [self._line(model, contender, rows) for (model, contender), rows in self._lines()]

    @property
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
            "seed": plan.seed,
            "models": {one.label: one.model.fingerprint for one in plan.models},
            "contenders": {one.label: one.asked for one in plan.contenders},
            "metrics": {name: metric.facts.__dict__ for name, metric in plan.metrics.items()},
            "summary": self.summary,
            "differences": self.differences,
            "failed": self.faults,
            "notes": list(self.notes),
        }

    def _lines(self) -> Iterator[tuple[tuple[str, str], list[Row]]]:
        for model in self.plan.models:
            for contender in self.plan.contenders:
                named = (model.label, contender.label)
                yield named, [row for row in self.rows if (row.model, row.contender) == named]

    def _line(self, model: str, contender: str, rows: list[Row]) -> JsonObject:
        found = {name: average(_values(rows, name), self._groups, self.plan.seed) for name in self.metrics}
        seconds = list(_values(rows, "seconds").values())
        iou = found.get("iou")
        return {
            "avg_iou": None if iou is None else iou.value,
            "avg_time": sum(seconds) / len(seconds) if seconds else None,
            "model": model,
            "contender": contender,
            "photos": sum(row.explanation is not None and row.explanation.state == "done" for row in rows),
            "failed": sum(bool(row.fault) for row in rows),
            "metrics": {name: None if one is None else asdict(one) for name, one in found.items()},
        }

    @property
    def _groups(self) -> dict[str, str]:
        return {photo.name: photo.group for photo in self.plan.photos}

    def _differences(self) -> Iterator[JsonObject]:
        lines = dict(self._lines())
        for model in self.plan.models:
            for one, other in combinations(self.plan.contenders, 2):
                for name in (*self.metrics, "seconds"):
                    first = _values(lines[model.label, one.label], name)
                    second = _values(lines[model.label, other.label], name)
                    apart = {photo: second[photo] - value for photo, value in first.items() if photo in second}
                    found = average(apart, self._groups, self.plan.seed)
                    if found is None:
                        continue
                    pair = {"model": model.label, "metric": name, "first": one.label, "second": other.label}
                    yield pair | asdict(found) | {"better": self._better(name, found.low, found.high, pair)}

    def _better(self, metric: str, low: float | None, high: float | None, pair: Mapping[str, str]) -> str | None:
        """Return the contender whose grade is better beyond chance; None: neither, or the metric does not say."""
        sign = "lower" if metric == "seconds" else self.plan.metrics[metric].facts.better
        if low is None or high is None or low <= 0 <= high or not sign:
            return None
        return pair["second" if (low > 0) == (sign == "higher") else "first"]


def rows_of(units: list[Unit], records: Mapping[str, Record]) -> tuple[Row, ...]:
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


def _values(rows: list[Row], metric: str) -> dict[str, float]:
    """Return the grade of each photo that has one."""
    found = {row.photo: row.value(metric) for row in rows}
    return {photo: value for photo, value in found.items() if value is not None}
