"""Samples and units: what scores mean, what is recorded of them, and what is said about them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.models import FunctionModel
from seewhy.sampling.blocks import Block
from seewhy.sampling.samples import LOG_ODDS_LIMIT, Answers, Recorder, convert, log_total, recognize_kind, resolve_unit
from support.refusing import refuses
from support.small import LIME, PHOTO, RISE, score

LOGITS = np.random.default_rng(3).normal(scale=4, size=(40, 5)).astype(np.float32)
PROBABILITIES = (np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)).astype(np.float32)


def test_the_log_of_the_total_is_scipys_even_where_exp_overflows():
    for scale in (1, 300, 1e5):
        scores = (LOGITS * scale).astype(np.float32)
        np.testing.assert_allclose(log_total(scores), logsumexp(scores.astype(np.float64), axis=1), rtol=1e-12)


@pytest.mark.parametrize("index", range(5))
def test_logits_in_every_unit(index):
    raw, total = LOGITS[:, index].astype(np.float64), log_total(LOGITS)
    exact = np.exp(LOGITS.astype(np.float64))
    p = exact[:, index] / exact.sum(axis=1)

    np.testing.assert_allclose(convert(raw, total, "logit", "probability"), p, rtol=1e-12)
    odds = np.clip(np.log(p / (1 - p)), -12, 12)
    np.testing.assert_allclose(convert(raw, total, "logit", "log-odds"), odds, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(convert(raw, total, "logit", "score"), raw)


@pytest.mark.parametrize("index", range(5))
def test_probabilities_in_every_unit(index):
    p = PROBABILITIES[:, index].astype(np.float64)

    np.testing.assert_array_equal(convert(p, None, "probability", "probability"), p)
    np.testing.assert_array_equal(convert(p, None, "probability", "score"), p)
    odds = np.clip(np.log(p / (1 - p)), -12, 12)
    np.testing.assert_allclose(convert(p, None, "probability", "log-odds"), odds, rtol=1e-9, atol=1e-9)


def test_log_odds_are_cut_where_scores_carry_no_information():
    sure = np.array([0.0, 1.0, 1e-30, -1e-7, 1 + 1e-7])  # rounding may pass the ends by a little

    found = convert(sure, None, "probability", "log-odds")

    np.testing.assert_array_equal(found, [-12, 12, -12, -12, 12])
    logits = np.array([[800.0, -800.0], [-800.0, 800.0]], dtype=np.float32)
    np.testing.assert_array_equal(convert(logits[:, 0] * 1.0, log_total(logits), "logit", "log-odds"), [12, -12])
    np.testing.assert_array_equal(convert(logits[:, 0] * 1.0, log_total(logits), "logit", "probability"), [1, 0])
    assert LOG_ODDS_LIMIT == 12
    rounded = np.array([3.0]), np.array([3.0 - 1e-15])  # a total that rounding has put below its largest score
    np.testing.assert_array_equal(convert(*rounded, "logit", "log-odds"), [12])
    np.testing.assert_array_equal(convert(*rounded, "logit", "probability"), [1])


@pytest.mark.parametrize("value", [-0.1, 1.5, 7.0])
def test_what_is_no_probability_has_no_log_odds(value):
    with refuses(InvalidInput, "unit", rule="be 'score' outside of 0..1"):
        convert(np.array([0.5, value]), None, "probability", "log-odds")


@pytest.mark.parametrize("unit", ["probability", "log-odds"])
def test_plain_scores_are_never_turned_into_probabilities(unit):
    with refuses(InvalidInput, "unit", rule="be 'score' for raw scores"):
        convert(np.array([0.5]), None, "score", unit)
    with refuses(InvalidInput, "unit", rule="be 'score' for raw scores"):
        seewhy.explain(PHOTO, model=score, method=LIME.replace(unit=unit))


@pytest.mark.parametrize(
    ("kind", "auto"), [("score", "score"), ("probability", "probability"), ("logit", "probability")]
)
def test_auto_is_probability_where_the_model_allows_it(kind, auto):
    assert resolve_unit(kind, "auto") == auto
    assert resolve_unit(kind, "score") == "score"


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([[0.2, 0.8]], "probability"),
        ([[0.2, 0.8], [1.0, 0.0]], "probability"),
        ([[0.2, 0.8005]], "probability"),  # float16 and rounding
        ([[-1e-7, 1.0]], "probability"),
        ([[0.2, 0.9]], "score"),
        ([[0.2, 0.8], [0.2, 0.9]], "score"),
        ([[-0.2, 1.2]], "score"),
        ([[1.0]], "score"),  # a single class proves nothing
        ([[3.0, -2.0, 0.5]], "score"),
    ],
)
def test_kinds_are_recognized_from_the_first_answers(rows, kind):
    assert recognize_kind(np.array(rows, np.float32)) == kind


@pytest.mark.parametrize(("n", "expected"), [(32, True), (33, False)])
def test_fewer_samples_than_a_linear_model_needs_are_said(n, expected):
    got = seewhy.explain(PHOTO, model=score, method=LIME.replace(n_samples=n))

    assert (
        any(f"{n} samples for 32 segments: fewer than a linear model needs (33)" in w for w in got.warnings) == expected
    )


def test_segments_that_were_never_replaced_are_said():
    got = seewhy.explain(PHOTO, model=score, method=LIME.replace(n_samples=3, keep=0.8))
    always = int(got.samples.block(slice(None)).coalitions.all(axis=0).sum())

    assert always
    assert any(f"{always} of 32 segments were kept in every sample" in text for text in got.warnings)
    many = seewhy.explain(PHOTO, model=score, method=LIME)
    assert not any("every sample" in text for text in many.warnings)


def test_fewer_masks_than_cells_are_said():
    few, enough = (seewhy.explain(PHOTO, model=score, method=RISE.replace(n_samples=n)) for n in (8, 9))

    assert any("8 masks for 9 grid cells" in text for text in few.warnings)
    assert not any("grid cells" in text for text in enough.warnings)


def test_what_was_recognized_is_said():
    def softmax(batch):
        odds = np.exp(score(batch))
        return odds / odds.sum(axis=1, keepdims=True)

    likely = seewhy.explain(PHOTO, model=softmax, method=LIME)
    plain = seewhy.explain(PHOTO, model=score, method=LIME)
    stated = seewhy.explain(PHOTO, model=FunctionModel(score, kind="logit"), method=LIME)

    assert (likely.model.kind, likely.targets[0].unit) == ("probability", "probability")
    assert any("treating outputs as probabilities" in text for text in likely.warnings)
    assert (plain.model.kind, plain.targets[0].unit) == ("score", "score")
    assert any("treating outputs as raw scores" in text for text in plain.warnings)
    assert (stated.model.kind, stated.targets[0].unit) == ("logit", "probability")
    assert not any("treating outputs as" in text for text in stated.warnings)


def test_stated_logits_explain_the_probability_of_the_softmax():
    logits = FunctionModel(lambda batch: 3 * score(batch)[:, :1] @ [[1.0, 0.0, -0.5]], kind="logit")

    def softmax(batch):
        odds = np.exp(3 * score(batch)[:, :1] @ [[1.0, 0.0, -0.5]])
        return odds / odds.sum(axis=1, keepdims=True)

    for unit in ("probability", "log-odds"):
        by_logits = seewhy.explain(PHOTO, model=logits, method=LIME.replace(unit=unit), targets=2)
        by_softmax = seewhy.explain(PHOTO, model=softmax, method=LIME.replace(unit=unit), targets=2)
        np.testing.assert_allclose(by_logits.values(), by_softmax.values(), atol=1e-5)
        assert by_logits.targets[0].score == pytest.approx(by_softmax.targets[0].score, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    d=st.integers(1, 40),
    cuts=st.lists(st.integers(0, 50), max_size=5),
    order=st.randoms(use_true_random=False),
    seed=st.integers(0, 99),
)
def test_a_recorder_keeps_every_bit_and_score_however_it_is_fed(d, cuts, order, seed):
    rng = np.random.default_rng(seed)
    rows, shifts = rng.random((50, d)) < 0.5, rng.integers(0, 500, (50, 2)).astype(np.int32)
    scores = rng.normal(size=(50, 4)).astype(np.float32)
    recorder = Recorder(d, Answers.of(scores[:1], "logit", (3, 0)))
    pieces = [slice(a, b) for a, b in pairwise([0, *sorted(cuts), 50])]

    for piece in pieces:
        recorder.ask(Block(rows[piece], shifts[piece]))
    order.shuffle(pieces)
    for piece in pieces:
        recorder.answer(piece, Answers.of(scores[piece], "logit", (3, 0)))

    samples = recorder.samples()
    assert len(samples) == len(recorder) == 50
    np.testing.assert_array_equal(samples.block(slice(None)).coalitions, rows)
    np.testing.assert_array_equal(samples.block(slice(None)).shifts, shifts)
    np.testing.assert_array_equal(samples.scores, scores[:, [3, 0]])
    totals = np.log(np.exp(scores.astype(float)).sum(axis=1))
    np.testing.assert_allclose(samples.answers.log_totals, totals, rtol=1e-7, atol=1e-6)
    together = np.concatenate([block.coalitions for _, block in samples.blocks(7)])
    np.testing.assert_array_equal(together, rows)
    np.testing.assert_array_equal(samples.head(13).target(0, "score"), scores[:13, 0])
    some = np.array([40, 3, 17])
    np.testing.assert_array_equal(samples.rows(some).block(slice(None)).coalitions, rows[some])
    np.testing.assert_array_equal(samples.rows(some).target(3, "score"), scores[some, 3])
    with refuses(InvalidInput, "targets", value=1):
        samples.target(1, "score")


def test_what_was_recorded_of_logits_keeps_its_digits_where_a_class_is_nearly_certain():
    answers = Answers.of(np.array([[11.0, 0.0], [1011.0, 1000.0]], np.float32), "logit", (0,))

    np.testing.assert_allclose(answers.target(0, "log-odds"), 11, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("p", "cut"), [(1.0, 32), (0.4, 0)])
def test_scores_cut_at_the_limit_of_log_odds_are_counted(p, cut):
    def certain(batch):
        return np.tile([p, 1 - p], (len(batch), 1))

    settings = seewhy.Lime(n_samples=32, segmentation=seewhy.Grid(rows=2, columns=2), unit="log-odds")
    picture = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    warnings = seewhy.explain(picture, model=certain, method=settings, targets=0).warnings

    assert [w for w in warnings if "were cut" in w] == (
        [f"{cut} of 32 scores were cut at log-odds of +-12"] if cut else []
    )
