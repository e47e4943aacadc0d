"""Any Python callable as a model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NoReturn, Self, get_args

import numpy as np

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.types import Batch, Pixels, ScoreKind, Scores
from seewhy.engine.traits import ModelTraits
from seewhy.images.geometry import View
from seewhy.models.code_digest import code_digest
from seewhy.models.extras import need
from seewhy.models.function_answers import Unreadable, numbers_in
from seewhy.models.heads import HEADS, Head, as_head, check_head
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import Size


class FunctionModel:
    """A model from a function of images (B, H, W, C), float32 in 0..1, to scores (B, K) or (B,).

    Scores may be any array that NumPy reads or that supports DLPack; a torch tensor may require gradients, be on a
    device, or be bfloat16. They may be the only array in a list, tuple, dictionary or object; several are refused.

    Parameters
    ----------
    function
        Called in the caller's thread, one batch after the other. It may keep or change the batch.
    input_size
        Height and width to which the photo is stretched, in pixels, or one number for both; None keeps the size of
        the photo.
    labels
        Names of the K classes, by index.
    kind
        Score type; None: recognized from the first scores.
    channels
        Channels of the images that the function takes; None: any.
    takes
        ``numpy``: arrays (B, H, W, C). ``torch``: tensors (B, C, H, W) on the CPU, to be moved by the function.
    batch_size
        Preferred number of images per batch; None: no preference.
    name
        Name in output and files; default: the name of the function.

    Raises
    ------
    InvalidInput
        An argument breaks its rule.
    """

    in_flight = 0  # the function may keep what it was given

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        input_size: Size | None = None,
        labels: Sequence[str] | None = None,
        kind: ScoreKind | None = None,
        channels: int | None = None,
        takes: Literal["numpy", "torch"] = "numpy",
        batch_size: int | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(function):
            raise InvalidInput.of("FunctionModel.function", "be callable", type(function).__name__)
        if kind is not None and kind not in get_args(ScoreKind):
            raise InvalidInput.of("FunctionModel.kind", f"be one of {', '.join(get_args(ScoreKind))}", kind)
        if takes not in ("numpy", "torch"):
            raise InvalidInput.of("FunctionModel.takes", "be numpy or torch", takes)
        self.function = function
        self.layout: Literal["NHWC", "NCHW"] = "NHWC" if takes == "numpy" else "NCHW"
        self._size = None if input_size is None else _height_and_width(input_size)
        self.labels = None if labels is None else _names(labels)
        self.kind = kind
        self.head: Head | None = None
        """What its user said that its numbers are, where :meth:`of` was told."""
        self.channels = None if channels is None else _positive("channels", channels)
        self.batch_size = None if batch_size is None else _positive("batch_size", batch_size)
        self.at_most = self.batch_size
        """Pictures it may be sent at once, as its user said."""
        module, qualname = _origin(function)
        self.name = name or qualname
        self.fingerprint = f"function:{module}.{qualname}"
        """Its name: what a function does cannot be hashed."""
        self.code = code_digest(function)
        """A hash of its own code, by which stored results are told from those of another version."""

    @property
    def traits(self) -> ModelTraits:
        """What is known of it beyond the protocol."""
        return ModelTraits(
            at_most=self.at_most,
            code=self.code,
            function=self.function,
            softmax=self.head is not None and self.head.softmax,
            one_number=self.head is not None and self.head.outputs == 1,
        )

    def __deepcopy__(self, _: object) -> Self:
        return copy.copy(self)  # the function that answered is the one that answers

    @classmethod
    def of(cls, function: Callable[..., Any], options: ModelOptions) -> FunctionModel:
        """Return the model of a function, with what its user says about it.

        Raises
        ------
        InvalidInput
            An option needs more than a function.
        """
        name = _origin(function)[1]
        options.refuse(name, "input_size", "labels", "head", "batch_size")
        head = None if options.head == "auto" else as_head(options.head)
        adapted = cls(
            function,
            input_size=options.input_size,
            labels=options.labels_of(None),
            kind=None if head is None else head.kind,
            batch_size=options.batch_size,
        )
        adapted.head = head
        if head is not None and head.changes:
            adapted.fingerprint += f" {head.name}"
        return adapted

    def view(self, height: int, width: int) -> View:
        """Return the photo at its own size, or stretched to ``input_size``."""
        if self._size is None:
            return View.identity(height, width)
        return View.stretch(height, width, size=self._size)

    def prepare(self, pixels: Pixels) -> Batch:
        """Return the picture (H, W, C) as it is, C-contiguous; channels first for torch."""
        return np.ascontiguousarray(pixels if self.layout == "NHWC" else pixels.transpose(2, 0, 1), np.float32)

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield scores (B, K) for each batch, in order.

        Raises
        ------
        ModelError
            The function did not return finite scores, one row per image, with the same K each time and as many as there
            are labels. Its own exceptions keep their type and get a note.
        """
        classes = self._stated
        for batch in batches:
            try:
                answer = self.function(batch if self.layout == "NHWC" else need("torch", "torch").from_numpy(batch))
            except Exception as error:
                error.add_note(f"in model {self.name}, batch of {len(batch)} images {batch.shape}")
                raise
            scores = self._checked(answer, len(batch), classes)
            classes = scores.shape[1]
            yield scores

    def _checked(self, answer: Any, pictures: int, classes: int | None) -> Scores:
        """Return ``answer`` as a new array (B, K): the function may use its own array again."""
        try:
            scores = numbers_in(answer, pictures)
        except Unreadable as error:
            self._refuse(str(error), error)
        if scores.ndim == 1:
            scores = scores[:, None]
        if scores.ndim != 2 or len(scores) != pictures or scores.shape[1] == 0:
            turned = scores.ndim == 2 and scores.shape[1] == pictures != len(scores)
            advice = "; transpose it" if turned and pictures > 1 else ""
            self._refuse(f"one row of scores per image, returned shape {scores.shape} for {pictures} images{advice}")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused below
            finite: Scores = scores.astype(np.float32)
        bad = np.argwhere(~np.isfinite(finite))
        if len(bad):
            row, column = (int(place) for place in bad[0])
            self._refuse(f"finite scores, returned {scores[row, column]} at image {row}, class {column}")
        finite = self._read(finite, first=classes is None or classes == self._stated)
        if classes not in {None, finite.shape[1]}:
            whose = "as there are labels" if self.labels is not None else "as for the batch before"
            self._refuse(f"as many scores per image {whose}, {classes}, returned {finite.shape[1]}")
        return finite

    @property
    def _stated(self) -> int | None:
        return None if self.labels is None else len(self.labels)

    def _read(self, raw: Scores, *, first: bool) -> Scores:
        """Return scores of what the function gives, as its user said that it is."""
        if first and self.head is not None:
            check_head(self.head, raw, self.name)
        if self.kind == "logit" and self.head is None and raw.shape[1] == 1:
            check_head(HEADS["logits"], raw, self.name)
        return raw if self.head is None else self.head.scores(raw)

    def _refuse(self, rule_and_value: str, cause: Exception | None = None) -> NoReturn:
        raise ModelError(
            f"model {self.name} must return {rule_and_value}", setting="model", rule=rule_and_value, value=self.name
        ) from cause


def _origin(function: Callable[..., Any]) -> tuple[str, str]:
    """Return module and name of a function, or those of the class of another callable."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return getattr(named, "__module__", None) or "?", named.__qualname__


def _height_and_width(size: Size) -> tuple[int, int]:
    pair: object = (size, size) if isinstance(size, int) else size
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise InvalidInput.of("FunctionModel.input_size", "be a number or (height, width)", size)
    return _positive("input_size", pair[0]), _positive("input_size", pair[1])


def _names(labels: Sequence[str]) -> tuple[str, ...]:
    given: tuple[object, ...] = tuple(labels)
    names = tuple(label for label in given if isinstance(label, str))
    if isinstance(labels, str) or len(names) != len(given):
        raise InvalidInput(
            f"FunctionModel.labels must be a sequence of names, got {labels!r:.80}",
            setting="FunctionModel.labels",
            rule="be a sequence of names",
            value=labels,
        )
    return names


def _positive(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInput.of(f"FunctionModel.{name}", "be a positive integer", value)
    return value
