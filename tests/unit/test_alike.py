"""Smoothing along a photo: a mean with weights that are never negative, along what is alike."""

import numpy as np
import pytest

from seewhy.images.alike import Alike

H, W = 40, 56
RNG = np.random.default_rng(0)
NOISE = RNG.random((H, W, 3), dtype=np.float32)
STEP = np.where(np.arange(W) < 28, 0.2, 0.8)[None, :, None] * np.ones((H, 1, 3), np.float32)
FLAT = np.full((H, W, 1), 0.5, np.float32)


@pytest.mark.parametrize("photo", [NOISE, STEP, FLAT, NOISE[..., :2], NOISE[:12, :9]])
def test_it_is_a_mean_with_weights_that_are_never_negative(photo):
    smooth, heatmap = Alike(photo), RNG.normal(size=photo.shape[:2])
    units = np.eye(heatmap.size).reshape(-1, *heatmap.shape)
    weights = np.stack([smooth(unit).ravel() for unit in units], axis=1)

    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(smooth(heatmap).ravel(), weights @ heatmap.ravel(), atol=1e-12)


def test_weights_fall_with_the_distance_in_place_and_in_color():
    corner = np.zeros((H, W))
    corner[:8, 20:28] = 1
    found = Alike(STEP)(corner)
    same, across = found[:8, 12:20].mean(), found[:8, 28:36].mean()

    assert found[:8, 20:28].mean() > same > 100 * across
    assert same > 10 * found[-8:, 12:20].mean()


def test_a_step_of_the_photo_stays_and_noise_on_even_ground_goes():
    step = STEP[..., 0] > 0.5
    found = Alike(STEP)(step + RNG.normal(0, 0.5, step.shape))

    assert np.abs(found - step).max() < 0.2


def test_regions_share_by_gaussian_weights_of_their_means():
    smooth, heatmap = Alike(NOISE[..., :1]), RNG.normal(size=(H, W))
    ids = smooth._ids
    count = ids.max() + 1
    marks = np.array(
        [
            [part[ids == i].mean() for part in (*(np.indices((H, W)) / (0.14 * H)), NOISE[..., 0] * 100 / 5)]
            for i in range(count)
        ]
    )
    area = np.bincount(ids.ravel())
    expected = np.empty(count)
    for i in range(count):
        weights = area * np.exp(-((marks - marks[i]) ** 2).sum(axis=1) / 2)
        expected[i] = weights @ [heatmap[ids == j].mean() for j in range(count)] / weights.sum()

    np.testing.assert_allclose(smooth(heatmap), expected[ids], rtol=1e-6, atol=1e-6)
