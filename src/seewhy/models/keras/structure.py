"""What a Keras model is made of: what it ends with, and a hash of its structure and weights."""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.models.last_layer import LastLayer, ending, is_passed


def last_layer(model: Any) -> LastLayer:
    """Say what a model ends with, by the layer that makes its output."""
    layers = list(getattr(model, "layers", []))
    if not layers:
        return "unknown"
    last = layers[-1]
    with contextlib.suppress(Exception):  # a subclass need not state its output; the last layer is the likely one
        (made,) = model.outputs
        last = made._keras_history.operation  # noqa: SLF001  # no other name for what made a tensor
    while last is not None and is_passed(_operation(last)):
        last = _before(last, layers)
    if last is None:
        return "unknown"
    return last_layer(last) if hasattr(last, "layers") else ending(_operation(last))


def _operation(layer: Any) -> str:
    """Return what a layer does to its input at last: its activation, else what it is."""
    kind = type(layer).__name__
    activation = str(getattr(getattr(layer, "activation", None), "__name__", ""))
    if activation == "linear":
        return "Identity" if kind == "Activation" else "linear"
    return activation or kind


def _before(layer: Any, layers: list[Any]) -> Any:
    """Return the layer whose numbers one takes; None where that is not known."""
    with contextlib.suppress(Exception):
        return layer.input._keras_history.operation  # noqa: SLF001
    place = next((i for i, one in enumerate(layers) if one is layer), 0)
    return layers[place - 1] if place else None


def digest(model: Any) -> str:
    """Return a SHA-256 over a model's structure and weights; names of layers, which count up, do not matter."""
    found = hashlib.sha256(_structure(model).encode())
    for weight in model.weights:
        values = np.ascontiguousarray(array(weight.value))
        found.update(f"{values.dtype} {values.shape}".encode())
        found.update(values.tobytes())
    return found.hexdigest()


def _structure(model: Any) -> str:
    """Return a model's settings as text; of a model that does not say them, its classes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            config = json.loads(model.to_json())
        except Exception:  # noqa: BLE001  # a subclass needs no get_config, and its own may fail in any way
            kinds = [type(one).__qualname__ for one in getattr(model, "layers", ())]
            return f"{type(model).__module__}.{type(model).__qualname__} {kinds}"
    names = {name: f"#{i}" for i, name in enumerate(dict.fromkeys(_names(config)))}
    return json.dumps(_renamed(config, names), sort_keys=True)


def _names(part: Any) -> Iterator[str]:
    """Yield the names of layers in a configuration, in order; a number type has a name as well, which matters."""
    if isinstance(part, dict):
        settings = part.get("config")
        if isinstance(settings, dict) and "name" in settings and "DTypePolicy" not in str(part.get("class_name")):
            yield str(settings["name"])
        for value in part.values():
            yield from _names(value)
    elif isinstance(part, list):
        for value in part:
            yield from _names(value)


def _renamed(part: Any, names: dict[str, str]) -> Any:
    """Return a part of a configuration with other names for its layers."""
    if isinstance(part, dict):
        return {key: _renamed(value, names) for key, value in part.items() if key != "compile_config"}
    if isinstance(part, list):
        return [_renamed(value, names) for value in part]
    return names.get(part, part) if isinstance(part, str) else part


def array(tensor: Any) -> NDArray[Any]:
    """Return a tensor of any backend as an array; ``keras.ops.convert_to_numpy`` warns about NumPy 2."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        tensor = tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor  # NumPy has not all
    return np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
