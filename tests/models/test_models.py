"""Models: how they are named, and functions as models."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.types import ScoreKind
from seewhy.models import MODELS, FunctionModel, load_model
from seewhy.models.hints import SUFFIXES
from support.refusing import refuses

BATCH = np.random.default_rng(0).random((4, 5, 6, 3), dtype=np.float32)


def mean_color(pictures):
    return pictures.mean(axis=(1, 2))


class Broken:
    """A callable with the name of its class, of the wrong shape."""

    def __call__(self, pictures):
        return np.zeros((3, 10))


def ask(function, *batches, **settings):
    return list(FunctionModel(function, **settings).stream(batches or [BATCH]))


# --- functions -------------------------------------------------------------------------------------------------


def test_a_function_is_asked_batch_by_batch():
    first, second = ask(mean_color, BATCH, BATCH[:1])

    np.testing.assert_allclose(first, BATCH.mean(axis=(1, 2)))
    np.testing.assert_array_equal(second, first[:1])
    assert first.dtype == np.float32


@pytest.mark.parametrize("answer", [[1, 2, 3, 4], (True, False, True, True), np.arange(4.0), np.arange(4)[:, None]])
def test_one_score_a_picture_is_one_class(answer):
    (scores,) = ask(lambda _: answer)

    np.testing.assert_array_equal(scores[:, 0], np.asarray(answer, np.float32).ravel())
    assert scores.shape == (4, 1)


def test_a_function_may_use_its_own_array_again():
    own = np.zeros((4, 2))

    def counting(_):
        own[:] += 1
        return own

    first, second = ask(counting, BATCH, BATCH)

    assert first.max() == 1
    assert second.max() == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.zeros((3, 10)), r"shape \(3, 10\) for 4 pictures"),
        (np.zeros((4, 2, 2)), r"shape \(4, 2, 2\) for 4 pictures"),
        (np.zeros((4, 0)), r"shape \(4, 0\) for 4 pictures"),
        (0.5, r"shape \(\) for 4 pictures"),
        ("cat", "an object of type str"),
        (None, "an object of type NoneType"),
        ([[1, 2], [3], [4], [5]], "an object of type list"),
        (np.zeros((4, 2), complex), "complex128"),
        (np.where(np.arange(40).reshape(4, 10) == 27, np.nan, 0), "returned nan at image 2, class 7"),
        ([1, 2, -np.inf, 4], "returned -inf at image 2, class 0"),
        ([1e300, 0, 0, 0], r"returned 1e\+300 at image 0, class 0"),
    ],
)
def test_nonsense_is_refused_with_rule_and_value(answer, words):
    with refuses(ModelError, "model", value="nonsense"):
        ask(lambda _: answer, name="nonsense")


def test_the_number_of_classes_may_not_change():
    with refuses(ModelError, "model", value="test_the_number_of_classes_may_not_change.<locals>.<lambda>"):
        ask(lambda pictures: np.zeros((len(pictures), len(pictures))), BATCH, BATCH[:1])


@pytest.mark.parametrize("labels", [(), ("red", "green")])
def test_there_must_be_as_many_labels_as_classes(labels):
    with refuses(ModelError, "model", value="mean_color"):
        ask(mean_color, labels=labels)


def test_its_own_errors_keep_their_type_and_say_where():
    def failing(_):
        raise KeyError("weights")

    with pytest.raises(KeyError) as caught:
        ask(failing, name="mine")

    assert caught.value.__notes__ == ["in model mine, batch of 4 images (4, 5, 6, 3)"]


def test_a_function_says_what_it_is():
    model = FunctionModel(mean_color, labels=["r", "g", "b"], kind="score", channels=3, batch_size=7)

    assert (model.name, model.labels, model.kind) == ("mean_color", ("r", "g", "b"), "score")
    assert (model.channels, model.batch_size, model.layout, model.in_flight) == (3, 7, "NHWC", 0)
    assert model.fingerprint == f"function:{__name__}.mean_color"
    assert FunctionModel(Broken()).name == "Broken"
    assert FunctionModel(Broken(), name="other").name == "other"


def test_a_function_sees_the_photo_whole():
    own, square = FunctionModel(mean_color), FunctionModel(mean_color, input_size=32)
    wide = FunctionModel(mean_color, input_size=(20, 30))

    assert [(v.height, v.width, v.whole) for v in (m.view(48, 64) for m in (own, square, wide))] == [
        (48, 64, True),
        (32, 32, True),
        (20, 30, True),
    ]
    np.testing.assert_array_equal(own.prepare(BATCH[0].transpose(1, 0, 2)), BATCH[0].transpose(1, 0, 2))
    assert own.prepare(BATCH[0].transpose(1, 0, 2)).flags.c_contiguous


@pytest.mark.parametrize(
    "settings",
    [
        *({"input_size": value} for value in (0, -1, 1.5, "big", (3,), (3, 0), (3, 4, 5), [3, 4], True)),
        *({name: value} for name in ("channels", "batch_size") for value in (0, -2, 2.0, "3", True)),
        {"kind": "percent"},
        {"labels": "abc"},
        {"labels": [1, 2]},
    ],
    ids=str,
)
def test_a_bad_setting_is_named(settings):
    (name,) = settings

    with refuses(InvalidInput, f"FunctionModel.{name}"):
        FunctionModel(mean_color, **settings)


def test_kinds_are_those_of_the_protocol():
    assert [FunctionModel(mean_color, kind=kind).kind for kind in get_args(ScoreKind)] == list(get_args(ScoreKind))


# --- load_model ------------------------------------------------------------------------------------------------


def test_the_default_is_the_embedded_model_built_once():
    assert load_model() is load_model("efficientnet-lite0")
    assert load_model().name == "efficientnet-lite0"


def test_a_model_is_itself_and_a_function_is_wrapped():
    model = FunctionModel(mean_color)

    assert load_model(model) is model
    assert load_model(mean_color).name == "mean_color"


def test_a_name_of_python_is_imported(tmp_path, monkeypatch):
    (tmp_path / "seewhy_test_mine.py").write_text(
        "from seewhy.models import FunctionModel\n"
        "def predict(pictures): return pictures.mean(axis=(1, 2))\n"
        "class Namespace: inner = staticmethod(predict)\n"
        "ready = FunctionModel(predict, name='ready')\n"
        "number = 7\n"
    )
    (tmp_path / "seewhy_test_broken.py").write_text("import seewhy_test_absent\n")
    (tmp_path / "seewhy_test_failing.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    assert load_model("py:seewhy_test_mine:predict").name == "predict"
    assert load_model("py:seewhy_test_mine:Namespace.inner").name == "predict"
    assert load_model("py:seewhy_test_mine:ready").name == "ready"
    with refuses(InvalidInput, "model"):
        load_model("py:seewhy_test_mine:number")
    with refuses(InvalidInput, "model", value="py:seewhy_test_mine:absent"):
        load_model("py:seewhy_test_mine:absent")
    with refuses(InvalidInput, "model"):
        load_model("py:seewhy_test_absent.inner:predict")
    with pytest.raises(ModuleNotFoundError) as caught:
        load_model("py:seewhy_test_broken:predict")
    assert caught.value.__notes__ == ["while importing seewhy_test_broken for the model"]
    with pytest.raises(ZeroDivisionError):
        load_model("py:seewhy_test_failing:predict")


@pytest.mark.parametrize("place", ["py:", "py:module", "py::predict", "py:module:"])
def test_a_name_of_python_has_two_parts(place):
    with refuses(InvalidInput, "model", rule="be py:module:attribute"):
        load_model(place)


def test_an_unknown_name_brings_the_known_ones():
    with refuses(InvalidInput, "model", rule="be a known name"):
        load_model("efficientnet_lite")
    for name, meant in {
        "net.onnx": "onnx",
        "a/net.XML": "openvino",
        "net.keras": "keras",
        "n.pt2": "torchexport",
    }.items():
        with refuses(InvalidInput, "model", value=name) as refused:
            seewhy.load_model(name)
        assert f"{meant}:{name}" in str(refused.value)
    with refuses(InvalidInput, "model", rule="be a known name"):
        load_model("zzz")
    assert list(MODELS) == [f"efficientnet-lite{number}" for number in range(3)]


@pytest.mark.parametrize(
    ("model", "what"), [(7, "type int"), (b"x", "type bytes"), (FunctionModel, "class FunctionModel")]
)
def test_anything_else_is_named(model, what):
    with refuses(InvalidInput, "model", rule="be a name, a callable, or have view, prepare") as refused:
        load_model(model)
    assert what in str(refused.value)


# --- what is no model, and what it was probably meant to be -----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            "m.pth",
            ("files of torch.save are pickles, which seewhy never reads, and weights alone are not a network: build"),
        ),
        ("run/epoch=3.CKPT", "files of torch.save are pickles"),
        ("model.safetensors", "weights alone are not a network: .* for a folder of transformers use hf:FOLDER"),
        ("http://host:8000/v2/models/x", r"did you mean kserve:http://host:8000/v2/models/x\?"),
        ("https://host/v1/models/x", r"did you mean tfserving:https://host/v1/models/x\?"),
        ("https://host/predict", "for a model server use kserve:URL/v2/models/NAME or tfserving:URL/v1/models/NAME"),
        ("a" * 5000, "a"),
    ],
)
def test_a_text_that_names_no_model_brings_what_it_may_mean(text, hint):
    with refuses(InvalidInput, "model", rule="be a known name"):
        load_model(text)


def test_a_folder_is_told_by_what_it_holds(tmp_path):
    saved, transformers = tmp_path / "saved", tmp_path / "transformers"
    for folder, file in ((saved, "saved_model.pb"), (transformers, "config.json")):
        folder.mkdir()
        (folder / file).touch()
    for model in (f"{saved}", saved, f"keras:{saved}", f"openvino:{saved}"):
        with pytest.raises(InvalidInput, match=rf"a SavedModel .*ovc {saved} --compress.* openvino:saved\.xml"):
            load_model(model)
    for model, rule in ((f"{transformers}", "be a known name"), (transformers, "end in one of")):
        with refuses(InvalidInput, "model", rule=rule):
            load_model(model)


def test_a_path_is_the_file_that_its_ending_says():
    data = Path(__file__).parents[1] / "data" / "tiny_float.tflite"
    pytest.importorskip("ai_edge_litert", reason="the extra tflite is not installed")
    assert load_model(data, preprocessing="0..1").name == load_model(f"tflite:{data}", preprocessing="0..1").name
    with refuses(InvalidInput, "no.onnx", rule="be a file"):
        load_model(Path("no.onnx"))
    for other in ("net", "m.pth"):
        with refuses(InvalidInput, "model", rule="end in one of ") as found:
            load_model(Path(other))
        assert all(f"{ending}" in (found.value.rule or "") for ending in SUFFIXES)


@pytest.mark.parametrize("wrap", [lambda held: held, lambda held: {"epoch": 3, "model": held}])
def test_weights_alone_are_no_network(wrap):
    weights = {f"layer{i}.weight": np.zeros((64, 64)) for i in range(100)}
    with refuses(InvalidInput, "model", rule="be a name, a file, a URL or an object") as found:
        load_model(wrap(weights))
    assert len(str(found.value)) < 300
    with refuses(InvalidInput, "model", rule="be a name, a file, a URL or an object"):
        load_model({"seed": 3})


class Estimator:
    def predict_proba(self, features):
        return features


def test_objects_that_are_no_models_bring_what_to_hand_over_instead():
    with refuses(InvalidInput, "model", rule="be a name, a callable, or have view, prepare"):
        load_model(Estimator())
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    with refuses(InvalidInput, "model", rule="be a name, a callable, or have view, prepare"):
        load_model(onnx.ModelProto())


# --- arrays of other libraries -------------------------------------------------------------------------------


class Bare:
    """An array that speaks DLPack, and of which NumPy knows nothing else."""

    def __init__(self, values):
        self._values = values

    def __dlpack__(self, **how):
        return self._values.__dlpack__(**how)

    def __dlpack_device__(self):
        return self._values.__dlpack_device__()


class Foreign(Bare):
    """The same, refusing to be made an array."""

    def __array__(self, *_, **__):
        msg = "no"
        raise TypeError(msg)


def tilted(batch):
    return np.stack([batch.mean(axis=(1, 2, 3)), batch[:, 0, 0, 2]], axis=1)


PIXELS = np.random.default_rng(0).random((3, 4, 5, 3), dtype=np.float32)


@pytest.mark.parametrize(
    "wrap",
    [
        Foreign,
        lambda scores: scores.tolist(),
        lambda scores: pytest.importorskip("torch", reason="not installed").from_numpy(scores).requires_grad_(),
        lambda scores: pytest.importorskip("torch", reason="not installed").from_numpy(scores).double(),
    ],
    ids=["DLPack", "list", "torch with gradients", "torch float64"],
)
def test_scores_may_be_any_librarys_array(wrap):
    (scores,) = FunctionModel(lambda batch: wrap(tilted(batch))).stream([PIXELS])
    assert type(scores) is np.ndarray
    np.testing.assert_allclose(scores, tilted(PIXELS), rtol=1e-6)


def test_bfloat16_of_torch_is_read():
    torch = pytest.importorskip("torch", reason="not installed")
    (scores,) = FunctionModel(lambda batch: torch.from_numpy(tilted(batch)).bfloat16()).stream([PIXELS])
    np.testing.assert_allclose(scores, tilted(PIXELS), rtol=1e-2)


def test_a_function_of_torch_gets_channels_first():
    torch = pytest.importorskip("torch", reason="not installed")
    seen = []

    def function(tensor):
        seen.append((type(tensor), tuple(tensor.shape)))
        return torch.stack([tensor.mean(dim=(1, 2, 3)), tensor[:, 2, 0, 0]], dim=1)

    photo = (255 * PIXELS[0]).astype(np.uint8)
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=2), n_samples=30)
    got = seewhy.explain(photo, model=FunctionModel(function, takes="torch"), method=method, targets=1)
    assert seen[0] == (torch.Tensor, (1, 3, 4, 5))
    plain = seewhy.explain(photo, model=tilted, method=method, targets=1)
    np.testing.assert_allclose(got.values(), plain.values(), atol=1e-6)


def test_other_arrays_are_not_offered():
    with refuses(InvalidInput, "FunctionModel.takes", value="jax"):
        FunctionModel(tilted, takes="jax")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_an_array_of_dlpack_alone_is_read(dtype):
    (scores,) = FunctionModel(lambda batch: Bare(tilted(batch).astype(dtype))).stream([PIXELS])
    np.testing.assert_array_equal(scores, tilted(PIXELS).astype(dtype))
    with refuses(ModelError, "model", value="test_an_array_of_dlpack_alone_is_read.<locals>.<lambda>"):
        list(FunctionModel(lambda _: Bare(np.array("cat"))).stream([PIXELS]))


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz"])
def test_numbers_of_few_bits_are_read(name):
    kinds = pytest.importorskip("ml_dtypes", reason="not installed")
    few = tilted(PIXELS).astype(getattr(kinds, name))
    (scores,) = FunctionModel(lambda _: few).stream([PIXELS])
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, few.astype(np.float32))
    np.testing.assert_allclose(scores, tilted(PIXELS), rtol=0.15)


def test_complex_scores_are_refused():
    with refuses(ModelError, "model", value="test_complex_scores_are_refused.<locals>.<lambda>"):
        ask(lambda _: np.zeros((4, 2), np.complex64))
