"""Results and models go to other processes, and are copied."""

from __future__ import annotations

import copy
import io
import multiprocessing
import pickle
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from skimage import data

import seewhy
from seewhy.models.recipes import Recipe, can_be_pickled
from support.pickled import Colors, colors, quarters
from support.refusing import refuses

DATA = Path(__file__).parents[1] / "data"
PHOTO = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), n_samples=20)


def through_pickle(thing):
    return pickle.loads(pickle.dumps(thing))


def through_joblib(thing):
    joblib = pytest.importorskip("joblib")
    held = io.BytesIO()
    joblib.dump(thing, held)
    held.seek(0)
    return joblib.load(held)


WAYS = [through_pickle, through_joblib, copy.copy, copy.deepcopy]


def check_alike(found, result, way, tmp_path):
    np.testing.assert_array_equal(found.heatmap(), result.heatmap())
    assert found.warnings == result.warnings
    assert found.seconds_model == result.seconds_model
    names = [tmp_path / f"{name}.seewhy" for name in ("there", "here")]
    assert found.save(names[0]).read_bytes() == result.save(names[1]).read_bytes()
    if way is not copy.copy:
        assert found.samples is not result.samples


@cache
def explained(model, method):
    """Return a result, and one that went on from it."""
    if method == "ensemble-lime":
        method = seewhy.EnsembleLime(n_samples=400)
    result = seewhy.explain(PHOTO, model=model, method=method)
    result.segments, result.seen  # noqa: B018 - what is computed once is not sent along
    return result, result.continue_(n_samples=len(result.samples) + 100)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", [LIME, seewhy.Rise(n_samples=20, grid=3), "ensemble-lime"])
@pytest.mark.parametrize("model", [None, colors, Colors(3)], ids=["embedded", "function", "callable"])
def test_a_result_comes_back_as_it_was_and_goes_on(way, method, model, tmp_path):
    result, straight = explained(model, method)
    found = way(result)

    check_alike(found, result, way, tmp_path)
    again = found.continue_(n_samples=len(straight.samples))
    np.testing.assert_array_equal(again.heatmap(), straight.heatmap())
    if method is LIME:
        assert found.compare().names == result.compare().names
        assert found.smallest_region().share == result.smallest_region().share
        assert found.refit(num_features=2).values().size == result.values().size


@pytest.mark.slow
def test_the_model_is_loaded_when_it_is_needed(monkeypatch):
    result = seewhy.explain(PHOTO, method=LIME)
    written = pickle.dumps(result)
    loads = []
    monkeypatch.setattr(Recipe, "load", lambda self: loads.append(self.model) or seewhy.load_model(self.model))

    found = pickle.loads(written)
    found.heatmap()
    assert loads == []
    found.continue_(n_samples=30)
    found.continue_(n_samples=40)
    assert loads == [seewhy.models.DEFAULT]
    assert len(written) < 1_000_000  # no weights


def local(function):
    """A function that no name leads to."""
    return lambda pictures: function(pictures)  # noqa: PLW0108 - that is the point


@pytest.mark.parametrize(
    "model", [local(colors), Colors(threading.Lock()), Colors(lambda: 0)], ids=["lambda", "lock", "held"]
)
def test_a_function_that_cannot_be_pickled_stays_behind_and_is_named(model, tmp_path):
    result = seewhy.explain(PHOTO, model=model, method=LIME)
    found = through_pickle(through_pickle(result))

    check_alike(found, result, through_pickle, tmp_path)
    for asks in (found.smallest_region, found.continue_):
        with refuses(seewhy.InvalidInput, "model") as refused:
            asks()
        assert refused.value.setting == "model"
    assert found.continue_(n_samples=40, model=model).n_evaluations > result.n_evaluations
    shared = copy.deepcopy(result)
    assert shared.black_box is result.black_box
    assert shared.smallest_region().share == result.smallest_region().share


def test_a_function_among_the_settings_stays_behind_as_in_a_file():
    lime = LIME.replace(segmentation=local(quarters))
    result = seewhy.explain(PHOTO, model=colors, method=lime)
    found = through_pickle(result)

    np.testing.assert_array_equal(found.values(), result.values())
    assert copy.deepcopy(result).method is result.method
    named = through_pickle(seewhy.explain(PHOTO, model=colors, method=LIME.replace(segmentation=quarters)))
    assert named.method.segmentation.function is quarters


@pytest.mark.slow
def test_results_of_several_photos_can_be_pickled():
    results = list(seewhy.explain_many([PHOTO, PHOTO[::-1]], model=None, method=LIME))

    for found, result in zip(through_pickle(results), results, strict=True):
        np.testing.assert_array_equal(found.values(), result.values())
        assert found.continue_(n_samples=30).n_evaluations > result.n_evaluations


def test_models_come_back(tmp_path, monkeypatch):
    embedded = seewhy.load_model(None)
    assert through_pickle(embedded) is embedded
    assert through_pickle(seewhy.load_model("efficientnet-lite0")) is embedded
    wrapped = seewhy.load_model(colors, head="softmax", labels=["r", "g", "b"])
    assert through_pickle(wrapped).labels == ("r", "g", "b")
    assert copy.deepcopy(wrapped).function is colors
    assert copy.deepcopy(embedded).runtime is embedded.runtime
    assert copy.copy(embedded).runtime is embedded.runtime


def test_a_model_of_a_file_is_found_from_another_folder(tmp_path, monkeypatch):
    pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
    monkeypatch.chdir(DATA)
    model = seewhy.load_model("tflite:tiny_float.tflite", preprocessing="0..1")
    result = seewhy.explain(PHOTO, model=model, method=LIME)
    monkeypatch.chdir(tmp_path)

    assert through_pickle(model).fingerprint == model.fingerprint
    assert through_pickle(result).continue_(n_samples=30).n_evaluations > result.n_evaluations


def test_a_result_that_the_original_answered_goes_on_too():
    pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
    model = seewhy.load_model(f"tflite:{DATA / 'tiny_float.tflite'}", preprocessing="0..1", runtime="native")
    found = through_pickle(seewhy.explain(PHOTO, model=model, method=LIME))

    assert found.continue_(n_samples=30).complete


@pytest.mark.slow
def test_a_torch_module_is_pickled_if_it_can():
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    parts = [torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3)]
    net = torch.nn.Sequential(*parts)
    options = {"preprocessing": seewhy.Preprocessing(size=(32, 32)), "head": "logits"}
    result = seewhy.explain(PHOTO, model=seewhy.load_model(net, **options), method=LIME)
    for way in WAYS:
        assert way(result).continue_(n_samples=30).n_evaluations > result.n_evaluations
    net.register_forward_hook(lambda *_: None)
    hooked = seewhy.explain(PHOTO, model=seewhy.load_model(net, **options), method=LIME)
    with refuses(seewhy.InvalidInput, "model"):
        through_pickle(hooked).smallest_region()
    assert copy.deepcopy(hooked).smallest_region().share == hooked.smallest_region().share


def _explained(seed):
    return seewhy.explain(PHOTO, method=LIME, seed=seed)


@pytest.mark.slow
def test_workers_of_a_pool_give_results_back():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map(_explained, [0, 1])

    for seed, one in enumerate(found):
        np.testing.assert_array_equal(one.values(), _explained(seed).values())
        assert one.continue_(n_samples=30).complete


def test_parts_of_a_result_can_be_pickled():
    result = seewhy.explain(PHOTO, model=colors, method=LIME)
    parts = [result.image, result.samples, result.view, result.scene, result.compare(), result.smallest_region()]

    for way in WAYS:
        for part in [*parts, result.method, seewhy.check(colors, data.chelsea()[::8, ::8]), *result.attributions]:
            assert type(way(part)) is type(part)
        np.testing.assert_array_equal(way(result.image).pixels, result.image.pixels)
        np.testing.assert_array_equal(way(result.samples).bits, result.samples.bits)


def test_what_can_be_pickled_is_known_without_keeping_it():
    assert can_be_pickled(colors)
    assert not can_be_pickled(lambda: 0)
    assert not can_be_pickled({"deep": [threading.Lock()]})
