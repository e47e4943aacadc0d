"""Ranks of maps: rounding ranks nothing."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from seewhy.metrics.ranks import rank_correlation

RNG = np.random.default_rng(0)
MAP = RNG.normal(size=(6, 8)).astype(np.float32)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e20])
def test_it_is_spearmans(size):
    other = (MAP + RNG.normal(size=MAP.shape)).astype(np.float32)

    assert rank_correlation(MAP * np.float32(size), other) == pytest.approx(spearmanr(MAP.ravel(), other.ravel())[0])
    assert rank_correlation(MAP, -MAP) == pytest.approx(-1)


@pytest.mark.parametrize("seed", range(5))
def test_what_rounding_leaves_of_0_ties(seed):
    noise = np.random.default_rng(seed).normal(size=MAP.shape) * 1e-9
    half = np.where(np.arange(8) < 4, MAP, 0)

    assert rank_correlation(half + noise, MAP) == rank_correlation(half, MAP)
    assert rank_correlation(MAP, half * 3 + noise) == rank_correlation(MAP, half)
