"""OpenVINO's files and objects: the same answers as a plain function, and errors that say what to do."""

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import load_model
from seewhy.models.compiled.openvino_runtime import import_openvino
from support.planted import (
    BIAS,
    OPTIONS,
    SIDE,
    WEIGHTS,
    check_batches,
    check_planted,
    check_same,
    explained,
    logits,
    reference,
)
from support.refusing import refuses

openvino = import_openvino()


def planted(*, layout="NCHW", batch=-1, size=SIDE, end=None, extra=(), weights=WEIGHTS):
    """Return a model that flattens pictures and multiplies; ``extra`` are a further input and output."""
    from openvino import opset13 as ops

    channels = weights.shape[3]
    shape = [batch, channels, size, size] if layout == "NCHW" else [batch, size, size, channels]
    flat = weights.transpose(0, 3, 1, 2) if layout == "NCHW" else weights
    pictures = ops.parameter(shape, np.float32, "images")
    rows = ops.reshape(pictures, np.array([0, -1]), special_zero=True)
    held = ops.constant(np.ascontiguousarray(flat.reshape(len(weights), -1).T))
    answers = ops.add(ops.matmul(rows, held, False, False), ops.constant(BIAS[None]))  # noqa: FBT003
    if end:
        answers = ops.softmax(answers, 1) if end == "softmax" else ops.sigmoid(answers)
    pictures.output(0).set_names({"images"})
    answers.output(0).set_names({"answers"})
    inputs, outputs = [pictures], [answers]
    if "output" in extra:
        seen = ops.relu(pictures)
        seen.output(0).set_names({"seen"})
        outputs.insert(0, seen)
    if "input" in extra:
        inputs.append(ops.parameter([1, 1], np.float32, "mask"))
        inputs[1].output(0).set_names({"mask"})
        outputs[0] = ops.add(answers, inputs[1])
    return openvino.Model(outputs, inputs, "planted")


def saved(folder, **how):
    path = folder / "planted.xml"
    openvino.save_model(planted(**how), str(path), compress_to_fp16=False)
    return f"openvino:{path}"


def compiled(model):
    return openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


# --- answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "options"),
    [
        ({"layout": "NCHW"}, {}),
        ({"layout": "NHWC"}, {}),
        ({"batch": 1}, {"runtime": "openvino"}),
        ({"batch": 3}, {"runtime": "native", "batch_size": 7}),
        ({"size": -1}, {"input_size": SIDE}),
    ],
    ids=str,
)
def test_it_explains_as_a_plain_function_does(tmp_path, how, options):
    got = check_same(load_model(saved(tmp_path, **how), **(OPTIONS | options)))

    assert got.model.run_by == "OpenVINO f32"


@pytest.mark.parametrize("make", [planted, lambda: compiled(planted(batch=2)), lambda: compiled(planted())])
def test_an_object_points_at_what_the_network_reads(make):
    check_planted(load_model(make(), **OPTIONS))


@pytest.mark.parametrize("batch", [1, 3, -1])
def test_five_together_are_five_alone(batch):
    check_batches(load_model(planted(batch=batch), **OPTIONS))
    check_batches(load_model(compiled(planted(batch=batch)), **OPTIONS))


def test_a_model_is_left_as_it_was():
    model = planted(extra={"output"})
    got = load_model(model, **OPTIONS)

    assert model.input(0).get_partial_shape()[0].is_dynamic
    assert len(model.outputs) == 2
    assert got.identity == load_model(planted(extra={"output"}), **OPTIONS).identity
    assert got.identity != load_model(planted(weights=2 * WEIGHTS, extra={"output"}), **OPTIONS).identity
    assert any("; answers is used; set output_name to use another" in note for note in got.notes)
    check_same(got)


def test_a_compiled_model_is_asked_as_it_is():
    got = load_model(compiled(planted(batch=2, end="softmax")), **OPTIONS)
    same = load_model(compiled(planted(batch=2, end="softmax")), **OPTIONS)
    other = load_model(compiled(planted(batch=2, end="softmax", weights=2 * WEIGHTS)), **OPTIONS)

    assert (got.head.name, got.run_by) == ("softmax", "OpenVINO, as it was compiled")
    assert got.identity == same.identity != other.identity
    with refuses(InvalidInput, "precision", rule="not a setting"):
        load_model(compiled(planted(batch=2)), precision="bf16", **OPTIONS)


def test_another_precision_is_held_against_f32(tmp_path):
    got = explained(load_model(saved(tmp_path), precision="bf16", **OPTIONS))

    assert got.model.run_by.startswith("OpenVINO bf16, up to")
    assert got.samples.n_exact


def test_built_in_preprocessing_takes_0_to_255():
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    made = PrePostProcessor(planted())
    made.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    made.input().preprocess().convert_element_type(Type.f32).scale(255.0)
    made.input().model().set_layout(Layout("NCHW"))
    model = load_model(made.build())

    assert (model.layout, model.preprocessing.scale) == ("NHWC", 255)
    assert any("takes integers, so photos are passed as RGB in 0..255" in note for note in model.notes)
    check_same(model, reference(logits), atol=2e-3)


def test_a_stated_layout_settles_what_the_shape_does_not():
    small = WEIGHTS[:, :3, :3]
    silent, stated = planted(size=3, weights=small, layout="NHWC"), planted(size=3, weights=small, layout="NHWC")
    stated.get_parameters()[0].layout = openvino.Layout("NHWC")

    assert load_model(stated, preprocessing="0..1").layout == "NHWC"
    assert load_model(silent, preprocessing={"layout": "NHWC", "size": (3, 3)}).layout == "NHWC"
    with refuses(InvalidInput, "preprocessing.layout", rule="be given"):
        load_model(silent, preprocessing="0..1")


@pytest.mark.parametrize(("end", "head"), [("softmax", "softmax"), ("sigmoid", "multi-label"), (None, "logits")])
def test_its_last_layer_says_what_the_answers_are(end, head):
    assert load_model(planted(end=end), **OPTIONS).head.name == head
    if end == "softmax":  # a compiled model hides a sigmoid
        assert load_model(compiled(planted(end=end)), **OPTIONS).head.name == head


def test_labels_are_those_of_the_model_api(tmp_path):
    model = planted()
    model.set_rt_info("cat dog tea_cup", ["model_info", "labels"])
    openvino.save_model(model, str(tmp_path / "named.xml"))

    assert load_model(model, **OPTIONS).labels == ("cat", "dog", "tea cup")
    assert load_model(f"openvino:{tmp_path / 'named.xml'}", **OPTIONS).labels == ("cat", "dog", "tea cup")
    model.set_rt_info("cat dog", ["model_info", "labels"])
    short = load_model(model, **OPTIONS)
    assert short.labels is None
    assert any("holds 2 labels for 3 classes; ignoring the labels" in note for note in short.notes)


def test_graph_and_weights_are_its_fingerprint(tmp_path):
    first = load_model(saved(tmp_path), **OPTIONS).identity
    moved = tmp_path / "moved"
    moved.mkdir()

    for name in ("planted.xml", "planted.bin"):
        (moved / name).write_bytes((tmp_path / name).read_bytes())
    assert load_model(f"openvino:{moved / 'planted.xml'}", **OPTIONS).identity == first
    assert load_model(saved(moved, weights=2 * WEIGHTS), **OPTIONS).identity != first


# --- what is refused -------------------------------------------------------------------------------------------


def test_files_that_are_not_there_are_named(tmp_path):
    with refuses(InvalidInput, "none.xml", rule="be a file"):
        load_model(f"openvino:{tmp_path / 'none.xml'}", **OPTIONS)
    place = saved(tmp_path)
    with refuses(InvalidInput, "openvino:FILE", value="planted.bin"):
        load_model(place.replace(".xml", ".bin"), **OPTIONS)
    (tmp_path / "planted.bin").unlink()
    with refuses(InvalidInput, "model", value="planted.bin"):
        load_model(place, **OPTIONS)


@pytest.mark.parametrize("keep", [5, 300, "other"])
def test_a_broken_file_is_refused(tmp_path, keep):
    place = saved(tmp_path)
    path = tmp_path / "planted.xml"
    path.write_bytes(b"<html></html>" if keep == "other" else path.read_bytes()[:keep])

    with refuses(ModelError, "openvino:planted.xml", rule="be a whole file of OpenVINO"):
        load_model(place, **OPTIONS)


def test_weights_that_end_too_early_are_refused(tmp_path):
    place = saved(tmp_path)
    path = tmp_path / "planted.bin"
    path.write_bytes(path.read_bytes()[:100])

    with refuses(ModelError, "openvino:planted.xml", rule="be a whole file of OpenVINO"):
        load_model(place, **OPTIONS)


@pytest.mark.parametrize(
    ("how", "options", "words"),
    [
        ({}, {"preprocessing": None}, {"setting": "preprocessing", "rule": "be given"}),
        ({}, {"input_size": 16}, {"setting": "input_size", "value": "(16, 16)"}),
        ({"extra": {"input"}}, {}, {"setting": "model", "value": 2}),
        ({"size": -1}, {"preprocessing": {"scale": 2}}, {"setting": "input_size", "rule": "be given"}),
        ({}, {"device": "cuda"}, {"setting": "device", "rule": "not a setting"}),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(how, options, words):
    with refuses(InvalidInput, **words):
        load_model(planted(**how), **(OPTIONS | options))


def test_a_size_that_the_graph_cannot_take_is_refused():
    with refuses(ModelError, "input_size", value=(16, 16)):
        load_model(planted(size=-1), **(OPTIONS | {"input_size": 16}))


def test_other_objects_are_none_of_it():
    assert load_model(logits).name == "logits"
