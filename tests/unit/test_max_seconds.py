"""The time allowed is kept within two batches, by every method; what came of less is said. Time is the model's own."""

import numpy as np
import pytest

import seewhy
from seewhy.engine.loop import Clock
from seewhy.models import FunctionModel

PHOTO = np.random.default_rng(0).integers(40, 256, (48, 64, 3), dtype=np.uint8)
METHODS = {
    "lime": seewhy.Lime(segmentation=seewhy.Grid(rows=5, columns=8)),
    "rise": seewhy.Rise(),
    "ensemble-lime": seewhy.EnsembleLime(),
    "auto": seewhy.Auto(),
}
BY_METHOD = pytest.mark.parametrize("name", METHODS)


class Time:
    """Stands still but while the model is at work."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        for place in ("seewhy.engine.loop", "seewhy.engine.run", "seewhy.api", "seewhy.explanation.first_run"):
            monkeypatch.setattr(f"{place}.perf_counter", lambda: self.now)


class Slow(FunctionModel):
    """Takes as long for every picture, and more for the first call."""

    def __init__(self, time, each, first=0.0):
        self.time, self.each, self.first, self.batches = time, each, first, []
        super().__init__(self.scores, kind="probability", labels=("light", "dark"), name="slow")

    def scores(self, batch):
        self.batches.append(len(batch))
        self.time.now += self.each * len(batch) + self.first * (len(self.batches) == 1)
        light = batch[:, :12, :16].mean((1, 2, 3)) * batch[:, 24:36, 32:48].mean((1, 2, 3))
        return np.stack([light, 1 - light], axis=1)


@pytest.fixture
def time(monkeypatch):
    return Time(monkeypatch)


def run(name, model, limit, **more):
    method = METHODS[name].replace(max_seconds=limit)
    return seewhy.explain(PHOTO, model=model, method=method, targets=[0], progress=False, **more)


@BY_METHOD
@pytest.mark.parametrize(("each", "limit"), [(0.1, 2), (0.3, 0.5), (0.02, 2), (0.01, 5), (1, 30), (5, 2)])
def test_the_time_is_kept_and_what_is_missing_is_said(name, each, limit, time):
    model = Slow(time, each)

    got = run(name, model, limit)

    assert time.now - 1000 <= max(limit, 3 * each) + 2 * each
    assert len(got.samples) >= 2
    assert sum(model.batches) >= got.n_evaluations
    if got.stop.by == "max-seconds":
        assert any(f"max_seconds={limit:g}" in note for note in got.warnings)


@BY_METHOD
def test_a_slow_first_call_does_not_stop_a_run_from_being_read(name, time):
    got = run(name, Slow(time, 0.01, first=10), 2)

    assert len(got.samples) >= 2
    assert any("took 10" in note and "more than max_seconds=2" in note for note in got.warnings)
    assert any("was not checked" in note for note in got.warnings)


@pytest.mark.slow
@BY_METHOD
def test_time_that_is_left_over_changes_nothing(name, time):
    plain = seewhy.explain(PHOTO, model=Slow(time, 0), method=METHODS[name], targets=[0], progress=False)

    got = run(name, Slow(time, 0.001), 1e6)

    np.testing.assert_array_equal(got.heatmap(), plain.heatmap())
    np.testing.assert_array_equal(got.samples.scores, plain.samples.scores)
    assert got.warnings == plain.warnings


@BY_METHOD
def test_a_run_that_was_cut_short_goes_on_to_what_a_straight_one_finds(name, time, tmp_path):
    model = Slow(time, 0.1)
    short = run(name, model, 2)
    assert short.stop.by == "max-seconds"
    loaded = seewhy.load(short.save(tmp_path / "short.seewhy"))
    assert loaded.warnings == short.warnings

    got = loaded.continue_(model=Slow(time, 0.1), n_samples=300, max_seconds=None)

    straight = seewhy.explain(PHOTO, model=Slow(time, 0), method=got.method, targets=[0], progress=False)
    np.testing.assert_array_equal(got.heatmap(), straight.heatmap())
    np.testing.assert_array_equal(got.samples.scores, straight.samples.scores)
    assert not any("max_seconds" in note for note in got.warnings if not note.startswith("auto"))


def test_a_map_of_less_than_a_block_says_so(time):
    got = run("ensemble-lime", Slow(time, 0.1), 2)

    note = next(note for note in got.warnings if note.startswith("partial"))
    assert f"after {len(got.samples)} of the" in note
    assert got.attributions[0].se is None
    got.plot()


def test_the_pilot_of_auto_is_left_out_where_there_is_no_time_for_it(time):
    got = run("auto", Slow(time, 0.1), 2)

    assert got.pilot == 0
    assert any("without a pilot" in note for note in got.warnings)
    assert got.method.n_segments == (8, 12)
    assert got.method.fill == seewhy.Blur()


@pytest.mark.slow
def test_the_pilot_of_auto_tries_the_fills_that_it_has_time_for(time):
    pilots = []
    for limit in np.arange(2.4, 5, 0.1):
        time.now = 1000.0
        got = run("auto", Slow(time, 0.1), float(limit))
        late = any("not tested" in note and "black" in note for note in got.warnings)
        pilots.append(got.pilot)
        assert late == (got.pilot < 3)
        looked = any("with half of the photo masked" in note for note in got.warnings)
        assert looked == (got.pilot > 3)  # there was time for the grid
        assert time.now - 1000 <= limit + 0.2

    assert pilots == sorted(pilots)
    assert pilots[0] == 0
    assert pilots[-1] > 3
    assert {1, 2, 3} & set(pilots)


def test_shapley_values_need_their_block_and_the_time_beyond_is_said(time):
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=3), design="shapley", kernel="shapley", max_seconds=1)

    got = seewhy.explain(PHOTO, model=Slow(time, 0.2), method=method, targets=[0], progress=False)

    assert len(got.samples) >= 28
    assert any("more than max_seconds=1" in note for note in got.warnings)


def test_of_several_photos_each_keeps_its_time(time):
    found = list(
        seewhy.explain_many(
            [PHOTO] * 3, model=Slow(time, 0.1), at_once=1, method=seewhy.Rise(max_seconds=2), targets=[0]
        )
    )

    assert all(one.stop.by == "max-seconds" for one in found)
    # Three batches are on their way, each for a quarter of the time that was left when it was made. The thread that
    # asks may answer three at once before the clock is looked at again, so twice three quarters can be used up.
    assert time.now - 1000 <= 3 * (1.5 * 2 + 0.1)


@pytest.mark.preflight
def test_a_model_is_checked_where_there_is_time(time):
    def moody(batch):
        time.now += 0.01 * len(batch)
        return batch.mean((1, 2, 3))[:, None] + batch.mean()

    said = {}
    for limit in (0.05, 100):
        method = seewhy.Rise(n_samples=64, max_seconds=limit)
        model = FunctionModel(moody, kind="score")
        said[limit] = " ".join(seewhy.explain(PHOTO, model=model, method=method, progress=False).warnings)

    assert "was not checked" in said[0.05]
    assert "batch" in said[100]


# --- the clock itself


def test_a_clock_without_a_deadline_never_limits_a_batch():
    clock = Clock()
    clock.took(3.0, 1)

    assert clock.most(1) is None
    assert clock.allows(1e9)
    assert clock.left == np.inf


def test_batches_get_smaller_towards_the_deadline(time):
    clock = Clock(deadline=time.now + 6)

    assert clock.most(0) == 1  # nothing is known yet
    clock.took(0.1, 1)
    assert clock.most(0) == 30
    assert clock.most(1) == 20
    assert clock.allows(30, 0.5)
    assert not clock.allows(31, 0.5)
    time.now += 5.9
    assert clock.most(0) == 1
    time.now += 5
    assert clock.left == 0
    assert clock.most(0) == 1
