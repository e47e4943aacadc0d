"""Many photos, explained and graded: a folder in, a table out. What is done is stored at once, and never done again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from seewhy.core.progress import Progress, reporting
from seewhy.core.settings import whole_number
from seewhy.evaluate.asking import contenders_of, lacking, metrics_of, models_of, photos_of
from seewhy.evaluate.export import need_parquet, written
from seewhy.evaluate.grouping import Grouping, Independence
from seewhy.evaluate.here import UnitReport, missing, work_here
from seewhy.evaluate.on_ray import work_on_ray
from seewhy.evaluate.plan import Plan, WorkUnit
from seewhy.evaluate.result import Evaluation, grouped, rows_of, truth_notes
from seewhy.evaluate.store import LEASE, Store
from seewhy.evaluate.work import NEEDED
from seewhy.metrics import BASELINES, Metric

__all__ = ["Evaluation", "evaluate"]


def evaluate(  # noqa: PLR0913  # the front door
    photos: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    truth: str | os.PathLike[str] | None = None,
    methods: Iterable[object] | Mapping[str, object] | str = ("auto",),
    metrics: Iterable[str | Metric] | None = None,
    model: object = None,
    baselines: Iterable[str] = tuple(BASELINES),
    groups: Grouping = "auto",
    seed: int = 0,
    batch_size: int | None = None,
    out: str | os.PathLike[str] | None = None,
    parquet: bool = False,
    retry: bool = False,
    progress: Progress | bool | None = None,
    ray: str | None = None,
    lease: float = LEASE,
) -> Evaluation:
    """Explain photos by several methods and settings, and grade what they say.

    Parameters
    ----------
    photos
        Files and folders; all pictures of a folder and the folders in it, but those that ``truth`` uses as masks.
    truth
        Where the objects are: a folder of PNG masks or of Pascal VOC XML, COCO JSON, a JSON list of photos, or a CSV of
        boxes; see docs/evaluate.md. Where it knows a photo's class, that class is explained, else the model's own.
    methods
        Names or settings of methods, or a dict of them by labels of your own. Settings with ``method`` and ``display``,
        as settings files and :meth:`seewhy.tune.Tuning.settings` have them, say what is shown as well.
    metrics
        Names in :data:`seewhy.metrics.METRICS`, or metrics; None: ``iou``, ``ap``, ``pointing`` and ``srg``. What needs
        truth is measured where there is some, and may be named only where there is. Seconds and model calls are always
        there.
    model
        As for :func:`seewhy.explain`; a list means several.
    baselines
        Maps that do not use the model, graded beside the methods.
    groups
        Which photos are not independent, and count as one: ``auto`` those that the truth puts together, and where it
        is silent, frames of a sequence (numbered alike, and alike to look at) and near copies; ``name`` those of one
        name but for ``_`` and a number at its end; ``folder`` those of one folder; ``none`` nothing, with a note where
        photos seem to belong together; or a CSV file with the columns ``file`` and ``group``.
    seed, batch_size
        As for :func:`seewhy.explain`.
    out
        Folder of the run. What is done is stored there at once; the same call again does only what is missing, and
        several processes may be at it together. None: nothing is kept.
    parquet
        Write the tables as Parquet too; needs ``seewhy[evaluate]``.
    retry
        Try what failed before once more.
    progress
        As for :func:`seewhy.explain`, in pieces of work: explanations and grades.
    ray
        Address of a Ray cluster to work on, or ``local`` for one on this machine; needs ``seewhy[ray]``. The results
        are the same; models must be loadable there, so name them.
    lease
        Seconds after which the work of a process that was killed is taken over.

    Returns
    -------
    Evaluation
        One that is not complete, if it was interrupted (Ctrl-C).

    Raises
    ------
    InvalidInput
        Something handed in breaks a rule. What goes wrong with single photos is recorded instead.
    FileError
        Truth or run cannot be read or written.
    """
    checked = whole_number("seed", seed, 0)
    size = None if batch_size is None else whole_number("batch_size", batch_size, 1)
    (contenders, said), graded = contenders_of(methods, baselines), metrics_of(metrics)
    if parquet:
        need_parquet()
    sources = [photos] if isinstance(photos, str | os.PathLike) else photos
    listed, independence, notes = photos_of(sources, truth, groups)
    notes += [*lacking(graded, listed, named=metrics is not None), *grouped(listed), *said]
    plan = Plan(listed, models_of(model, size), contenders, graded, checked, size)
    with tempfile.TemporaryDirectory(prefix="seewhy-") as nothing_kept:
        folder = Path(nothing_kept if out is None else out)
        with Store(folder, lease, needed=NEEDED) as store:
            evaluation = _evaluated(plan, store, progress, independence, notes, retry=retry, ray=ray)
        if out is None:
            return evaluation
        evaluation = replace(evaluation, out=folder)
        written(evaluation, folder, parquet=parquet)
        return evaluation


def _evaluated(
    plan: Plan,
    store: Store,
    progress: Progress | bool | None,
    independence: Independence,
    notes: list[str],
    *,
    retry: bool,
    ray: str | None,
) -> Evaluation:
    """Do what is missing, and read all of it from the store."""
    units = list(plan.units())
    if retry:
        store.forget_failed(unit.key for unit in units)
    complete = True
    with reporting(progress, "evaluate", unit="pieces") as report:
        try:
            told = _counted(units, store, report)
            if ray is None:
                work_here(plan, units, store, told)
            else:
                work_on_ray(plan, units, store, told, ray)
        except KeyboardInterrupt:
            complete = False
    records = store.records(key for unit in units for key in unit.keys)
    rows = rows_of(units, records)
    return Evaluation(plan, rows, complete, (*notes, *truth_notes(rows)), independence=independence)


def _counted(units: list[WorkUnit], store: Store, report: Progress) -> UnitReport:
    """Return a function that hears what is left of a unit, and reports how many pieces of all are done.

    Units may share pieces: photos of the same bytes, contenders that differ in what they show.
    """
    total = len({key for unit in units for key in unit.keys})
    left = {key for unit in units for key in missing(unit, store)}

    report(total - len(left), total)

    def told(unit: WorkUnit, pieces: list[str]) -> None:
        done = left.intersection(unit.keys).difference(pieces)
        if done:
            left.difference_update(done)
            report(total - len(left), total)

    return told
