"""A small network of torch."""

import pytest

torch = pytest.importorskip("torch", reason="the extra torch is not installed")


def small(*last, outputs=3):
    """A convolutional network with what often goes wrong: batch normalization and dropout."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        parts = [
            torch.nn.Conv2d(3, 8, 3, stride=2),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.5),
            torch.nn.AdaptiveAvgPool2d(1),
            torch.nn.Flatten(),
            torch.nn.Linear(8, outputs),
            *last,
        ]
        net = torch.nn.Sequential(*parts)
        net[1].running_mean.uniform_(-0.2, 0.2)
        net[1].running_var.uniform_(0.5, 1.5)
        net[6].weight.data *= 6
    return net
