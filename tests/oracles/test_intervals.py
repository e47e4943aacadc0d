"""Standard errors and what follows from them, against formulas written another way."""

from itertools import pairwise
from math import isclose

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, norm
from scipy.stats import f as fisher
from scipy.stats import t as student
from sklearn.linear_model import Ridge as SklearnRidge

import seewhy
from seewhy.estimation.intervals import Spread, groups, jackknife, meat
from seewhy.estimation.surrogate import LeastSquares, Ridge, fit, sandwich
from support.games import planted_rows, recorded

DRAWS = 4000
"""Draws that quantiles and chances are read from."""


def spread(values, covariance, df=np.inf):
    return Spread(np.asarray(values, float), np.asarray(covariance, float), df)


def random_covariance(rng, m):
    root = rng.normal(size=(m, m)) * np.logspace(0, -1, m)
    return root @ root.T


# --- covariances -------------------------------------------------------------------------------------------


def some_rows(seed, n=61, d=7):
    rng = np.random.default_rng(seed)
    x = rng.random((n, d)) < 0.5
    y = x @ rng.normal(size=d) + x[:, 0] * x[:, 1] * 2 + rng.normal(size=n) * (1 + x[:, 2]) + 3
    return x, y, rng.uniform(0.1, 2, n)


def by_dense_matrices(x, y, weights, penalty, pairs):
    """Beta is L y with L explicit; its covariance is L Omega L', Omega with one full block for each draw."""
    n, d = x.shape
    columns = np.column_stack([x.astype(float), np.ones(n)])
    shrink = penalty * np.diag([1.0] * d + [0.0])
    smooth = np.linalg.inv(columns.T @ np.diag(weights) @ columns + shrink) @ columns.T @ np.diag(weights)
    residual = (np.eye(n) - columns @ smooth) @ y
    draw = np.arange(n) // 2 if pairs else np.arange(n)
    omega = np.where(draw[:, None] == draw, np.outer(residual, residual), 0)
    count = draw[-1] + 1
    free = count - d if pairs else count - d - 1
    return (smooth @ y)[:d], (smooth @ omega @ smooth.T)[:d, :d] * count / free, free


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 2.5])
@pytest.mark.parametrize("n", [60, 61])
def test_the_sandwich_is_the_cluster_robust_covariance_of_dense_matrices(n, penalty, pairs):
    x, y, weights = some_rows(3, n)
    surrogate = Ridge(alpha=penalty) if penalty else LeastSquares()
    linear = fit(surrogate, iter([(x, y, weights)]), how="none", num_features=None)

    pieces = iter([(x[:20], y[:20], weights[:20]), (x[20:], y[20:], weights[20:])])
    found = sandwich(linear, pieces, penalty=penalty, pairs=pairs)
    values, covariance, free = by_dense_matrices(x, y, weights, penalty, pairs)

    np.testing.assert_allclose(found.values, values, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-8, atol=1e-12)
    assert found.df == free
    np.testing.assert_allclose(found.se, np.sqrt(np.diag(covariance)), rtol=1e-8)


@pytest.mark.parametrize(
    ("pairs", "n", "told"), [(False, 11, True), (False, 10, False), (True, 19, True), (True, 18, False)]
)
def test_three_degrees_of_freedom_are_the_least_that_tell(pairs, n, told):
    x, y, weights = some_rows(1, n)
    linear = fit(LeastSquares(), iter([(x, y, weights)]), how="none", num_features=None)

    assert (sandwich(linear, iter([(x, y, weights)]), penalty=0, pairs=pairs) is not None) == told


@pytest.mark.parametrize("level", [0.0, 1e3, -1e6])
def test_what_fits_exactly_has_no_standard_error_at_all(level):
    x, _, weights = some_rows(2, 80)
    y = x @ np.arange(7.0) + level

    linear = fit(LeastSquares(), iter([(x, y, weights)]), how="none", num_features=None)
    found = sandwich(linear, iter([(x, y, weights)]), penalty=0, pairs=False)

    assert np.all(found.covariance == 0)
    assert found.error == 0


@given(
    n=st.integers(1, 40),
    pairs=st.booleans(),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    seed=st.integers(0, 99),
)
def test_the_middle_of_the_sandwich_is_the_sum_over_draws_however_it_is_cut(n, pairs, cuts, seed):
    rows = np.random.default_rng(seed).normal(size=(n, 3))
    edges = [0, *sorted(min(cut // 2 * 2 if pairs else cut, n) for cut in cuts), n]
    size = 2 if pairs else 1
    draws = [rows[i : i + size].sum(axis=0) for i in range(0, n, size)]

    found, count = meat((rows[a:b] for a, b in pairwise(edges)), draw=2 if pairs else 1)

    np.testing.assert_allclose(found, sum(np.outer(one, one) for one in draws), rtol=0, atol=1e-12)
    assert count == len(draws)


def test_without_rows_there_is_no_draw():
    found, count = meat(iter([]), draw=2)

    assert (found.shape, count) == ((0, 0), 0)


def test_the_jackknife_is_the_covariance_of_pseudo_values():
    x, y, weights = some_rows(5, 90)
    places = groups(90, 9, pairs=False)

    def ridge(keep):
        return SklearnRidge(alpha=0.7).fit(x[keep], y[keep], weights[keep]).coef_

    whole = ridge(np.ones(90, bool))
    without = []
    for place in places:
        keep = np.ones(90, bool)
        keep[place] = False
        without.append(ridge(keep))
    count = len(places)
    pseudo = count * whole - (count - 1) * np.array(without)  # Tukey's: their mean has the covariance sought

    found = jackknife(whole, without)

    np.testing.assert_allclose(found.covariance, np.cov(pseudo.T) / count, rtol=1e-9)
    assert (count, found.df) == (10, 9)
    np.testing.assert_array_equal(found.values, whole)
    assert jackknife(whole, without[:1]) is None


@pytest.mark.parametrize("design", ["foldover-hadamard", "bernoulli"])
def test_a_surrogate_without_a_formula_gets_the_jackknife_over_whole_blocks(design):
    d, n = 6, 192
    kept, scores = planted_rows(design, d, n, seed=1)
    lime = seewhy.Lime(design=design, surrogate=SklearnRidge(alpha=2.0), kernel="none")

    found = lime.spread(*recorded(kept), scores)
    count = 12 if design == "foldover-hadamard" else 20 if n < 8 * 64 else 3  # blocks of 16 rows; rows where few blocks
    edges = [16 * i for i in range(13)] if count == 12 else [n * i // 20 for i in range(21)]
    without = [
        SklearnRidge(alpha=2.0).fit(np.delete(kept, range(a, b), 0), np.delete(scores, range(a, b))).coef_
        for a, b in pairwise(edges)
    ]

    assert len(without) == count
    np.testing.assert_allclose(found.covariance, np.cov(np.array(without).T) * (count - 1) ** 2 / count, rtol=1e-8)


@given(n=st.integers(2, 700), block=st.sampled_from([2, 8, 24, 64]), pairs=st.booleans(), most=st.integers(1, 30))
def test_groups_hold_every_row_once_and_cut_no_block_or_draw(n, block, pairs, most):
    found = groups(n, block, pairs=pairs, most=most)
    unit = block if n >= 8 * block else 2 if pairs else 1
    sizes = [place.stop - place.start for place in found]

    wanted = min(most, n // unit)
    assert len(found) == (wanted if wanted > 1 else 0)  # one group alone tells nothing
    if not found:
        return
    assert [i for place in found for i in range(place.start, place.stop)] == list(range(n))
    assert all(place.start % unit == 0 for place in found)
    assert max(sizes) - min(sizes) <= 2 * unit - 1  # one more unit, and the rows of an unfinished one at the end


# --- what follows from a covariance ------------------------------------------------------------------------


@pytest.mark.parametrize("df", [np.inf, 7])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_one_interval_reaches_to_the_quantile_of_t(df, level):
    expected = norm.ppf(0.5 + level / 2) if np.isinf(df) else student.ppf(0.5 + level / 2, df)

    assert isclose(spread([1], [[1]], df).t(level), expected)
    assert isclose(spread([1], [[1]]).t(), 1.959964, abs_tol=1e-6)


@pytest.mark.parametrize("m", [1, 5, 40])
def test_independent_intervals_that_hold_at_once_reach_to_the_quantile_of_the_largest(m):
    expected = norm.ppf(0.5 + 0.5 * 0.95 ** (1 / m))
    density = 0.95 * 2 * m * norm.pdf(expected) / (2 * norm.cdf(expected) - 1)
    error = np.sqrt(0.95 * 0.05 / DRAWS) / density  # of a quantile read from draws

    assert abs(spread(np.ones(m), np.diag(np.logspace(-4, 4, m))).simultaneous() - expected) < 4 * error


@pytest.mark.parametrize(("df", "error"), [(np.inf, 0.03), (6, 0.06)])  # of a quantile from 4000 draws
def test_values_that_err_together_need_no_more_than_one_interval(df, error):
    scales = np.array([0.1, 1.0, -30.0])
    together = spread([1, 2, 3], np.outer(scales, scales), df)

    assert abs(together.simultaneous() - together.t()) < 4 * error


@pytest.mark.parametrize("df", [np.inf, 9])
def test_simultaneous_intervals_agree_with_many_independent_draws(df):
    rng = np.random.default_rng(0)
    covariance = random_covariance(rng, 6)
    noise = rng.multivariate_normal(np.zeros(6), covariance, 400_000)
    scale = 1.0 if np.isinf(df) else np.sqrt(df / rng.chisquare(df, (400_000, 1)))
    expected = np.quantile(np.max(np.abs(noise * scale) / np.sqrt(np.diag(covariance)), axis=1), 0.95)

    assert spread(np.ones(6), covariance, df).simultaneous() == pytest.approx(expected, rel=0.04)


def test_values_that_cannot_move_ask_for_no_room():
    covariance = random_covariance(np.random.default_rng(1), 3)
    padded = np.zeros((5, 5))
    padded[:3, :3] = covariance

    bare = spread(np.ones(3), covariance).simultaneous()
    assert spread(np.ones(5), padded).simultaneous() == pytest.approx(bare, rel=0.04)
    assert spread(np.ones(2), np.zeros((2, 2)), 5).simultaneous() == spread([1], [[1]], 5).t()


@pytest.mark.parametrize(
    ("values", "variances", "error"),
    [
        ([3, 4], [4, 5], 0.75),  # 9 of 25 is noise, 16 is left
        ([1, 0], [0.5, 0.5], np.inf),
        ([1, 1], [3, 0], np.inf),
        ([0, 0], [1, 0], np.inf),
        ([3, 4], [0, 0], 0.0),
        ([0, 0], [0, 0], 0.0),
    ],
)
def test_the_error_is_relative_to_what_noise_leaves_of_the_values(values, variances, error):
    assert spread(values, np.diag(variances)).error == error


@pytest.mark.parametrize("m", [1, 10, 60])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_equal_variances_give_the_chi_square_and_an_estimated_one_the_f_bound(m, alpha):
    values = np.full(m, 10.0)
    found, signal = spread(values, 4 * np.eye(m), 12), 100 * m - 4 * m

    certain = np.sqrt(4 * chi2.ppf(1 - alpha, m) / signal)
    estimated = np.sqrt(4 * m * fisher.ppf(1 - alpha, m, 12) / signal)

    # Relative errors of a root of a quantile from 4000 draws stay below 2 % here, those with one value below 3 %.
    assert found.bound(alpha, certain=True) == pytest.approx(certain, rel=0.05)
    assert found.bound(alpha) == pytest.approx(estimated, rel=0.06)
    assert found.bound(alpha) > found.bound(alpha, certain=True)


def test_a_bound_is_infinite_where_there_is_no_signal_and_zero_where_nothing_varies():
    assert spread([1, 1], np.eye(2)).bound(0.1) == np.inf
    assert spread([1, 1], np.zeros((2, 2)), 5).bound(0.1) == 0


def test_ranks_overlap_where_two_values_cannot_be_told_apart():
    np.testing.assert_array_equal(spread([-4, 5, 1], 0.01 * np.eye(3)).ranks(), [[2, 2], [1, 1], [3, 3]])
    np.testing.assert_array_equal(spread([5, -4.9, 1], 0.01 * np.eye(3)).ranks(), [[1, 2], [1, 2], [3, 3]])
    np.testing.assert_array_equal(spread([1, 2, 3], 100 * np.eye(3)).ranks(), [[1, 3]] * 3)
    np.testing.assert_array_equal(spread([7], [[1]]).ranks(), [[1, 1]])


@pytest.mark.parametrize(("nudge", "apart"), [(1.001, True), (0.999, False)])
def test_ranks_share_one_level_among_all_ordered_pairs(nudge, apart):
    gap = nudge * student.ppf(1 - 0.05 / 6, 10) * np.sqrt(2)

    found = spread([0, gap, 20 * gap], np.eye(3), 10).ranks()

    assert found.tolist() == ([[3, 3], [2, 2], [1, 1]] if apart else [[2, 3], [2, 3], [1, 1]])


@pytest.mark.parametrize(("covariance", "apart"), [(1, False), (-1, True)])
def test_magnitudes_of_opposite_signs_differ_surely_if_they_move_against_each_other(covariance, apart):
    found = spread([2, -1.9], [[1, covariance], [covariance, 1]]).ranks().tolist()

    assert found == ([[1, 1], [2, 2]] if apart else [[1, 2], [1, 2]])


def test_all_true_ranks_lie_within_theirs_in_at_least_the_share_promised():
    rng = np.random.default_rng(4)
    true, covariance = np.array([3.0, 2.5, -2.2, 1.0, -0.9, 0.2]), random_covariance(rng, 6) / 30
    place = np.argsort(np.argsort(-np.abs(true))) + 1
    runs = [spread(rng.multivariate_normal(true, covariance), covariance).ranks() for _ in range(600)]
    held = np.mean([np.all((one[:, 0] <= place) & (place <= one[:, 1])) for one in runs])

    assert held > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 600)
    assert np.mean([np.ptp(one, axis=1) for one in runs]) < 2  # and they say something


@pytest.mark.parametrize(("nudge", "apart"), [(1.001, True), (0.999, False)])
def test_the_strongest_are_told_apart_at_the_level_shared_by_all_pairs(nudge, apart):
    gap = nudge * student.ppf(1 - 0.1 / 6, 8) * np.sqrt(2)  # 2 inside, 3 outside

    assert spread([100, gap, 0, 0, 0], np.eye(5), 8).separated(2, 0.1) == apart


@pytest.mark.parametrize(
    ("values", "k", "se", "apart"),
    [
        ([1, 0.98, 0], 1, 0.01, True),  # 0.02 apart, at most 0.043, within the zone of 0.05: either may be in
        ([1, 0.98, 0], 1, 0.02, False),
        ([1, 0.94, 0], 1, 0.03, False),  # further apart than the zone, and not surely so
        ([1, 0.94, 0], 1, 0.02, True),
        ([1, 0.94, 0], 2, 0.03, True),
        ([10, 9.9, 9.8], 1, 0.06, True),  # the range counts from 0: the zone is 0.5
        ([1, 1, 1], 3, 99, True),  # there is no other one
        ([1, 1], 5, 99, True),
    ],
)
def test_values_closer_than_a_zone_need_not_be_told_apart(values, k, se, apart):
    # At level 0.1 for two pairs a difference is known to 1.645 times the root of 2, that is 2.33 se.
    assert spread(values, se**2 * np.eye(len(values))).separated(k, 0.1) == apart


@pytest.mark.parametrize("df", [np.inf, 5])
def test_the_chance_of_the_same_strongest_agrees_with_many_independent_draws(df):
    rng = np.random.default_rng(8)
    values, covariance = np.array([0.4, -1.9, -0.3, 2.0, 1.2]), 0.1 * random_covariance(rng, 5)
    noise = rng.multivariate_normal(np.zeros(5), covariance, 200_000)
    scale = 1.0 if np.isinf(df) else np.sqrt(df / rng.chisquare(df, (200_000, 1)))
    order = np.argsort(-np.abs(values + noise * scale), axis=1)
    expected = [np.mean(np.all(np.isin(order[:, :k], [3, 1, 4, 0, 2][:k]), axis=1)) for k in range(1, 6)]

    found = spread(values, covariance, df).same_top(9)

    np.testing.assert_allclose(found, expected, rtol=0, atol=4 * 0.5 / np.sqrt(DRAWS))
    assert 0.5 < min(expected[:4]) < 0.95
    assert spread(values, covariance, df).same_top(2) == found[:2]
