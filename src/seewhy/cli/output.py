"""What ``seewhy explain`` prints."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from seewhy.cli.terminal import Printed, Rows, put, say_json
from seewhy.engine.stopping import WORDS
from seewhy.estimation.attribution import SegmentAttribution
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.smallest import SmallestRegion
from seewhy.explanation.verdict import verdict_of
from seewhy.images.regions import Region
from seewhy.render.display import Display
from seewhy.render.numbers import as_percent, score_words

_NOTHING = {
    "positive": "nothing supports the class: no segment has a positive value distinguishable from 0",
    "negative": "nothing contradicts the class: no segment has a negative value distinguishable from 0",
}


def emit(
    explanation: Explanation,
    files: list[str],
    display: Display,
    *,
    as_json: bool,
    quiet: bool,
    later: bool = False,
    smallest: Mapping[int, SmallestRegion] = MappingProxyType({}),
    notes: Sequence[str] = (),
) -> None:
    """Print the result as text or as one JSON object.

    ``later``: others were printed before it; ``notes``: what people should hear of the files.
    """
    if as_json:
        found = explanation.to_dict() | {"files": files, "notes": list(notes)}
        for i, one in smallest.items():
            found["targets"][i]["smallest"] = {"share": one.share, "score": one.score}
        say_json(found)
    elif not quiet:
        page = summary(explanation, files, display, notes)
        for i, one in smallest.items():
            target = explanation.targets[i]
            share, score = f"{100 * one.share:.0f} % of the model input", f"{target.unit} {one.score:.4g}"
            page.line(f"smallest part that keeps {target.label}: {share}, {score}")
        put("\n" * later + str(page))


def summary(explanation: Explanation, files: list[str], display: Display, notes: Sequence[str]) -> Printed:
    """Return predictions, the strongest regions, what it cost, and the files."""
    page = Printed()
    verdict = verdict_of(explanation, display)
    page.line(f"{explanation.image.name} ({explanation.model.name})", bold=True)
    page.line(verdict.sentence)
    if verdict.advice:
        page.line(f"to improve it: {_advice(verdict.advice, explanation, files)}")
    page.line()
    _predictions(page, explanation)
    for i in range(len(explanation.targets)):
        _target(page, explanation, i, display)
    seconds, inside = explanation.seconds or 0.0, explanation.seconds_model
    state = "" if explanation.complete else " (partial)"
    model = "" if inside is None else f", {inside:.2f} s inside the model"
    page.line()
    again = " of the saved run" if inside is None else ""  # a refit asks the model nothing
    cost = f"{explanation.n_evaluations} model calls{again}{state}, {seconds:.2f} s in all{model}"
    page.line(f"{cost}; {WORDS[explanation.stop.by]}")
    corrected = explanation.samples.n_exact
    if corrected is not None:
        ran = f"run by {explanation.model.run_by}"
        page.line(f"{ran}; {corrected} images were also evaluated by the original model, to correct the others")
    page.lines([*explanation.warnings, *notes], "note: ")
    page.lines(files, "wrote ")
    return page


def _advice(advice: str, explanation: Explanation, files: list[str]) -> str:
    """Return the command that an advice stands for."""
    if explanation.method.amounts:
        file = next((file for file in files if file.endswith(".seewhy")), "FILE.seewhy")
        return f"seewhy resume {shlex.quote(file)} {advice}"
    return f"seewhy explain {shlex.quote(explanation.image.name)} --method {explanation.method.name} {advice}"


def _predictions(page: Printed, explanation: Explanation) -> None:
    table = Rows("class", "name")
    table.numbers("score")
    for prediction in explanation.predictions[:5]:
        table.row(str(prediction.index), prediction.label, _score(prediction.score))
    page.table(table)


def _target(page: Printed, explanation: Explanation, i: int, display: Display) -> None:
    target = explanation.targets[i]
    page.line()
    page.line(f"{explanation.method.name} for {target.label} ({target.index}), {_plain(score_words(target))}")
    found = explanation.attributions[i]
    if not isinstance(found, SegmentAttribution):
        facts = explanation.to_dict()["targets"][i]["map"]
        peak = facts["peak"]
        page.line(
            f"map from {facts['min']:.4g} to {facts['max']:.4g}, "
            f"peak {peak['value']:.4g} at x={peak['x']}, y={peak['y']}{_error(found.error)}"
        )
        signs = ("positive", "negative") if display.sign == "both" else (display.sign,)
        evidence = explanation.evidence(i)
        for sign in signs:
            if not (evidence < 0 if sign == "negative" else evidence > 0).any():
                page.line(_NOTHING["negative" if sign == "negative" else "positive"].replace("segment", "pixel"))
        return
    top = explanation.top(display.regions, target=i, sign=display.sign)
    if top:
        page.table(_table(explanation, i, top))
    else:
        page.line(_NOTHING.get(display.sign, "no segment is distinguishable from 0"))
    r2 = "" if found.success is None else f", R2 {found.success:.3f}"
    page.line(f"surrogate {found.prediction:.4g}, model {target.score:.4g}{r2}{_error(found.error)}")
    same = None if found.stability is None else found.stability.same_top
    if same and len(top) <= len(same) and top:
        page.line(
            f"chance that another run finds the same {len(top)} strongest segments: {100 * same[len(top) - 1]:.0f} %"
        )


def _table(explanation: Explanation, i: int, top: list[Region]) -> Rows:
    """Return the strongest segments with their intervals; a question mark where the interval includes 0."""
    found = explanation.attributions[i]
    total = explanation.seen.sum()
    table = Rows("segment")
    columns = [_aligned([region.value for region in top])]
    names = ["value"]
    if isinstance(found, SegmentAttribution) and found.se is not None and found.ranks is not None:
        low, high = explanation.interval(i)
        ends = _aligned([float(end[region.segment]) for end in (low, high) for region in top])
        columns += [ends[: len(top)], ends[len(top) :]]
        columns.append(["-".join(map(str, np.unique(found.ranks[region.segment]))) for region in top])
        columns.append(["" if low[r.segment] > 0 or high[r.segment] < 0 else "?" for r in top])
        names += ["95 % from", "to", "rank", ""]
    table.numbers(*names, "area", "box x0 y0 x1 y1")
    for k, region in enumerate(top):
        box = " ".join(map(str, region.box))
        cells = [column[k] for column in columns]
        table.row(str(region.segment), *cells, f"{100 * region.area / total:.1f} %", box)
    return table


def _score(score: float) -> str:
    """Return a score with four decimals, or with digits that count where those would all be 0."""
    return f"{score:.4f}" if score == 0 or abs(score) >= 0.00005 else f"{score:.2g}"


def _plain(words: str) -> str:
    """Return numbers in words with the minus that every terminal has."""
    return words.replace("\N{MINUS SIGN}", "-")


def _error(error: float | None) -> str:
    if error is None:
        return ""
    return ", more noise than signal" if math.isinf(error) else f", estimated error {as_percent(error)}"


def _aligned(values: Iterable[float]) -> list[str]:
    """Return values with the same number of decimals, four digits for the largest."""
    listed = list(values)
    largest = max((abs(value) for value in listed), default=0.0)
    decimals = 4 if largest == 0 else 3 - math.floor(math.log10(largest))
    if -3 <= decimals <= 8:
        return [f"{value:+.{max(decimals, 0)}f}" for value in listed]
    return [f"{value:+.3e}" for value in listed]


def side_by_side(explanation: Explanation, *, as_json: bool) -> str:
    """Return how far relatives of the method agree on every target, as a table or as JSON."""
    found = [explanation.compare(i) for i in range(len(explanation.targets))]
    if as_json:
        return json.dumps([one.to_dict() for one in found], allow_nan=False) + "\n"
    page = Printed()
    for one in found:
        page.line(f"{one.target}, {len(explanation.samples)} samples", bold=True)
        table = Rows("method")
        areas = one.same_area
        table.numbers("error", "correlation", "difference", "same top 5" if areas is None else "same top 20 % of area")
        for k, name in enumerate(one.names):
            error = one.errors[k]
            shown = "?" if error is None or math.isinf(error) else as_percent(error)
            same = str(one.same_top[0, k]) if areas is None else as_percent(float(areas[0, k]))
            row = (f"{one.correlation[0, k]:.4f}", as_percent(float(one.apart[k])), same)
            table.row(name, shown, *row)
        page.table(table)
        page.lines(f"{name} is not available: {why}" for name, why in one.missing.items())
    return str(page)
