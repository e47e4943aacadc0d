"""The same photo explained again: what is there read in another way, or more of it asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.progress import Progress, reporting
from seewhy.core.settings import whole_number
from seewhy.core.text import shown
from seewhy.engine.loop import Cancel
from seewhy.engine.protocols import Method, Model
from seewhy.engine.run import Asker, Outcome, Run, saved_if_interrupted
from seewhy.engine.stopping import AMOUNT, Stop
from seewhy.estimation.targets import A_CLASS, Target, Targets, classes_of, resolve_targets
from seewhy.explanation.facts import ExplanationFacts
from seewhy.explanation.same_model import as_run_now
from seewhy.sampling.samples import Samples

Facts = TypeVar("Facts", bound=ExplanationFacts)

_NAMED = 10
"""Kept classes that a message lists."""
_AIMS = {"tolerance", "until", "max_evaluations"}


def refitted(before: Facts, targets: Targets | None, changes: dict[str, Any]) -> Facts:
    """Return what the same samples say under other settings; see :meth:`seewhy.Explanation.refit`."""
    surplus = sorted(set(changes) - before.method.free)
    if surplus:
        raise InvalidInput(
            (
                f"{', '.join(surplus)} changes the masked images, so it needs a new run; on saved samples "
                f"you can change {', '.join(sorted(before.method.free))}"
            ),
            setting=", ".join(surplus),
            rule="need no model call",
        )
    n, stop = len(before.samples), before.stop
    if "n_samples" in changes:
        n = whole_number(
            "n_samples", changes["n_samples"], 2, n, ", the number of saved samples (for more: continue_())"
        )
        stop = Stop("n-samples", 0)
        changes = changes | {"until": None}
    method = before.method.replace(**changes)
    subject = before.subject(method)
    draws = method.draws(subject.masks)
    if "n_samples" in changes:
        method.amount.check(draws.readable())
    if draws.total() == n:
        stop = Stop("design", stop.looks)
    return before.of(
        subject,
        before.model,
        before.samples.head(n),
        _targets(before, targets, method),
        stop,
        before.pilot,
        black_box=before.black_box,
        version=before.version,
    )


def continued(
    before: Facts,
    model: Model,
    amount: dict[str, Any],
    *,
    batch_size: int | None,
    progress: Progress | bool | None,
    cancel: Cancel | None,
    save: Callable[[Facts], object] | None,
) -> Facts:
    """Go on with a run up to another aim; see :meth:`seewhy.Explanation.continue_`.

    ``save``: where a part is kept from time to time.
    """
    if not before.method.amounts:
        raise InvalidInput((f'{before.method.name} does not sample, so more samples cannot make its result more '
'precise'), setting='method', rule='be a method that samples', value=before.method.name)  # fmt: skip
    surplus = sorted(set(amount) - AMOUNT)
    if surplus:
        raise InvalidInput(
            (
                f"{', '.join(surplus)} cannot change when a run is resumed; you can change "
                f"{', '.join(sorted(before.method.amounts))}"
            ),
            setting=", ".join(surplus),
            rule="be about the amount of sampling",
        )
    amount = _aimed(before, amount)
    subject = before.subject(before.method.replace(**amount))
    asker = Asker(model, subject, batch_size)
    run = Run(subject, before.targets, before.samples.untouched, before.samples, exact=asker.exact is not None)

    def save_part(samples: Samples) -> object:
        if save is None or len(samples) <= len(before.samples):
            return None
        return save(read(Outcome(samples, Stop("interrupted", 0))))

    def read(found: Outcome, **more: Any) -> Facts:
        facts = as_run_now(before, model, found.samples)
        return before.of(subject, facts, found.samples, before.targets, found.stop, before.pilot, **more)

    with reporting(progress, before.image.name) as report:
        found = run.collect(asker, before.model.classes, report, cancel, save_part)
    if len(found.samples) < len(before.samples):  # an aim that was reached before: nothing known is thrown away
        found = Outcome(before.samples, found.stop)
    with saved_if_interrupted(found.samples, save_part):
        return read(found, seconds=run.seconds, seconds_model=asker.clock.model, black_box=model)


def _aimed(before: ExplanationFacts, amount: dict[str, Any]) -> dict[str, Any]:
    """Return the amount with what a new aim replaces: a tolerance the top K, an aim a number, a number the top K."""
    if "tolerance" in amount and "until" not in amount:
        amount = amount | {"until": None}
    if "n_samples" not in amount and set(amount) & _AIMS:
        amount = amount | {"n_samples": None}
    if amount.get("n_samples") is not None:
        known = len(before.samples)
        whole_number(
            "n_samples", amount["n_samples"], known, advice=", the number of saved samples (for fewer: refit())"
        )
        amount = {"until": None} | amount
    return amount


def _not_kept(before: ExplanationFacts, target: object) -> InvalidInput:
    """Say which classes a result knows the scores of, and how to keep more."""
    classes, labels = before.samples.classes, before.model.labels
    listed = [str(i) if labels is None else f"{labels[k]} ({i})" for k, i in enumerate(classes[:_NAMED])]
    more = ", ..." if len(classes) > _NAMED else ""
    return InvalidInput(
        f"the scores of target {shown(target)} were not kept: this result has those of {len(classes)} of the model's "
        f"{before.model.classes} classes, {', '.join(listed)}{more}; explain the photo again with that target, or with "
        "keep_scores='all' for all classes",
        setting="targets",
        rule="be a class whose scores were kept",
        value=target,
    )


def _targets(before: ExplanationFacts, targets: Targets | None, method: Method) -> tuple[Target, ...]:
    """Return targets in the method's unit: those there, or others whose classes were kept."""
    kept = before.model.labels
    labels = None if kept is None else dict(zip(before.samples.classes, kept, strict=True))
    untouched = before.samples.untouched
    if targets is None:
        wanted = tuple(one.index if one.versus is None else (one.index, one.versus) for one in before.targets)
    else:
        scores = np.full(before.model.classes, -np.inf)
        scores[list(untouched.classes)] = untouched.scores[0]
        names = None if labels is None else [labels.get(i, "") for i in range(before.model.classes)]
        try:
            wanted = resolve_targets(targets, scores, names)
        except InvalidInput as error:
            if len(untouched.classes) == before.model.classes or error.rule != A_CLASS:
                raise
            raise _not_kept(before, error.value) from None
    lost = [index for index in classes_of(wanted) if index not in untouched.classes]
    if lost:
        raise _not_kept(before, lost[0])
    return tuple(Target.of(one, untouched, labels, method.unit, log_odds=method.log_odds) for one in wanted)
