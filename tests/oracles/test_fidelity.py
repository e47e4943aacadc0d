"""A quick model corrected by a few answers of the exact one: right on average, and the error bars know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import seewhy
from seewhy.estimation.fidelity import corrected
from seewhy.models import FunctionModel
from seewhy.sampling.samples import Answers, Samples, to_be_exact
from support.patience import Clock

SIDE, D = 16, 16
PHOTO = np.random.default_rng(2).integers(120, 255, (SIDE, SIDE, 3), dtype=np.uint8)
GRID = seewhy.Grid(rows=4, columns=4)
LIME = seewhy.Lime(segmentation=GRID, fill="black", kernel="none")
RNG = np.random.default_rng(8)
LINEAR, PAIRS, TRIPLES = RNG.normal(size=D), RNG.integers(0, D, (20, 2)), RNG.integers(0, D, (12, 3))
OFF = 0.25 * RNG.normal(size=D)
ODD = RNG.integers(0, D, (15, 3))


def kept(batch):
    """Read the coalition (B, d) off masked pictures."""
    return (batch.reshape(len(batch), 4, 4, 4, 4, 3).max(axis=(2, 4, 5)) > 0).reshape(len(batch), D).astype(float)


def exact(batch):
    z = kept(batch)
    score = z @ LINEAR + 0.5 * (z[:, PAIRS[:, 0]] * z[:, PAIRS[:, 1]]).sum(axis=1)
    return score + 0.4 * np.prod(z[:, TRIPLES], axis=2).sum(axis=1)


def quick(batch):
    """Off by something linear, and by something that no linear model finds."""
    z = kept(batch)
    return exact(batch) + z @ OFF + 0.12 * np.prod(2 * z[:, ODD] - 1, axis=2).sum(axis=1) + 0.3


class Corrected(FunctionModel):
    """A function that stands for another one."""

    def __init__(self, function, exact, **stated):
        super().__init__(function, kind="score", **stated)
        self.exact = exact

    @property
    def traits(self):
        return replace(super().traits, exact=self.exact)


def two_models(function=quick, original=exact):
    return Corrected(function, FunctionModel(original, kind="score", name="exact"), name="quick")


@pytest.fixture(scope="module")
def truth():
    """Of the exact model, over all 65,536 coalitions."""
    method = LIME.replace(design="exhaustive")
    return seewhy.explain(PHOTO, model=two_models().exact, method=method, batch_size=4096).values()


def run(model, seed, n=768, method=LIME):
    return seewhy.explain(PHOTO, model=model, method=method.replace(n_samples=n), seed=seed, batch_size=1024)


@pytest.mark.slow
def test_values_and_intervals_are_those_of_the_exact_model(truth):
    found = [run(two_models(), seed) for seed in range(120)]
    held = np.array([(low <= truth) & (truth <= high) for low, high in (one.interval() for one in found)])
    values = np.array([one.values() for one in found])

    assert 0.93 < held.mean() < 0.975
    standard = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    assert np.abs((values.mean(axis=0) - truth) / standard).max() < 4.5  # unbiased, 16 segments at once
    real = np.sqrt(np.mean(np.sum((values - truth) ** 2, axis=1))) / np.linalg.norm(truth)
    assert np.median([one.error for one in found]) == pytest.approx(real, rel=0.12)

    alone = FunctionModel(quick, kind="score")
    off = np.array([(lo <= truth) & (truth <= hi) for lo, hi in (run(alone, seed).interval() for seed in range(20))])
    assert off.mean() < 0.7, "the quick model alone is so near that nothing was shown"


@pytest.mark.slow
def test_maps_too():
    rise = seewhy.Rise(grid=4, fill="black", n_samples=4000)
    model = FunctionModel(lambda batch: batch[:, 2, 3].mean(axis=1) * batch[:, 9, 12].mean(axis=1), kind="score")
    off = Corrected(lambda batch: model.function(batch) + 0.1 * batch[:, 13, 1].mean(axis=1) - 0.02, model)
    long = seewhy.explain(PHOTO, model=model, method=rise.replace(n_samples=60_000), seed=77, batch_size=4096)
    truth = long.heatmap()
    found = [seewhy.explain(PHOTO, model=off, method=rise, seed=seed, batch_size=4096) for seed in range(12)]
    held = np.mean([np.mean((low <= truth) & (truth <= high)) for low, high in (one.interval() for one in found)])
    assert held > 0.9
    corner = np.mean([one.heatmap()[13, 1] - truth[13, 1] for one in found])
    alone = seewhy.explain(PHOTO, model=FunctionModel(off.function, kind="score"), method=rise, batch_size=4096)
    assert abs(corner) < 0.1 * abs(alone.heatmap()[13, 1] - truth[13, 1])


def test_a_linear_difference_is_corrected_in_full():
    def tilted(batch):
        return exact(batch) + kept(batch) @ OFF + 0.7

    one, other = run(two_models(tilted), 3), run(two_models().exact, 3)
    np.testing.assert_allclose(one.values(), other.values(), atol=1e-4)


def test_equal_models_need_no_correction():
    one, other = run(two_models(exact), 3), run(two_models().exact, 3)
    np.testing.assert_allclose(one.values(), other.values(), atol=1e-6)


def test_the_correction_adds_up_to_the_difference():
    """Over any rows it adds n / m times what is left of the difference, and the fitted part everywhere."""
    n = 400
    rng = np.random.default_rng(0)
    bits = np.packbits(rng.random((n, 30)) < 0.5, axis=1)
    room = Answers.room(n, "score", (0,))
    samples = Samples(30, bits, None, np.zeros(n, np.uint16), room.take(slice(0, 1)), room)  # several segmentations
    cheap, right = rng.normal(size=n), rng.normal(size=n)
    known = np.where(to_be_exact(n), right, np.nan)
    m = int(to_be_exact(n).sum())
    got = corrected(samples, cheap, known)

    assert m == 50
    np.testing.assert_array_equal(np.flatnonzero(to_be_exact(40)), [0, 1, 16, 17, 32, 33])
    difference = (right - cheap)[to_be_exact(n)]
    assert np.sum(got - cheap) / n == pytest.approx(difference.mean())
    rest = (got - cheap - difference.mean())[to_be_exact(n)]
    np.testing.assert_allclose(rest, n / m * m / (m - 1) * (difference - difference.mean()))
    np.testing.assert_array_equal(corrected(samples, cheap, None), cheap)
    np.testing.assert_array_equal(corrected(samples, cheap, np.full(n, np.nan)), cheap)


def test_in_pairs_each_half_of_what_is_left_has_lost_to_its_own_fit_alone():
    """Of a constant the differences within a pair have lost nothing, what they have in common one draw."""
    n, rng = 400, np.random.default_rng(0)
    half = rng.random((n // 2, 60)) < 0.5
    bits = np.packbits(np.stack([half, ~half], axis=1).reshape(n, 60), axis=1)
    room = Answers.room(n, "score", (0,))
    samples = Samples(60, bits, None, None, room.take(slice(0, 1)), room)
    cheap, right, share = rng.normal(size=n), rng.normal(size=n), to_be_exact(n)
    m = int(share.sum())

    got = corrected(samples, cheap, np.where(share, right, np.nan))

    added = (got - cheap)[share].reshape(-1, 2)
    difference = (right - cheap)[share].reshape(-1, 2)
    level = difference.mean()
    np.testing.assert_allclose(added[:, 0] - added[:, 1], n / m * (difference[:, 0] - difference[:, 1]))
    draws, common = m / 2, difference.mean(axis=1)
    np.testing.assert_allclose(added.mean(axis=1) - level, n / m * draws / (draws - 1) * (common - level))


def test_pairs_are_seen_where_segmentations_have_fewer_segments_than_others():
    """Such rows switch nothing in their last columns, which are then the same in both of a pair."""
    n, rng = 400, np.random.default_rng(0)
    half = rng.random((n // 2, 60)) < 0.5
    rows = np.stack([half, ~half], axis=1).reshape(n, 60)
    parts = np.repeat(np.arange(n // 40), 40)
    rows[:, 40:] &= (parts % 2 == 0)[:, None]
    room = Answers.room(n, "score", (0,))
    samples = Samples(60, np.packbits(rows, axis=1), None, parts.astype(np.uint16), room.take(slice(0, 1)), room)
    cheap, right, share = rng.normal(size=n), rng.normal(size=n), to_be_exact(n)

    added = (corrected(samples, cheap, np.where(share, right, np.nan)) - cheap)[share].reshape(-1, 2)

    difference = (right - cheap)[share].reshape(-1, 2)
    odd = n / share.sum() * (difference[:, 0] - difference[:, 1])
    np.testing.assert_allclose(added[:, 0] - added[:, 1], odd)


@pytest.mark.slow
@pytest.mark.parametrize(("design", "n"), [("foldover-hadamard", 64), ("bernoulli", 96)])
def test_few_rows_do_not_correct_too_much(design, n):
    """Where the share is too small for a fit the correction is the whole bias on average, not 1 / (draws - 1) more."""

    def tilted(batch):
        return exact(batch) + kept(batch) @ (8 * OFF)

    method = LIME.replace(design=design)
    left = [
        (run(two_models(tilted), seed, n, method).values() - run(two_models().exact, seed, n, method).values())
        @ OFF
        / (8 * OFF @ OFF)
        for seed in range(400)
    ]

    assert abs(np.mean(left)) < 3.5 * np.std(left, ddof=1) / 20
    assert np.std(left, ddof=1) / 20 < 0.06  # a third of what it was found to be once


def test_what_is_asked_is_counted_and_said():
    sent = {"quick": 0, "exact": 0}

    def counting(name, function):
        def model(batch):
            sent[name] += len(batch)
            return function(batch)

        return model

    got = run(two_models(counting("quick", quick), counting("exact", exact)), 1, n=256)
    assert got.samples.n_exact == 32
    assert sent["exact"] == 33  # and the untouched picture
    assert got.n_evaluations == sum(sent.values())
    assert got.to_dict()["n_exact"] == 32
    assert got.predictions[0].score == pytest.approx(exact(PHOTO[None] / 255.0)[0], rel=1e-5)


@pytest.mark.parametrize("method", [LIME, seewhy.Rise(grid=4), seewhy.EnsembleLime(unit="score", n_segments=(4, 9))])
def test_files_refits_and_longer_runs_are_equal(method, tmp_path):
    got = run(two_models(), 5, n=256, method=method)
    loaded = seewhy.load(got.save(tmp_path / "a"))

    assert loaded.save(tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    np.testing.assert_array_equal(loaded.heatmap(), got.heatmap())
    straight = run(two_models(), 5, n=512, method=method)
    longer = loaded.continue_(n_samples=512, model=two_models())
    assert longer.save(tmp_path / "c").read_bytes() == straight.save(tmp_path / "d").read_bytes()
    shorter = straight.refit(n_samples=256)
    np.testing.assert_array_equal(shorter.heatmap(), got.heatmap())
    assert shorter.samples.n_exact == got.samples.n_exact


def test_a_run_that_is_stopped_says_if_it_was_not_corrected():
    asked = []

    def cancel():
        asked.append(1)
        return len(asked) > 4

    model = two_models()
    got = seewhy.explain(PHOTO, model=model, method=LIME.replace(n_samples=640), batch_size=64, cancel=cancel)
    assert got.samples.n_exact == 0
    assert any("no scores of the exact model yet" in note for note in got.warnings)
    whole = got.continue_(n_samples=640)
    np.testing.assert_array_equal(whole.values(), run(two_models(), 0, n=640).values())
    assert not any("exact" in note for note in whole.warnings)


def test_ctrl_c_while_the_exact_model_is_asked_keeps_what_there_is():
    calls = []

    def interrupted(batch):
        calls.append(len(batch))
        if sum(calls) > 40:
            raise KeyboardInterrupt
        return exact(batch)

    model = two_models(original=interrupted)
    got = seewhy.explain(PHOTO, model=model, method=LIME.replace(n_samples=640), batch_size=16)
    assert not got.complete
    assert 0 < got.samples.n_exact < 80
    straight = run(two_models(), 0, n=640)
    np.testing.assert_array_equal(got.continue_(model=two_models(), n_samples=640).values(), straight.values())


@pytest.mark.parametrize("design", ["exhaustive", "leave-one-out", "shapley"])
def test_designs_without_a_share_that_stands_for_all_are_asked_of_the_exact_model(design):
    small = LIME.replace(segmentation=seewhy.Grid(rows=2, columns=4), design=design, n_samples=None)
    if design == "shapley":
        small = small.replace(kernel="shapley", n_samples=200)
    got = seewhy.explain(PHOTO, model=two_models(), method=small)
    plain = seewhy.explain(PHOTO, model=two_models().exact, method=small)

    np.testing.assert_array_equal(got.values(), plain.values())
    assert got.samples.n_exact is None
    assert any("this design needs all its rows" in note for note in got.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("design", ["bernoulli", "antithetic", "drop-fraction", "foldover-hadamard"])
def test_every_other_design_is_corrected(design):
    found = [run(two_models(), seed, n=1024, method=LIME.replace(design=design)) for seed in range(25)]
    plain = [run(two_models().exact, seed, n=1024, method=LIME.replace(design=design)) for seed in range(25)]
    values, right = (np.array([one.values() for one in some]) for some in (found, plain))
    apart = (values - right) - (values - right).mean(axis=1, keepdims=True) * (design == "drop-fraction")
    standard = apart.std(axis=0, ddof=1) / 5
    assert np.abs(apart.mean(axis=0) / standard).max() < 4.5
    alone = [run(FunctionModel(quick, kind="score"), s, n=1024, method=LIME.replace(design=design)) for s in range(5)]
    bias = np.mean([one.values() - other for one, other in zip(alone, right, strict=False)], axis=0)
    bias -= bias.mean() * (design == "drop-fraction")
    assert np.linalg.norm(apart.mean(axis=0)) < 0.3 * np.linalg.norm(bias)


def test_the_exact_model_is_asked_for_nothing_twice_and_within_the_limit():
    few = LIME.replace(segmentation=seewhy.Grid(rows=2, columns=2))
    sent = []

    def counted(batch):
        sent.extend(one.tobytes() for one in batch)
        return exact(batch)

    got = run(two_models(original=counted), 0, n=1000, method=few)
    assert len(sent) == len(set(sent)) <= 17
    assert got.n_evaluations <= 16 + 16

    limited = LIME.replace(n_samples=None, tolerance=0.001, max_evaluations=400)
    assert 300 < seewhy.explain(PHOTO, model=two_models(), method=limited).n_evaluations <= 400


def test_what_the_exact_model_answered_is_not_asked_again_when_a_run_goes_on():
    sent = []

    def counted(batch):
        sent.extend(one.tobytes() for one in batch)
        return exact(batch)

    method = LIME.replace(n_samples=None, tolerance=0.02, max_evaluations=3000)
    got = run(two_models(), 0, n=200)
    more = got.continue_(model=two_models(original=counted), n_samples=None, tolerance=0.03, max_evaluations=3000)
    assert len(sent) == len(set(sent)) == more.samples.n_exact - got.samples.n_exact
    assert method.tolerance < 0.03


@pytest.mark.parametrize("design", ["bernoulli", "drop-fraction"])
def test_the_untouched_picture_stands_for_itself_alone(design):
    """It is always in the share, and its answer is exact: weighted like the others it would tilt every value."""

    def tilted(batch):
        return exact(batch) + 0.5 + 0.02 * kept(batch)[:, 0]

    method = LIME.replace(design=design)
    apart = [
        run(two_models(tilted), seed, n=1000, method=method).values()
        - run(two_models().exact, seed, n=1000, method=method).values()
        for seed in range(3)
    ]
    if design == "drop-fraction":  # the level common to all values is not determined
        apart = [one - one.mean() for one in apart]
    assert np.abs(apart).max() < 1e-3


def test_without_a_preflight_designs_are_still_refused_a_correction():
    small = LIME.replace(segmentation=seewhy.Grid(rows=2, columns=4), design="leave-one-out")
    got = seewhy.explain(PHOTO, model=two_models(), method=small, preflight=False)
    plain = seewhy.explain(PHOTO, model=two_models().exact, method=small)
    np.testing.assert_array_equal(got.values(), plain.values())


def test_the_time_allowed_is_for_the_exact_model_too():
    method = LIME.replace(n_samples=4000, max_seconds=100.0)
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)
        fast, slow = clock.taking(0.01, quick, each=True), clock.taking(1.0, exact, each=True)
        found = seewhy.explain(PHOTO, model=two_models(fast, slow), method=method, batch_size=8, preflight=False)
        shorter = method.replace(max_seconds=30.0)
        late = seewhy.explain(PHOTO, model=two_models(fast, slow), method=shorter, batch_size=8, preflight=False)

    assert (found.stop.by, len(found.samples)) == ("max-seconds", 4000)
    assert 40 < found.samples.n_exact < 100  # 41 s by the quick model, and then one a second
    assert late.stop.by == "max-seconds"
    missing = int(to_be_exact(4000).sum()) - found.samples.n_exact
    assert [text for text in found.warnings if text.startswith(f"partial: {missing} of 500 masked images")]
    assert 16 <= late.samples.n_exact <= 24  # the least that a correction can be made of
    straight = run(two_models(), 0, n=4000)
    whole = found.continue_(model=two_models(fast, slow), n_samples=4000)
    np.testing.assert_array_equal(whole.values(), straight.values())


def test_what_was_answered_before_the_exact_model_failed_is_kept(tmp_path):
    asked = []

    def failing(batch):
        asked.extend(batch)
        if len(asked) > 60:
            raise RuntimeError("gone")
        return exact(batch)

    file = tmp_path / "kept.seewhy"
    with pytest.raises(RuntimeError, match="gone") as raised:
        seewhy.explain(
            PHOTO, model=two_models(original=failing), method=LIME.replace(n_samples=1600), batch_size=8,
            preflight=False, checkpoint=file,
        )  # fmt: skip
    assert any(f"the first 1600 samples are in {file}" in note for note in raised.value.__notes__)
    kept = seewhy.load(file)
    assert (kept.complete, len(kept.samples)) == (False, 1600)
    assert 40 <= kept.samples.n_exact <= 64
    straight = run(two_models(), 0, n=1600)
    np.testing.assert_array_equal(kept.continue_(model=two_models(), n_samples=1600).values(), straight.values())
