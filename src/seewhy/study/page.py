"""The page of a study: plain words and numbers for a template."""

from __future__ import annotations

import math
from typing import Any

from seewhy.core.types import JsonObject
from seewhy.estimation.intervals import FEWEST
from seewhy.render import pages
from seewhy.study.chance import Estimate
from seewhy.study.facts import StudyFacts
from seewhy.study.matrices import Matrix
from seewhy.study.pictures import MOST
from seewhy.study.questions import MARGIN, Answer

_MOST_ROWS = 24
"""Photos up to which the matrix over photos is shown."""
_SIGNS = {
    "Yes": "\u2713",
    "No": "\u2717",
    "Not clear": "?",
    "Seen here": "\u2026",
    "Not asked": "\u2013",
    "Not measured": "\u2013",
}
_LEFT, _RIGHT, _ROW = 136, 384, 22
"""Places in the chart, which is 400 wide."""


def page(study: StudyFacts) -> str:
    """Return the page."""
    return pages.page("study.html.j2", style=("study.css",), **_words(study))


def _words(study: StudyFacts) -> JsonObject:
    menu, facts = study.plan.menu, study.plan.rule.metric.facts
    one = study.one_for_all
    matrices = [one for one in study.matrices if one.over != "photos" or len(one.names) <= _MOST_ROWS]
    return {
        "study": study,
        "metric": facts,
        "default": menu.default.label,
        "one_for_all": None if one is None else one.label,
        "classes": len(set(study.kinds)),
        "answers": [_answer(i, one) for i, one in enumerate(study.questions, 1)],
        "chart": _chart(study.questions[1:4]),
        "bests": [_best(study, row) for row in study.to_dict()["best"]],
        "baselines": list(study.tensor.baselines),
        "matrices": [_matrix(one) for one in matrices if len(one.names) > 1],
        "left_out": len(study.photos) > _MOST_ROWS,
        "pictured": MOST if len(study.photos) > MOST else 0,
        "failed": study.failed_in_brief,
        "least": FEWEST,
        "margin": f"{100 * MARGIN:.0f} %",
    }


def number(value: float | None) -> str:
    """Return a score in three decimals."""
    if value is None or math.isnan(value):
        return "\u2013"
    return f"{round(value, 3) + 0.0:.3f}".replace("-", "\N{MINUS SIGN}")


def _answer(i: int, answer: Answer) -> JsonObject:
    style = answer.word.lower().replace(" ", "-")
    return {"name": f"Q{i}", "sign": _SIGNS[answer.word], "style": style, "answer": answer}


def _best(study: StudyFacts, row: JsonObject) -> JsonObject:
    photo, model = row["photo"], row["model"]
    answer = study.answers.get((photo, model), {"label": "\u2013"})
    area = None if row["setting"] is None or not study.plan.rule.region else study.scores.areas.get(row["setting"])
    return {
        "photo": photo,
        "kind": study.kinds[study.photos.index(photo)],
        "model": model,
        "label": answer["label"],
        "setting": row["setting"] or "\u2013",
        "score": number(row["score"]),
        "default": number(row["default"]),
        "baselines": [number(value) for value in row["baselines"].values()],
        "area": None if area is None else f"{100 * area:.0f} %",
    }


def _matrix(matrix: Matrix) -> JsonObject:
    losses = [one.value for row in matrix.loss for one in row if one is not None]
    limit = max((abs(one) for one in losses), default=0.0) or 1.0
    rows = [
        {"name": name, "cells": [_cell(one, limit) for one in row]}
        for name, row in zip(matrix.names, matrix.loss, strict=True)
    ]
    rows.append({"name": "the default", "cells": [_cell(one, limit) for one in matrix.default]})
    title = {
        "photos": f"Photos, with {matrix.model}",
        "classes": "Classes: means over pairs of different photos, and over models",
        "models": "Models: means over photos",
    }[matrix.over]
    return {"title": title, "names": matrix.names, "rows": rows, "over": matrix.over}


def _cell(found: Estimate | None, limit: float) -> JsonObject:
    if found is None:
        return {"text": "\u2013", "ends": "", "style": ""}
    tenths = round(10 * min(1.0, abs(found.value) / limit))
    style = f"{'above' if found.value > 0 else 'below'}-{tenths}" if tenths else ""
    ends = "" if found.low is None or found.high is None else f"{number(found.low)} to {number(found.high)}"
    return {"text": number(found.value), "ends": ends, "style": style}


def _chart(answers: tuple[Answer, ...]) -> JsonObject | None:
    """Return places of what is lost, in a drawing 400 wide: the carried-over setting and the default."""
    lines: list[tuple[str, str, Estimate]] = []
    for i, one in enumerate(answers, 2):
        if one.loss is not None and one.default_loss is not None:
            lines += [(f"Q{i} carried over", "carried", one.loss), (f"Q{i} default", "default", one.default_loss)]
    if not lines:
        return None
    ends = [end for *_, one in lines for end in (one.value, one.low, one.high) if end is not None]
    low, high = min(0.0, *ends), max(0.0, *ends)
    scale = (_RIGHT - _LEFT) / ((high - low) or 1.0)

    def x(value: float) -> float:
        return round(_LEFT + (value - low) * scale, 1)

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "style": style,
            "y": 14 + _ROW * i,
            "x": x(one.value),
            "low": None if one.low is None else x(one.low),
            "high": None if one.high is None else x(one.high),
            "text": number(one.value),
        }
        for i, (name, style, one) in enumerate(lines)
    ]
    said = "; ".join(f"{row['name']} {row['text']}" for row in rows)
    bottom = 14 + _ROW * len(lines)
    return {"rows": rows, "zero": x(0), "low": number(low), "high": number(high), "bottom": bottom, "said": said}
