"""The first question to a network, two plain pictures: what is told, and advised, where it fails on them."""

import pytest

from seewhy.core.errors import ModelError
from seewhy.models import load_model

torch = pytest.importorskip("torch", reason="torch is not installed: pip install 'seewhy[torch]'")


class Needy(torch.nn.Module):
    """Wants more than pictures."""

    def forward(self, pictures, age):
        return pictures.mean((2, 3)) + age


class Silent(torch.nn.Module):
    """Fails without a word."""

    def forward(self, pictures):
        raise AssertionError


class Exact(torch.nn.Module):
    """Says in words of its own what size it wants."""

    def forward(self, pictures):
        if pictures.shape[2] != 16:
            raise ValueError(f"Wrong image height! Expected 16 but got {pictures.shape[2]}!")
        return pictures.mean((2, 3))


class Single(torch.nn.Module):
    """Takes one picture at once."""

    def forward(self, pictures):
        if len(pictures) > 1:
            raise ValueError("one at a time, please")
        return pictures.mean((2, 3))


class Lone(torch.nn.Module):
    """Answers for the first picture alone."""

    def forward(self, pictures):
        return pictures.mean((2, 3))[:1]


def gray(first, wide=4 * 6 * 6):
    return torch.nn.Sequential(first, torch.nn.Flatten(), torch.nn.Linear(wide, 2))


def linear():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 2))


@pytest.mark.parametrize(
    ("module", "said", "advice"),
    [
        (Needy, "forward() missing 1 required positional argument: 'age'", ""),
        (Silent, "AssertionError", ""),
        (Exact, "Wrong image height! Expected 16 but got 8!", "; give input_size or preprocessing"),
        (linear, "mat1 and mat2 shapes cannot be multiplied", "; give input_size or preprocessing"),
        (lambda: torch.nn.Conv2d(4, 2, 3), "to have 4 channels, but got 3", "; give input_size or preprocessing"),
        (lambda: gray(torch.nn.Conv2d(1, 4, 3)), "to have 1 channels, but got 3", "order='gray'"),
        (lambda: gray(torch.nn.Identity(), 8 * 8), "mat1 and mat2 shapes cannot be multiplied", "order='gray'"),
        (lambda: torch.nn.Conv2d(3, 2, 9), "Kernel size can't be greater", "; give input_size or preprocessing"),
        (Single, "one at a time, please", "; give batch_size=1"),
        (Lone, "it must return one row of numbers per image, returned (1, 3) for 2 images", "; give batch_size=1"),
    ],
    ids=["argument", "silent", "height", "linear", "channels", "gray", "gray line", "kernel", "single", "lone"],
)
def test_size_is_advised_only_where_the_error_is_about_shapes(module, said, advice):
    with pytest.raises(ModelError) as failure:
        load_model(module().eval(), preprocessing="0..1", input_size=8, runtime="native")

    text = str(failure.value)
    assert "but failed on two of them: " in text
    assert said in text
    assert text.endswith(advice) if advice else "; give " not in text
