"""Transfer matrices, intervals and verdicts, against plain loops and planted numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from seewhy.estimation.intervals import FEWEST
from seewhy.evaluate.averages import interval
from seewhy.study.chance import over_pairs, over_photos
from seewhy.study.few_photos import Names
from seewhy.study.matrices import between_classes, between_models, between_photos
from seewhy.study.questions import better_explained, explains_best, fits_another_model, fits_elsewhere
from seewhy.study.tensor import Tensor, mean

M, P, S = 3, 6, 4
GROUPS = tuple("abcdef")
KINDS = ("x", "x", "y", "y", "y", "z")


@pytest.fixture
def tensor():
    rng = np.random.default_rng(3)
    chosen, reported = rng.normal(size=(2, M, P, S))
    chosen[0, 1] = np.nan  # a photo that failed
    reported[0, 1] = np.nan
    chosen[1, 2, 0] = np.nan  # a setting that can be reported but not chosen
    chosen[2, 3, :2] = chosen[2, 3].max() + 1  # equals: the first counts
    reported[2, 0, 1] = np.nan
    chosen[2, 0, 1] = 9
    return Tensor(chosen, reported, {"random": rng.normal(size=(M, P)), "edges": np.full((M, P), np.nan)})


def best(tensor, m, p):
    """The setting of the highest chosen score among those with both scores."""
    places = [
        (tensor.chosen[m, p, s], -s)
        for s in range(S)
        if not np.isnan(tensor.chosen[m, p, s]) and not np.isnan(tensor.reported[m, p, s])
    ]
    return -max(places)[1] if places else None


def own(tensor, m, p):
    s = best(tensor, m, p)
    return np.nan if s is None else tensor.reported[m, p, s]


def carried(tensor, m, a, n, b):
    """Score on photo b under model n of the best setting of photo a under model m."""
    s = best(tensor, m, a)
    return np.nan if s is None else tensor.reported[n, b, s]


def test_the_best_setting_is_that_of_a_plain_loop(tensor):
    for m, p in np.ndindex(M, P):
        assert tensor.best[m, p] == (-1 if best(tensor, m, p) is None else best(tensor, m, p))
        np.testing.assert_equal(tensor.own[m, p], own(tensor, m, p))
    assert tensor.best[2, 3] == 0
    assert tensor.best[2, 0] != 1
    assert tensor.best[0, 1] == -1


def test_the_matrix_over_photos_is_that_of_a_plain_loop(tensor):
    for m in range(M):
        matrix = between_photos(tensor, m, "model", GROUPS, GROUPS)
        for a, b in np.ndindex(P, P):
            score = carried(tensor, m, a, m, b)
            np.testing.assert_equal(matrix.score[a, b], score)
            loss = own(tensor, m, b) - score
            assert (matrix.loss[a][b] is None) == np.isnan(loss)
            if matrix.loss[a][b] is not None:
                assert matrix.loss[a][b].value == pytest.approx(loss)
                assert matrix.loss[a][b].low is None


def test_the_matrix_over_classes_is_that_of_a_plain_loop(tensor):
    matrix = between_classes(tensor, KINDS, GROUPS)

    assert matrix.names == ("x", "y", "z")
    for i, j in np.ndindex(3, 3):
        pairs = [
            [own(tensor, m, b) - carried(tensor, m, a, m, b) for m in range(M)]
            for a, b in itertools.permutations(range(P), 2)
            if (KINDS[a], KINDS[b]) == (matrix.names[i], matrix.names[j])
        ]
        means = [np.mean([one for one in pair if not np.isnan(one)]) for pair in pairs]
        if not means:
            assert (i, j) == (2, 2)
            assert matrix.loss[i][j] is None
        else:
            assert matrix.loss[i][j].value == pytest.approx(np.mean(means))
            assert matrix.loss[i][j].pairs == len(means)


def test_the_matrix_over_models_is_that_of_a_plain_loop(tensor):
    matrix = between_models(tensor, ("f", "g", "h"), GROUPS)

    for m, n in np.ndindex(M, M):
        losses = [own(tensor, n, p) - carried(tensor, m, p, n, p) for p in range(P)]
        assert matrix.loss[m][n].value == pytest.approx(np.nanmean(losses))
        assert matrix.loss[m][n].photos == np.isfinite(losses).sum()
    for n in range(M):
        losses = [own(tensor, n, p) - tensor.reported[n, p, 0] for p in range(P)]
        assert matrix.default[n].value == pytest.approx(np.nanmean(losses))


def test_the_questions_are_answered_with_the_numbers_of_plain_loops(tensor):
    alike = np.equal.outer(np.array(KINDS), np.array(KINDS))
    second = fits_elsewhere("?", "on another photo of the class", tensor, alike & ~np.eye(P, dtype=bool), GROUPS)
    fourth = fits_another_model(tensor, GROUPS)

    pairs = [(a, b) for a, b in itertools.permutations(range(P), 2) if KINDS[a] == KINDS[b]]
    cases = {
        (a, b): [
            (own(tensor, m, b), carried(tensor, m, a, m, b), tensor.reported[m, b, 0])
            for m in range(M)
            if np.isfinite([own(tensor, m, b), carried(tensor, m, a, m, b), tensor.reported[m, b, 0]]).all()
        ]
        for a, b in pairs
    }
    losses = [np.mean([o - c for o, c, _ in case]) for case in cases.values()]
    gains = [np.mean([c - d for _, c, d in case]) for case in cases.values()]
    assert second.loss.value == pytest.approx(np.mean(losses))
    assert second.gain.value == pytest.approx(np.mean(gains))
    assert second.better == pytest.approx(np.mean([c > d for case in cases.values() for _, c, d in case]))
    by_photo = [
        np.nanmean([own(tensor, n, p) - carried(tensor, m, p, n, p) for m, n in itertools.permutations(range(M), 2)])
        for p in range(P)
    ]
    assert fourth.loss.value == pytest.approx(np.mean(by_photo))


def test_one_setting_for_all_has_the_best_mean_rank():
    chosen = np.array([[[3.0, 2, 1], [1, 2, 3], [1, 3, 2]]])  # mean ranks 7/3, 5/3, 2
    assert Tensor(chosen, chosen, {}).one_for_all == 1
    assert Tensor(chosen[:, ::-1, ::-1], chosen[:, ::-1, ::-1], {}).one_for_all == 1
    chosen[0, 0, 1] = np.nan  # not judged on all: left out
    assert Tensor(chosen, chosen, {}).one_for_all == 2


# --- intervals ------------------------------------------------------------------------------------------------


def names(n):
    return [str(i) for i in range(n)]


def test_the_interval_over_photos_is_that_of_independent_values():
    values = np.random.default_rng(0).normal(size=12)
    found = over_photos(values, names(12))

    assert found.value == pytest.approx(values.mean())
    reach = stats.t.ppf(0.975, 11) * stats.sem(values)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach))
    np.testing.assert_allclose([found.low, found.high], interval(values, 0), atol=0.08)


@pytest.mark.parametrize("n", [6, 8, 20])
def test_the_interval_over_pairs_of_sums_is_that_of_the_sums(n):
    row, column = np.random.default_rng(n).normal(size=(2, n))
    pairs = row[:, None] + column
    np.fill_diagonal(pairs, np.nan)  # its mean is that of row + column all the same
    found, same = over_pairs(pairs, names(n)), over_photos(row + column, names(n))

    assert (found.value, found.low, found.high) == pytest.approx((same.value, same.low, same.high))


@pytest.mark.parametrize(("classes", "within"), [(1, True), (2, True), (3, True), (2, False), (3, False)])
def test_intervals_over_pairs_cover_the_truth(classes, within):
    n, rng = 6, np.random.default_rng(classes)
    of = np.arange(n) % classes
    pairs = ((of[:, None] == of) == within) & ~np.eye(n, dtype=bool)
    covered = 0
    for _ in range(400):
        values = rng.normal(size=n)[:, None] + rng.normal(size=n)  # rows and columns both matter
        found = over_pairs(np.where(pairs, values, np.nan), names(n))
        covered += found.low <= 0 <= found.high
    assert 0.91 <= covered / 400 <= 0.98


def test_photos_of_one_group_count_as_one():
    values = np.random.default_rng(2).normal(size=6)
    alone = over_photos(values, tuple("abcdef"))
    doubled = over_photos(np.repeat(values, 4), [one for one in "abcdef" for _ in range(4)])
    taken_for_many = over_photos(np.repeat(values, 4), names(24))

    assert (doubled.low, doubled.high) == pytest.approx((alone.low, alone.high))
    assert taken_for_many.high - taken_for_many.low < 0.7 * (alone.high - alone.low)
    assert (doubled.groups, doubled.photos) == (6, 24)


def test_pairs_within_a_group_count_once():
    values = np.full((12, 12), np.nan)
    for i in range(0, 12, 2):
        values[i, i + 1] = i
    found = over_pairs(values, [str(i // 2) for i in range(12)])
    same = over_photos(np.arange(0, 12, 2.0), tuple("abcdef"))

    assert (found.low, found.high) == pytest.approx((same.low, same.high))


def test_leaving_out_a_group_takes_all_its_pairs():
    values = np.random.default_rng(4).normal(size=(9, 9))
    values[2, 5] = np.nan
    groups = np.array(list("aabcdeffg"))
    found = over_pairs(values, groups)

    means = [np.nanmean(values[np.ix_(groups != one, groups != one)]) for one in "abcdefg"]
    reach = stats.t.ppf(0.975, 6) * np.sqrt(6 / 7 * np.sum((means - np.mean(means)) ** 2))
    assert found.high - found.value == pytest.approx(reach)


def test_fewer_than_the_least_groups_have_no_interval_and_none_no_mean():
    for n in (1, FEWEST - 1, FEWEST):
        found = over_photos(np.arange(n, dtype=float), names(n))
        assert (found.low is None) == (n < FEWEST)
    assert over_photos(np.full(3, np.nan), tuple("abc")) is None


def test_a_photo_that_is_in_every_pair_leaves_no_interval():
    values = np.full((8, 8), np.nan)
    values[0, 1:] = values[1:, 0] = np.arange(7.0)
    found = over_pairs(values, names(8))

    assert (found.value, found.low, found.high) == (3, None, None)
    tensor = made(0.5 + NOISE, 0.4, 0.3)
    star = np.zeros((8, 8), dtype=bool)
    star[0, 1:] = star[1:, 0] = True
    said = fits_elsewhere("?", "on another class", tensor, star, names(8))
    assert said.word == "Seen here"
    assert said.text.endswith("One photo or group is part of every case, so there is no interval.")


# --- verdicts -------------------------------------------------------------------------------------------------


def made(own_scores, elsewhere, default):
    """Photos whose best setting, 1 + p, reaches ``own_scores`` at home and ``elsewhere`` anywhere else."""
    n = len(own_scores)
    reported = np.full((1, n, n + 1), 0.0)
    reported[0, :, 1:] = elsewhere
    reported[0, :, 0] = default
    chosen = np.zeros((1, n, n + 1))
    for p in range(n):
        reported[0, p, p + 1] = own_scores[p]
        chosen[0, p, p + 1] = 1
    return Tensor(chosen, reported, {"random": np.zeros((1, n)), "edges": np.full((1, n), 0.1)})


def asked(tensor):
    n = tensor.own.shape[1]
    return fits_elsewhere("?", "on another photo", tensor, ~np.eye(n, dtype=bool), names(n))


NAMES = Names([f"p{p}.jpg" for p in range(8)], ["net"], ["usual", *(f"s{p}" for p in range(8))])
NOISE = np.random.default_rng(1).normal(0, 0.01, 8)


@pytest.mark.parametrize(
    ("elsewhere", "default", "word", "loss", "gain", "advice"),
    [
        (0.49, 0.1, "Yes", 0.012, 0.39, "still beats the default, by 0.39 [0.39, 0.39]."),
        (0.1, 0.3, "No", 0.4, -0.2, "Keep the default; it is 0.20 [0.20, 0.20] better."),
        (0.45, 0.45, "Not clear", 0.052, 0, "not distinguishable from the default (difference 0.00 [0.00, 0.00])."),
    ],
)
def test_verdicts_of_clear_cases(elsewhere, default, word, loss, gain, advice):
    found = asked(made(0.5 + NOISE, elsewhere, default))

    assert found.word == word
    assert found.loss.value == pytest.approx(loss, abs=0.005)
    assert found.gain.value == pytest.approx(gain, abs=1e-9)
    assert advice in found.text


def test_verdicts_without_enough_to_go_by():
    few = asked(made(0.5 + NOISE[:4], 0.49, 0.1))
    assert few.word == "Seen here"
    assert few.text.startswith("Here, on another photo, the carried-over setting scores 0.0")
    assert "It stays within 10 % of the best in 12 of 12 cases." in few.text
    assert few.text.endswith("This describes 4 independent photos and not others; 2 more would give an interval.")
    assert asked(made(-0.5 + NOISE, -0.5, -0.6)).word == "Not clear"  # nothing to lose a share of
    lonely = fits_elsewhere("?", "on another photo of the class", made([0.5], 0, 0), np.zeros((1, 1), bool), ["a"])
    assert (lonely.word, lonely.text) == ("Not asked", "No class has two photos.")
    assert fits_another_model(made([0.5], 0, 0), ["a"]).word == "Not asked"
    nothing = Tensor(np.full((1, 2, 2), np.nan), np.full((1, 2, 2), np.nan), {})
    assert explains_best(nothing, ["a", "b"], apart=True, names=NAMES).word == "Not measured"
    assert asked(nothing).word == "Not measured"


@pytest.mark.parametrize(
    ("default", "word"), [(0.4, "Yes"), (0.6, "No"), (0.5 + 3 * NOISE[::-1], "Not clear")], ids=["yes", "no", "unclear"]
)
def test_whether_choosing_pays(default, word):
    found = explains_best(made(0.5 + NOISE, 0.1, default), names(8), apart=True, names=NAMES)

    assert found.word == word
    assert "beats the strongest baseline (edges) in 100 % of cases." in found.text


def test_a_mean_of_nothing_is_nothing():
    np.testing.assert_equal(mean(np.array([[np.nan, 1], [np.nan, 3]]), axis=0), [np.nan, 2])


# --- few photos, and which model ------------------------------------------------------------------------------


def test_one_photo_is_enough_to_name_its_best_setting_and_the_runner_up():
    chosen = np.array([[[0.1, 0.5, 0.4]]])
    reported = np.array([[[0.2, 0.35, 0.45]]])
    names_ = Names(["bear.jpg"], ["net"], ["usual", "black", "gray"])

    found = explains_best(Tensor(chosen, reported, {}), ["a"], apart=True, names=names_)

    assert found.word == "Seen here"
    assert "bear.jpg: black is best (0.35; runner-up gray, 0.45; the default 0.2)." in found.text
    assert "This describes 1 independent photo and not others; 5 more" in found.text


def test_what_is_seen_on_two_photos_is_counted():
    reported = np.zeros((1, 2, 3))
    reported[0, 0] = [0.1, 0.6, 0.58]  # chosen here: the second setting
    reported[0, 1] = [0.1, 0.2, 0.5]  # the third
    chosen = reported.copy()

    found = asked(Tensor(chosen, reported, {}))

    assert found.loss.value == pytest.approx(((0.6 - 0.58) + (0.5 - 0.2)) / 2)
    assert "scores 0.16 below the best setting there (0.55 on average)" in found.text
    assert "within 10 % of the best in 1 of 2 cases" in found.text


def test_a_carried_setting_that_scores_higher_is_not_a_negative_loss():
    tensor = made(0.5 + NOISE, 0.52, 0.3)

    assert "above the best setting there" in asked(tensor).text
    assert "\N{MINUS SIGN}0.02 " not in asked(tensor).text.partition("[")[0]


def two_models(gap, n=8):
    """Two settings; the second is chosen under both models, and scores ``gap`` (n,) more under the first."""
    reported = np.zeros((2, n, 2))
    reported[0, :, 1] = 0.4 + gap
    reported[1, :, 1] = 0.4
    return Tensor(reported.copy(), reported, {})


def test_the_better_explained_model_has_the_interval_of_a_paired_t_test():
    from scipy import stats

    gap = 0.1 + 0.05 * np.random.default_rng(3).normal(size=8)
    found = better_explained(two_models(gap), names(8), ["Xception", "ResNet"])
    low, high = stats.ttest_1samp(gap, 0).confidence_interval()

    assert found.word == "Yes"
    assert found.text.startswith("Xception is explained better: ")
    assert (found.gain.value, found.gain.low, found.gain.high) == pytest.approx((gap.mean(), low, high))


def test_the_better_explained_model_may_be_the_second_or_unclear_or_of_few_photos():
    assert better_explained(two_models(np.full(8, -0.2) + NOISE), names(8), "AB").text.startswith("B is explained")
    assert better_explained(two_models(10 * NOISE), names(8), "AB").word == "Not clear"
    few = better_explained(two_models(np.full(2, 0.2), 2), names(2), ["A", "B"])
    assert few.word == "Seen here"
    assert "A 0.6, B 0.4; A scores 0.20 more than B" in few.text
    assert better_explained(made([0.5], 0, 0), ["a"], ["A"]).word == "Not asked"
    lost = two_models(np.zeros(2), 2)
    lost.reported[0, 0] = lost.reported[1, 1] = np.nan
    assert better_explained(lost, names(2), ["A", "B"]).word == "Not measured"
