"""What a timm model says about itself."""

from __future__ import annotations

import math
from typing import Any

from seewhy.models import imagenet
from seewhy.models.preprocessing import Preprocessing


def from_timm_config(module: Any) -> tuple[Preprocessing, tuple[str, ...] | None]:
    """Return the preprocessing that a timm model states, and its labels if it has ImageNet's 1000 classes."""
    config = dict(module.pretrained_cfg)
    channels, height, width = config["input_size"]
    mode, share = config.get("crop_mode") or "center", config.get("crop_pct") or 1.0
    shorter = None if mode == "squash" else math.floor(max(height, width) / share)
    gray = channels == 1
    own = Preprocessing(
        size=(height, width),
        shorter=shorter,
        interpolation=config.get("interpolation") or "bilinear",
        mean=tuple(config["mean"])[: 1 if gray else 3],
        std=tuple(config["std"])[: 1 if gray else 3],
        order="gray" if gray else "RGB",
    )
    thousand = module.num_classes == len(imagenet.labels()) and config.get("num_classes") == module.num_classes
    return own, imagenet.labels() if thousand and not config.get("label_names") else None
