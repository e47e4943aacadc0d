"""Choosing: folds, leads and spreads of small tables that can be checked by hand; and where a tuner may look."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.methods.presets import PRESETS
from seewhy.tune.choosing import Lead, OnHeldOut, Table, distinct, explained, hold_out, lead, without_copies
from seewhy.tune.readings import word
from seewhy.tune.space import Space, params_of, sampling_of


def table(chosen, reported=None, **more):
    chosen = np.asarray(chosen, float)
    given = {
        "samples": np.full(chosen.shape[1], 100),
        "may_win": np.ones(chosen.shape[1], bool),
        "groups": np.arange(len(chosen)),
    }
    return Table(chosen, chosen if reported is None else np.asarray(reported, float), **(given | more))


def test_what_has_no_score_somewhere_or_may_not_win_is_not_chosen():
    found = table([[9, 5, 7, 1], [np.nan, 5, 7, 2]], may_win=np.array([True, True, False, True]))
    assert found.order().tolist() == [1, 3]


def test_equal_scores_go_by_samples_then_by_order():
    found = table([[3, 3, 3, 3 + 1e-13]], samples=np.array([100, 50, 50, 100]))
    assert found.order().tolist() == [1, 2, 0, 3]
    assert distinct(found, 5) == [(1, 4)]


def test_each_photo_is_scored_by_what_is_best_on_the_others():
    found = hold_out(table(np.eye(3)), seed=0)  # each setting is good on its own photo alone
    assert found.scores.tolist() == [0, 0, 0]
    assert hold_out(table(np.eye(3), groups=np.zeros(3, int)), seed=0).scores.mean() == pytest.approx(1 / 3)


def test_what_is_reported_is_another_column_of_scores():
    found = hold_out(table([[1, 2]], [[30, 20]]), seed=0)
    assert (found.scores.tolist(), found.winners) == ([20], (1,))


def test_groups_are_never_split():
    groups = np.repeat([0, 1], 10)
    own = (groups[:, None] == [0, 1]).astype(float)  # each setting knows one group
    assert hold_out(table(own, groups=groups), seed=5).scores.max() == 0
    assert hold_out(table(own), seed=5).scores.max() == 1  # photo by photo the rest of a group gives it away


def test_noise_looks_good_only_where_it_was_chosen():
    noise = np.random.default_rng(0).normal(size=(20, 500))
    found = table(noise)
    assert noise[:, found.order()[0]].mean() > 0.5
    assert abs(hold_out(found, 0).scores.mean()) < 0.5


def test_the_interval_of_a_lead_is_paired_and_covers():
    rng, inside = np.random.default_rng(1), 0
    for seed in range(60):
        photo = 10 * rng.normal(size=24)  # what makes a photo hard cancels
        found = hold_out(table((photo + 0.3 + rng.normal(size=24))[:, None]), seed)
        one = lead(found, photo, np.arange(24), seed)
        assert one.high - one.low < 1.5
        inside += one.low < 0.3 < one.high
    assert inside >= 51


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "least"), [(6, 0.9), (8, 0.9), (12, 0.91)])
def test_the_interval_of_few_groups_is_wide_enough(groups, least):
    rng, inside = np.random.default_rng(2), 0
    for seed in range(400):
        apart = rng.normal(size=groups)
        one = lead(OnHeldOut(apart, ()), np.zeros(groups), np.arange(groups), seed)
        inside += one.low < 0 < one.high
    assert inside >= 400 * least


def test_a_lead_without_an_interval_still_says_of_how_many_groups():
    apart = np.arange(10.0)
    five = lead(OnHeldOut(apart, ()), np.zeros(10), np.arange(10) // 2, 0)
    assert five == Lead(4.5, None, None, 5)
    assert lead(OnHeldOut(np.ones(8), ()), np.zeros(8), np.arange(8), 0) == Lead(1.0, None, None, 8)


def test_the_spread_that_a_setting_explains():
    values, other = np.repeat([1, 2], 4), np.tile([1, 2], 4)
    scores = values * 3.0 + other
    assert explained(values, scores) == pytest.approx(0.9)
    assert explained(other, scores) == pytest.approx(0.1)
    assert explained(values, np.full(8, 0.3)) is None


@pytest.mark.parametrize("method", [*(one.method for one in PRESETS.values()), seewhy.Rise(), seewhy.EnsembleLime()])
def test_presets_lie_in_the_space_and_come_out_of_it_again(method):
    class Fixed:
        def category(self, place, choices):
            return params.get(place, choices[0])

        def number(self, place, among):
            return params[place]

    params = params_of(Space(), method)
    assert sampling_of(Space().propose(Fixed())) == sampling_of(method)


def test_what_lies_outside_has_no_place():
    assert params_of(Space(("lime",)), seewhy.Lime(segmentation=seewhy.Slic(n_segments=700))) is None
    assert params_of(Space(("lime",)), seewhy.Lime(fill="#123456")) is None
    assert params_of(Space(("lime",), {"lime.fill": ["#123456"]}), seewhy.Lime(fill="#123456")) is not None
    assert "lime.fill" not in params_of(Space(("rise",)), seewhy.Rise())
    assert params_of(Space(("lime",)).without_fill("black"), seewhy.Lime(fill="black")) is None


def test_values_that_always_score_the_same_count_as_one():
    units, kernels = ("auto", "probability", "log-odds"), ("cosine", "none")
    said = [{"unit": unit, "kernel": kernel} for unit in units for kernel in kernels]
    of_unit, of_kernel = {"auto": 0.0, "probability": 0.0, "log-odds": 6.0}, {"cosine": 0.0, "none": 2.0}
    scores = np.array([[of_unit[one["unit"]] + of_kernel[one["kernel"]] for one in said]])

    left = without_copies(said, scores)

    assert [said[i]["unit"] for i in left] == ["auto", "auto", "log-odds", "log-odds"]
    share = explained([said[i]["unit"] for i in left], scores[0, left])
    assert share == pytest.approx(9 / 10)  # variances of two values each: 9 of the unit, 1 of the kernel
    assert explained([one["unit"] for one in said], scores[0]) == pytest.approx(8 / 9)  # auto counted twice


def test_values_that_score_alike_in_some_combinations_only_stay_two():
    said = [{"unit": unit, "kernel": kernel} for unit in "ab" for kernel in "cd"]

    assert without_copies(said, np.array([[1.0, 2.0, 1.0, 3.0]])) == [0, 1, 2, 3]


def test_a_lasso_is_named_with_its_alpha():
    assert word(seewhy.Lasso()) == f"lasso(alpha={seewhy.Lasso().alpha:.4g})"
    assert word(seewhy.Lasso(alpha=0.2)) == "lasso(alpha=0.2)"
    assert word(seewhy.Ridge()) == "ridge"
