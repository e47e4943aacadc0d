"""seewhy's own methods, metrics, segmentations and fills keep the rules that those of other packages must keep."""

from typing import ClassVar

import numpy as np
import pytest

import seewhy
from seewhy.images.fills import FILLS
from seewhy.images.segmentation import SEGMENTATIONS
from seewhy.methods import METHODS
from seewhy.metrics import METRICS, Facts, Measure, Metric
from seewhy.testing import check_fill, check_method, check_metric, check_segmenter

FEW = {
    "lime": {"segmentation": {"name": "grid", "rows": 4, "columns": 4}, "fill": "black", "n_samples": 160},
    "rise": {"grid": 4, "n_samples": 400},
    "ensemble-lime": {"n_segments": [6, 12], "fill": "black", "n_samples": 200},
    "occlusion": {"window": 8, "stride": 8, "fill": "black"},
}
OF_A_FILE = {
    "labels": {"array": np.arange(48)[:, None] // 12 * 6 + np.arange(64)[None] // 12},
    "picture": {"array": np.zeros((24, 32, 3), dtype=np.uint8)},
    "custom": {
        "function": lambda pixels: (np.arange(pixels.shape[1]) * 4 // pixels.shape[1]) + 0 * pixels[..., 0].astype(int)
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in METHODS if name != "auto"])
def test_methods(name):
    check_method(METHODS[name](**FEW[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    check_metric(METRICS[name])


@pytest.mark.parametrize(
    "name", [name for name in SEGMENTATIONS if name not in {"labels", "custom"}]
)  # of one photo, or of Python
def test_segmentations(name):
    check_segmenter(SEGMENTATIONS[name](**OF_A_FILE.get(name, {})))


@pytest.mark.parametrize("name", FILLS)
def test_fills(name):
    needs_segments = name == "segment-mean"
    channels = (3,) if name == "picture" else (1, 3)
    made = FILLS[name](**OF_A_FILE.get(name, {}))

    if name == "picture":
        pytest.skip("a picture holds an array, which plain values only name")
    check_fill(made, without_segments=not needs_segments, channels=channels)


class Restless(seewhy.Occlusion):
    """A method that gives another answer each time."""

    calls: ClassVar[list[int]] = []

    def estimate(self, samples, scene, scores):
        self.calls.append(1)
        return super().estimate(samples, scene, scores * len(self.calls))


def gappy(pixels, seed):
    """A segmentation that gives fractions."""
    return np.zeros(pixels.shape[:2])


def greedy(question, candidate):
    """A metric that evaluates the model although it says that it does not."""
    return Measure(float(question.scores(np.ones((1, 32, 32)), None)[0]))


def careless(pixels, segments, rng):
    """A fill that writes into its picture."""
    pixels *= 0.5
    return pixels


GREEDY = Metric(Facts("greedy", "greedy", "higher", "-", "a test", "0", "map", "always"), greedy)


@pytest.mark.parametrize(
    ("check", "part"),
    [
        (check_method, Restless(window=8, stride=8, fill="black")),
        (check_segmenter, gappy),
        (check_metric, GREEDY),
        (check_fill, careless),
    ],
    ids=["method", "segmentation", "metric", "fill"],
)
def test_what_breaks_a_rule_is_told_so(check, part):
    with pytest.raises((AssertionError, seewhy.InvalidInput)):
        check(part)
