"""A network as a model: how its pictures are prepared, how it is run, what its answers are. Every adapter makes one."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Literal, Protocol, Self

import numpy as np

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.types import Batch, Pixels, ScoreKind, Scores
from seewhy.engine.traits import ModelTraits, traits_of
from seewhy.images.geometry import View
from seewhy.models.heads import Head
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.recipes import Recipe

_ABOUT_SHAPES = re.compile(
    r"\b(shapes?|reshape|sizes?|dim(ension)?s?|channels?|height|width|resolution|axis|axes|rank|broadcast\w*|"
    r"batch\w*|length|[1-5]-?d|mat1)\b",
    re.IGNORECASE,
)
"""Words of an error about the shape of what a network was given, in any framework."""
_ONE_CHANNEL = re.compile(r"to have 1 channels?\b|expected axis -1 .* to have value 1\b", re.IGNORECASE)
"""What frameworks say of a network that takes gray pictures; other words are found out by trying."""


class Runtime(Protocol):
    """Runs a network: prepared pictures in, its numbers out.

    Like a model it may have ``traits``, which become those of the model: whether it composes, say.
    """

    @property
    def batch_size(self) -> int | None:
        """Pictures a batch at best; None: no preference."""

    @property
    def in_flight(self) -> int:
        """Batches :meth:`stream` may hold at once, after which it is done with them; 0: it may keep them."""

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield the numbers (B, N), float32, for each batch, in order."""


class NetworkModel:
    """A network with its preprocessing and its head; fits :class:`seewhy.engine.protocols.Model`.

    Parameters
    ----------
    runtime
        What runs it.
    preprocessing
        What is done to a photo first.
    head
        What its numbers are.
    labels
        Names of the K classes; None if they are not known.
    name
        Name shown to people.
    fingerprint
        Text that changes when its answers may change; preprocessing and head are added to it.
    notes
        What was assumed about it, for the result.
    """

    tested = False
    """Whether its answers are held against the original network by this project's own tests."""

    def __init__(
        self,
        runtime: Runtime,
        preprocessing: Preprocessing,
        head: Head,
        *,
        name: str,
        fingerprint: str,
        labels: Sequence[str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.runtime = runtime
        self.preprocessing = preprocessing
        self.head = head
        self.name = name
        self.labels = None if labels is None else tuple(labels)
        self.notes = tuple(notes)
        self.run_by = ""
        """What runs it, and how far that was found to be from the original; empty: its own framework."""
        self.identity = fingerprint
        self.at_most: int | None = None
        """Pictures it may be sent at once, where its user said so."""
        self.recipe: Recipe | None = None
        """What it was loaded from."""

    def made_from(self, recipe: Recipe) -> None:
        """Remember what it was loaded from."""
        self.recipe = recipe

    def __reduce__(self) -> tuple[Any, ...]:
        if self.recipe is None:
            raise TypeError(f"{self.name} was not made by load_model, so it cannot be loaded again")
        return self.recipe.load, ()

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self, _: object) -> Self:
        return copy.copy(self)  # what runs it serves both

    @property
    def fingerprint(self) -> str:
        """What was handed in, with preprocessing and head."""
        return f"{self.identity} {self.preprocessing.fingerprint} {self.head.name}"

    @property
    def kind(self) -> ScoreKind:
        """What the scores are."""
        return self.head.kind

    @property
    def channels(self) -> int:
        """Channels of the pictures it takes."""
        return self.preprocessing.channels

    @property
    def layout(self) -> Literal["NHWC", "NCHW"]:
        """Where height, width and channels stand in a batch."""
        return self.preprocessing.layout

    @property
    def batch_size(self) -> int | None:
        """Pictures a batch at best."""
        return self.runtime.batch_size

    @property
    def in_flight(self) -> int:
        """Batches the runtime may hold at once."""
        return self.runtime.in_flight

    @property
    def traits(self) -> ModelTraits:
        """What is known of it beyond the protocol, what its runtime states included."""
        return replace(
            traits_of(self.runtime),
            at_most=self.at_most,
            notes=self.notes,
            run_by=self.run_by,
            network=self.runtime,
            tested=self.tested,
            softmax=self.head.softmax,
            one_number=self.head.outputs == 1,
            ends=self.preprocessing.ends,
            recipe=self.recipe,
        )

    def noted(self, *notes: str) -> Self:
        """Return the same model with more for the reader of its results to know."""
        same = copy.copy(self)
        same.notes = (*self.notes, *notes)
        return same

    def view(self, height: int, width: int) -> View:
        """Return how a photo of this size becomes the network's picture."""
        return self.preprocessing.view(height, width)

    def prepare(self, pixels: Pixels) -> Batch:
        """Return one picture (H, W, C) in 0..1 as the network takes it."""
        return self.preprocessing.prepare(pixels)

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield scores (B, K) for each batch, in order.

        Raises
        ------
        ModelError
            The network gave something other than finite numbers, one row a picture.
        """
        with closing(self.runtime.stream(batches)) as answers:  # type: ignore[type-var]  # no request outlives its run
            for raw in answers:
                if raw.ndim != 2 or not np.isfinite(raw).all():
                    what = "not finite" if raw.ndim == 2 else f"of shape {raw.shape}"
                    raise ModelError(
                        f"{self.name} must return finite numbers, one row per image; got {what}",
                        setting="model",
                        rule="return finite numbers",
                        value=what,
                    )
                yield self.head.scores(raw)


def in_batches(model: Runtime, pictures: Batch) -> Scores:
    """Return the answers to prepared pictures, sent as many at once as the model may be sent."""
    size = model.batch_size or len(pictures)
    pieces = [pictures[i : i + size].copy() for i in range(0, len(pictures), size)]
    return np.concatenate(list(model.stream(pieces)))


def probe(runtime: Runtime, preprocessing: Preprocessing, name: str) -> Scores:
    """Return what a network answers to two plain pictures, mid-gray and noise: its outputs are seen before any photo.

    Raises
    ------
    ModelError
        It cannot take pictures of this size, or does not answer with a row of numbers each. Its own error is the cause.
    """
    height, width = preprocessing.size or (224, 224)
    shape = (height, width, preprocessing.channels)
    noise = np.random.default_rng(0).random(shape, dtype=np.float32)
    pictures = np.stack([preprocessing.prepare(np.full(shape, 0.5, np.float32)), preprocessing.prepare(noise)])
    try:
        size = min(runtime.batch_size or len(pictures), len(pictures))
        found = list(runtime.stream([pictures[i : i + size].copy() for i in range(0, len(pictures), size)]))
    except InvalidInput as error:  # what was asked for is not in its answer
        raise InvalidInput(
            f"{name}: {error}", setting=error.setting or "model", rule=error.rule, value=error.value
        ) from error
    except Exception as error:
        if isinstance(error, ModelError) and traits_of(runtime).remote:
            raise
        why = " ".join(str(error).split())[:300] or type(error).__name__
        advice = _advice(runtime, pictures, preprocessing, str(error))
        raise ModelError(
            (
                f"{name} must take images {pictures.shape[1:]} ({preprocessing.layout[1:]}), but failed "
                f"on two of them: {why}{advice}"
            ),
            setting="model",
            rule="take images of its size",
            value=pictures.shape[1:],
        ) from error
    shapes = [np.shape(one) for one in found]
    whole = sum(shape[0] for shape in shapes if len(shape) == 2 and shape[1] > 0) == len(pictures)
    if not whole or len({shape[1:] for shape in shapes}) != 1:
        raise ModelError(
            f"{name} must return one row of numbers per image, got {shapes} for two images",
            setting="model",
            rule="return one row of numbers per image",
            value=name,
        )
    return np.concatenate(found)


def _advice(runtime: Runtime, pictures: Batch, preprocessing: Preprocessing, why: str) -> str:
    """Return what to do about a network that failed on two pictures; tried with fewer pictures and with gray ones."""
    if len(pictures) > 1 and (runtime.batch_size or 2) > 1 and _takes_one(runtime, pictures[:1]):
        return "; give batch_size=1"
    if not _ABOUT_SHAPES.search(why):
        return ""
    gray = pictures[:1].take([0], axis=preprocessing.layout.index("C"))
    if preprocessing.order != "gray" and (_ONE_CHANNEL.search(why) or _takes_one(runtime, gray)):
        return "; it takes one channel: give preprocessing with order='gray'"
    return "; give input_size or preprocessing"


def _takes_one(runtime: Runtime, picture: Batch) -> bool:
    try:
        return [len(scores) for scores in runtime.stream([picture.copy()])] == [1]
    except Exception:  # noqa: BLE001  # whatever it raises, the first error is the one to tell
        return False


def checked_labels(labels: Sequence[str] | None, classes: int, name: str) -> tuple[str, ...] | None:
    """Return the labels if there are as many as classes, or None if there are none.

    Raises
    ------
    InvalidInput
        Their number is another one.
    """
    if labels is None:
        return None
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise InvalidInput(
            f"labels must be a sequence of names, got {labels!r:.80}",
            setting="labels",
            rule="be a sequence of names",
            value=labels,
        )
    if len(labels) != classes:
        raise InvalidInput(
            f"labels must be the names of {name}'s {classes} classes, got {len(labels)}",
            setting="labels",
            rule=f"be {classes} names",
            value=len(labels),
        )
    return tuple(labels)
