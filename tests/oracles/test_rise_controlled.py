"""The control variate of RISE against exhaustive enumeration and exact cases."""

from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import seewhy
from seewhy.estimation.surrogate.cross_validation import _PENALTIES, cross_validated_ridge
from seewhy.estimation.surrogate.sums import WeightedSums
from seewhy.sampling.blocks import Block
from seewhy.sampling.masks import GridMasks

HEIGHT, WIDTH, GRID, KEEP = 5, 6, 2, 0.3


def every_mask(keep=KEEP):
    """All 16 grids at all shifts, with their probabilities."""
    maker = GridMasks(HEIGHT, WIDTH, GRID)
    shifts = list(product(range(maker.cell[0]), range(maker.cell[1])))
    rows = [(cells, shift) for cells in product([False, True], repeat=GRID * GRID) for shift in shifts]
    cells = np.array([row[0] for row in rows])
    block = Block(cells, np.array([row[1] for row in rows], dtype=np.int32))
    kept = cells.sum(axis=1)
    return maker, block, keep**kept * (1 - keep) ** (GRID * GRID - kept) / len(shifts)


def pooled_by_hand(masks):
    rows, columns = np.arange(HEIGHT) * GRID // HEIGHT, np.arange(WIDTH) * GRID // WIDTH
    return np.stack(
        [masks[:, rows == i][:, :, columns == j].mean(axis=(1, 2)) for i in range(GRID) for j in range(GRID)], axis=1
    )


def test_pooled_masks_are_the_masks_pooled():
    maker, block, _ = every_mask()

    np.testing.assert_allclose(maker.pooled(block, GRID), pooled_by_hand(maker(block)), atol=1e-6)


def test_the_covariance_is_exact_over_all_grids_and_shifts():
    maker, block, chance = every_mask()
    masks, phi = maker(block).astype(float), maker.pooled(block, GRID)
    c = np.array([1.0, -2.0, 0.5, 3.0])
    linear = phi @ c
    exact = np.einsum("n,n,nhw->hw", chance, linear - chance @ linear, masks)

    np.testing.assert_allclose(maker.pooled_covariance(c, GRID, KEEP), exact, atol=1e-6)


def nonlinear(batch):
    """Reads corners, with an interaction and saturation; more than linear in any mask."""
    a, b, c = batch[:, 0, 0, 0], batch[:, -1, -1, 0], batch[:, 0, -1, 0]
    return np.stack([1 / (1 + np.exp(-4 * (a * b + c - 0.7)))], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(("design", "keep"), [("bernoulli", KEEP), ("foldover-hadamard", 0.5)])
def test_the_limit_is_that_of_rise(design, keep):
    """S = E[f M] / p - E f, enumerated; a long run must lie within its own error of it."""
    maker, block, chance = every_mask(keep)
    masks = maker(block).astype(float)
    f = nonlinear(masks[..., None])[:, 0].astype(float)
    exact = np.einsum("n,n,nhw->hw", chance, f - chance @ f, masks) / keep
    rise = seewhy.Rise(n_samples=4000, grid=GRID, design=design, keep=keep, estimator="controlled")
    white = np.ones((HEIGHT, WIDTH, 1), np.float32)

    maps = np.stack([seewhy.explain(white, model=nonlinear, method=rise, seed=s).heatmap() for s in range(12)])
    error = maps.std(axis=0, ddof=1) / np.sqrt(len(maps))

    assert np.all(np.abs(maps.mean(axis=0) - exact) < 5 * error + 1e-5)
    assert error.max() < 0.1 * np.abs(exact).max()  # tight enough to see a wrong sign or scale


def test_what_is_linear_in_the_pooled_mask_is_exact_from_few_masks():
    def linear(batch):
        half = batch.shape[1] // 2
        return np.stack([batch[:, :half, :half, 0].mean(axis=(1, 2)) - batch[:, half:, half:, 0].mean(axis=(1, 2))], 1)

    white = np.ones((64, 64, 1), np.float32)
    rise = seewhy.Rise(n_samples=300, grid=4, estimator="controlled")
    few = seewhy.explain(white, model=linear, method=rise, seed=1).heatmap()
    other = seewhy.explain(white, model=linear, method=rise, seed=2).heatmap()
    plain = seewhy.explain(white, model=linear, method=rise.replace(estimator="centered"), seed=1).heatmap()

    assert np.abs(few - other).max() < 2e-3 * np.abs(few).max()
    assert np.abs(few - plain).max() > 2e-2 * np.abs(few).max()


@pytest.mark.slow
def test_it_needs_far_fewer_masks_than_the_reference():
    def score(batch):
        return np.stack([0.5 + 0.4 * np.tanh(batch[:, 8:16, 8:16, 0].mean(axis=(1, 2)) - 0.4)], axis=1)

    white = np.ones((32, 32, 1), np.float32)
    rise = seewhy.Rise(n_samples=20_000, grid=6, estimator="controlled")
    truth = seewhy.explain(white, model=score, method=rise, seed=99).heatmap()

    def error(estimator):
        few = rise.replace(n_samples=500, estimator=estimator)
        found = [seewhy.explain(white, model=score, method=few, seed=s).heatmap() for s in range(10)]
        return np.mean([np.sum((m - m.mean() - truth + truth.mean()) ** 2) for m in found])

    assert error("reference") > 10 * error("controlled")
    assert error("centered") > 2 * error("controlled")


def test_the_penalty_minimizes_the_criterion_computed_from_the_rows():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(80, 12)) @ np.diag(np.logspace(0, -2, 12)), rng.normal(size=80)
    y = x @ rng.normal(size=12) + noise
    sums = WeightedSums(12, 0.0)
    sums.update(x, y, np.ones(80))
    xc, yc = x - x.mean(axis=0), y - y.mean()
    largest = np.linalg.eigvalsh(xc.T @ xc)[-1]

    def criterion(penalty):
        hat = xc @ np.linalg.solve(xc.T @ xc + penalty * np.eye(12), xc.T)
        return 80 * np.sum((yc - hat @ yc) ** 2) / (80 - 1 - np.trace(hat)) ** 2

    best = min(_PENALTIES * largest, key=criterion)

    coefficients, freedom = cross_validated_ridge(sums)
    np.testing.assert_allclose(coefficients, Ridge(alpha=best).fit(x, y).coef_, rtol=1e-8)
    assert freedom == pytest.approx(1 + np.trace(xc @ np.linalg.solve(xc.T @ xc + best * np.eye(12), xc.T)))


@pytest.mark.parametrize("value", [0.0, 0.3, -7.25])
def test_a_constant_model_gives_zero(value):
    def constant(batch):
        return np.full((len(batch), 1), value)

    rise = seewhy.Rise(n_samples=100, grid=4, estimator="controlled")
    white = np.ones((16, 16, 1), np.float32)

    assert np.all(seewhy.explain(white, model=constant, method=rise).heatmap() == 0)
