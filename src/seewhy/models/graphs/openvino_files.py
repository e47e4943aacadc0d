"""Models of OpenVINO: files of its own format, and its objects."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.core import memory
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.files import check_regular
from seewhy.models.compiled.assembly import Found, assemble, one_line
from seewhy.models.compiled.openvino_runtime import Network, compiled_again, import_openvino, with_fixed_size
from seewhy.models.graphs.graph import (
    GraphRuntime,
    Layout,
    Shape,
    Takes,
    chosen_output,
    content_hash,
    fitting,
    preprocessing_for,
    unforkable,
    what_it_takes,
)
from seewhy.models.last_layer import LastLayer, last_of
from seewhy.models.model_files import existing, unreadable
from seewhy.models.network import NetworkModel, probe
from seewhy.models.options import GIVE_SIZE, ModelOptions
from seewhy.models.preprocessing import Preprocessing


def load_openvino(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``openvino:FILE.xml``, with the weights in ``FILE.bin`` beside it.

    Raises
    ------
    InvalidInput
        There is no such file, or what the user says does not fit it.
    ModelError
        It cannot be read.
    """
    path = existing(rest)
    if path.suffix != ".xml":
        raise InvalidInput.of("openvino:FILE", "end in .xml, with its weights in .bin beside it", path.name)
    weights = path.with_suffix(".bin")
    if not weights.exists():
        raise InvalidInput(
            f"openvino:{path.name} needs its weights in {weights.name} beside it: no such file",
            setting="model",
            rule="have its weights beside it",
            value=weights.name,
        )
    name = f"openvino:{path.name}"
    check_regular(weights, what="weights", error=InvalidInput)
    memory.check(weights.stat().st_size, f"the weights {weights.name}", InvalidInput)
    try:
        model = import_openvino().Core().read_model(str(path), str(weights))
    except Exception as error:
        raise unreadable(name, "OpenVINO", one_line(error)) from error
    return graph_model(model, options, name=name, fingerprint=f"openvino:sha256:{content_hash(path, weights)}")


def adapt_openvino(found: object, options: ModelOptions) -> NetworkModel | None:
    """Return the model of an ``openvino.Model`` or of a compiled one; None for any other object.

    A model is copied before it is changed. A compiled model is asked as it is, on its own device.
    """
    openvino = import_openvino()
    if isinstance(found, openvino.CompiledModel):
        return _compiled_model(found, options)
    if not isinstance(found, openvino.Model):
        return None
    name = f"openvino:{_friendly(found)}"
    return graph_model(found, options, name=name, fingerprint=f"openvino:sha256:{_digest(found)}")


def graph_model(
    model: Any,
    options: ModelOptions,
    *,
    name: str,
    fingerprint: str,
    labels: tuple[str, ...] | None = None,
    notes: tuple[str, ...] = (),
) -> NetworkModel:
    """Return an ``openvino.Model``, which is left as it is, run by OpenVINO: nothing else can check it."""
    options.refuse(
        name, "preprocessing", "input_size", "head", "output_name", "labels", "runtime", "precision", "batch_size"
    )
    if options.runtime == "native":
        options = options.replace(runtime="auto")  # the same here
    takes = graph_takes(model, options, name)
    chosen, several = graph_output(model, name, options.output_name)
    preprocessing, assumed = preprocessing_for(takes, options, name)
    last = last_operation(model.output(chosen))
    labels, left_out = fitting(labels or _labels(model), _classes(model.output(chosen)), last, name)
    single = with_one_output(model, chosen)
    if preprocessing.size is None:
        raise InvalidInput(
            f"{name} takes images of any size; {GIVE_SIZE}", setting="input_size", rule="be given", value=None
        )
    network = _network(single.clone(), preprocessing, name)
    network.batch_size = options.batch_size or network.batch_size
    found = Found(
        name=name,
        fingerprint=fingerprint,
        native=network,
        preprocessing=preprocessing,
        last=last,
        labels=labels,
        convert=single.clone if options.precision != "f32" else None,
        notes=(*notes, *several, *assumed, *left_out),
    )
    if options.precision == "f32":
        options = options.replace(runtime="auto")  # the original is OpenVINO already
    made = assemble(found, options)
    made.run_by = made.run_by or "OpenVINO f32"
    return made


def _network(model: Any, preprocessing: Preprocessing, name: str) -> Network:
    try:
        return Network(with_fixed_size(model, picture_shape(preprocessing)))
    except Exception as error:
        raise ModelError(
            f"OpenVINO cannot compile {name} for images {preprocessing.size}: {one_line(error)}",
            setting="input_size",
            rule="be a size that the model takes",
            value=preprocessing.size,
        ) from error


def picture_shape(preprocessing: Preprocessing) -> tuple[int, ...]:
    """Return the shape of one prepared picture; the size must be known."""
    height, width = preprocessing.size or (0, 0)
    if preprocessing.layout == "NCHW":
        return preprocessing.channels, height, width
    return height, width, preprocessing.channels


def _compiled_model(compiled: Any, options: ModelOptions) -> NetworkModel:
    """Return a model that somebody has compiled, asked request by request."""
    runs = compiled.get_runtime_model()
    name = f"openvino:{_friendly(runs)}"
    options.refuse(name, "preprocessing", "input_size", "head", "output_name", "labels", "batch_size")
    takes = graph_takes(compiled, options, name)
    chosen, several = graph_output(compiled, name, options.output_name)
    preprocessing, assumed = preprocessing_for(takes, options, name)

    def asker(compiled: Any) -> Callable[[Any], Any]:
        request = compiled.create_infer_request()
        return lambda batch: np.array(request.infer({0: batch})[compiled.output(chosen)])

    def again() -> Callable[[Any], Any]:
        if compiled.get_property("EXECUTION_DEVICES") != ["CPU"]:
            raise unforkable(name)
        return asker(compiled_again(compiled))

    native = GraphRuntime(asker(compiled), takes, options.batch_size, again=again)
    answers = probe(native, preprocessing, name)
    found = Found(
        name=name,
        # What it exports differs each time, so it is known by what it answers.
        fingerprint=f"openvino:{name}:answers:{hashlib.sha256(answers.tobytes()).hexdigest()}",
        native=native,
        preprocessing=preprocessing,
        last=last_operation(runs.output(chosen)),
        notes=(*several, *assumed),
    )
    made = assemble(found, options)
    made.run_by = "OpenVINO, as it was compiled"
    return made


def graph_takes(model: Any, options: ModelOptions, name: str) -> Takes:
    """Read the one input of an ``openvino.Model`` or a compiled one.

    Raises
    ------
    InvalidInput
        It has several, or one that is no batch of pictures.
    """
    if len(model.inputs) != 1:
        names = ", ".join(_name(port, i) for i, port in enumerate(model.inputs))
        raise InvalidInput(
            f"{name} must take one input, a batch of images; it takes {len(model.inputs)}: {names}",
            setting="model",
            rule="take one input",
            value=len(model.inputs),
        )
    port = model.input(0)
    kind = np.dtype(port.element_type.to_dtype())
    return what_it_takes(_shape(port), kind, options, name, _stated_layout(port))


def graph_output(model: Any, name: str, wanted: str | None) -> tuple[int, tuple[str, ...]]:
    """Return which output of an ``openvino.Model`` is read; see :func:`seewhy.models.graphs.graph.chosen_output`."""
    names = [_name(port, i) for i, port in enumerate(model.outputs)]
    for i, port in enumerate(model.outputs):
        if wanted is not None and wanted in port.get_names():  # a port may have several
            names[i] = wanted
    return chosen_output([_shape(port) for port in model.outputs], names, name, wanted)


def with_one_output(model: Any, chosen: int) -> Any:
    """Return an ``openvino.Model`` with that output alone."""
    if len(model.outputs) == 1:
        return model
    results = [model.outputs[chosen].node]
    return import_openvino().Model(results, model.get_parameters(), _friendly(model))


def last_operation(output: Any) -> LastLayer:
    """Say what an output of an ``openvino.Model`` ends with, behind whatever leaves numbers as they are."""
    node = output.node
    return last_of(_before(node) if node.get_type_name() == "Result" else node, _operation, _before)


def _before(node: Any) -> Any:
    return node.input_value(0).get_node() if node.get_input_size() else None


def _operation(node: Any) -> str:
    """Return what a node does; in a compiled model what it was made of, in which a sigmoid may be hidden."""
    kind = str(node.get_type_name())
    if kind == "ExecutionNode":
        return str(node.get_rt_info()["layerType"].value)
    if kind in {"Multiply", "Subtract"} and _of_integers(node):
        return "Dequantize"
    if kind == "Add" and _before(node).get_type_name() == "MatMul":
        return "Linear"
    return kind


def _of_integers(node: Any) -> bool:
    """Whether a node makes numbers of the integers that stand for them: a conversion, less a zero, by a scale."""
    node = _before(node)
    if node is not None and node.get_type_name() == "Subtract":
        node = _before(node)
    return (
        node is not None
        and node.get_type_name() == "Convert"
        and bool(node.input(0).get_element_type().is_integral_number())
    )


def _stated_layout(port: Any) -> Layout | None:
    """Return the layout that a model states for its input, if it does."""
    text = str(getattr(port.node, "layout", "")).replace(",", "").strip("[]")
    stated: dict[str, Layout] = {"NCHW": "NCHW", "NHWC": "NHWC"}
    return stated.get(text)


def _shape(port: Any) -> Shape | None:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    return [None if length.is_dynamic else length.get_length() for length in shape]


def _classes(port: Any) -> int | None:
    shape = _shape(port)
    return None if shape is None or len(shape) < 2 else shape[1]


def _name(port: Any, place: int) -> str:
    return str(min(port.get_names(), default=f"number {place}"))


def _friendly(model: Any) -> str:
    return str(model.get_friendly_name() or "model")


def _labels(model: Any) -> tuple[str, ...] | None:
    """Return the labels as OpenVINO's Model API writes them: between spaces, with _ for a space."""
    place = ["model_info", "labels"]
    if not model.has_rt_info(place):
        return None
    text = str(model.get_rt_info(place).astype(str))
    return tuple(label.replace("_", " ") for label in text.split()) or None


def _digest(model: Any) -> str:
    """Return a hash of a model's graph and weights as they would be saved, without names, which count up."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        import_openvino().save_model(model, str(path), compress_to_fp16=False)
        graph = re.sub(rb"<rt_info>.*?</rt_info>", b"", path.read_bytes(), flags=re.DOTALL)
        path.write_bytes(re.sub(rb' names?="[^"]*"', b"", graph))
        return content_hash(path, path.with_suffix(".bin"))
