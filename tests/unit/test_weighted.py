"""Means of estimates that do not weigh the same: variances in closed form and against planted draws."""

import numpy as np
import pytest
from scipy.special import stdtrit

from seewhy.estimation.intervals import mean_and_squares
from seewhy.estimation.weighted import Shares, mean_and_variance

WEIGHTS = np.sqrt([168.0, 40, 32, 96, 24, 40, 64])


def test_equal_shares_give_the_usual_variance_and_degrees_of_freedom():
    maps = np.random.default_rng(0).normal(5, 2, (9, 3, 4))
    shares = Shares.of(np.full(9, 7.0))
    number, mean, squares = mean_and_squares(maps)

    found, variance = mean_and_variance(maps, shares)

    np.testing.assert_allclose(found, mean, rtol=1e-12)
    np.testing.assert_allclose(variance, squares / (number * (number - 1)), rtol=1e-12)
    assert shares.df == pytest.approx(8, rel=1e-12)


def test_one_map_at_a_time_gives_what_the_formula_gives():
    maps = 1e6 + np.random.default_rng(1).normal(size=(len(WEIGHTS), 5))
    w = WEIGHTS / WEIGHTS.sum()
    mean, variance = mean_and_variance(iter(maps), Shares.of(WEIGHTS))

    by_hand = sum(
        w[b] ** 2 * (maps[b] - w @ maps) ** 2 / ((1 - w[b]) ** 2 + sum(w[c] ** 2 for c in range(len(w)) if c != b))
        for b in range(len(w))
    )
    np.testing.assert_allclose(mean, w @ maps, rtol=1e-14)
    np.testing.assert_allclose(variance, by_hand, rtol=1e-6)


def test_one_estimate_alone_has_its_value_and_no_variance():
    mean, variance = mean_and_variance([np.array([3.0, -1.0])], Shares.of(np.array([40.0])))

    np.testing.assert_array_equal(mean, [3, -1])
    np.testing.assert_array_equal(variance, 0)


@pytest.mark.parametrize(
    ("power", "slack"),
    [(0, 0.005), (-1, 0.015), (1, 0.015)],
    ids=["of one variance", "many rows vary less", "many rows vary more"],
)
def test_the_variance_is_right_on_average_and_intervals_cover(power, slack):
    rng, draws = np.random.default_rng(2), 100_000
    shares = Shares.of(WEIGHTS)
    scale = WEIGHTS ** (power / 2.0)
    maps = rng.normal(size=(draws, len(scale))).T * scale[:, None]

    mean, variance = mean_and_variance(maps, shares)

    assert variance.mean() == pytest.approx(np.sum(shares.values**2 * scale**2), rel=slack)
    covered = np.mean(np.abs(mean) <= stdtrit(shares.df, 0.975) * np.sqrt(variance))
    assert 0.948 < covered < 0.97  # a block of large share moves the mean and the spread together


def test_degrees_of_freedom_are_those_of_the_estimates_first_two_moments():
    shares, rng = Shares.of(WEIGHTS), np.random.default_rng(3)
    _, variance = mean_and_variance(rng.normal(size=(len(WEIGHTS), 400_000)), shares)

    assert shares.df == pytest.approx(2 * variance.mean() ** 2 / variance.var(), rel=0.02)
    assert shares.df < len(WEIGHTS) - 1
