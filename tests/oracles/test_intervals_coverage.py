"""Intervals hold planted truths as often as they say, and errors are as large as estimated."""

import numpy as np
import pytest

import seewhy
from seewhy.images.scene import Scene
from seewhy.sampling.blocks import Block, join
from seewhy.sampling.masks import GridMasks
from seewhy.sampling.samples import Answers, Samples
from support.games import every_coalition, planted, planted_rows, recorded


def truth_of_lime(d):
    """The limit of weighted least squares: its solution over all coalitions."""
    z = every_coalition(d).astype(float)
    root = np.sqrt(np.exp(-(((1 - np.sqrt(z.mean(axis=1))) / 0.25) ** 2) / 2))
    columns = np.column_stack([np.ones(len(z)), z]) * root[:, None]
    return np.linalg.lstsq(columns, root * planted(d), rcond=None)[0][1:]


def shares_held(runs, truth):
    """Return the share of single intervals that hold the truth, and that of runs whose simultaneous ones all do."""
    away = np.array([np.abs(one.values - truth) / one.se for one in runs])
    single = away <= np.array([one.t() for one in runs])[:, None]
    return single.mean(), (away <= np.array([one.simultaneous() for one in runs])[:, None]).all(axis=1).mean()


@pytest.mark.slow
@pytest.mark.parametrize(("design", "n"), [("foldover-hadamard", 192), ("foldover-hadamard", 640), ("bernoulli", 320)])
def test_intervals_hold_the_limit_of_lime_as_often_as_they_say(design, n):
    d, lime = 12, seewhy.Lime(design=design)
    runs = []
    for seed in range(300):
        kept, scores = planted_rows(design, d, n, seed)
        runs.append(lime.spread(*recorded(kept), scores))
    truth = truth_of_lime(d)

    single, all_at_once = shares_held(runs, truth)

    assert 0.93 < single < 0.97
    assert abs(all_at_once - 0.95) < 3 * np.sqrt(0.05 * 0.95 / 300)  # three standard errors of a share of 300 runs
    honest = np.sqrt(np.mean([np.sum((one.values - truth) ** 2) for one in runs])) / np.linalg.norm(truth)
    assert np.median([one.error for one in runs]) == pytest.approx(honest, rel=0.1)  # 1 / sqrt(2 * 300) is 4 %


def test_nothing_is_left_to_chance_once_every_coalition_was_asked():
    d = 8
    kept, scores = planted_rows("exhaustive", d, 256, seed=3)
    lime = seewhy.Lime(design="exhaustive", kernel="none")
    z, f = every_coalition(d), planted(d)

    whole = lime.spread(*recorded(kept), scores)
    part = lime.spread(*recorded(kept[:192]), scores[:192])
    same_rows_of_an_endless_design = lime.replace(design="antithetic").spread(*recorded(kept[:192]), scores[:192])

    np.testing.assert_allclose(whole.values, [f[z[:, j]].mean() - f[~z[:, j]].mean() for j in range(d)], atol=1e-9)
    assert np.all(whole.covariance == 0)
    np.testing.assert_allclose(part.covariance, same_rows_of_an_endless_design.covariance / 4, rtol=1e-12)


GRID, SIDE = 3, 6


def every_grid():
    """All 512 grids at all 4 shifts."""
    down, right = np.divmod(np.arange(4), 2)
    shifts = np.stack([down, right], axis=1).astype(np.int32)
    cells = every_coalition(GRID * GRID)
    return Block(np.repeat(cells, 4, axis=0), np.tile(shifts, (len(cells), 1)))


def seen_through(masks):
    """A score with an interaction and saturation, of masks (n, 6, 6)."""
    return 1 / (1 + np.exp(-5 * (masks[:, 0, 0] * masks[:, 4, 4] + 0.6 * masks[:, 2, 3] - masks[:, 5, 1] / 3 - 0.4)))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["controlled", "centered", "ratio", "reference"])
@pytest.mark.parametrize("design", ["foldover-hadamard", "bernoulli"])
def test_intervals_hold_the_limit_of_rise_as_often_as_they_say(design, estimator):
    maker, pixels = GridMasks(SIDE, SIDE, GRID), np.ones((SIDE, SIDE, 1), np.float32)
    rise = seewhy.Rise(grid=GRID, design=design, estimator=estimator)
    scene, every = Scene(pixels, 0 * pixels, None), maker(every_grid()).astype(float)
    chance = seen_through(every)
    truth = np.einsum("n,nhw->hw", chance, every) / len(every) / 0.5
    if estimator in {"controlled", "centered"}:
        truth -= chance.mean()
    held, errors, known = [], [], []
    for seed in range(150):
        blocks, rows = rise.rows(maker, seed), []
        while sum(len(block.coalitions) for block in rows) < 480:
            rows.append(next(blocks))
        block = join(rows)
        answers = Answers.room(len(block.coalitions), "score", (0,))
        bits = np.packbits(block.coalitions, axis=1)
        samples = Samples(GRID**2, bits, block.shifts.astype(np.uint16), None, answers.take(slice(0, 1)), answers)
        found = rise.estimate(samples, scene, seen_through(maker(block).astype(float)))
        held.append(np.abs(found.heatmap - truth) <= found.reach * found.se)
        errors.append(found.heatmap - truth)
        known.append(found.error)

    # Pixels of one map err together, so the share of 150 maps is known to about 0.01.
    assert 0.93 < np.mean(held) < 0.975
    away = np.array(errors) - np.mean(errors, axis=(1, 2), keepdims=True)
    honest = np.sqrt(np.mean(np.sum(away**2, axis=(1, 2)))) / np.linalg.norm(truth - truth.mean())
    assert 0.85 * honest < np.median(known) < 1.15 * honest
