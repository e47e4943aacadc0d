"""Designs against enumeration: the law of each row, and what values converge to, by the definition of the value."""

from itertools import islice
from math import comb, factorial

import numpy as np
import pytest
from scipy.stats import chi2, qmc

from seewhy.sampling.designs import (
    Antithetic,
    Bernoulli,
    DropFraction,
    Exhaustive,
    FoldoverHadamard,
    LeaveOneOut,
    ShapleyDesign,
    rows,
)
from seewhy.sampling.designs.hadamard import hadamard_at_least


def everything(d):
    """All coalitions (2**d, d); row c keeps segment j if bit j of c is set."""
    return (np.arange(2**d)[:, None] >> np.arange(d)) % 2 == 1


def codes(z):
    return z @ (1 << np.arange(z.shape[1]))


def answers(d, seed):
    """A score for each coalition: effects of single segments, and every interaction there can be."""
    rng = np.random.default_rng(seed)
    return everything(d) @ rng.normal(size=d) + rng.normal(size=2**d)


def chances(d, keep):
    sizes = everything(d).sum(axis=1)
    return keep**sizes * (1.0 - keep) ** (d - sizes)


def least_squares(z, y):
    x = np.column_stack([np.ones(len(z)), z])
    return np.linalg.lstsq(x.T @ x, x.T @ y, rcond=1e-12)[0][1:]


def centered(values):
    return values - values.mean()


def banzhaf(y, d, keep=0.5):
    """Mean change of the score when a segment is kept, each other one staying with chance ``keep``."""
    z, law = everything(d), chances(d, keep)
    return np.array([np.average(y, weights=law * z[:, j]) - np.average(y, weights=law * ~z[:, j]) for j in range(d)])


def swaps(y, d, kept):
    """Values whose differences are the mean changes when one segment is kept in another's stead; their mean is 0."""
    z = everything(d)
    z, y = z[z.sum(axis=1) == kept], y[z.sum(axis=1) == kept]

    def change(i, j):
        return y[z[:, i] & ~z[:, j]].mean() - y[z[:, j] & ~z[:, i]].mean() if i != j else 0.0

    return np.array([np.mean([change(i, j) for j in range(d)]) for i in range(d)])


def shapley(y, d):
    """Mean change of the score when a segment is added, over all orders: the definition."""
    z = everything(d)
    before = z.sum(axis=1)
    share = np.array([factorial(k) * factorial(d - k - 1) / factorial(d) if k < d else 0 for k in range(d + 1)])
    without = [np.flatnonzero(~z[:, j]) for j in range(d)]
    return np.array([np.sum(share[before[s]] * (y[s + (1 << j)] - y[s])) for j, s in enumerate(without)])


def constrained(z, y, whole, empty):
    """Fit that meets the scores of the whole and the empty picture; rows of size k weigh mu_k / N_k."""
    d, sizes = z.shape[1], z.sum(axis=1)
    inner = (sizes > 0) & (sizes < d)
    z, y, sizes = z[inner].astype(float), y[inner], sizes[inner]
    weights = 1 / (sizes * (d - sizes)) / np.bincount(sizes, minlength=d)[sizes]
    target = y - empty - z[:, -1] * (whole - empty)
    x = z[:, :-1] - z[:, -1:]
    values = np.linalg.lstsq(x.T @ (weights[:, None] * x), x.T @ (weights * target), rcond=1e-12)[0]
    return np.append(values, whole - empty - values.sum())


def assert_follows(z, law):
    """Chi-square test of coalitions against their chances; a right law fails once in a million."""
    possible = law > 0
    found = np.bincount(codes(z), minlength=len(law))
    expected = len(z) * law / law.sum()

    assert found[~possible].sum() == 0
    assert expected[possible].min() > 5
    distance = np.sum((found - expected)[possible] ** 2 / expected[possible])
    assert distance < chi2.isf(1e-6, possible.sum() - 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "keep"),
    [
        (Bernoulli(keep=0.3), 0.3),
        (Antithetic(keep=0.3), 0.3),
        (Antithetic(keep=0.5), 0.5),
        (Antithetic(keep=0.8), 0.8),
        (FoldoverHadamard(), 0.5),
    ],
    ids=str,
)
def test_each_row_alone_is_coin_flips(design, keep):
    """One row a block: rows of different blocks are independent, those of one block need not be."""
    z = np.array([block.coalitions[[0, 1, -2, -1]] for block in islice(design.blocks(5, 1), 20_000)])

    for place in range(4):
        assert_follows(z[:, place], chances(5, keep))


@pytest.mark.parametrize(("keep", "kept"), [(0.5, 3), (0.7, 4), (0.2, 1)])
def test_drop_fraction_draws_every_coalition_of_its_size_alike(keep, kept):
    z = np.concatenate([block.coalitions for block in islice(DropFraction(keep=keep).blocks(6, 1), 50)])

    assert_follows(z, (everything(6).sum(axis=1) == kept).astype(float))


@pytest.mark.slow
def test_each_row_of_a_shapley_block_follows_the_kernel():
    d = 8
    sizes = everything(d).sum(axis=1)
    law = np.array([(d - 1) / (comb(d, k) * k * (d - k)) if 0 < k < d else 0 for k in sizes])
    z = np.array([block.coalitions[[2, 3, 10, -1]] for block in islice(ShapleyDesign().blocks(d, 1), 5000)])

    for place in range(4):
        assert_follows(z[:, place], law)


@pytest.mark.parametrize(("d", "size"), [(6, 2), (6, 3), (7, 2), (7, 3), (9, 1)])
def test_shapley_coalitions_of_a_size_are_alike_even_where_smaller_sizes_ran_out(d, size):
    z = np.concatenate([block.coalitions[2::2] for block in islice(ShapleyDesign().blocks(d, 2), 1500)])
    z = z[z.sum(axis=1) == size]

    assert_follows(z, (everything(d).sum(axis=1) == size).astype(float))


@pytest.mark.parametrize("d", [2, 3, 4, 5, 6, 7, 8, 20, 31, 50])
def test_a_shapley_block_starts_with_the_whole_and_repeats_no_pair(d):
    for block in islice(ShapleyDesign().blocks(d, 0), 20):
        z = block.coalitions
        told = z[2:] ^ ~z[2:, :1]  # a pair by the row that keeps segment 0

        assert z[0].all()
        assert not z[1].any()
        assert 0 < z[2:].sum(axis=1).min() <= z[2:].sum(axis=1).max() < d
        assert len(np.unique(told, axis=0)) == len(z) // 2 - 1


@pytest.mark.slow
@pytest.mark.parametrize("d", [8, 9, 20, 31, 50, 80])
def test_shapley_sizes_miss_the_kernel_by_less_than_one_pair_and_hit_it_on_average(d):
    each = 1 / (np.arange(1, d) * np.arange(d - 1, 0, -1))
    pairs = 2 * d + 1
    mass = 2 * pairs * each / each.sum()  # expected rows of sizes 1 to d - 1
    pair_of = np.where(2 * np.arange(1, d) == d, 2, 1)
    blocks = [block.coalitions[2:].sum(axis=1) for block in islice(ShapleyDesign().blocks(d, 3), 600)]
    counts = np.array([np.bincount(sizes, minlength=d)[1:] for sizes in blocks])

    assert np.all(counts.sum(axis=1) == 2 * pairs)
    assert np.all(np.abs(counts - mass) / pair_of < 1)
    part = mass / pair_of % 1  # a count is rounded up with this chance
    error = pair_of * np.sqrt(part * (1 - part) / len(counts))
    assert np.all(np.abs(counts.mean(axis=0) - mass) < 4.5 * error + 2 * pair_of / len(counts))
    assert np.all(counts[:, 2 * np.arange(1, d) != d] > 0)  # so that no size is without weight in any block


@pytest.mark.parametrize(("d", "rows_of_size"), [(4, [4, 6, 4]), (5, [5, 6, 6, 5]), (6, [6, 5, 4, 5, 6])])
def test_sizes_that_run_out_hand_on_what_they_cannot_take(d, rows_of_size):
    blocks = [block.coalitions[2:].sum(axis=1) for block in islice(ShapleyDesign().blocks(d, 3), 300)]
    counts = np.array([np.bincount(sizes, minlength=d)[1:] for sizes in blocks])

    assert np.all(counts[:, [0, -1]] == d)
    assert np.all(np.abs(counts - rows_of_size) <= 2)
    assert len(np.unique(counts.sum(axis=1))) == 1


@pytest.mark.parametrize("d", range(1, 13))
def test_exhaustive_asks_every_coalition_once_in_an_order_of_its_own(d):
    one, other = (np.concatenate([block.coalitions for block in Exhaustive().blocks(d, seed)]) for seed in (0, 1))

    assert np.array_equal(np.sort(codes(one)), np.arange(2**d))
    assert np.array_equal(np.sort(codes(other)), np.arange(2**d))
    assert d < 4 or not np.array_equal(one, other)


def test_exhaustive_reaches_20_segments():
    seen = np.zeros(2**20, dtype=int)
    for block in Exhaustive().blocks(20, 0):
        seen[codes(block.coalitions)] += 1

    assert np.all(seen == 1)


@pytest.mark.parametrize("d", [1, 2, 5, 10])
def test_exhaustive_gives_banzhaf_values(d):
    y = answers(d, seed=d)
    z = np.concatenate([block.coalitions for block in Exhaustive().blocks(d, 0)])

    np.testing.assert_allclose(least_squares(z, y[codes(z)]), banzhaf(y, d), atol=1e-9)


@pytest.mark.parametrize("d", [1, 2, 5, 12])
def test_leave_one_out_gives_what_the_score_falls_by_without_each_segment(d):
    y = answers(d, seed=d)
    (block,) = LeaveOneOut().blocks(d, 0)
    z = block.coalitions
    whole, falls = y[-1], y[2**d - 1] - y[2**d - 1 - (1 << np.arange(d))]

    assert np.array_equal(z[0], np.ones(d, dtype=bool))
    assert np.array_equal(~z[1:], np.eye(d, dtype=bool))
    np.testing.assert_allclose(whole - y[codes(z)][1:], falls, atol=1e-12)
    np.testing.assert_allclose(least_squares(z, y[codes(z)]), falls, atol=1e-9)


def check_converges(design, d, y, estimate, truth, blocks=400):
    """Pool the rows of many blocks; the jackknife over 40 groups of blocks tells the error."""
    z = np.array([block.coalitions for block in islice(design.blocks(d, 11), blocks)])
    groups = z.reshape(40, -1, d)

    def fit(part):
        part = part.reshape(-1, d)
        return estimate(part, y[codes(part)])

    left_out = np.array([fit(np.delete(groups, i, axis=0)) for i in range(40)])
    error = np.sqrt(39 / 40 * np.sum((left_out - left_out.mean(axis=0)) ** 2, axis=0))
    found = fit(groups)

    assert np.all(np.abs(found - truth) < 4 * error + 1e-9)
    assert np.linalg.norm(error) < 0.15 * np.linalg.norm(truth)  # the bound above says something
    return found


@pytest.mark.parametrize("d", [6, 12])
@pytest.mark.parametrize(
    ("design", "keep"),
    [
        (Bernoulli(keep=0.5), 0.5),
        (Bernoulli(keep=0.3), 0.3),
        (Antithetic(keep=0.5), 0.5),
        (Antithetic(keep=0.7), 0.7),
        (FoldoverHadamard(), 0.5),
    ],
    ids=str,
)
def test_a_linear_fit_converges_to_the_mean_change_by_a_segment(design, keep, d):
    y = answers(d, seed=d)

    check_converges(design, d, y, least_squares, banzhaf(y, d, keep))


@pytest.mark.parametrize(("d", "keep", "kept"), [(6, 0.5, 3), (6, 0.3, 2), (12, 0.75, 9)])
def test_drop_fraction_converges_to_what_swaps_change(d, keep, kept):
    y = answers(d, seed=d)

    check_converges(
        DropFraction(keep=keep), d, y, lambda z, scores: centered(least_squares(z, scores)), swaps(y, d, kept)
    )


@pytest.mark.parametrize("d", [5, 6, 7, 8, 12])
def test_shapley_rows_weighed_by_size_converge_to_shapley_values(d):
    y = answers(d, seed=d)
    truth = shapley(y, d)

    found = check_converges(ShapleyDesign(), d, y, lambda z, scores: constrained(z, scores, y[-1], y[0]), truth)

    assert found.sum() == pytest.approx(y[-1] - y[0], abs=1e-9)
    assert np.abs(truth - banzhaf(y, d)).max() > 0.1  # other designs would not do


@pytest.mark.parametrize("d", [2, 3, 4])
def test_a_shapley_block_over_few_segments_is_exact(d):
    y = answers(d, seed=d)
    z = next(ShapleyDesign().blocks(d, 0)).coalitions

    np.testing.assert_allclose(constrained(z, y[codes(z)], y[-1], y[0]), shapley(y, d), atol=1e-9)


@pytest.mark.parametrize("d", [6, 12, 20, 51])
def test_one_shapley_block_recovers_a_linear_model_exactly_whatever_pairs_do(d):
    rng = np.random.default_rng(d)
    effects, pairs = rng.normal(size=d), np.triu(rng.normal(size=(d, d)), 1)

    def score(z):
        return z @ effects + np.einsum("ni,ij,nj->n", z - 0.5, pairs, z - 0.5) + 3

    z = next(ShapleyDesign().blocks(d, 1)).coalitions
    y = score(z.astype(float))

    np.testing.assert_allclose(constrained(z, y, y[0], y[1]), effects, atol=1e-9)


def equal_or_opposite(z):
    """Pairs of columns that no fit can tell from each other."""
    q = np.where(z, 1, -1)
    return int(np.sum(np.abs(np.triu(q.T @ q, 1)) == len(z)))


@pytest.mark.parametrize("n", [32, 64])
def test_thresholded_sobol_points_have_twin_columns_where_a_foldover_block_has_none(n):
    """Only the first binary digit of a Sobol' number counts here, and few points have few patterns of those."""
    d = 50
    sobol = qmc.Sobol(d, scramble=False).random(n) >= 0.5
    flipped = sobol ^ (np.random.default_rng(0).random(d) < 0.5)  # all that scrambling may do to a first digit
    ours = next(FoldoverHadamard().blocks(d, 0)).coalitions

    assert equal_or_opposite(sobol) >= 18
    assert equal_or_opposite(flipped) == equal_or_opposite(sobol)
    assert np.linalg.matrix_rank(sobol - 0.5) < d
    assert equal_or_opposite(ours) == 0
    assert np.linalg.matrix_rank(ours - 0.5) == d


def test_an_array_that_stays_the_same_keeps_its_bias_where_our_blocks_lose_it():
    """In Sylvester's matrix of order 8 columns multiply to columns, so three segments together pass for a fourth."""
    d = 7
    half = hadamard_at_least(8)[:, 1:] > 0
    fixed = np.concatenate([half, ~half])
    sign = np.where(half, 1, -1)
    threes = [(a, b, c) for a in range(d) for b in range(a) for c in range(b)]
    three, fourth = next(
        (three, j)
        for three in threes
        for j in range(d)
        if j not in three and abs(np.sum(sign[:, three].prod(axis=1) * sign[:, j])) == 8
    )

    def value(z):
        q = np.where(z, 0.5, -0.5)
        return least_squares(z, 8 * q[:, three].prod(axis=1))[fourth]

    repeated = [value(np.tile(fixed, (times, 1))) for times in (1, 10, 1000)]
    ours = np.array([value(block.coalitions) for block in islice(FoldoverHadamard().blocks(d, 5), 3000)])

    np.testing.assert_allclose(np.abs(repeated), 2, atol=1e-9)  # the truth is 0
    assert abs(ours.mean()) < 4 * ours.std() / np.sqrt(len(ours)) < 0.1


def test_rows_of_one_size_converge_to_another_answer_where_the_score_saturates():
    """One of three redundant segments is enough for the score; the other seven do nothing."""
    d = 10
    y = everything(d)[:, :3].any(axis=1).astype(float)
    coins, balanced = banzhaf(y, d), swaps(y, d, d // 2)

    found = check_converges(FoldoverHadamard(), d, y, least_squares, coins)
    other = check_converges(DropFraction(), d, y, lambda z, f: centered(least_squares(z, f)), balanced, blocks=1000)

    np.testing.assert_allclose(coins, [0.25] * 3 + [0] * 7, atol=1e-12)
    assert np.linalg.norm(found - coins) < 0.1 * np.linalg.norm(coins)
    assert np.linalg.norm(other - coins) > 0.5 * np.linalg.norm(coins)
    assert np.ptp(balanced) < 0.9 * np.ptp(coins)  # more than the lost level is wrong


@pytest.mark.parametrize("d", [31, 51, 99])
def test_random_pairs_as_many_as_the_unknowns_are_nearly_singular_where_a_foldover_block_is_orthogonal(d):
    n = FoldoverHadamard().block_rows(d)
    assert n <= 2 * (d + 1)

    def condition(design, seed):
        z = np.concatenate([block.coalitions for block in rows(design, d, n, seed)])
        return np.linalg.cond(z - 0.5)

    plain = [condition(Antithetic(keep=0.5), seed) for seed in range(20)]
    ours = [condition(FoldoverHadamard(), seed) for seed in range(20)]

    np.testing.assert_allclose(ours, 1, atol=1e-9)
    assert min(plain) > 10
    assert np.median(plain) > 40
