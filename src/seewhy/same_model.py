"""Whether a model is the one that answered before: by what it is called and made of, and by what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seewhy.errors import InvalidInput
from seewhy.models import load_model
from seewhy.preflight import settled
from seewhy.protocols import Model
from seewhy.run import Asker
from seewhy.samples import Answers

if TYPE_CHECKING:
    from seewhy.explanation import Explanation

_SAME = 2e-3
"""How far answers may lie apart, on a scale of 0..1: two compiled models may each be 1e-3 from their original."""
_ROWS = 256
"""First rows of a run, among which the one is chosen that tells models apart best."""


def same_model(before: Explanation, model: object) -> Model:
    """Return the model that answered before, or one with the same fingerprint that gives the same answers.

    Names say little of functions and of what stands behind a server's address, so that one from elsewhere is asked
    for two pictures whose answers are known; they are not counted as evaluations.

    Raises
    ------
    InvalidInput
        It is another one.
    """
    if model is None and before.black_box is not None:
        return before.black_box
    found = load_model(model)
    if hasattr(found, "checked"):  # compiled: held against its original on the same pictures as at first
        found = settled(found, before.subject())
    if found.fingerprint != before.model.fingerprint:
        raise InvalidInput(
            f"model must be the one that answered before, {before.model.name} ({before.model.fingerprint}), "
            f"got {found.name} ({found.fingerprint})"
        )
    if _one_function(found, before.black_box):
        return found
    code = getattr(found, "code", "")
    known = before.model.code and code  # a file does not tell, and what is not Python has none
    if known and code != before.model.code:
        raise InvalidInput(
            f"model must be the function that answered before, got another one of its name, {found.fingerprint}: "
            f"its code has the hash {code}, not {before.model.code}"
        )
    _check_answers(before, found)
    return found


def _one_function(one: Any, other: Any) -> bool:
    """Whether two models call the same object, whose own values may have changed since."""
    function = getattr(one, "function", None)
    return function is not None and function is getattr(other, "function", None)


def _check_answers(before: Explanation, model: Model) -> None:
    """Ask for the picture as it is and for one of the rows again, and refuse a model that answers otherwise."""
    subject = before.subject()
    asker = Asker(model, subject)
    scores = asker.untouched()
    samples = before.samples
    if scores.shape[1] != before.model.classes:
        raise InvalidInput(f"{_other(before)} gives {scores.shape[1]} scores a picture, not {before.model.classes}")
    known, again = samples.untouched, Answers.of(scores, samples.kind, samples.classes)
    if asker.exact is None and samples.answers.exact is None:  # rows of lower precision are not as exact as this
        row = _telling(samples.answers.take(slice(0, _ROWS)))
        masks = subject.masks(samples.block(slice(row, row + 1)))
        answer = Answers.of(asker.score(masks), samples.kind, samples.classes)
        known = Answers.joined([known, samples.answers.take(slice(row, row + 1))])
        again = Answers.joined([again, answer])
    was, now = _judged(known, known), _judged(again, known)
    picture, place = np.unravel_index(np.argmax(np.abs(now - was)), was.shape)
    if abs(now[picture, place] - was[picture, place]) <= _SAME:
        return
    moods = np.abs(_judged(Answers.of(asker.untouched(), samples.kind, samples.classes), known) - now[:1]).max()
    if moods > _SAME:  # its answers change from call to call, which its first checks have said
        return
    which = "the whole picture" if picture == 0 else "a picture of the run"
    raise InvalidInput(
        f"{_other(before)} gives class {samples.classes[place]} {now[picture, place]:.4g} for {which}, where it was "
        f"{was[picture, place]:.4g}"
    )


def _other(before: Explanation) -> str:
    return f"model must be the one that answered before; another one is called {before.model.fingerprint} now, which"


def _telling(answers: Answers) -> int:
    """Return the row whose strongest known class is the least certain: there models differ the most."""
    certain = np.abs(_judged(answers, answers)).max(axis=1)
    return int(np.argmin(certain))


def _judged(answers: Answers, scale: Answers) -> Any:
    """Return kept scores (n, K) as differences can be judged: probabilities, or plain scores over the largest."""
    if answers.kind == "score":
        return answers.scores.astype(np.float64) / (float(np.abs(scale.scores).max()) or 1.0)
    return np.stack([answers.target(index, "probability") for index in answers.classes], axis=1)
