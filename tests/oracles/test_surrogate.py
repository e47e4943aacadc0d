"""Surrogates and feature selections against scikit-learn and the code of ``lime`` on the same rows."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lime.lime_base import LimeBase
from sklearn import linear_model
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeRegressor

from seewhy.core.errors import InvalidInput
from seewhy.estimation.surrogate import BayesianRidge, Lasso, LeastSquares, Regressor, Ridge, fit
from support.refusing import refuses

SELECTIONS = ["highest-weights", "forward-selection", "lasso-path", "auto"]
NAMED = [
    pytest.param(Ridge(), linear_model.Ridge(alpha=1.0), 1e-8, id="ridge"),
    pytest.param(Ridge(alpha=30.0), linear_model.Ridge(alpha=30.0), 1e-8, id="ridge-30"),
    pytest.param(Ridge(alpha=0.0), linear_model.LinearRegression(), 1e-8, id="ridge-0"),
    pytest.param(LeastSquares(), linear_model.LinearRegression(), 1e-8, id="least-squares"),
    pytest.param(Lasso(), linear_model.Lasso(alpha=0.01, tol=1e-12), 1e-7, id="lasso"),
    pytest.param(Lasso(alpha=0.05), linear_model.Lasso(alpha=0.05, tol=1e-12), 1e-7, id="lasso-0.05"),
    pytest.param(BayesianRidge(), linear_model.BayesianRidge(), 1e-7, id="bayesian-ridge"),
    pytest.param(
        BayesianRidge(max_iter=2, tol=1e-6, alpha_1=3.0, alpha_2=0.5, lambda_1=2.0, lambda_2=7.0),
        linear_model.BayesianRidge(max_iter=2, tol=1e-6, alpha_1=3.0, alpha_2=0.5, lambda_1=2.0, lambda_2=7.0),
        1e-7,
        id="bayesian-ridge-informed",
    ),
]


def draw(seed, n=300, d=11, level=0.0):
    """Return coalitions, the untouched picture first, scores of a function with interactions, and weights."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, d)) < 0.6
    x[0] = True
    y = x @ rng.normal(size=d) + 2 * (x[:, 0] & x[:, d - 1]) - x[:, d // 2] * x[:, 1] + 0.1 * rng.normal(size=n)
    return x, y + level, rng.uniform(0.05, 1.5, n)


def ours(surrogate, x, y, weights, *, how="none", num_features=None):
    rows = iter([(x, y, weights)])
    return fit(surrogate, rows, how=how, num_features=num_features)


def lime_fit(x, y, weights, regressor=None, *, how="none", num_features=100_000):
    """Return coefficients, intercept, R^2 and prediction of ``lime``, which is handed weights as distances."""
    base = LimeBase(kernel_fn=lambda distances: distances)
    intercept, pairs, r2, prediction = base.explain_instance_with_data(
        x.astype(float), y[:, None], weights, 0, num_features, how.replace("-", "_"), regressor
    )
    coef = np.zeros(x.shape[1])
    for segment, value in pairs:
        coef[segment] = value
    return coef, intercept, r2, prediction[0]


def check_equal(found, expected, atol):
    coef, intercept, r2, prediction = expected
    np.testing.assert_allclose(found.coef, coef, rtol=0, atol=atol)
    np.testing.assert_allclose(found.intercept, intercept, rtol=0, atol=10 * atol)
    np.testing.assert_allclose(found.r2, r2, rtol=0, atol=10 * atol)
    np.testing.assert_allclose(found.intercept + found.coef.sum(), prediction, rtol=0, atol=10 * atol)


@pytest.mark.parametrize("level", [0.0, 40.0])
@pytest.mark.parametrize(("surrogate", "regressor", "atol"), NAMED)
def test_named_surrogates_equal_scikit_learn_within_lime(surrogate, regressor, atol, level):
    x, y, weights = draw(1, level=level)

    check_equal(ours(surrogate, x, y, weights), lime_fit(x, y, weights, regressor), atol)


def test_the_default_is_the_default_of_lime():
    x, y, weights = draw(2)

    check_equal(ours(Ridge(), x, y, weights), lime_fit(x, y, weights), 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("how", SELECTIONS)
def test_every_selection_chooses_the_segments_that_lime_chooses(how, seed):
    x, y, weights = draw(seed, level=seed * 3.0)
    for num_features in range(1, x.shape[1] + 1):
        found = ours(LeastSquares(), x, y, weights, how=how, num_features=num_features)
        expected = lime_fit(x, y, weights, linear_model.LinearRegression(), how=how, num_features=num_features)

        assert set(np.flatnonzero(found.coef)) == set(np.flatnonzero(expected[0])), num_features
        check_equal(found, expected, 1e-8)


@pytest.mark.parametrize("how", SELECTIONS)
@pytest.mark.parametrize(("surrogate", "regressor", "atol"), NAMED)
def test_the_surrogate_is_fitted_again_on_what_was_selected(surrogate, regressor, atol, how):
    x, y, weights = draw(7, level=-2.0)

    check_equal(
        ours(surrogate, x, y, weights, how=how, num_features=4),
        lime_fit(x, y, weights, regressor, how=how, num_features=4),
        atol,
    )


def test_auto_is_forward_selection_up_to_six_and_highest_weights_beyond():
    # Segments 0 and 1 nearly always change together: by weight both are large, but one tells what the other does.
    rng = np.random.default_rng(3)
    x = rng.random((400, 9)) < 0.5
    x[:, 1] = x[:, 0] ^ (rng.random(400) < 0.02)
    y = x @ np.array([3.0, -2.9, 0.5, 0.5, 0.45, 0.4, 0.35, 0.3, 0.2])
    weights = np.ones(400)

    def chosen(how, count):
        return set(np.flatnonzero(ours(LeastSquares(), x, y, weights, how=how, num_features=count).coef))

    differ = 0
    for count in range(1, 9):
        named = "forward-selection" if count <= 6 else "highest-weights"
        assert chosen("auto", count) == chosen(named, count)
        differ += chosen("forward-selection", count) != chosen("highest-weights", count)
    assert differ, "the two selections must differ here, or this test says nothing"


@pytest.mark.parametrize(
    "regressor",
    [
        linear_model.ElasticNet(alpha=0.02, l1_ratio=0.3, tol=1e-10),
        linear_model.Ridge(alpha=2.0, fit_intercept=False),
        linear_model.LinearRegression(positive=True),
        linear_model.HuberRegressor(max_iter=1000),
    ],
    ids=lambda regressor: type(regressor).__name__,
)
def test_any_regressor_object_gives_its_own_coefficients_and_is_left_alone(regressor):
    x, y, weights = draw(4, level=1.5)
    expected = lime_fit(x, y, weights, type(regressor)(**regressor.get_params()))

    found = ours(Regressor(regressor=regressor), x, y, weights)

    check_equal(found, expected, 1e-9)
    predicted = found.intercept + x @ found.coef
    assert found.r2 == pytest.approx(r2_score(y, predicted, sample_weight=weights), abs=1e-9)
    assert not hasattr(regressor, "coef_"), "the object handed in was fitted instead of a copy"


def test_a_regressor_that_gives_no_coefficient_a_segment_is_refused():
    x, y, weights = draw(5)

    with refuses(InvalidInput, "surrogate", value=(1,)):
        ours(Regressor(regressor=DecisionTreeRegressor(max_depth=2)), x, y, weights)


@pytest.mark.parametrize(
    "regressor",
    [linear_model.Lars(), linear_model.Lasso, "lars", 3, object()],
    ids=["no sample_weight", "a class", "a name", "a number", "no fit"],
)
def test_what_cannot_be_a_weighted_regressor_is_refused_before_any_work(regressor):
    with refuses(InvalidInput, "Regressor.regressor"):
        Regressor(regressor=regressor)


@pytest.mark.parametrize("alpha", [1.0, 1e-3])
def test_ridge_with_fewer_samples_than_segments(alpha):
    x, y, weights = draw(6, n=12, d=40)

    check_equal(ours(Ridge(alpha=alpha), x, y, weights), lime_fit(x, y, weights, linear_model.Ridge(alpha=alpha)), 1e-8)


def test_least_squares_with_fewer_samples_than_segments_is_the_smallest_solution():
    x, y, weights = draw(6, n=12, d=40)
    root = np.sqrt(weights)[:, None]
    centered = root * (x - np.average(x, axis=0, weights=weights))
    answers = root[:, 0] * (y - np.average(y, weights=weights))
    expected = np.linalg.pinv(centered) @ answers

    found = ours(LeastSquares(), x, y, weights)

    np.testing.assert_allclose(found.coef, expected, atol=1e-8)
    np.testing.assert_allclose(found.intercept + x @ found.coef, y, atol=1e-8)
    assert found.r2 == pytest.approx(1)


@pytest.mark.parametrize(("surrogate", "regressor", "atol"), NAMED)
def test_segments_that_never_change_get_nothing_and_disturb_nothing(surrogate, regressor, atol):
    x, y, weights = draw(8)
    x[:, 3] = True
    x[:, 6] = False
    moving = np.delete(np.arange(11), [3, 6])

    found = ours(surrogate, x, y, weights)

    np.testing.assert_allclose(found.coef[[3, 6]], 0, atol=1e-12)
    if surrogate.name != "bayesian-ridge":  # which counts what never changes when it weighs the evidence
        expected, *_ = lime_fit(x[:, moving], y, weights, regressor)
        np.testing.assert_allclose(found.coef[moving], expected, atol=atol)


@pytest.mark.parametrize("surrogate", [Ridge(), LeastSquares()], ids=["ridge", "least-squares"])
def test_segments_that_change_together_share_evenly(surrogate):
    x, y, weights = draw(9)
    x[:, 4] = x[:, 2]

    found = ours(surrogate, x, y, weights)

    assert found.coef[4] == pytest.approx(found.coef[2], abs=1e-9)


def test_lasso_on_segments_that_nearly_always_change_together():
    x, y, weights = draw(16, n=2000)
    x[:, 4] = x[:, 2] ^ (np.arange(2000) % 250 == 3)
    y = y + 3 * x[:, 4]
    regressor = linear_model.Lasso(alpha=0.001, tol=1e-12, max_iter=100_000)

    check_equal(ours(Lasso(alpha=0.001), x, y, weights), lime_fit(x, y, weights, regressor), 1e-6)


@pytest.mark.parametrize("how", ["none", *SELECTIONS])
@pytest.mark.parametrize(
    "surrogate",
    [Ridge(), Ridge(alpha=0.0), LeastSquares(), Lasso(), BayesianRidge()],
    ids=lambda surrogate: repr(surrogate.to_dict()),
)
@pytest.mark.parametrize("constant", [0.0, 0.1, -7e5])
def test_constant_scores_give_exactly_zero_and_no_r2(surrogate, how, constant):
    x, y, weights = draw(10)

    found = ours(surrogate, x, np.full_like(y, constant), weights, how=how, num_features=4)

    assert (found.coef == 0).all()
    assert found.intercept == constant
    assert found.r2 is None


@pytest.mark.parametrize("how", ["none", *SELECTIONS])
@pytest.mark.parametrize(
    "surrogate", [Ridge(), LeastSquares(), Lasso(), BayesianRidge()], ids=lambda surrogate: surrogate.name
)
def test_nothing_to_learn_from_gives_nothing(surrogate, how):
    x, y, weights = draw(11, n=30)
    nothing = np.ones_like(x)

    found = ours(surrogate, nothing, y, weights, how=how, num_features=4)

    np.testing.assert_allclose(found.coef, 0, atol=1e-9)
    assert found.intercept == pytest.approx(np.average(y, weights=weights))
    assert found.r2 == pytest.approx(0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 80), max_size=6),
    order=st.randoms(use_true_random=False),
    how=st.sampled_from(["none", *SELECTIONS]),
    surrogate=st.sampled_from([Ridge(), LeastSquares(), Lasso(), BayesianRidge()]),
)
def test_splitting_and_reordering_the_rows_changes_nothing(cuts, order, how, surrogate):
    x, y, weights = draw(12, n=80, d=9, level=5.0)
    edges = [0, *sorted(cuts), 80]
    pieces = [slice(a, b) for a, b in pairwise(edges)]  # some are empty
    order.shuffle(pieces)
    rows = ((x[piece], y[piece], weights[piece]) for piece in pieces)

    split = fit(surrogate, rows, how=how, num_features=3)

    whole = ours(surrogate, x, y, weights, how=how, num_features=3)
    np.testing.assert_allclose(split.coef, whole.coef, atol=1e-9)
    assert split.intercept == pytest.approx(whole.intercept, abs=1e-8)
    assert split.r2 == pytest.approx(whole.r2, abs=1e-9)


@pytest.mark.parametrize("surrogate", [LeastSquares(), Lasso()], ids=["least-squares", "lasso"])
def test_only_the_proportion_of_weights_counts_where_the_penalty_is_per_sample(surrogate):
    x, y, weights = draw(13)

    np.testing.assert_allclose(
        ours(surrogate, x, y, 1e-6 * weights).coef, ours(surrogate, x, y, weights).coef, atol=1e-8
    )


@pytest.mark.parametrize("origin", [0.0, 300.0, -1e4])
@pytest.mark.parametrize("surrogate", [Ridge(), Lasso(), BayesianRidge()], ids=["ridge", "lasso", "bayesian-ridge"])
def test_the_origin_of_scores_does_not_matter(surrogate, origin):
    x, y, weights = draw(15)
    mute = (x[:1], np.array([origin]), np.zeros(1))  # sums are taken from the first score; this one weighs nothing

    found, expected = (
        fit(surrogate, iter(rows), how="none", num_features=None)
        for rows in ([mute, (x, y, weights)], [(x, y, weights), mute])
    )

    assert (found.sums.origin, expected.sums.origin) == (origin, y[0])
    np.testing.assert_allclose(found.coef, expected.coef, atol=1e-6)
    assert found.intercept == pytest.approx(expected.intercept, abs=1e-6)
    assert found.r2 == pytest.approx(expected.r2, abs=1e-6)


def test_nearly_constant_scores_far_from_zero_keep_their_r2():
    x, y, weights = draw(14)
    tiny = 1000.0 + 1e-6 * y

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ours(LeastSquares(), x, tiny, weights)

    assert found.r2 == pytest.approx(ours(LeastSquares(), x, y, weights).r2, abs=1e-5)
