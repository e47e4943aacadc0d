"""A small network of torch, a photo for it, and the same network as a plain callable."""

import numpy as np
import pytest

import seewhy

torch = pytest.importorskip("torch", reason="the extra torch is not installed")

SIZE = 16
RAW = seewhy.Preprocessing(size=(SIZE, SIZE))
PHOTO = np.random.default_rng(3).integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
GRID = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black", n_samples=128)


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


def by_hand(net, head=None):
    """A plain callable around the same network, prepared by hand."""

    def function(batch):
        with torch.no_grad():
            answer = net.eval()(torch.from_numpy(batch.transpose(0, 3, 1, 2).copy()))
        return answer.numpy()

    return seewhy.FunctionModel(function, input_size=SIZE, kind=head)


class Corner(torch.nn.Module):
    """Reads the upper left quarter alone."""

    def forward(self, pictures):
        quarter = pictures[:, :, : SIZE // 2, : SIZE // 2].mean(dim=(1, 2, 3))
        return torch.stack([4 * quarter, torch.ones_like(quarter)], dim=1)
