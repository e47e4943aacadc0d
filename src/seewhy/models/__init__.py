"""What can be explained: models by name, files, servers, objects of a framework, and any Python callable.

To add an embedded model: one line in ``MODELS``. To add a prefix of a text or a kind of object: one file with its
adapter, and one line in ``PREFIXES`` or ``_OBJECTS``.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from seewhy.core.errors import InvalidInput
from seewhy.core.plugins import entries, package_of
from seewhy.core.text import shown
from seewhy.engine.protocols import Model
from seewhy.engine.traits import lacking
from seewhy.models import hints
from seewhy.models.function import FunctionModel
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.recipes import Recipe

__all__ = [
    "DEFAULT",
    "MODELS",
    "PREFIXES",
    "Adapter",
    "FunctionModel",
    "load_model",
    "may_be_named_by_a_file",
    "prefixes",
]

DEFAULT = "efficientnet-lite0"

MODELS: dict[str, int] = {DEFAULT: 0, "efficientnet-lite1": 1, "efficientnet-lite2": 2}
"""Embedded models by name. The weights of the default are always there, others come in packages."""


class Adapter(NamedTuple):
    """The module that loads what stands behind a prefix, and what may stand there."""

    module: str
    """It has ``load_PREFIX(rest, options)``, and is imported when it is first needed."""
    form: str
    """What follows the colon, for help."""
    file: bool = True
    """Whether it may be the path of a file; a result that is pickled keeps that in full."""
    named: str = ""
    """Pattern of what a settings or result file may name: architectures that an installed library knows, whose weights
    have one known source. Empty: nothing, since it is a file, a repository, a server or a program of somebody's."""


PREFIXES: dict[str, Adapter] = {
    "torchvision": Adapter(
        "torch.hubs",
        "NAME, such as torchvision:resnet50",
        file=False,
        named=r"[A-Za-z0-9_]{1,80}(:[A-Za-z0-9_]{1,80})?",
    ),
    "timm": Adapter(
        "torch.hubs",
        "NAME, such as timm:convnext_tiny.fb_in1k",
        file=False,
        named=r"[A-Za-z0-9_]{1,80}(\.[A-Za-z0-9_]{1,80})?(:none)?",
    ),
    "hf": Adapter("huggingface.networks", "ORG/NAME or a folder, an image classifier for transformers", file=False),
    "torchscript": Adapter("torch.program_files", "FILE of torch.jit.save"),
    "torchexport": Adapter("torch.program_files", "FILE of torch.export.save"),
    "keras": Adapter(
        "keras.networks",
        "NAME in keras.applications, such as keras:Xception, or FILE.keras",
        named=r"[A-Za-z0-9]{1,80}(:(imagenet|none))?",
    ),
    "onnx": Adapter("graphs.onnx_files", "FILE"),
    "openvino": Adapter("graphs.openvino_files", "FILE.xml"),
    "tflite": Adapter("graphs.tflite_files", "FILE"),
    "kserve": Adapter(
        "served.inference_server",
        "URL/v2/models/NAME[#output=NAME], Open Inference Protocol: KServe, Triton, MLServer, OVMS",
        file=False,
    ),
    "tfserving": Adapter("served.tensorflow_serving", "URL/v1/models/NAME[#output=NAME]", file=False),
}
"""What may stand before the colon of a model's text."""

_OBJECTS: dict[str, str] = {
    "keras": "keras.networks",  # on its torch backend a Keras model is a torch module too
    "torch": "torch.modules",
    "onnxruntime": "graphs.onnx_files",
    "openvino": "graphs.openvino_files",
}
"""Frameworks whose objects are known: the module with ``adapt_FRAMEWORK(object, options)``, None if it is not one.

A framework that is not loaded has no objects, so none is imported to find out.
"""


_OTHERS = entries("seewhy.models", [*PREFIXES, "py"])
"""Prefixes that other packages bring: entry points of ``load(rest, options)``, which returns a :class:`Model`."""


def prefixes() -> dict[str, str]:
    """Return what may stand before the colon of a model's text, and what follows the colon, in words."""
    own = {name: adapter.form for name, adapter in PREFIXES.items()}
    return own | {name: f"... of the package {package_of(entry)}" for name, entry in _OTHERS.items()}


def load_model(model: object = None, **options: Any) -> Model:
    """Load a model from a name, a file, a URL or an object.

    Parameters
    ----------
    model
        None: the default model. A name in :data:`MODELS`: that model, built once per process. ``PREFIX:...`` with a
        prefix in :data:`PREFIXES`: a model of a library, a file or a server. ``py:module:attribute``: a callable or
        model of a Python module. A dict with a ``name`` and options. A ``Path``: a model file, by its extension. An
        object of torch, Keras, ONNX Runtime or OpenVINO: its adapter does not change it. An object with ``view``,
        ``prepare`` and ``stream``: used directly. Another callable: :class:`FunctionModel`.
    options
        Options that the adapter cannot find out, or that replace its own; see :class:`seewhy.ModelOptions`.

    Raises
    ------
    InvalidInput
        ``model`` is none of these, or an option does not fit it.
    ModelError
        Weights are missing or damaged, or the model fails on images of its input size.
    MissingExtra
        A library is not installed; the error names the command to install it.
    """
    if isinstance(model, dict):
        if not isinstance(model.get("name"), str):
            raise InvalidInput(
                (f"model must be a name, a file, a URL or an object, got {shown(model)}{hints.for_mapping(model)}"),
                setting="model",
                rule="be a name, a file, a URL or an object",
                value=model,
            )
        options = {key: value for key, value in model.items() if key != "name"} | options
        model = model["name"]
    loaded = _loaded(model, ModelOptions(**options))
    if isinstance(loaded, NetworkModel) and loaded.recipe is None and loaded is not model:
        loaded.made_from(Recipe(DEFAULT if model is None else _in_full(model), options))
    return loaded


def _in_full(model: object) -> object:
    """Return what a model was loaded from, a file's path in full, since another process may work in another folder."""
    if isinstance(model, Path):
        return model.expanduser().absolute()
    prefix, colon, rest = str(model).partition(":")
    may_be_a_file = PREFIXES[prefix].file if prefix in PREFIXES else prefix in _OTHERS
    if isinstance(model, str) and colon and may_be_a_file and Path(rest).expanduser().is_file():
        return f"{prefix}:{Path(rest).expanduser().absolute()}"
    return model


def _loaded(model: object, options: ModelOptions) -> Model:
    if model is None:
        return _embedded(DEFAULT, options)
    if isinstance(model, os.PathLike):
        model = _of_file(model)
    return _named(model, options) if isinstance(model, str) else _adapt(model, options)


def may_be_named_by_a_file(text: str) -> bool:
    """Return whether a model's text is harmless from whoever it comes: no code, path or address is in it."""
    prefix, colon, rest = text.partition(":")
    pattern = PREFIXES[prefix].named if colon and prefix in PREFIXES else ""
    return text in MODELS or bool(pattern and re.fullmatch(pattern, rest))


def _named(text: str, options: ModelOptions) -> Model:
    prefix, colon, rest = text.partition(":")
    if colon and prefix == "py":
        return _from_python(rest, options)
    if colon and prefix in PREFIXES:
        if prefix != "hf" and hints.is_saved_model(rest):
            raise InvalidInput.of(f"{prefix}:...", "name something else", rest, f"{hints.for_saved_model(rest)}")
        return cast("Model", _adapter(PREFIXES[prefix].module, f"load_{prefix}")(rest, options))
    if colon and prefix in _OTHERS:
        return _from_plugin(prefix, rest, options)
    if text in MODELS:
        return _embedded(text, options)
    known = ", ".join([*MODELS, *(f"{name}:..." for name in prefixes())])
    raise InvalidInput(
        (
            f"model must be one of {known}, or py:module:attribute, got {text!r}"
            f"{hints.for_text(text, MODELS, prefixes())}"
        ),
        setting="model",
        rule="be a known name",
        value=text,
    )


def _from_plugin(prefix: str, rest: str, options: ModelOptions) -> Model:
    """Load a model by another package's ``load``; whatever goes wrong in it names the package."""
    place = f"{prefix}:{rest} (package {package_of(_OTHERS[prefix])})"
    try:
        loaded = _OTHERS[prefix].load()(rest, options)
    except Exception as error:
        error.add_note(f"in the model {place}")
        raise
    if not lacking(loaded):
        return cast("Model", loaded)
    rule = "return a model (seewhy.engine.protocols.Model)"
    got = f"a {type(loaded).__name__} without {', '.join(lacking(loaded))}"
    raise InvalidInput(f"{place}: load must {rule}, got {got}", setting=f"{prefix}:{rest}", rule=rule, value=got)


def _of_file(path: os.PathLike[Any]) -> str:
    """Return the text that stands for a file of a network: its ending says what it is."""
    text = os.fsdecode(path)
    prefix = hints.SUFFIXES.get(Path(text).suffix.lower())
    if prefix is None:
        endings = ", ".join(hints.SUFFIXES)
        raise InvalidInput(
            f"a model file must end in one of {endings}, got {text!r}{hints.for_text(text, (), ())}",
            setting="model",
            rule=f"end in one of {endings}",
            value=text,
        )
    return f"{prefix}:{text}"


def _adapter(module: str, function: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module(f"seewhy.models.{module}"), function)
    return found


def _embedded(name: str, options: ModelOptions) -> Model:
    if options.given:
        return cast("Model", _adapter("embedded.efficientnet_lite", "load")(MODELS[name], options))
    return _usual(name)


@cache
def _usual(name: str) -> Model:
    return cast("Model", _adapter("embedded.efficientnet_lite", "load")(MODELS[name], ModelOptions()))


def _from_python(place: str, options: ModelOptions) -> Model:
    """Load ``module:attribute``; an error that the module itself raises is its own, with a note."""
    module_name, colon, attribute = place.partition(":")
    if not (module_name and colon and attribute):
        raise InvalidInput.of("model", "be py:module:attribute", "py:" + place)
    found: object = _import(module_name)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise InvalidInput(
                f"model py:{place}: {module_name} has no {attribute}",
                setting="model",
                rule=f"name an attribute of {module_name}",
                value=f"py:{place}",
            )
        found = getattr(found, name)
    try:
        return _adapt(found, options)
    except InvalidInput as error:
        raise InvalidInput(f"py:{place}: {error}", setting=error.setting, rule=error.rule, value=error.value) from error


def _import(module_name: str) -> object:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            msg = f"model py:{module_name}:... must name a module on Python's path: {error}"
            raise InvalidInput(
                msg, setting="model", rule="name a module on Python's path", value=f"py:{module_name}"
            ) from error
        error.add_note(f"while importing {module_name} for the model")
        raise
    except Exception as error:
        error.add_note(f"while importing {module_name} for the model")
        raise


def _adapt(found: object, options: ModelOptions) -> Model:
    if not isinstance(found, type):  # a class can be called too, but makes objects, not scores
        if all(callable(getattr(found, name, None)) for name in ("view", "prepare", "stream")):
            name = str(getattr(found, "name", type(found).__name__))
            options.refuse(name)
            if missing := lacking(found):
                rule = f"have {', '.join(missing)} too"
                raise InvalidInput(f"the model {name} must {rule}", setting="model", rule=rule, value=name)
            return cast("Model", found)
        for framework, module in _OBJECTS.items():
            adapted = None if framework not in sys.modules else _adapter(module, f"adapt_{framework}")(found, options)
            if adapted is not None:
                return cast("Model", adapted)
        if callable(found) and not hints.is_pipeline(found):
            return FunctionModel.of(found, options)
    what = f"the class {found.__name__}" if isinstance(found, type) else f"an object of type {type(found).__name__}"
    raise InvalidInput(
        (f"model must be a name, a callable, or have view, prepare and stream; got {what}{hints.for_object(found)}"),
        setting="model",
        rule="be a name, a callable, or have view, prepare and stream",
        value=type(found).__name__,
    )
