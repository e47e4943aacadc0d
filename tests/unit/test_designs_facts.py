"""What designs say about themselves: cost, length, pairs and meaning, and what they refuse."""

from itertools import islice
from typing import get_args

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput
from seewhy.sampling.designs import (
    DESIGNS,
    GRID_DESIGNS,
    Antithetic,
    DesignName,
    Exhaustive,
    FoldoverGrid,
    LeaveOneOut,
    ShapleyDesign,
)
from support.refusing import refuses

MEMBERS = {name: made(keep=0.5) for name, made in DESIGNS.items()}
MEMBERS |= {f"grid {name}": made(keep=0.5, cell=(5, 9)) for name, made in GRID_DESIGNS.items()}
EVERY = pytest.mark.parametrize("design", MEMBERS.values(), ids=MEMBERS)
SIZES = [2, 3, 4, 5, 6, 7, 9, 12]


def coalitions(design, d, blocks=3, seed=0):
    return [block.coalitions for block in islice(design.blocks(d, seed), blocks)]


def test_every_design_is_listed_under_its_own_name():
    assert tuple(DESIGNS) == get_args(DesignName) == tuple(sorted(DESIGNS))
    assert all(design.name == key.removeprefix("grid ") for key, design in MEMBERS.items())


@EVERY
def test_the_meaning_of_a_value_is_said_in_one_line(design):
    assert 40 < len(design.estimand) < 240
    assert "\n" not in design.estimand
    assert design.estimand[-1] != "."


@EVERY
@pytest.mark.parametrize("d", SIZES)
def test_every_block_costs_what_is_said(design, d):
    drawn = coalitions(design, d, blocks=70)

    assert {block.shape for block in drawn} == {(design.block_rows(d), d)}
    assert {block.dtype for block in drawn} == {np.dtype(bool)}


@EVERY
@pytest.mark.parametrize("d", SIZES)
def test_a_design_ends_after_its_total_or_never(design, d):
    total = design.total(d)
    drawn = coalitions(design, d, blocks=70)

    if total is None:
        assert len(drawn) == 70
    else:
        assert sum(map(len, drawn)) == total == {"leave-one-out": d + 1, "exhaustive": 2**d}[design.name]


@EVERY
@pytest.mark.parametrize("d", [*SIZES, 16, 20])
def test_the_least_is_whole_blocks_within_the_total(design, d):
    assert design.least(d) % design.block_rows(d) == 0
    assert design.block_rows(d) <= design.least(d) <= (design.total(d) or np.inf)


@pytest.mark.parametrize(
    ("design", "d", "block", "least"),
    [
        ("antithetic", 15, 64, 64),
        ("antithetic", 16, 64, 128),
        ("bernoulli", 31, 64, 64),
        ("bernoulli", 32, 64, 128),
        ("drop-fraction", 31, 64, 64),
        ("drop-fraction", 32, 64, 128),
        ("exhaustive", 3, 8, 8),
        ("exhaustive", 7, 128, 128),
        ("exhaustive", 20, 128, 1_048_576),
        ("foldover-hadamard", 43, 88, 176),
        ("foldover-hadamard", 50, 104, 208),
        ("leave-one-out", 50, 51, 51),
        ("shapley", 2, 4, 8),
        ("shapley", 4, 16, 32),
        ("shapley", 5, 24, 48),
        ("shapley", 50, 204, 408),
        ("grid bernoulli", 32, 64, 64),
        ("grid bernoulli", 33, 64, 128),
        ("grid foldover-hadamard", 49, 104, 208),
    ],
)
def test_known_costs(design, d, block, least):
    assert (MEMBERS[design].block_rows(d), MEMBERS[design].least(d)) == (block, least)


@EVERY
@pytest.mark.parametrize("d", SIZES)
def test_pairs_are_a_coalition_and_its_complement_side_by_side(design, d):
    drawn = np.concatenate(coalitions(design, d))
    first, second = drawn[0 : len(drawn) // 2 * 2 : 2], drawn[1::2]

    assert np.array_equal(first, ~second) == design.pairs


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.5, 0.7, 0.95])
def test_antithetic_partners_agree_as_rarely_as_their_chances_allow(keep):
    drawn = np.concatenate(coalitions(Antithetic(keep=keep), 20, blocks=200))
    both = np.mean(drawn[0::2] & drawn[1::2])
    neither = np.mean(~drawn[0::2] & ~drawn[1::2])

    assert both == pytest.approx(max(0, 2 * keep - 1), abs=0.01)
    assert neither == pytest.approx(max(0, 1 - 2 * keep), abs=0.01)
    assert min(both, neither) == 0


@EVERY
def test_a_block_does_not_depend_on_what_was_drawn_before(design):
    whole = coalitions(design, 9, blocks=4, seed=3)
    one, other = design.blocks(9, 3), design.blocks(9, 4)

    for block in whole:  # two seeds drawn in turn, the blocks written over after use
        mine, theirs = next(one).coalitions, next(other).coalitions
        np.testing.assert_array_equal(mine, block)
        assert (mine != theirs).any() or design.name == "leave-one-out"
        mine[:] = False


@pytest.mark.parametrize("design", [design for design in MEMBERS.values() if design.total(9) is None], ids=str)
def test_blocks_differ_from_each_other(design):
    assert len({block.tobytes() for block in coalitions(design, 9, blocks=50)}) == 50


@pytest.mark.parametrize("name", ["exhaustive", "foldover-hadamard", "leave-one-out", "shapley"])
@pytest.mark.parametrize("keep", [0.3, 0.6])
def test_designs_without_a_chance_refuse_one(name, keep):
    with refuses(InvalidInput, "keep", rule="be 0.5"):
        DESIGNS[name](keep=keep)


def test_a_balanced_grid_refuses_a_chance_too():
    with refuses(InvalidInput, "keep", value=0.2):
        FoldoverGrid(keep=0.2, cell=(3, 3))


@pytest.mark.parametrize("name", ["antithetic", "bernoulli", "drop-fraction"])
@pytest.mark.parametrize("keep", [0.0, 1.0, -1.0, 1.5, float("nan")])
def test_a_chance_lies_between_0_and_1(name, keep):
    with refuses(InvalidInput, "keep", rule="lie between 0 and 1"):
        DESIGNS[name](keep=keep)


@pytest.mark.parametrize("ask", ["blocks", "block_rows", "least", "total"])
@pytest.mark.parametrize(
    ("design", "d", "message"),
    [
        (Exhaustive(), 21, "get at most 20 segments"),
        (Exhaustive(), 0, "get at least 1 segments"),
        (ShapleyDesign(), 1, "get at least 2 segments"),
        (LeaveOneOut(), 0, "get at least 1 segments"),
        (MEMBERS["antithetic"], 0, "get at least 1 segments"),
        (MEMBERS["bernoulli"], 0, "get at least 1 segments"),
        (MEMBERS["drop-fraction"], 1, "get at least 2 segments"),
        (MEMBERS["foldover-hadamard"], 0, "get at least 1 segments"),
        (MEMBERS["grid bernoulli"], 0, "get at least 1 segments"),
        (MEMBERS["grid foldover-hadamard"], 0, "get at least 1 segments"),
    ],
)
def test_too_few_or_too_many_segments_are_refused_whatever_is_asked(design, d, message, ask):
    with refuses(InvalidInput, "design", value=d, rule=message):
        next(design.blocks(d, 0)) if ask == "blocks" else getattr(design, ask)(d)


def test_one_segment_is_enough_for_most():
    for name in ("antithetic", "bernoulli", "exhaustive", "foldover-hadamard", "leave-one-out"):
        kept = np.concatenate(coalitions(MEMBERS[name], 1))

        assert kept.any()
        assert not kept.all()
