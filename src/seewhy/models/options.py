"""What a user may say about a model; whatever is not said, its adapter finds out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import field_validator

from seewhy.errors import InvalidInput
from seewhy.models import imagenet
from seewhy.models.heads import HEADS, Head, LastLayer, as_head, recognize_head
from seewhy.models.preprocessing import PREPROCESSINGS, Preprocessing, as_preprocessing, as_size
from seewhy.settings import Settings, setting

Precision = Literal["f32", "bf16", "int8"]
RuntimeName = Literal["auto", "native", "openvino"]


class ModelOptions(Settings):
    """How a model is loaded and run. Settings that do not apply to a model are refused, not ignored."""

    preprocessing: Annotated[
        Any,
        setting(f"what is done to the photo first: {', '.join(PREPROCESSINGS)}, or settings; none: the model's own"),
    ] = None
    input_size: Annotated[Any, setting("height and width of the model's picture, or one number for both")] = None
    head: Annotated[str, setting(f"what its outputs are: auto, {', '.join(HEADS)}")] = "auto"
    output_name: Annotated[
        str | None, setting("output that is read where a network gives several; of a tuple its number, from 0")
    ] = None
    labels: Annotated[Any, setting("class names: imagenet, a text file with one a line, or a list")] = None
    runtime: Annotated[RuntimeName, setting("what runs it; auto: OpenVINO where it gives the same answers")] = "auto"
    precision: Annotated[Precision, setting("arithmetic of OpenVINO")] = "f32"
    device: Annotated[str, setting("where torch runs it: auto, cpu, cuda, cuda:1, mps")] = "auto"
    batch_size: Annotated[int | None, setting("most pictures it takes at once", ge=1)] = None

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
        InvalidInput
            Names the model and the first setting that it has not.
        """
        for option in self.given:
            if option not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise InvalidInput(f"{option} is not a setting of the model {name}; {has}")

    def preprocessing_of(self, own: Preprocessing | None, layout: Literal["NCHW", "NHWC"], name: str) -> Preprocessing:
        """Return what was asked for, else the model's ``own``.

        Raises
        ------
        InvalidInput
            Neither says what a picture must look like: that is never guessed.
        """
        if self.preprocessing is None and own is None:
            raise InvalidInput(
                f"{name} does not say how a photo must be prepared for it; give preprocessing: "
                f"{', '.join(PREPROCESSINGS)}, or its settings (size, shorter, stretched, scale, mean, std, ...)"
            )
        return as_preprocessing(own if self.preprocessing is None else self.preprocessing, self.input_size, layout)

    def head_of(self, raw: Any, last: LastLayer, name: str) -> tuple[Head, tuple[str, ...]]:
        """Return the head that was asked for, else what the network's answers ``raw`` (B, N) speak for, with notes."""
        if self.head == "auto":
            head, note = recognize_head(raw, last)
            return head, () if note is None else (f"{name}: {note}",)
        head = as_head(self.head)
        if head.outputs not in {None, raw.shape[1]}:
            raise InvalidInput(f"head={head.name} needs {head.outputs} output a picture, but {name} has {raw.shape[1]}")
        return head, ()

    def labels_of(self, own: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return the names that were given, else the model's ``own``.

        Raises
        ------
        InvalidInput
            A file of labels cannot be read.
        """
        if self.labels is None:
            return own
        if self.labels == "imagenet":
            return imagenet.labels()
        if not isinstance(self.labels, str | Path):
            return tuple(self.labels)
        try:
            lines = Path(self.labels).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"labels must be imagenet, a list, or a text file: {error}") from error
        return tuple(line.strip() for line in lines if line.strip())
