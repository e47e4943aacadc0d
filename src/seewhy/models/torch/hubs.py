"""Classifiers of torchvision and timm by name, with their weights' own transforms and labels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from typing import Any

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import imagenet
from seewhy.models.compiled.assembly import one_line
from seewhy.models.extras import need
from seewhy.models.hub_access import hub
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.torch.builds import need_with_torchvision
from seewhy.models.torch.modules import chosen_device, module_model
from seewhy.models.torch.timm_config import timm_labels, timm_preprocessing, timm_size

_UNTRAINED = "none"


def load_torchvision(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``torchvision:NAME`` or ``torchvision:NAME:WEIGHTS``; WEIGHTS is DEFAULT, another entry, or none.

    Raises
    ------
    InvalidInput
        torchvision has no such classifier, or no such weights.
    ModelError
        The weights cannot be fetched.
    MissingExtra
        torchvision is not installed, or does not fit to torch.
    """
    need("torch", "torch")
    models = need_with_torchvision("torchvision.models", "torch")
    name, _, wanted = rest.partition(":")
    known = models.list_models(module=models)
    if name not in known:
        raise InvalidInput(
            (f"torchvision:NAME must be one of its {len(known)} classifiers, got {name!r}{_near(name, known)}"),
            setting="model",
            rule="be a classifier of torchvision",
            value=name,
        )
    entries = models.get_model_weights(name)
    described: Any = entries.DEFAULT
    if wanted not in {"", _UNTRAINED}:
        if wanted not in entries.__members__:
            names = ", ".join([*entries.__members__, _UNTRAINED])
            raise InvalidInput.of(f"weights of torchvision:{name}", f"be one of {names}", wanted)
        described = entries[wanted]
    weights = None if wanted == _UNTRAINED else described
    make = partial(models.get_model, name, weights=weights, progress=False)
    module = _fetched(f"torchvision:{rest}", make, untrained=weights is None)
    return module_model(
        module.to(chosen_device(options.device)).eval(),
        options,
        name=f"torchvision:{rest}",
        own=_from_transforms(described.transforms()),
        labels=class_names(described.meta.get("categories")),
        notes=() if weights is not None else (f"torchvision:{rest} is untrained",),
    )


def load_timm(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``timm:NAME``, or ``timm:NAME:none`` without weights.

    Raises
    ------
    InvalidInput
        timm has no such model.
    ModelError
        The weights cannot be fetched.
    MissingExtra
        timm is not installed, or comes upon a torchvision that does not fit to torch.
    """
    need("torch", "torch")
    timm = need_with_torchvision("timm", "timm")
    name, _, wanted = rest.partition(":")
    if wanted not in {"", _UNTRAINED}:
        raise InvalidInput(
            f"after timm:NAME only :none may follow, got {wanted!r}",
            setting="model",
            rule="be followed only by :none",
            value=wanted,
        )
    if not timm.is_model(name.partition(".")[0]):
        raise InvalidInput(
            f"timm:NAME must be one of its models, got {name!r}{_near(name, timm.list_models())}",
            setting="model",
            rule="be a model of timm",
            value=name,
        )
    trained = wanted != _UNTRAINED
    with hub("timm", files=trained):
        make = partial(timm.create_model, name, pretrained=trained)
        module = _fetched(f"timm:{rest}", make, untrained=not trained)
    return module_model(
        module.to(chosen_device(options.device)).eval(),
        options,
        name=f"timm:{rest}",
        own=timm_preprocessing(module) if options.preprocessing is None else None,
        labels=timm_labels(module),
        notes=() if trained else (f"timm:{rest} is untrained",),
        stated=timm_size(module),
    )


def class_names(given: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return ImageNet's labels as this project has them where they are meant, no two alike; others as given."""
    if given is None:
        return None
    labels = tuple(given)
    ours = imagenet.labels()
    same = len(labels) == len(ours) and sum(a == b for a, b in zip(labels, ours, strict=True)) >= len(ours) - 1
    return ours if same else labels


def _from_transforms(preset: Any) -> Preprocessing:
    """Return what torchvision's ``ImageClassification`` transforms do."""
    (size,), (shorter,) = preset.crop_size, preset.resize_size
    return Preprocessing(
        size=(size, size),
        shorter=max(shorter, size),
        interpolation=preset.interpolation.value,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )


def _fetched(name: str, make: Any, *, untrained: bool) -> Any:
    """Make a module; untrained ones are the same each time, and torch's random state is left as it was."""
    torch = need("torch", "torch")
    try:
        if not untrained:
            with redirect_stdout(io.StringIO()):  # torch says there what it downloads, between the lines of a result
                return make()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return make()
    except Exception as error:
        raise ModelError(
            (
                f"the weights of {name} could not be loaded: {one_line(error)}. They are downloaded at "
                "first use; without a network put them into the library's cache, or use the untrained "
                f"model, {name}:none"
            ),
            setting="model",
            rule="have its weights",
            value=name,
        ) from error


def _near(name: str, known: Any) -> str:
    import difflib

    found = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(found)}?" if found else ""
