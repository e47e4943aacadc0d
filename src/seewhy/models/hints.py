"""What somebody probably meant with a text or an object that is no model, and what to do instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SUFFIXES = {
    ".onnx": "onnx",
    ".xml": "openvino",
    ".tflite": "tflite",
    ".keras": "keras",
    ".h5": "keras",
    ".pt": "torchscript",
    ".pt2": "torchexport",
}
"""What a file of a network is by its ending: the prefix that loads it."""

_PICKLED = (".pth", ".pth.tar", ".ckpt", ".bin", ".pkl", ".pickle")
_WEIGHTS_ALONE = "weights alone are not a network"
_BUILD = "build the module in Python, load the weights into it, and pass the module"


def for_text(text: str, names: Iterable[str], prefixes: Iterable[str]) -> str:
    """Return a hint at what an unknown text was probably meant to be, empty if there is none."""
    if text.lower().startswith(("http://", "https://")):
        return _for_address(text)
    if is_saved_model(text):
        return f"; {for_saved_model(text)}"
    if hint := _for_file(Path(text)):
        return hint
    prefix, colon, rest = text.partition(":")
    if colon and (near := difflib.get_close_matches(prefix, list(prefixes), n=1)):
        return f"; did you mean {near[0]}:{rest}?"
    known = list(names)
    alike = difflib.get_close_matches(text, known)
    named = next((f"; did you mean {name}?" for name in known if name in alike), "")  # of a family the first
    return named or (_with_prefix(text) if known and re.fullmatch(r"[A-Za-z][\w-]*", text) else "")


def _with_prefix(name: str) -> str:
    """Say how to name an architecture of a library: its name alone does not say whose it is."""
    return f"; name a network of a library with its prefix, such as torchvision:{name} or timm:{name}"


def _for_file(path: Path) -> str:
    if (prefix := SUFFIXES.get(path.suffix.lower())) is not None:
        return f"; did you mean {prefix}:{path}?"
    if _holds(path, "config.json"):
        return f"; did you mean hf:{path}?"
    if path.name.lower().endswith(_PICKLED):
        return (
            f"; files of torch.save are pickles, which seewhy never reads, and {_WEIGHTS_ALONE}: "
            f"{_BUILD}; or save it with "
            "torch.export.save and use torchexport:FILE"
        )
    if path.suffix.lower() == ".safetensors":
        return f"; {_WEIGHTS_ALONE}: {_BUILD}; for a folder of transformers use hf:FOLDER"
    return ""


def _for_address(text: str) -> str:
    meant = [prefix for prefix, part in (("tfserving", "/v1/models/"), ("kserve", "/v2/models/")) if part in text]
    if meant:
        return f"; did you mean {meant[0]}:{text}?"
    return "; for a model server use kserve:URL/v2/models/NAME or tfserving:URL/v1/models/NAME"


def is_saved_model(text: str) -> bool:
    """Say whether a text names a folder with a SavedModel of TensorFlow."""
    return _holds(Path(text), "saved_model.pb")


def _holds(folder: Path, name: str) -> bool:
    try:
        return (folder.expanduser() / name).is_file()
    except (OSError, RuntimeError, ValueError):  # too long, of nobody's home, or otherwise no path
        return False


def for_saved_model(text: str) -> str:
    """Say what to do with such a folder."""
    name = Path(text).name
    return (
        f"convert a SavedModel of TensorFlow first (ovc {text} --compress_to_fp16=False), then use "
        f"openvino:{name}.xml; or serve it and use tfserving:URL"
    )


def for_mapping(held: Mapping[Any, Any]) -> str:
    """Say what to do with a mapping that has no name: it may hold weights, maybe among what else a checkpoint keeps."""
    parts = [*held.values()]
    inside = [part for one in parts if isinstance(one, Mapping) for part in one.values()]
    if not any(hasattr(part, "shape") for part in [*parts, *inside]):
        return ""
    return f"; {_WEIGHTS_ALONE}: {_BUILD}"


def for_object(found: object) -> str:
    """Say what to do with an object that is no model, empty if nothing is known of it."""
    if _comes_from(found, "onnx"):
        return "; save it with onnx.save and use onnx:FILE"
    if is_pipeline(found):
        return "; pass its network, pipeline.model, with a preprocessing, or use hf:NAME, which has its own"
    if callable(getattr(found, "predict_proba", None)):
        return (
            "; pass a function that takes images (B, H, W, C) in 0..1, converts them for predict_proba, and returns "
            "its result"
        )
    return ""


def is_pipeline(found: object) -> bool:
    """Say whether an object is a pipeline of transformers: it can be called, but answers with names."""
    return _comes_from(found, "transformers.pipelines")


def _comes_from(found: object, package: str) -> bool:
    return any(f"{kind.__module__}.".startswith(f"{package}.") for kind in type(found).__mro__)
