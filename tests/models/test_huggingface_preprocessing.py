"""Photos prepared for classifiers of transformers as their own processors do, or refused by name."""

import json

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.images import Image
from seewhy.models import load_model
from support.huggingface_nets import MARKS, RNG, ROUGH, VIT, own_processor, resnet, safetensors, saved, torch
from support.planted import PHOTO, SIDE
from support.refusing import refuses

pytestmark = MARKS

PROCESSORS = {
    "vit": VIT,
    "rough": VIT | ROUGH,
    "siglip": VIT | {"image_processor_type": "SiglipImageProcessor"},
    "not normalized": VIT | {"do_normalize": False},
    "not rescaled": VIT | {"do_rescale": False, "image_mean": [124, 116, 104], "image_std": [58, 57, 57]},
    "rescaled to -1..1": VIT | {"rescale_factor": 2 / 255, "image_mean": [1, 1, 1], "image_std": [1, 1, 1]},
    "lanczos": VIT | {"resample": 1},
    "old": {"feature_extractor_type": "ViTFeatureExtractor", "size": SIDE},
    "convnext": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": SIDE}, "crop_pct": 0.875},
    "large convnext": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 384}},
    "clip": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 36},
        "crop_size": {"height": SIDE, "width": SIDE},
    },
    "mobilevit": {
        "image_processor_type": "MobileViTImageProcessor",
        "size": {"shortest_edge": 36},
        "crop_size": {"height": SIDE, "width": SIDE},
    },
    "efficientnet": {
        "image_processor_type": "EfficientNetImageProcessor",
        "size": {"height": SIDE, "width": SIDE},
        "rescale_factor": 1 / 127.5,
        "rescale_offset": True,
        **ROUGH,
    },
    "deit": {
        "image_processor_type": "DeiTImageProcessor",
        "size": {"height": 40, "width": 38},
        "crop_size": {"height": SIDE, "width": SIDE},
    },
    "levit": {
        "image_processor_type": "LevitImageProcessor",
        "size": {"shortest_edge": SIDE},
        "crop_size": {"height": SIDE, "width": SIDE},
    },
    "poolformer": {
        "image_processor_type": "PoolFormerImageProcessor",
        "size": {"shortest_edge": SIDE},
        "crop_pct": 0.875,
        "crop_size": {"height": SIDE, "width": SIDE},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PROCESSORS)
def test_photos_are_prepared_as_its_processor_does(tmp_path, kind):
    model = load_model(saved(tmp_path, resnet(), PROCESSORS[kind]), runtime="native")
    own, said = own_processor(tmp_path), model.preprocessing
    photo = np.asarray(Pillow.fromarray(RNG.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((400, 300), 3))
    theirs = own(Pillow.fromarray(photo), return_tensors="np")["pixel_values"][0]
    ours = model.prepare(model.view(300, 400).apply(Image(photo)))

    apart = np.abs(ours - theirs) * np.asarray(said.std)[:, None, None] / said.scale
    assert apart.max() <= 2 / 255


@pytest.mark.slow
@pytest.mark.parametrize("kind", [name for name, one in PROCESSORS.items() if "shortest_edge" not in str(one)])
def test_a_photo_of_the_right_size_is_prepared_exactly_so(tmp_path, kind):
    model = load_model(saved(tmp_path, resnet(), PROCESSORS[kind]), runtime="native")
    theirs = own_processor(tmp_path)(Pillow.fromarray(PHOTO), return_tensors="np")["pixel_values"][0]

    ours = model.prepare(model.view(SIDE, SIDE).apply(Image(PHOTO)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_model_of_timm_on_the_hub_is_prepared_and_named_as_it_says(tmp_path):
    """As timm pushes them: its own names of weights, and the configuration that its transform is made from."""
    timm = pytest.importorskip("timm", reason="timm is not installed")
    network = timm.create_model("mobilenetv3_small_050", pretrained=False, num_classes=3).eval()
    safetensors.save_file(network.state_dict(), tmp_path / "model.safetensors")
    stated = {"input_size": [3, 64, 64], "interpolation": "bicubic", "crop_pct": 0.875, "crop_mode": "squash"}
    stated |= {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "num_classes": 3}
    config = {"architecture": "mobilenetv3_small_050", "num_classes": 3, "label_names": ["cat", "dog", "owl"]}
    (tmp_path / "config.json").write_text(json.dumps(config | {"pretrained_cfg": stated}))

    model = load_model(f"hf:{tmp_path}", runtime="native")
    photo = np.asarray(Pillow.fromarray(RNG.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((400, 300), 3))
    theirs = own_processor(tmp_path)(Pillow.fromarray(photo))["pixel_values"]
    ours = model.prepare(model.view(300, 400).apply(Image(photo)))
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=1e-5)
    assert model.labels == ("cat", "dog", "owl")
    with torch.no_grad():
        np.testing.assert_allclose(
            next(iter(model.stream([ours[None]]))), network(theirs).numpy(), rtol=1e-4, atol=1e-6
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processor", "words"),
    [
        (VIT | {"do_pad": True}, "do_pad"),
        (VIT | {"do_resize": False}, "do_resize"),
        (VIT | {"size": {"shortest_edge": 40}}, "size"),
        (VIT | {"do_center_crop": True, "crop_size": {"height": 28, "width": 40}}, "crop_size"),
        (PROCESSORS["clip"] | {"size": {"shortest_edge": 30}}, "crop_size"),
        (
            {"image_processor_type": "PPLCNetImageProcessor", **ROUGH},
            "PPLCNetImageProcessor",
        ),
        (VIT | {"crop_pct": 0.9, "size": {"shortest_edge": SIDE}}, "crop_pct"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value)[:60],
)
def test_what_cannot_be_done_here_is_refused_by_name(tmp_path, processor, words):
    place = saved(tmp_path, resnet(), processor)

    with refuses(InvalidInput, "preprocessing", value=words):
        load_model(place)
    given = load_model(place, preprocessing="imagenet", input_size=SIDE, runtime="native")
    assert given.preprocessing.size == (SIDE, SIDE)


def test_without_a_processor_preprocessing_must_be_said(tmp_path):
    place = saved(tmp_path, processor=None)

    with refuses(ModelError, "model", value="hf:test_without_a_processor_prepr0"):
        load_model(place)
    assert load_model(place, preprocessing="-1..1", input_size=SIDE, runtime="native").labels is None
