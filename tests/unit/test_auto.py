"""Auto: what the pilot finds out, what it chooses, and that the rest is what the chosen settings give."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.images.fills import fill_picture
from seewhy.methods.auto import _doubts, _fill, _Tried
from seewhy.sampling.designs import FoldoverHadamard
from support.refusing import refuses

SIDE = 40
RNG = np.random.default_rng(2)
PHOTO = (RNG.random((SIDE, SIDE, 3)) * 255).astype(np.uint8)
"""Noise: blur takes its texture away and leaves its brightness."""
SMALL = seewhy.Auto(n_samples=300)
WHOLE = PHOTO.astype(np.float32) / 255
BLURRED = fill_picture(seewhy.Blur(), WHOLE, None, 0)


def squashed(batch, x):
    x = np.asarray(x, np.float64)
    p = 1 / (1 + np.exp(-x))
    return np.stack([p, 1 - p], axis=1).astype(np.float32)


def texture(batch, part):
    return np.abs(np.diff(batch[part], axis=2)).mean(axis=(1, 2, 3))


LEFT = np.s_[:, 8:24, 4:20]
RIGHT = np.s_[:, 16:32, 22:38]
CORNER = np.s_[:, 26:40, 28:40]


def of_texture(batch):
    return squashed(batch, 60 * texture(batch, LEFT) - 8)


def of_brightness(batch):
    return squashed(batch, 14 * batch[LEFT].mean(axis=(1, 2, 3)) - 4)


def of_nothing(batch):
    return np.tile(np.float32([0.9, 0.1]), (len(batch), 1))


def of_both(batch):
    """Over blur the left half decides, over black a corner on the right."""
    return squashed(batch, 30 * texture(batch, LEFT) + 40 * batch[CORNER].mean(axis=(1, 2, 3)) - 24)


def auto(model, method=SMALL, **more):
    return seewhy.explain(PHOTO, model=seewhy.FunctionModel(model, kind="probability"), method=method, **more)


def said(found, words):
    return any(words in text for text in found.warnings)


def test_blur_is_taken_where_it_removes_the_class():
    found = auto(of_texture)
    assert found.method.name == "ensemble-lime"
    assert found.method.fill == seewhy.Blur()
    assert said(found, "auto, for class 0: fill blur, which removes the class")
    assert said(found, ": unit log-odds; with half of the photo masked, the class keeps")
    assert found.targets[0].unit == "log-odds"
    assert not said(found, "depends on the fill")
    region = found.region()
    assert region[LEFT[1:]].mean() > 0.5
    assert region[:, 24:].mean() < 0.2


def test_a_fill_that_leaves_the_class_is_not_taken():
    found = auto(of_brightness)
    assert found.method.fill == seewhy.Color(value=(0, 0, 0))
    assert said(found, "fill black, which removes the class: a fully masked photo keeps")
    assert said(found, "blur keeps 1")


def test_where_no_fill_removes_the_class_that_is_said():
    found = auto(of_nothing)
    assert found.method.fill == seewhy.Blur()
    assert said(found, "no fill removes the class: a fully masked photo keeps 100 % of its probability")


def test_an_explanation_that_depends_on_the_fill_says_so():
    found = auto(of_both)
    assert said(found, "the explanation depends on the fill")


def test_a_class_that_gains_by_hiding_is_named():
    def less(batch):
        return squashed(batch, 40 * texture(batch, LEFT) - 60 * texture(batch, RIGHT) + 4)

    found = auto(less, targets=0)
    assert found.targets[0].score < 0
    assert said(found, "the class is more probable with half of the photo masked")
    assert not said(auto(of_texture), "more probable")


def test_a_model_that_takes_one_picture_at_a_time_is_asked_so():
    def alone(batch):
        assert len(batch) == 1
        return of_texture(batch)

    found = auto(alone, batch_size=1)
    np.testing.assert_allclose(found.heatmap(), auto(of_texture).heatmap(), atol=1e-5)


def test_a_fill_on_which_the_model_fails_is_left_out_and_named():
    def fussy(batch):
        spread = batch.std(axis=(1, 2, 3), keepdims=True)
        with np.errstate(all="ignore"):
            return of_texture(batch * (spread / spread))  # of one color: not a number

    found = auto(fussy)
    assert found.method.fill == seewhy.Blur()
    assert said(found, "fill black was not used, because the model fails on it")


def test_a_pilot_can_be_cancelled():
    asked = []

    def counted(batch):
        asked.append(len(batch))
        return of_texture(batch)

    with refuses(seewhy.Cancelled, "method", value="auto"):
        auto(counted, cancel=lambda: True, batch_size=4)
    assert sum(asked) < 20


def test_too_few_samples_are_refused_before_the_model_is_asked():
    asked = []

    def counted(batch):
        asked.append(len(batch))
        return of_texture(batch)

    with refuses(InvalidInput, "Auto.n_samples", value=10):
        auto(counted, method=seewhy.Auto(n_samples=10))
    with refuses(InvalidInput, "Auto.max_evaluations", rule="be at least"):
        auto(counted, method=seewhy.Auto(max_evaluations=16))
    assert asked == []


def test_a_contrast_is_judged_as_one():
    found = auto(of_texture, targets="0 vs 1")
    assert said(found, "auto, for class 0 vs class 1: fill blur")
    assert found.targets[0].versus == 1


@pytest.mark.parametrize("side", [2, 4])
def test_a_tiny_photo_has_a_smaller_grid(side):
    photo = (RNG.random((side, side, 3)) * 255).astype(np.uint8)
    with pytest.raises(InvalidInput) as caught:
        seewhy.explain(photo, model=lambda batch: batch.mean(axis=(1, 2)))
    assert "Grid" not in str(caught.value)


def test_scores_below_zero_are_not_taken_for_shares():
    def plain(batch):
        return 5 * texture(batch, LEFT)[:, None] - 3

    found = seewhy.explain(PHOTO, model=seewhy.FunctionModel(plain, kind="score"), method=SMALL)
    assert found.method.fill == seewhy.Blur()
    assert not said(found, "leaves")
    assert not said(found, "more probable")


def test_the_rest_is_what_the_chosen_settings_give(tmp_path):
    found = auto(of_texture, seed=3)
    plain = seewhy.explain(
        PHOTO, model=seewhy.FunctionModel(of_texture, kind="probability"), method=found.method, seed=3
    )
    np.testing.assert_array_equal(found.heatmap(), plain.heatmap())
    assert [text for text in found.warnings if not text.startswith("auto, for")] == list(plain.warnings)
    again = seewhy.load(found.save(tmp_path / "a.seewhy"))
    assert again.warnings == found.warnings
    assert again.save(tmp_path / "b.seewhy").read_bytes() == (tmp_path / "a.seewhy").read_bytes()
    assert auto(of_texture, seed=3).save(tmp_path / "c.seewhy").read_bytes() == (tmp_path / "a.seewhy").read_bytes()
    assert again.refit(weighting="value").method.weighting == "value"


def test_the_pilot_asks_as_many_pictures_as_it_says():
    asked = []

    def counted(batch):
        asked.append(len(batch))
        return of_texture(batch)

    found = auto(counted, preflight=False)
    pilot = next(text for text in found.warnings if "pilot" in text)
    number = int(pilot.split("pilot of ")[1].split()[0])
    assert number == 3 + 2 * 16  # every bare fill; a block over a grid for the two that are preferred
    assert sum(asked) == found.n_evaluations
    assert found.pilot == number


def test_a_fill_that_fails_behind_a_part_of_the_photo_leaves_its_place_to_the_next():
    def fussy(batch):
        mixed = (np.abs(batch - BLURRED).max(axis=(1, 2, 3)) > 1e-3) & (
            np.abs(batch - WHOLE).max(axis=(1, 2, 3)) > 1e-3
        )
        over_blur = np.all(np.minimum(np.abs(batch - BLURRED), np.abs(batch - WHOLE)) < 1e-3, axis=(1, 2, 3))
        return np.where((mixed & over_blur)[:, None], np.float32(np.nan), of_texture(batch))

    found = auto(fussy)
    assert found.method.fill == seewhy.ImageMean()
    assert said(found, "fill blur was not used, because the model fails on it")
    assert found.pilot == 2 + 2 * 16


def test_where_there_is_time_for_bare_fills_alone_their_word_is_taken():
    tried = {"blur": _Tried(1, 0.1), "black": _Tried(17, 0.2, 0.6, np.arange(6.0))}

    assert _fill(tried, "probability")[0] == "blur"
    assert list(_doubts(tried, "blur")) == []


def test_the_class_that_is_asked_for_decides():
    found = auto(of_brightness, targets=1)
    assert found.targets[0].index == 1
    assert found.method.fill == seewhy.Blur()
    assert said(found, "no fill removes the class")


def test_plain_scores_have_no_log_odds():
    def plain(batch):
        return texture(batch, LEFT)[:, None] * 100

    found = seewhy.explain(PHOTO, model=seewhy.FunctionModel(plain, kind="score"), method="auto")
    assert found.targets[0].unit == "score"
    assert said(found, ": unit score")
    assert said(found, "because raw scores cannot show whether a fill removes the class")


def test_amounts_are_handed_on():
    found = auto(of_texture, method=seewhy.Auto(tolerance=0.5, max_evaluations=360))
    assert (found.method.tolerance, found.method.max_evaluations) == (0.5, 360 - found.pilot)
    assert found.n_evaluations <= 360
    with refuses(InvalidInput, "EnsembleLime.until", value="top3"):
        auto(of_texture, method=seewhy.Auto(until="top3"))


@pytest.mark.parametrize(
    ("method", "regions"),
    [
        (seewhy.Auto(n_samples=300), (15, 30)),
        (seewhy.Auto(max_evaluations=335), (15, 30)),
        (seewhy.Auto(max_evaluations=336), (15, 40)),
        (seewhy.Auto(n_samples=301), (15, 40)),
        (seewhy.Auto(n_samples=600), (15, 40)),
        (seewhy.Auto(n_samples=601), (12, 80)),
        (seewhy.Auto(n_samples=5000, max_evaluations=300), (12, 80)),
    ],
)
def test_few_samples_have_few_and_large_regions(method, regions):
    assert method.usual.n_segments == regions
    if method.n_samples is None or method.n_samples < 1000:
        found = auto(of_texture, method=method)
        assert found.method.n_segments == regions
        assert said(found, f"of {regions[0]} to {regions[1]} regions")


def test_several_photos_have_settings_of_their_own():
    black = np.zeros_like(PHOTO)
    black[4:20, 8:24] = PHOTO[4:20, 8:24]
    model = seewhy.FunctionModel(of_texture, kind="probability")
    together = list(seewhy.explain_many([PHOTO, black], model=model, method=SMALL))
    for photo, found in zip([PHOTO, black], together, strict=True):
        alone = seewhy.explain(photo, model=model, method=SMALL)
        np.testing.assert_array_equal(found.heatmap(), alone.heatmap())
        assert found.warnings == alone.warnings


def test_no_picture_is_asked_for_a_segmentation_that_cannot_be_finished():
    for most in (300, 330, 360, 400, 431):
        found = auto(of_texture, method=seewhy.Auto(tolerance=0.001, max_evaluations=most))
        kept = found.samples.parts
        last = kept == kept[-1]
        whole = FoldoverHadamard().block_rows(int(found.scene.segments[kept[-1]].max()) + 1)
        assert np.count_nonzero(last) == whole
        assert found.stop.by == "max-evaluations"
        assert found.n_evaluations <= most
