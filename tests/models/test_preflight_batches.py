"""Answers that are mixed up in a batch, or in one of a certain size, are noticed."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy

pytestmark = pytest.mark.preflight

PHOTO = np.random.default_rng(5).integers(30, 220, (24, 24, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation="grid", n_samples=40)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def warned(found):
    return {one.check for one in found.findings if one.level == "warning"}


WEIGHTS = np.random.default_rng(8).normal(size=(24, 24, 3)) / 20


def planted(batch):
    """Answers that no two pictures share."""
    return softmax(np.tanh((batch * WEIGHTS).sum(axis=(1, 2, 3)))[:, None] * [[2.0, 0, -1]])


def behind(mix, beyond=1):
    """A model whose answers are mixed in batches of more pictures than that."""

    def model(batch):
        rows = planted(batch)
        return mix(rows.copy()) if len(rows) > beyond else rows

    return model


def others_reversed(rows):
    rows[1:] = rows[:0:-1].copy()
    return rows


def last_repeated(rows):
    rows[-1] = rows[-2]
    return rows


def odd_ones_swapped(rows):
    rows[1::2] = rows[1::2][:, ::-1]
    return rows


MIXES = [
    others_reversed,
    last_repeated,
    odd_ones_swapped,
    lambda rows: np.roll(rows, 1, axis=0),
    lambda rows: np.repeat(rows[:1], len(rows), axis=0),
    lambda rows: np.repeat(rows[-1:], len(rows), axis=0),
    lambda rows: np.concatenate([rows[:1], np.full_like(rows[1:], 1 / 3)]),
]


@pytest.mark.parametrize("mix", MIXES)
def test_answers_mixed_behind_the_first_row_are_noticed(mix):
    found = seewhy.explain(PHOTO, model=behind(mix), method=LIME)

    assert any("in the batch" in one for one in found.warnings)
    assert "independent of the batch" in warned(seewhy.check(behind(mix), PHOTO))


@pytest.mark.parametrize("beyond", [3, 8, 31, 60])
@pytest.mark.parametrize("mix", MIXES)
def test_a_batch_as_large_as_in_a_run_is_tried(mix, beyond):
    method = LIME.replace(n_samples=200)
    found = seewhy.explain(PHOTO, model=behind(mix, beyond), method=method)

    assert any("batch_size=1" in one for one in found.warnings)
    again = seewhy.explain(PHOTO, model=behind(mix, beyond), method=method, batch_size=2)
    assert not any("batch" in one for one in again.warnings)
    assert "independent of the batch" in warned(seewhy.check(behind(mix, beyond), PHOTO))


def test_an_honest_model_is_not_suspected_for_its_batch():
    found = seewhy.explain(PHOTO, model=planted, method=LIME.replace(n_samples=200))

    assert not any("batch" in one for one in found.warnings)
    assert not warned(seewhy.check(planted, PHOTO))
