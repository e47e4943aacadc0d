"""What a user may say about a model; whatever is not said, its adapter finds out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import field_validator

from seewhy.core import memory
from seewhy.core.errors import InvalidInput
from seewhy.core.files import kind_of, open_regular
from seewhy.core.settings import Settings, setting
from seewhy.models import imagenet
from seewhy.models.heads import HEADS, Head, as_head, check_head, recognize_head
from seewhy.models.last_layer import LastLayer
from seewhy.models.preprocessing import PREPROCESSINGS, SIZED, Preprocessing, as_preprocessing, as_size

Precision = Literal["f32", "bf16", "int8"]
RuntimeName = Literal["auto", "native", "openvino"]

_LABEL = 64
"""Bytes of memory that one byte of a file of labels may take: a line of one letter is a text of its own."""

GIVE_SIZE = "give input_size=SIDE or (HEIGHT, WIDTH)"
"""What helps where nothing says a size."""


class NotASetting(InvalidInput):
    """Something was said about a model that it has no setting for."""

    option = ""
    """Its name."""


class ModelOptions(Settings):
    """How a model is loaded and run. Settings that do not apply to a model are refused, not ignored."""

    preprocessing: Annotated[
        Any,
        setting(f"preprocessing of the photo: {', '.join(PREPROCESSINGS)}, or settings; none: the model's own"),
    ] = None
    input_size: Annotated[Any, setting("height and width of the model input, or one number for both")] = None
    head: Annotated[str, setting(f"type of the outputs: auto, {', '.join(HEADS)}")] = "auto"
    output_name: Annotated[
        str | None, setting("output to use if the network has several; for a tuple its number, from 0")
    ] = None
    labels: Annotated[Any, setting("class names: imagenet, a text file with one name per line, or a list")] = None
    runtime: Annotated[RuntimeName, setting("what runs the model; auto: OpenVINO if it gives the same scores")] = "auto"
    precision: Annotated[Precision, setting("arithmetic of OpenVINO")] = "f32"
    device: Annotated[str, setting("where torch runs the model: auto, cpu, cuda, cuda:1, mps")] = "auto"
    batch_size: Annotated[int | None, setting("maximum batch size", ge=1)] = None

    @field_validator("head")
    @classmethod
    def _known(cls, head: str) -> str:
        if head != "auto" and head not in HEADS:
            msg = f"must be auto or one of {', '.join(HEADS)}"
            raise ValueError(msg)
        return head

    @field_validator("preprocessing")
    @classmethod
    def _prepared(cls, given: object) -> object:
        if given is not None:
            as_preprocessing(given)
        return given

    @field_validator("labels")
    @classmethod
    def _named(cls, given: object) -> object:
        names = isinstance(given, list | tuple) and all(isinstance(name, str) for name in given)
        if given is not None and not names and not isinstance(given, str | Path):
            msg = "must be imagenet, a text file, or a list of names"
            raise ValueError(msg)
        return given

    @field_validator("input_size")
    @classmethod
    def _sized(cls, given: object) -> object:
        return None if given is None else as_size(given)

    @property
    def given(self) -> dict[str, Any]:
        """What was said, by name."""
        fresh = ModelOptions()
        return {name: value for name, value in self if value != getattr(fresh, name)}

    def refuse(self, name: str, *known: str) -> None:
        """Refuse what was said beside ``known``.

        Raises
        ------
        NotASetting
            Names the model and the first setting that it has not.
        """
        for option in self.given:
            if option not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                text = f"{option} is not a setting of the model {name}; {has}"
                error = NotASetting(text, setting=option, rule="not a setting")
                error.option = option
                raise error

    def preprocessing_of(
        self,
        own: Preprocessing | None,
        layout: Literal["NCHW", "NHWC"],
        name: str,
        stated: tuple[int, int] | None = None,
    ) -> Preprocessing:
        """Return what was asked for, else the model's ``own``.

        A name is taken at the height and width that are asked for, else at those that the model itself has ``stated``
        or that go with its own; without any only the names in :data:`~seewhy.models.preprocessing.SIZED` say a size.

        Raises
        ------
        InvalidInput
            Neither says what a picture must look like, or of what size: that is never guessed.
        """
        if self.preprocessing is None and own is None:
            raise InvalidInput(
                (
                    f"{name} does not declare its preprocessing; give preprocessing: "
                    f"{', '.join(PREPROCESSINGS)}, or its settings (size, shorter, stretched, scale, mean, "
                    "std, ...)"
                ),
                setting="preprocessing",
                rule="be given",
                value=None,
            )
        given = own if self.preprocessing is None else self.preprocessing
        size = self.input_size
        if isinstance(given, str) and size is None:
            size = stated or (None if own is None else own.size)
            if size is None and given not in SIZED:
                raise InvalidInput(
                    f"preprocessing={given!r} gives {name} a range, but no image size; {GIVE_SIZE}",
                    setting="input_size",
                    rule="be given",
                    value=given,
                )
        return as_preprocessing(given, size, layout)

    def sized_by_name(self, name: str, stated: tuple[int, int] | None) -> tuple[str, ...]:
        """Return a note where the name of a preprocessing alone decides the size, the model having ``stated`` none."""
        given = self.preprocessing
        if not isinstance(given, str) or given not in SIZED or self.input_size is not None or stated is not None:
            return ()
        height, width = PREPROCESSINGS[given].size or (0, 0)
        return (f"{name}: photos have {height}x{width} pixels, the size of {given}; set input_size for another",)

    def head_of(self, raw: Any, last: LastLayer, name: str) -> tuple[Head, tuple[str, ...]]:
        """Return the head that was asked for, else what the network's answers ``raw`` (B, N) speak for, with notes."""
        if self.head == "auto":
            head, note = recognize_head(raw, last, name)
            return head, () if note is None else (f"{name}: {note}",)
        head = as_head(self.head)
        check_head(head, raw, name)
        return head, ()

    def labels_of(self, own: tuple[str, ...] | None, classes: int | None = None) -> tuple[str, ...] | None:
        """Return the names that were given, else the model's ``own``; ImageNet's for its number of ``classes``.

        Raises
        ------
        InvalidInput
            A file of labels cannot be read.
        """
        if self.labels is None:
            return own
        if self.labels == "imagenet":
            return imagenet.labels_for(classes)
        if not isinstance(self.labels, str | Path):
            return tuple(self.labels)
        text = _text(self.labels)
        return tuple(line.strip() for line in text.splitlines() if line.strip())


def _text(path: str | Path) -> str:
    """Return what stands in a file of labels.

    Raises
    ------
    InvalidInput
        It cannot be read, is too large, or is no text in UTF-8.
    """
    what = f"labels {path}"
    with open_regular(path, what="labels (imagenet, a list, or a text file)", error=InvalidInput) as file:
        memory.check(_LABEL * os.fstat(file.fileno()).st_size, what, InvalidInput)
        data = file.read()
    kind, rule = kind_of(data), "be text in UTF-8, one class name per line"
    if kind:
        raise InvalidInput(f"{what}: not a text file but {kind}", setting="labels", rule=rule, value=kind)
    try:
        return data.decode("utf-8-sig")  # some editors begin with a mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"{what}: line {line} is not UTF-8: {error.reason}; save the file as UTF-8",
            setting="labels",
            rule=rule,
            value=data[error.start : error.start + 1],
        ) from error
