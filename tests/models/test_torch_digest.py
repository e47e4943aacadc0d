"""The fingerprint of a torch module: what decides its answers is in it, and nothing else."""

from __future__ import annotations

import functools
import subprocess
import sys

import pytest

from seewhy.models.torch.modules import digest
from support.torch_nets import small

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Beside(torch.nn.Module):
    """Holds more than weights."""

    def __init__(self, held=None, **more):
        super().__init__()
        self.inner, self.held = small(), held
        vars(self).update(more)

    def forward(self, pictures):
        return self.inner(pictures)


def hooked(hook, *, before=False):
    net = small()
    (net[0].register_forward_pre_hook if before else net[0].register_forward_hook)(hook)
    return net


def closing_over(held):
    return lambda answer: -held(answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Beside("max"), Beside("min")),
        (Beside(), Beside("max")),
        (Beside(torch.tanh), Beside(torch.relu)),
        (Beside(torch.nn.functional.gelu), Beside(torch.nn.functional.relu)),
        (Beside(lambda a: a), Beside(lambda a: a[:, :4])),
        (Beside(closing_over(torch.tanh)), Beside(closing_over(torch.relu))),
        (Beside(functools.partial(torch.softmax, dim=1)), Beside(functools.partial(torch.softmax, dim=0))),
        (Beside(torch.float16), Beside(torch.float32)),
        (Beside({"pool": ["max", True]}), Beside({"pool": ["max", False]})),
        (Beside(_mode="max"), Beside(_mode="min")),
        (Beside(forward=lambda pictures: pictures), Beside(forward=lambda pictures: -pictures)),
        (hooked(lambda part, given, answer: answer), hooked(lambda part, given, answer: -answer)),
        (hooked(lambda part, given: None, before=True), hooked(lambda part, given: (-given[0],), before=True)),
        (small(), hooked(lambda part, given, answer: -answer)),
        (torch.fx.symbolic_trace(Beside().inner), torch.fx.symbolic_trace(small(torch.nn.ReLU()))),
    ],
)
def test_the_fingerprint_sees_what_decides_beside_weights(one, two):
    assert digest(one) != digest(two)
    assert digest(one) == digest(one)


@pytest.mark.slow
def test_where_a_module_came_from_and_what_it_keeps_are_not_in_its_fingerprint():
    class Kept:
        """Neither a number nor a name."""

    plain = digest(Beside())
    for same in (Beside("some/where"), Beside(Kept()), Beside(torch.ones(3)), Beside([]), Beside(name_or_path="here")):
        assert digest(same) == plain
    itself = []
    itself.append(itself)
    assert digest(Beside(itself)) == plain


ELSEWHERE = """
import enum, functools, torch
from seewhy.models.torch.modules import digest

class Way(enum.Enum):
    MAX = 1

class Turn:
    def __init__(self, by): self.by = by
    def __call__(self, part, given, answer): return answer * self.by

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.TransformerEncoderLayer(8, 2, 16, activation=torch.relu))
net.names = {"max", "min", "mean", "sum"}
net.many = {"a": lambda x: x, "b": functools.partial(torch.sum, dim=1), "c": Way.MAX, "d": torch.float16, "e": Turn}
net.some = object()
net[0].register_forward_hook(Turn(-1))
net[0].register_forward_pre_hook(lambda part, given: None)
print(digest(net))
"""


@pytest.mark.slow
def test_the_fingerprint_is_the_same_in_every_process():
    def printed(seed):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", ELSEWHERE],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    found = printed("1")
    assert len(found) == 64
    assert found == printed("2")


@pytest.mark.filterwarnings("ignore:.*quantized tensor creation functions:UserWarning")
def test_numbers_quantized_by_channel_are_told_apart():
    def keeps(*scales):
        net = small()
        whole = torch.ones(2, 3, dtype=torch.int8)
        zeros = torch.zeros(2, dtype=torch.int64)
        net.register_buffer("kept", torch._make_per_channel_quantized_tensor(whole, torch.tensor(scales), zeros, 0))
        return net

    assert digest(keeps(1.0, 2.0)) == digest(keeps(1.0, 2.0)) != digest(keeps(1.0, 3.0))
