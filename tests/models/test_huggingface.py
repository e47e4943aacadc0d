"""Image classifiers of transformers: run as they run, their configurations believed, and never unpickled."""

import json

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import load_model
from support.huggingface_nets import MARKS, ROUGH, VIT, awake, own_processor, resnet, saved, torch, transformers, vit
from support.planted import BIAS, SIDE, WEIGHTS, check_batches, check_planted, check_same, reference
from support.refusing import refuses

pytestmark = MARKS


# --- answers ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("make", [vit, resnet])
def test_five_together_are_five_alone(tmp_path, make):
    place = saved(tmp_path, awake(make()))

    check_batches(load_model(place, runtime="native"))
    check_batches(load_model(place, runtime="openvino"))


# --- heads and labels ------------------------------------------------------------------------------------------


@pytest.mark.slow
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


@pytest.mark.slow
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

    with refuses(ModelError, "model", value="hf:test_pickled_weights_are_never0"):
        load_model(place)


def test_code_of_a_repository_is_never_run(tmp_path):
    place = saved(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text("raise SystemExit('code was run')\n")

    with refuses(ModelError, "model", value="hf:test_code_of_a_repository_is_n0"):
        load_model(place)


@pytest.mark.parametrize("keep", [0, 1000])
def test_broken_weights_are_refused(tmp_path, keep):
    place = saved(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])

    with refuses(ModelError, "model", rule="be within reach, as safetensors"):
        load_model(place)


def test_a_head_without_weights_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    place = saved(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["classifier.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})

    with refuses(ModelError, "model", value="hf:test_a_head_without_weights_is0"):
        load_model(place)


def test_another_kind_of_model_is_refused(tmp_path):
    bert = transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    bert.save_pretrained(tmp_path / "text")
    with refuses(InvalidInput, "model", value="bert"):
        load_model(f"hf:{tmp_path / 'text'}")

    transformers.ViTModel(vit().config).save_pretrained(tmp_path / "trunk")
    with refuses(InvalidInput, "model", value="ViTModel"):
        load_model(f"hf:{tmp_path / 'trunk'}")


@pytest.mark.parametrize("rest", ["seewhy-tests/no-such-model", "no/such/folder/here", "no such name"])
def test_what_cannot_be_fetched_is_named(rest):
    with refuses(ModelError, "model", rule="be within reach, as safetensors"):
        load_model(f"hf:{rest}")


def test_a_name_must_be_given():
    with refuses(InvalidInput, "model", value="hf:"):
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
    if config.get("num_labels") == 1:
        with refuses(InvalidInput, "head", value="logits"):
            load_model(network, head="logits", **OWN)
    else:
        assert load_model(network, head="logits", **OWN).head.name == "logits"


@pytest.mark.slow
def test_of_a_module_the_labels_of_its_configuration_are_taken():
    network = vit(id2label=NAMES)
    assert load_model(network, **OWN).labels == ("cat", "dog", "owl")
    assert load_model(network, labels=["a", "b", "c"], **OWN).labels == ("a", "b", "c")
    assert load_model(vit(), **OWN).labels is None
    with refuses(InvalidInput, "preprocessing", rule="be given"):
        load_model(network)


def test_a_configuration_that_does_not_fit_its_module_is_not_believed():
    network = vit(id2label=NAMES, problem_type="multi_label_classification")
    network.classifier = torch.nn.Linear(16, 5)
    model = load_model(network, **OWN)

    assert model.labels is None
    assert model.head.name == "logits"
    assert any("its config states 3 classes, but it has 5; ignoring the config" in note for note in model.notes)


def test_of_another_output_a_configuration_says_nothing():
    network = vit(id2label=NAMES, problem_type="multi_label_classification")
    forward = network.forward
    network.forward = lambda pixel_values: {"logits": forward(pixel_values).logits, "more": torch.randn(2, 4)}

    assert load_model(network, output_name="logits", **OWN).head.name == "multi-label-logits"
    other = load_model(network, output_name="more", **OWN)
    assert (other.head.name, other.labels) == ("logits", None)


class Adapted(torch.nn.Module):
    """A module around another, as peft's are."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def get_base_model(self):
        return self.inner

    def forward(self, *given, **named):
        return self.inner(*given, **named)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrap",
    [
        Adapted,
        torch.nn.DataParallel,
        lambda network: torch.compile(network, backend="eager"),
        lambda network: torch.compile(Adapted(network), backend="eager"),
    ],
    ids=["adapters", "several devices", "compiled", "adapters, compiled"],
)
def test_what_stands_around_a_module_does_not_hide_its_configuration(wrap):
    network = vit(id2label=NAMES, problem_type="multi_label_classification")
    model = load_model(wrap(network), **OWN)
    assert model.labels == ("cat", "dog", "owl")
    assert model.head.name == "multi-label-logits"
    assert not model.notes


def test_of_a_pipeline_its_network_is_asked_for(tmp_path):
    saved(tmp_path)
    pipeline = transformers.pipeline("image-classification", model=vit(), image_processor=own_processor(tmp_path))
    with refuses(InvalidInput, "model", rule="be a name, a callable, or have view, prepare"):
        load_model(pipeline)
    assert load_model(pipeline.model, **OWN).head.name == "logits"
