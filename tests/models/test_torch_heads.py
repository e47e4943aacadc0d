"""What the numbers of a torch module are: its head, its last layer, and which of its answers is read."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.models import heads
from seewhy.models.torch.modules import last_layer
from seewhy.models.torch.runtime import TorchRuntime
from seewhy.testing import check_model
from support.refusing import refuses
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


@pytest.mark.slow
def test_of_a_chosen_output_its_own_last_operation_counts():
    class Two(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.last = small(), torch.nn.Sigmoid()

        def forward(self, pictures):
            found = self.inner(pictures)
            shares = found.square() / (1 + found.square())
            return {"answers": self.last(found), "shares": shares, "plain": found}

    assert seewhy.load_model(Two(), preprocessing=RAW).head.name == "multi-label"
    assert seewhy.load_model(Two(), preprocessing=RAW, output_name="plain").head.name == "logits"
    with refuses(seewhy.InvalidInput, "head") as refused:
        seewhy.load_model(Two(), preprocessing=RAW, output_name="shares")
    assert refused.value.setting == "head"
    assert seewhy.load_model(Two(), preprocessing=RAW, output_name="shares", head="logits").kind == "logit"


class Ends(torch.nn.Module):
    """Ends in a function, which no list of parts shows."""

    def __init__(self, end, outputs=4):
        super().__init__()
        self.inner, self.end = small(outputs=outputs), end

    def forward(self, pictures):
        return self.end(self.inner(pictures))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "outputs", "head"),
    [
        (torch.sigmoid, 4, "multi-label"),
        (torch.sigmoid, 1, "sigmoid"),
        (lambda x: torch.softmax(x, 1), 4, "softmax"),
        (lambda x: torch.log_softmax(x, 1), 4, "logits"),
        (lambda x: torch.sigmoid(x)[:, :, None, None], 4, "multi-label"),
        (lambda x: x * 0.01 + 0.5, 4, None),
        (lambda x: 100 * torch.softmax(x, 1), 4, None),
        (lambda x: torch.softmax(x, 0), 4, None),
        (lambda x: torch.softmax(x, 1), 1, None),
    ],
)
def test_what_a_module_calls_at_last_is_seen(end, outputs, head):
    if head is None:
        with pytest.raises(seewhy.InvalidInput) as refused:
            seewhy.load_model(Ends(end, outputs), preprocessing=RAW)
        assert refused.value.setting == "head"
        return
    model = seewhy.load_model(Ends(end, outputs), preprocessing=RAW)
    assert model.head.name == head
    assert not any("head=" in note for note in model.notes)


def test_a_softmax_over_the_pictures_of_a_batch_is_none():
    with refuses(seewhy.InvalidInput, "head"):
        seewhy.load_model(small(torch.nn.Softmax(dim=0), outputs=4), preprocessing=RAW)


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
