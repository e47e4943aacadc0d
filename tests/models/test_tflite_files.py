"""Files of TensorFlow Lite: floats and integers, how they are prepared, and what their answers mean."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import FunctionModel, imagenet, load_model
from seewhy.testing import check_model
from support.refusing import refuses

pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")

DATA = Path(__file__).parents[1] / "data"
PICTURES = np.random.default_rng(0).random((5, 16, 16, 3), dtype=np.float32)
PHOTO = np.random.default_rng(1).integers(0, 256, (32, 40, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), n_samples=200)


def tiny(name, **options):
    return load_model(f"tflite:{DATA / f'tiny_{name}.tflite'}", **options)


def ask(model, pictures=PICTURES):
    batch = np.stack([model.prepare(one) for one in pictures])
    return np.concatenate(list(model.stream([batch])))


def by_hand(pictures):
    """Return the logits of the tiny networks: a convolution of stride 2, the mean of what is positive, a matrix."""
    with np.load(DATA / "tiny_tflite_weights.npz") as weights:
        kernel, three = weights["kernel"], weights["three"]
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (3, 3), axis=(1, 2))[:, ::2, ::2]
    features = np.maximum(np.einsum("bxycij,ijcf->bxyf", windows, kernel), 0)
    return features.mean(axis=(1, 2)) @ three


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("runtime", ["native", "openvino"])
def test_floats_are_what_the_network_says(runtime):
    probabilities = tiny("float", preprocessing="0..1", runtime=runtime)
    logits = tiny("logits", preprocessing="0..1", runtime=runtime)

    assert (probabilities.head.name, logits.head.name) == ("softmax", "logits")
    np.testing.assert_allclose(ask(logits), by_hand(PICTURES), rtol=1e-5)
    np.testing.assert_allclose(ask(probabilities), softmax(by_hand(PICTURES)), atol=1e-5)
    check_model(probabilities)
    check_model(logits)


def test_batches_of_any_size_may_follow_each_other():
    model = tiny("logits", preprocessing="0..1", runtime="native")
    batches = [PICTURES[:2], PICTURES[2:3], PICTURES]

    for batch, scores in zip(batches, model.stream(batches), strict=True):
        np.testing.assert_allclose(scores, by_hand(batch), rtol=1e-5)


def test_preprocessing_of_floats_must_be_said():
    with refuses(InvalidInput, "preprocessing", rule="be given"):
        tiny("float")


@pytest.mark.parametrize("runtime", ["native", "openvino"])
def test_a_network_of_one_picture_is_asked_one_by_one(runtime):
    model = tiny("corner", preprocessing="0..1", runtime=runtime)

    np.testing.assert_allclose(ask(model)[:, 0], PICTURES[:, :8, :8].mean(axis=(1, 2, 3)), atol=1e-6)


def test_bytes_of_the_photo_are_the_integers():
    model = tiny("uint8", runtime="native")
    bytes_ = np.random.default_rng(2).integers(0, 256, (16, 16, 3), dtype=np.uint8)

    prepared = model.prepare(bytes_.astype(np.float32) / 255)

    assert np.rint(prepared * 255).astype(int).tolist() == bytes_.tolist()  # its scale is 1 / 255
    assert any("0..255 of the photo (RGB) becomes 0..255, which stands for 0..1" in note for note in model.notes)


@pytest.mark.parametrize("runtime", ["native", "openvino"])
def test_integers_stand_for_numbers(runtime):
    model = tiny("int8", runtime=runtime)
    bytes_only = np.rint(PICTURES * 255) / np.float32(255)

    assert any("becomes -128..127, which stands for 0..1" in note for note in model.notes)
    # As a run does: not every processor adds bytes exactly, and where OpenVINO is off, the framework itself answers.
    if runtime == "openvino":
        model = model.checked(np.stack([model.prepare(one) for one in bytes_only]))
    np.testing.assert_allclose(ask(model, bytes_only), by_hand(bytes_only), atol=0.3)  # steps of 0.1
    assert (ask(model, bytes_only).argmax(axis=1) == by_hand(bytes_only).argmax(axis=1)).all()


def test_openvino_and_litert_agree_about_integers():
    for name in ("uint8", "int8"):
        ours, own = tiny(name), tiny(name, runtime="native")
        found = ours.checked(np.stack([ours.prepare(one) for one in PICTURES]))

        if found.run_by.startswith("OpenVINO f32"):
            np.testing.assert_allclose(ask(found), ask(own), atol=0.11)  # one step
        else:  # this processor does not add bytes exactly: said, and the framework itself answers
            assert "is run by its own framework, because OpenVINO in f32" in found.notes[-1]
            np.testing.assert_array_equal(ask(found), ask(own))


def test_numbers_that_integers_cannot_hold_are_refused_or_noted():
    with refuses(InvalidInput, "preprocessing", value=(0.0, 255.0)):
        tiny("uint8", preprocessing="0..255")
    with refuses(InvalidInput, "preprocessing", rule="produce"):
        tiny("uint8", preprocessing={"scale": 0.05})

    model = tiny("uint8", preprocessing={"scale": 1.05})

    assert any("clipped to" in note for note in model.notes)
    assert not any("of the photo" in note for note in model.notes)


def test_a_thousand_and_one_classes_are_imagenet_with_a_background():
    model = tiny("uint8")

    assert model.labels == ("background", *imagenet.labels())
    assert any("ImageNet's after a background" in note for note in model.notes)
    assert tiny("uint8", labels=[str(i) for i in range(1001)]).labels[7] == "7"
    said = tiny("uint8", labels="imagenet")
    assert said.labels == model.labels
    assert not any("background" in note for note in said.notes)
    assert tiny("int8").labels is None


def test_labels_packed_behind_the_network_are_read(tmp_path):
    path = tmp_path / "labeled.tflite"
    shutil.copy(DATA / "tiny_int8.tflite", path)
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("labels.txt", "red\ngreen\nblue\n")

    assert load_model(f"tflite:{path}").labels == ("red", "green", "blue")


def test_another_size_than_the_fixed_one_is_refused():
    with refuses(InvalidInput, "input_size", value="(20, 20)"):
        tiny("int8", input_size=20)


def test_files_that_are_none_are_named(tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes((DATA / "tiny_float.tflite").read_bytes()[:500])

    with refuses(InvalidInput, "absent.tflite", rule="be a file"):
        load_model(f"tflite:{tmp_path / 'absent.tflite'}")
    with refuses(ModelError, "tflite:broken.tflite", rule="be a whole file"):
        load_model(f"tflite:{broken}")


def test_its_fingerprint_is_of_its_content(tmp_path):
    shutil.copy(DATA / "tiny_int8.tflite", tmp_path / "other.tflite")

    assert tiny("int8").fingerprint == load_model(f"tflite:{tmp_path / 'other.tflite'}").fingerprint
    assert tiny("int8").identity != tiny("uint8").identity


def test_an_explanation_is_that_of_a_function():
    function = FunctionModel(lambda batch: softmax(by_hand(batch)), input_size=16, kind="probability")
    lime = LIME.replace(segmentation=seewhy.Grid(rows=3, columns=3))
    own = load_model(f"tflite:{DATA / 'tiny_float.tflite'}", preprocessing={"interpolation": "bicubic"})

    ours, plain = (seewhy.explain(PHOTO, model=model, method=lime, seed=3) for model in (own, function))

    assert [one.index for one in ours.targets] == [one.index for one in plain.targets]
    np.testing.assert_allclose(ours.values(0), plain.values(0), atol=1e-4)


@pytest.mark.parametrize("runtime", ["native", "auto"])
def test_the_corner_that_it_reads_lights_up(runtime):
    model = tiny("corner", preprocessing="0..1", runtime=runtime)
    photo = np.full((32, 32, 3), 255, np.uint8)

    found = seewhy.explain(photo, model=model, targets=[0], method=LIME.replace(fill="black"))

    values = np.abs(found.values(0)).reshape(4, 4)
    assert values[:2, :2].min() > 0.2
    assert values[2:].max() < 0.02
    assert values[:, 2:].max() < 0.02
