"""A photo explained for the first time, step by step: the model meets it, settings, samples, and what they say."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TypeAlias

import numpy as np

from seewhy.core.progress import Bar, Progress
from seewhy.core.types import ScoreKind, Scores
from seewhy.engine.handing_over import Updates
from seewhy.engine.loop import Cancel, Clock
from seewhy.engine.protocols import Model
from seewhy.engine.run import Asker, Run, Subject, saved_if_interrupted
from seewhy.engine.stopping import Looks, Stop
from seewhy.engine.traits import traits_of
from seewhy.estimation.targets import Target, Targets, classes_of, resolve_targets
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.model_facts import ModelFacts
from seewhy.explanation.same_model import answered_alone
from seewhy.explanation.verdict import after_run
from seewhy.images import Image
from seewhy.images.fills import hides, most_different
from seewhy.images.geometry import View
from seewhy.methods import AnyMethod, Auto, MethodSetting
from seewhy.methods.auto import Cells, Pilot
from seewhy.models.preflight import vetted
from seewhy.render.display import Display
from seewhy.render.numbers import as_percent
from seewhy.sampling.blocks import Block
from seewhy.sampling.samples import Answers, Recorder, Samples, recognize_kind

OnUpdate: TypeAlias = Callable[[Explanation], object]
"""What is given a partial explanation while a run is under way."""
Checkpoint: TypeAlias = str | os.PathLike[str] | Callable[[Explanation], object]
"""Where a run saves what it has."""

_KEPT = 10
"""Classes whose scores are kept beside the targets."""
_PREFLIGHT, _ALONE = 7, 2
"""Pictures that checks of a model ask, at most: beside the first one, and after the run."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Everything that is to be explained and how, checked."""

    image: Image
    model: Model
    method: MethodSetting
    view: View
    seed: int
    batch_size: int | None
    keeps_all: bool
    """Whether the scores of all classes are kept."""
    preflight: bool
    display: Display | None = None
    """Which region the model is asked about after the run; None: it is not asked."""


@dataclass(frozen=True, eq=False)
class FirstLook:
    """What the model that is asked says of the unmasked image, and what follows from it."""

    asker: Asker
    kind: ScoreKind
    classes: int
    untouched: Answers
    targets: tuple[Target, ...]
    findings: tuple[str, ...]
    """What checks of the model found."""
    unchecked: tuple[str, ...]
    """Notes about this call alone, which no other one that goes on with its result repeats."""
    halved: int
    """Times that the model had halved a batch before."""
    begun: float


@dataclass(frozen=True, eq=False)
class RunPlan:
    """How the samples are drawn, by whom they are answered, and what is known of the model."""

    asker: Asker
    model: ModelFacts
    pilot: int = 0
    """Pictures by which ``auto`` chose the settings."""


def first_look(inputs: Inputs, targets: Targets) -> FirstLook:
    """Check the settings on the photo, then the model, and ask it for the unmasked image."""
    begun = perf_counter()
    auto = inputs.method if isinstance(inputs.method, Auto) else None
    method: AnyMethod = inputs.method.usual if isinstance(inputs.method, Auto) else inputs.method
    subject = Subject.of(inputs.image, inputs.view, method, inputs.seed)
    # A design that cannot be drawn, or read, says so before the model is asked.
    (method if auto is None else auto).check(method.draws(subject.masks).readable())
    next(method.rows(subject.masks, inputs.seed))
    clock = Clock.of(method.amount.max_seconds, begun)
    asker, scores, findings, unchecked = _first_answer(inputs, subject, clock)
    model = asker.model
    kind: ScoreKind = model.kind or recognize_kind(scores)
    # A unit that the model does not allow, and a class that it does not have, are refused before any work.
    wanted = resolve_targets(targets, scores[0].astype(np.float64), model.labels)
    kept = _kept(scores, classes_of(wanted), everything=inputs.keeps_all)
    untouched = Answers.of(scores, kind, kept)
    resolved = tuple(Target.of(one, untouched, model.labels, method.unit, log_odds=method.log_odds) for one in wanted)
    return FirstLook(
        asker=asker,
        kind=kind,
        classes=scores.shape[1],
        untouched=untouched,
        targets=resolved,
        findings=findings,
        unchecked=unchecked,
        halved=traits_of(model).halved,
        begun=begun,
    )


def plan_of(
    inputs: Inputs, look: FirstLook, cancel: Cancel | None, updates: Updates[Explanation] | None = None
) -> RunPlan:
    """Return the settings that were asked for, or those that ``auto`` chooses by a pilot."""
    asker, findings, pilot = look.asker, look.findings, 0
    subject, model = asker.subject, asker.model
    if isinstance(inputs.method, Auto):
        first = Pilot(
            inputs.image, inputs.view, model, inputs.seed, look.targets[0], look.untouched, look.classes,
            inputs.batch_size, cancel, asker.clock, None if updates is None else partial(_first_map, look, updates),
        )  # fmt: skip
        method, pilot, reasons = inputs.method.choose(first)
        findings = (*findings, *reasons)
        if method != subject.method:
            subject = Subject.of(inputs.image, inputs.view, method, inputs.seed)
            asker = Asker(model, subject, inputs.batch_size, asker.clock)
    kept = look.untouched.classes
    return RunPlan(asker, ModelFacts.of(model, look.kind, look.classes, kept, (*findings, *_idle_fill(subject))), pilot)


def _first_map(look: FirstLook, updates: Updates[Explanation], cells: Cells) -> None:
    """Hand on the first coarse map, out of what the pilot asks anyway."""
    asker, kept = look.asker, look.untouched.classes

    def make() -> Explanation:
        unit = look.targets[0].unit
        subject = replace(cells.subject, method=cells.subject.method.replace(unit=unit))
        recorder = Recorder(subject.masks.d, look.untouched)
        recorder.ask(Block(cells.rows))
        recorder.answer(slice(None), cells.answers)
        facts = ModelFacts.of(asker.model, look.kind, look.classes, kept, look.findings)
        stop = Stop("interrupted", 0)
        return Explanation.of(
            subject, facts, recorder.samples(), look.targets, stop, cells.beside, black_box=asker.model
        )

    updates.offer(make)


def explained(
    inputs: Inputs,
    look: FirstLook,
    plan: RunPlan,
    report: Progress,
    cancel: Cancel | None,
    checkpoint: Checkpoint | None,
    *,
    updates: Updates[Explanation] | None = None,
) -> Explanation:
    """Draw the samples, have them answered, and read the explanation out of them."""
    asker, facts = plan.asker, plan.model

    def part_of(samples: Samples) -> Explanation:
        stop = Stop("interrupted", 0)
        return Explanation.of(asker.subject, facts, samples, look.targets, stop, plan.pilot, black_box=asker.model)

    def save(samples: Samples) -> object:
        if checkpoint is None:
            return None
        part = part_of(samples)
        return checkpoint(part) if callable(checkpoint) else part.save(checkpoint)

    def update(head: Callable[[], Samples]) -> None:
        if updates is not None:
            updates.offer(lambda: part_of(head()))

    run = Run(asker.subject, look.targets, look.untouched, exact=asker.exact is not None, started=look.begun)
    told = _telling(report, look.targets[0], run.looks)
    found = run.collect(asker, look.classes, told, cancel, save, None if updates is None else update)
    notes, stop = _checked_after(inputs, asker, found.samples, found.stop)
    if again := traits_of(asker.model).halved - look.halved:
        notes = (
            *notes,
            f"{asker.model.name}: the batch size was halved {again} time{'s' * (again > 1)}, because memory was full",
        )
    with saved_if_interrupted(found.samples, save):
        explanation = Explanation.of(
            asker.subject, facts.noted(*notes), found.samples, look.targets, stop, plan.pilot,
            seconds_model=asker.clock.model, black_box=asker.model,
        )  # fmt: skip
    explanation = after_run(explanation, asker.model, inputs.display, inputs.batch_size, asker.clock)
    return replace(explanation, warnings=(*explanation.warnings, *look.unchecked))


def _doubt(target: Target, error: float | None) -> str:
    known = error is not None and math.isfinite(error)
    return f"{target.label}: {f'error about {as_percent(error or 0.0)}' if known else 'error unknown'}"


def _telling(report: Progress, target: Target, looks: Looks) -> Progress:
    """Return a report that also tells a bar the error of each look, which the run computes anyway."""
    if not isinstance(report, Bar):
        return report
    told = 0

    def report_and_tell(done: int, total: int) -> None:
        nonlocal told
        if looks.count > told:
            told = looks.count
            report.tell(_doubt(target, looks.error))
        report(done, total)

    return report_and_tell


def updating(report: Progress, on_update: OnUpdate | None) -> Updates[Explanation] | None:
    """Return what hands partial explanations on, to whoever asked for them and to a bar; None: nobody listens."""
    if on_update is None and not isinstance(report, Bar):
        return None

    def give(part: Explanation) -> None:
        if isinstance(report, Bar):
            report.tell(_doubt(part.targets[0], part.error))
        if on_update is not None:
            on_update(part)

    return Updates(give)


def _checked_after(inputs: Inputs, asker: Asker, samples: Samples, stop: Stop) -> tuple[tuple[str, ...], Stop]:
    """Return what asking for rows of a finished run alone shows, and why the run ended: Ctrl-C so late counts too."""
    if not (inputs.preflight and stop.complete and asker.clock.allows(_ALONE)):
        return (), stop
    try:
        with suppress(Exception):  # the run is done, whatever the model does now
            return answered_alone(asker, samples), stop
    except KeyboardInterrupt:
        return (), Stop("interrupted", stop.looks)
    return (), stop


def _first_answer(
    inputs: Inputs, subject: Subject, clock: Clock
) -> tuple[Asker, Scores, tuple[str, ...], tuple[str, ...]]:
    """Return who asks the model that was chosen, its scores (1, K) of the unmasked image, and what is to be said.

    Where the time is limited, the answer comes first and shows whether there is time to check the model as well.
    """
    timed: list[Scores] = []
    unchecked: list[str] = []

    def in_time(chosen: Model) -> bool:
        if not inputs.preflight or clock.deadline is None:
            return inputs.preflight
        timed.append(Asker(chosen, subject, inputs.batch_size, clock).untouched())
        fits = clock.allows(_PREFLIGHT, 0.5)
        if not fits:
            limit = f"max_seconds={subject.method.amount.max_seconds:g}"
            unchecked.append(f"{chosen.name} was not checked first, because {limit} leaves no time; run seewhy check")
        return fits

    model, findings = vetted(inputs.model, subject, inputs.batch_size, check=in_time)
    asker = Asker(model, subject, inputs.batch_size, clock)
    return asker, timed[0] if timed else asker.untouched(), findings, tuple(unchecked)


def _kept(scores: Scores, wanted: Container[int], *, everything: bool) -> tuple[int, ...]:
    """Return the classes whose scores are kept, in order of rank: the same file comes out whichever are explained."""
    ranked = [int(i) for i in np.argsort(-scores[0], kind="stable")]
    strongest = ranked if everything else ranked[:_KEPT]
    return tuple(strongest + [i for i in ranked if i in wanted and i not in strongest])


def _idle_fill(subject: Subject) -> Iterator[str]:
    """Say where the fill is the photo itself, so that every masked image is the photo again."""
    pixels, fill = subject.scene.pixels, subject.scene.fill
    if not hides(pixels, fill):
        other = most_different(pixels, subject.seed)
        yield (
            f"the fill hides nothing of this photo: every masked image equals the photo, so the map carries no "
            f"information; use fill={other!r}"
        )
