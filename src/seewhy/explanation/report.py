"""The report: results as one page that can be sent, with everything a reader needs to judge and repeat them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seewhy._version import __version__
from seewhy.core.settings import to_toml
from seewhy.core.text import clean
from seewhy.core.types import JsonObject
from seewhy.engine.stopping import WORDS
from seewhy.explanation import record
from seewhy.explanation.digests import fingerprint
from seewhy.explanation.facts import ExplanationFacts
from seewhy.explanation.figures import Style, panel_of
from seewhy.render.display import Display
from seewhy.render.numbers import as_percent, as_probability, number, score_words, signed

if TYPE_CHECKING:
    from seewhy.render import TargetPanel
    from seewhy.render.pages import Embedded

_ROOM = 420_000
"""Bytes of a photo, and again of all still pictures of it together; base64 adds a third."""
_LEAST_ROOM = 60_000
_STILL = 960
"""Pixels of the longer side of a still picture."""
_CLASSES = 12
"""Classes of a result that a report draws, at most."""
_ROWS = 30
"""Segments in a table, at most."""
_PREDICTIONS = 6
_CITATION = """@software{seewhy,
  title   = {seewhy: which regions of a photo made an image classifier decide},
  author  = {{The seewhy developers}},
  version = {%s}
}"""


def report(results: Sequence[tuple[ExplanationFacts, Display]]) -> str:
    """Return one page about results, at least one, each as it is to be shown."""
    from seewhy.render.pages import page

    room = max(_LEAST_ROOM, _ROOM // len(results))
    articles = [_article(i, one, display, room) for i, (one, display) in enumerate(results, 1)]
    first = articles[0]["title"]
    title = first if len(articles) == 1 else f"{len(articles)} explanations"
    return page(
        "report.html.j2",
        style=("drawing.css",),
        script=("drawing.js", "report.js"),
        title=title,
        articles=articles,
        citation=_CITATION % __version__,
    )


def _article(place: int, explanation: ExplanationFacts, display: Display, room: int) -> JsonObject:
    from seewhy.render.pages import drawing

    drawn = range(min(_CLASSES, len(explanation.targets)))
    panels = [panel_of(explanation, i, display, Style()) for i in drawn]
    photo, seen = explanation.image.rgb8(), explanation.seen
    facts = record.as_dict(explanation)
    target = explanation.targets[0]
    alt = f"{explanation.image.name} with the effects on {target.label} in color"
    return {
        "id": f"result-{place}",
        "title": f"Why {explanation.model.name} says {target.label}",
        "photo": explanation.image.name,
        "model": explanation.model.name,
        "verdict": facts.get("verdict"),
        "lead": list(_lead(explanation, panels[0])),
        "drawing": drawing(photo, seen, panels, alt=alt, room=room),
        "left_out": len(explanation.targets) - len(drawn),
        "classes": [_class(explanation, i, panels[i], room // (2 * len(drawn))) for i in drawn],
        "predictions": _predictions(explanation),
        "made": list(_made(explanation)),
        "settings": [(name, _said(value)) for name, value in explanation.method.to_dict().items() if name != "name"],
        "hashes": list(_hashes(explanation)),
        "notes": facts["warnings"],
        "repeat": _repeat(explanation, display),
        "sources": explanation.method.source if hasattr(explanation.method, "source") else "",
        "segments": explanation.segments is not None,
        "unit": target.unit,
        "kind": explanation.model.kind,
    }


def _lead(explanation: ExplanationFacts, panel: TargetPanel) -> Iterator[str]:
    """Yield what was found, in full sentences."""
    target, seen = explanation.targets[0], explanation.seen
    yield f"{explanation.model.name} scores {target.label} with {score_words(target)}."
    share = float(np.count_nonzero(panel.region & seen) / np.count_nonzero(seen))
    if not share:
        yield "No region has an effect that is distinguishable from 0."
        return
    many = len(panel.chosen)
    what = "The marked region covers" if panel.segments is None or many == 1 else f"The {many} marked segments cover"
    yield f"{what} {as_percent(share)} of the model input."
    error = explanation.attributions[0].error
    if error is not None:
        known = (
            f"is {as_percent(error)}" if math.isfinite(error) else "is unknown, because there is more noise than signal"
        )
        yield f"The estimated relative error of the map {known}."


def _class(explanation: ExplanationFacts, i: int, panel: TargetPanel, room: int) -> JsonObject:
    """Return what the report shows of one class without any script: two pictures, facts and a table."""
    target = explanation.targets[i]
    heat, region = _stills(explanation, panel, room)
    told = explanation.significant(i)
    return {
        "label": target.label,
        "score": score_words(target),
        "heat": heat,
        "region": region,
        "limit": signed(panel.limit, panel.limit) if panel.limit else "",
        "effect": panel.effect,
        "facts": list(_facts(explanation, i, panel)),
        "rows": [] if panel.values is None else list(_rows(explanation, i, panel)),
        "told": int(np.count_nonzero(told)),
        "count": 0 if panel.values is None else len(panel.values),
        "nothing": panel.nothing,
    }


def _stills(explanation: ExplanationFacts, panel: TargetPanel, room: int) -> tuple[Embedded, Embedded]:
    from seewhy.render import panels
    from seewhy.render.overlay import fitted
    from seewhy.render.pages import embedded

    photo, seen = fitted(explanation.image.rgb8(), _STILL), fitted(explanation.seen, _STILL)
    small = panels.shrunk(panel, _STILL)
    pictures = panels.heat_picture(photo, seen, small), panels.regions_picture(photo, seen, small)
    heat, region = (embedded(picture, _STILL, room) for picture in pictures)
    return heat, region


def _facts(explanation: ExplanationFacts, i: int, panel: TargetPanel) -> Iterator[tuple[str, str]]:
    found = explanation.attributions[i]
    if panel.prediction is not None:
        yield "surrogate predicts", f"{number(panel.prediction)} (model: {number(panel.score)})"
    if panel.r2 is not None:
        yield "R² of the surrogate", f"{panel.r2:.3f}"
    if found.error is not None:
        yield "estimated error", as_percent(found.error) if math.isfinite(found.error) else "more noise than signal"
    if panel.segments is None:
        facts = record.as_dict(explanation)["targets"][i]["map"]
        peak = facts["peak"]
        ends = f", 95 % interval {number(peak['low'])} to {number(peak['high'])}" if "low" in peak else ""
        yield "peak", f"{number(peak['value'])} at x={peak['x']}, y={peak['y']}{ends}"
        yield "range of the map", f"{number(facts['min'])} to {number(facts['max'])}"


def _rows(explanation: ExplanationFacts, i: int, panel: TargetPanel) -> Iterator[JsonObject]:
    """Yield the strongest segments, first those that are distinguishable from 0."""
    told, known, total = explanation.significant(i), explanation.regions(i), int(explanation.seen.sum())
    values = explanation.values(i)
    order = np.lexsort((-np.abs(values), ~told))[:_ROWS]
    for k in (int(k) for k in order):
        low, high = (math.nan, math.nan) if panel.intervals is None else panel.intervals[k]
        ends = "" if math.isnan(low) else f"{signed(low, panel.limit)} to {signed(high, panel.limit)}"
        yield {
            "segment": k,
            "value": signed(values[k], panel.limit) if panel.limit else "0",
            "interval": ends,
            "style": ("supports" if values[k] > 0 else "contradicts") if told[k] else "",
            "area": as_percent(known[k].area / total),
        }


def _predictions(explanation: ExplanationFacts) -> list[JsonObject]:
    """Return the strongest classes with the length of their bars, which start at 0 and end at the strongest."""
    found = explanation.predictions[:_PREDICTIONS]
    most = max((abs(one.score) for one in found), default=0.0) or 1.0
    return [
        {
            "label": one.label,
            "index": one.index,
            "score": number(one.score) if explanation.model.kind == "score" else as_probability(one.score),
            "bar": round(100 * max(0.0, one.score) / most, 1),
        }
        for one in found
    ]


def _made(explanation: ExplanationFacts) -> Iterator[tuple[str, str]]:
    samples = explanation.samples
    image = explanation.image
    yield "photo", f"{image.name}, {image.width} × {image.height} pixels"
    yield "model", f"{explanation.model.name}, {explanation.model.classes} outputs, {explanation.model.kind}"
    if explanation.model.run_by:
        yield "run by", explanation.model.run_by
    yield "method", explanation.method.name
    yield "model input", f"{explanation.view.width} × {explanation.view.height} pixels"
    yield "samples", str(len(samples))
    pilot = f", including {explanation.pilot} of the pilot" if explanation.pilot else ""
    yield "model evaluations", f"{explanation.n_evaluations}{pilot}"
    yield "stopped", WORDS[explanation.stop.by]
    yield "seed", str(explanation.seed)
    if explanation.seconds is not None:
        yield "seconds", f"{explanation.seconds:.1f}"
    yield "seewhy", explanation.version


def _hashes(explanation: ExplanationFacts) -> Iterator[tuple[str, str]]:
    yield "photo, SHA-256 of its pixels", explanation.image.sha256
    yield "model", explanation.model.fingerprint
    yield "fill", explanation.fill
    yield "samples, SHA-256 of the coalitions", fingerprint(explanation.samples.asked())


def _repeat(explanation: ExplanationFacts, display: Display) -> JsonObject:
    """Return a command and Python that give the same result again."""
    method, name = explanation.method.to_dict(), clean(explanation.image.name)
    targets: list[int | str] = [
        t.index if t.versus is None else f"{t.index} vs {t.versus}" for t in explanation.targets
    ]
    asked = {"model": explanation.model.name, "targets": targets, "seed": explanation.seed, "method": method}
    asked["display"] = display.to_dict()
    python = (
        f"import seewhy\n\nexplanation = seewhy.explain(\n    {name!r},\n    model={explanation.model.name!r},\n"
        f"    method={method!r},\n    targets={targets!r},\n    seed={explanation.seed},\n)\n"
    )
    return {
        "command": f"seewhy explain {shlex.quote(name)} --settings settings.toml",
        "toml": to_toml(asked),
        "python": python,
    }


def _said(value: object) -> str:
    """Return the value of a setting as people write it."""
    if isinstance(value, dict):
        rest = ", ".join(f"{name} {_said(one)}" for name, one in value.items() if name != "name" and one is not None)
        return f"{value.get('name', '')} ({rest})" if rest else str(value.get("name", ""))
    if isinstance(value, list | tuple):
        return ", ".join(_said(one) for one in value)
    return "not given" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
