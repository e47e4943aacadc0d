"""What outputs are: a last layer that is known decides, and what cannot be guessed is asked about."""

import numpy as np
import pytest

import seewhy
from seewhy.models.heads import HEADS, check_head, is_softmax, recognize_head
from seewhy.models.last_layer import ending, is_passed, last_of
from support.refusing import refuses

RNG = np.random.default_rng(0)


def probabilities(classes, sharpness=3.0):
    powers = np.exp(RNG.normal(size=(2, classes)) * sharpness)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def rounded(rows, step):
    return (np.rint(rows / step) * step).astype(np.float32)


@pytest.mark.parametrize("step", [1 / 256, 1 / 255, 1 / 128, 1 / 127])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0, 3.0])
def test_a_softmax_in_eight_bits_is_one_whatever_rounding_leaves_of_its_sum(step, sharpness):
    rows = rounded(probabilities(1001, sharpness), step)

    assert np.abs(rows.sum(axis=1) - 1).max() > 0.01
    head, note = recognize_head(rows, "softmax")
    assert (head.name, note) == ("softmax", None)


def test_an_eight_bit_answer_of_zeros_alone_is_a_softmax_of_many_classes():
    assert recognize_head(np.zeros((2, 1001), np.float32), "softmax")[0].name == "softmax"
    assert not is_softmax(np.zeros((2, 3), np.float32))


def test_numbers_in_0_to_1_without_a_known_last_layer_are_asked_about():
    rows = rounded(probabilities(1001, 2.0), 1 / 256)

    with refuses(seewhy.InvalidInput, "head") as refused:
        recognize_head(rows, "unknown", "net")
    assert refused.value.setting == "head"


@pytest.mark.parametrize("total", [100, 255, 50])
def test_rows_that_add_up_to_one_number_are_asked_about(total):
    with refuses(seewhy.InvalidInput, "head"):
        recognize_head(total * probabilities(7), "softmax")


def test_a_linear_last_layer_may_give_numbers_in_0_to_1():
    head, note = recognize_head(np.array([[0.2, 0.9], [0.3, 0.4]], np.float32), "linear")

    assert head.name == "logits"
    assert "head=" in note


def test_logarithms_of_a_softmax_are_logits_and_nothing_is_assumed():
    assert recognize_head(np.log(probabilities(5)), "log-softmax") == (HEADS["logits"], None)


@pytest.mark.parametrize("last", ["softmax", "log-softmax"])
def test_a_softmax_of_one_output_is_refused(last):
    with refuses(seewhy.InvalidInput, "head"):
        recognize_head(np.ones((2, 1), np.float32), last)


@pytest.mark.parametrize(
    ("head", "raw", "instead"),
    [
        ("softmax", [[0.3]], "sigmoid"),
        ("logits", [[0.3]], "sigmoid-logit"),
        ("sigmoid", [[0.3, 0.4]], "multi-label"),
        ("sigmoid-logit", [[0.3, 0.4]], "logits"),
        ("sigmoid", [[3.0]], "sigmoid-logit"),
        ("softmax", [[3.0, -1.0]], "logits"),
        ("multi-label", [[3.0, -1.0]], "multi-label-logits"),
    ],
)
def test_a_head_that_cannot_be_right_is_refused_with_the_right_name(head, raw, instead):
    with refuses(seewhy.InvalidInput, "head") as refused:
        check_head(HEADS[head], np.array(raw, np.float32), "net")
    assert (refused.value.setting, refused.value.value) == ("head", head)
    check_head(HEADS[instead], np.array(raw, np.float32), "net")


@pytest.mark.parametrize(
    ("names", "last"),
    [
        (("Softmax", "SoftMax", "_softmax", "SOFTMAX", "SoftmaxBackward0", "_safe_softmax"), "softmax"),
        (("LogSoftmax", "_log_softmax", "LOG_SOFTMAX", "LogSoftmaxBackward0"), "log-softmax"),
        (("Sigmoid", "LOGISTIC", "SigmoidBackward0", "hard_sigmoid"), "sigmoid"),
        (("Linear", "addmm", "AddmmBackward0", "Gemm", "FULLY_CONNECTED", "MatMul"), "linear"),
        (("ReLU", "Add", "", "conv2d"), "unknown"),
    ],
)
def test_operations_are_known_by_the_names_of_each_framework(names, last):
    assert {ending(name) for name in names} == {last}
    assert not any(is_passed(name) for name in names)


def test_what_leaves_numbers_as_they_are_is_passed():
    chain = ["DequantizeLinear", "QUANTIZE", "Reshape", "ToCopyBackward0", "Softmax", "Reshape"]

    assert last_of(0, lambda i: chain[i], lambda i: i + 1) == "softmax"
    assert last_of(None, lambda i: chain[i], lambda i: i + 1) == "unknown"
    assert last_of(5, lambda i: chain[i], lambda _: None) == "unknown"
