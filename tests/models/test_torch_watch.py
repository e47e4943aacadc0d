"""Weights that change after a model was made of their module: never asked for under the old name."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import ModelError
from support.refusing import refuses
from support.torch_nets import GRID, PHOTO, RAW, SIZE, small

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PICTURES = np.random.default_rng(0).random((4, 3, SIZE, SIZE), dtype=np.float32)


def loaded(net, **options):
    return seewhy.load_model(net, **({"preprocessing": RAW, "runtime": "native"} | options))


def in_place(net):
    with torch.no_grad():
        net[6].weight.mul_(-1)


def through_data(net):
    net[6].weight.data.mul_(-1)


def trained(net):
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net(torch.from_numpy(PICTURES)).square().mean().backward()
    optimizer.step()


def statistics(net):
    net.train()
    with torch.no_grad():
        net(torch.from_numpy(PICTURES))


def replaced(net):
    net[6] = torch.nn.Linear(8, 3)


def other_weights(net):
    net.load_state_dict({name: 2 * one for name, one in net.state_dict().items()})


def cast(net):
    net.double()


WAYS = [in_place, through_data, trained, statistics, replaced, other_weights, cast]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "options"),
    [
        *((way, {}) for way in WAYS),
        (in_place, {"runtime": "auto"}),
        (in_place, {"runtime": "openvino", "precision": "bf16"}),
    ],
)
def test_weights_that_changed_are_not_explained_as_the_old_ones(way, options):
    net = small()
    model = loaded(net, **options)
    before = seewhy.explain(PHOTO, model=model, method=GRID)
    way(net)

    with refuses(ModelError, "model", rule="keep its weights"):
        seewhy.explain(PHOTO, model=model, method=GRID)
    again = seewhy.explain(PHOTO, model=loaded(net, **options), method=GRID)
    assert again.model.fingerprint != before.model.fingerprint


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
def test_writes_that_torch_does_not_count_are_seen_whatever_the_type_and_layout(kind, layout):
    net = small().to(kind).to(memory_format=layout)
    model = loaded(net)
    net[0].weight.data.mul_(2)
    with refuses(ModelError, "model", rule="keep its weights"):
        list(model.stream([PICTURES]))


def test_weights_that_change_under_way_are_noticed_before_the_end():
    net = small()
    model = loaded(net)

    def batches():
        yield PICTURES
        in_place(net)
        yield PICTURES

    with refuses(ModelError, "model", rule="keep its weights"):
        list(model.stream(batches()))


class Counts(torch.nn.Module):
    """Writes down how often it is asked and what it saw last, as some modules do."""

    def __init__(self):
        super().__init__()
        self.inner = small()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("seen", torch.zeros(3))

    def forward(self, pictures):
        self.calls += 1
        self.seen.data.copy_(pictures.mean(dim=(0, 2, 3)))
        return self.inner(pictures)


def test_what_a_module_writes_down_while_it_is_asked_is_let_be():
    net = Counts().eval()
    one, other = loaded(net), loaded(net)
    for model in (one, other, one):
        seewhy.explain(PHOTO, model=model, method=GRID)
    with torch.no_grad():
        net(torch.from_numpy(PICTURES))
    assert len(seewhy.explain(PHOTO, model=one, method=GRID).samples) == 128

    in_place(net.inner)
    with refuses(ModelError, "model", rule="keep its weights"):
        seewhy.explain(PHOTO, model=one, method=GRID)


def test_what_changes_no_answer_is_no_change():
    net = small()
    model = loaded(net)
    before = seewhy.explain(PHOTO, model=model, method=GRID)
    net.train()
    net.requires_grad_(requires_grad=False).requires_grad_(requires_grad=True)
    copy.deepcopy(net)[6].weight.data.zero_()
    net[6].weight.grad = torch.ones_like(net[6].weight)
    net.zero_grad()
    after = seewhy.explain(PHOTO, model=model, method=GRID)
    np.testing.assert_array_equal(before.values(), after.values())


def test_a_script_and_parts_without_numbers_are_watched_too():
    script = torch.jit.script(small().eval())
    model = loaded(script)
    list(model.stream([PICTURES]))
    with torch.no_grad():
        next(iter(script.parameters())).add_(1)
    with refuses(ModelError, "model", rule="keep its weights"):
        list(model.stream([PICTURES]))

    net = small()
    net[6].register_buffer("none", torch.zeros(0))
    net[6].register_buffer("sparse", torch.eye(3).to_sparse())
    model = loaded(net)
    list(model.stream([PICTURES]))
    with torch.inference_mode():
        net[6].register_buffer("inference", torch.zeros(3))
    model = loaded(net)
    list(model.stream([PICTURES]))


class Normalizes(torch.nn.Module):
    """Scales its own weights each time it is asked, as layers with a bound on their norm do."""

    def __init__(self):
        super().__init__()
        self.inner = small()
        self.register_buffer("cache", torch.zeros(2))

    def forward(self, pictures):
        with torch.no_grad():
            weight = self.inner[6].weight
            weight.div_(weight.norm())
        self.cache = None
        return self.inner(pictures)


def test_weights_that_a_module_bounds_itself_are_let_be():
    net = Normalizes().eval()
    model = loaded(net)
    for _ in range(2):
        assert len(seewhy.explain(PHOTO, model=model, method=GRID).samples) == 128

    with torch.no_grad():
        net.inner[0].weight.mul_(-1)
    with refuses(ModelError, "model", rule="keep its weights"):
        seewhy.explain(PHOTO, model=model, method=GRID)
