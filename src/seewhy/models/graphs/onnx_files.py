"""ONNX files, and sessions of ONNX Runtime."""

from __future__ import annotations

import ast
import hashlib
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.core.errors import InvalidInput, MissingExtra, ModelError
from seewhy.core.files import check_regular
from seewhy.core.text import shown
from seewhy.models.compiled.assembly import Found, assemble, one_line
from seewhy.models.compiled.openvino_runtime import import_openvino
from seewhy.models.extras import need
from seewhy.models.graphs.graph import (
    GraphRuntime,
    Shape,
    Takes,
    changed,
    chosen_output,
    content_hash,
    fitting,
    preprocessing_for,
    unforkable,
    what_it_takes,
)
from seewhy.models.graphs.onnx_claims import Claims, check_claims, claims_of
from seewhy.models.graphs.openvino_files import graph_model, last_operation, with_one_output
from seewhy.models.last_layer import LastLayer
from seewhy.models.model_files import existing, unreadable
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions

_TYPES = {"float16": np.float16, "float": np.float32, "double": np.float64, "uint8": np.uint8, "int8": np.int8}
_NAMES_OF_CLASSES = ("names", "labels", "classes", "class_names")
"""Entries of a file's metadata that may list its classes."""


@dataclass(frozen=True)
class _File:
    """Where a graph lies."""

    name: str
    content: Path | bytes | None
    """None: it is not known any more."""

    @property
    def fingerprint(self) -> str:
        if self.content is None:
            return f"onnx:{self.name}"
        if isinstance(self.content, bytes):
            return f"onnx:sha256:{hashlib.sha256(self.content).hexdigest()}"
        return f"onnx:sha256:{content_hash(self.content, *external_data(self.content))}"


def load_onnx(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``onnx:FILE``, run by ONNX Runtime and checked against it; by OpenVINO alone where that is missing.

    Raises
    ------
    InvalidInput
        There is no such file, or what the user says does not fit it.
    ModelError
        It cannot be read.
    MissingExtra
        ONNX Runtime is asked for and not installed.
    """
    path = existing(rest)
    file = _File(f"onnx:{path.name}", path)
    _check_claims(path, file.name)
    try:
        runtime = need("onnxruntime", "onnx")
    except MissingExtra:
        if options.runtime == "native" or options.device != "auto":
            raise
        note = f"{file.name} is run by OpenVINO without a check of its scores, because onnxruntime is not installed"
        return graph_model(_read(path, file.name), options, name=file.name, fingerprint=file.fingerprint, notes=(note,))
    provider = _provider(runtime, options.device)
    try:
        session = runtime.InferenceSession(str(path), providers=[provider])
    except Exception as error:
        raise unreadable(file.name, "ONNX", one_line(error)) from error
    return _session_model(session, file, options)


def adapt_onnxruntime(found: object, options: ModelOptions) -> NetworkModel | None:
    """Return the model of an ``onnxruntime.InferenceSession``, run where it runs; None for any other object.

    Raises
    ------
    InvalidInput
        What the user says does not fit it.
    """
    if not isinstance(found, need("onnxruntime", "onnx").InferenceSession):
        return None
    if options.device != "auto":
        raise InvalidInput(
            (f"a session runs where its providers do, so device={options.device!r} has no effect; leave it out"),
            setting="device",
            rule="not be given for a session",
            value=options.device,
        )
    held = vars(found)
    path, data = held.get("_model_path"), held.get("_model_bytes")
    content: Path | bytes | None = data if isinstance(data, bytes) and data else None
    if content is None and path and Path(str(path)).is_file():
        content = Path(str(path))
    name = content.name if isinstance(content, Path) else "session"
    return _session_model(found, _File(f"onnx:{name}", content), options)


def _session_model(session: Any, file: _File, options: ModelOptions) -> NetworkModel:
    options.refuse(
        file.name, "preprocessing", "input_size", "head", "output_name", "labels", "runtime", "precision", "device",
        "batch_size",
    )  # fmt: skip
    takes, sent = _takes(session, options, file.name)
    outputs = session.get_outputs()
    shapes = [_shape(one.shape) for one in outputs]
    chosen, several = chosen_output(shapes, [one.name for one in outputs], file.name, options.output_name)
    preprocessing, assumed = preprocessing_for(takes, options, file.name)
    last, convert = _openvino(file, chosen)
    labels, unread = _labels(session.get_modelmeta().custom_metadata_map, file.name)
    if file.content is None:
        unread += (f"the source of {file.name} is unknown; it is identified by name alone",)
    shape, fingerprint = shapes[chosen], file.fingerprint
    labels, left_out = fitting(labels, shape[1] if shape is not None and len(shape) > 1 else None, last, file.name)

    def asker(session: Any) -> Callable[[Any], Any]:
        return lambda batch: session.run([outputs[chosen].name], {sent: batch})[0]

    def again() -> Callable[[Any], Any]:
        return asker(_session_again(session, file, fingerprint))

    return assemble(
        Found(
            name=file.name,
            fingerprint=fingerprint,
            native=GraphRuntime(asker(session), takes, options.batch_size, again=again),
            preprocessing=preprocessing,
            last=last,
            labels=labels,
            convert=convert if session.get_providers()[0] == "CPUExecutionProvider" else None,
            notes=(*several, *assumed, *unread, *left_out),
        ),
        options,
    )


def _session_again(session: Any, file: _File, fingerprint: str) -> Any:
    """Return a session of the same graph, for a process that was forked."""
    if file.content is None:
        raise unforkable(file.name)
    if file.fingerprint != fingerprint:
        raise changed(file.name)
    content = file.content if isinstance(file.content, bytes) else str(file.content)
    runtime = need("onnxruntime", "onnx")
    return runtime.InferenceSession(content, session.get_session_options(), providers=session.get_providers())


def _takes(session: Any, options: ModelOptions, name: str) -> tuple[Takes, str]:
    """Return what a session takes, and under which name."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs)
        raise InvalidInput(
            f"{name} must take one input, a batch of images; it takes {len(inputs)}: {names}",
            setting="model",
            rule="take one input",
            value=len(inputs),
        )
    (one,) = inputs
    kind = one.type.removeprefix("tensor(").removesuffix(")")
    if kind not in _TYPES:
        raise InvalidInput(
            (f"{name} must take numbers of type {', '.join(_TYPES)}; its input {one.name} has type {one.type}"),
            setting="model",
            rule="take numbers",
            value=one.type,
        )
    return what_it_takes(_shape(one.shape), np.dtype(_TYPES[kind]), options, name), one.name


def _shape(shape: Any) -> Shape | None:
    """Return a shape with None for any length; no shape at all is not known."""
    return [length if isinstance(length, int) and length > 0 else None for length in shape] or None


def _provider(runtime: Any, device: str) -> str | tuple[str, dict[str, str]]:
    kind, _, number = device.partition(":")
    if kind in {"auto", "cpu"} and not number:
        return "CPUExecutionProvider"
    known = runtime.get_available_providers()
    if kind != "cuda" or "CUDAExecutionProvider" not in known:
        there = ", ".join(one.removesuffix("ExecutionProvider") for one in known)
        raise InvalidInput.of("device", f"be cpu, or cuda where ONNX Runtime has it; it has {there} here", device)
    return "CUDAExecutionProvider", {"device_id": number or "0"}


def _openvino(file: _File, chosen: int) -> tuple[LastLayer, Callable[[], Any] | None]:
    """Return what a graph ends with, and what makes an ``openvino.Model`` of it; OpenVINO knows ONNX by itself."""
    content = file.content
    if content is None:
        return "unknown", None

    def convert() -> Any:
        return with_one_output(_read(content, file.name), chosen)

    try:
        return last_operation(_read(content, file.name).output(chosen)), convert
    except ModelError:  # why, is said when it is to be compiled
        return "unknown", convert


def _read(content: Path | bytes, name: str) -> Any:
    try:
        return import_openvino().Core().read_model(content if isinstance(content, bytes) else str(content))
    except Exception as error:
        raise ModelError(
            f"OpenVINO cannot read {name}: {one_line(error)}",
            setting="model",
            rule="be readable by OpenVINO",
            value=name,
        ) from error


def _labels(metadata: dict[str, str], name: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the classes' names out of a file's metadata, a list or a dict by index in text; and a note."""
    entry = next((key for key in _NAMES_OF_CLASSES if key in metadata), None)
    if entry is None:
        return None, ()
    try:
        found = ast.literal_eval(metadata[entry])
        if isinstance(found, dict):
            found = [found[i] if i in found else found[str(i)] for i in range(len(found))]
        if isinstance(found, list | tuple) and found and all(isinstance(label, str) for label in found):
            return tuple(found), ()
    except (ValueError, SyntaxError, KeyError, RecursionError, MemoryError):
        pass
    return None, (f"the metadata of {name} has {entry}, which is not a list of labels; ignoring it",)


def external_data(path: Path) -> list[Path]:
    """Return the files beside an ONNX file in which it keeps numbers, by name."""
    found = {path.parent / place for place in _claims(path).places}
    return sorted(one for one in found if one.is_file() and _is_beside(one, path))


def _claims(path: Path) -> Claims:
    if path.stat().st_size == 0:
        return Claims()
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as view,
    ):
        return claims_of(view)


def _check_claims(path: Path, name: str) -> None:
    """Refuse a file that claims too many numbers, or keeps them in what is no file beside it.

    Raises
    ------
    InvalidInput
        Says what it claims.
    """
    claims = _claims(path)
    check_claims(claims, name)
    for place in sorted(claims.places):
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise InvalidInput(
                f"{name} keeps numbers in {shown(place)}, which is not beside it; save the model again, in one folder",
                setting=name,
                rule="keep its numbers in its folder",
                value=place,
            )
        check_regular(path.parent / place, what=f"{name} keeps numbers in", error=InvalidInput)


def _is_beside(one: Path, path: Path) -> bool:
    return one.resolve().is_relative_to(path.parent.resolve())
