"""Shapley, Banzhaf and leave-one-out values against their definitions."""

from itertools import permutations
from math import comb

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.estimation.surrogate.shapley import size_shares
from seewhy.sampling.designs import DESIGNS
from support.games import drawn, every_coalition, planted, planted_rows, recorded
from support.refusing import refuses

SHAPLEY = seewhy.Lime(design="shapley", kernel="shapley")


def game(d, seed):
    return np.random.default_rng(seed).normal(size=2**d) + seed


def by_permutations(d, f):
    """What each segment adds to those before it, averaged over all orders."""
    values = np.zeros(d)
    orders = list(permutations(range(d)))
    for order in orders:
        code = 0
        for j in order:
            values[j] += f[code + 2**j] - f[code]
            code += 2**j
    return values / len(orders)


def by_subsets(d, f):
    """The same, every coalition of the others weighed by the share of orders in which it comes first."""
    z, codes = every_coalition(d), np.arange(2**d)
    size = z.sum(axis=1)
    share = np.array([1 / (d * comb(d - 1, k)) if k < d else 0 for k in range(d + 1)])[size]
    return np.array([(share * (f[codes | 2**j] - f))[~z[:, j]].sum() for j in range(d)])


def estimate(lime, kept, scores):
    samples, scene = recorded(kept)
    return lime.estimate(samples, scene, scores)


def asked(design, d, n, seed, f):
    """The first rows of a design, with the scores of the game ``f`` (2 ** d,)."""
    kept = drawn(design, d, n, seed)
    return kept, f[kept @ 2 ** np.arange(d)]


# --- exact -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3, 5, 6])
def test_all_coalitions_give_the_average_over_all_orders(d):
    f = game(d, seed=d)

    found = estimate(SHAPLEY.replace(design="exhaustive"), *asked("exhaustive", d, 2**d, 1, f))

    np.testing.assert_allclose(found.values, by_permutations(d, f), rtol=0, atol=1e-9)
    np.testing.assert_allclose(by_subsets(d, f), by_permutations(d, f), rtol=0, atol=1e-12)
    assert found.intercept == f[0]
    assert found.prediction == pytest.approx(f[-1], abs=1e-9)
    assert np.all(found.se == 0)
    assert found.error == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("d", [7, 8])
def test_all_coalitions_give_the_average_over_all_subsets(d, seed):
    f = game(d, seed)

    found = estimate(SHAPLEY.replace(design="exhaustive"), *asked("exhaustive", d, 2**d, seed, f))

    np.testing.assert_allclose(found.values, by_subsets(d, f), rtol=0, atol=1e-9)


@pytest.mark.parametrize("d", [1, 4, 8])
def test_without_a_kernel_all_coalitions_give_banzhaf_values(d):
    f, z, codes = game(d, seed=9), every_coalition(d), np.arange(2**d)
    exact = [np.mean((f[codes | 2**j] - f)[~z[:, j]]) for j in range(d)]
    lime = seewhy.Lime(design="exhaustive", kernel="none")

    found = estimate(lime, *asked("exhaustive", d, 2**d, 0, f))

    np.testing.assert_allclose(found.values, exact, rtol=0, atol=1e-9)
    assert np.all(found.se == 0)


@pytest.mark.parametrize("d", [1, 3, 9])
def test_leaving_one_out_gives_what_the_whole_picture_loses(d):
    f = game(d, seed=2)
    kept = next(DESIGNS["leave-one-out"]().blocks(d, 0)).coalitions
    lime = seewhy.Lime(design="leave-one-out", kernel="none")

    found = estimate(lime, kept, f[kept @ 2 ** np.arange(d)])

    np.testing.assert_allclose(found.values, [f[-1] - f[2**d - 1 - 2**j] for j in range(d)], rtol=0, atol=1e-9)
    assert np.all(found.se == 0)


@pytest.mark.parametrize("kernel", ["cosine", "none", "image-cosine"])
def test_leaving_one_out_needs_no_kernel(kernel):
    f = game(5, seed=3)
    kept = next(DESIGNS["leave-one-out"]().blocks(5, 0)).coalitions
    lime = seewhy.Lime(design="leave-one-out", kernel=kernel)

    found = estimate(lime, kept, f[kept @ 2 ** np.arange(5)])

    np.testing.assert_allclose(found.values, [f[-1] - f[31 - 2**j] for j in range(5)], rtol=0, atol=1e-9)


# --- from samples ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [72, 144, 1440])
@pytest.mark.parametrize("seed", range(3))
def test_values_add_up_exactly_from_any_number_of_samples(n, seed):
    d, f = 17, planted(17)

    found = estimate(SHAPLEY, *asked("shapley", d, n, seed, f))

    assert found.intercept == f[0]
    assert found.values.sum() == pytest.approx(f[-1] - f[0], abs=1e-9)
    if found.spread is not None:  # what adds up always cannot err as a whole
        assert np.ones(d) @ found.spread.covariance @ np.ones(d) < 1e-9 * np.trace(found.spread.covariance)


@pytest.mark.slow
def test_samples_come_near_to_the_exact_values_as_their_error_says():
    d, f = 10, planted(10)
    exact = by_subsets(d, f)
    runs = [estimate(SHAPLEY, *asked("shapley", d, 264, seed, f)) for seed in range(200)]
    away = np.array([(run.values - exact) / run.se for run in runs])
    reach = np.array([run.reach for run in runs])[:, None]

    assert np.abs(away).max() < 5.5  # of 2000 t values with 121 degrees of freedom
    assert 0.93 < np.mean(np.abs(away) <= reach) < 0.975
    mean = np.mean([run.values for run in runs], axis=0)
    assert np.all(np.abs(mean - exact) < 4 * np.std([run.values for run in runs], axis=0) / np.sqrt(200))


def test_the_error_falls_as_the_root_of_the_samples():
    f = planted(10)
    few, many = (estimate(SHAPLEY, *asked("shapley", 10, n, 5, f)) for n in (440, 7040))

    assert np.linalg.norm(few.se) / np.linalg.norm(many.se) == pytest.approx(4, rel=0.15)
    assert np.all(np.abs(many.values - by_subsets(10, f)) < 4 * many.se)


@pytest.mark.parametrize("pairs", [True, False])
def test_the_standard_error_is_that_of_the_influence_of_draws(pairs):
    """By moving one draw's weight a little and fitting again under the constraint, with Lagrange's multiplier."""
    d, n, f = 6, 112, planted(6) + 3
    name = "shapley" if pairs else "bernoulli"
    kept, scores = asked(name, d, n, 4, f)
    if not pairs:
        kept[:2] = [[True] * d, [False] * d]
        scores = f[kept @ 2 ** np.arange(d)]
    size = kept.sum(axis=1)
    inside = (size > 0) & (size < d)
    mass = np.array([1 / (k * (d - k)) if 0 < k < d else 0 for k in range(d + 1)])
    weights = np.where(inside, (mass / mass.sum())[size] / np.bincount(size, minlength=d + 1)[size], 0)
    z, y = kept.astype(float), scores - f[0]

    def solved(w):
        system = np.block([[z.T @ (w[:, None] * z), np.ones((d, 1))], [np.ones((1, d)), np.zeros((1, 1))]])
        return np.linalg.solve(system, np.append(z.T @ (w * y), f[-1] - f[0]))[:d]

    draw = np.arange(n) // 2 if pairs else np.arange(n)
    step, moved = 1e-5, []
    for g in range(draw[-1] + 1):
        up, down = (weights * (1 + sign * step * (draw == g)) for sign in (1, -1))
        moved.append((solved(up) - solved(down)) / (2 * step))
    count = len(moved)

    found = estimate(SHAPLEY.replace(design=name), kept, scores).spread

    np.testing.assert_allclose(found.values, solved(weights), rtol=0, atol=1e-9)
    expected = np.array(moved).T @ np.array(moved) * count / (count - d)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-4, atol=1e-7 * np.trace(expected))
    assert found.df == count - d


@pytest.mark.parametrize("kernel", ["cosine", "none"])
def test_rows_drawn_by_size_have_the_limit_of_fair_coins_under_other_kernels(kernel):
    f = planted(10)
    by_size = estimate(SHAPLEY.replace(kernel=kernel), *asked("shapley", 10, 7040, 1, f))
    balanced = estimate(seewhy.Lime(kernel=kernel), *asked("foldover-hadamard", 10, 4800, 2, f))
    se = np.hypot(by_size.se, balanced.se)

    assert np.all(np.abs(by_size.values - balanced.values) < 4 * se)
    assert np.linalg.norm(by_subsets(10, f) - balanced.values) > 3 * np.linalg.norm(se)  # the limit is another one


def test_sizes_are_weighed_to_the_law_of_fair_coins():
    kept = drawn("shapley", 9, 160, 0)
    samples = recorded(kept)[0]
    size = kept.sum(axis=1)
    shares = size_shares(samples)

    for k in np.unique(size):
        assert shares[size == k].sum() / len(kept) == pytest.approx(comb(9, k) / 2**9)
        assert np.ptp(shares[size == k]) < 1e-12


# --- refused, and side by side -----------------------------------------------------------------------------


def test_samples_that_lack_sizes_say_what_would_have_them():
    kept, scores = planted_rows("foldover-hadamard", 12, 64, 0)

    with refuses(InvalidInput, "samples", rule="cover the Shapley kernel"):
        estimate(SHAPLEY.replace(design="foldover-hadamard"), kept, scores)


@pytest.mark.parametrize(
    "change", [{"surrogate": "ridge"}, {"surrogate": "lasso"}, {"num_features": 3}], ids=["ridge", "lasso", "few"]
)
def test_shapley_values_allow_no_other_surrogate(change):
    with refuses(InvalidInput, "Lime.kernel", rule="need least-squares and no num_features"):
        SHAPLEY.replace(**change)


PHOTO = np.random.default_rng(0).integers(40, 256, (4, 6, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=3), fill="black", n_samples=64, unit="score")


def product(batch):
    return batch[:, 0, 0, 0] * batch[:, 3, 5, 1] + batch[:, 0, 5, 2] / 3


def explained(method):
    return seewhy.explain(PHOTO, model=product, method=method, targets=0)


def test_lime_is_compared_with_banzhaf_and_shapley_values_of_the_same_samples():
    got = explained(LIME.replace(design="exhaustive"))
    found = got.compare()

    assert found.names == ("lime", "banzhaf", "shapley")
    np.testing.assert_array_equal(found.values[0], got.values())
    np.testing.assert_array_equal(found.values[1], got.refit(kernel="none").values())
    np.testing.assert_array_equal(found.values[2], got.refit(kernel="shapley").values())
    a, b, c = (PHOTO[0, 0, 0] / 255, PHOTO[3, 5, 1] / 255, PHOTO[0, 5, 2] / 765)
    np.testing.assert_allclose(found.values[2], [a * b / 2, 0, c, 0, 0, a * b / 2], atol=1e-6)
    assert found.errors == (0, 0, 0)
    assert found.missing == {}
    np.testing.assert_allclose(found.correlation, np.corrcoef(found.values), atol=1e-12)
    np.testing.assert_array_equal(np.diag(found.same_top), 5)
    apart = np.linalg.norm(found.values[1] - found.values[0]) / np.linalg.norm(found.values[0])
    np.testing.assert_allclose(found.apart[:2], [0, apart])
    assert found.to_dict()["target"] == "class 0"


def test_maps_are_compared_by_their_strongest_fifth():
    found = explained(seewhy.Rise(grid=3, n_samples=300)).compare()
    d = found.values.shape[1]
    count = round(d / 5)
    tops = [set(sorted(range(d), key=lambda i: (-row[i], i))[:count]) for row in found.values]

    expected = [[len(one & other) / count for other in tops] for one in tops]
    np.testing.assert_allclose(found.same_area, expected)
    assert found.to_dict()["same_area"] == found.same_area.tolist()
    assert explained(LIME).compare().same_area is None


@pytest.mark.parametrize(
    ("change", "names", "missing"),
    [
        ({"design": "leave-one-out"}, ("lime",), {"banzhaf": "one size", "shapley": "one size"}),
        ({"design": "drop-fraction"}, ("lime",), {"banzhaf": "one size", "shapley": "one size"}),
        ({"keep": 0.7}, ("lime",), {"banzhaf": "kept with probability 0.7", "shapley": "needs design='shapley'"}),
        ({"design": "shapley", "n_samples": 200}, ("lime", "banzhaf", "shapley"), {}),
        ({"kernel": "none", "surrogate": "ridge"}, ("lime", "banzhaf"), {"shapley": "needs design='shapley'"}),
    ],
)
def test_what_the_samples_do_not_allow_is_said(change, names, missing):
    found = explained(LIME.replace(segmentation=seewhy.Grid(rows=4, columns=6), **change)).compare()

    assert found.names == names
    assert found.missing.keys() == missing.keys()
    assert all(text in found.missing[name] for name, text in missing.items())


def test_rise_is_compared_with_its_other_estimators():
    got = explained(seewhy.Rise(grid=2, n_samples=64, unit="score", estimator="centered"))
    found = got.compare()

    assert found.names == ("rise", "controlled", "ratio", "reference")
    for row, name in zip(found.values[1:], found.names[1:], strict=True):
        heatmap = got.refit(estimator=name).heatmap().ravel().astype(float)
        np.testing.assert_allclose(row, heatmap - heatmap.mean(), rtol=0, atol=1e-7)
    assert found.apart[0] == 0
    assert np.all(found.apart[1:] > 0)
    assert None not in found.errors
