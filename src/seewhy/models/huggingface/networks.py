"""Image classifiers of transformers, with their own preprocessing and labels. No code of a repository is run."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from seewhy.core import memory
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models.compiled.assembly import one_line
from seewhy.models.extras import need
from seewhy.models.hub_access import hub
from seewhy.models.huggingface.processor import preprocessing_of
from seewhy.models.model_files import check_files
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.torch.builds import misfit
from seewhy.models.torch.hf_config import size_of, stated
from seewhy.models.torch.hubs import class_names
from seewhy.models.torch.modules import chosen_device, digest, module_model


def load_hf(rest: str, options: ModelOptions) -> NetworkModel:
    """Return ``hf:ORG/NAME`` or ``hf:FOLDER``, an image classifier of transformers.

    Its weights must be safetensors, since others are pickles. Its image processor says how photos are prepared, and is
    held against what is done here; where it does something else, the user must say ``preprocessing``.

    Raises
    ------
    InvalidInput
        It is no image classifier, or its processor does what cannot be done here.
    ModelError
        It cannot be fetched or read.
    MissingExtra
        transformers is not installed, or comes upon a torchvision that does not fit to torch.
    """
    torch = need("torch", "torch")
    transformers = need("transformers", "hf")
    if not rest:
        raise InvalidInput(
            "hf:... must name ORG/NAME or a folder", setting="model", rule="name ORG/NAME or a folder", value="hf:"
        )
    folder = Path(rest).expanduser()
    place = str(folder) if folder.is_dir() else rest
    name = f"hf:{folder.name}" if folder.is_dir() else f"hf:{rest}"
    if folder.is_dir():
        check_files(folder)
    with hub("hf", files=not folder.is_dir()):
        config = _fetched(name, lambda: transformers.AutoConfig.from_pretrained(place, trust_remote_code=False))
        _check_kind(config, name, transformers)
        _check_size(config, name, transformers, torch)
        given = options.preprocessing is not None
        own = None if given else preprocessing_of(_processor(place, name, transformers), name)
        module = _fetched(name, lambda: _network(place, config, transformers))
    module = module.to(chosen_device(options.device)).eval()
    options, labels = stated(config, options)
    return module_model(
        module,
        options,
        name=name,
        own=own,
        labels=class_names(labels),
        fingerprint=f"hf:sha256:{hashlib.sha256(f'{config.to_json_string()} {digest(module)}'.encode()).hexdigest()}",
        last="linear",
        stated=size_of(config),
    )


def _check_kind(config: Any, name: str, transformers: Any) -> None:
    known = transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
    if type(config) not in known:
        raise InvalidInput(
            f"{name} must be an image classifier of transformers itself; {config.model_type} is not",
            setting="model",
            rule="be an image classifier of transformers",
            value=config.model_type,
        )
    stated = list(config.architectures or [])
    if stated and not any("ImageClassification" in one for one in stated):
        raise InvalidInput(
            f"{name} must be an image classifier; it is {', '.join(stated)}, without a trained head",
            setting="model",
            rule="be an image classifier",
            value=", ".join(stated),
        )


def _check_size(config: Any, name: str, transformers: Any, torch: Any) -> None:
    """Refuse a network whose configuration states more weights than memory may hold; built without numbers first."""
    sizes = [0]
    with contextlib.suppress(Exception), torch.device("meta"):  # transformers itself says why it cannot be built
        made = transformers.AutoModelForImageClassification.from_config(config, trust_remote_code=False)
        sizes = [part.numel() * part.element_size() for part in made.parameters()]
    memory.check(sum(sizes), f"the weights of {name}", InvalidInput)


def _network(place: str, config: Any, transformers: Any) -> Any:
    """Load the classifier; weights that are missing from its file would be random, so they are an error."""
    auto = transformers.AutoModelForImageClassification
    made, found = auto.from_pretrained(
        place, config=config, trust_remote_code=False, use_safetensors=True, output_loading_info=True
    )
    random = sorted({*found["missing_keys"], *(str(one) for one in found["mismatched_keys"])})
    if random:
        msg = f"its file has no weights for {', '.join(random[:3])}"
        raise ModelError(msg, setting="model", rule="have all its weights", value=place)
    return made


def _processor(place: str, name: str, transformers: Any) -> Any:
    """Load the image processor in its numpy form, which needs no torchvision."""
    return _fetched(
        name,
        lambda: transformers.AutoImageProcessor.from_pretrained(place, trust_remote_code=False, backend="pil"),
        "its image processor could not be loaded; give preprocessing",
    )


def _fetched(name: str, load: Any, what: str = "it could not be loaded") -> Any:
    try:
        return load()
    except Exception as error:
        if (unfit := misfit(error)) is not None:
            raise unfit from error
        raise ModelError(
            (
                f"{name}: {what}. Weights must be safetensors, in a folder, in transformers' cache, or "
                f"within reach of the network: {one_line(error)}"
            ),
            setting="model",
            rule="be within reach, as safetensors",
            value=name,
        ) from error
