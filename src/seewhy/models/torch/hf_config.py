"""What the configuration of a classifier of transformers says about its answers."""

from __future__ import annotations

from typing import Any

from seewhy.models.answers import LOGITS
from seewhy.models.options import ModelOptions

_HEADS = {"multi_label_classification": "multi-label-logits", "regression": "regression"}


def of_module(module: Any, options: ModelOptions) -> tuple[ModelOptions, tuple[str, ...] | None, tuple[str, ...]]:
    """Return the options with the head of a module of transformers, its labels, and notes.

    Of another module than an image classifier nothing is known.
    """
    name = type(module).__name__
    config: Any = getattr(module, "config", None)
    if "ImageClassification" not in name or not hasattr(config, "num_labels"):
        return options, None, ()
    outputs = _outputs(module)
    if outputs not in {None, config.num_labels}:
        note = f"{name}: its config states {config.num_labels} classes, but it has {outputs}; ignoring the config"
        return options, None, (note,)
    return *stated(config, options), ()


def stated(config: Any, options: ModelOptions) -> tuple[ModelOptions, tuple[str, ...] | None]:
    """Return the options with the head that a configuration speaks for, and its labels.

    A head that was asked for stays. Of another output than the logits a configuration is silent.
    """
    if options.output_name not in {None, LOGITS}:
        return options, None
    if options.head == "auto":
        options = options.replace(head=_head(config))
    return options, _labels(config)


def size_of(config: Any) -> tuple[int, int] | None:
    """Return the height and width that a configuration states; None where it states none."""
    size = getattr(config, "image_size", None)
    if isinstance(size, int) and not isinstance(size, bool):
        return size, size
    if isinstance(size, tuple | list) and len(size) == 2 and all(isinstance(one, int) for one in size):
        return size[0], size[1]
    return None


def _outputs(module: Any) -> int | None:
    """Return how many numbers the last layer of a classifier gives; None: it is another kind of layer."""
    last = getattr(module, "classifier", None)
    sizes = [part.out_features for part in last.modules() if hasattr(part, "out_features")] if last is not None else []
    return sizes[-1] if sizes else None


def _head(config: Any) -> str:
    if config.problem_type in _HEADS:
        return _HEADS[config.problem_type]
    return "regression" if config.num_labels == 1 else "logits"


def _labels(config: Any) -> tuple[str, ...] | None:
    """Return the names of classes, unless they are the ones that transformers makes up."""
    names = config.id2label or {}
    found = tuple(str(names.get(i, f"LABEL_{i}")) for i in range(config.num_labels))
    return None if all(label == f"LABEL_{i}" for i, label in enumerate(found)) else found
