"""A photo of twelve squares, a model of three classes, and runs of 150 samples."""

import numpy as np
import pytest

import seewhy
from seewhy.images.geometry import View
from seewhy.models import FunctionModel

H, W = 24, 32
PHOTO = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
BLOCKS = (np.arange(H)[:, None] // 8 * 4 + np.arange(W)[None] // 8).astype(np.int32)
LOOK = np.random.default_rng(1).normal(size=(3, H, W, 3))
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), design="bernoulli", surrogate="ridge", n_samples=150)
BALANCED = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), n_samples=150)
RISE = seewhy.Rise(n_samples=150, grid=4)
METHODS = pytest.mark.parametrize("method", [LIME, BALANCED, RISE], ids=["lime", "balanced", "rise"])


def logits(batch):
    drive = np.einsum("bhwc,khwc->bk", batch.astype(np.float64), LOOK) / 8
    return np.column_stack([drive[:, 0] * drive[:, 1], 3 * np.tanh(drive[:, 2]), drive.sum(axis=1) ** 2 / 4])


MODEL = FunctionModel(logits, kind="logit", labels=("cat", "dog", "tea"))


class Cropped(FunctionModel):
    def view(self, height, width):
        return View.resize_shorter_then_crop(height, width, shorter=28, crop=24)


def cropped(batch):
    wide = np.zeros((len(batch), H, W, 3))
    wide[:, :, 4:28] = batch
    return logits(wide)


def run(method=LIME, model=MODEL, photo=PHOTO, **more):
    return seewhy.explain(photo, model=model, method=method, **more)
