"""From what was handed in to questions: photos with their truth and class, and which of them belong together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.text import shown
from seewhy.engine.protocols import Model
from seewhy.engine.traits import traits_of
from seewhy.evaluate.grouping import Grouped, Independence, check_groups, grouped_by, together
from seewhy.evaluate.plan import identity_of
from seewhy.images import Background, Image, load_image
from seewhy.metrics import Question, Truth
from seewhy.truth import Known, Objects, class_of, of_others
from seewhy.tune.looking import Looker, key_of
from seewhy.tune.trials import Tuner

_NAMELESS = {"array", "picture", "bytes"}
"""Names of photos that come from no file."""


@dataclass(frozen=True, eq=False)
class TunedPhoto:
    """A photo with what is known of it."""

    image: Image
    known: Known | None
    truth: Truth | None
    group: str


def subjects(
    photos: object, truth: object, groups: object, background: Background
) -> tuple[list[TunedPhoto], Sequence[str]]:
    """Return the photos with what is known of them, and what to say of how they count.

    Raises
    ------
    InvalidInput
        A photo cannot be read, or truth or groups do not fit the photos.
    """
    listed = list(photos) if isinstance(photos, list | tuple) else [photos]
    if not listed:
        raise InvalidInput("give at least one photo", setting="photos", rule="be at least one", value=())
    truths = _truths(truth, len(listed))
    images = [load_image(photo, background=background) for photo in listed]
    counted = _groups(groups, listed, images, truths)
    tuned = [
        TunedPhoto(image, known, _drawn(known, image, i), name)
        if isinstance(known, Known)
        else TunedPhoto(image, None, known, name)
        for i, (image, known, name) in enumerate(zip(images, truths, counted.groups, strict=True))
    ]
    return tuned, counted.notes


def question(subject: TunedPhoto, model: Model, target: str | int | None, looker: Looker) -> Question:
    """Return the question for a photo; the model is asked for its answer if it is not remembered.

    Raises
    ------
    Over
        Calls are up.
    InvalidInput
        The truth is of another size than the photo, or the target is not one class.
    """
    asked = traits_of(model).exact or model
    key = key_of(photo=subject.image.sha256, model=identity_of(asked), answer="untouched")
    held = _answer(looker.memory.get(key))
    with looker.budget.work() as work:
        work.ahead(1 if held is None else 0)
        question_asked = Question.of(
            subject.image,
            model=model,
            target="top1" if target is None else target,
            truth=subject.truth,
            seed=looker.seed,
            batch_size=looker.batch_size,
            untouched=held,
        )
        looker.memory.put(key, question_asked.untouched.tolist())
        work.done()
    if looker.counts(key):
        looker.budget.spent.photos += 1
    if target is None:
        question_asked.target = class_of(subject.known, question_asked.untouched[0], question_asked.model.labels)
    if subject.known is not None and isinstance(subject.known.marks, Objects):  # what is of this class counts
        question_asked.truth = _drawn(
            subject.known, subject.image, 0, question_asked.target, question_asked.model.labels
        )
    return question_asked


def judged_by_others(subjects: Sequence[TunedPhoto], tuner: Tuner) -> list[str]:
    """Return what people should hear of photos that were judged by objects of other classes."""
    if tuner.judge.metric.facts.needs != "truth":
        return []
    return of_others(
        asked.image.name
        for one, asked in zip(subjects, tuner.questions, strict=False)
        if one.known is not None and one.known.is_of_others(asked.target, asked.model.labels)
    )


def _answer(held: object) -> np.ndarray[tuple[int, int], np.dtype[np.float32]] | None:
    """Return an answer (1, K) from memory; None where it is none: then it is asked for again."""
    try:
        found = np.asarray(held, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    return found if found.ndim == 2 and len(found) == 1 and np.isfinite(found).all() else None


def _truths(truth: object, count: int) -> list[Truth | Known | None]:
    """Return the truth of each photo."""
    if truth is None:
        return [None] * count
    several = isinstance(truth, list | tuple)
    given = list(truth) if isinstance(truth, list | tuple) else [truth]
    if len(given) != count:
        what = f"a list of {len(given)}" if several else "one"
        raise InvalidInput.of("truth", f"be one for each of the {count} photos", what)
    return [_truth(one, i) for i, one in enumerate(given)]


def _truth(one: object, i: int) -> Truth | Known:
    if isinstance(one, Truth | Known):
        return one
    found = np.asarray(one)
    if found.ndim != 2 or found.dtype != np.bool_:
        raise InvalidInput(
            f"truth must be arrays (H, W) of bool, got {shown(one)} for photo {i}",
            setting="truth",
            rule="be arrays (H, W) of bool",
            value=one,
        )
    return Truth(found)


def _drawn(
    known: Known, image: Image, i: int, target: int | None = None, labels: tuple[str, ...] | None = None
) -> Truth:
    """Return the pixels of the object that a truth marks in a photo; ``target``: the class that is explained."""
    marked = known.marked(image.height, image.width, target, labels)
    if marked is None:
        raise InvalidInput(
            f"the ground truth of photo {i}, {known.file}, does not mark the object",
            setting="truth",
            rule="mark the object in each photo",
            value=i,
        )
    return Truth(marked.mask, marked.kind)


def _groups(
    groups: object, photos: Sequence[object], images: Sequence[Image], truths: Sequence[Truth | Known | None]
) -> Grouped:
    """Return the group of each photo, as it was given or by the rule that evaluations have."""
    digests = [image.sha256 for image in images]
    if isinstance(groups, str | os.PathLike):
        names = [_name(photo, image) for photo, image in zip(photos, images, strict=True)]
        known = [one if isinstance(one, Known) else None for one in truths]
        return grouped_by(check_groups(groups), names, known, digests, images.__getitem__)
    if not isinstance(groups, Sequence) or len(groups) != len(photos):
        rule = f"be a way to group photos, or a list of one name for each of the {len(photos)} photos"
        raise InvalidInput.of("groups", rule, groups)
    return Grouped(together([str(one) for one in groups], digests), Independence("given"), [])


def _name(photo: object, image: Image) -> str:
    """Return the path or the file's name of a photo; empty where it has none."""
    if isinstance(photo, str | os.PathLike):
        return PurePath(os.fspath(photo)).as_posix()
    return "" if image.name in _NAMELESS else image.name
