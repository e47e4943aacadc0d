"""How a photo is prepared for Keras models: never guessed, seen in a first layer, as every application's own."""

import importlib
import inspect

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput
from seewhy.models import imagenet
from seewhy.models.keras.applications import APPLICATIONS, preprocessing_of_application, recognized, takes_bytes
from support.keras_nets import MARKS, PICTURES, adapt, answers, ask, keras, layers, small
from support.refusing import refuses

pytestmark = MARKS
FUNCTIONS = {name: found for name, found in vars(keras.applications).items() if inspect.isfunction(found)}


def test_preprocessing_is_never_guessed():
    with refuses(InvalidInput, "preprocessing", rule="be given"):
        adapt(small())
    with refuses(InvalidInput, "preprocessing", rule="be given"):
        adapt(small(layers.Rescaling(2.0, offset=-1)))


@pytest.mark.parametrize(
    "first",
    [
        [layers.Rescaling(1 / 255)],
        [layers.Rescaling(1 / 127.5, offset=-1)],
        [layers.RandomFlip(), layers.Rescaling(1 / 255)],
        [keras.Sequential([layers.RandomFlip(), layers.Rescaling(1 / 255)])],
        [layers.Normalization(mean=[123, 116, 104], variance=[3364, 3249, 3306])],
    ],
    ids=["0..1", "-1..1", "augmented", "nested", "normalized"],
)
def test_a_first_layer_that_rescales_bytes_is_seen_and_said(first):
    model = small(*first)
    adapted = adapt(model, runtime="native")

    assert adapted.preprocessing.scale == 255
    assert any("first layer rescales, so photos are passed in 0..255" in note for note in adapted.notes)
    np.testing.assert_allclose(ask(adapted), answers(model, PICTURES * 255), atol=1e-5)
    assert adapt(model, runtime="native", preprocessing="0..255").notes == ()
    (note,) = adapt(model, runtime="native", preprocessing="0..1").notes
    assert "its first layer rescales 0..255, but preprocessing makes 0..1; give preprocessing='0..255'" in note


@pytest.mark.parametrize(
    "layer",
    [
        layers.Rescaling(1.0),
        layers.Rescaling(255.0),
        layers.Normalization(mean=[0.5] * 3, variance=[0.2] * 3),
        layers.Normalization(mean=[123, 116, 104], variance=[3364, 3249, 3306], invert=True),
        layers.Activation("relu"),
    ],
)
def test_other_first_layers_say_nothing(layer):
    assert not takes_bytes(small(layer))


def test_every_application_is_known():
    assert set(APPLICATIONS) == set(FUNCTIONS)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_application_is_prepared_as_keras_does(name):
    module = importlib.import_module(FUNCTIONS[name].__module__)
    pixels = np.random.default_rng(0).uniform(0, 255, (9, 7, 3)).astype(np.float32)
    ours = preprocessing_of_application(name).replace(size=(9, 7))

    atol = 1e-5 if ours.scale == 1 else 5e-5  # what float32 holds of numbers up to 255
    np.testing.assert_allclose(ours.prepare(pixels / 255), module.preprocess_input(pixels.copy()), rtol=0, atol=atol)
    inside = APPLICATIONS[name][1] == "inside"
    assert inside == (module.preprocess_input(pixels.copy()) == pixels).all()
    first = ours.replace(layout="NCHW").prepare(pixels / 255)
    np.testing.assert_array_equal(first.transpose(1, 2, 0), ours.prepare(pixels / 255))


class Asked(Exception):
    """Holds the size that an application takes by default."""


@pytest.mark.parametrize("name", APPLICATIONS)
def test_an_application_has_the_size_that_keras_gives_it(name, monkeypatch):
    def stop(shape, default_size, **_):
        raise Asked(default_size)

    module = importlib.import_module(FUNCTIONS[name].__module__)
    if name.startswith("MobileNetV3"):  # takes any size; its weights are made for one
        assert any(key.split("_")[1] == str(APPLICATIONS[name][0]) for key in module.WEIGHTS_HASHES)
        return
    monkeypatch.setattr(module.imagenet_utils, "obtain_input_shape", stop)
    if name.startswith("NASNet"):  # refuses the torch backend before it looks at the size
        monkeypatch.setattr(module.backend, "backend", lambda: "tensorflow")

    with pytest.raises(Asked, match=f"^{APPLICATIONS[name][0]}$"):
        FUNCTIONS[name](weights=None)


@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV3Small", "ResNet50V2", "VGG16"])
def test_a_model_of_applications_is_recognized(name):
    shape = {"input_shape": (64, 64, 3)} if name != "VGG16" else {"input_shape": (32, 32, 3), "include_top": False}

    assert recognized(FUNCTIONS[name](weights=None, **shape)) == name


def test_a_name_alone_is_not_enough():
    assert recognized(small(name="xception")) == "Xception"
    assert recognized(small(layers.Rescaling(1 / 255), name="xception")) is None
    assert recognized(small(name="convnext_tiny")) is None
    assert recognized(small(layers.Rescaling(1 / 255), name="efficientnetv2-b0")) == "EfficientNetV2B0"


def test_what_was_recognized_is_said():
    taken = keras.Input((32, 32, 3))
    many = keras.Model(taken, layers.Dense(1000)(layers.GlobalAveragePooling2D()(taken)), name="resnet50")
    model, plain = (
        adapt(many, runtime="native"),
        adapt(many, runtime="native", preprocessing="0..1", labels=["x"] * 1000),
    )

    assert (model.preprocessing.order, model.preprocessing.size, model.labels) == ("BGR", (32, 32), imagenet.labels())
    assert any("prepared as for ResNet50 of keras.applications" in note for note in model.notes)
    assert any("with ImageNet's labels" in note for note in model.notes)
    assert not any("ResNet50" in note for note in plain.notes)
    assert adapt(small(name="xception")).labels is None
