"""Files of torch that hold a network with its code: TorchScript and exported programs. Nothing is unpickled."""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models.answers import Reader, arrays
from seewhy.models.compiled.assembly import one_line
from seewhy.models.compiled.openvino_runtime import import_openvino
from seewhy.models.extras import need
from seewhy.models.graphs.graph import Shape, Takes, content_hash, preprocessing_for, what_it_takes
from seewhy.models.graphs.openvino_files import with_one_output
from seewhy.models.last_layer import LastLayer, ending, last_of
from seewhy.models.model_files import existing, members, unreadable
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.torch.modules import module_model

_FORMULA = re.compile(r"([A-Z][A-Za-z]*|'[a-z]+\d+'|[a-z]+=(True|False)|-?\d+(\.\d+)?|[(), ])*")
"""Lengths of axes as sympy writes them: functions, symbols and numbers, and nothing else that could be called."""
_RATHER = "save the network with torch.export.save or torch.jit.save, or pass the module itself from Python"


def load_torchscript(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``torchscript:FILE``, written by ``torch.jit.save``.

    Raises
    ------
    InvalidInput
        There is no such file, or it holds a pickled module or bare weights; or nothing says how a photo must be
        prepared for it.
    ModelError
        It cannot be read.
    """
    torch = need("torch", "torch")
    path = existing(rest)
    name = f"torchscript:{path.name}"
    inside = _members(path, name, "torch.jit.save")
    if not any("/code/" in member for member in inside):
        raise InvalidInput(_refused(name, inside, "torch.jit.save"), setting="model", rule="be TorchScript", value=name)
    module = _quietly(lambda: torch.jit.load(str(path), map_location="cpu"), name)
    last = ending([part.original_name for part in module.modules()][-1])
    fingerprint = f"torchscript:sha256:{content_hash(path)}"
    return module_model(module, options, name=name, own=None, fingerprint=fingerprint, last=last)


def load_torchexport(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``torchexport:FILE``, written by ``torch.export.save``.

    Raises
    ------
    InvalidInput
        There is no such file, or it holds a pickled module, bare weights, or pickled parts; or nothing says how a
        photo must be prepared for it.
    ModelError
        It cannot be read.
    """
    torch = need("torch", "torch")
    path = existing(rest)
    name = f"torchexport:{path.name}"
    inside = _members(path, name, "torch.export.save")
    if not any(member.endswith("/archive_format") for member in inside):
        raise InvalidInput(
            _refused(name, inside, "torch.export.save"), setting="model", rule="be an exported program", value=name
        )
    program = _quietly(lambda: torch.export.load(_without_pickles(path, name)), name)
    module = program.module(check_guards=False)  # guards are code in the file; sizes are checked below
    shape = _only_input(module, name)
    takes = what_it_takes(shape, np.dtype(np.float32), options, name, "NCHW")
    preprocessing, sized = preprocessing_for(takes, options, name)
    return module_model(
        module if takes.batch is None else _in_parts(module, takes.batch),
        options.replace(preprocessing=preprocessing, input_size=None),
        name=name,
        own=None,
        notes=sized,
        fingerprint=f"torchexport:sha256:{content_hash(path)}",
        last=_last_call(module) if options.output_name is None else "unknown",
        convert=lambda: _converted(program, module, _shape(takes, preprocessing), options.output_name),
    )


def _shape(takes: Takes, preprocessing: Preprocessing) -> tuple[int, ...]:
    return (takes.batch or -1, preprocessing.channels, *(preprocessing.size or (-1, -1)))


def _converted(program: Any, module: Any, shape: tuple[int, ...], output_name: str | None) -> Any:
    """Return an ``openvino.Model`` of an exported program: it cannot be traced as other modules are."""
    torch, openvino = need("torch", "torch"), import_openvino()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = openvino.convert_model(program)
    model.reshape(shape)  # OpenVINO forgets which lengths are fixed
    if len(model.outputs) == 1:
        return model
    with torch.no_grad():
        answer = module(torch.zeros(2 if shape[0] < 0 else shape[0], *shape[1:]))
    read = Reader(output_name)(answer)
    return with_one_output(model, next(i for i, part in enumerate(arrays(answer).values()) if part is read))


def _members(path: Path, name: str, writer: str) -> list[str]:
    """Return the names in an archive."""
    try:
        return members(path, name)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        rule = f"must be a whole file of {writer}: {one_line(error)}"
        raise ModelError(
            f"{name} {rule}. If it is from torch.save, it is a pickle, which seewhy never reads; {_RATHER}",
            setting=name,
            rule=f"be a whole file of {writer}",
        ) from error


def _refused(name: str, inside: list[str], writer: str) -> str:
    """Say what else a file is, and what to do."""
    if any("/code/" in member for member in inside):
        return f"{name} is a file of torch.jit.save; load it as torchscript:FILE"
    if any(member.endswith("/archive_format") for member in inside):
        return f"{name} is a file of torch.export.save; load it as torchexport:FILE"
    if any(member.endswith("data.pkl") for member in inside):
        return (
            f"{name} is a pickle of torch.save, a module or weights alone. seewhy never reads a pickle, "
            "because that runs "
            f"the code in it: {_RATHER}"
        )
    return f"{name} must be a file of {writer}; it is another archive"


def _quietly(load: Callable[[], Any], name: str) -> Any:
    """Load without torch's word that its format is an old one: the file is as it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            return load()
    except InvalidInput:
        raise
    except Exception as error:
        raise unreadable(name, "torch", one_line(error)) from error


def _without_pickles(path: Path, name: str) -> io.BytesIO:
    """Return an exported program without its sample inputs, the one pickle that every such file has.

    Raises
    ------
    InvalidInput
        Other parts of it are pickled, or compiled for another machine.
    """
    kept = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(kept, "w", zipfile.ZIP_STORED) as copy:
        for member in archive.namelist():
            content = archive.read(member)
            if "/data/sample_inputs/" in member:
                content = b""
            elif not _harmless(member, content):
                part = member.partition("/")[2]
                raise InvalidInput(
                    f"{name} contains pickled objects or code in {part}, which seewhy never reads; {_RATHER}",
                    setting="model",
                    rule="contain no pickled objects",
                    value=part,
                )
            copy.writestr(member, content)
    kept.seek(0)
    return kept


def _harmless(member: str, content: bytes) -> bool:
    """Whether nothing in a part of an exported program is unpickled or evaluated when it is loaded."""
    inside = member.partition("/")[2]
    if inside.startswith("data/aotinductor/"):
        return False
    if inside.startswith(("data/weights/", "data/constants/")):
        if not inside.endswith("_config.json"):
            return inside.rpartition("/")[2].startswith(("weight_", "tensor_"))
        parts = json.loads(content)["config"].values()
        return all(not part["use_pickle"] and part["path_name"].startswith(("weight_", "tensor_")) for part in parts)
    if inside.startswith("models/"):
        return all(isinstance(one, str) and _FORMULA.fullmatch(one) for one in _formulas(json.loads(content)))
    return True


def _formulas(part: Any) -> Iterator[object]:
    """Yield what sympy would evaluate."""
    if isinstance(part, dict):
        if "expr_str" in part:
            yield part["expr_str"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _formulas(one)


def _only_input(module: Any, name: str) -> Shape:
    """Return the shape that an exported program takes."""
    inputs = [node for node in module.graph.nodes if node.op == "placeholder"]
    if len(inputs) != 1:
        names = ", ".join(str(node.target) for node in inputs)
        raise InvalidInput(
            f"{name} must take one input, a batch of images; it takes {len(inputs)}: {names}",
            setting="model",
            rule="take one input",
            value=len(inputs),
        )
    value = inputs[0].meta.get("val")
    return [length if isinstance(length, int) else None for length in getattr(value, "shape", (None,) * 4)]


def _in_parts(module: Any, together: int) -> Any:
    """Return a module that asks one with a fixed batch as often as is needed; a short last part is padded with 0."""
    torch = need("torch", "torch")

    class InParts(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, pictures: Any) -> Any:
            missing = -len(pictures) % together
            padded = torch.cat([pictures, pictures.new_zeros(missing, *pictures.shape[1:])])
            parts = [arrays(self.inner(part)) for part in padded.split(together)]
            each = [key for key, one in parts[0].items() if one.shape[:1] == (together,)]  # a loss is of all at once
            return {key: torch.cat([part[key] for part in parts])[: len(pictures)] for key in each}

    return InParts()


def _last_call(module: Any) -> LastLayer:
    """Say what an exported program ends with."""
    (output,) = [node for node in module.graph.nodes if node.op == "output"]
    node = output.args[0][0] if isinstance(output.args[0], tuple | list) else output.args[0]
    return last_of(node, _operation, lambda one: next(iter(one.all_input_nodes), None))


def _operation(node: Any) -> str:
    """Return what a node calls, without namespace and overload: ``softmax`` of ``aten.softmax.int``."""
    parts = str(getattr(node, "target", "")).split(".")
    return parts[1] if parts[0] == "aten" and len(parts) > 1 else parts[0]
