"""A package of somebody else's: a method, a metric, a kind of model, a segmentation and a fill."""

from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy import FunctionModel
from seewhy.core.settings import Settings, setting
from seewhy.methods.lime import Lime
from seewhy.metrics import Facts, Measure, Metric


class Doubled(Lime):
    """LIME whose values are twice as large, from which it is known."""

    source: ClassVar[str] = "a test"
    fits: ClassVar[frozenset[str]] = Lime.fits | {"factor"}

    name: Literal["doubled"] = "doubled"
    factor: Annotated[float, setting("what values are multiplied by", gt=0, le=10, search=(1, 4))] = 2.0

    def estimate(self, samples, scene, scores):
        """Return LIME's answer for scores that are larger by the factor."""
        return super().estimate(samples, scene, scores * self.factor)

    def spread(self, samples, scene, scores):
        """Return how sure that is."""
        return super().spread(samples, scene, scores * self.factor)


class Halves(Settings):
    """The picture's left and right half, cut again into stripes."""

    source: ClassVar[str] = "a test"
    name: Literal["halves"] = "halves"
    stripes: Annotated[int, setting("stripes in each half", ge=1, le=20)] = 2

    def __call__(self, pixels, seed):
        """Return ids (H, W)."""
        height, width = pixels.shape[:2]
        rows = np.arange(height) * self.stripes // height
        return 2 * rows[:, None] + (np.arange(width) >= width // 2)


class Stripes(Settings):
    """Black and white stripes."""

    source: ClassVar[str] = "a test"
    name: Literal["stripes"] = "stripes"

    def __call__(self, pixels, segments, rng):
        """Return a picture (H, W, C)."""
        return np.broadcast_to((np.arange(pixels.shape[1]) % 2)[:, None], pixels.shape).astype(np.float32)


def _peak(question, candidate):
    return Measure(float(candidate.on_view.max()))


PEAK = Metric(
    Facts("peak", "largest value of the map", "higher", "score", "a test", "0", "map", "it is no grade", region=False),
    _peak,
)


def bright(rest, options):
    """Return a model that reads the upper left quarter: ``bright:NAME``; it has no settings."""
    options.refuse(f"bright:{rest}")

    def model(pictures):
        height, width = pictures.shape[1:3]
        score = pictures[:, : height // 2, : width // 2].mean(axis=(1, 2, 3))
        return np.stack([score, 1 - score], axis=1)

    return FunctionModel(model, name=rest)
