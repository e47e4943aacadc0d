"""Keras models, on the torch backend: what they take, what they answer, and every application's preprocessing."""

import importlib
import inspect
import os
import random
import sys

import numpy as np
import pytest

import seewhy
from seewhy.errors import InvalidInput, ModelError
from seewhy.models import FunctionModel, imagenet, load_model
from seewhy.models.keras_applications import APPLICATIONS, preprocessing_of_application, recognized, takes_bytes
from seewhy.models.keras_models import adapt_keras, digest, last_layer
from seewhy.models.options import ModelOptions
from seewhy.testing import check_model

pytest.importorskip("torch", reason="the extra torch is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")  # read when Keras is imported
keras = pytest.importorskip("keras", reason="the extra keras is not installed")

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras, with NumPy 2
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
]

layers = keras.layers
PICTURES = np.random.default_rng(0).random((5, 16, 16, 3), dtype=np.float32)
PHOTO = np.random.default_rng(1).integers(0, 256, (32, 40, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), n_samples=200)
FUNCTIONS = {name: found for name, found in vars(keras.applications).items() if inspect.isfunction(found)}


def adapt(model, **options):
    return adapt_keras(model, ModelOptions(**options))


def ask(model, pictures=PICTURES):
    batch = np.stack([model.prepare(one) for one in pictures])
    return np.concatenate(list(model.stream([batch])))


def small(*first, size=16, channels=3, last="softmax", name=None, **head):
    """Return a network with weights that make its classes differ."""
    parts = [
        layers.Conv2D(4, 3, strides=2, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2, padding="same"),
        layers.Dropout(0.5),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation=last),
    ]
    model = keras.Sequential([keras.Input((size, size, channels)), *first, *parts], name=name)
    rng = np.random.default_rng(0)
    for weight in model.weights[-8:]:
        weight.assign(rng.random(weight.shape) + 0.2)
    model.layers[-1].kernel.assign(rng.normal(size=(4, 3)) / 2)
    return model


def answers(model, batch):
    return np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)))


# --- what it answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", ["native", "openvino"])
def test_answers_are_the_networks_own(runtime):
    model = small()

    adapted = adapt(model, preprocessing="0..1", runtime=runtime)
    scores = ask(adapted)

    check_model(adapted)
    assert scores.std(axis=0).max() > 0.005
    np.testing.assert_allclose(scores, answers(model, PICTURES), atol=1e-6)


def test_openvino_runs_it_and_agrees():
    model = adapt(small(), preprocessing="-1..1")
    found = model.checked(np.stack([model.prepare(one) for one in PICTURES]))

    assert found.run_by.startswith("OpenVINO f32")


def test_a_model_of_subtractions_paddings_and_branches_is_converted():
    rng = np.random.default_rng(0)
    taken = keras.Input((16, 16, 3))
    part = layers.Rescaling(1 / 127.5, offset=-1)(taken)
    wide = layers.SeparableConv2D(6, 3, padding="same", activation="swish")(part)
    part = layers.BatchNormalization()(layers.Add()([layers.Conv2D(6, 1)(part), wide]))
    part = layers.LayerNormalization()(layers.AveragePooling2D(3, strides=2, padding="same")(part))
    part = layers.Multiply()([part, layers.Dense(6, activation="sigmoid")(part)])
    model = keras.Model(taken, layers.Dense(3)(layers.Flatten()(part)))
    for weight in model.weights:
        weight.assign(rng.random(weight.shape))
    own, ours = (adapt(model, runtime=runtime) for runtime in ("native", "openvino"))

    np.testing.assert_allclose(ask(ours), ask(own), rtol=1e-4)
    assert own.head.name == "logits"


def test_the_model_is_left_as_it_was():
    model = small()
    model.train()
    model.layers[0].training = False
    before = (
        [part.training for part in model.modules()],
        [np.array(w.numpy()) for w in model.weights],
        vars(model).keys(),
    )

    ask(adapt(model, preprocessing="0..1", runtime="native"))
    ask(adapt(model, preprocessing="0..1", runtime="openvino"))

    assert [part.training for part in model.modules()] == before[0]
    assert all((w.numpy() == was).all() for w, was in zip(model.weights, before[1], strict=True))
    assert vars(model).keys() == before[2]
    assert all(not np.isnan(w.numpy()).any() and w.value.grad is None for w in model.weights)


@pytest.mark.parametrize("runtime", ["native", "openvino"])
def test_a_torch_module_inside_is_not_trained_and_goes_on_training(runtime):
    import torch

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.TorchModuleWrapper(inner)

        def call(self, pictures, training=False):
            return keras.ops.mean(self.inner(pictures, training=training), axis=(1, 2))

    inner = torch.nn.Sequential(torch.nn.BatchNorm2d(16), torch.nn.Dropout(0.5))
    model = Own()
    means = inner[0].running_mean.clone()
    model.train()

    one, two = (ask(adapt(model, preprocessing="0..1", input_size=16, runtime=runtime)) for _ in range(2))

    np.testing.assert_array_equal(one, two)
    assert torch.equal(inner[0].running_mean, means)
    assert all(part.training for part in inner.modules())


@pytest.mark.parametrize(("last", "head"), [("softmax", "softmax"), ("sigmoid", "multi-label"), (None, "logits")])
def test_the_last_activation_says_what_the_numbers_are(last, head):
    assert adapt(small(last=last), preprocessing="0..1", runtime="native").head.name == head


def test_the_last_layer_is_that_of_the_output():
    taken = keras.Input((8, 8, 3))
    flat = layers.Flatten()(taken)

    assert last_layer(keras.Model(taken, layers.Softmax()(layers.Dense(3)(flat)))) == "softmax"
    assert last_layer(keras.Model(taken, layers.Activation("sigmoid")(layers.Dense(3)(flat)))) == "sigmoid"
    assert last_layer(keras.Sequential([keras.Input((16, 16, 3)), small()])) == "softmax"
    assert last_layer(keras.Model(taken, layers.Dense(3, activation="relu")(flat))) == "unknown"


def test_a_subclass_is_run_too():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = small(last=None)

        def call(self, pictures, training=False):
            assert not training
            return {"logits": self.inner(pictures, training=training), "more": pictures}

    model = adapt(Own(), preprocessing="0..1", input_size=16)

    np.testing.assert_allclose(ask(model), answers(small(last=None), PICTURES), atol=1e-5)


# --- what it takes ---------------------------------------------------------------------------------------------


def test_its_size_is_known_and_another_is_refused():
    model = small(size=20)

    assert adapt(model, preprocessing="imagenet").view(50, 60).height == 20
    with pytest.raises(InvalidInput, match=r"must be \(20, 20\).*got \(16, 16\)"):
        adapt(model, preprocessing="imagenet", input_size=16)


def test_any_size_needs_one():
    model = small(size=None)

    assert adapt(model, preprocessing="0..1", input_size=(16, 20)).preprocessing.size == (16, 20)
    with pytest.raises(InvalidInput, match="takes pictures of any size; give input_size"):
        adapt(model, preprocessing={"mean": [0.5]})


def test_channels_stand_where_its_shape_says():
    taken = keras.Input((3, 10, 12))
    model = keras.Model(taken, layers.Dense(2)(layers.Flatten()(taken)))
    adapted = adapt(model, preprocessing="0..1")

    assert adapted.layout == "NCHW"
    assert adapted.prepare(np.zeros((10, 12, 3), np.float32)).shape == (3, 10, 12)
    assert adapt(small(channels=1), preprocessing="0..1").channels == 1


def test_integers_get_rounded_pictures():
    taken = keras.Input((16, 16, 3), dtype="uint8")
    inner = small(layers.Rescaling(1 / 255), last=None)
    model = keras.Model(taken, inner(keras.ops.cast(taken, "float32")))
    native, compiled = (adapt(model, runtime=runtime) for runtime in ("native", "openvino"))

    np.testing.assert_allclose(ask(native), answers(model, np.rint(PICTURES * 255).astype(np.uint8)), rtol=1e-5)
    np.testing.assert_allclose(ask(compiled), ask(native), rtol=1e-4)


def test_several_inputs_are_refused_and_of_outputs_one_is_chosen():
    one, two = keras.Input((16, 16, 3)), keras.Input((16, 16, 3))
    flat = layers.Flatten()(layers.Add()([one, two]))

    with pytest.raises(InvalidInput, match=r"must take one input, .*it takes 2"):
        adapt(keras.Model([one, two], layers.Dense(2)(flat)), preprocessing="0..1")
    alone = keras.Model(one, layers.Dense(2, name="answers")(layers.Flatten()(one)))
    both = keras.Model(one, [layers.Flatten(name="flat")(one), *alone.outputs])
    with pytest.raises(InvalidInput, match="gives 2 outputs, flat, answers; choose one by output_name"):
        adapt(both, preprocessing="0..1")
    with pytest.raises(InvalidInput, match=r"output_name must be one of .*, flat, answers, got 'logits'"):
        adapt(both, preprocessing="0..1", output_name="logits")
    for runtime in ("native", "openvino"):
        chosen = adapt(both, preprocessing="0..1", output_name="answers", runtime=runtime)
        np.testing.assert_allclose(ask(chosen), answers(alone, PICTURES), rtol=1e-4, atol=1e-5)
    assert len(both.outputs) == 2


def test_outputs_have_the_names_of_a_dict_or_numbers_where_layers_are_shared():
    one, shared = keras.Input((16, 16, 3)), layers.Dense(2, name="shared")
    flat = layers.Flatten()(one)
    first, second = shared(flat), shared(flat * 3)
    kept = keras.Model(one, {"b": first, "a": second})
    twice = keras.Model(one, [first, second])
    for both, names in ((kept, "ba"), (twice, "01")):
        for name, alone in zip(names, (first, second), strict=True):
            for runtime in ("native", "openvino"):
                chosen = adapt(both, preprocessing="0..1", output_name=name, runtime=runtime)
                np.testing.assert_allclose(
                    ask(chosen), answers(keras.Model(one, alone), PICTURES), rtol=1e-4, atol=1e-5
                )
    with pytest.raises(InvalidInput, match=r"outputs of .*, 0, 1, got 'shared'"):
        adapt(twice, preprocessing="0..1", output_name="shared")


def test_what_a_subclass_gives_is_chosen_when_it_answers():
    class Both(keras.Model):
        def __init__(self, wrap):
            super().__init__()
            self.dense, self.wrap = layers.Dense(3, name="dense"), wrap

        def call(self, pictures, training=False):
            features = self.dense(pictures)
            return self.wrap(features, keras.ops.mean(features, axis=(1, 2)))

    for wrap, name in ((lambda x, y: {"map": x, "rows": y}, "rows"), (lambda x, y: (x, y), "1")):
        model = Both(wrap)
        expected = np.asarray(model(PICTURES)["rows" if name == "rows" else 1].detach())
        for output_name in (None, name):
            for runtime in ("native", "openvino"):
                got = adapt(model, preprocessing="0..1", input_size=16, output_name=output_name, runtime=runtime)
                np.testing.assert_allclose(ask(got), expected, rtol=1e-4, atol=1e-5)
                assert bool([note for note in got.notes if "was read" in note]) is (output_name is None)
        with pytest.raises(InvalidInput, match=r"output_name='.*', got"):
            adapt(model, preprocessing="0..1", input_size=16, output_name="map" if name == "rows" else "0")


def test_a_map_of_scores_is_refused():
    taken = keras.Input((16, 16, 3))

    with pytest.raises(InvalidInput, match=r"must answer with a row of numbers a picture, got \(2, 16, 16, 4\)"):
        adapt(keras.Model(taken, layers.Conv2D(4, 1)(taken)), preprocessing="0..1")


def test_settings_that_are_not_its_own_are_refused():
    with pytest.raises(InvalidInput, match="device is not a setting of the model"):
        adapt(small(), preprocessing="0..1", device="cpu")


# --- how a photo is prepared -----------------------------------------------------------------------------------


def test_preprocessing_is_never_guessed():
    with pytest.raises(InvalidInput, match="does not say how a photo must be prepared"):
        adapt(small())
    with pytest.raises(InvalidInput, match="does not say how a photo must be prepared"):
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
    assert any("first layer rescales, so it was given 0..255" in note for note in adapted.notes)
    np.testing.assert_allclose(ask(adapted), answers(model, PICTURES * 255), atol=1e-5)
    assert adapt(model, runtime="native", preprocessing="0..1").notes == ()


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
    assert any("its labels for ImageNet's" in note for note in model.notes)
    assert not any("ResNet50" in note for note in plain.notes)
    assert adapt(small(name="xception")).labels is None


# --- by name, and from files -----------------------------------------------------------------------------------


def test_an_untrained_application_is_the_same_each_time():
    random.seed(5)
    before = random.getstate()

    one = load_model("keras:MobileNetV3Small:none", runtime="native")
    assert random.getstate() == before
    random.seed(6)
    two = load_model("keras:MobileNetV3Small:none", runtime="native")

    assert one.fingerprint == two.fingerprint
    assert "keras:MobileNetV3Small:none is untrained" in one.notes
    assert (one.preprocessing.scale, one.preprocessing.size) == (255, (224, 224))
    assert one.labels == imagenet.labels()


@pytest.mark.parametrize("rest", ["", "xception", "Xception:best", "ResNet"])
def test_an_unknown_application_brings_the_known_ones(rest):
    with pytest.raises(InvalidInput, match="must be one of Xception, InceptionV3"):
        load_model(f"keras:{rest}")


def test_weights_that_cannot_be_fetched_are_named(monkeypatch):
    def offline(**_):
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "Xception", offline)

    with pytest.raises(ModelError, match=r"URL fetch failure.*without a network.*keras:Xception:none"):
        load_model("keras:Xception")


def test_the_backend_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)

    with pytest.raises(seewhy.MissingExtra, match=r"seewhy\[keras\]"):
        load_model("keras:Xception:none")


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_file_is_read(tmp_path, ending):
    model = small(layers.Rescaling(1 / 255))
    model.save(tmp_path / f"mine{ending}")
    read = load_model(f"keras:{tmp_path / f'mine{ending}'}")

    np.testing.assert_allclose(ask(read), answers(model, PICTURES * 255), atol=1e-5)
    assert read.name == f"keras:mine{ending}"


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_file_with_code_is_refused(tmp_path, ending):
    taken = keras.Input((16, 16, 3))
    inner = layers.Lambda(lambda x: x * 2)(taken)
    keras.Model(taken, layers.Dense(2)(layers.Flatten()(inner))).save(tmp_path / f"code{ending}")

    with pytest.raises(InvalidInput, match=r"code\.\w+ holds Python code \(a Lambda layer\), which is never run"):
        load_model(f"keras:{tmp_path / f'code{ending}'}")


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "broken.keras").write_bytes(b"nothing")

    with pytest.raises(InvalidInput, match="must name a file"):
        load_model(f"keras:{tmp_path / 'absent.keras'}")
    with pytest.raises(ModelError, match=r"broken\.keras cannot be read"):
        load_model(f"keras:{tmp_path / 'broken.keras'}")


def test_its_fingerprint_is_of_structure_and_weights():
    model, other = small(), small(last="sigmoid")
    changed = small()
    changed.weights[0].assign_add(np.full(changed.weights[0].shape, 1e-3))

    assert digest(model) == digest(small())  # though its layers have other names
    assert len({digest(model), digest(other), digest(changed)}) == 3


def test_other_objects_are_not_its_own():
    assert adapt(lambda batch: batch) is None
    assert adapt(layers.Dense(3)) is None


def test_an_object_of_keras_comes_to_its_adapter():
    assert load_model(small(), preprocessing="0..1").identity.startswith("keras:sha256:")


# --- what it explains ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", ["native", "openvino"])
def test_an_explanation_is_that_of_a_function(runtime):
    model = small()
    own = adapt(model, preprocessing={"mean": [0.5], "std": [0.5], "interpolation": "bicubic"}, runtime=runtime)
    function = FunctionModel(lambda batch: answers(model, batch * 2 - 1), input_size=16, kind="probability")

    ours, plain = (seewhy.explain(PHOTO, model=one, method=LIME, seed=3) for one in (own, function))

    assert np.abs(plain.values(0)).max() > 1e-3
    assert [one.index for one in ours.targets] == [one.index for one in plain.targets]
    np.testing.assert_allclose(ours.values(0), plain.values(0), atol=1e-4)


@pytest.mark.parametrize("runtime", ["native", "auto"])
def test_the_corner_that_it_reads_lights_up(runtime):
    kernel = np.zeros((16, 16, 3, 2), np.float32)
    kernel[:8, 8:, :, 1] = 1 / (8 * 8 * 3)
    taken = keras.Input((16, 16, 3))
    dense = layers.Dense(2, use_bias=False)
    model = keras.Model(taken, dense(layers.Flatten()(taken)))
    dense.kernel.assign(kernel.reshape(-1, 2))
    photo = np.full((32, 32, 3), 255, np.uint8)

    adapted = adapt(model, preprocessing="0..1", head="regression", runtime=runtime)
    found = seewhy.explain(photo, model=adapted, targets=[1], method=LIME.replace(fill="black"))

    values = found.values(0).reshape(4, 4)
    np.testing.assert_allclose(values[:2, 2:], 0.25, atol=0.01)
    assert max(np.abs(values[2:]).max(), np.abs(values[:, :2]).max()) < 0.01
