"""Any settings of a method, side by side: one map for each combination, and what each cost and how sure it is.

What can be read from the same samples is: a sweep over a number of samples, kernels or surrogates takes one run.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seewhy.api import explain, loaded
from seewhy.core.atomic import make_folder, replace_file
from seewhy.core.errors import InvalidInput
from seewhy.core.progress import Progress
from seewhy.core.settings import plain, whole_number
from seewhy.core.types import JsonObject
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.figures import Style, panel_of
from seewhy.images import load_image
from seewhy.methods import as_method
from seewhy.render.display import Display
from seewhy.render.numbers import as_percent
from seewhy.tune.readings import word

if TYPE_CHECKING:
    from seewhy.render.drawn import Figure

_MOST = 3
"""Settings that rows and columns can show."""


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep will do, known before any model call."""

    method: Any
    """Settings of a method."""
    settings: Mapping[str, tuple[Any, ...]]

    @property
    def costly(self) -> tuple[str, ...]:
        """Settings of which each value needs a run of its own."""
        return tuple(name for name in self.settings if name not in self.method.free)

    @property
    def runs(self) -> int:
        """Number of runs."""
        return math.prod(len(self.settings[name]) for name in self.costly)

    @property
    def n_samples(self) -> int | None:
        """Samples of each run; None: as many as the method takes by itself."""
        swept = self.settings.get("n_samples")
        return max(swept) if swept else getattr(self.method, "n_samples", None)

    @property
    def text(self) -> str:
        """Say what it costs."""
        runs = f"{self.runs} run{'' if self.runs == 1 else 's'}"
        most = self.n_samples or getattr(self.method, "max_evaluations", None)
        calls = f", at most {self.runs * (most + 1)} model calls" if most else ""
        free = [name for name in self.settings if name not in self.costly]
        tail = f"; {', '.join(free)} without further calls" if free else ""
        return f"{math.prod(map(len, self.settings.values()))} maps from {runs}{calls}{tail}"


@dataclass(frozen=True, eq=False)
class SweepCell:
    """One combination of values."""

    values: Mapping[str, Any]
    explanation: Explanation | None
    reason: str = ""
    """Why there is no map."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """The maps of all combinations, the last setting changing fastest."""

    plan: SweepPlan
    cells: tuple[SweepCell, ...]
    calls: int
    """Model calls of all runs."""

    def rows(self) -> list[JsonObject]:
        """Return a row of plain values for each combination: values, samples, estimated relative error."""
        found = []
        for cell in self.cells:
            row: JsonObject = {name: plain(value) for name, value in cell.values.items()}
            one = cell.explanation
            error = None if one is None or one.error is None or not math.isfinite(one.error) else one.error
            found.append(row | {"samples": 0 if one is None else len(one.samples), "error": error, "why": cell.reason})
        return found

    def to_dict(self) -> JsonObject:
        """Return everything but the maps as plain values."""
        settings = {name: [plain(value) for value in values] for name, values in self.plan.settings.items()}
        return {"method": self.plan.method.to_dict(), "settings": settings, "calls": self.calls, "cells": self.rows()}

    def plot(self, *, vmax: float | None = None) -> Figure:
        """Return all maps on one color scale; columns are the values of the last setting.

        ``vmax``: effect with the strongest color; None: the strongest of all maps.
        """
        from seewhy.render import rounded_up
        from seewhy.render.map_grid import map_grid_figure

        known = [cell.explanation for cell in self.cells if cell.explanation is not None]
        if not known:
            raise InvalidInput.of("sweep", "have at least one map", self.cells[0].reason)
        end = vmax or rounded_up(max(panel_of(one, 0, Display(), Style()).strongest_effect for one in known))
        style = Style(limit=end or None)
        panels = [
            None if cell.explanation is None else panel_of(cell.explanation, 0, Display(), style) for cell in self.cells
        ]
        *above, last = self.plan.settings
        wide = len(self.plan.settings[last])
        heads = [
            ", ".join(f"{name} {said(value)}" for name, value in zip(above, values, strict=True))
            for values in product(*(self.plan.settings[name] for name in above))
        ]
        first = known[0]
        captions = [_caption(cell) for cell in self.cells]
        return map_grid_figure(
            first.image.rgb8(),
            first.seen,
            [panels[i : i + wide] for i in range(0, len(panels), wide)],
            [captions[i : i + wide] for i in range(0, len(captions), wide)],
            rows=heads,
            columns=[f"{last} {said(value)}" for value in self.plan.settings[last]],
            title=f"{first.method.name.upper()} of {first.targets[0].label}",
            note=f"{self.calls} model calls",
        )

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write ``sweep.png`` and ``sweep.json`` and return their paths."""
        from seewhy.render import figure_png

        out = make_folder(folder)
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        return [
            replace_file(out / "sweep.png", figure_png(self.plot())),
            replace_file(out / "sweep.json", text.encode()),
        ]

    def _repr_png_(self) -> bytes:
        from seewhy.render import figure_png

        return figure_png(self.plot())


def said(value: Any) -> str:
    """Return a value as a figure and a table name it."""
    return "not given" if value is None else str(word(value))


def sweep(
    image: object,
    *,
    model: object = None,
    method: Any = "rise",
    target: str | int = "top1",
    seed: int = 0,
    batch_size: int | None = None,
    progress: Progress | bool | None = None,
    told: Callable[[SweepPlan], object] | None = None,
    **settings: Sequence[Any],
) -> Sweep:
    """Explain a photo under every combination of values of one to three settings of a method.

    Parameters
    ----------
    image, model, seed, batch_size, progress
        As for :func:`seewhy.explain`.
    method
        Where the sweep starts from: its other settings stay.
    target
        The class to explain.
    told
        Called with the plan before the first run: what it will cost.
    settings
        Lists of values by the name of a setting of the method: ``grid=[4, 8, 16], n_samples=[250, 1000, 4000]``.

    Raises
    ------
    InvalidInput
        There are none or too many settings, or a value breaks a rule. Values that do not go together, or not with this
        photo, are recorded instead.
    """
    plan = planned(method, settings)
    whole_number("seed", seed, 0)
    if told is not None:
        told(plan)
    photo, network = load_image(image), loaded(model, batch_size)[0]

    def run(values: JsonObject) -> Explanation:
        amount = {} if plan.n_samples is None else {"n_samples": plan.n_samples}
        found = explain(
            photo, model=network, method=plan.method.replace(**values, **amount), targets=target, seed=seed,
            batch_size=batch_size, progress=progress, verdict=False,
        )  # fmt: skip
        if not found.complete:
            raise KeyboardInterrupt
        return found

    runs: dict[str, Explanation | str] = {}
    cells, calls = [], 0
    for values in product(*plan.settings.values()):
        combined = dict(zip(plan.settings, values, strict=True))
        asked = {name: combined[name] for name in plan.costly}
        key = repr(asked)
        if key not in runs:
            try:
                done = run(asked)
                calls, runs[key] = calls + done.n_evaluations, done
            except InvalidInput as error:
                runs[key] = str(error)
        cells.append(_cell(combined, runs[key], {name: combined[name] for name in combined if name not in asked}))
    return Sweep(plan, tuple(cells), calls)


def planned(method: Any, settings: Mapping[str, Sequence[Any]]) -> SweepPlan:
    """Return the plan of a sweep, every value checked."""
    base: Any = as_method(method)
    if not 1 <= len(settings) <= _MOST:
        raise InvalidInput.of("settings", f"be 1 to {_MOST} settings with lists of values", len(settings))
    checked: dict[str, tuple[Any, ...]] = {}
    for name, values in settings.items():
        if name == "name" or name not in type(base).model_fields:
            raise InvalidInput.of(name, f"be a setting of {base.name}", name)
        if not isinstance(values, list | tuple) or not values:
            raise InvalidInput.of(name, "be a list of values", values)
        checked[name] = tuple(getattr(base.replace(**{name: value}), name) for value in values)
    if None in checked.get("n_samples", ()):
        raise InvalidInput.of("n_samples", "be numbers", None)
    return SweepPlan(base, checked)


def _cell(values: JsonObject, run: Explanation | str, changes: JsonObject) -> SweepCell:
    if isinstance(run, str):
        return SweepCell(values, None, run)
    if changes.get("n_samples", 0) >= len(run.samples):
        del changes["n_samples"]
    try:
        return SweepCell(values, run.refit(**changes) if changes else run)
    except InvalidInput as error:
        return SweepCell(values, None, str(error))


def _caption(cell: SweepCell) -> str:
    one = cell.explanation
    if one is None:
        return cell.reason
    error = "unknown" if one.error is None or not math.isfinite(one.error) else as_percent(one.error)
    return f"error {error}"
