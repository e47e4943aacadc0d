"""Networks that are graphs in a file: what pictures they take, how many at once, what they end with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seewhy.core import forks
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.types import Batch, Scores
from seewhy.engine.traits import ModelTraits
from seewhy.models.answers import LOGITS, Reader
from seewhy.models.last_layer import LastLayer
from seewhy.models.model_files import check_numbers
from seewhy.models.options import GIVE_SIZE, ModelOptions
from seewhy.models.preprocessing import PREPROCESSINGS, Preprocessing

Shape = Sequence[int | None]
"""Lengths of axes; None: any."""

Layout = Literal["NCHW", "NHWC"]


@dataclass(frozen=True)
class Takes:
    """The one input of a graph."""

    layout: Layout
    channels: int | None
    size: tuple[int | None, int | None]
    """Height and width; None: any."""
    batch: int | None
    """Pictures it takes at once, neither more nor less; None: any number."""
    type: np.dtype[Any]

    @property
    def fixed(self) -> tuple[int, int] | None:
        """Height and width if neither can be chosen."""
        height, width = self.size
        return None if height is None or width is None else (height, width)


def what_it_takes(
    shape: Shape | None, kind: np.dtype[Any], options: ModelOptions, name: str, layout: Layout | None = None
) -> Takes:
    """Read the input of a graph: channels are where a 3 or a 1 stands.

    Parameters
    ----------
    shape
        Lengths of its axes; None: not known.
    layout
        What the graph itself says, if anything; else what the user's preprocessing says, if anything.

    Raises
    ------
    InvalidInput
        It is no batch of pictures, or channels may stand in either place.
    """
    axes = (None,) * 4 if shape is None else tuple(shape)
    if len(axes) != 4:
        raise InvalidInput(
            f"{name} must take a batch of images (four axes), but its input is {shown(axes)}",
            setting="model",
            rule="take a batch of images",
            value=axes,
        )
    check_numbers(axes, kind.itemsize, f"the input {shown(axes)} of {name}")
    places: dict[Layout, int | None] = {"NCHW": axes[1], "NHWC": axes[3]}
    likely: list[Layout] = [place for place, length in places.items() if length in {1, 3}]
    found = layout or _said(options) or (likely[0] if len(likely) == 1 else None)
    if found is None:
        raise InvalidInput(
            (
                f"{name} takes {shown(axes)}, so its channel axis is unclear; give "
                "preprocessing={'layout': 'NCHW', ...} or NHWC"
            ),
            setting="preprocessing.layout",
            rule="be given",
            value=axes,
        )
    if places[found] not in {None, 1, 3}:
        raise InvalidInput(
            f"{name} must take images of 1 or 3 channels; as {found} its input {shown(axes)} does not",
            setting="preprocessing.layout",
            rule="leave 1 or 3 channels",
            value=found,
        )
    height, width = axes[2:] if found == "NCHW" else axes[1:3]
    return Takes(found, places[found], (height, width), axes[0], kind)


def _said(options: ModelOptions) -> Layout | None:
    given = options.preprocessing
    if isinstance(given, Preprocessing):
        return given.layout
    found: Layout | None = given.get("layout") if isinstance(given, dict) else None
    return found


def preprocessing_for(
    takes: Takes, options: ModelOptions, name: str, own: Preprocessing | None = None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """Return what is done to a photo for a graph, with notes: as the user says, at the graph's size if that is fixed.

    Integers can only mean 0..255, so a graph that takes them needs no word from its user.

    Raises
    ------
    InvalidInput
        Nothing says how a photo must be prepared, or what says so contradicts the graph.
    """
    notes: tuple[str, ...] = ()
    if takes.type.kind in "iu" and own is None and options.preprocessing is None:
        own = PREPROCESSINGS["0..255"].replace(layout=takes.layout, size=takes.fixed)
        notes = (
            (
                f"{name} takes integers, so photos are passed as RGB in 0..255; set preprocessing if the "
                "model needs another range"
            ),
        )
        notes = notes if takes.channels != 1 else (notes[0].replace("RGB", "gray"),)
    preprocessing = options.preprocessing_of(own, takes.layout, name, takes.fixed)
    if preprocessing.size is None and options.preprocessing is None:
        raise InvalidInput(
            f"{name} takes images of any size; {GIVE_SIZE}", setting="input_size", rule="be given", value=None
        )
    if takes.channels == 1 and not isinstance(options.preprocessing, Preprocessing | dict):
        preprocessing = preprocessing.replace(order="gray")
    if takes.fixed is not None and options.input_size is None and not _has_size(options.preprocessing):
        preprocessing = preprocessing.resized(takes.fixed)
    _check(preprocessing, takes, name)
    return preprocessing, (*notes, *options.sized_by_name(name, takes.fixed or (None if own is None else own.size)))


def _has_size(given: object) -> bool:
    """Whether a user's preprocessing says a size, which a name of one does not."""
    if isinstance(given, Preprocessing):
        return given.size is not None
    return isinstance(given, dict) and given.get("size") is not None


def _check(found: Preprocessing, takes: Takes, name: str) -> None:
    if found.layout != takes.layout:
        raise InvalidInput.of(f"preprocessing.layout of {name}", f"be {takes.layout}", found.layout)
    if takes.channels not in {None, found.channels}:
        raise InvalidInput(
            f"{name} takes images of {takes.channels} channels, got preprocessing.order={found.order}",
            setting="preprocessing.order",
            rule=f"have {takes.channels} channels",
            value=found.order,
        )
    size = found.size or (None, None)
    if any(must is not None and must != got for must, got in zip(takes.size, size, strict=True)):
        got = "none" if found.size is None else f"{found.size}"
        rule = f"be {shown(takes.size)}"
        text = f"input_size of {name} must {rule}, which the model fixes, got {got}"
        raise InvalidInput(text, setting="input_size", rule=rule, value=got)
    if takes.type.kind in "iu":
        _check_integers(found, takes, name)


def _check_integers(found: Preprocessing, takes: Takes, name: str) -> None:
    """Refuse what integers cannot hold: they would be rounded to almost nothing, or cut off."""
    low, high = found.ends
    ends = np.iinfo(takes.type)
    if low < ends.min or high > ends.max or high - low < 100:
        raise InvalidInput(
            (
                f"{name} takes {takes.type} in {ends.min}..{ends.max}, but preprocessing produces {low:g}"
                f"..{high:g}; give preprocessing='0..255'"
            ),
            setting="preprocessing",
            rule=f"produce {ends.min}..{ends.max}",
            value=(low, high),
        )


class GraphRuntime:
    """Runs a graph through one function, in the number type and in as many pictures at once as it takes.

    Parameters
    ----------
    ask
        From a batch in the graph's own type to one row of numbers a picture.
    takes
        What it takes; a short last batch is padded with 0.
    batch_size
        Pictures a batch at best; None: no preference.
    read
        What ``ask`` reads answers by, where it notes what it takes.
    again
        Makes another ``ask`` in a forked process, where the threads of this one are gone; None: it needs none.
    """

    in_flight = 1

    def __init__(
        self,
        ask: Callable[[Any], Any],
        takes: Takes,
        batch_size: int | None = None,
        read: Reader | None = None,
        again: Callable[[], Callable[[Any], Any]] | None = None,
    ) -> None:
        self._ask = ask
        self._again, self._generation, self._reviving = again, forks.generation(), forks.Lock()
        self._read = read
        self._together = takes.batch
        self._type = takes.type
        self.batch_size = batch_size

    @property
    def traits(self) -> ModelTraits:
        """What was read of the first answers without being asked for."""
        return ModelTraits(notes=() if self._read is None else self._read.notes)

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield the numbers (B, N), float32, for each batch, in order."""
        self._revive()
        for batch in batches:
            step = self._together or len(batch)
            parts = [self._answer(batch[start : start + step], step) for start in range(0, len(batch), step)]
            yield np.concatenate(parts)

    def _revive(self) -> None:
        if self._again is None or self._generation == forks.generation():
            return
        with self._reviving:
            if self._generation != forks.generation():
                forks.leave(self._ask)
                self._ask = self._again()
                self._generation = forks.generation()

    def _answer(self, part: Batch, step: int) -> Scores:
        rest = np.zeros((step - len(part), *part.shape[1:]), part.dtype)
        sent = cast_to(self._type, np.concatenate([part, rest]) if len(rest) else part)
        with forks.working():
            answer = np.asarray(self._ask(sent))
        if answer.shape[:1] != (step,):
            raise ModelError(
                f"it must return one row of numbers per image, got {answer.shape} for {step} images",
                setting="model",
                rule="return one row of numbers per image",
                value=answer.shape,
            )
        return np.array(answer.reshape(step, -1)[: len(part)], np.float32)


def unforkable(name: str) -> ModelError:
    """Return the error of a model that cannot be made anew in a forked process."""
    return ModelError(
        (
            f"{name} was loaded before this process was forked, and its threads do not exist here; "
            "load it in the new process, or start that with the method spawn"
        ),
        setting="model",
        rule="be loaded in this process",
        value=name,
    )


def changed(name: str) -> ModelError:
    """Return the error of a file that must be read again, and is another one by now."""
    return ModelError(
        f"{name} cannot be loaded again in a forked process: its file changed since it was loaded",
        setting="model",
        rule="keep its file",
        value=name,
    )


def cast_to(kind: np.dtype[Any], batch: Batch) -> NDArray[Any]:
    """Return a batch in another number type; integers are rounded, and stay within their ends."""
    if kind.kind in "iu":
        ends = np.iinfo(kind)
        batch = np.rint(batch).clip(ends.min, ends.max)
    return np.ascontiguousarray(batch, kind)


def chosen_output(
    shapes: Sequence[Shape | None], names: Sequence[str], name: str, wanted: str | None
) -> tuple[int, tuple[str, ...]]:
    """Return which of its outputs is read: the ``wanted`` one, else ``logits`` or the first with a row of numbers.

    A note says so where there are several and none was wanted.

    Raises
    ------
    InvalidInput
        There is none of that name, or none with a row of numbers a picture.
    """
    listed = ", ".join(f"{one} {shown(shape)}" for one, shape in zip(names, shapes, strict=True))
    if wanted is not None and wanted not in names:
        raise InvalidInput.of("output_name", f"be one of the outputs of {name}, {listed}", wanted)
    asked = [names.index(wanted)] if wanted is not None else range(len(shapes))
    alone = len(asked) == 1
    rows = sorted((i for i in asked if _is_row(shapes[i], alone=alone)), key=lambda i: names[i] != LOGITS)
    if not rows:
        raise InvalidInput(
            f"{name} must have an output with one row of numbers per image; it has {listed}",
            setting="output_name",
            rule="have one row of numbers per image",
            value=listed,
        )
    check_numbers(
        shapes[rows[0]] or (), np.dtype(np.float32).itemsize, f"the output {shown(shapes[rows[0]])} of {name}"
    )
    note = f"{name} has {len(shapes)} outputs, {listed}; {names[rows[0]]} is used; set output_name to use another"
    return rows[0], () if alone else (note,)


def _is_row(shape: Shape | None, *, alone: bool) -> bool:
    """Say whether an output holds a row of numbers a picture; behind it one that is ``alone`` may have axes of 1."""
    if not alone:
        return shape is not None and len(shape) == 2
    return shape is None or all(length in {1, None} for length in shape[2:])


def shown(shape: Shape | None) -> str:
    """Return a shape as text, with ? for any length."""
    if shape is None:
        return "of unknown shape"
    return f"({', '.join('?' if length is None else str(length) for length in shape)})"


def fitting(
    labels: tuple[str, ...] | None, outputs: int | None, last: LastLayer, name: str
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the labels that a file holds if there are as many as classes, else none of them, and a note."""
    if labels is None:
        return None, ()
    classes = 2 if outputs == 1 and last == "sigmoid" else outputs
    if classes in {None, len(labels)}:
        return labels, ()
    return None, (f"{name} holds {len(labels)} labels for {classes} classes; ignoring the labels",)


def content_hash(*paths: Path) -> str:
    """Return a SHA-256 over the content of files, one after the other."""
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()
