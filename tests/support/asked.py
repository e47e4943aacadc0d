"""Runs of every design by a model that remembers what it was asked, and that can be interrupted."""

import numpy as np
import pytest

import seewhy
from seewhy.methods import EnsembleLime
from seewhy.models import FunctionModel

H, W, K = 24, 32, 5
PHOTO = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
LOOK = np.random.default_rng(1).normal(size=(K, H, W, 3))
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4))
ENSEMBLE = EnsembleLime(n_segments=(4, 8), fill="black")
METHODS = {
    "foldover": LIME,
    "bernoulli": LIME.replace(design="bernoulli"),
    "bernoulli, mostly kept": LIME.replace(keep=0.8, surrogate="ridge"),
    "antithetic": LIME.replace(design="antithetic"),
    "shapley": LIME.replace(design="shapley"),
    "drop-fraction": LIME.replace(design="drop-fraction", keep=0.7, surrogate="lasso"),
    "rise": seewhy.Rise(grid=4),
    "rise of coin flips": seewhy.Rise(grid=4, keep=0.4, estimator="ratio"),
    "ensemble": ENSEMBLE,
}
EVERY = pytest.mark.parametrize("name", METHODS)
THREE = pytest.mark.parametrize("name", ["foldover", "rise", "ensemble"])
EARLY = {
    "ensemble before its first block": ENSEMBLE,
    "shapley values of a few rows": LIME.replace(design="shapley", kernel="shapley"),
    "a lasso of one pair": LIME.replace(surrogate="lasso"),
}
"""Methods that need more than a few rows to say anything."""


def logits(batch):
    return 3 * np.tanh(np.einsum("bhwc,khwc->bk", batch - 0.5, LOOK, dtype=np.float64) / 8)


class Asked(FunctionModel):
    """Keeps every picture it is shown; presses Ctrl-C in the call of a given number."""

    def __init__(self, interrupt=None, scores=logits, name="asked"):
        self.pictures, self.calls, self.interrupt = [], 0, interrupt
        super().__init__(self.answer, kind="logit", labels=("a", "b", "c", "d", "e"), name=name)
        self.scores, self.fingerprint = scores, f"test:{name}"

    def answer(self, batch):
        self.calls += 1
        if self.calls == self.interrupt:
            raise KeyboardInterrupt
        self.pictures += [picture.tobytes() for picture in batch]
        return self.scores(batch)


def run(method, model=None, **more):
    given = {"batch_size": 10, "targets": ["top1", "0 vs 1"]} | more
    return seewhy.explain(PHOTO, model=model or Asked(), method=method, **given)


def file_of(explanation, folder):
    return explanation.save(folder / "result").read_bytes()
