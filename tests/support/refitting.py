"""A model of fourteen classes that counts its pictures, small runs of it, and files of theirs compared."""

import numpy as np

import seewhy
from seewhy.methods import EnsembleLime
from seewhy.models import FunctionModel

H, W, K = 24, 32, 14
PHOTO = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
BLOCKS = (np.arange(H)[:, None] // 8 * 4 + np.arange(W)[None] // 8).astype(np.int32)
LOOK = np.random.default_rng(1).normal(size=(K, H, W, 3))
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), n_samples=96)
RISE = seewhy.Rise(grid=4, n_samples=120)
ENSEMBLE = EnsembleLime(n_segments=(4, 8), fill="black", n_samples=100)


class Counting(FunctionModel):
    """Fourteen classes, and the pictures it was shown."""

    def __init__(self):
        self.pictures = 0
        super().__init__(self.logits, kind="logit", labels=[f"class-{k}" for k in range(K)], name="counting")

    def logits(self, batch):
        self.pictures += len(batch)
        return 3 * np.tanh(np.einsum("bhwc,khwc->bk", batch - 0.5, LOOK, dtype=np.float64) / 8)


def run(method=LIME, model=None, **more):
    return seewhy.explain(PHOTO, model=model or Counting(), method=method, **more)


def same_file(one, other, folder):
    """Return whether two results give the same bytes."""
    return one.save(folder / "one").read_bytes() == other.save(folder / "other").read_bytes()


def order(explanation):
    """Return the classes, the strongest first."""
    return [prediction.index for prediction in explanation.predictions]
