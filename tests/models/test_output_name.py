"""Networks with several outputs: the one that is asked for is read, whoever runs it; what is taken unasked is said."""

import collections
import dataclasses
import functools
from typing import Any, NamedTuple

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import load_model
from seewhy.models.answers import Reader
from support.planted import BIAS, OPTIONS, SIDE, WEIGHTS, check_same, logits, prepared, reference
from support.refusing import refuses

torch = pytest.importorskip("torch", reason="networks are made with it")
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:.torch\.jit:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:.isinstance\(treespec:FutureWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


class Both(NamedTuple):
    turned: Any
    answers: Any


WAYS = {
    "dict": (lambda turned, answers: {"turned": turned, "answers": answers}, "turned", "answers"),
    "named tuple": (Both, "turned", "answers"),
    "tuple": (lambda turned, answers: (turned, answers), "0", "1"),
    "list": (lambda turned, answers: [turned, answers], "0", "1"),
}


class Net(torch.nn.Module):
    """Gives its classes turned round, then as they are."""

    def __init__(self, wrap):
        super().__init__()
        self.linear, self.wrap = torch.nn.Linear(3 * SIDE * SIDE, 3), wrap
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(WEIGHTS.transpose(0, 3, 1, 2).reshape(3, -1).copy()))
            self.linear.bias.copy_(torch.from_numpy(BIAS))

    def forward(self, pictures):
        answers = self.linear(pictures.flatten(1))
        return self.wrap(answers.flip(1), answers)


def turned():
    return reference(lambda batch: logits(prepared(batch))[:, ::-1].copy())


def check_both(load, first, second, runtime):
    """Check that each output can be chosen, and that the two are told apart."""
    one, other = (load(runtime=runtime, head="logits", output_name=name, **OPTIONS) for name in (first, second))
    got = check_same(other)
    check_same(one, turned())
    assert got.model.run_by is None or got.model.run_by.startswith("OpenVINO f32") is (runtime == "auto")
    assert one.identity != other.identity
    assert not [note for note in other.notes if "set output_name" in note]
    with refuses(InvalidInput, "output_name", value="more"):
        load(runtime=runtime, head="logits", output_name="more", **OPTIONS)


@pytest.mark.parametrize("runtime", ["auto", "native"])
@pytest.mark.parametrize("way", WAYS)
def test_of_a_torch_module(way, runtime):
    wrap, first, second = WAYS[way]
    check_both(lambda **options: load_model(Net(wrap).eval(), **options), first, second, runtime)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_taken_of_a_torch_module_unasked_is_said(way):
    wrap, first, second = WAYS[way]
    model = load_model(Net(wrap).eval(), runtime="native", head="logits", **OPTIONS)

    check_same(model, turned())
    (note,) = [note for note in model.notes if "set output_name" in note]
    assert note == f"Net answers with {first} (2, 3), {second} (2, 3); using {first}; set output_name to use another"


def test_logits_are_read_before_others_and_nothing_needs_to_be_said():
    made = Net(lambda turned, answers: {"features": turned, "logits": answers, "kind": "planted"}).eval()
    model = load_model(made, head="logits", **OPTIONS)

    check_same(model)
    assert not [note for note in model.notes if "set output_name" in note]
    check_same(load_model(made, head="logits", output_name="features", **OPTIONS), turned())


@pytest.mark.parametrize("runtime", ["auto", "native"])
def test_of_torchscript(tmp_path, runtime):
    made = torch.jit.trace(Net(WAYS["tuple"][0]).eval(), torch.zeros(2, 3, SIDE, SIDE))
    torch.jit.save(made, str(tmp_path / "net.pt"))
    check_both(lambda **options: load_model(f"torchscript:{tmp_path}/net.pt", **options), "0", "1", runtime)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["auto", "native"])
@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("way", ["dict", "tuple"])
def test_of_an_exported_program(tmp_path, way, batch, runtime):
    wrap, first, second = WAYS[way]
    free = None if batch else ({0: torch.export.Dim("n", min=1, max=1024)},)
    example = (torch.zeros(batch or 2, 3, SIDE, SIDE),)
    made = torch.export.export(Net(wrap).eval(), example, dynamic_shapes=free)
    torch.export.save(made, str(tmp_path / "net.pt2"))
    check_both(lambda **options: load_model(f"torchexport:{tmp_path}/net.pt2", **options), first, second, runtime)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["auto", "native"])
@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda turned, answers: (answers, turned.mean()),
        lambda turned, answers: {"loss": turned.mean(), "logits": answers},
        lambda turned, answers: {"hidden": (turned, turned[:, :, None, None].expand(-1, -1, 4, 4)), "logits": answers},
        lambda turned, answers: (turned[:, :, None, None].expand(-1, -1, 4, 4), answers),
    ],
    ids=["scalar", "loss", "nested", "map"],
)
def test_an_exported_program_may_answer_with_more_than_rows(tmp_path, wrap, batch, runtime):
    free = None if batch else ({0: torch.export.Dim("n", min=1, max=1024)},)
    made = torch.export.export(Net(wrap).eval(), (torch.zeros(batch or 2, 3, SIDE, SIDE),), dynamic_shapes=free)
    torch.export.save(made, str(tmp_path / "net.pt2"))
    got = check_same(load_model(f"torchexport:{tmp_path}/net.pt2", runtime=runtime, head="logits", **OPTIONS))
    assert got.model.run_by is None or got.model.run_by.startswith("OpenVINO f32") is (runtime == "auto")


def as_map(answers):
    return answers[:, :, None, None].expand(-1, -1, 4, 4)


@pytest.mark.parametrize(
    ("wrap", "name", "words"),
    [
        (lambda turned, _: as_map(turned), None, {"setting": "model", "value": "(2, 3, 4, 4)"}),
        (
            lambda turned, _: (as_map(turned), turned.mean()),
            None,
            {"setting": "model", "value": "0 (2, 3, 4, 4), 1 ()"},
        ),
        (
            lambda turned, answers: (as_map(turned), answers),
            "0",
            {"setting": "model", "value": "0 (2, 3, 4, 4), 1 (2, 3)"},
        ),
        (lambda *_: None, None, {"setting": "model", "value": "none"}),
        (
            lambda turned, _: {"inside": {"turned": turned}},
            "turned",
            {"setting": "output_name", "value": "turned"},
        ),
    ],
)
def test_what_is_no_row_of_numbers_a_picture_is_refused(wrap, name, words):
    with refuses(InvalidInput, **words):
        load_model(Net(wrap).eval(), output_name=name, runtime="native", **OPTIONS)


def test_answers_turned_on_their_side_are_refused():
    with refuses(ModelError, "model", value=(3, 32, 32)):
        load_model(Net(lambda _, answers: answers.T).eval(), runtime="native", **OPTIONS)


def test_what_lies_inside_of_another_part_has_both_names():
    made = Net(lambda turned, answers: {"hidden": [turned, answers], "map": as_map(turned)}).eval()
    check_same(load_model(made, output_name="hidden.1", head="logits", runtime="native", **OPTIONS))


def test_slots_and_fields_are_parts():
    class Slots:
        __slots__ = ("answers", "more", "turned")

        def __init__(self, turned, answers):
            self.turned, self.answers = turned, answers

    check_same(load_model(Net(Slots).eval(), output_name="answers", head="logits", runtime="native", **OPTIONS))


@dataclasses.dataclass
class Out:
    features: Any
    logits: Any


@dataclasses.dataclass(slots=True)
class Slotted:
    features: Any
    logits: Any


class Plain:
    def __init__(self, features, logits):
        self.features, self.logits, self.itself = features, logits, self


@pytest.mark.parametrize(
    "inner", [Out, Slotted, Plain, lambda one, two: collections.UserDict(features=one, logits=two)]
)
@pytest.mark.parametrize(
    ("outer", "place"),
    [
        (lambda inside, age: (inside, age), "0"),
        (lambda inside, age: {"main": inside, "age": age}, "main"),
        (lambda inside, age: {"age": age, "out": [inside]}, "out.0"),
        (Out, "features"),
    ],
)
def test_parts_are_found_however_deep_they_lie(outer, place, inner):
    made = Net(lambda turned, answers: outer(inner(turned, answers), turned[:, :1])).eval()
    load = functools.partial(load_model, made, runtime="native", head="logits", **OPTIONS)
    batch = np.random.default_rng(0).random((2, 3, SIDE, SIDE), np.float32)
    (one,), (other,) = (load(output_name=f"{place}.{name}").stream([batch]) for name in ("features", "logits"))
    np.testing.assert_array_equal(one[:, ::-1], other)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["auto", "native"])
def test_a_part_inside_of_another_is_read_whoever_runs_it(runtime):
    made = Net(lambda turned, answers: {"out": Out(turned, answers), "age": turned[:, :1]}).eval()
    check_both(lambda **options: load_model(made, **options), "out.features", "out.logits", runtime)


def test_of_what_lies_inside_logits_are_read_and_that_is_said():
    made = Net(lambda turned, answers: (Out(turned, answers), turned[:, :1])).eval()
    model = load_model(made, runtime="native", head="logits", **OPTIONS)
    check_same(model)
    said = (
        "Net answers with 0.features (2, 3), 0.logits (2, 3), 1 (2, 1); using 0.logits; set output_name to use another"
    )
    assert said in model.notes
    twice = Net(lambda turned, answers: (Out(turned, answers), Out(answers, turned))).eval()
    model = load_model(twice, runtime="native", head="logits", **OPTIONS)
    check_same(model, turned())
    assert any("using 0.features; set output_name to use another" in note for note in model.notes)


def test_what_an_answer_alone_holds_is_read_from_inside_of_it():
    made = Net(lambda turned, answers: {"out": Out(None, answers), "network": torch.nn.Linear(1, 1)}).eval()
    model = load_model(made, runtime="native", head="logits", **OPTIONS)
    check_same(model)
    assert not [note for note in model.notes if "set output_name" in note]


def test_logits_of_a_graph_are_read_before_others(tmp_path):
    import openvino

    made = openvino_model()
    made.outputs[1].get_tensor().set_names({"logits"})
    got = load_model(made, head="logits", **OPTIONS)
    check_same(got)
    assert any("logits is used; set output_name to use another" in note for note in got.notes)
    assert isinstance(made, openvino.Model)


def flat():
    """Return the weights (3 * SIDE * SIDE, 3) of pictures whose channels come first."""
    return np.ascontiguousarray(WEIGHTS.transpose(0, 3, 1, 2).reshape(3, -1).T)


@pytest.mark.parametrize("runtime", ["auto", "native"])
def test_of_an_onnx_graph(tmp_path, runtime):
    onnx = pytest.importorskip("onnx", reason="files are written with it")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [helper.make_node("Flatten", ["images"], ["flat"])]
    held = []
    for name, order in (("turned", [2, 1, 0]), ("answers", [0, 1, 2])):
        nodes.append(helper.make_node("Gemm", ["flat", f"{name} weights", f"{name} bias"], [name]))
        held.append(onnx.numpy_helper.from_array(flat()[:, order], f"{name} weights"))
        held.append(onnx.numpy_helper.from_array(BIAS[order], f"{name} bias"))
    taken = [helper.make_tensor_value_info("images", kind, ["n", 3, SIDE, SIDE])]
    given = [helper.make_tensor_value_info(name, kind, ["n", 3]) for name in ("turned", "answers")]
    graph = helper.make_graph(nodes, "both", taken, given, held)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "net.onnx"
    )

    check_both(lambda **options: load_model(f"onnx:{tmp_path}/net.onnx", **options), "turned", "answers", runtime)
    unasked = load_model(f"onnx:{tmp_path}/net.onnx", runtime=runtime, head="logits", **OPTIONS)
    assert any("has 2 outputs, turned (?, 3), answers (?, 3); turned is used" in note for note in unasked.notes)


def openvino_model():
    import openvino
    from openvino import opset13 as ops

    pictures = ops.parameter([-1, 3, SIDE, SIDE], np.float32, "images")
    rows = ops.reshape(pictures, np.array([0, -1]), special_zero=True)
    results = []
    for name, order in (("turned", [2, 1, 0]), ("answers", [0, 1, 2])):
        held = ops.constant(np.ascontiguousarray(flat()[:, order]))
        answers = ops.add(ops.matmul(rows, held, False, False), ops.constant(BIAS[None, order]))  # noqa: FBT003
        answers.output(0).set_names({name, f"{name}:0"})  # a port may have several names
        results.append(answers)
    return openvino.Model(results, [pictures], "both")


@pytest.mark.parametrize("second", ["answers", "answers:0"])
def test_of_an_openvino_model(second):
    check_both(lambda **options: load_model(openvino_model(), **options), "turned", second, "auto")


def test_of_a_compiled_openvino_model():
    import openvino

    compiled = openvino.Core().compile_model(openvino_model(), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    one, other = (load_model(compiled, head="logits", output_name=name, **OPTIONS) for name in ("turned", "answers"))
    check_same(one, turned())
    check_same(other)


def test_models_without_outputs_of_their_own_refuse_it():
    with refuses(InvalidInput, "output_name", rule="not a setting"):
        load_model("efficientnet-lite0", output_name="logits")
    with refuses(InvalidInput, "output_name", rule="not a setting"):
        load_model(lambda batch: batch.mean(axis=(1, 2)), output_name="logits")


class Held:
    """An object with an array in it, as a cache has."""

    def __init__(self, seen):
        self.seen = seen


@pytest.mark.parametrize("wrap", [lambda held, row: {"cache": held, "scores": row}, lambda held, row: (held, row)])
def test_what_stands_at_the_top_is_read_before_what_is_deeper(wrap):
    row = np.zeros((2, 5), np.float32)
    answer = wrap(Held(np.ones((2, 7), np.float32)), row)

    assert Reader(None)(answer) is row


def test_what_only_looks_like_an_array_is_none():
    row = np.zeros((2, 5), np.float32)
    module = type("Lazy", (), {"shape": lambda self: (2, 9)})()

    assert Reader(None)({"library": module, "scores": row}) is row
