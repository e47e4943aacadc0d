"""Hundreds of segments: one factorization says what eigenvalues say of few."""

import numpy as np
import pytest
import scipy.linalg.lapack

import seewhy
from seewhy.core.randomness import generator
from seewhy.estimation import intervals, positive
from seewhy.estimation.intervals import Spread
from seewhy.estimation.positive import MANY, Cholesky
from seewhy.estimation.surrogate import WeightedSums, sums
from seewhy.images.scene import Scene
from seewhy.sampling.samples import Answers, Samples

SIDE = 19
D = SIDE * SIDE
GRID = seewhy.Lime(segmentation=seewhy.Grid(rows=SIDE, columns=SIDE), fill="black")
FACTORIZING = ("eigh", "eigvalsh", "svd", "lstsq", "pinv", "solve", "inv", "qr", "cholesky")


def read(method, n):
    """Return what ``n`` rows say of a score that is not linear in them, without a model."""
    pixels = np.random.default_rng(0).random((SIDE, SIDE, 3), dtype=np.float32)
    scene = Scene(pixels, np.zeros_like(pixels), np.arange(D, dtype=np.int32).reshape(SIDE, SIDE))
    masks = method.masks(scene)
    source = method.rows(masks, 0)
    rows = [next(source).coalitions for _ in range(1 + n // method.draws(masks).boundary(1))]
    kept = np.concatenate(rows)[:n]
    weights = np.random.default_rng(1).normal(size=D)
    scores = np.tanh(kept @ weights / 20) + 0.2 * np.tanh(kept[:, ::2] @ weights[::2] / 5)
    answers = Answers("score", (0,), scores[:, None].astype(np.float32), None)
    samples = Samples(D, np.packbits(kept, axis=1), None, None, answers.take(slice(0, 1)), answers)
    return method.estimate(samples, scene, scores)


def by_eigenvalues(patch):
    for module in (positive, intervals, sums):
        patch.setattr(module, "MANY", 10**9)


CASES = {
    "least squares": (GRID, 1000),
    "ridge": (GRID.replace(surrogate="ridge"), 1000),
    "ridge without a penalty": (GRID.replace(surrogate=seewhy.Ridge(alpha=0)), 1000),
    "no kernel": (GRID.replace(kernel="none"), 3000),
    "coin flips": (GRID.replace(design="bernoulli", surrogate="ridge"), 900),
    "shapley values": (GRID.replace(design="shapley", kernel="shapley"), 1600),
    "fewer samples than segments": (GRID.replace(surrogate="ridge"), 300),
    "hardly more samples than segments": (GRID, D + 20),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_many_segments_get_the_numbers_that_eigenvalues_give(case, monkeypatch):
    found = read(*CASES[case])
    by_eigenvalues(monkeypatch)
    expected = read(*CASES[case])

    scale = np.abs(expected.values).max()
    np.testing.assert_allclose(found.values, expected.values, rtol=0, atol=1e-9 * scale)
    assert found.intercept == pytest.approx(expected.intercept, rel=1e-9)
    assert (found.se is None) == (expected.se is None)
    if found.se is None:
        return
    np.testing.assert_allclose(found.se, expected.se, rtol=1e-9)
    np.testing.assert_array_equal(found.ranks, expected.ranks)
    assert found.error == pytest.approx(expected.error, rel=1e-9)
    assert found.reach == expected.reach
    # these two are means over draws, fewer of them for many segments
    assert found.simultaneous == pytest.approx(expected.simultaneous, rel=0.02)
    if expected.stability is not None:
        np.testing.assert_allclose(found.stability.same_top, expected.stability.same_top, rtol=0, atol=0.06)


@pytest.mark.parametrize("case", ["least squares", "ridge", "coin flips"])
def test_each_matrix_is_factorized_once(case, monkeypatch):
    count, factorize = [], scipy.linalg.lapack.dpotrf

    def counted(matrix, **more):
        count.append(matrix.shape)
        return factorize(matrix, **more)

    monkeypatch.setattr(scipy.linalg.lapack, "dpotrf", counted)
    for name in FACTORIZING:
        monkeypatch.setattr(np.linalg, name, lambda *_, name=name, **__: pytest.fail(f"{name} of many rows"))

    found = read(*CASES[case])

    assert found.se is not None
    # of the segments, with and without a penalty, and of the covariance of their values
    assert count == [(D, D)] * (2 if case == "least squares" else 3)


def test_few_rows_and_singular_matrices_are_left_to_eigenvalues():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(MANY - 1, MANY))

    assert Cholesky.of(np.eye(MANY - 1)) is None
    assert Cholesky.of(wide.T @ wide) is None  # of one rank too few
    assert Cholesky.of(np.diag(np.geomspace(1, 1e-9, MANY))) is None
    assert Cholesky.of(-np.eye(MANY)) is None
    assert Cholesky.of(np.eye(MANY)) is not None
    matrix = wide.T @ wide
    np.testing.assert_array_equal(positive.inverse(matrix), np.linalg.pinv(matrix, rcond=1e-12, hermitian=True))


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
def test_a_factorization_solves_and_inverts(layout):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3 * MANY, MANY))
    matrix, right = rows.T @ rows, rng.normal(size=MANY)

    found = Cholesky.of(layout(matrix))

    np.testing.assert_allclose(found.lower, np.linalg.cholesky(matrix), rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.solve(right), np.linalg.solve(matrix, right), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.inverse() @ matrix, np.eye(MANY), rtol=0, atol=1e-11)


def test_a_factorization_is_kept_until_rows_are_added():
    rng = np.random.default_rng(0)
    rows = WeightedSums(MANY, 0.0)
    for _ in range(2):
        rows.update(rng.random((900, MANY)) < 0.5, rng.normal(size=900), rng.random(900))
        plain, penalized = rows.factor(0.0), rows.factor(2.0)
        assert rows.factor(0.0) is plain
        np.testing.assert_allclose(plain.lower @ plain.lower.T, rows.xx, rtol=0, atol=1e-9)
        np.testing.assert_allclose(penalized.lower @ penalized.lower.T, rows.xx + 2 * np.eye(MANY), rtol=0, atol=1e-9)
    assert rows.only(np.arange(MANY)) is rows


@pytest.mark.parametrize("m", [1, 2, 7, 10, 11, 40, MANY])
def test_the_chance_of_the_same_top_is_what_its_definition_says(m):
    rng = np.random.default_rng(m)
    rows = rng.normal(size=(2 * m + 5, m))
    spread = Spread(rng.normal(size=m), rows.T @ rows / len(rows), 30)
    drawn = np.abs(spread.values + spread._deviations)
    order = np.argsort(-np.abs(spread.values))

    expected = [np.mean(drawn[:, order[:k]].min(axis=1) >= drawn[:, order[k:]].max(axis=1)) for k in range(1, m)]
    expected.append(1.0)
    assert spread.same_top(10) == expected[:10]


def test_draws_of_many_values_have_their_covariance():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2 * MANY, MANY)) * np.linspace(0.5, 2, MANY)
    spread = Spread(np.zeros(MANY), rows.T @ rows / len(rows), np.inf)

    drawn = spread._deviations
    np.testing.assert_allclose(spread._root @ spread._root.T, spread.covariance, rtol=0, atol=1e-12)
    np.testing.assert_allclose(drawn.std(axis=0) / spread.se, 1, rtol=0, atol=0.15)
    normal = generator(0, "interval", 0).standard_normal(drawn.shape)
    np.testing.assert_allclose(drawn, normal @ spread._root.T, rtol=0, atol=1e-10)


def test_a_whole_design_of_many_segments_leaves_nothing_to_chance():
    spread = Spread(np.arange(float(MANY)), np.zeros((MANY, MANY)), np.inf)

    assert spread.error == spread.bound(0.05) == 0
    assert spread.same_top(3) == [1.0, 1.0, 1.0]
    assert spread.simultaneous() == spread.t()
