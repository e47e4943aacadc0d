"""Designs: which coalitions are drawn, how often, and that a row depends on the seed and its place alone."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.sampling.designs import (
    Antithetic,
    Bernoulli,
    DropFraction,
    FoldoverHadamard,
    ShapleyDesign,
    ShiftedGrid,
    rows,
    with_untouched,
)
from support.refusing import refuses

ALL = [Bernoulli(keep=0.3), DropFraction(keep=0.3), ShiftedGrid(keep=0.3, cell=(5, 9))]
BALANCED = FoldoverHadamard()
ENDLESS = [*ALL, BALANCED, Antithetic(keep=0.3), ShapleyDesign()]
EVERY = pytest.mark.parametrize("design", ALL, ids=lambda design: design.name)


def drawn(design, d=12, n=20_000, seed=0):
    return np.concatenate([block.coalitions for block in rows(design, d, n, seed)])


@EVERY
def test_every_segment_is_kept_as_often_as_was_asked(design):
    kept = drawn(design).mean(axis=0)
    share = 4 / 12 if design.name == "drop-fraction" else 0.3  # 8.4 of 12 dropped: 8

    np.testing.assert_allclose(kept, share, atol=5 * np.sqrt(0.25 / 20_000))


@EVERY
def test_segments_are_kept_independently_of_each_other(design):
    correlation = np.corrcoef(drawn(design).T) - np.eye(12)
    fixed_count = -(1 - np.eye(12)) / 11 if design.name == "drop-fraction" else 0  # which one count forces

    np.testing.assert_allclose(correlation, fixed_count, atol=5 / np.sqrt(20_000))


@EVERY
def test_no_block_repeats_another(design):
    bits = drawn(design, d=60, n=3000)

    assert len(np.unique(bits, axis=0)) == 3000
    follows = np.mean(bits[1:] == bits[:-1])
    assert abs(follows - np.mean(bits[64:] == bits[:-64])) < 0.01


@pytest.mark.parametrize(
    ("keep", "d", "dropped"), [(0.8, 50, 10), (0.8, 7, 1), (0.5, 7, 4), (0.2, 10, 8), (0.99, 100, 1), (0.01, 100, 99)]
)
def test_drop_fraction_drops_exactly_as_many_in_every_row(keep, d, dropped):
    assert set((~drawn(DropFraction(keep=keep), d=d, n=500)).sum(axis=1)) == {dropped}


@pytest.mark.parametrize(("keep", "d", "dropped"), [(0.99, 12, 0), (0.01, 12, 12), (0.8, 2, 0)])
def test_a_fraction_that_comes_to_nothing_or_all_is_refused(keep, d, dropped):
    with refuses(InvalidInput, "keep"):
        next(DropFraction(keep=keep).blocks(d, 0))


def test_a_design_that_cannot_be_drawn_says_so_before_the_model_is_asked():
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=1, columns=2), design="drop-fraction", keep=0.9)

    with refuses(InvalidInput, "keep", value=0.9):
        seewhy.explain(np.zeros((8, 8, 3), np.uint8), model=lambda batch: 1 / 0, method=method)


def test_shifts_stay_within_one_cell():
    shifts = np.concatenate([block.shifts for block in rows(ALL[2], 12, 5000, 0)])

    assert shifts.min() == 0
    assert (shifts.max(axis=0) == [4, 8]).all()
    np.testing.assert_allclose(np.bincount(shifts[:, 0]) / 5000, 1 / 5, atol=0.03)
    np.testing.assert_allclose(np.bincount(shifts[:, 1]) / 5000, 1 / 9, atol=0.03)
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.07


@pytest.mark.parametrize("design", ENDLESS, ids=lambda design: design.name)
@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 300), skip=st.integers(0, 320), seed=st.integers(0, 2**40))
def test_a_run_taken_up_again_goes_on_where_it_was_left(design, n, skip, seed):
    whole = drawn(design, n=n, seed=seed)
    rest = [block.coalitions for block in rows(design, 12, n, seed, skip=skip)]

    assert len(whole) == n
    np.testing.assert_array_equal(np.concatenate([np.empty((0, 12), bool), *rest]), whole[skip:])
    np.testing.assert_array_equal(drawn(design, n=n + 77, seed=seed)[:n], whole)


@pytest.mark.parametrize("design", ENDLESS, ids=lambda design: design.name)
def test_each_seed_draws_its_own(design):
    first = [next(design.blocks(40, seed)).coalitions.tobytes() for seed in range(20)]

    assert len(set(first)) == 20


def test_only_the_very_first_row_is_the_untouched_picture():
    design = Bernoulli(keep=0.3)
    plain, marked = (list(islice(blocks, 3)) for blocks in (design.blocks(12, 0), with_untouched(design.blocks(12, 0))))

    assert marked[0].coalitions[0].all()
    np.testing.assert_array_equal(marked[0].coalitions[1:], plain[0].coalitions[1:])
    for mine, theirs in zip(marked[1:], plain[1:], strict=True):
        np.testing.assert_array_equal(mine.coalitions, theirs.coalitions)


def test_lime_asks_for_the_untouched_picture_first_and_keeps_as_many_as_asked():
    picture = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=6, columns=6), keep=0.8, n_samples=400, fill="black")

    got = seewhy.explain(picture, model=lambda batch: batch.mean(axis=(1, 2, 3)), method=method)

    kept = got.samples.block(slice(None)).coalitions
    assert kept[0].all()
    assert kept[1:].mean() == pytest.approx(0.8, abs=0.02)
    assert got.samples.scores[0, 0] == pytest.approx(picture.mean() / 255, abs=1e-5)


def test_a_balanced_design_reaches_the_model_as_it_was_drawn():
    picture = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    calls = []

    def model(batch):
        calls.append(len(batch))
        return batch.mean(axis=(1, 2, 3))

    method = seewhy.Lime(segmentation=seewhy.Grid(rows=5, columns=5), design="foldover-hadamard", n_samples=150)

    got = seewhy.explain(picture, model=model, method=method, seed=4)

    np.testing.assert_array_equal(
        got.samples.block(slice(None)).coalitions, drawn(FoldoverHadamard(), d=25, n=150, seed=4)
    )
    assert sum(calls) == got.n_evaluations == 151  # and the untouched picture
