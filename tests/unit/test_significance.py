"""What may be shown as evidence: told from 0 by its error bar, by rounding, and not by chance among many."""

import numpy as np
import pytest

import seewhy
from seewhy.estimation.attribution import SegmentAttribution
from seewhy.explanation.significance import Evidence
from seewhy.models import FunctionModel

H, W = 48, 64
PHOTO = np.random.default_rng(0).integers(100, 256, (H, W, 3), dtype=np.uint8)
GRID = seewhy.Grid(rows=4, columns=4)


def corner(batch):
    """Two probabilities: the light of the upper left quarter of a quarter, and the rest."""
    light = batch[:, : H // 4, : W // 4].mean((1, 2, 3))
    return np.stack([light, 1 - light], axis=1)


def noisy(batch):
    """The same in float32, with noise in the last digits that depends on the picture."""
    light = batch[:, : H // 4, : W // 4].mean((1, 2, 3), dtype=np.float32)
    last = np.float32(1e-7) * np.sin(1e4 * batch.sum((1, 2, 3)), dtype=np.float32)
    return np.stack([light + last, 1 - light], axis=1)


def pairs(batch):
    """Purely positive, and not additive: two places that count only together."""
    one, other = (batch[:, top : top + 12, left : left + 16].mean((1, 2, 3)) for top, left in ((0, 0), (24, 32)))
    return np.stack([one * other, 1 - one * other], axis=1)


def run(model, method, **more):
    return seewhy.explain(PHOTO, model=model, method=method, progress=False, **{"targets": [0]} | more)


def lime(**more):
    return seewhy.Lime(segmentation=GRID, fill="black", **more)


EXACT = {
    "default": lime(),
    "few": lime(n_samples=64),
    "exhaustive": seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=3), fill="black", design="exhaustive"),
    "three": seewhy.Lime(segmentation=seewhy.Grid(rows=1, columns=3), fill="black", design="exhaustive"),
    "leave-one-out": lime(design="leave-one-out"),
    "lasso": lime(surrogate={"name": "lasso", "alpha": 1e-4}),
    "log-odds": lime(unit="log-odds"),
}


@pytest.mark.parametrize("model", [corner, noisy])
@pytest.mark.parametrize("name", EXACT)
def test_what_rounding_leaves_is_no_evidence(name, model):
    got = run(model, EXACT[name])

    assert not got.region(n=16, sign="negative").any()
    assert not (got.evidence() < 0).any()
    assert [one.segment for one in got.top(16, sign="both")] == [0]
    assert [one["segment"] for one in got.to_dict()["targets"][0]["values"] if one["significant"]] == [0]


def test_a_purely_negative_model_has_nothing_that_supports():
    got = run(lambda batch: corner(batch)[:, ::-1], lime())

    assert not got.region(n=16, sign="positive").any()
    assert [one.segment for one in got.top(16)] == [0]
    assert got.region(sign="negative").any()


def test_a_constant_model_has_no_evidence_at_all():
    for method in (lime(), seewhy.Rise(n_samples=64, grid=4)):
        got = run(lambda batch: np.full((len(batch), 2), 0.5), method)

        assert not got.evidence().any()
        assert not got.region(sign="both").any()


def test_logits_of_ten_thousand_leave_their_last_digits_behind():
    def large(batch):
        return 1e4 + np.stack([100 * corner(batch)[:, 0] + 2e-3 * np.sin(1e4 * batch.sum((1, 2, 3)))] * 2, axis=1)

    got = run(FunctionModel(large, kind="score"), lime(design="exhaustive", unit="score"))

    assert [one.segment for one in got.top(16)] == [0]


def test_small_effects_above_rounding_are_evidence():
    got = run(FunctionModel(lambda batch: 1e-3 * corner(batch) + 1, kind="score"), lime(design="exhaustive"))

    assert [one.segment for one in got.top(16)] == [0]


MAPS = {
    "rise": seewhy.Rise(grid=4, n_samples=400),
    "ensemble-lime": seewhy.EnsembleLime(fill="black", n_segments=(8, 24), n_samples=500),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("model", [corner, pairs])
def test_a_map_of_a_purely_positive_model_shows_only_what_its_intervals_say(name, model):
    got = run(model, MAPS[name])

    low, high = got.interval()
    assert got.region(sign="positive").any()
    for sign in ("positive", "negative", "both"):
        for share in (None, 0.2, 1.0):
            shown = got.region(sign=sign, share=share)
            assert not (shown & (low <= 0) & (high >= 0)).any()
    assert got.region(sign="negative").mean() < 0.02


def test_with_both_signs_there_is_evidence_of_both():
    def both(batch):
        return (corner(batch)[:, 0] - batch[:, 24:36, 32:48].mean((1, 2, 3)))[:, None]

    for method in (lime(), MAPS["rise"]):
        got = run(FunctionModel(both, kind="score"), method)

        assert got.region(sign="positive")[:12, :16].all() or got.region(sign="positive")[4, 4]
        assert got.region(sign="negative")[30, 40]


def test_a_contrast_is_judged_in_its_own_unit():
    def two(batch):
        light = batch[:, : H // 4, : W // 4].mean((1, 2, 3))
        return np.stack([5 * light, 0 * light, -3 + 0 * light], axis=1)

    got = run(FunctionModel(two, kind="logit", labels=("a", "b", "c")), lime(), targets="a vs b")

    assert [one.segment for one in got.top(16)] == [0]
    assert not got.region(sign="negative").any()


# --- chance among many


def attribution(values, se, reach=1.96):
    return SegmentAttribution(np.asarray(values, float), 0.0, 0.9, se=np.asarray(se, float), reach=reach)


def test_many_values_without_an_effect_are_rarely_shown():
    shown = []
    for seed in range(400):
        values = np.random.default_rng(seed).normal(size=100)
        shown.append(Evidence.of(attribution(values, np.ones(100)), 0.0).told(values, np.ones(100)).any())

    assert np.mean(shown) < 0.14  # 5 % for each sign; of intervals alone it would be 99 %


def test_few_degrees_of_freedom_count():
    values = np.array([4.5] + [0.0] * 99)

    assert Evidence.of(attribution(values, np.ones(100)), 0.0).told(values, np.ones(100))[0]
    assert not Evidence.of(attribution(values, np.ones(100), reach=3.18), 0.0).told(values, np.ones(100)).any()


def test_one_sign_does_not_open_the_door_for_the_other():
    values = np.array([50.0] * 10 + [-2.1] + [0.1] * 89)

    told = Evidence.of(attribution(values, np.ones(100)), 0.0).told(values, np.ones(100))

    assert told.tolist() == [True] * 10 + [False] * 90


def test_a_value_whose_error_is_not_known_is_not_told_and_one_without_error_is():
    se = np.array([np.inf, 0.0, 0.0])
    values = np.array([5.0, 5.0, 1e-9])

    assert Evidence.of(attribution(values, se), 1e-8).told(values, se).tolist() == [False, True, False]


# --- nothing is an answer


def test_no_evidence_is_said():
    rng = np.random.default_rng(3)
    memory = {}

    def chance(batch):
        return np.array([[memory.setdefault(one.tobytes(), rng.normal())] for one in batch])

    got = run(FunctionModel(chance, kind="score"), lime(n_samples=128))

    assert not got.region(n=16, sign="both").any()
    assert any("is distinguishable from 0 after" in note and "resume" in note for note in got.warnings)
    assert got.top(5) == []
    got.plot()


def test_where_there_is_evidence_no_note_says_otherwise():
    assert not any("distinguishable from 0" in note for note in run(corner, lime()).warnings)


@pytest.mark.parametrize("name", ["lime", *MAPS])
def test_the_figure_says_that_nothing_contradicts(name):
    got = run(corner, {"lime": lime()}.get(name) or MAPS[name])

    words = " ".join(
        " ".join(text.get_text() for axes in got.plot(sign="negative").axes for text in axes.texts).split()
    )

    assert "nothing contradicts" in words


def test_regions_and_heat_map_of_a_figure_agree(monkeypatch):
    from seewhy import render

    panels = []
    monkeypatch.setattr(render, "explanation_figure", lambda *given, **_: panels.extend(given[2]))
    for method in (lime(), *MAPS.values()):
        run(pairs, method).plot(sign="both", regions=16)

    for panel in panels:
        colored = np.abs(panel.heatmap) > (0 if panel.spread is None else panel.spread)
        assert panel.region.any()
        assert not (panel.region & ~colored).any()


def test_a_smallest_region_begins_with_what_is_told():
    got = run(corner, MAPS["rise"])
    told = got.region(sign="positive", share=1.0)

    found = got.smallest_region()

    assert found.share > told.mean() or not (found.region & ~told).any()
