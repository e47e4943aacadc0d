"""A model that reads one region of a small picture; it needs nothing but numpy, so that any server can run it."""

import numpy as np

HEIGHT, WIDTH = 24, 32
TOP, LEFT = slice(6, 12), slice(8, 16)
"""The region: the second square of the second row of a grid of four by four."""
SEGMENT = 5
WEIGHTS = np.array([[1, 0.5, -0.25], [-1, 0.5, 2], [0.1, -0.3, 0.2]])


def planted(pictures):
    """Return three scores a picture (B, 24, 32, 3): of the colors of the region, and a little of all the rest."""
    colors = pictures[:, TOP, LEFT].mean(axis=(1, 2), dtype=np.float64)
    return (colors @ WEIGHTS.T + 0.01 * pictures.mean(axis=(1, 2, 3), dtype=np.float64)[:, None]).astype(np.float32)


def planted_nchw(pictures):
    """The same for pictures (B, 3, 24, 32)."""
    return planted(pictures.transpose(0, 2, 3, 1))
