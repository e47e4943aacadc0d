"""Designs against exhaustive enumeration and exact laws."""

from itertools import islice

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput
from seewhy.sampling.designs import DESIGNS, Bernoulli, DropFraction, FoldoverGrid, FoldoverHadamard, rows
from seewhy.sampling.designs.hadamard import hadamard_at_least
from support.refusing import refuses

SIZES = [2, 3, 5, 7, 11, 12, 20, 31, 43, 50, 51, 91, 100, 150]


def least_squares(z, y):
    x = np.column_stack([np.ones(len(z)), z])
    return np.linalg.lstsq(x, y, rcond=None)[0][1:]


@pytest.mark.parametrize("order", [*range(1, 300, 7), 52, 100, 244, 340])
def test_hadamard_columns_are_orthogonal_and_the_first_is_constant(order):
    h = hadamard_at_least(order).astype(int)

    assert len(h) >= order
    assert np.array_equal(h.T @ h, len(h) * np.eye(len(h), dtype=int))
    assert np.all(h[:, 0] == 1)


def test_hadamard_orders_are_close_to_what_is_asked():
    reached = {len(hadamard_at_least(order)) for order in range(4, 200)}

    assert {4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 100, 104} <= reached
    assert all(len(hadamard_at_least(order)) <= order + 11 for order in range(2, 200))  # 184 and 188 are missing


@pytest.mark.parametrize("d", SIZES)
def test_a_foldover_block_is_balanced_and_orthogonal(d):
    z = next(FoldoverHadamard().blocks(d, 0)).coalitions
    q = np.where(z, 1, -1)

    assert np.array_equal(z[0::2], ~z[1::2])
    assert np.array_equal(q.T @ q, len(z) * np.eye(d, dtype=int))
    assert np.all(q.sum(axis=0) == 0)


@pytest.mark.parametrize("d", SIZES)
def test_one_foldover_block_recovers_a_linear_model_exactly_whatever_pairs_do(d):
    rng = np.random.default_rng(d)
    effects, pairs = rng.normal(size=d), np.triu(rng.normal(size=(d, d)), 1)
    z = next(FoldoverHadamard().blocks(d, 1)).coalitions.astype(float)
    q = z - 0.5

    got = least_squares(z, z @ effects + np.einsum("ni,ij,nj->n", q, pairs, q) + 3)

    np.testing.assert_allclose(got, effects, atol=1e-9)


def test_unrandomized_arrays_would_disturb_main_effects_but_signs_average_it_out():
    """A three-way interaction is aliased inside one block; over blocks its bias must vanish."""
    d = 7
    exact = np.zeros(d)
    found = []
    for block in islice(FoldoverHadamard().blocks(d, 3), 4000):
        q = np.where(block.coalitions, 0.5, -0.5)
        found.append(least_squares(block.coalitions, 8 * q[:, 0] * q[:, 1] * q[:, 2]))
    found = np.asarray(found)
    standard_error = found.std(axis=0) / np.sqrt(len(found))

    assert np.abs(found).max() > 0.5  # each block alone is disturbed
    assert np.all(np.abs(found.mean(axis=0) - exact) < 4.5 * standard_error + 1e-12)


@pytest.mark.parametrize("design", [Bernoulli(keep=0.5), Bernoulli(keep=0.3), FoldoverHadamard()], ids=str)
def test_every_coalition_comes_as_often_as_coin_flips_say(design):
    d, blocks = 4, 600
    z = np.concatenate([block.coalitions for block in islice(design.blocks(d, 5), blocks)])
    each = np.bincount(z @ (1 << np.arange(d)), minlength=2**d) / len(z)
    kept = np.array([bin(i).count("1") for i in range(2**d)])
    exact = design.keep**kept * (1 - design.keep) ** (d - kept)

    np.testing.assert_allclose(each, exact, atol=4.5 * np.sqrt(exact.max() / blocks / 2))


@pytest.mark.parametrize("name", DESIGNS)
def test_block_i_depends_only_on_seed_and_i(name):
    design = DESIGNS[name](keep=0.5)
    n = min(500, design.total(9) or 500)
    whole = np.concatenate([block.coalitions for block in rows(design, 9, 500, 7)])
    later = np.concatenate([block.coalitions for block in rows(design, 9, 500, 7, skip=n // 4)])
    other = np.concatenate([block.coalitions for block in rows(design, 9, 500, 8)])

    assert whole.shape == (n, 9)
    np.testing.assert_array_equal(later, whole[n // 4 :])
    assert (other != whole).any() or name == "leave-one-out"


@pytest.mark.parametrize(("keep", "d", "dropped"), [(0.8, 50, 10), (0.5, 7, 4), (0.9, 10, 1)])
def test_drop_fraction_drops_exactly_that_many_and_each_segment_alike(keep, d, dropped):
    z = np.concatenate([block.coalitions for block in rows(DropFraction(keep=keep), d, 6400, 0)])

    assert set((~z).sum(axis=1)) == {dropped}
    np.testing.assert_allclose(z.mean(axis=0), 1 - dropped / d, atol=0.035)


@pytest.mark.parametrize("keep", [0.99, 0.01])
def test_drop_fraction_of_nothing_or_everything_is_refused(keep):
    with refuses(InvalidInput, "keep", rule="drop from 1 to 3 segments"):
        next(DropFraction(keep=keep).blocks(4, 0))


def test_foldover_needs_keep_one_half():
    with refuses(InvalidInput, "keep", value=0.4):
        FoldoverHadamard(keep=0.4)


def test_no_two_columns_are_equal_where_thresholded_sobol_has_twins():
    for d in (50, 100):
        z = next(FoldoverHadamard().blocks(d, 0)).coalitions
        assert len({column.tobytes() for column in z.T.copy()}) == d


def test_near_n_equal_2d_the_foldover_does_not_fall_into_the_trap_of_plain_pairs():
    """A coalition and its complement give one equation for d unknowns, so random pairs are nearly singular there."""
    d, n = 31, 64
    weights, pairs = np.random.default_rng(0).normal(size=d), np.random.default_rng(1).normal(size=(d, d))

    def model(z):
        q = z - 0.5
        return 1 / (1 + np.exp(-q @ weights - 0.3 * np.einsum("ni,ij,nj->n", q, pairs, q)))

    many = np.random.default_rng(2).random((100_000, d)) < 0.5
    truth = least_squares(many, model(many))

    def error(draw):
        drawn = [draw(seed) for seed in range(60)]
        return np.mean([np.sum((least_squares(z, model(z)) - truth) ** 2) for z in drawn])

    def pair(seed):
        half = np.random.default_rng(seed).random((n // 2, d)) < 0.5
        return np.concatenate([half, ~half])

    def foldover(seed):
        return next(rows(FoldoverHadamard(), d, n, seed)).coalitions

    def coins(seed):
        return np.random.default_rng(seed).random((n, d)) < 0.5

    assert error(foldover) < 0.25 * error(pair)
    assert error(foldover) < 0.5 * error(coins)


def test_a_foldover_grid_shares_one_shift_in_each_pair_and_no_more():
    cell = (7, 5)
    drawn = list(islice(FoldoverGrid(keep=0.5, cell=cell).blocks(36, 0), 40))
    z = np.concatenate([block.coalitions for block in drawn])
    shifts = np.concatenate([block.shifts for block in drawn])

    assert np.array_equal(z[0::2], ~z[1::2])
    assert np.array_equal(shifts[0::2], shifts[1::2])
    counts = np.zeros(cell)
    np.add.at(counts, (shifts[0::2, 0], shifts[0::2, 1]), 1)
    expected = len(z) / 2 / counts.size
    assert counts.min() > expected - 5 * np.sqrt(expected)
    assert counts.max() < expected + 5 * np.sqrt(expected)
    assert len(np.unique(shifts[0 : len(drawn[0].coalitions) : 2], axis=0)) > 10
