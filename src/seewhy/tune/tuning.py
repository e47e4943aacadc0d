"""The front door of tuning: inputs are checked here, once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seewhy.api import loaded
from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.progress import Progress, reporting
from seewhy.core.settings import plain, whole_number
from seewhy.core.text import Words
from seewhy.engine.protocols import Model
from seewhy.engine.traits import traits_of
from seewhy.evaluate.plan import identity_of
from seewhy.images import Background
from seewhy.methods import as_method
from seewhy.methods.presets import PRESETS
from seewhy.metrics import Question
from seewhy.render.display import Display
from seewhy.tune.budget import Budget
from seewhy.tune.concluding import conclude
from seewhy.tune.judging import Judge
from seewhy.tune.looking import Looker, digest_of, is_count, key_of
from seewhy.tune.photos import TunedPhoto, judged_by_others, question, subjects
from seewhy.tune.readings import check_free, most_samples, without_effect
from seewhy.tune.result import Tuning
from seewhy.tune.search import OnlyStart, OptunaSearch, Search, Start
from seewhy.tune.space import Space, params_of, tuned_methods
from seewhy.tune.store import Memory
from seewhy.tune.trials import Tuner

_SAMPLES = 512
_TRIALS = 30


def tune(  # noqa: PLR0913  # the front door
    photos: object,
    *,
    model: object = None,
    metric: str | None = None,
    truth: object = None,
    target: str | int | None = None,
    groups: str | Sequence[str] = "auto",
    start: object = None,
    display: Display | None = None,
    methods: Sequence[str] | None = None,
    sampling: Mapping[str, Sequence[Any]] | None = None,
    free: Mapping[str, Sequence[Any]] | None = None,
    search: bool = True,
    n_samples: int | None = None,
    seconds: float | None = None,
    calls: int | None = None,
    trials: int = _TRIALS,
    seed: int = 0,
    batch_size: int | None = None,
    background: Background = "white",
    out: str | os.PathLike[str] | None = None,
    progress: Progress | bool | None = None,
    cancel: Callable[[], bool] | None = None,
    preflight: bool = True,
) -> Tuning:
    """Search for the settings that explain photos best, by a metric, within a budget.

    Sampling settings are proposed: first those that are known to be good, then by TPE (Bergstra et al., 2011). For
    each, all combinations of free settings are tried, which needs no new model calls. If possible, the score is
    reported on held-out photos or with another fill; :attr:`Tuning.held_out` says which.

    Parameters
    ----------
    photos
        One photo, or a list of them, each as for :func:`seewhy.explain`. They are kept in memory.
    model
        As for :func:`seewhy.explain`.
    metric
        Any of :data:`seewhy.metrics.METRICS` with a direction. None: ``iou`` with ground truth, else ``srg``.
    truth
        Ground truth: (H, W) bool, :class:`seewhy.metrics.Truth`, or :class:`seewhy.truth.Known`, which may also have
        the accepted classes and a group; a list of them for a list of photos.
    target
        One class, or ``top1``, for all photos. None: the accepted class with the highest score, as in
        :func:`seewhy.evaluate`; ``top1`` if the ground truth has none.
    groups
        Photos of one group are held out together: ``auto``, ``name``, ``folder``, ``none`` or a CSV file, as for
        :func:`seewhy.evaluate.evaluate`; or a name for each photo.
        A photo that is given twice is always one group.
    start, display
        Settings to start from and to compare with: a method, its name, or a dict. None: the defaults of the first of
        ``methods``.
    methods
        Methods to choose from: some of ``lime``, ``rise``, ``ensemble-lime``. None: all of them, or that of ``start``
        without a search.
    sampling
        Search ranges that replace the usual ones: ``{"lime.segmentation": ["grid"], "lime.grid.rows": [3, 9]}``;
        a list of choices, or the two ends of a range. See :meth:`seewhy.tune.space.Space.places`.
    free
        Values of free settings that replace the usual ones: ``{"regions": [1, 5]}``.
    search
        Whether to search sampling settings; False: only free settings are tried, on the samples of ``start``.
    n_samples
        Samples per explanation. None: the largest in ``free``, else that of ``start``, else 512.
    seconds, calls, trials
        Limits: the time of this run, the model evaluations of all runs of this search into the same ``out``, and the
        sampling settings tried. The starting settings and the baselines are always evaluated. The evaluations of
        preflight are not included.
    seed, batch_size, background, progress, cancel, preflight
        As for :func:`seewhy.explain`; progress counts model calls.
    out
        Folder in which results are stored (``tune.sqlite``); the same search there resumes where it stopped.

    Returns
    -------
    Tuning
        The best settings so far, marked as partial, if it was cancelled or interrupted (Ctrl-C) after the first
        settings.

    Raises
    ------
    InvalidInput
        An argument breaks a rule, or ``calls`` is too small for the first settings.
    MissingExtra
        The search needs Optuna, which is not installed.
    """
    wanted = _start(start, display, methods)
    free = dict(free or {})
    space = Space(_methods(methods, wanted, search), dict(sampling or {}))
    _check_sampling(sampling, search=search)
    check_free(free, space.methods)
    n = most_samples(free, _samples(n_samples, wanted))
    first = replace(wanted, method=wanted.method.replace(until=None, n_samples=n))
    seed = whole_number("seed", seed, 0)
    judge = Judge.of(metric or ("srg" if truth is None else "iou"), first.method)
    if judge.metric.facts.needs == "truth" and truth is None:
        raise _without_truth(judge.name)
    shown_to, counting = subjects(photos, truth, groups, background)
    memory, budget = Memory(_folder(out)), _budget(seconds, calls, cancel)
    space = space.without_fill(judge.reported) if search else space
    finder = _search(space, first, judge, n, seed) if search else OnlyStart(first)
    most = whole_number("trials", trials, 1) if search else 1
    with reporting(progress, "tuning", unit="calls") as report:
        black_box, size = loaded(model, batch_size)
        looker = Looker(judge, seed, size, preflight, budget, memory)
        key = _key(shown_to, black_box, judge, first, target=target, space=space, free=free, search=search, seed=seed)
        _remember_lost(budget, memory, key)

        def asked() -> list[Question]:
            return [question(one, black_box, target, looker) for one in shown_to]

        tuner = Tuner(asked, judge, finder, looker, free, n, most, report)
        ended = tuner.run()
    found = conclude(tuner, first, ended, [one.group for one in shown_to], target=target, seed=seed, searched=search)
    return replace(found, notes=(*found.notes, *counting, *judged_by_others(shown_to, tuner)))


def _search(space: Space, first: Start, judge: Judge, n: int, seed: int) -> Search:
    """Return a search that tries what is known to be good first."""
    return OptunaSearch(space, [first, *_known(first, space, n, judge)], better=judge.better, seed=seed)


def _check_sampling(sampling: object, *, search: bool) -> None:
    if sampling and not search:
        raise InvalidInput(
            "sampling has no effect without a search (search=False); leave it out",
            setting="sampling",
            rule="not be given with search=False",
        )


def _remember_lost(budget: Budget, memory: Memory, key: str) -> None:
    """Take over the calls of runs before this one from which nothing is kept, and keep those of this one."""
    held = memory.get(key)
    budget.spent.not_finished = held if is_count(held) else 0
    budget.keep = partial(memory.put, key)


def _key(
    photos: Sequence[TunedPhoto],
    model: Model,
    judge: Judge,
    first: Start,
    *,
    target: str | int | None,
    space: Space,
    free: Mapping[str, Sequence[Any]],
    search: bool,
    seed: int,
) -> str:
    """Return the key of a tuning: all that decides what it finds, apart from when it ends."""
    places = {
        name: values if isinstance(values, tuple) else values.to_list() for name, values in space.places().items()
    }
    facts = judge.metric.facts
    return key_of(
        photos=[[one.image.sha256, one.truth and digest_of(one.truth)] for one in photos],
        model=identity_of(traits_of(model).exact or model),
        target=target,
        metric=[facts.name, facts.version, judge.chosen, judge.reported],
        start=[first.method.to_dict(), first.display.to_dict()],
        space=[places, {name: list(values) for name, values in space.given.items()}] if search else None,
        free={name: [plain(value) for value in values] for name, values in free.items()},
        seed=seed,
    )


def _start(start: object, display: Display | None, methods: Sequence[str] | None) -> Start:
    """Return what the tuning starts from."""
    shown_first = display or Display()
    if start is None:
        name = (methods or tuple(tuned_methods()))[0]
        if name not in tuned_methods():
            raise InvalidInput.of("methods", f"be some of {', '.join(tuned_methods())}", name)
        return Start("default", tuned_methods()[name](), shown_first)
    method = as_method(start)
    if method.name not in tuned_methods():
        raise InvalidInput.of("start", f"be settings of {', '.join(tuned_methods())}", method.name)
    return Start("start", method, shown_first)


def _methods(methods: Sequence[str] | None, start: Start, search: bool) -> tuple[str, ...]:
    if methods is None:
        return tuple(tuned_methods()) if search else (start.method.name,)
    if isinstance(methods, str):
        raise InvalidInput.of("methods", "be a list of names", methods)
    if start.method.name not in methods:
        raise InvalidInput.of("methods", f"include that of start, {start.method.name}", Words(", ".join(methods)))
    return tuple(dict.fromkeys(methods))


def _samples(n_samples: object, start: Start) -> int:
    if n_samples is None:
        return start.method.n_samples or _SAMPLES
    return whole_number("n_samples", n_samples, 2, 10_000_000)


def _known(first: Start, space: Space, n: int, judge: Judge) -> Iterator[Start]:
    """Yield the usual settings of the methods and the presets, as far as the space holds them.

    What is shown is that of the first settings, but for what a preset shows and the metric judges.
    """
    usual = [Start(f"default {name}", tuned_methods()[name](), first.display) for name in space.methods]
    presets = [Start(f"preset {name}", one.method, one.display) for name, one in PRESETS.items()]
    seen = {repr((first.method.to_dict(), first.display.to_dict()))}
    for one in usual + presets:
        if one.method.name not in space.methods:
            continue
        idle = {name: getattr(first.display, name) for name in without_effect(one.method, region=judge.region)}
        method = one.method.replace(until=None, n_samples=n)
        start = replace(one, method=method, display=one.display.replace(**idle))
        key = repr((start.method.to_dict(), start.display.to_dict()))
        if key not in seen and params_of(space, start.method) is not None:
            seen.add(key)
            yield start


def _budget(seconds: object, calls: object, cancel: Callable[[], bool] | None) -> Budget:
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0):
        raise InvalidInput.of("seconds", "be a number above 0", seconds)
    return Budget(
        None if seconds is None else float(seconds), None if calls is None else whole_number("calls", calls, 1), cancel
    )


def _without_truth(metric: str) -> InvalidInput:
    text = f"metric {metric} needs ground truth; give truth (--truth), or use srg"
    return InvalidInput(text, setting="truth", rule="be given", value=metric)


def _folder(out: str | os.PathLike[str] | None) -> Path | None:
    if out is None:
        return None
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder",
            setting="out",
            rule="be a writable folder",
            value=str(folder),
        ) from error
    return folder
