"""Whatever belongs to one target, or to the seed, is never another's: intervals, risk, forecasts, fills."""

import re

import numpy as np
import pytest

import seewhy
from seewhy.engine.run import Subject
from seewhy.engine.stopping import RISK, SLACK, Amount, Looks
from seewhy.estimation.intervals import Spread
from seewhy.images.fills import Noise, fill_picture
from seewhy.models import FunctionModel

PHOTO = np.random.default_rng(0).integers(60, 256, (32, 40, 3), dtype=np.uint8)
MAPS = {
    "rise": seewhy.Rise(grid=4, n_samples=200),
    "ensemble-lime": seewhy.EnsembleLime(n_segments=(8, 16), n_samples=250),
}


def two(batch):
    """One score that is nearly additive, and one that is far from it."""
    light = batch[:, :16, :20].mean((1, 2, 3))
    return np.column_stack([light, np.sin(300 * batch.mean((1, 2, 3)))])


MODEL = FunctionModel(two, kind="score")


def run(method, **more):
    return seewhy.explain(PHOTO, model=MODEL, method=method, progress=False, **more)


@pytest.mark.parametrize("name", MAPS)
def test_the_interval_of_a_map_is_of_its_own_target(name):
    got = run(MAPS[name], targets=[0, 1])
    alone = run(MAPS[name], targets=[1])

    for found, expected in zip(got.interval(1), alone.interval(), strict=True):
        np.testing.assert_array_equal(found, expected)
    low, high = got.interval(1)
    np.testing.assert_allclose(high - low, 2 * got.attributions[1].reach * got.standard_error(1), rtol=1e-5)
    assert np.median(got.standard_error(1) / np.maximum(got.standard_error(0), 1e-12)) > 2  # the test can tell


class Rows:
    def least(self):
        return 32

    def total(self):
        return None

    def usable(self, n):
        return n

    def boundary(self, n):
        return n


def _spread(noise):
    return Spread(np.ones(10), np.eye(10) * noise**2 / (1 + noise**2), 50)


def test_targets_share_the_risk_of_a_look():
    # Known well enough for the whole risk of the first look, and not for a fifth of it.
    spread = next(
        spread
        for spread in map(_spread, np.linspace(0.1, 0.05, 200))
        if spread.bound(RISK / 2) <= SLACK * 0.1 < spread.bound(RISK / 2 / 5)
    )

    assert Looks(Amount(tolerance=0.1), Rows()).next(64, [spread]) == "tolerance"
    assert isinstance(Looks(Amount(tolerance=0.1), Rows()).next(64, [spread] * 5), int)


def test_targets_share_the_risk_of_telling_the_strongest_apart():
    values = np.array([2.0, 1.0, 0.1, 0.1])
    spread = next(
        spread
        for spread in (Spread(values, np.eye(4) * se**2, 20) for se in np.linspace(0.5, 0.1, 400))
        if spread.separated(1, RISK / 2) and not spread.separated(1, RISK / 2 / 5)
    )

    assert Looks(Amount(until="top1"), Rows()).next(64, [spread]) == "until"
    assert isinstance(Looks(Amount(until="top1"), Rows()).next(64, [spread] * 5), int)


def test_the_number_of_samples_that_would_do_grows_with_the_square_of_the_error():
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), fill="black", max_evaluations=129, tolerance=0.01)

    def curved(batch):
        return np.exp(6 * batch.mean((1, 2, 3)))[:, None]

    got = seewhy.explain(PHOTO, model=FunctionModel(curved, kind="score"), method=method, progress=False)

    (note,) = (note for note in got.warnings if "for that, resume" in note)
    said = int(re.search(r"about (\d+) samples", note)[1])
    worst = got.attributions[0].spread.bound(RISK / 2, certain=True) / (SLACK * 0.01)
    assert worst > 3  # the test can tell
    assert said == pytest.approx(len(got.samples) * worst**2, rel=0.1)


@pytest.mark.parametrize("name", [*MAPS, "lime"])
def test_a_fill_that_is_drawn_depends_on_the_seed(name):
    method = (MAPS.get(name) or seewhy.Lime(segmentation=seewhy.Grid())).replace(fill="noise")
    known = run(method.replace(n_samples=250))

    scenes = [Subject.of(known.image, known.view, method, seed).scene for seed in (0, 7, 7)]

    np.testing.assert_array_equal(scenes[1].fill, scenes[2].fill)
    assert np.abs(scenes[0].fill - scenes[1].fill).mean() > 0.1
    np.testing.assert_array_equal(scenes[1].fill, fill_picture(Noise(), scenes[1].pixels, None, 7))
