"""What must hold of a model before its answers are believed, asked with a handful of pictures.

A model that fails one of these gives explanations that are wrong and look right: answers that depend on the other
pictures of a batch, that change from call to call, or pictures in another range than the one it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast
from weakref import WeakKeyDictionary

import numpy as np

from seewhy._types import Batch, Floats, Pixels, ScoreKind, Scores
from seewhy.errors import ModelError
from seewhy.models import FunctionModel
from seewhy.models.heads import Head
from seewhy.protocols import Model
from seewhy.run import Asker, Subject
from seewhy.samples import comparable, recognize_kind
from seewhy.together import SharedModel

PICTURES = 4
"""Pictures the checks start from: the photo, two masked copies, and its negative, which is far from all of them."""

_TOGETHER = 3
"""Pictures that are sent in one batch, twice: with the photo alone, and once brighter, they are eight."""

_SAME = 1e-3
"""How far the answer to one picture may lie apart between two calls, on a scale of 0..1."""
_ROUGHLY = 0.2
"""How far probabilities of eight bits may be from adding up to 1."""
_SURE, _UNSURE = 0.5, 0.2
"""Probabilities of the strongest class that speak for and against a range of the input."""


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
            f"{self.model}: {self.classes} outputs ({self.kind}), pictures {self.picture}",
            f"run by {self.run_by or 'its own framework'}",
            f"strongest: {strongest}",
            *(f"{'ok  ' if one.level == 'ok' else 'WARN'}  {one.check}: {one.text}" for one in self.findings),
            *(f"note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class _Asked:
    """A model's answers to the same pictures, in several ways."""

    kind: ScoreKind
    adds_up: bool
    """Whether its rows are said to be a softmax."""
    alone: Scores
    """(1, K): the photo by itself."""
    together: Scores
    """(_TOGETHER, K): the photo first, with others."""
    again: Scores
    """The same once more, in the same batches."""
    brighter: Scores | None
    """(1, K): the photo in 0..255; asked only where the model is not sure of anything."""


_known: WeakKeyDictionary[object, dict[object, tuple[Finding, ...]]] = WeakKeyDictionary()
"""Findings by model, and for a function by what is said about it."""


def vetted(
    model: Model, subject: Subject, batch_size: int | None = None, *, check: bool = True
) -> tuple[Model, tuple[str, ...]]:
    """Return the model to ask about a photo, and what a reader of the result must know of it.

    A compiled model is held against the original on this very photo, always, and the original taken if they differ.
    ``check``: whether the model itself is checked; those that this project tests by itself are taken as they are.
    """
    chosen = settled(model, subject)
    notes: tuple[str, ...] = ()
    if getattr(model, "exact", None) is not None and not _may_be_corrected(subject):
        notes = (f"{model.name} is run in f32: of this design no share of the rows stands for all of them",)
    if not check or getattr(chosen, "tested", False):
        return chosen, notes
    findings = preflight(chosen, trial(chosen, subject), subject.scene.pixels, batch_size)
    return chosen, (*notes, *(f"{model.name}: {one.text}" for one in findings if one.level == "warning"))


def inspect(model: Model, subject: Subject, batch_size: int | None = None) -> Report:
    """Check a model on one photo and say all that is known of it."""
    model = settled(model, subject)
    pictures = trial(model, subject)
    scores = Asker(model, subject, batch_size).untouched()
    kind = model.kind or recognize_kind(scores)
    findings = preflight(model, pictures, subject.scene.pixels, batch_size)
    shown = comparable(scores, kind)[0] if kind == "logit" else scores[0]
    strongest = np.argsort(-scores[0], kind="stable")[:3]
    return Report(
        model=model.name,
        run_by=getattr(model, "run_by", ""),
        kind=kind,
        classes=scores.shape[1],
        labels=model.labels,
        picture=pictures.shape[1:],
        top=tuple((int(i), float(shown[i])) for i in strongest),
        findings=findings,
        notes=tuple(getattr(model, "notes", ())),
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
    checked = getattr(model, "checked", None)
    chosen = model if checked is None else cast("Model", checked(trial(model, subject)))
    exact = getattr(chosen, "exact", None)
    return chosen if exact is None or _may_be_corrected(subject) else cast("Model", exact)


def _may_be_corrected(subject: Subject) -> bool:
    return subject.method.draws(subject.masks).alike()


def preflight(model: Model, pictures: Batch, pixels: Pixels, batch_size: int | None = None) -> tuple[Finding, ...]:
    """Check a model once; its findings are remembered as long as it lives.

    Parameters
    ----------
    model
        Asked with at most eight pictures.
    pictures
        Prepared ones, (PICTURES, ...): the photo first, then others.
    pixels
        The photo as the model sees it, (H, W, C) in 0..1.
    batch_size
        Most pictures it may be sent at once.

    Raises
    ------
    ModelError
        It answers with other than one row of finite numbers a picture, or fails on several pictures at once.
    """
    asked = _what_answers(model)
    said = (model.fingerprint, model.kind, _adds_up(model), pictures.shape[1:], batch_size == 1)
    try:
        known = _known.setdefault(asked, {})
    except TypeError:  # what cannot be referred to weakly is checked each time
        known = {}
    if said not in known:
        known[said] = tuple(_findings(_ask(model, pictures, pixels, batch_size)))
    return known[said]


def _what_answers(model: Any) -> object:
    """Return what lives as long as the model: wrappers and copies are made anew for each photo."""
    inner = model.model if isinstance(model, SharedModel) else model
    if isinstance(inner, FunctionModel):
        return inner.function if type(inner) is FunctionModel else inner
    return getattr(inner, "runtime", inner)


def _ask(model: Model, pictures: Batch, pixels: Pixels, batch_size: int | None) -> _Asked:
    if len(pictures) > _TOGETHER:
        pictures = np.concatenate([pictures[: _TOGETHER - 1], pictures[-1:]])  # the last is far from all others
    size = min(batch_size or model.batch_size or len(pictures), len(pictures))
    alone = _answers(model, pictures[:1], size)
    try:
        together = _answers(model, pictures, size)
    except Exception as error:
        if size > 1:
            error.add_note(f"{model.name} answers to one picture alone, but not to {size} at once; try batch_size=1")
        raise
    again = _answers(model, pictures, size)
    kind = model.kind or recognize_kind(together)
    unsure = kind != "score" and alone.shape[1] > 1 and comparable(alone, kind).max() < _UNSURE
    brighter = _brighter(model, pixels, size) if unsure else None
    return _Asked(kind, _adds_up(model), alone, together, again, brighter)


def _adds_up(model: Model) -> bool:
    """Return whether the model's rows are taken as a softmax because somebody said so, or its last layer does."""
    head = getattr(model, "head", None)
    return isinstance(head, Head) and head.name == "softmax"


def _brighter(model: Model, pixels: Pixels, size: int) -> Scores | None:
    """Return the answer to the photo in 0..255, None where the model cannot take it."""
    try:
        with np.errstate(all="ignore"):
            return _answers(model, model.prepare(pixels * np.float32(255))[None], size)
    except Exception:  # noqa: BLE001  # a picture beyond its range may do anything to it; it was worth a try
        return None


def _answers(model: Model, pictures: Batch, size: int) -> Scores:
    pieces = [pictures[i : i + size].copy() for i in range(0, len(pictures), size)]
    found = [np.asarray(one) for one in model.stream(pieces)]
    shapes = [one.shape for one in found]
    if [shape[:1] for shape in shapes] != [(len(piece),) for piece in pieces] or any(len(s) != 2 for s in shapes):
        raise ModelError(f"{model.name} must give one row of scores a picture, gave {shapes} for {len(pictures)}")
    scores = np.concatenate(found)
    if not np.isfinite(scores).all():
        raise ModelError(f"{model.name} must give finite scores, gave {scores[~np.isfinite(scores)][0]}")
    return scores


def _findings(asked: _Asked) -> Iterator[Finding]:
    known = (asked.alone, asked.together, asked.again)
    scale = max(float(np.abs(scores).max()) for scores in known) or 1.0
    one, all_, again = (comparable(scores, asked.kind, scale) for scores in known)
    moods = float(np.abs(again - all_).max())
    yield from _of_neighbors(one[0], all_[0], moods)
    yield _judged(
        "deterministic",
        moods <= _SAME,
        f"two answers to the same picture in the same batch differ by up to {moods:.2g}",
        "intervals hold over its moods, and no run can be repeated exactly",
    )
    yield _of_kind(asked)
    brighter = 0.0 if asked.brighter is None else float(comparable(asked.brighter, asked.kind)[0].max())
    yield _in_range(float(one[0].max()), brighter)


def _of_neighbors(alone: Floats, together: Floats, moods: float) -> Iterator[Finding]:
    """Judge what the other pictures of a batch do to the answer to one, (K,); what moods do is not laid on them."""
    checks = "independent of the batch", "same top class alone and in a batch"
    apart = float(np.abs(alone - together).max())
    top = int(np.argmax(alone)), int(np.argmax(together))
    if _SAME < apart <= moods:
        for check in checks:
            yield Finding(check, "ok", "not seen beside what changes by itself")
        return
    yield _judged(
        checks[0],
        apart <= _SAME,
        f"an answer moves by up to {apart:.2g} with the other pictures of its batch",
        "is it in training mode? with batch_size=1 it is asked one by one",
    )
    yield _judged(
        checks[1],
        top[0] == top[1],
        f"class {top[0]} is on top alone, class {top[1]} in a batch",
        "results are of the batch",
    )


def _judged(check: str, fine: bool, bad: str, advice: str) -> Finding:
    return Finding(check, "ok", "yes") if fine else Finding(check, "warning", f"{bad}; {advice}")


def _of_kind(asked: _Asked) -> Finding:
    check = "kind of scores"
    rows = asked.together.astype(np.float64)
    if asked.kind == "logit" and rows.shape[1] > 1 and recognize_kind(asked.together) == "probability":
        return Finding(check, "warning", "its logits add up to 1 like probabilities; say head='softmax' if they are")
    if asked.kind == "probability" and (rows.min() < -_SAME or rows.max() > 1 + _SAME):
        return Finding(check, "warning", f"its probabilities go from {rows.min():.3g} to {rows.max():.3g}")
    sums = rows.sum(axis=1)
    if asked.adds_up and rows.shape[1] > 1 and np.abs(sums - 1).max() > _rounding(asked.together):
        text = f"its rows add up to {sums.min():.4g}..{sums.max():.4g}, those of a softmax to 1"
        return Finding(check, "warning", f"{text}; say head='multi-label' if each class is judged by itself")
    return Finding(check, "ok", asked.kind)


def _rounding(rows: Scores) -> float:
    """Return how far rows of probabilities may be from adding up to 1 because their numbers have few bits."""
    if np.array_equal(rows * 256, np.rint(rows * 256)):  # eight bits, as of networks in integers
        return max(_SAME, min(int(rows.shape[1]) / 512, _ROUGHLY))
    in_bf16 = not (np.ascontiguousarray(rows, np.float32).view(np.uint32) & 0xFFFF).any()
    return 1 / 256 if in_bf16 else _SAME


def _in_range(usual: float, brighter: float) -> Finding:
    check = "range of the input"
    if usual < _UNSURE and brighter > _SURE:
        return Finding(
            check,
            "warning",
            f"the strongest class has {usual:.2g} for the photo in 0..1 and {brighter:.2g} in 0..255; "
            f"if the model was trained on 0..255, say so in its preprocessing",
        )
    return Finding(check, "ok", "nothing speaks for another one")
