"""Keras models, on the torch backend: what they take, what they answer, and what is explained by them."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.models import FunctionModel
from seewhy.models.keras.structure import last_layer
from seewhy.testing import check_model
from support.keras_nets import MARKS, PICTURES, adapt, answers, ask, keras, layers, small
from support.refusing import refuses

pytestmark = MARKS
PHOTO = np.random.default_rng(1).integers(0, 256, (32, 40, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), n_samples=200)


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

    options = {"preprocessing": "0..1", "input_size": 16, "runtime": runtime, "head": "logits"}
    one, two = (ask(adapt(model, **options)) for _ in range(2))

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
    with refuses(InvalidInput, "input_size", value="(16, 16)"):
        adapt(model, preprocessing="imagenet", input_size=16)


def test_any_size_needs_one():
    model = small(size=None)

    assert adapt(model, preprocessing="0..1", input_size=(16, 20)).preprocessing.size == (16, 20)
    with refuses(InvalidInput, "input_size", rule="be given"):
        adapt(model, preprocessing={"mean": [0.5]})
    with refuses(InvalidInput, "input_size", value="-1..1"):
        adapt(model, preprocessing="-1..1")


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

    with refuses(InvalidInput, "model", value=2):
        adapt(keras.Model([one, two], layers.Dense(2)(flat)), preprocessing="0..1")
    alone = keras.Model(one, layers.Dense(2, name="answers")(layers.Flatten()(one)))
    both = keras.Model(one, [layers.Flatten(name="flat")(one), *alone.outputs])
    with refuses(InvalidInput, "output_name", rule="be given"):
        adapt(both, preprocessing="0..1")
    with refuses(InvalidInput, "output_name", value="logits"):
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
    with refuses(InvalidInput, "output_name", value="shared"):
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
                assert bool([note for note in got.notes if "set output_name" in note]) is (output_name is None)
        with pytest.raises(InvalidInput, match=r"output_name='.*', got"):
            adapt(model, preprocessing="0..1", input_size=16, output_name="map" if name == "rows" else "0")


def test_a_map_of_scores_is_refused():
    taken = keras.Input((16, 16, 3))

    with refuses(InvalidInput, "model", rule="return one row of numbers per image"):
        adapt(keras.Model(taken, layers.Conv2D(4, 1)(taken)), preprocessing="0..1")


def test_settings_that_are_not_its_own_are_refused():
    with refuses(InvalidInput, "device", rule="not a setting"):
        adapt(small(), preprocessing="0..1", device="cpu")


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
