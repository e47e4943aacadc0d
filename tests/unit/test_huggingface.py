"""Image classifiers of transformers: prepared as their own processors do, run as they run, and never unpickled."""

import json

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.errors import InvalidInput, ModelError
from seewhy.images import Image
from seewhy.models import load_model
from support.planted import BIAS, PHOTO, SIDE, WEIGHTS, check_batches, check_planted, check_same, prepared, reference

torch = pytest.importorskip("torch", reason="transformers runs by it")
safetensors = pytest.importorskip("safetensors.torch", reason="weights are saved by it")
transformers = pytest.importorskip("transformers", reason="its models are tested")

pytestmark = [
    pytest.mark.usefixtures("torchvision_operators"),
    pytest.mark.filterwarnings(
        r"ignore:.torch\.jit:DeprecationWarning",
        "ignore:.is_gradient_checkpointing:FutureWarning",
        "ignore::torch.jit.TracerWarning",
    ),
]

RNG = np.random.default_rng(0)
VIT = {"image_processor_type": "ViTImageProcessor", "size": {"height": SIDE, "width": SIDE}}
ROUGH = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.5, 0.25, 0.2]}


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.is_offline_mode", lambda: True, raising=False)


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


# --- answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", ["auto", "native"])
@pytest.mark.parametrize("make", [vit, resnet])
def test_it_explains_as_a_plain_function_around_it_does(tmp_path, make, runtime):
    network = awake(make())
    place = saved(tmp_path, network, VIT | ROUGH)
    network, processor = network.eval(), own_processor(tmp_path)

    def answers(batch):
        photos = [Pillow.fromarray(np.rint(255 * one).astype(np.uint8)) for one in batch]
        with torch.inference_mode():
            return network(**processor(photos, return_tensors="pt")).logits.numpy()

    got = check_same(load_model(place, runtime=runtime), reference(answers, kind="logit"))
    assert got.model.run_by.startswith("OpenVINO f32") is (runtime == "auto")


def test_it_points_at_what_the_network_reads(tmp_path):
    network = resnet()
    planted = torch.nn.Linear(3 * SIDE * SIDE, 3)
    with torch.no_grad():
        planted.weight.copy_(torch.from_numpy(WEIGHTS.transpose(0, 3, 1, 2).reshape(3, -1).copy()))
        planted.bias.copy_(torch.from_numpy(BIAS))
    model = load_model(saved(tmp_path, network, VIT | ROUGH), runtime="native")
    inner = model.runtime._module
    inner.forward = lambda pixel_values: planted(pixel_values.flatten(1))  # its own layers cannot read one square alone

    check_planted(model)


@pytest.mark.parametrize("make", [vit, resnet])
def test_five_together_are_five_alone(tmp_path, make):
    place = saved(tmp_path, awake(make()))

    check_batches(load_model(place, runtime="native"))
    check_batches(load_model(place, runtime="openvino"))


# --- preprocessing ---------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("kind", PROCESSORS)
def test_photos_are_prepared_as_its_processor_does(tmp_path, kind):
    model = load_model(saved(tmp_path, resnet(), PROCESSORS[kind]), runtime="native")
    own, said = own_processor(tmp_path), model.preprocessing
    photo = np.asarray(Pillow.fromarray(RNG.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize((400, 300), 3))
    theirs = own(Pillow.fromarray(photo), return_tensors="np")["pixel_values"][0]
    ours = model.prepare(model.view(300, 400).apply(Image(photo)))

    apart = np.abs(ours - theirs) * np.asarray(said.std)[:, None, None] / said.scale
    assert apart.max() <= 2 / 255


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


@pytest.mark.parametrize(
    ("processor", "words"),
    [
        (VIT | {"do_pad": True}, "ViTImageProcessor of hf:.* has do_pad=True, which cannot be done here; give"),
        (VIT | {"do_resize": False}, "has do_resize=False, so that pictures differ in size"),
        (VIT | {"size": {"shortest_edge": 40}}, "has size=.*so that pictures differ in size"),
        (VIT | {"do_center_crop": True, "crop_size": {"height": 28, "width": 40}}, "crop_size=.* that is a border"),
        (PROCESSORS["clip"] | {"size": {"shortest_edge": 30}}, "has crop_size=.* beyond size=.*, that is a border"),
        (
            {"image_processor_type": "PPLCNetImageProcessor", **ROUGH},
            "PPLCNetImageProcessor does more than its",
        ),
        (VIT | {"crop_pct": 0.9, "size": {"shortest_edge": SIDE}}, "has crop_pct=0.9, which cannot be done here"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value)[:60],
)
def test_what_cannot_be_done_here_is_refused_by_name(tmp_path, processor, words):
    place = saved(tmp_path, resnet(), processor)

    with pytest.raises(InvalidInput, match=words):
        load_model(place)
    given = load_model(place, preprocessing="imagenet", input_size=SIDE, runtime="native")
    assert given.preprocessing.size == (SIDE, SIDE)


def test_without_a_processor_preprocessing_must_be_said(tmp_path):
    place = saved(tmp_path, processor=None)

    with pytest.raises(ModelError, match="its image processor could not be loaded; give preprocessing"):
        load_model(place)
    assert load_model(place, preprocessing="-1..1", input_size=SIDE, runtime="native").labels is None


# --- heads and labels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "head"),
    [
        ({}, "logits"),
        ({"problem_type": "single_label_classification"}, "logits"),
        ({"problem_type": "multi_label_classification"}, "multi-label-logits"),
        ({"problem_type": "regression"}, "regression"),
        ({"num_labels": 1}, "regression"),
    ],
    ids=str,
)
def test_its_configuration_says_what_the_answers_are(tmp_path, more, head):
    place = saved(tmp_path, vit(**more))

    assert load_model(place, runtime="native").head.name == head
    assert not any("taken as" in note for note in load_model(place, runtime="native").notes)
    assert load_model(place, runtime="native", head="regression").head.name == "regression"


def test_labels_come_from_its_configuration(tmp_path):
    names = {0: "cat", 1: "dog", 2: "tea cup"}
    place = saved(tmp_path, vit(id2label=names, label2id={name: i for i, name in names.items()}))

    assert load_model(place, runtime="native").labels == ("cat", "dog", "tea cup")
    assert load_model(place, runtime="native", labels=["a", "b", "c"]).labels == ("a", "b", "c")


def test_weights_and_configuration_are_its_fingerprint(tmp_path):
    first = load_model(saved(tmp_path / "one"), runtime="native").identity
    network = vit()
    with torch.no_grad():
        network.classifier.bias.add_(1)

    assert load_model(saved(tmp_path / "two"), runtime="native").identity == first
    assert load_model(saved(tmp_path / "three", network), runtime="native").identity != first


# --- what is refused -------------------------------------------------------------------------------------------


def test_pickled_weights_are_never_read(tmp_path):
    place = saved(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(vit().state_dict(), tmp_path / "pytorch_model.bin")

    with pytest.raises(ModelError, match=r"could not be loaded\. Weights must be safetensors"):
        load_model(place)


def test_code_of_a_repository_is_never_run(tmp_path):
    place = saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text("raise SystemExit('code was run')\n")

    with pytest.raises(ModelError, match="could not be loaded"):
        load_model(place)


@pytest.mark.parametrize("keep", [0, 1000])
def test_broken_weights_are_refused(tmp_path, keep):
    place = saved(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])

    with pytest.raises(ModelError, match="could not be loaded"):
        load_model(place)


def test_a_head_without_weights_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    place = saved(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelError, match=r"its file has no weights for classifier\.weight"):
        load_model(place)


def test_another_kind_of_model_is_refused(tmp_path):
    bert = transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    bert.save_pretrained(tmp_path / "text")
    with pytest.raises(InvalidInput, match="must be an image classifier that transformers knows by itself; a bert is"):
        load_model(f"hf:{tmp_path / 'text'}")

    transformers.ViTModel(vit().config).save_pretrained(tmp_path / "trunk")
    with pytest.raises(InvalidInput, match="must hold an image classifier; it holds ViTModel, without a trained head"):
        load_model(f"hf:{tmp_path / 'trunk'}")


@pytest.mark.parametrize("rest", ["seewhy-tests/no-such-model", "no/such/folder/here", "no such name"])
def test_what_cannot_be_fetched_is_named(rest):
    with pytest.raises(ModelError, match=rf"hf:{rest}: it could not be loaded\. Weights must be safetensors"):
        load_model(f"hf:{rest}")


def test_a_name_must_be_given():
    with pytest.raises(InvalidInput, match=r"hf:\.\.\. must name ORG/NAME or a folder"):
        load_model("hf:")


# --- modules handed over ---------------------------------------------------------------------------------------

OWN = {"preprocessing": {"size": (SIDE, SIDE)}, "runtime": "native"}
NAMES = {0: "cat", 1: "dog", 2: "owl"}


@pytest.mark.parametrize(
    ("config", "head"),
    [
        ({"problem_type": "multi_label_classification"}, "multi-label-logits"),
        ({"problem_type": "regression"}, "regression"),
        ({"num_labels": 1}, "regression"),
        ({}, "logits"),
    ],
)
def test_of_a_module_the_configuration_is_believed_as_of_a_folder(tmp_path, config, head):
    network = vit(**config)
    model = load_model(network, **OWN)

    assert model.head.name == load_model(saved(tmp_path, network), **OWN).head.name == head
    assert not model.notes
    assert load_model(network, head="logits", **OWN).head.name == "logits"


def test_of_a_module_the_labels_of_its_configuration_are_taken():
    network = vit(id2label=NAMES)
    assert load_model(network, **OWN).labels == ("cat", "dog", "owl")
    assert load_model(network, labels=["a", "b", "c"], **OWN).labels == ("a", "b", "c")
    assert load_model(vit(), **OWN).labels is None
    with pytest.raises(InvalidInput, match="does not say how a photo must be prepared"):
        load_model(network)


def test_a_configuration_that_does_not_fit_its_module_is_not_believed():
    network = vit(id2label=NAMES, problem_type="multi_label_classification")
    network.classifier = torch.nn.Linear(16, 5)
    model = load_model(network, **OWN)

    assert model.labels is None
    assert model.head.name == "logits"
    assert any("its config states 3 classes, but it has 5; it was not believed" in note for note in model.notes)


def test_of_another_output_a_configuration_says_nothing():
    network = vit(id2label=NAMES, problem_type="multi_label_classification")
    forward = network.forward
    network.forward = lambda pixel_values: {"logits": forward(pixel_values).logits, "more": torch.randn(2, 4)}

    assert load_model(network, output_name="logits", **OWN).head.name == "multi-label-logits"
    other = load_model(network, output_name="more", **OWN)
    assert (other.head.name, other.labels) == ("logits", None)
