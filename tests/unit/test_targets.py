"""Which classes are meant: by rank, by index, by name; and what is said where none or several are."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.estimation.targets import label_of, resolve_targets
from seewhy.models import FunctionModel
from support.refusing import refuses

SCORES = np.array([0.1, 0.4, 0.05, 0.3, 0.15])
LABELS = ("tabby cat", "espresso", "Egyptian cat", "tiger_shark", "Persian cat")


def resolve(targets, scores=SCORES, labels=LABELS):
    return resolve_targets(targets, scores, labels)


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("top1", (1,)),
        ("top3", (1, 3, 4)),
        (" top2 ", (1, 3)),
        ("top5", (1, 3, 4, 0, 2)),
        (0, (0,)),
        (4, (4,)),
        (np.int64(2), (2,)),
        (np.uint8(2), (2,)),
        ("3", (3,)),
        (" 3 ", (3,)),
        ([0], (0,)),
        ([4, 0, 2], (4, 0, 2)),
        ((2, 1), (2, 1)),
        (np.array([3, 1]), (3, 1)),
        (range(2), (0, 1)),
        ("espresso", (1,)),
        ("ESPRESSO ", (1,)),
        ("tiger shark", (3,)),
        ("Tiger_Shark", (3,)),
        ("egyptian cat", (2,)),
        (["top2", "Persian cat", 0], (1, 3, 4, 0)),
        (["espresso", 1, "1", "top1", 3, 3], (1, 3)),
    ],
    ids=repr,
)
def test_what_is_meant(targets, expected):
    assert resolve(targets) == expected
    assert all(type(index) is int for index in resolve(targets))


def test_of_equal_scores_the_first_class_comes_first():
    assert resolve("top3", np.array([0.2, 0.3, 0.2, 0.3, 0.0])) == (1, 3, 0)


def test_negative_scores_are_ranked_too():
    assert resolve("top2", np.array([-5.0, -1.0, -0.5, -9.0, -2.0])) == (2, 1)


@pytest.mark.parametrize("targets", ["top0", "top6", "top999999999"])
def test_more_than_there_are_classes_cannot_be_asked_for(targets):
    with refuses(InvalidInput, "targets", rule="be topN with N from 1 to 5"):
        resolve(targets)


@pytest.mark.parametrize("targets", [5, -1, "5", "-1", [0, 5], np.int64(1000)], ids=repr)
def test_an_index_out_of_range_is_refused(targets):
    with refuses(InvalidInput, "targets", rule="be class indices from 0 to 4"):
        resolve(targets)


@pytest.mark.parametrize(
    "targets",
    [True, False, [True], [0, False], None, 1.0, [1.0], [None], object(), [[0]], np.True_, [np.bool_(1)], b"\1"],
)
def test_what_is_neither_rank_nor_index_nor_name_is_refused(targets):
    with refuses(InvalidInput, "targets", rule="be 'topN', class indices, class names or 'A"):
        resolve(targets)


@pytest.mark.parametrize("targets", [[], (), np.array([], int)], ids=repr)
def test_no_target_at_all_is_refused(targets):
    with refuses(InvalidInput, "targets", rule="name at least one class"):
        resolve(targets)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("expresso", r"espresso \(1\)"),
        ("cat", r"tabby cat \(0\), Egyptian cat \(2\), Persian cat \(4\)"),
        ("tiger", r"tiger_shark \(3\)"),
        ("persian", r"Persian cat \(4\)"),
        ("zzzzqqqq", "none"),
        ("top", "none"),
        ("top-1", "none"),
        ("top999999999999", "none"),  # a rank has at most nine digits
        ("9" * 19, "none"),  # an index at most eighteen
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(name, nearest):
    with refuses(InvalidInput, "targets", rule="be a class of this model"):
        resolve(name)


def test_a_name_in_a_list_may_be_wrong_too():
    with refuses(InvalidInput, "targets", value="expresso"):
        resolve(["top1", "expresso"])


def test_at_most_six_names_are_listed():
    labels = tuple(f"cat {i}" for i in range(30))

    with pytest.raises(InvalidInput) as caught:
        resolve("cat", np.zeros(30), labels)

    assert str(caught.value).count("cat ") == 6


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (("crane", "heron", "crane"), "crane"),
        (("Crane", "heron", "crane"), "CRANE"),
        (("tiger_cat", "heron", "tiger cat"), "Tiger cat"),
    ],
)
def test_a_name_that_several_classes_have_is_refused_with_their_indices(labels, name):
    with refuses(InvalidInput, "targets", rule="name one class"):
        resolve(name, np.zeros(3), labels)


def test_of_names_that_differ_in_case_only_the_exact_one_is_taken():
    assert resolve("crane", np.zeros(3), ("Crane", "heron", "crane")) == (2,)
    assert resolve("Crane", np.zeros(3), ("Crane", "heron", "crane")) == (0,)


def test_a_number_is_an_index_even_where_names_are_numbers():
    assert resolve("1", np.zeros(3), ("2", "1", "0")) == (1,)
    assert resolve("2", np.zeros(3), ("2", "1", "0")) == (2,)


def test_names_need_a_model_that_has_names():
    with refuses(InvalidInput, "targets", value="cat"):
        resolve("cat", labels=None)
    assert resolve(["top1", 4], labels=None) == (1, 4)


def test_labels_of_classes():
    assert label_of(3, LABELS) == "tiger_shark"
    assert label_of(3, None) == "class 3"


def test_explain_keeps_the_order_asked_for_and_the_names():
    photo = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    model = FunctionModel(lambda batch: np.tile(SCORES, (len(batch), 1)), labels=LABELS, kind="probability")
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=2), n_samples=10)

    got = seewhy.explain(photo, model=model, method=method, targets=["Persian cat", "top2", 0])

    assert [(t.index, t.label, round(t.score, 6)) for t in got.targets] == [
        (4, "Persian cat", 0.15),
        (1, "espresso", 0.4),
        (3, "tiger_shark", 0.3),
        (0, "tabby cat", 0.1),
    ]
    assert [p.index for p in got.predictions] == [1, 3, 4, 0, 2]
    assert [p.label for p in got.predictions][:2] == ["espresso", "tiger_shark"]
    np.testing.assert_allclose([p.score for p in got.predictions], np.sort(SCORES)[::-1], rtol=1e-6)


def test_a_wrong_target_is_told_before_the_samples_are_scored():
    calls = []

    def model(batch):
        calls.append(len(batch))
        return np.tile(SCORES, (len(batch), 1))

    with refuses(InvalidInput, "targets", value=7):
        seewhy.explain(np.zeros((8, 8, 3), np.uint8), model=model, method="rise", targets=7)

    assert sum(calls) == 1


class OfJax:
    """An array without axes that only says what it holds."""

    shape = ()

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        return self.value


class OnlyIndex:
    def __index__(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (np.array(1), (1,)),
        ([np.array(1), np.uint16(3)], (1, 3)),
        (np.argmax(SCORES), (1,)),
        (np.array([[0.1, 0.9]]).argmax(1), (1,)),
        (np.argsort(-SCORES)[:2], (1, 3)),
        (OfJax(2), (2,)),
        ([OfJax(2), OnlyIndex(), 0], (2, 0)),
        (np.array("espresso"), (1,)),
        (np.array(["espresso", "top1"]), (1,)),
        (np.str_("3"), (3,)),
        ({4}, (4,)),
    ],
)
def test_an_index_may_come_from_any_library(targets, expected):
    assert resolve(targets) == expected
    assert all(type(index) is int for index in resolve(targets))


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: [value], lambda value: value[None]])
def test_an_index_may_be_a_tensor(wrap):
    torch = pytest.importorskip("torch")
    assert resolve(wrap(torch.tensor(SCORES).argmax())) == (1,)


@pytest.mark.parametrize(
    "targets",
    [
        np.array(1.0),
        np.zeros((), bool),
        np.bool_(1),
        OfJax(1.0),
        OfJax(value=True),
        OfJax("x"),
        np.array([[1]]),
        object(),
        None,
        1.0,
    ],
)
def test_what_is_no_index_is_one_error(targets):
    with pytest.raises(InvalidInput) as caught:
        resolve(targets)
    assert caught.value.setting == "targets"


@pytest.mark.parametrize("value", [1.0, True])
def test_a_tensor_of_another_type_is_no_index(value):
    torch = pytest.importorskip("torch")
    for targets in (torch.tensor(value), [torch.tensor(value)]):
        with pytest.raises(InvalidInput):
            resolve(targets)
