"""Files of TensorFlow Lite, run by LiteRT: networks of floats, and quantized ones."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core import forks
from seewhy.core.errors import InvalidInput
from seewhy.models import imagenet
from seewhy.models.compiled.assembly import Found, assemble, one_line
from seewhy.models.compiled.openvino_runtime import import_openvino
from seewhy.models.extras import need
from seewhy.models.graphs.graph import (
    GraphRuntime,
    Shape,
    Takes,
    cast_to,
    changed,
    chosen_output,
    content_hash,
    fitting,
    preprocessing_for,
    what_it_takes,
)
from seewhy.models.graphs.openvino_files import last_operation
from seewhy.models.last_layer import LastLayer, last_of
from seewhy.models.model_files import check_numbers, existing, unreadable
from seewhy.models.network import NetworkModel
from seewhy.models.options import GIVE_SIZE, ModelOptions
from seewhy.models.preprocessing import Preprocessing

_MOST_LABELS = 1_000_000
"""Bytes of a file of labels; a larger one is something else."""


@dataclass(frozen=True)
class Quantized:
    """How a tensor's numbers are stored: ``round(number / scale) + zero``; floats are stored as they are."""

    type: np.dtype[Any]
    scale: float
    zero: int

    @classmethod
    def of(cls, details: dict[str, Any]) -> Quantized:
        """Read it from what LiteRT says about a tensor; integers without a scale are plain numbers."""
        scale, zero = details["quantization"]
        return cls(np.dtype(details["dtype"]), float(scale) or 1.0, int(zero))

    @property
    def whole(self) -> bool:
        """Whether integers are stored."""
        return self.type.kind in "iu"

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest number that can be stored."""
        kind = np.iinfo(self.type)
        return (kind.min - self.zero) * self.scale, (kind.max - self.zero) * self.scale

    def store(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Return numbers as they are stored; what is beyond the ends becomes the end."""
        return cast_to(self.type, np.rint(numbers / np.float32(self.scale)) + self.zero if self.whole else numbers)

    def restore(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers that are stored."""
        return (stored.astype(np.float32) - self.zero) * np.float32(self.scale) if self.whole else stored


def load_tflite(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``tflite:FILE``.

    A network that takes 8-bit integers gets the photo's 0..255 in their whole range unless ``preprocessing`` is given,
    which then makes the numbers that the integers stand for. A network that takes floats does not tell their range, so
    ``preprocessing`` must. Of 1001 classes the first is ImageNet's background.

    Raises
    ------
    InvalidInput
        There is no such file, or what the user says does not fit it.
    ModelError
        LiteRT cannot read or run it.
    """
    path = existing(rest)
    name = f"tflite:{path.name}"
    options.refuse(
        name, "preprocessing", "input_size", "head", "output_name", "labels", "runtime", "precision", "batch_size"
    )  # it runs on the CPU alone
    interpreter = _opened(path, name)
    taken, given, takes, several = _read(interpreter, options, name)
    stored, answers = Quantized.of(taken), Quantized.of(given)
    own, assumed = _own(stored, takes, name)
    preprocessing, sized = preprocessing_for(takes, options, name, own)
    if preprocessing.size is None:
        raise InvalidInput(
            f"{name} takes images of any size; {GIVE_SIZE}", setting="input_size", rule="be given", value=None
        )
    cut = _fits(preprocessing, stored, name)
    last = _last_layer(path, int(given["position"]))
    labels, said = _labels(path, int(given["shape"][-1]), last, name, given=options.labels is not None)
    content = content_hash(path)

    def again() -> Callable[[Any], Any]:
        if content_hash(path) != content:
            raise changed(name)
        ask: Callable[[Any], Any] = _asker(_opened(path, name), taken, given)
        return ask

    found = Found(
        name=name,
        fingerprint=f"tflite:sha256:{content}",
        native=GraphRuntime(_asker(interpreter, taken, given), takes, options.batch_size, again=again),
        preprocessing=preprocessing,
        last=last,
        labels=labels,
        convert=lambda: _converted(path, stored, answers, int(given["position"])),
        notes=(*several, *(assumed if options.preprocessing is None else ()), *sized, *cut, *said),
    )
    return assemble(found, options)


def _opened(path: Path, name: str) -> Any:
    litert = need("ai_edge_litert.interpreter", "tflite")
    try:
        found = litert.Interpreter(model_path=str(path), num_threads=os.cpu_count())
        tensors = [(one["shape"], np.dtype(one["dtype"]).itemsize) for one in found.get_tensor_details()]
        whole = sum(math.prod(int(length) for length in shape) * size for shape, size in tensors)
        check_numbers((), whole, f"the numbers of {name}")
        found.allocate_tensors()
    except InvalidInput:
        raise
    except Exception as error:
        raise unreadable(name, "TensorFlow Lite", one_line(error)) from error
    return found


def _read(
    interpreter: Any, options: ModelOptions, name: str
) -> tuple[dict[str, Any], dict[str, Any], Takes, tuple[str, ...]]:
    """Return the input and the output that count, what the input takes, and a note if there are several outputs."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1:
        names = ", ".join(one["name"] for one in inputs)
        raise InvalidInput(
            f"{name} must take one input, a batch of images; it takes {len(inputs)}: {names}",
            setting="model",
            rule="take one input",
            value=len(inputs),
        )
    given = [one["name"] for one in outputs]
    chosen, several = chosen_output([_shape(one) for one in outputs], given, name, options.output_name)
    # Integers stand for numbers, and these are what is prepared.
    takes = what_it_takes(_shape(inputs[0]), np.dtype(np.float32), options, name)
    return inputs[0], outputs[chosen] | {"position": chosen}, takes, several


def _shape(details: dict[str, Any]) -> Shape:
    lengths = details["shape_signature"] if len(details["shape_signature"]) else details["shape"]
    return [None if length < 0 else int(length) for length in lengths]


def _own(stored: Quantized, takes: Takes, name: str) -> tuple[Preprocessing | None, tuple[str, ...]]:
    """Return the preprocessing that fills the whole range of 8-bit integers, with a note; None for floats."""
    if stored.type not in {np.dtype(np.uint8), np.dtype(np.int8)}:
        return None, ()
    low, high = stored.ends
    gray = takes.channels == 1
    own = Preprocessing(
        size=takes.fixed, scale=high - low, mean=(0 - low,), layout=takes.layout, order="gray" if gray else "RGB"
    )
    kind = np.iinfo(stored.type)
    note = (
        f"{name} takes {stored.type}, so 0..255 of the photo ({own.order}) becomes "
        f"{kind.min}..{kind.max}, which stands "
        f"for {low:.4g}..{high:.4g}; set preprocessing if the model needs another range"
    )
    return own, (note,)


def _fits(preprocessing: Preprocessing, stored: Quantized, name: str) -> tuple[str, ...]:
    """Refuse numbers that integers cannot hold; note what is cut off at the ends.

    Raises
    ------
    InvalidInput
        More than a tenth of what preprocessing makes is beyond the ends, or it fills less than a tenth of them.
    """
    if not stored.whole:
        return ()
    low, high = preprocessing.ends
    first, last = stored.ends
    within = min(high, last) - max(low, first)
    if within < 0.9 * (high - low) or within < 0.1 * (last - first):
        raise InvalidInput(
            (
                f"{name} takes {stored.type} for {first:.4g}..{last:.4g}, but preprocessing produces "
                f"{low:.4g}..{high:.4g}; give a preprocessing of that range, or none"
            ),
            setting="preprocessing",
            rule=f"produce {first:.4g}..{last:.4g}",
            value=(low, high),
        )
    if first - low > stored.scale or high - last > stored.scale:
        return (f"{name}: preprocessing gives {low:.4g}..{high:.4g}, clipped to {first:.4g}..{last:.4g}",)
    return ()


def _asker(interpreter: Any, taken: dict[str, Any], given: dict[str, Any]) -> Any:
    """Return what asks the one interpreter about a batch of numbers; it is resized when the batch's size changes."""
    stored, answers, one_at_a_time = Quantized.of(taken), Quantized.of(given), forks.Lock()
    now = tuple(int(length) for length in taken["shape"])

    def ask(batch: NDArray[Any]) -> NDArray[Any]:
        nonlocal now
        with one_at_a_time:
            if batch.shape != now:
                interpreter.resize_tensor_input(taken["index"], batch.shape)
                interpreter.allocate_tensors()
                now = batch.shape
            interpreter.set_tensor(taken["index"], stored.store(batch))
            interpreter.invoke()
            return answers.restore(interpreter.get_tensor(given["index"]))

    return ask


def _last_layer(path: Path, position: int) -> LastLayer:
    """Say what an output ends with, by the file's own operators; as OpenVINO reads them, where LiteRT does not say."""
    with suppress(Exception):  # not a documented call
        fresh = need("ai_edge_litert.interpreter", "tflite").Interpreter(model_path=str(path))  # nothing merged yet
        makers = {int(made): one for one in fresh._get_ops_details() for made in one["outputs"]}  # noqa: SLF001
        return last_of(
            makers.get(int(fresh.get_output_details()[position]["index"])),
            lambda one: str(one["op_name"]),
            lambda one: makers.get(int(one["inputs"][0])),
        )
    try:
        return last_operation(import_openvino().Core().read_model(str(path)).output(position))
    except Exception:  # noqa: BLE001  # what OpenVINO cannot read is still run by LiteRT
        return "unknown"


def _labels(
    path: Path, classes: int, last: LastLayer, name: str, *, given: bool
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Return the labels in the file's metadata, else ImageNet's with its background for 1001 classes, with notes."""
    if given:
        return None, ()
    if (inside := _labels_inside(path)) is not None:
        return fitting(inside, classes, last, name)
    found = imagenet.labels_for(classes)
    if found[0] == imagenet.BACKGROUND:
        return found, (f"{name} has {classes} classes; treating them as ImageNet's after a background class 0",)
    return None, ()


def _labels_inside(path: Path) -> tuple[str, ...] | None:
    """Return the lines of the first text that is packed behind the network, as its metadata has it."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as packed:
        texts = [one for one in packed.infolist() if one.filename.endswith(".txt") and one.file_size < _MOST_LABELS]
        lines = packed.read(texts[0]).decode("utf-8-sig", "replace").splitlines() if texts else []
    return tuple(line.strip() for line in lines if line.strip()) or None


def _converted(path: Path, stored: Quantized, answers: Quantized, position: int) -> Any:
    """Return an ``openvino.Model`` from numbers to numbers; OpenVINO leaves integers to its caller."""
    openvino = import_openvino()
    model = openvino.Core().read_model(str(path))
    ops = openvino.opset13
    result = model.output(position).node
    numbers = result.input_value(0)
    if answers.whole:
        apart = ops.subtract(ops.convert(numbers, "f32"), ops.constant(np.float32(answers.zero)))
        numbers = ops.multiply(apart, ops.constant(np.float32(answers.scale))).output(0)
    taken = model.get_parameters()[0]
    if stored.whole:
        kind = np.iinfo(stored.type)
        floats = ops.parameter(taken.get_partial_shape(), np.float32, name=taken.get_friendly_name())
        parts = ops.round(ops.divide(floats, ops.constant(np.float32(stored.scale))), "half_to_even")
        whole = ops.clamp(ops.add(parts, ops.constant(np.float32(stored.zero))), kind.min, kind.max)
        integers = ops.convert(whole, f"{stored.type.kind}{8 * stored.type.itemsize}").output(0)
        for reader in taken.output(0).get_target_inputs():
            reader.replace_source_output(integers)
        taken = floats
    return openvino.Model([ops.result(numbers)], [taken], path.stem)
