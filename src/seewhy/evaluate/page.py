"""The page of an evaluation: its table of averages, the differences, every photo, and how it was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seewhy.core.types import JsonObject
from seewhy.evaluate.plan import MEASURED_ALWAYS, Plan
from seewhy.render.numbers import number
from seewhy.render.pages import PageTable, Section, sections_page

_MOST_ROWS = 500
"""Photos in the table: more belong into the files beside it."""


_NONE = "\N{EN DASH}"


def page(plan: Plan, found: JsonObject, rows: Sequence[JsonObject]) -> str:
    """Return the page of what an evaluation holds as plain values, and of its rows."""
    photos, models = len(plan.photos), len(plan.models)
    title = f"Evaluation of {photos} {'photo' if photos == 1 else 'photos'}"
    names = ", ".join(one.label for one in plan.contenders)
    lead = [f"{names}; {models} {'model' if models == 1 else 'models'}; seed {plan.seed}."]
    if not found["complete"]:
        lead.append("Incomplete: the same command resumes the evaluation. All numbers are for the finished part.")
    return sections_page(title, lead, list(_sections(plan, found, rows)))


def _sections(plan: Plan, found: JsonObject, rows: Sequence[JsonObject]) -> Iterator[Section]:
    facts = {name: one.facts for name, one in plan.metrics.items()}
    better = [f"{name}: {one.title}{_better(one.better)}." for name, one in facts.items()]
    intervals = "Means over groups of photos; square brackets hold 95 % intervals."
    yield Section("Averages", [intervals], [_averages(plan, found["summary"])], items=better)
    differences = list(_differences(found["differences"]))
    if differences:
        columns = ("Model", "Metric", "Second less first", "Difference", "Better")
        text = "Over photos that both explained. Better is filled only where the interval excludes 0."
        yield Section("Differences", [text], [PageTable("Pairs of contenders", columns, differences, frozenset({3}))])
    yield _photos(plan, rows)
    misleads = [f"{name}: {one.misleads}" for name, one in facts.items() if one.misleads]
    yield Section("When these metrics mislead", items=misleads, folded=True)
    yield Section("What failed", items=[f"{photo}: {why}" for photo, why in found["failed"].items()])
    yield Section("Notes", items=found["notes"], folded=True)


def _better(way: str) -> str:
    return f"; {way} is better" if way else ""


def _averages(plan: Plan, summary: Sequence[JsonObject]) -> PageTable:
    rows = []
    for line in summary:
        means = [_mean(line["metrics"][name]) for name in plan.metrics]
        seconds = _NONE if line["avg_time"] is None else number(line["avg_time"])
        rows.append([f"{line['model']}: {line['contender']}", str(line["photos"]), *means, seconds])
    columns = ("Model and contender", "Photos", *plan.metrics, "seconds a photo")
    return PageTable("Averages", columns, rows, frozenset(range(1, len(columns))))


def _mean(one: JsonObject | None) -> str:
    if one is None:
        return _NONE
    low, high = one["low"], one["high"]
    return number(one["value"]) + ("" if low is None or high is None else f" [{number(low)}, {number(high)}]")


def _differences(differences: Sequence[JsonObject]) -> Iterator[list[str]]:
    for one in differences:
        pair = f"{one['second']} less {one['first']}"
        yield [one["model"], one["metric"], pair, _mean(one), one["better"] or _NONE]


def _photos(plan: Plan, rows: Sequence[JsonObject]) -> Section:
    metrics, shown = (*plan.metrics, *MEASURED_ALWAYS), []
    for row in rows[:_MOST_ROWS]:
        values = [_NONE if row[name] is None else number(row[name]) for name in metrics]
        shown.append([row["photo"], f"{row['model']}: {row['contender']}", row["label"] or _NONE, *values])
    columns = ("Photo", "Model and contender", "Class", *metrics)
    more = [f"The first {_MOST_ROWS} of {len(rows)} rows."] if len(rows) > _MOST_ROWS else []
    table = PageTable("Photos", columns, shown, frozenset(range(3, len(columns))))
    return Section(f"Photos ({len(rows)} rows)", more, [table], folded=True)
