"""Which setting explains a photo best, and does it still fit another photo, another class, another model?

Every setting of a menu is scored on every photo under every model. Settings that only change how the answers are read
share the samples of one run, so most of the menu costs no call of the model but those that judge it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.progress import Progress, reporting
from seewhy.core.settings import whole_number
from seewhy.core.types import FilePath, JsonObject
from seewhy.estimation.targets import resolve_targets
from seewhy.evaluate.asking import models_of
from seewhy.evaluate.grouping import Grouping
from seewhy.evaluate.plan import NamedModel
from seewhy.evaluate.store import Store
from seewhy.study.facts import gathered
from seewhy.study.menu import MENUS, Menu
from seewhy.study.photos import Photos, classed
from seewhy.study.pictures import pictures
from seewhy.study.plan import Sitting, StudyPlan
from seewhy.study.result import Study
from seewhy.study.rule import Rule
from seewhy.study.work import Faults, needed, work
from seewhy.truth import of_others

__all__ = ["MENUS", "Menu", "Study", "study"]


def study(  # noqa: PLR0913  # the front door
    photos: Photos,
    *,
    model: object = None,
    metric: str = "srg",
    menu: object = "usual",
    n_samples: int = 500,
    truth: FilePath | None = None,
    target: str | int = "top1",
    groups: Grouping = "auto",
    seed: int = 0,
    batch_size: int | None = None,
    out: FilePath | None = None,
    progress: Progress | bool | None = None,
) -> Study:
    """Find the best setting for each photo, and test whether it transfers.

    Parameters
    ----------
    photos
        Files and folders: the class of a photo in a folder is the name of the folder; a single file is a class of its
        own with the name of the file (with its folders, if two names are equal). Or a dict of files and folders by
        class.
    model
        As for :func:`seewhy.explain`; a list means several, and a dict several by names of yours,
        ``{"old": "onnx:old.onnx", "new": {"name": "onnx:new.onnx", "head": "logit"}}``.
    metric
        Metric that grades settings: ``srg``, ``sufficiency`` (the score of the shown region alone), ``insertion``, or,
        with ground truth, ``iou``, ``best-iou``, ``ap``, ``pointing``, ``energy``. The first three are measured with
        two fills: settings are chosen with blur and reported with black.
    menu
        ``"small"``, ``"usual"``, a TOML file, or a dict with ``sampling``, methods by label, and ``free``, lists of
        values of settings that need no model calls. The first setting is the default. A file or dict with ``method``,
        as ``seewhy tune`` writes it, is a menu of this one setting.
    n_samples
        Samples for each of ``sampling``; amounts in the menu are ignored.
    truth
        Ground truth, as for :func:`seewhy.evaluate`.
    target
        The class to explain; ``top1``: each model's top class for each photo.
    groups
        Photos that are not independent of each other, as for :func:`seewhy.evaluate`.
    seed, batch_size
        As for :func:`seewhy.explain`.
    out
        Folder in which results are stored at once; the same call again does only the missing work. None: nothing is
        stored.
    progress
        As for :func:`seewhy.explain`; counts explanations and scores.

    Returns
    -------
    Study
        Incomplete if it was interrupted (Ctrl-C).

    Raises
    ------
    InvalidInput
        An argument breaks a rule. Errors of single photos are recorded instead.
    FileError
        Ground truth, menu or store cannot be read or written.
    """
    rule = Rule.of(metric)
    if rule.metric.facts.needs == "truth" and truth is None:
        raise InvalidInput(
            f"metric {metric} needs ground truth; give truth (--truth)", setting="truth", rule="be given", value=metric
        )
    if isinstance(target, bool) or not isinstance(target, str | int):
        raise InvalidInput.of("target", "be one class, or top1", target)
    samples = whole_number("n_samples", n_samples, 4)
    checked = whole_number("seed", seed, 0)
    size = None if batch_size is None else whole_number("batch_size", batch_size, 1)
    choices = Menu.of(menu, samples, region=rule.region)
    listed, notes = classed(photos, truth, groups)
    models = models_of(model, size)
    _check_target(target, models)
    plan = StudyPlan(listed, models, choices, rule, target, checked, size)
    with (
        tempfile.TemporaryDirectory(prefix="seewhy-") as nothing_kept,
        Store(Path(nothing_kept if out is None else os.fspath(out)), needed=needed(rule)) as store,
    ):
        return _studied(plan, store, progress, (*notes, *choices.notes))


def _check_target(target: str | int, models: Sequence[NamedModel]) -> None:
    """Refuse a class that none of the models has, as far as their labels tell, before any work is done."""
    faults = []
    for one in models:
        if one.model.labels is None:
            return
        try:
            resolve_targets(target, np.zeros(len(one.model.labels)), one.model.labels)
        except InvalidInput as error:
            faults.append(error)
    if len(faults) == len(models):
        raise faults[0]


def _studied(plan: StudyPlan, store: Store, progress: Progress | bool | None, notes: tuple[str, ...]) -> Study:
    """Do what is missing, and read all of it from the store."""
    sittings = list(plan.sittings())
    total, done = sum(len(set(one.keys)) for one in sittings), 0
    faults, complete = Faults(), True
    with reporting(progress, "study", unit="pieces") as report:

        def one_more() -> None:
            nonlocal done
            done += 1
            report(done, total)

        try:
            work(plan, store, faults, one_more)
        except KeyboardInterrupt:
            complete = False
    records = store.records(key for one in sittings for key in one.keys)
    scores = gathered(plan, records, faults.finished)
    answers = {
        (one.photo.photo.name, one.model.label): records[one.answer].facts for one in sittings if one.answer in records
    }
    shown_there = pictures(plan, store, scores.tensor, answers)
    notes = (*notes, *_of_others(sittings, answers, plan))
    return Study(plan, scores, answers, faults, complete, notes, shown_there)


def _of_others(
    sittings: Iterable[Sitting], answers: Mapping[tuple[str, str], JsonObject], plan: StudyPlan
) -> list[str]:
    """Return what people should hear of photos that were judged by objects of other classes."""
    if plan.rule.metric.facts.needs != "truth":
        return []
    found = []
    for one in sittings:
        photo, model = one.photo.photo, one.model
        answer = answers.get((photo.name, model.label))
        if answer and photo.known is not None and photo.known.is_of_others(answer["class"], model.model.labels):
            found.append(photo.name)
    return of_others(found)
