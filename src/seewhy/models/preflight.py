"""What must hold of a model before its answers are believed, asked with a handful of pictures.

A model that fails one of these gives explanations that are wrong and look right: answers that depend on the other
pictures of a batch, that change from call to call, or pictures in another range than the one it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from seewhy.core.errors import ModelError
from seewhy.core.text import clean
from seewhy.core.types import Batch, Pixels, ScoreKind, Scores
from seewhy.engine.protocols import Model
from seewhy.engine.run import Asker, Subject
from seewhy.engine.together import SharedModel
from seewhy.engine.traits import traits_of
from seewhy.models import FunctionModel
from seewhy.models.heads import is_softmax, is_within
from seewhy.sampling.samples import comparable, recognize_kind

PICTURES = 4
"""Pictures the checks start from: the photo, two masked copies, and its negative, which is far from all of them."""

_TOGETHER = 3
"""Pictures that are sent in one batch, in two orders: with the photo alone, and once brighter, they are eight."""

_SAME = 1e-3
"""How far the answer to one picture may lie apart between two calls, on a scale of 0..1."""
_MOODS = 3
"""How many times the seen randomness of repeated scores is allowed for: it may be larger at other times."""
_FAINT = 0.02
"""What a picture in a range far too small moves at most: a probability, and log-odds as a share of their own size."""
_SAID = 0.2
"""Log-odds beside their mean, at least, of a network that was trained: it says something even of what it hardly sees,
where one of random weights tells little."""
_SURE, _MORE_SURE = 0.5, 0.3
"""Probability of the strongest class beyond chance that speaks for a range, and how much more than in the other one."""
_WIDE = 100
"""Numbers that go so far are those of bytes."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    level: Literal["ok", "warning"]
    text: str


@dataclass(frozen=True)
class Report:
    """What is known of a model, and how it did in the checks."""

    model: str
    run_by: str
    """What runs it instead of its own framework; empty: nothing else does."""
    kind: ScoreKind
    classes: int
    labels: tuple[str, ...] | None
    picture: tuple[int, ...]
    """Shape of a prepared picture."""
    top: tuple[tuple[int, float], ...]
    """Index and score of the strongest classes on the photo, strongest first."""
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    """What had to be assumed."""

    @property
    def fine(self) -> bool:
        """Whether no check warns."""
        return all(one.level == "ok" for one in self.findings)

    def __str__(self) -> str:
        names = self.labels or [f"class {i}" for i in range(self.classes)]
        strongest = ", ".join(f"{names[i]} ({i}) {score:.4g}" for i, score in self.top)
        lines = [
            f"{self.model}: {self.classes} outputs ({self.kind}), model input {self.picture}",
            f"run by {self.run_by or 'its own framework'}",
            f"strongest: {strongest}",
            *(f"{'ok  ' if one.level == 'ok' else 'WARN'}  {one.check}: {one.text}" for one in self.findings),
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(map(clean, lines))


@dataclass(frozen=True, eq=False)
class _TrialAnswers:
    """A model's answers to the same pictures, in several ways."""

    kind: ScoreKind
    adds_up: bool
    """Whether its rows are said to be a softmax."""
    alone: Scores
    """(1, K): the photo by itself."""
    together: Scores
    """(_TOGETHER, K): the photo first, with others."""
    moved: Scores
    """The same pictures in other places of a batch, put back in order."""
    moods: float
    """How far the answers to the same batches are from each other, where a doubt made them be asked again; else 0."""
    crowd: Scores | None
    """(n, K): these pictures in turn, in one batch as large as in a run; None: not asked."""
    ranged: tuple[str, str, Scores] | None
    """The range of the photo, another one, and the answer (1, K) to the photo there; asked only where that may fit."""


_known: WeakKeyDictionary[object, dict[object, tuple[Finding, ...]]] = WeakKeyDictionary()
"""Findings by model, and for a function by what is said about it."""


def vetted(
    model: Model, subject: Subject, batch_size: int | None = None, *, check: Callable[[Model], bool] | bool = True
) -> tuple[Model, tuple[str, ...]]:
    """Return the model to ask about a photo, and what a reader of the result must know of it.

    A compiled model is held against the original on this very photo, always, and the original taken if they differ.
    ``check``: whether the model itself is checked, or what decides it; those that this project tests are taken as is.
    """
    chosen = settled(model, subject)
    notes: tuple[str, ...] = ()
    if traits_of(model).exact is not None and not _may_be_corrected(subject):
        notes = (f"{model.name} runs in f32, because this design needs all its rows to correct a lower precision",)
    if traits_of(chosen).tested or not (check(chosen) if callable(check) else check):
        return chosen, notes
    findings = preflight(chosen, trial(chosen, subject), subject.scene.pixels, batch_size)
    return chosen, (*notes, *(f"{model.name}: {one.text}" for one in findings if one.level == "warning"))


def inspect(model: Model, subject: Subject, batch_size: int | None = None) -> Report:
    """Check a model on one photo and say all that is known of it."""
    model = settled(model, subject)
    pictures = trial(model, subject)
    asker = Asker(model, subject, batch_size)
    scores = asker.untouched()
    kind = model.kind or recognize_kind(scores)
    findings = preflight(model, pictures, subject.scene.pixels, batch_size, asker.batch)
    shown = comparable(scores, kind)[0] if kind == "logit" else scores[0]
    strongest = np.argsort(-scores[0], kind="stable")[:3]
    return Report(
        model=model.name,
        run_by=traits_of(model).run_by,
        kind=kind,
        classes=scores.shape[1],
        labels=model.labels,
        picture=pictures.shape[1:],
        top=tuple((int(i), float(shown[i])) for i in strongest),
        findings=findings,
        notes=traits_of(model).notes,
    )


def trial(model: Model, subject: Subject) -> Batch:
    """Return the prepared pictures (PICTURES, ...) that a model is tried with; fewer where a design has fewer rows."""
    negative = model.prepare(1 - subject.scene.pixels)
    return np.concatenate([Asker(model, subject).pictures(PICTURES - 1), negative[None]])


def settled(model: Model, subject: Subject) -> Model:
    """Return what is to be asked about a photo: the model, or the original of one that was compiled.

    The original where their answers to the photo and pictures made of it differ by too much; that of a model of lower
    precision also where the design does not let a share of the rows correct the rest.
    """
    checked = traits_of(model).checked
    chosen = model if checked is None else checked(trial(model, subject))
    exact = traits_of(chosen).exact
    return chosen if exact is None or _may_be_corrected(subject) else exact


def _may_be_corrected(subject: Subject) -> bool:
    return subject.method.draws(subject.masks).alike()


def preflight(
    model: Model, pictures: Batch, pixels: Pixels, batch_size: int | None = None, crowd: int = 0
) -> tuple[Finding, ...]:
    """Check a model once; its findings are remembered as long as it lives.

    Parameters
    ----------
    model
        Asked with at most eight pictures; where their answers leave a doubt, with six more.
    pictures
        Prepared ones, (PICTURES, ...): the photo first, then others.
    pixels
        The photo as the model sees it, (H, W, C) in 0..1.
    batch_size
        Most pictures it may be sent at once.
    crowd
        Pictures of one more batch, as large as those of a run; 0: none.

    Raises
    ------
    ModelError
        It answers with other than one row of finite numbers a picture, or fails on several pictures at once.
    """
    asked = what_answers(model)
    said = (model.fingerprint, model.kind, traits_of(model).softmax, pictures.shape[1:], batch_size == 1, crowd)
    try:
        known = _known.setdefault(asked, {})
    except TypeError:  # what cannot be referred to weakly is checked each time
        known = {}
    if said not in known:
        known[said] = tuple(_findings(_ask(model, pictures, pixels, batch_size, crowd)))
    return known[said]


def what_answers(model: Any) -> object:
    """Return what lives as long as the model: wrappers and copies are made anew for each photo."""
    inner = model.model if isinstance(model, SharedModel) else model
    if isinstance(inner, FunctionModel):
        return inner.function if type(inner) is FunctionModel else inner
    return traits_of(inner).network or inner


def _ask(model: Model, pictures: Batch, pixels: Pixels, batch_size: int | None, crowd: int) -> _TrialAnswers:
    if len(pictures) > _TOGETHER:
        pictures = np.concatenate([pictures[: _TOGETHER - 1], pictures[-1:]])  # the last is far from all others
    size = min(batch_size or model.batch_size or len(pictures), len(pictures))
    alone = _answers(model, pictures[:1], size)
    try:
        together = _answers(model, pictures, size)
        places = np.arange(crowd) % len(pictures)
        crowded = _answers(model, pictures[places], crowd) if crowd > len(pictures) else None
    except Exception as error:
        if size > 1:
            error.add_note(f"{model.name} accepts a single image, but not a batch of {size}; use batch_size=1")
        raise
    # No picture keeps its place, so that answers that are swapped, shifted or repeated show on one of them.
    moved = np.roll(_answers(model, np.roll(pictures, 1, axis=0), size), -1, axis=0)
    kind = model.kind or recognize_kind(together)
    crowd_apart = 0.0 if crowded is None else _apart(together[places], crowded, kind)
    moods = 0.0
    if max(_apart(together[:1], alone, kind), _apart(together, moved, kind), crowd_apart) > _SAME:
        again = [_answers(model, pictures, size) for _ in range(2)]
        moods = max(_apart(one, other, kind) for one, other in combinations([together, *again], 2))
        if crowded is not None:
            moods = max(moods, _apart(crowded, _answers(model, pictures[places], crowd), kind))
    ranged = _in_another_range(model, together, kind, pixels, size)
    return _TrialAnswers(kind, traits_of(model).softmax, alone, together, moved, moods, crowded, ranged)


def _apart(one: Scores, other: Scores, kind: ScoreKind) -> float:
    """Return how far answers (B, K) lie apart at most, as differences are judged."""
    scale = max(float(np.abs(one).max()), float(np.abs(other).max())) or 1.0
    return float(np.abs(comparable(one, kind, scale) - comparable(other, kind, scale)).max())


def _in_another_range(
    model: Model, together: Scores, kind: ScoreKind, pixels: Pixels, size: int
) -> tuple[str, str, Scores] | None:
    """Return the answer to the photo in the range that the model may have been trained on instead.

    None where nothing speaks for one, where chance is not known (one output, raw scores, labels judged by
    themselves), or where the model cannot take it.
    """
    traits = traits_of(model)
    if traits.one_number or together.shape[1] == 1 or not _shares(together, kind):
        return None
    low, high = traits.ends
    usual, other, factor = ("0..255", "0..1", 1 / 255) if low >= 0 and high > _WIDE else ("0..1", "0..255", 255)
    if factor > 1 and (high > _WIDE or not _hardly_sees(together, kind)):
        return None
    try:
        with np.errstate(all="ignore"):
            return usual, other, _answers(model, model.prepare(pixels * np.float32(factor))[None], size)
    except Exception:  # noqa: BLE001  # a picture beyond its range may do anything to it; it was worth a try
        return None


def _shares(rows: Scores, kind: ScoreKind) -> bool:
    """Return whether rows are shares of one whole, so that each of K classes has 1/K by chance."""
    if kind != "probability":
        return kind == "logit"
    return bool(rows.min() >= -_SAME and np.abs(rows.sum(axis=1, dtype=np.float64) - 1).max() <= _FAINT)


def _hardly_sees(rows: Scores, kind: ScoreKind) -> bool:
    """Return whether answers (B, K) to pictures far from each other are one answer, and such as training gives."""
    shares = comparable(rows, kind)
    odds = np.log(np.maximum(shares, np.finfo(np.float32).tiny))
    odds -= odds.mean(axis=1, keepdims=True)
    said, moved = float(np.abs(odds).max()), float(np.abs(odds - odds[:1]).max())
    return said >= _SAID and moved < _FAINT * said and float(np.abs(shares - shares[:1]).max()) < _FAINT


def _answers(model: Model, pictures: Batch, size: int) -> Scores:
    pieces = [pictures[i : i + size].copy() for i in range(0, len(pictures), size)]
    found = [np.asarray(one) for one in model.stream(pieces)]
    shapes = [one.shape for one in found]
    if [shape[:1] for shape in shapes] != [(len(piece),) for piece in pieces] or any(len(s) != 2 for s in shapes):
        raise ModelError.of("model", "return one row of scores per image", shapes, f"{len(pictures)} images were sent")
    if not (finite := np.isfinite(scores := np.concatenate(found))).all():
        raise ModelError.of("model", "return finite scores", scores[~finite][0])
    return scores


def _findings(asked: _TrialAnswers) -> Iterator[Finding]:
    yield from _of_neighbors(asked)
    yield _judged(
        "deterministic",
        asked.moods <= _SAME,
        f"two answers for the same image in the same batch differ by up to {asked.moods:.2g}",
        "intervals include this randomness, but no run can be repeated exactly",
    )
    yield _of_kind(asked)
    yield _in_range(asked)


def _of_neighbors(asked: _TrialAnswers) -> Iterator[Finding]:
    """Judge what place and company in a batch do to an answer; the randomness of repeated scores is allowed for."""
    checks = "independent of the batch", "same top class alone and in a batch"
    pairs = [(asked.alone, asked.together[:1]), (asked.together, asked.moved)]
    if asked.crowd is not None:
        pairs.append((asked.together[np.arange(len(asked.crowd)) % len(asked.together)], asked.crowd))
    apart = max(_apart(one, other, asked.kind) for one, other in pairs)
    if _SAME < apart <= _MOODS * asked.moods:
        for check in checks:
            yield Finding(check, "ok", "cannot tell, because repeated answers differ")
        return
    yield _judged(
        checks[0],
        apart <= _SAME,
        f"scores change by up to {apart:.2g} with the position in the batch and the other images",
        "check that the outputs are in the order of the images and that the model is not in training mode, or use "
        "batch_size=1",
    )
    ranks = [(int(a), int(b)) for one, other in pairs for a, b in zip(one.argmax(1), other.argmax(1), strict=True)]
    swapped = next(((a, b) for (a, b) in ranks if a != b), None) if apart > _SAME else None
    yield _judged(
        checks[1],
        swapped is None,
        "" if swapped is None else f"the top class is {swapped[0]} for the image alone, but {swapped[1]} in a batch",
        "results are for the batch",
    )


def _judged(check: str, fine: bool, bad: str, advice: str) -> Finding:
    return Finding(check, "ok", "yes") if fine else Finding(check, "warning", f"{bad}; {advice}")


def _of_kind(asked: _TrialAnswers) -> Finding:
    check = "score type"
    rows = asked.together.astype(np.float64)
    sums = rows.sum(axis=1)
    several = rows.shape[1] > 1
    doubt = f"; {_both_readings(asked)}" if several and is_within(asked.together) else ""
    if asked.kind == "logit" and several and recognize_kind(asked.together) == "probability":
        text = "the outputs are taken for logits, but add up to 1 like probabilities"
        return Finding(check, "warning", f"{text}; pass head='softmax' if they are probabilities{doubt}")
    if asked.kind == "probability" and (rows.min() < -_SAME or rows.max() > 1 + _SAME):
        return Finding(
            check,
            "warning",
            f"probabilities must lie in 0..1, got {rows.min():.3g}..{rows.max():.3g}; pass another head or kind",
        )
    if asked.adds_up and several and not is_softmax(asked.together, _SAME):
        text = f"softmax outputs must add up to 1, but add up to {sums.min():.4g}..{sums.max():.4g}"
        return Finding(check, "warning", f"{text}; pass head='multi-label' if classes are independent{doubt}")
    if asked.kind == "logit" and several and is_within(asked.together):
        return Finding(
            check, "warning", f"all logits lie in 0..1; pass head='softmax' if they are probabilities{doubt}"
        )
    return Finding(check, "ok", asked.kind)


def _both_readings(asked: _TrialAnswers) -> str:
    """Return what the strongest class has on the photo, its number taken as a probability and as a logit."""
    row = asked.alone
    top = int(np.argmax(row[0]))
    as_logit = float(comparable(row, "logit")[0, top])
    return f"class {top} has probability {row[0, top]:.3g} if they are probabilities, {as_logit:.3g} if they are logits"


def _in_range(asked: _TrialAnswers) -> Finding:
    check = "input range"
    if asked.ranged is not None:
        usual, other, answer = asked.ranged
        here, there = (comparable(scores, asked.kind)[0] for scores in (asked.alone, answer))
        chance = 1 / len(here)
        sure, before = ((float(row.max()) - chance) / (1 - chance) for row in (there, here))
        # Down a range a sure answer counts if more certain; up it, where any network says more, if it is another one.
        gained = max(sure - before, 0.0 if other == "0..1" else float(np.abs(there - here).max()))
        if sure > _SURE and gained > _MORE_SURE:
            return Finding(
                check,
                "warning",
                f"the top score of the photo is {here.max():.2g} with pixels in {usual} (class {here.argmax()}) and "
                f"{there.max():.2g} with pixels in {other} (class {there.argmax()}); if the model was trained on "
                f"{other}, pass it as preprocessing",
            )
    return Finding(check, "ok", "no sign of a wrong range")
