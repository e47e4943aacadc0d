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
    """Explain photos by several methods and settings, and grade the explanations.

    Parameters
    ----------
    photos
        Files and folders; all images of a folder and its subfolders, except those that ``truth`` uses as masks.
    truth
        Ground truth: a folder of PNG masks or of Pascal VOC XML, COCO JSON, a JSON list of photos, or a CSV of boxes;
        see docs/evaluate.md. If it has the class of a photo, that class is explained, else the model's top class.
    methods
        Names or settings of methods, or a dict of them by label. Settings may have ``method`` and ``display``, as in
        settings files and :meth:`seewhy.tune.Tuning.settings`.
    metrics
        Names in :data:`seewhy.metrics.METRICS`, or metrics; None: ``iou``, ``ap``, ``pointing`` and ``srg``. Metrics
        that need ground truth are measured on photos that have it; naming one is an error if no photo has any. Seconds
        and model calls are always reported.
    model
        As for :func:`seewhy.explain`; a list means several, and a dict several by names of yours,
        ``{"old": "onnx:old.onnx", "new": {"name": "onnx:new.onnx", "head": "logit"}}``.
    baselines
        Maps that do not use the model, which are graded too.
    groups
        Photos that are not independent and count as one: ``auto``: the groups of the ground truth, else frames of a
        sequence (similar numbered names and similar images) and near copies; ``name``: photos whose names differ only
        in ``_`` and a number at the end; ``folder``: photos of one folder; ``none``: all photos are independent, with
        a note if they seem not to be; or a CSV file with the columns ``file`` and ``group``.
    seed, batch_size
        As for :func:`seewhy.explain`.
    out
        Folder of the run. Results are stored there at once; the same call again does only the missing work, and
        several processes may share the run. None: nothing is stored.
    parquet
        Write the tables as Parquet too; needs ``seewhy[evaluate]``.
    retry
        Retry what failed before.
    progress
        As for :func:`seewhy.explain`; counts explanations and grades.
    ray
        Address of a Ray cluster, or ``local`` to start one on this machine; needs ``seewhy[ray]``. The results are the
        same. Pass models by name, so that the workers can load them.
    lease
        Seconds after which another process takes over the work of a killed one.

    Returns
    -------
    Evaluation
        Incomplete if it was interrupted (Ctrl-C).

    Raises
    ------
    InvalidInput
        An argument breaks a rule. Errors of single photos are recorded instead.
    FileError
        The ground truth or the run cannot be read or written.
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
