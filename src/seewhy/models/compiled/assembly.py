"""A network run by OpenVINO or in lower precision instead, and held against the original before it is trusted."""

from __future__ import annotations

import copy
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from seewhy.core.errors import InvalidInput, MissingExtra, ModelError
from seewhy.core.types import Batch
from seewhy.engine.traits import ModelTraits, traits_of
from seewhy.models.compiled.conversions import converted
from seewhy.models.compiled.openvino_runtime import Network, with_fixed_size
from seewhy.models.compiled.quantized import quantized
from seewhy.models.last_layer import LastLayer
from seewhy.models.network import NetworkModel, Runtime, checked_labels, in_batches, probe
from seewhy.models.options import ModelOptions, Precision
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.recipes import Recipe
from seewhy.sampling.samples import comparable

LIMITS: dict[Precision, float] = {"f32": 1e-3, "bf16": 0.05, "int8": 0.1}
"""How far a probability may be from the original's on any picture of the check; beyond it the original is used."""

_LONGEST = 300
"""Characters of another library's error that are passed on."""
AUTOCAST = "torch-autocast"
"""Who runs a torch module in lower precision where it is."""


@dataclass(frozen=True)
class Found:
    """What an adapter found out about a model, before its user's wishes."""

    name: str
    fingerprint: str
    native: Runtime
    """Its own framework."""
    preprocessing: Preprocessing
    last: LastLayer = "unknown"
    """What its last layer is; it decides how its outputs are read, unless ``head`` says that."""
    head: str | None = None
    """What its outputs are, where the file format states it: ``logits``, ``softmax``, ...; None: not said."""
    labels: tuple[str, ...] | None = None
    convert: Callable[[], Any] | None = None
    """Makes an ``openvino.Model`` of it; None where there can be none."""
    in_bf16: Runtime | None = None
    """The same network in its own framework, in bfloat16; None where that is OpenVINO's to do."""
    notes: tuple[str, ...] = field(default=())

    def reading(self, output_name: str | None) -> Found:
        """Return the same, distinguished from a model that reads another output."""
        return self if output_name is None else replace(self, fingerprint=f"{self.fingerprint} output:{output_name}")


def assemble(found: Found, options: ModelOptions) -> NetworkModel:
    """Return the model with its head, run by what was asked for.

    Raises
    ------
    InvalidInput
        Head or labels do not fit it, or it cannot be run as was asked.
    ModelError
        It fails on pictures of its size, or OpenVINO was asked for and cannot take it.
    """
    model = _assembled(found, options)
    model.at_most = options.batch_size
    return model


def _assembled(found: Found, options: ModelOptions) -> NetworkModel:
    found = found.reading(options.output_name)
    original = _original(found, options)
    if options.precision == "bf16" and options.runtime != "openvino" and found.in_bf16 is not None:
        return Compiled(original, found.in_bf16, "bf16", by=AUTOCAST)
    wanted = options.runtime == "openvino" or options.precision != "f32"
    if options.runtime == "native" and wanted:
        raise InvalidInput(
            f"precision={options.precision} needs OpenVINO, but runtime='native' is given",
            setting="precision",
            rule="not be given with runtime='native'",
            value=options.precision,
        )
    if options.runtime == "native" or (found.convert is None and not wanted):
        return original
    try:
        model = _openvino_model(found)
        network = Network(model)
        network.batch_size = options.batch_size or network.batch_size
        exact = Compiled(original, network, "f32")
        if options.precision == "f32":
            return exact
        quick = in_precision(model, options.precision, found.preprocessing, exact.fingerprint)
        quick.batch_size = options.batch_size or quick.batch_size
        return Compiled(exact, quick, options.precision)
    except (InvalidInput, MissingExtra):
        raise
    except Exception as error:
        if wanted:
            raise ModelError(
                f"OpenVINO cannot run {found.name}: {one_line(error)}",
                setting="runtime",
                rule="be one that takes the model",
                value=found.name,
            ) from error
        return original.noted(
            f"{found.name} is run by its own framework, because OpenVINO cannot run it: {first_sentence(error)}"
        )


def _original(found: Found, options: ModelOptions) -> NetworkModel:
    """Return the model run by its own framework."""
    raw = probe(found.native, found.preprocessing, found.name)
    stated = options.model_copy(update={"head": found.head}) if options.head == "auto" and found.head else options
    head, notes = stated.head_of(raw, found.last, found.name)
    classes = head.scores(raw).shape[1]
    labels = checked_labels(options.labels_of(found.labels, classes), classes, found.name)
    read = tuple(f"{found.name} {note}" for note in traits_of(found.native).notes)
    return NetworkModel(
        found.native,
        found.preprocessing,
        head,
        name=found.name,
        fingerprint=found.fingerprint,
        labels=labels,
        notes=(*found.notes, *read, *notes),
    )


def in_precision(model: Any, precision: Precision, preprocessing: Preprocessing, key: str) -> Network:
    """Return an ``openvino.Model`` of fixed size compiled for a precision; what is quantized is kept under ``key``."""
    if precision == "int8":
        model = converted(f"{key} int8", lambda: quantized(model, preprocessing))
    return Network(model, precision)


def _openvino_model(found: Found) -> Any:
    """Return the model as an ``openvino.Model`` of fixed size."""
    size, convert = found.preprocessing.size, found.convert
    if convert is None or size is None:
        what = "OpenVINO needs a fixed input_size" if size is None else "it cannot be converted"
        raise ModelError(what, setting="runtime", rule="be one that takes the model")
    channels = found.preprocessing.channels
    picture = (channels, *size) if found.preprocessing.layout == "NCHW" else (*size, channels)
    return converted(f"{found.fingerprint} {picture}", lambda: with_fixed_size(convert(), picture))


class Compiled(NetworkModel):
    """A network run by something else than its own framework in float32, with the original at hand."""

    def __init__(self, original: NetworkModel, network: Runtime, precision: Precision, *, by: str = "OpenVINO") -> None:
        super().__init__(
            network,
            original.preprocessing,
            original.head,
            name=original.name,
            fingerprint=f"{original.identity} {by.lower()}-{precision}",
            labels=original.labels,
            notes=original.notes,
        )
        self.original = original
        self.precision = precision
        self._by = by
        self.exact = None if precision == "f32" else original
        """What values and intervals are for, asked for a share of the rows; None: this one is close enough."""

    def made_from(self, recipe: Recipe) -> None:
        """Remember what both were loaded from."""
        super().made_from(recipe)
        self.original.made_from(recipe)

    @property
    def traits(self) -> ModelTraits:
        """Those of the network, with its original and how it is held against it."""
        return replace(super().traits, exact=self.exact, checked=self.checked)

    def checked(self, pictures: Batch) -> NetworkModel:
        """Return this model, or the original if its answers to these prepared pictures differ by too much.

        What was found stands in ``run_by`` of the model returned; what a reader must know, in its ``notes``.
        """
        original = self.original
        if isinstance(original, Compiled):
            original = original.checked(pictures)
        other = original.run_by.partition(",")[0] or "its own framework"
        instead = f"{self.name} is run by {other}, because {self._by}"
        try:
            own = in_batches(self, pictures)
        except Exception as error:  # noqa: BLE001  # whatever it raises, the original can still be asked
            return original.noted(f"{instead} failed: {first_sentence(error)}")
        exact = in_batches(original, pictures)
        if own.shape != exact.shape:
            return original.noted(f"{instead} gave answers {own.shape} for {exact.shape}")
        scale = float(np.abs(exact).max()) or 1.0
        off = float(np.abs(comparable(own, self.kind, scale) - comparable(exact, self.kind, scale)).max())
        what = "a share of the largest score" if self.kind == "score" else "a probability"
        said = f"up to {off:.2g} off in {what} on {len(pictures)} images"
        limit = LIMITS[self.precision]
        if not off <= limit:
            return original.noted(f"{instead} in {self.precision} was {said}, and the limit is {limit:g}")
        network = copy.copy(self)
        network.original = original
        network.exact = None if self.exact is None else original
        network.notes = original.notes
        network.run_by = f"{self._by} {self.precision}, {said}"
        return network


_PLACES = re.compile(r"Exception from src/\S+:\d+:\s*")


def one_line(error: BaseException) -> str:
    """Return an error's text as one line, cut between words where too long, without places in OpenVINO."""
    return textwrap.shorten(_PLACES.sub("", str(error)), _LONGEST, placeholder=" ...")


def first_sentence(error: BaseException) -> str:
    """Return how an error's text begins, for a note; its type where it has none."""
    sentences = re.split(r"(?<=\w[.!?]) (?=[A-Z])", " ".join(str(error).split()), maxsplit=1)
    return textwrap.shorten(sentences[0], _LONGEST, placeholder=" ...") or type(error).__name__
