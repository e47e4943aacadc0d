"""Keras models by name, from files and as objects: fetched, read, told apart, and no code of theirs run."""

import random
import sys

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import imagenet, load_model
from seewhy.models.keras.structure import digest
from support.keras_nets import MARKS, PICTURES, adapt, answers, ask, keras, layers, small
from support.refusing import refuses

pytestmark = MARKS


@pytest.mark.slow
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
    with refuses(InvalidInput, "keras:NAME", rule="be one of Xception, InceptionV3,"):
        load_model(f"keras:{rest}")


def test_weights_that_cannot_be_fetched_are_named(monkeypatch):
    def offline(**_):
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "Xception", offline)

    with refuses(ModelError, "model", value="keras:Xception"):
        load_model("keras:Xception")


def test_the_backend_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)

    with refuses(seewhy.MissingExtra, "keras", value="keras"):
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

    with refuses(InvalidInput, "model", rule="contain no code"):
        load_model(f"keras:{tmp_path / f'code{ending}'}")


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "broken.keras").write_bytes(b"nothing")

    with refuses(InvalidInput, "absent.keras", rule="be a file"):
        load_model(f"keras:{tmp_path / 'absent.keras'}")
    with refuses(ModelError, "keras:broken.keras", rule="be a whole file of Keras"):
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
