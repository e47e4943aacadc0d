"""A photo of sixteen squares, and a network whose three classes read one square each, in numpy."""

import numpy as np

import seewhy
from seewhy.models import FunctionModel
from seewhy.testing import check_model

SIDE = 32
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(60, 256, (SIDE, SIDE, 3), dtype=np.uint8)
BLOCKS = (np.arange(SIDE)[:, None] // 8 * 4 + np.arange(SIDE)[None] // 8).astype(np.int32)
READ = (5, 2, 11)
"""The square that each class reads."""
WEIGHTS = np.stack([np.repeat((place == BLOCKS)[..., None], 3, axis=2) / 192 * 4 for place in READ]).astype(np.float32)
"""(3, H, W, C): a class's logit is four times the mean of its square."""
BIAS = np.array([-1.5, -1.0, -2.0], np.float32)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black", n_samples=80)
OPTIONS = {"preprocessing": {"size": (SIDE, SIDE), "mean": [0.4, 0.5, 0.6], "std": [0.5, 0.25, 0.2]}}
"""A preprocessing in which the order of channels matters."""


def logits(batch):
    """From prepared pictures (B, H, W, C)."""
    return np.einsum("bhwc,khwc->bk", batch, WEIGHTS) + BIAS


def prepared(batch):
    """From pictures in 0..1, as OPTIONS says."""
    return (batch - np.float32([0.4, 0.5, 0.6])) / np.float32([0.5, 0.25, 0.2])


def reference(function=lambda batch: logits(prepared(batch)), kind="logit"):
    """Return a model that is nothing but a function around the same network."""
    return FunctionModel(function, kind=kind)


def explained(model, photo=PHOTO):
    return seewhy.explain(photo, model=model, method=LIME, seed=3, targets=[0, 1, 2])


def check_same(model, wanted=None, atol=1e-4):
    """Check that a model's explanation is that of the plain function, and return it."""
    got, want = explained(model), explained(wanted or reference())
    np.testing.assert_array_equal(got.segments, want.segments)
    for k in range(3):
        np.testing.assert_allclose(got.values(k), want.values(k), atol=atol)
        assert np.ptp(want.values(k)) > 100 * atol
    return got


def check_planted(model, photo=PHOTO):
    """Check that each class lights the square that it reads, and return the explanation."""
    got = explained(model, photo)
    for k, place in enumerate(READ):
        values = got.values(k)
        assert int(np.argmax(values)) == place
        assert values[place] > 2 * np.abs(np.delete(values, list(READ))).max()
    return got


def check_batches(model):
    """Check that five pictures together get the answers that they get one by one."""
    pixels = np.random.default_rng(7).random((5, SIDE, SIDE, model.channels), dtype=np.float32)
    batch = np.stack([model.prepare(one) for one in pixels])
    (together,) = model.stream([batch])
    alone = np.concatenate(list(model.stream([one[None] for one in batch])))
    assert together.shape[0] == 5
    assert np.ptp(together, axis=0).min() > 0.001
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)
    check_model(model, tolerance=1e-4)
