"""What a timm model says about itself."""

from __future__ import annotations

import math
from typing import Any

from seewhy.core.errors import InvalidInput
from seewhy.models import imagenet
from seewhy.models.extras import need
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.preprocessing_check import departure


def timm_labels(module: Any) -> tuple[str, ...] | None:
    """Return the labels of a timm model that has ImageNet's 1000 classes."""
    stated = module.pretrained_cfg
    thousand = module.num_classes == len(imagenet.labels()) and stated.get("num_classes") == module.num_classes
    return imagenet.labels() if thousand and not stated.get("label_names") else None


def timm_size(module: Any) -> tuple[int, int] | None:
    """Return the height and width that a timm model was trained with; None for any other module."""
    config = getattr(module, "pretrained_cfg", None)
    shape = config.get("input_size") if isinstance(config, dict) else None
    return (int(shape[1]), int(shape[2])) if isinstance(shape, tuple | list) and len(shape) == 3 else None


def timm_preprocessing(module: Any) -> Preprocessing:
    """Return what timm does to a photo for a model of its own; see :func:`timm_transform`."""
    return timm_transform(need("timm.data", "timm").resolve_model_data_config(module))


def timm_transform(config: dict[str, Any]) -> Preprocessing:
    """Return what timm does to a photo for a resolved data configuration, held against its own transform.

    Raises
    ------
    InvalidInput
        It does something that cannot be done here, such as a border around the photo.
    """
    channels, height, width = config["input_size"]
    share, squashed = config["crop_pct"], config["crop_mode"] == "squash"
    if share > 1:
        raise _cannot(config, "a border")
    before = math.floor(height / share), math.floor(width / share)
    gray = channels == 1
    preprocessing = Preprocessing(
        size=(height, width),
        shorter=None if squashed else max(before),
        stretched=before if squashed else None,
        interpolation=config["interpolation"],
        mean=tuple(config["mean"])[: 1 if gray else 3],
        std=tuple(config["std"])[: 1 if gray else 3],
        order="gray" if gray else "RGB",
    )
    apart = departure(preprocessing, need("timm.data", "timm").create_transform(**config, is_training=False))
    if apart:
        raise _cannot(config, apart)
    return preprocessing


def _cannot(config: dict[str, Any], why: str) -> InvalidInput:
    how = f"crop_mode={config['crop_mode']!r} and crop_pct={config['crop_pct']}"
    return InvalidInput(
        (f"timm's transform with {how} is not supported ({why}); give the nearest preprocessing yourself"),
        setting="preprocessing",
        rule="be given",
        value=how,
    )
