"""A tuning of the planted network that takes little, and counts what it asks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

import seewhy
from seewhy.models import FunctionModel
from seewhy.truth import Known, MaskPicture
from seewhy.tune import tune
from support.planted import BLOCKS, PHOTO, READ, logits, prepared

OBJECT = READ[0] == BLOCKS
START = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black")
COARSE = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), fill="blur")
GRIDS = {"lime.segmentation": ["grid"], "lime.grid.rows": [3, 5], "lime.grid.columns": [3, 5], "lime.fill": ["blur"]}
FREE = {"kernel": ["cosine"], "surrogate": ["least-squares"], "num_features": [None], "n_samples": [40]}
SHOWN = {"regions": [1, 3, 5, 8], "sign": ["auto", "positive"]}
QUICK = {"methods": ["lime"], "sampling": GRIDS, "target": 0, "start": COARSE, "free": FREE | SHOWN}


class Counted(FunctionModel):
    """The planted network, which counts the pictures that it is sent, and may break at one of them, or be noisy."""

    def __init__(self, stop_at=None, error=KeyboardInterrupt, noise=0.0):
        self.sent, self.stop_at, self.error, self.noise = 0, stop_at, error, noise
        super().__init__(self.answer, kind="logit", batch_size=8, name="counted")
        self.fingerprint = "test:counted"

    def answer(self, batch):
        self.sent += len(batch)
        if self.stop_at is not None and self.sent > self.stop_at:
            raise self.error
        sums = batch.reshape(len(batch), -1).sum(axis=1, dtype=np.float64)
        noise = np.sin(1000 * sums[:, None] * [1, 2, 3])  # as hard to foresee as chance, and the same each time
        return (logits(prepared(batch)) + self.noise * noise).astype(np.float32)


def run(model=None, photos=PHOTO, **more):
    return tune(photos, model=model or Counted(), **(QUICK | more))


def only_free(model=None, photos=PHOTO, **more):
    return tune(photos, model=model or Counted(), **({"start": START, "search": False, "target": 0} | more))


def plain(found):
    """Return what does not depend on how long it took, or how often it was stopped and asked the model again."""
    held = found.to_dict()
    held["trials"] = [{key: value for key, value in trial.items() if key != "calls"} for trial in held["trials"]]
    return {key: value for key, value in held.items() if key not in {"seconds", "calls"}}


def known(classes, *, sure=False, group=None):
    path = Path("mask.png")
    held = io.BytesIO()
    Pillow.fromarray(OBJECT).save(held, "PNG")
    return Known(path.name, marks=MaskPicture(path, held.getvalue()), classes=classes, sure=sure, group=group)


def noise_question(count, seed=0):
    """Photos whose objects lie anywhere: no setting is better than another."""
    rng = np.random.default_rng(seed)
    photos = [rng.integers(60, 256, (32, 32, 3), dtype=np.uint8) for _ in range(count)]
    truths = [rng.integers(16) == BLOCKS for _ in range(count)]
    return photos, truths
