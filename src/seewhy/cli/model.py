"""The model that a text on the command line names, and what is said about it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seewhy.cli.flags import Option, describe
from seewhy.core.errors import InvalidInput
from seewhy.core.types import JsonObject
from seewhy.engine.protocols import Model
from seewhy.models import DEFAULT, prefixes
from seewhy.models.options import ModelOptions

if TYPE_CHECKING:
    from seewhy.evaluate.plan import NamedModel

_SECTION = "About the model"
_OPTIONS = ("preprocessing", "input_size", "head", "output_name", "labels", "runtime", "precision", "device")
MODEL_HELP = f"Name of a model, {', '.join(f'{prefix}:...' for prefix in prefixes())} or py:module:attribute"


def model_options(command: Any) -> Any:
    """Give a command the flags that say what a model's adapter cannot know."""
    for name in reversed(_OPTIONS):
        flag = f"--{name.replace('_', '-')}"
        text = describe(ModelOptions.model_fields[name])
        command = click.option(flag, f"model_{name}", cls=Option, section=_SECTION, metavar="VALUE", help=text)(command)
    return command


def asked_model(base: str | JsonObject | None, given: dict[str, Any]) -> str | JsonObject | None:
    """Return the model that is asked for: ``base`` of a settings file, another name if given, and the flags.

    What ``base`` says beside the name holds for that name alone.

    What is said about a model without a name is said about the default.
    """
    held: JsonObject = {"name": None} | base if isinstance(base, dict) else {"name": base}
    if given.get("model") not in {None, held["name"]}:
        held = {"name": given["model"]}
    said = {name: _value(name, given[f"model_{name}"]) for name in _OPTIONS if given.get(f"model_{name}") is not None}
    if not said and len(held) == 1:
        name: str | None = held["name"]
        return name
    return held | said | {"name": DEFAULT if held["name"] is None else held["name"]}


def named_model(asked: str | JsonObject | None, batch_size: int | None = None) -> Model:
    """Load a model by name, with options or without; a Python module may also lie in the folder one stands in.

    ``batch_size``: of the run, which whoever loads the model must know too.
    """
    from seewhy import api

    options = dict(asked) if isinstance(asked, dict) else {"name": asked}
    name = options.pop("name", None)
    here = str(Path.cwd())
    if isinstance(name, str) and name.startswith("py:") and here not in sys.path:
        sys.path.append(here)  # last, so that nothing installed is hidden
    try:
        return api.loaded({"name": name} | options if options else name, batch_size)[0]
    except InvalidInput as error:
        text = str(error)
        for option in _OPTIONS:
            flag = f"--{option.replace('_', '-')}"
            text = text.replace(f"ModelOptions.{option} ", f"{flag} ").replace(f"{option} is not a", f"{flag} is not a")
        raise InvalidInput(text, setting=error.setting, rule=error.rule, value=error.value) from error


def named_models(given: dict[str, Any]) -> list[NamedModel]:
    """Return the models of ``--model``, each a name, ``NAME=MODEL``, or ``NAME={JSON}`` with options of its own.

    What the flags say about a model holds for all of them.
    """
    from seewhy.evaluate.plan import NamedModel

    found = []
    for text in given["models"] or (None,):
        label, source = ("", text) if text is None else _label_of(text)
        asked = asked_model(source, {name: value for name, value in given.items() if name != "model"})
        found.append(NamedModel(label, named_model(asked, given["batch_size"]), asked))
    return found


def _label_of(text: str) -> tuple[str, str | JsonObject]:
    """Return the name that the user gives a model, empty if none, and the model."""
    label, equals, rest = text.partition("=")
    if not equals or ":" in label or "{" in label:
        label, rest = "", text
    elif not label.strip() or not rest.strip():
        raise InvalidInput.of("--model", "be MODEL, or NAME=MODEL", text)
    if not rest.lstrip().startswith("{"):
        return label, rest
    try:
        options: JsonObject = json.loads(rest)
    except json.JSONDecodeError as error:
        raise InvalidInput.of("--model", f"be a name, or options as JSON ({error})", text) from None
    if "name" not in options:
        raise InvalidInput.of("--model", 'hold "name" in its JSON', text)
    return label, options


def _value(name: str, text: str) -> Any:
    """Return what the text of a flag stands for: sizes such as 224 or 224x160, settings as JSON."""
    if name == "input_size":
        parts = text.lower().split("x")
        if not all(part.isdigit() for part in parts):
            raise InvalidInput.of("--input-size", "be pixels such as 224, or HEIGHTxWIDTH such as 224x160", text)
        return [int(part) for part in parts] if len(parts) > 1 else int(text)
    if name == "preprocessing" and text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidInput(
                f"--preprocessing must be a name, or settings as JSON: {error}",
                setting="--preprocessing",
                rule="be a name or JSON",
                value=text,
            ) from None
    return text
