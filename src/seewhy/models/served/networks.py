"""Models behind a server: where they are, what their metadata says, and how batches become requests."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from seewhy.core import memory
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.masking import masked
from seewhy.core.text import Words, shown
from seewhy.core.types import Batch, Scores
from seewhy.engine.traits import ModelTraits
from seewhy.models.compiled.assembly import Found, assemble
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.served.http_bodies import name_of
from seewhy.models.served.http_environment import checked_address
from seewhy.models.served.http_requests import Request, Server, ServerAnswer
from seewhy.models.served.tensors import TensorSpec, listed

_USUAL_BATCH = 16
_COPIES = 4
"""Copies of a batch that are held at once: masked images, prepared ones, and requests on their way."""

Layout = Literal["NCHW", "NHWC"]


@dataclass(frozen=True)
class Place:
    """Where a model is served, and what its text says beyond the address."""

    prefix: str
    url: str
    """Of the model, with its version if one is asked for."""
    root: str
    """Of the server: what stands before the protocol's own path."""
    name: str
    wanted: dict[str, str]
    """What stands behind ``#``: which of several things is meant."""

    @classmethod
    def of(cls, prefix: str, text: str, path: str, form: str, choices: Sequence[str]) -> Place:
        """Read ``URL#choice=value``; ``path`` is a pattern of the URL's end, with the group ``name``.

        Raises
        ------
        InvalidInput
            It is no such text.
        """
        url, _, fragment = text.partition("#")
        checked_address(url)
        url = url.rstrip("/")
        match = re.search(f"(?<=[^/]){path}$", url)
        if match is None:
            raise InvalidInput(
                f"the model must be {prefix}:{form}, got {prefix}:{shown(url)[1:-1]}",
                setting="model",
                rule=f"be {prefix}:{form}",
                value=url,
            )
        wanted = dict(parse_qsl(fragment, keep_blank_values=True))
        for key, value in wanted.items():
            if key not in choices or not value:
                known = " and ".join(f"{choice}=NAME" for choice in choices)
                given = f"{name_of(key)}=..."  # what somebody puts there may be secret
                raise InvalidInput.of("the part of the model name after #", f"be {known}", given)
        if fragment and not wanted:
            raise InvalidInput(
                "the part of the model name after # must be NAME=VALUE", setting="model", rule="have NAME=VALUE after #"
            )
        return cls(prefix, url, url[: match.start()], match["name"], wanted)


class Dialect(Protocol):
    """How a protocol writes pictures and reads numbers."""

    def request(self, pictures: NDArray[Any]) -> Request:
        """Return the request for pictures in the input's type."""

    def numbers(self, answer: ServerAnswer) -> NDArray[Any]:
        """Return the chosen output of an answer, one row a picture if all is well."""


class ServedRuntime:
    """Sends batches to a server, several requests at a time.

    Parameters
    ----------
    server, dialect
        What is asked, and how.
    number
        Type of the input's numbers.
    batch_size
        Pictures a batch at best.
    most
        Pictures of a request at most; None: any number. Larger batches are cut.
    fixed
        Whether every request must hold exactly ``most``; a short one is filled up with zeros.
    """

    in_flight = 1  # a batch has been copied into requests before the next one is taken
    traits = ModelTraits(remote=True)

    def __init__(
        self,
        server: Server,
        dialect: Dialect,
        number: np.dtype[Any],
        *,
        batch_size: int,
        most: int | None,
        fixed: bool,
    ) -> None:
        self._server = server
        self._dialect = dialect
        self._number = number
        self.batch_size: int | None = batch_size
        self._most = most
        self._fixed = fixed

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield the numbers (B, N), float32, for each batch, in order.

        Raises
        ------
        InvalidInput
            The input's type cannot hold the prepared pictures.
        ModelError
            A request failed, or its answer is not one row of finite numbers a picture.
        """
        got: list[Scores] = []
        with closing(self._server.in_order(self._requests(batches))) as answers:
            for answer, (pictures, last) in answers:
                got.append(self._rows(answer, pictures))
                if last:
                    yield got[0] if len(got) == 1 else self._joined(answer, got)
                    got = []

    def _requests(self, batches: Iterable[Batch]) -> Iterator[tuple[Request, tuple[int, bool]]]:
        """Yield each request with the pictures it is about, and whether its batch ends there."""
        for batch in batches:
            step = self._most or len(batch)
            for start in range(0, len(batch), step):
                part = self._cast(batch[start : start + step])
                n = len(part)
                if self._fixed and n < step:
                    part = np.concatenate([part, np.zeros((step - n, *part.shape[1:]), part.dtype)])
                yield self._dialect.request(part), (n, start + step >= len(batch))

    def _cast(self, pictures: Batch) -> NDArray[Any]:
        if self._number.kind == "f":
            return pictures.astype(self._number, copy=False)
        whole, ends = np.rint(pictures), np.iinfo(self._number)
        low, high = float(whole.min()), float(whole.max())
        if low < ends.min or high > ends.max:
            raise InvalidInput(
                (
                    f"prepared images must fit {self._number}, {ends.min} to {ends.max}, got {low:g} to "
                    f"{high:g}; the preprocessing does not suit the model"
                ),
                setting="preprocessing",
                rule=f"produce {ends.min} to {ends.max}",
                value=(low, high),
            )
        return whole.astype(self._number)

    def _rows(self, answer: ServerAnswer, pictures: int) -> Scores:
        found = self._dialect.numbers(answer)
        sent = self._most if self._fixed else pictures
        if found.ndim == 0 or len(found) != sent or found.size == 0 or any(n > 1 for n in found.shape[2:]):
            raise self._malformed(answer, f"one row of numbers for each of {sent} images, got shape {found.shape}")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused below
            rows = np.array(found.reshape(len(found), -1)[:pictures], np.float32)
        bad = np.argwhere(~np.isfinite(rows))
        if len(bad):
            row, column = (int(i) for i in bad[0])
            what = f"finite numbers, got {rows[row, column]} at image {row}, output {column}"
            raise self._malformed(answer, what)
        return rows

    def _joined(self, answer: ServerAnswer, got: list[Scores]) -> Scores:
        columns = {rows.shape[1] for rows in got}
        if len(columns) > 1:
            raise self._malformed(answer, f"the same number of outputs each time, got {sorted(columns)}")
        return np.concatenate(got)

    def _malformed(self, answer: ServerAnswer, rule_and_value: str) -> ModelError:
        return self._server.malformed(answer.request, rule_and_value)


@dataclass(frozen=True)
class Served:
    """What a protocol found out about a model."""

    place: Place
    server: Server
    dialect: Dialect
    input: TensorSpec
    number: np.dtype[Any]
    """Type of the input's numbers."""
    version: str
    metadata: object
    notes: tuple[str, ...] = ()
    most: int | None = None
    """Pictures of a request at most, where the server says so beside the shape."""

    def model(self, options: ModelOptions) -> NetworkModel:
        """Return the model.

        Raises
        ------
        InvalidInput
            What was said about it does not fit its metadata.
        ModelError
            It fails on pictures of its size.
        """
        place = self.place
        options.refuse(
            place.name, "preprocessing", "input_size", "head", "output_name", "labels", "batch_size", "runtime"
        )
        preprocessing = fitting(options, self.input, place.name)
        size = _size_of(self.input, preprocessing.layout)
        notes = [f"{place.name} runs at {place.url}; a server may change its model without notice"]
        if self.number.kind in "iu":
            notes.append(f"{place.name} takes {self.input.datatype}, so images were rounded to whole numbers")
            _check_steps(preprocessing, self.input, place.name)
        notes += [*options.sized_by_name(place.name, None if -1 in size else size), *self.notes]
        digest = hashlib.sha256(json.dumps(self.metadata, sort_keys=True).encode("utf-8", "replace")).hexdigest()
        found = Found(
            name=place.name,
            fingerprint=f"{place.prefix}:{place.url} {place.wanted} version:{self.version} metadata:sha256:{digest}",
            native=self._runtime(options.batch_size, preprocessing),
            preprocessing=preprocessing,
            notes=tuple(map(masked, notes)),
        )
        model = assemble(found, options)
        model.run_by = f"its server, {place.url}"
        return model

    def _runtime(self, wanted: int | None, preprocessing: Preprocessing) -> ServedRuntime:
        """Return what asks the server, in batches that memory holds whatever its metadata states.

        Raises
        ------
        ModelError
            A single batch would take too much.
        """
        fixed = self.input.shape[0] > 0
        limits = [n for n in (self.input.shape[0] if fixed else self.most, None if fixed else wanted) if n]
        most = min(limits, default=None)
        height, width = preprocessing.size or (1, 1)
        picture = _COPIES * preprocessing.channels * height * width * max(4, self.number.itemsize)
        usual = wanted or max(1, min(_USUAL_BATCH, memory.most() // max(1, picture)))
        size = min(usual, most or usual)
        sent = self.input.shape[0] if fixed else size
        what = f"a batch of {sent} model inputs of {height} x {width}, as {self.place.name} takes them,"
        memory.check(picture * sent, what, ModelError)
        return ServedRuntime(self.server, self.dialect, self.number, batch_size=size, most=most, fixed=fixed)


def fitting(options: ModelOptions, tensor: TensorSpec, name: str) -> Preprocessing:
    """Return the preprocessing that was asked for, in the layout and size that the input states.

    Raises
    ------
    InvalidInput
        None was asked for, or it does not fit the input; or nothing tells where channels stand.
    """
    stated, said = _layout_of(tensor), _said_layout(options.preprocessing)
    layout = stated or said
    if options.preprocessing is not None and layout is None:
        raise InvalidInput(
            f"{name} does not declare the channel axis of {tensor}; give it as preprocessing.layout",
            setting="preprocessing.layout",
            rule="be given",
            value=str(tensor),
        )
    size = _size_of(tensor, layout or "NCHW")
    whole = None if -1 in size else size
    own = options.preprocessing_of(None, layout or "NCHW", name, whole)
    if stated is not None and own.layout != stated:
        raise InvalidInput.of("preprocessing.layout", f"be {stated} for {tensor} of {name}", own.layout)
    channels = tensor.shape[1 if own.layout == "NCHW" else 3]
    if channels not in {-1, own.channels}:
        said_as = "order='gray'" if channels == 1 else "order='RGB' or 'BGR'"
        raise InvalidInput(
            f"preprocessing must produce {channels} channels for {tensor} of {name}: {said_as}",
            setting="preprocessing",
            rule=f"produce {channels} channels",
            value=said_as,
        )
    if whole is not None and own.size is None:
        own = own.resized(whole)
    if own.size is not None and any(wanted not in {-1, got} for wanted, got in zip(size, own.size, strict=True)):
        raise InvalidInput.of("input_size", f"be {size} for {tensor} of {name}", own.size)
    return own


def _size_of(tensor: TensorSpec, layout: Layout) -> tuple[int, int]:
    """Return height and width of the pictures, -1 where any length is taken."""
    first = 2 if layout == "NCHW" else 1
    return tensor.shape[first], tensor.shape[first + 1]


def _layout_of(tensor: TensorSpec) -> Layout | None:
    """Say where channels stand: where there are 3 or 1 of them; None if that holds of both places, or of none."""
    first, last = tensor.shape[1] in {1, 3}, tensor.shape[3] in {1, 3}
    if first == last:
        return None
    return "NCHW" if first else "NHWC"


def _said_layout(given: object) -> Layout | None:
    if isinstance(given, dict):
        return given.get("layout")
    return given.layout if isinstance(given, Preprocessing) else None


def _check_steps(preprocessing: Preprocessing, tensor: TensorSpec, name: str) -> None:
    steps = preprocessing.scale / max(preprocessing.std)
    if steps < 2:
        raise InvalidInput(
            (
                f"preprocessing must produce whole numbers for {tensor} of {name}, such as 0..255; a "
                f"channel would have only {steps:.2g} steps from black to white"
            ),
            setting="preprocessing",
            rule="produce whole numbers",
            value=steps,
        )


def only_input(tensors: Sequence[TensorSpec], numbers: dict[str, str], name: str) -> tuple[TensorSpec, np.dtype[Any]]:
    """Return the one input, and the numpy type of its numbers; ``numbers`` has its datatypes.

    Raises
    ------
    InvalidInput
        There is not exactly one, or it does not take pictures as numbers.
    """
    if len(tensors) != 1:
        has = f"it has {len(tensors)}: {listed(tensors)}" if tensors else "its metadata names none; declare it there"
        raise InvalidInput(
            f"{name} must have one input, a batch of images; {has}", setting="model", rule="have one input", value=has
        )
    tensor = tensors[0]
    if tensor.datatype not in numbers:
        raise InvalidInput.of(f"the input of {name}", f"be of type {', '.join(numbers)}", Words(listed([tensor])))
    if len(tensor.shape) != 4:
        raise InvalidInput.of(
            f"the input of {name}", "be a batch of images, with 4 dimensions", Words(listed([tensor]))
        )
    return tensor, np.dtype(numbers[tensor.datatype])


def chosen_output(tensors: Sequence[TensorSpec], place: Place, options: ModelOptions) -> str | None:
    """Return the name of the output that is meant; None if metadata names none.

    Raises
    ------
    InvalidInput
        There are several and none was chosen, or the chosen one is not among them; or two were chosen.
    """
    wanted, names = place.wanted.get("output", options.output_name), [tensor.name for tensor in tensors]
    if options.output_name not in {None, wanted}:
        raise InvalidInput(
            f"output_name={options.output_name} and #output={wanted} of {place.name} must agree",
            setting="output_name",
            rule="agree with #output",
            value=options.output_name,
        )
    if wanted is not None:
        if names and wanted not in names:
            raise InvalidInput.of("output", f"be one of {listed(tensors)} of {place.name}", name_of(wanted))
        return wanted
    if len(names) > 1:
        raise InvalidInput(
            (
                f"{place.name} has {len(names)} outputs, {listed(tensors)}; choose one with output_name, "
                f"or {place.prefix}:{place.url}#output={name_of(names[0])}"
            ),
            setting="output_name",
            rule="be given",
            value=None,
        )
    return names[0] if names else None
