"""What the numbers of a torch module are: its head, its last layer, and which of its answers is read."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.models import heads
from seewhy.models.torch.modules import last_layer
from seewhy.models.torch.runtime import TorchRuntime
from seewhy.testing import check_model
from support.torch_nets import GRID, PHOTO, RAW, SIZE, Corner, small

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize(
    ("net", "raw", "head", "kind", "said"),
    [
        (small(torch.nn.Softmax(dim=1)), None, "softmax", "probability", False),
        (small(), None, "logits", "logit", True),
        (small(torch.nn.Sigmoid(), outputs=1), None, "sigmoid", "probability", False),
        (small(torch.nn.Sigmoid(), outputs=4), None, "multi-label", "probability", False),
        (small(outputs=1), None, "regression", "score", True),
        (small(outputs=1), "sigmoid-logit", "sigmoid-logit", "logit", False),
        (small(outputs=4), "multi-label-logits", "multi-label-logits", "probability", False),
    ],
)
def test_heads_are_recognized_and_what_is_assumed_is_said(net, raw, head, kind, said):
    model = seewhy.load_model(net, preprocessing=RAW, **({} if raw is None else {"head": raw}))

    assert model.head.name == head
    assert model.kind == kind
    assert any("head=" in note for note in model.notes) == said
    scores = np.concatenate(list(model.stream([model.prepare(PHOTO / np.float32(255))[None]])))
    if head in {"sigmoid", "sigmoid-logit"}:
        assert scores.shape == (1, 2)
    if head == "sigmoid":
        assert scores.sum() == pytest.approx(1)
    check_model(model)


def test_the_one_output_of_two_classes_is_explained_as_two():
    net = small(torch.nn.Sigmoid(), outputs=1)
    model = seewhy.load_model(net, preprocessing=RAW, labels=("cat", "dog"))
    both = seewhy.explain(PHOTO, model=model, method=GRID, targets=["cat", "dog"])
    np.testing.assert_allclose(both.values(0), -both.values(1), atol=1e-6)


def test_every_head_is_tried():
    assert set(heads.HEADS) == {
        *("softmax", "logits", "sigmoid", "sigmoid-logit"),
        *("multi-label", "multi-label-logits", "regression"),
    }


def test_the_last_layer_is_seen():
    assert last_layer(small(torch.nn.Softmax(dim=1))) == "softmax"
    assert last_layer(small(torch.nn.Sigmoid())) == "sigmoid"
    assert last_layer(small()) == "linear"
    assert last_layer(Corner()) == "unknown"


def test_a_last_layer_that_is_not_used_is_not_believed():
    net = small()
    net.unused = torch.nn.Softmax(dim=1)

    class Holds(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.unused = small(), torch.nn.Softmax(dim=1)

        def forward(self, pictures):
            return self.inner(pictures)

    assert last_layer(Holds()) == "softmax"
    model = seewhy.load_model(Holds(), preprocessing=RAW)
    assert model.head.name == "logits"
    assert any("head=" in note for note in model.notes)


def test_of_a_chosen_output_the_last_layer_says_nothing():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.last = small(), torch.nn.Sigmoid()

        def forward(self, pictures):
            found = self.inner(pictures)
            return {"answers": self.last(found), "shares": found.square() / (1 + found.square())}

    assert seewhy.load_model(Two(), preprocessing=RAW).head.name == "multi-label"
    model = seewhy.load_model(Two(), preprocessing=RAW, output_name="shares")
    assert model.head.name == "logits"
    assert any("head=" in note for note in model.notes)


def test_answers_that_hold_the_numbers_are_opened():
    class Named(torch.nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.inner, self.wrap = small(), wrap

        def forward(self, pictures):
            return self.wrap(self.inner(pictures))

    expected = None
    for wrap in (lambda x: x, lambda x: (x, x[:, :1]), lambda x: {"logits": x}, lambda x: [x]):
        runtime = TorchRuntime(Named(wrap))
        (found,) = runtime.stream([np.ones((2, 3, SIZE, SIZE), np.float32)])
        expected = found if expected is None else expected
        np.testing.assert_array_equal(found, expected)
