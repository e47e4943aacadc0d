"""What tests of pickling need by name: a function, a class, a segmentation."""

import numpy as np


def colors(batch):
    """A function that can be found by its name."""
    means = batch.mean(axis=(1, 2))
    return means / means.sum(axis=1, keepdims=True)


class Colors:
    """A callable with something of its own."""

    def __init__(self, held=None):
        self.held = held

    def __call__(self, batch):
        return colors(batch)


def quarters(pixels):
    height, width = pixels.shape[:2]
    return np.arange(height)[:, None] * 2 // height * 2 + np.arange(width) * 2 // width
