"""A photo of twelve squares, models that read some of them, and questions and candidates for metrics."""

from functools import cache

import numpy as np

import seewhy
from seewhy.metrics import Candidate, Question
from seewhy.models import FunctionModel

H, W = 60, 80
BLOCKS = (np.arange(H)[:, None] // 20 * 4 + np.arange(W) // 20).astype(np.int32)
OBJECT = BLOCKS == 6
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), fill="black", n_samples=256)
PHOTO = np.random.default_rng(0).integers(30, 60, (H, W, 3), dtype=np.uint8)
PHOTO[OBJECT] += 190  # it stands out, so that a blur takes of it
PHOTO[np.isin(BLOCKS, [2, 9])] += 120


def squares(batch):
    """(B, 12): the mean of each square."""
    tiles = batch.astype(np.float64).reshape(len(batch), 3, 20, 4, 20, -1).mean(axis=(2, 4, 5))
    return tiles.reshape(len(batch), 12)


def reads(*places):
    """Return a function of three classes: the first reads square 6, the others the squares named."""
    weights = np.zeros((3, 12))
    weights[0, 6] = 1
    for k, place in enumerate(places, start=1):
        weights[k, place] = 1 - 0.1 * k

    def model(batch):
        return squares(batch) @ weights.T

    return model


def noisy(batch):
    """Squares act together, so that few samples tell little."""
    found = squares(batch)
    worth = found[:, 6] + 3 * found[:, 6] * found[:, 2] * found[:, 9] + 90 * found[:, 0] * found[:, 1] * found[:, 5]
    return np.column_stack([worth, found[:, 2], found[:, 3]])


def falling(batch):
    """Every square counts, and no two alike."""
    return squares(batch) / squares(PHOTO[None] / 255) @ np.column_stack([2.0 ** -np.arange(12), np.arange(12)])


class Counting(FunctionModel):
    pictures = largest = 0

    def __init__(self, function):
        super().__init__(function)

    def stream(self, batches):
        for scores in super().stream(batches):
            self.pictures += len(scores)
            self.largest = max(self.largest, len(scores))
            yield scores


def question(function=None, truth=OBJECT, **more):
    return Question.of(PHOTO, model=Counting(function or READS), truth=truth, target=0, **more)


READS = reads(2, 9)


@cache
def explained(function=READS, method=LIME, seed=3):
    return seewhy.explain(PHOTO, model=FunctionModel(function), method=method, targets=[0, 1], seed=seed)


def candidate(**more):
    return Candidate.of(explained(**more))
