"""A batch size that is said for a run reaches whoever loads the model, which is asked before the run begins."""

import sys

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.api import loaded
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.evaluate import evaluate
from seewhy.study import study
from seewhy.tune import tune
from support.refusing import refuses

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

PHOTO = np.random.default_rng(5).integers(30, 220, (24, 24, 3), dtype=np.uint8)
ASKED = {"method": seewhy.Lime(segmentation="grid", n_samples=24), "seed": 0}
SAID = {"preprocessing": {"size": (12, 12)}, "runtime": "native"}


class OneByOne(torch.nn.Module):
    """Answers for a single picture, as exported programs often do."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.last = torch.nn.Linear(3 * 12 * 12, 3)

    def forward(self, pictures):
        return self.last(pictures.reshape(1, 3 * 12 * 12))


class Many(OneByOne):
    """The same for any number."""

    def forward(self, pictures):
        return self.last(pictures.flatten(1))


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A module of networks, and a model by name that must be told how to prepare a photo."""
    (tmp_path / "seewhy_nets.py").write_text(
        "from test_batch_size import Many, OneByOne, SAID\n"
        "import seewhy\n"
        "single, many = OneByOne(), Many()\n"
        "loaded = seewhy.load_model(many, **SAID)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "test_batch_size", sys.modules[__name__])
    yield {"name": "py:seewhy_nets:single", **SAID}
    sys.modules.pop("seewhy_nets", None)


def test_a_model_of_single_pictures_is_explained_by_what_its_error_advises(named):
    with refuses(ModelError, "model", value=(3, 12, 12)):
        seewhy.explain(PHOTO, model=named, **ASKED)
    found = seewhy.explain(PHOTO, model=named, batch_size=1, **ASKED)
    plain = seewhy.explain(PHOTO, model=seewhy.load_model(Many(), **SAID), **ASKED)

    np.testing.assert_allclose(found.values(), plain.values(), atol=1e-5)
    assert found.model.fingerprint == seewhy.load_model(named, batch_size=1).fingerprint


@pytest.mark.preflight
def test_so_is_it_checked(named):
    with refuses(ModelError, "model", value=(3, 12, 12)):
        seewhy.check(named, PHOTO)
    assert seewhy.check(named, PHOTO, batch_size=1).classes == 3


def test_so_are_several_photos(named):
    found = list(seewhy.explain_many([PHOTO, PHOTO], model=named, batch_size=1, **ASKED))

    np.testing.assert_array_equal(found[0].values(), found[1].values())


def sizes(model, **asked):
    """Return the sizes of the batches that a function was sent."""
    sent = []

    def counted(batch):
        sent.append(len(batch))
        return batch.mean(axis=(1, 2))

    seewhy.explain(PHOTO, model=model(counted), **ASKED, **asked)
    return set(sent)


def test_of_two_sizes_that_were_said_the_smaller_one_counts():
    def of_four(function):
        return seewhy.load_model(function, batch_size=4)

    assert max(sizes(of_four)) == 4
    assert max(sizes(of_four, batch_size=8)) == 4
    assert max(sizes(of_four, batch_size=3)) == 3
    assert max(sizes(lambda function: function, batch_size=8)) == 8
    net = seewhy.load_model(Many(), batch_size=2, **SAID)
    assert loaded(net, 16) == (net, 2)


def test_a_size_that_a_dict_says_is_kept_too(named):
    both = named | {"batch_size": 1}

    assert loaded(both, 16)[1] == 1
    assert loaded(named | {"name": "py:seewhy_nets:many", "batch_size": 8}, 2)[1] == 2


def test_a_model_that_is_loaded_already_has_no_such_setting(named):
    found, size = loaded("py:seewhy_nets:loaded", 4)

    assert (found.name, size) == ("Many", 4)
    assert loaded(found, 4) == (found, 4)
    assert loaded(None, 4) == (seewhy.load_model(), 4)
    with refuses(InvalidInput, "head", rule="not a setting"):
        loaded({"name": "py:seewhy_nets:loaded", "head": "logits"}, 4)


@pytest.mark.parametrize("command", ["evaluate", "tune", "study"])
def test_what_grades_many_explanations_tells_it_the_model_too(command, named, tmp_path):
    Pillow.fromarray(PHOTO).save(tmp_path / "photo.png")
    photo, asked = tmp_path / "photo.png", {"model": named, "batch_size": 1, "progress": False}
    if command == "evaluate":
        found = evaluate(photo, methods=[ASKED["method"]], metrics=["complexity"], baselines=(), **asked)
        assert found.faults == {}
    elif command == "study":
        menu = {"sampling": {"lime": ASKED["method"]}}
        assert study(photo, menu=menu, n_samples=24, **asked).faults.photos == {}
    else:
        free = {"num_features": [None], "regions": [1]}
        assert tune(photo, start=ASKED["method"], search=False, n_samples=24, free=free, **asked).trials
