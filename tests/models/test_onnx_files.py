"""ONNX files and sessions: the same answers as a plain function, and errors that say what to do."""

import sys

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput, MissingExtra, ModelError
from seewhy.models import imagenet, load_model
from seewhy.models.compiled.openvino_runtime import import_openvino
from support.planted import (
    BIAS,
    OPTIONS,
    PHOTO,
    SIDE,
    WEIGHTS,
    check_batches,
    check_planted,
    check_same,
    explained,
    reference,
)
from support.planted import logits as planted_logits
from support.refusing import refuses

onnx = pytest.importorskip("onnx", reason="files are made with it")
runtime = pytest.importorskip("onnxruntime", reason="files are run by it")

KINDS = {"float": np.float32, "float16": np.float16, "double": np.float64, "uint8": np.uint8}


def written(
    path,
    *,
    layout="NCHW",
    batch="n",
    size=SIDE,
    kind="float",
    end=None,
    weights=WEIGHTS,
    metadata=(),
    extra=(),
    external=False,
):
    """Write a file that flattens pictures and multiplies; ``extra`` are further inputs and outputs."""
    from onnx import TensorProto, helper, numpy_helper

    names = {"float": "FLOAT", "float16": "FLOAT16", "double": "DOUBLE", "uint8": "UINT8", "int64": "INT64"}
    given = getattr(TensorProto, names[kind])
    inner, number = (given, KINDS[kind]) if kind in {"float16", "double"} else (TensorProto.FLOAT, np.float32)
    channels = weights.shape[3]
    shape = [batch, channels, size, size] if layout == "NCHW" else [batch, size, size, channels]
    flat = weights.transpose(0, 3, 1, 2) if layout == "NCHW" else weights
    flat = np.ascontiguousarray(flat.reshape(len(weights), -1).T)
    nodes = [
        helper.make_node("Cast", ["images"], ["numbers"], to=inner),
        helper.make_node("Flatten", ["numbers"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
    ]
    last = "logits"
    if end:
        nodes.append(helper.make_node(end, ["logits"], ["answers"], **({"axis": 1} if end == "Softmax" else {})))
        last = "answers"
    outputs = [helper.make_tensor_value_info(last, inner, [batch, len(weights)])]
    inputs = [helper.make_tensor_value_info("images", given, shape)]
    if "output" in extra:  # one with four axes, before the answers
        nodes.append(helper.make_node("Identity", ["numbers"], ["seen"]))
        outputs.insert(0, helper.make_tensor_value_info("seen", inner, shape))
    if "input" in extra:
        nodes.append(helper.make_node("Identity", ["mask"], ["unused"]))
        inputs.append(helper.make_tensor_value_info("mask", inner, [batch, 1]))
        outputs.append(helper.make_tensor_value_info("unused", inner, [batch, 1]))
    held = [
        numpy_helper.from_array(flat.astype(number), "weights"),
        numpy_helper.from_array(BIAS[: len(weights)].astype(number), "bias"),
    ]
    graph = helper.make_graph(nodes, "planted", inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in dict(metadata).items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, path, save_as_external_data=external, location="numbers.data" if external else None)
    return f"onnx:{path}"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "planted.onnx"


# --- answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "options"),
    [
        ({"layout": "NCHW"}, {}),
        ({"layout": "NHWC"}, {}),
        ({"batch": 1}, {}),
        ({"batch": 3, "layout": "NHWC"}, {}),
        ({"batch": 3}, {"runtime": "native"}),
        ({"kind": "double"}, {}),
        ({"size": "side"}, {"input_size": SIDE}),
        ({}, {"runtime": "native", "batch_size": 2}),
    ],
    ids=str,
)
def test_it_explains_as_a_plain_function_does(file, how, options):
    got = check_same(load_model(written(file, **how), **(OPTIONS | options)))

    assert got.model.run_by.startswith("" if "runtime" in options else "OpenVINO f32")
    assert got.model.run_by or "runtime" in options


def test_half_precision_is_close_to_it(file):
    check_same(load_model(written(file, kind="float16"), runtime="native", **OPTIONS), atol=2e-3)


def test_it_points_at_what_the_network_reads_and_says_what_ran_it(file):
    got = check_planted(load_model(written(file), **OPTIONS))

    assert got.model.run_by.startswith("OpenVINO f32, up to")
    native = explained(load_model(f"onnx:{file}", runtime="native", **OPTIONS))
    assert native.model.run_by == ""
    for k in range(3):
        np.testing.assert_allclose(native.values(k), got.values(k), atol=1e-4)


@pytest.mark.parametrize("runtime_name", ["native", "openvino"])
@pytest.mark.parametrize("batch", [1, 2, "n"])
def test_five_together_are_five_alone(file, batch, runtime_name):
    check_batches(load_model(written(file, batch=batch), runtime=runtime_name, **OPTIONS))


def test_a_graph_of_bytes_takes_0_to_255(file):
    model = load_model(written(file, kind="uint8", layout="NHWC", weights=WEIGHTS / 255), head="logits")

    assert model.layout == "NHWC"
    assert any("takes integers, so photos are passed as RGB in 0..255" in note for note in model.notes)
    check_same(model, reference(planted_logits), atol=2e-3)  # fill and photo are whole numbers, and stay so


def test_a_gray_graph_gets_gray(file):
    gray = WEIGHTS.sum(axis=3, keepdims=True)
    model = load_model(written(file, weights=gray), preprocessing="-1..1", runtime="native")

    assert (model.channels, model.preprocessing.order) == (1, "gray")
    assert model.preprocessing.size == (SIDE, SIDE)
    check_planted(model, PHOTO[..., 0])


def test_of_several_outputs_one_with_rows_is_read(file):
    model = load_model(written(file, extra={"output"}), **OPTIONS)

    assert any("; logits is used; set output_name to use another" in note for note in model.notes)
    assert check_same(model).model.run_by.startswith("OpenVINO f32")


@pytest.mark.parametrize(
    ("end", "head", "noted"), [("Softmax", "softmax", False), ("Sigmoid", "multi-label", False), (None, "logits", True)]
)
def test_its_last_layer_says_what_the_answers_are(file, end, head, noted):
    model = load_model(written(file, end=end), **OPTIONS)

    assert model.head.name == head
    assert any("treating its outputs as" in note for note in model.notes) is noted


def test_one_sigmoid_is_two_classes(file):
    metadata = {"names": "{0: 'no', 1: 'yes'}"}
    model = load_model(written(file, end="Sigmoid", weights=WEIGHTS[:1], metadata=metadata), **OPTIONS)

    assert (model.head.name, model.labels) == ("sigmoid", ("no", "yes"))


# --- names and hashes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metadata", "labels", "note"),
    [
        ({"names": "{0: 'cat', 1: 'dog', 2: 'tea cup'}"}, ("cat", "dog", "tea cup"), None),
        ({"classes": "['cat', 'dog', 'tea cup']"}, ("cat", "dog", "tea cup"), None),
        ({"labels": '{"0": "cat", "1": "dog", "2": "tea cup"}'}, ("cat", "dog", "tea cup"), None),
        ({"names": "['cat', 'dog']"}, None, "holds 2 labels for 3 classes; ignoring the labels"),
        ({"names": "__import__('os').getcwd()"}, None, "has names, which is not a list of labels"),
        ({"names": "{0: 'cat', 7: 'dog', 2: 'tea'}"}, None, "has names, which is not a list of labels"),
        ({"author": "me"}, None, None),
    ],
    ids=str,
)
def test_labels_come_from_its_metadata(file, metadata, labels, note):
    model = load_model(written(file, metadata=metadata), **OPTIONS)

    assert model.labels == labels
    assert (note is None) == all("label" not in one for one in model.notes)
    assert note is None or any(note in one for one in model.notes)


def test_labels_that_are_given_come_first(file):
    model = load_model(written(file, metadata={"names": "['a', 'b', 'c']"}), labels=["x", "y", "z"], **OPTIONS)

    assert model.labels == ("x", "y", "z")


def test_its_content_is_its_fingerprint(file, tmp_path):
    prints = {load_model(written(place), **OPTIONS).identity for place in (file, tmp_path / "same.onnx")}
    other = load_model(written(file, weights=2 * WEIGHTS), **OPTIONS).identity

    assert len(prints) == 1
    assert other.partition("sha256:")[2][:64] not in prints.pop()


def test_numbers_in_another_file_belong_to_it(tmp_path):
    path = tmp_path / "large.onnx"
    first = load_model(written(path, external=True), runtime="native", **OPTIONS)
    check_same(first)
    graph = path.read_bytes()
    data = tmp_path / "numbers.data"
    data.write_bytes(bytes(reversed(data.read_bytes()[:1])) + data.read_bytes()[1:-4] + np.float32(2).tobytes())
    second = load_model(f"onnx:{path}", runtime="native", **OPTIONS)

    assert path.read_bytes() == graph
    assert first.identity != second.identity


def test_a_session_is_asked_where_it_is(file):
    written(file)
    from_file = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    from_bytes = runtime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])

    check_same(load_model(from_file, **OPTIONS))
    assert check_same(load_model(from_bytes, **OPTIONS)).model.run_by.startswith("OpenVINO f32")
    assert load_model(from_file, runtime="native", **OPTIONS).name == "onnx:planted.onnx"
    assert load_model(from_bytes, runtime="native", **OPTIONS).name == "onnx:session"
    with refuses(InvalidInput, "device", value="cuda"):
        load_model(from_file, device="cuda", **OPTIONS)


def test_without_onnx_runtime_openvino_runs_it_and_says_so(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    model = load_model(written(file, batch=1), **OPTIONS)

    assert any("because onnxruntime is not installed" in note for note in model.notes)
    assert check_same(model).model.run_by == "OpenVINO f32"
    with refuses(MissingExtra, "onnxruntime", value="onnx"):
        load_model(f"onnx:{file}", runtime="native", **OPTIONS)


# --- what is refused -------------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    with refuses(InvalidInput, "nothing.onnx", rule="be a file"):
        load_model(f"onnx:{tmp_path / 'nothing.onnx'}", **OPTIONS)


@pytest.mark.parametrize("content", [b"\x08", b"\xff" * 100, "truncated"], ids=["start", "other", "half"])
def test_a_broken_file_is_refused(file, content):
    written(file)
    file.write_bytes(file.read_bytes()[:3000] if content == "truncated" else content)

    with refuses(ModelError, "onnx:planted.onnx", rule="be a whole file of ONNX"):
        load_model(f"onnx:{file}", **OPTIONS)


SMALL = {"size": (16, 16)}


@pytest.mark.parametrize(
    ("how", "options", "words"),
    [
        ({}, {"preprocessing": None}, {"setting": "preprocessing", "rule": "be given"}),
        ({}, {"input_size": 16}, {"setting": "input_size", "value": "(16, 16)"}),
        ({}, {"preprocessing": SMALL}, {"setting": "input_size", "value": "(16, 16)"}),
        ({}, {"preprocessing": {"layout": "NHWC"}}, {"setting": "preprocessing.layout", "value": "NHWC"}),
        ({}, {"preprocessing": {"order": "gray"}}, {"setting": "preprocessing.order", "value": "gray"}),
        ({"extra": {"input"}}, {}, {"setting": "model", "value": 2}),
        ({"kind": "int64"}, {}, {"setting": "model", "value": "tensor(int64)"}),
        ({"size": 3, "weights": WEIGHTS[:, :3, :3]}, {}, {"setting": "preprocessing.layout", "rule": "be given"}),
        ({"kind": "uint8"}, {}, {"setting": "preprocessing", "rule": "produce 0..255"}),
        (
            {},
            {"device": "cuda"},
            {"setting": "device", "value": "cuda"},
        ),
        ({}, {"device": "mps"}, {"setting": "device", "value": "mps"}),
        ({}, {"labels": ["a", "b"]}, {"setting": "labels", "value": 2}),
        ({}, {"head": "sigmoid"}, {"setting": "head", "value": "sigmoid"}),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(file, how, options, words):
    with refuses(InvalidInput, **words):
        load_model(written(file, **how), **(OPTIONS | options))


def test_no_row_a_picture_is_refused(tmp_path):
    from onnx import TensorProto, helper

    shape = ["n", 3, 8, 8]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "maps")]
    graph = helper.make_graph([helper.make_node("Relu", ["images"], ["maps"])], "maps", values[:1], values[1:])
    path = tmp_path / "maps.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)

    with refuses(InvalidInput, "output_name", value="maps (?, 3, 8, 8)"):
        load_model(f"onnx:{path}", preprocessing="imagenet")


def test_a_name_takes_the_size_of_the_graph_or_its_own(file):
    fixed = load_model(written(file), preprocessing="imagenet")

    assert (fixed.preprocessing.size, fixed.preprocessing.shorter) == ((32, 32), 37)
    with refuses(ModelError, "model", value=(3, 224, 224)):
        load_model(written(file, size="side"), preprocessing="imagenet")
    with refuses(InvalidInput, "input_size", value="0..1"):
        load_model(written(file, size="side"), preprocessing="0..1")
    with refuses(InvalidInput, "input_size", rule="be given"):
        load_model(written(file, size="side", kind="uint8"))
    free = load_model(written(file, size="side"), preprocessing="imagenet", input_size=32)
    assert free.preprocessing.size == (32, 32)
    assert free.view(*PHOTO.shape[:2]).height == 32


def pooled(path, classes, *, metadata=()):
    """Write a file that averages pictures of any size."""
    from onnx import TensorProto, helper, numpy_helper

    held = np.random.default_rng(0).normal(size=(3, classes)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "held"], ["logits"]),
    ]
    ends = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, "height", "width"]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes]),
    ]
    graph = helper.make_graph(nodes, "pooled", ends[:1], ends[1:], [numpy_helper.from_array(held, "held")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return f"onnx:{path}"


def test_the_size_that_goes_with_a_name_is_told(tmp_path):
    model = load_model(pooled(tmp_path / "any.onnx", 3), preprocessing="imagenet")

    assert model.preprocessing.size == (224, 224)
    assert any("photos have 224x224 pixels, the size of imagenet" in note for note in model.notes)
    sized = load_model(pooled(tmp_path / "any.onnx", 3), preprocessing="imagenet", input_size=224)
    assert not any("the size of imagenet" in note for note in sized.notes)


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_of_1001_classes_imagenet_names_the_first_background(tmp_path, kind):
    place = pooled(tmp_path / "many.onnx", 1001)
    model = place if kind == "onnx" else import_openvino().convert_model(place.removeprefix("onnx:"))

    named = load_model(model, preprocessing="imagenet", labels="imagenet")
    assert (named.labels[:2], named.labels[1000]) == (("background", "tench"), imagenet.labels()[-1])
    assert load_model(model, preprocessing="imagenet").labels is None
