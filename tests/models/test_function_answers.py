"""Whatever a function returns: the scores in it are read, or one line says what it is."""

import dataclasses
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import seewhy
from seewhy.models.function_answers import Unreadable, numbers_in
from support.refusing import refuses

PHOTO = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), n_samples=20)
ROWS = np.random.default_rng(1).random((5, 3)).astype(np.float32)
Named = namedtuple("Named", "scores")  # noqa: PYI024 - as libraries have them
Two = namedtuple("Two", "scores features")  # noqa: PYI024


@dataclasses.dataclass
class Output:
    scores: object
    loss: object = None


class Sparse:
    nnz = 15

    def toarray(self):
        return ROWS


class Labels:
    """An array by its method alone."""

    def __array__(self, dtype=None, copy=None):
        return ROWS


TAKEN = {
    "array": ROWS,
    "float16": ROWS.astype(np.float16),
    "list of rows": [list(map(float, row)) for row in ROWS],
    "tuple of rows": tuple(tuple(map(float, row)) for row in ROWS),
    "list of arrays, a row each": list(ROWS),
    "list of one": [ROWS],
    "tuple of one": (ROWS,),
    "one in one": [(ROWS,)],
    "dictionary": {"scores": ROWS},
    "ordered dictionary": OrderedDict(probabilities=ROWS),
    "named tuple": Named(ROWS),
    "dataclass": Output(ROWS),
    "axes of 1 behind": ROWS[:, :, None, None],
    "sparse": Sparse(),
    "by its own method": Labels(),
}


@pytest.mark.parametrize("answer", TAKEN.values(), ids=TAKEN)
def test_scores_are_read_out_of_what_holds_them_alone(answer):
    np.testing.assert_allclose(numbers_in(answer, 5), ROWS, atol=1e-3)


def test_tensors_are_read_wherever_they_are():
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")
    tensor = torch.from_numpy(ROWS).clone().requires_grad_()

    for answer in (tensor, [tensor], {"logits": tensor}, list(tensor), Output(tensor), tensor.to(torch.float64)):
        np.testing.assert_allclose(numbers_in(answer, 5), ROWS)


REFUSED = {
    "tuple of two": ((ROWS, np.zeros((5, 7))), r"tuple of 2 \(ndarray\) with 0 \(5, 3\), 1 \(5, 7\)"),
    "two alike": ([ROWS, ROWS], r"list of 2 \(ndarray\)"),
    "scores and doubts": ((ROWS[:, 0], ROWS[:, 1]), "tuple of 2"),
    "dictionary of two": ({"a": ROWS, "b": ROWS}, r"dict of \['a', 'b'\] with a \(5, 3\)"),
    "named tuple of two": (Two(ROWS, ROWS), r"Two with scores \(5, 3\), features \(5, 3\)"),
    "dataclass of two": (Output(ROWS, ROWS), "Output with scores"),
    "what pipelines give": ([[{"label": "a", "score": 0.5}]] * 5, "list of 5"),
    "what one pipeline gives": ([{"label": "a", "score": 0.5}], "dict"),
    "numbers by label": ({"cat": 0.3, "dog": 0.7}, r"dict of \['cat', 'dog'\]"),
    "None": (None, "NoneType"),
    "text": ("cat", "str"),
    "texts": (["cat"] * 5, r"list of 5 \(str\)"),
    "nothing": ([None] * 5, r"list of 5 \(NoneType\)"),
    "ragged": ([[0.1], [0.1, 0.2]], "list of 2"),
    "complex": (ROWS.astype(complex), "complex"),
    "objects": (np.array([["a", 1]] * 5, dtype=object), "object"),
    "dates": (np.zeros((5, 2), "datetime64[s]"), "datetime64"),
    "generator": ((row for row in ROWS), "generator, which can be read only once"),
    "set": ({0.1, 0.2}, "set"),
    "function": (len, "builtin_function_or_method"),
    "class": (Output, "type"),
}


@pytest.mark.parametrize(("answer", "said"), REFUSED.values(), ids=REFUSED)
def test_what_holds_no_scores_or_several_is_named(answer, said):
    with pytest.raises(Unreadable, match=said):
        numbers_in(answer, 5)


@pytest.mark.parametrize(("answer", "said"), REFUSED.values(), ids=REFUSED)
def test_one_line_says_so_to_who_explains(answer, said):
    with pytest.raises(seewhy.ModelError) as refused:
        seewhy.explain(PHOTO, model=lambda _: answer, method=LIME)
    assert "\n" not in str(refused.value)
    assert "must return" in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda batch: 0.5, "shape () for 1 images"),
        (lambda batch: np.zeros((3, len(batch))), "shape (3, 1)"),
        (lambda batch: np.zeros((len(batch), 2, 2)), "shape (1, 2, 2)"),
        (lambda batch: np.zeros((len(batch), 0)), "shape (1, 0)"),
        (lambda batch: np.full((len(batch), 2), np.nan), "finite scores, returned nan"),
        (lambda batch: np.full((len(batch), 2), 1e300), "finite scores"),
    ],
)
def test_shapes_and_numbers_are_named(answer, said):
    with refuses(seewhy.ModelError, "model", rule=said):
        seewhy.explain(PHOTO, model=answer, method=LIME)


def test_a_transposed_answer_is_told():
    model = seewhy.FunctionModel(lambda batch: np.zeros((3, len(batch))))

    with refuses(seewhy.ModelError, "model", value="test_a_transposed_answer_is_told.<locals>.<lambda>"):
        list(model.stream([np.zeros((4, 8, 8, 3), np.float32)]))


def colors(batch):
    return batch.mean(axis=(1, 2))


def test_an_array_that_is_used_again_and_a_batch_that_is_changed_do_no_harm():
    held = np.empty((64, 3), np.float32)

    def careless(batch):
        held[: len(batch)] = colors(batch)
        batch[:] = 0
        return held[: len(batch)]

    ours, plain = (seewhy.explain(PHOTO, model=model, method=LIME) for model in (careless, colors))
    np.testing.assert_array_equal(ours.values(), plain.values())


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: x[:, None], lambda x: {"score": x[:, None]}])
@pytest.mark.parametrize(
    ("head", "squash"), [("sigmoid", lambda x: 1 / (1 + np.exp(-x))), ("sigmoid-logit", lambda x: x)]
)
def test_a_function_of_one_number_has_two_classes(wrap, head, squash):
    def one(batch):
        return wrap(squash(8 * (batch[:, :12, :16].mean(axis=(1, 2, 3)) - 0.5)))

    model = seewhy.load_model(one, head=head, labels=["cat", "dog"])
    both = seewhy.explain(PHOTO, model=model, method=LIME.replace(fill="black"), targets=["cat", "dog"])

    np.testing.assert_allclose(both.values(0), -both.values(1), atol=1e-6)
    assert np.abs(both.values(0)).max() > 0.01


def test_a_function_of_logits_of_labels_gives_probabilities():
    model = seewhy.load_model(lambda batch: 4 * colors(batch) - 2, head="multi-label-logits")
    (scores,) = model.stream([PHOTO[None] / np.float32(255)])

    np.testing.assert_allclose(scores, 1 / (1 + np.exp(2 - 4 * colors(PHOTO[None] / 255.0))), rtol=1e-5)


@pytest.mark.parametrize(
    ("head", "function", "instead"),
    [
        ("logits", lambda batch: colors(batch)[:, :1], "sigmoid-logit"),
        ("softmax", lambda batch: colors(batch)[:, :1], "sigmoid"),
        ("sigmoid", colors, "multi-label"),
        ("sigmoid", lambda batch: 5 * colors(batch)[:, :1] + 2, "sigmoid-logit"),
    ],
)
def test_a_head_that_a_function_cannot_have_is_refused(head, function, instead):
    with refuses(seewhy.InvalidInput, "head") as refused:
        seewhy.explain(PHOTO, model=seewhy.load_model(function, head=head), method=LIME)
    assert refused.value.setting == "head"


def test_a_kind_that_one_number_cannot_have_is_refused():
    model = seewhy.FunctionModel(lambda batch: colors(batch)[:, 0], kind="logit")

    with refuses(seewhy.InvalidInput, "head", value="logits"):
        seewhy.explain(PHOTO, model=model, method=LIME)
