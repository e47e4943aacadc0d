"""Small image classifiers of transformers, and folders with them as the hub has them."""

import json

import numpy as np
import pytest

from support.planted import PHOTO, SIDE, prepared

torch = pytest.importorskip("torch", reason="transformers runs by it")
safetensors = pytest.importorskip("safetensors.torch", reason="weights are saved by it")
transformers = pytest.importorskip("transformers", reason="its models are tested")

MARKS = [
    pytest.mark.usefixtures("torchvision_operators", "offline_hub"),
    pytest.mark.filterwarnings(
        r"ignore:.torch\.jit:DeprecationWarning",
        "ignore:.is_gradient_checkpointing:FutureWarning",
        "ignore::torch.jit.TracerWarning",
    ),
]

RNG = np.random.default_rng(0)
VIT = {"image_processor_type": "ViTImageProcessor", "size": {"height": SIDE, "width": SIDE}}
ROUGH = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.5, 0.25, 0.2]}


def vit(**more):
    config = transformers.ViTConfig(
        image_size=SIDE,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        **({"num_labels": 3} | more),
    )
    torch.manual_seed(0)
    return transformers.ViTForImageClassification(config)


def resnet(**more):
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", **({"num_labels": 3} | more)
    )
    torch.manual_seed(0)
    return transformers.ResNetForImageClassification(config)


def awake(network):
    """Make an untrained network tell pictures apart, which it hardly does."""
    last = network.classifier if isinstance(network.classifier, torch.nn.Linear) else network.classifier[-1]
    kept = RNG.integers(0, 2, (20, 4, 4, 1)).repeat(8, axis=1).repeat(8, axis=2)
    photos = prepared(kept * PHOTO.astype(np.float32) / 255).transpose(0, 3, 1, 2)
    with torch.no_grad():
        answers = network.eval()(torch.from_numpy(photos).float()).logits
        last.weight.div_(answers.std(dim=0)[:, None])
        last.bias.sub_(answers.mean(dim=0)).div_(answers.std(dim=0))
    return network


def saved(folder, network=None, processor=VIT):
    (vit() if network is None else network).save_pretrained(folder)
    if processor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return f"hf:{folder}"


def own_processor(folder):
    return transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
