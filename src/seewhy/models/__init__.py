"""What can be explained: the embedded models by name, Python callables, and whatever fits the protocol.

To add an embedded model: one line in ``MODELS``. To add another kind of object, or another prefix of a text:
one file with its adapter, and one line in ``_ADAPTERS`` or ``_PREFIXES``.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from functools import cache, partial
from typing import cast

from seewhy.errors import InvalidInput
from seewhy.models.function import FunctionModel
from seewhy.protocols import Model

__all__ = ["DEFAULT", "MODELS", "FunctionModel", "load_model"]

DEFAULT = "efficientnet-lite0"


def _efficientnet_lite(number: int) -> Model:
    from seewhy.models.efficientnet_lite import VARIANTS, EfficientNetLite

    return EfficientNetLite(VARIANTS[number])


MODELS: dict[str, Callable[[], Model]] = {
    DEFAULT: partial(_efficientnet_lite, 0),
    "efficientnet-lite1": partial(_efficientnet_lite, 1),
    "efficientnet-lite2": partial(_efficientnet_lite, 2),
}
"""Models by name, each built on demand. The weights of the default are always there, others come in packages."""


def load_model(model: object = None) -> Model:
    """Return what ``model`` stands for, ready to be asked.

    Parameters
    ----------
    model
        None: the default. A name in :data:`MODELS`: that one, built once a process. ``py:module:attribute``:
        a callable or model of a Python module. An object with ``view``, ``prepare`` and ``stream``: itself.
        Another callable: :class:`FunctionModel` with its default settings.

    Raises
    ------
    InvalidInput
        ``model`` is none of these.
    ModelError
        The weights of an embedded model are not installed, or are not the expected ones.
    """
    if model is None:
        return _embedded(DEFAULT)
    if not isinstance(model, str):
        return _adapt(model)
    prefix, colon, rest = model.partition(":")
    if colon and prefix in _PREFIXES:
        return _PREFIXES[prefix](rest)
    if model in MODELS:
        return _embedded(model)
    alike = difflib.get_close_matches(model, MODELS)
    near = [name for name in MODELS if name in alike]  # of members of a family the first
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InvalidInput(f"model must be one of {', '.join(MODELS)}, or py:module:attribute, got {model!r}{hint}")


@cache
def _embedded(name: str) -> Model:
    return MODELS[name]()


def _from_python(place: str) -> Model:
    """Load ``module:attribute``; an error that the module itself raises is its own, with a note."""
    module_name, colon, attribute = place.partition(":")
    if not (module_name and colon and attribute):
        raise InvalidInput(f"model must be py:module:attribute, got {'py:' + place!r}")
    found: object = _import(module_name)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise InvalidInput(f"model py:{place} must name an attribute of {module_name}, which has no {attribute}")
        found = getattr(found, name)
    try:
        return _adapt(found)
    except InvalidInput as error:
        raise InvalidInput(f"py:{place}: {error}") from error


def _import(module_name: str) -> object:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            msg = f"model py:{module_name}:... must name a module on Python's path: {error}"
            raise InvalidInput(msg) from error
        error.add_note(f"while importing {module_name} for the model")
        raise
    except Exception as error:
        error.add_note(f"while importing {module_name} for the model")
        raise


def _adapt(found: object) -> Model:
    if not isinstance(found, type):  # a class can be called too, but makes objects, not scores
        for adapter in _ADAPTERS:
            adapted = adapter(found)
            if adapted is not None:
                return adapted
    what = f"the class {found.__name__}" if isinstance(found, type) else f"an object of type {type(found).__name__}"
    raise InvalidInput(f"model must be a name, a callable, or have view, prepare and stream; got {what}")


def _as_model(found: object) -> Model | None:
    fits = all(callable(getattr(found, name, None)) for name in ("view", "prepare", "stream"))
    return cast("Model", found) if fits else None


def _as_function(found: object) -> Model | None:
    return FunctionModel(found) if callable(found) else None


_PREFIXES: dict[str, Callable[[str], Model]] = {
    "py": _from_python,
}
_ADAPTERS: tuple[Callable[[object], Model | None], ...] = (
    _as_model,
    _as_function,  # last: much that a framework makes is callable too
)
