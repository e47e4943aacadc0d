"""A small photo, a model that tells its masked pictures apart, and runs of a hundred samples."""

import threading
from collections import deque

import numpy as np
import pytest

import seewhy
from seewhy.models import FunctionModel

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
LIME = seewhy.Lime(
    segmentation=seewhy.Grid(rows=4, columns=8), fill="black", design="bernoulli", surrogate="ridge", n_samples=100
)
"""Over 32 segments no coalition is drawn twice, so that every sample is a picture; the first one is the untouched."""
BALANCED = LIME.replace(design="auto", surrogate="least-squares")
"""The default design: pairs of a coalition and its complement, and no untouched picture among them."""
RISE = seewhy.Rise(n_samples=100, grid=3)
METHODS = pytest.mark.parametrize("method", [LIME, BALANCED, RISE], ids=["lime", "balanced", "rise"])
LOOK = np.random.default_rng(1).normal(size=(12, 16, 3))


def known(method):
    """Return how many of the first samples are the untouched picture, which is not asked for again."""
    return int(method is LIME)


def score(batch):
    """Return two scores a picture that tell nearly all pictures apart."""
    drive = np.einsum("bhwc,hwc->b", batch.astype(np.float64), LOOK)
    return np.stack([np.tanh(drive / 10), drive], axis=1)


def composing():
    """Return the threads that compose pictures."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("seewhy-compose")]


class Streaming(FunctionModel):
    """Takes ``ahead`` batches before it answers the first; keeps what it holds in ``held``."""

    def __init__(self, ahead=1, in_flight=0, function=score):
        super().__init__(function, kind="score")
        self.ahead, self.in_flight, self.sizes = ahead, in_flight, []

    def stream(self, batches):
        held = deque()
        for batch in batches:
            self.sizes.append(len(batch))
            held.append(batch)
            if len(held) == self.ahead:
                yield self.answer(held)
        while held:
            yield self.answer(held)

    def answer(self, held):
        return self.function(held.popleft()).astype(np.float32)
