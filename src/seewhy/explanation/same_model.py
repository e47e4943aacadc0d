"""Whether a model is the one of the saved result: by what it is called and made of, and by what it answers."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.types import Floats
from seewhy.engine.protocols import Model
from seewhy.engine.run import Asker, Subject, first_equal
from seewhy.engine.traits import traits_of
from seewhy.explanation.facts import ExplanationFacts
from seewhy.explanation.model_facts import ModelFacts
from seewhy.models import load_model
from seewhy.models.preflight import settled, what_answers
from seewhy.models.recipes import Recalled
from seewhy.sampling.samples import Answers, Samples

_SAME = 2e-3
"""How far answers may lie apart, on a scale of 0..1: two compiled models may each be 1e-3 from their original."""
_MOODS = 3
"""How many times what a model's answers to one picture differ among themselves they may differ from the known one."""
_AGAIN = 4
"""Times that a picture is asked once more where its answer is another one than before."""
_ROWS = 256
"""First rows of a run, among which the one is chosen that tells models apart best."""
_COMPANY = 16
"""Rows in a batch with it, for models whose answers depend on their batch."""
_COMPILED = " openvino-f32"
"""What the fingerprint of a compiled model has beside that of its original, which it is near enough to."""


_alone: WeakKeyDictionary[object, dict[object, tuple[str, ...]]] = WeakKeyDictionary()
"""Warnings by model, and by fingerprint and size of a batch."""


def same_model(before: ExplanationFacts, model: object) -> Model:
    """Return the model that answered before, or one with the same fingerprint that gives the same answers.

    Names say little of functions and of what stands behind a server's address, and weights may change in place, so that
    it is asked for two pictures whose answers are known; they are not counted as evaluations. Only the very function
    that answered before, and a model that this project tests by itself, are taken as they are.

    Raises
    ------
    InvalidInput
        It is another one.
    """
    known = before.black_box
    if isinstance(known, Recalled):
        model, known = known.loaded if model is None else model, None
    candidate = known if model is None and known is not None else load_model(model)
    # compiled: held against its original as at first
    if candidate is not known and traits_of(candidate).checked is not None:
        candidate = settled(candidate, before.subject())
    if _base(candidate.fingerprint) != _base(before.model.fingerprint):
        raise InvalidInput(
            (
                f"the model does not match the saved result, which explains {before.model.name} ("
                f"{before.model.fingerprint}); got {candidate.name} ({candidate.fingerprint})"
            ),
            setting="model",
            rule="be the model of the saved result",
            value=candidate.fingerprint,
        )
    traits = traits_of(candidate)
    if _one_function(candidate, known) or traits.tested:
        return candidate
    code = traits.code
    both = before.model.code and code  # a file does not tell, and what is not Python has none
    if both and code != before.model.code:
        raise InvalidInput(
            (
                f"the function does not match the saved result: {candidate.fingerprint} has the same name, "
                f"but its code has the hash {code} (saved: {before.model.code})"
            ),
            setting="model",
            rule="be the function of the saved result",
            value=candidate.fingerprint,
        )
    _check_answers(before, candidate)
    return candidate


def known_model(before: ExplanationFacts) -> Model:
    """Return the model that the result itself holds; one that came with a pickle, or is the default, is checked."""
    known = before.black_box
    return same_model(before, None) if known is None or isinstance(known, Recalled) else known


def answered_alone(asker: Asker, samples: Samples) -> tuple[str, ...]:
    """Return a warning where rows of the first batch of a run get another answer alone; two pictures are asked.

    A batch of a run may be larger than any that was tried before, and go wrong by its size or behind its first rows.
    Once for each model and size of a batch.
    """
    model, size = asker.model, asker.batch
    asked = np.flatnonzero((first_equal(samples) == np.arange(len(samples))) & ~samples.whole)[:size]
    if asker.exact is not None or size == 1 or not len(asked) or traits_of(model).tested:
        return ()
    try:
        known = _alone.setdefault(what_answers(model), {})
    except TypeError:  # what cannot be referred to weakly is checked each time
        known = {}
    key = (model.fingerprint, len(asked))
    if key not in known:
        known[key] = _compared_alone(asker, samples, asked)
    return known[key]


def _compared_alone(asker: Asker, samples: Samples, asked: NDArray[np.intp]) -> tuple[str, ...]:
    judge = _Judge(samples, asker.subject)
    worst, moods = 0.0, 0.0
    for row in {int(asked[min(len(asked) // 2 | 1, len(asked) - 1)]), int(asked[-1])}:
        was, now = judge(samples.answers.take(slice(row, row + 1)))[0], judge(judge.row(asker, row))[0]
        if (apart := _apart(was, now)) > _SAME:
            worst, moods = max(worst, apart), max(moods, _apart(now, judge(judge.row(asker, row))[0]))
    if worst <= _SAME + _MOODS * moods:
        return ()
    warning = (
        f"{asker.model.name}: evaluated alone, an image of the run gets scores that differ by up to "
        f"{worst:.2g} from those in "
        f"its batch of {len(asked)}; use batch_size=1 to query images one by one"
    )
    return (warning,)


def as_run_now(before: ExplanationFacts, model: Model, samples: Samples) -> ModelFacts:
    """Return the facts of the model, with a word where the same network is run by something else than before."""
    if model.fingerprint == before.model.fingerprint or len(samples) <= len(before.samples):
        return before.model
    runner = traits_of(model).run_by or "its own framework"
    return before.model.noted(f"{model.name}: run by {runner} from sample {len(before.samples)} on")


def _base(fingerprint: str) -> str:
    return fingerprint.replace(_COMPILED, "")


def _one_function(one: Model, other: Model | None) -> bool:
    """Whether two models call the same object, whose own values may have changed since."""
    function = traits_of(one).function
    return function is not None and function is traits_of(other).function


def _check_answers(before: ExplanationFacts, model: Model) -> None:
    """Ask for the picture as it is and for one of the rows again, and refuse a model that answers otherwise."""
    samples, subject = before.samples, before.subject()
    asker = Asker(model, subject)
    scores = asker.untouched()
    if scores.shape[1] != before.model.classes:
        raise InvalidInput(
            (
                f"the model does not match the saved result: it returns {scores.shape[1]} scores per "
                f"image (saved: {before.model.classes})"
            ),
            setting="model",
            rule="be the model of the saved result",
            value=scores.shape[1],
        )
    judge = _Judge(samples, subject)
    was, now = judge(samples.untouched)[0], judge(judge.kept(scores))[0]
    if (apart := _apart(was, now)) > _SAME:
        moods = [judge(judge.kept(asker.untouched()))[0] for _ in range(_AGAIN)]
        _refuse(before, "the unmasked image", was, now, apart, moods)
    if asker.exact is not None or samples.answers.exact is not None:
        return  # rows of lower precision are not as exact as this
    row = judge.telling()
    was, now = judge(samples.answers.take(slice(row, row + 1)))[0], judge(judge.row(asker, row))[0]
    if (apart := _apart(was, now)) > _SAME:
        moods = [judge(judge.row(asker, row))[0] for _ in range(_AGAIN)]
        moods.append(judge(judge.row(asker, row, _COMPANY))[0])
        _refuse(before, "a stored image", was, now, apart, moods)


def _refuse(
    before: ExplanationFacts, picture: str, was: Floats, now: Floats, apart: float, moods: list[Floats]
) -> None:
    """Raise for an answer that is further from the known one than the model's answers are from each other."""
    if apart <= _SAME + _MOODS * max(_apart(now, one) for one in moods):
        return  # it changes from call to call or with its batch, which its first checks have said
    place = int(np.argmax(np.abs(now - was)))
    label = before.samples.classes[place]
    raise InvalidInput(
        (
            f"the model does not match the saved result: for {picture}, class {label} now scores "
            f"{now[place]:.4g} (saved: {was[place]:.4g}); pass the model that was explained"
        ),
        setting="model",
        rule="be the model of the saved result",
        value=float(now[place]),
    )


def _apart(one: Floats, other: Floats) -> float:
    return float(np.abs(one - other).max())


class _Judge:
    """Kept scores as differences can be judged: probabilities, or raw scores over the range they had in the run."""

    def __init__(self, samples: Samples, subject: Subject) -> None:
        self.samples, self._subject = samples, subject
        self._first = Answers.joined([self.samples.untouched, self.samples.answers.take(slice(0, _ROWS))])
        scores = self._first.scores.astype(np.float64)
        # Where scores hardly move, their own rounding must not decide: a hundredth of their size counts as a range.
        self._scale = max(float(np.ptp(scores, axis=0).max()), 0.01 * float(np.abs(scores).max())) or 1.0

    def __call__(self, answers: Answers) -> Floats:
        """Return (n, classes)."""
        scores = answers.scores.astype(np.float64)
        if answers.kind == "score":
            return np.asarray(scores / self._scale)
        totals = answers.log_totals
        return scores if totals is None else np.asarray(np.exp(np.minimum(scores - totals[:, None], 0)))

    def kept(self, scores: Any) -> Answers:
        """Return a model's scores (n, K) as far as they were kept."""
        return Answers.of(scores, self.samples.kind, self.samples.classes)

    def row(self, asker: Asker, row: int, company: int = 1) -> Answers:
        """Ask for a row again, as the first of a batch of so many."""
        others = (row + np.arange(company)) % len(self.samples)
        masks = self._subject.masks(self.samples.block(others))
        return self.kept(asker.score(masks)).take(slice(0, 1))

    def telling(self) -> int:
        """Return the row where another model would answer otherwise: the least certain, or farthest from the whole."""
        whole, *rows = self(self._first)
        scores = np.stack(rows)
        of_each = np.abs(scores - whole) if self.samples.kind == "score" else scores * (1 - scores)
        return int(np.argmax(of_each.max(axis=1)))
