"""Samples: taken apart and put together again, told apart by what they ask, and near certainty."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seewhy.core.errors import InvalidInput
from seewhy.engine.run import evaluations, first_equal
from seewhy.sampling.samples import Answers, Samples, merge
from support.refusing import refuses


def some(n, d, seed=0, *, kind="score", shifts=False, parts=False):
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(n + 1, 5)).astype(np.float32)
    return Samples(
        d=d,
        bits=np.packbits(rng.random((n, d)) < 0.5, axis=1),
        shifts=rng.integers(0, 700, (n, 2)).astype(np.uint16) if shifts else None,
        parts=np.sort(rng.integers(0, 400, n)).astype(np.uint16) if parts else None,
        untouched=Answers.of(raw[:1], kind, (4, 1)),
        answers=Answers.of(raw[1:], kind, (4, 1)),
    )


def check_equal(one, other):
    assert (one.d, one.kind, one.classes, len(one)) == (other.d, other.kind, other.classes, len(other))
    for name in ("bits", "shifts", "parts", "scores"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.answers.excess, other.answers.excess)
    np.testing.assert_array_equal(one.asked(), other.asked())


@settings(deadline=None)
@given(
    n=st.integers(1, 60),
    d=st.integers(1, 20),
    kind=st.sampled_from(["score", "logit", "probability"]),
    shifts=st.booleans(),
    parts=st.booleans(),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_splitting_and_merging_changes_nothing(n, d, kind, shifts, parts, cuts):
    samples = some(n, d, kind=kind, shifts=shifts, parts=parts)
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]

    first, *others = (samples.rows(slice(a, b)) for a, b in pairwise(edges))
    for other in others:
        first = merge(first, other)

    check_equal(first, samples)
    check_equal(samples.rows(np.arange(n)), samples)
    check_equal(merge(samples.head(n // 2), samples.rows(slice(n // 2, None))), samples)
    assert (first.answers.excess is None) == (kind != "logit")


@pytest.mark.parametrize("change", [{"d": 9}, {"kind": "logit"}, {"seed": 1}], ids=["size", "kind", "picture"])
def test_samples_of_something_else_are_not_merged(change):
    other = some(**({"n": 4, "d": 10} | change))

    with refuses(InvalidInput, "samples", rule="share image, model, method and classes"):
        merge(some(4, 10), other)


def made(bits, shifts=None, parts=None):
    bits = np.array(bits, bool)
    answers = Answers.room(len(bits), "score", (0,))
    return Samples(
        d=bits.shape[1],
        bits=np.packbits(bits, axis=1),
        shifts=None if shifts is None else np.array(shifts, np.uint16),
        parts=None if parts is None else np.array(parts, np.uint16),
        untouched=answers.take(slice(0, 1)),
        answers=answers,
    )


def test_what_is_asked_tells_shifts_apart():
    samples = made([[1, 0]] * 5, shifts=[(0, 1), (1, 0), (0, 1), (0, 257), (256, 1)])

    assert len(np.unique(samples.asked(), axis=0)) == 4
    assert first_equal(samples).tolist() == [0, 1, 0, 3, 4]
    assert evaluations(samples) == 5


def test_what_is_asked_tells_parts_apart_but_for_the_bare_fill_and_the_whole_picture():
    rows = [[1, 0], [1, 0], [1, 0], [0, 0], [0, 0], [1, 1], [1, 1]]
    samples = made(rows, parts=[0, 1, 256, 0, 1, 0, 1])

    assert len(np.unique(samples.asked(), axis=0)) == 7
    assert first_equal(samples).tolist()[:5] == [0, 1, 2, 3, 3]
    assert evaluations(samples) == 5  # three parts, one bare fill, and the untouched picture for the last two


def test_a_row_asked_again_costs_nothing():
    samples = made([[1, 0, 1], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 0, 0], [0, 0, 1]])

    assert first_equal(samples).tolist() == [0, 1, 0, 3, 4, 1]
    assert evaluations(samples) == 4


@pytest.mark.parametrize("level", [0.0, 40.0, -300.0])
@pytest.mark.parametrize("lead", [0.0, 4.0, 9.0, 11.0, 15.0])
def test_what_is_missing_to_certainty_is_as_exact_as_in_64_bits(level, lead):
    logits = np.array([[lead, 0, -1, 0.5, -2], [0.25, lead, 1, -3, 0]]) + level
    logits = logits.astype(np.float32)
    wide = np.exp(logits.astype(np.float64) - logits.astype(np.float64).max(axis=1, keepdims=True))
    exact = wide / wide.sum(axis=1, keepdims=True)

    answers = Answers.of(logits, "logit", (0, 1))

    # float32 keeps 24 digits of the excess, so of what is missing where that is small.
    for k in (0, 1):
        missing = 1 - answers.target(k, "probability")
        assert np.abs(missing - (1 - exact[:, k])).max() < 6e-8
    missing, expected = 1 - answers.target(0, "probability")[0], wide[0, 1:].sum() / wide[0].sum()
    assert missing == pytest.approx(expected, rel=1e-7, abs=1e-9 if lead > 4 else 6e-8)


def test_the_untouched_class_may_be_others_than_those_kept():
    logits = np.array([[1.0, 30.0, 2.0]], np.float32)
    answers = Answers.of(logits, "logit", (0, 2))

    exact = np.exp([-29.0, -28.0]) / np.exp([-29.0, 0.0, -28.0]).sum()
    found = [answers.target(0, "probability")[0], answers.target(2, "probability")[0]]
    np.testing.assert_allclose(found, exact, rtol=2e-6)  # an excess of 28 has digits down to 2e-6
