"""The one loop: order, buffers, errors, cancelling, interrupts and units, with models that misbehave."""

import signal
import subprocess
import sys
import threading
import time
from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seewhy
from seewhy import engine
from seewhy.errors import Cancelled, InvalidInput, ModelError
from seewhy.masks import SegmentMasks
from seewhy.models import FunctionModel
from seewhy.samples import LOG_ODDS_LIMIT, Recorder, convert, log_total, recognize_kind, resolve_unit
from seewhy.scene import Block, Scene

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), fill="black", n_samples=100)
RISE = seewhy.Rise(n_samples=100, grid=3)
METHODS = pytest.mark.parametrize("method", [LIME, RISE], ids=["lime", "rise"])
LOOK = np.random.default_rng(1).normal(size=(12, 16, 3))


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    assert composing() == []


def composing():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("seewhy-compose")]


def score(batch):
    """Return two scores a picture that tell nearly all pictures apart."""
    drive = np.einsum("bhwc,hwc->b", batch.astype(np.float64), LOOK)
    return np.stack([np.tanh(drive / 10), drive], axis=1)


class Streaming(FunctionModel):
    """Takes ``ahead`` batches before it answers the first; keeps what it holds in ``held``."""

    def __init__(self, ahead=1, in_flight=0, function=score):
        super().__init__(function, kind="score")
        self.ahead, self.in_flight, self.sizes = ahead, in_flight, []

    def stream(self, batches):
        held = deque()
        for batch in batches:
            self.sizes.append(len(batch))
            held.append(batch)
            if len(held) == self.ahead:
                yield self.answer(held)
        while held:
            yield self.answer(held)

    def answer(self, held):
        return self._function(held.popleft()).astype(np.float32)


def expected_scores(got):
    """Return the scores of every sample, composed and asked one by one."""
    block = got.samples.block(slice(None))
    masks = got.method.masks(got.scene)(block)[..., None]
    pictures = got.scene.fill + masks * (got.scene.pixels - got.scene.fill)
    return np.concatenate([score(picture[None]) for picture in pictures])[:, got.samples.classes]


# --- order and buffers -------------------------------------------------------------------------------------


@METHODS
@pytest.mark.parametrize("ahead", [1, 2, 3, 7])
@pytest.mark.parametrize("batch_size", [1, 9, 64, 500])
def test_scores_stay_with_their_samples_however_far_the_model_reads_ahead(method, ahead, batch_size):
    got = seewhy.explain(PHOTO, model=Streaming(ahead), method=method, batch_size=batch_size)

    assert len(got.samples) == 100
    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)


class Watchful(Streaming):
    """Notes if a batch changes while it is held, and gives the composer time to do that harm."""

    def __init__(self, in_flight):
        super().__init__(ahead=in_flight, in_flight=in_flight)
        self.copies, self.spoiled, self.memory = deque(), 0, set()

    def stream(self, batches):
        def watched():
            for batch in batches:
                self.copies.append(batch.copy())
                self.memory.add(batch.__array_interface__["data"][0])
                yield batch

        return super().stream(watched())

    def answer(self, held):
        time.sleep(0.003)
        self.spoiled += sum(not np.array_equal(*pair) for pair in zip(held, self.copies, strict=True))
        self.copies.popleft()
        return super().answer(held)


@METHODS
@pytest.mark.parametrize("in_flight", [1, 2, 3])
def test_buffers_are_used_again_only_when_the_model_is_done_with_them(method, in_flight):
    model = Watchful(in_flight)

    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=5)

    assert model.spoiled == 0
    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)
    # the untouched picture has memory of its own
    assert len(model.memory) <= 1 + in_flight + 2, "buffers are not used again"


@METHODS
def test_a_function_may_keep_what_it_was_given(method):
    kept = []

    def model(batch):
        kept.append((batch, batch.copy()))
        return score(batch)

    seewhy.explain(PHOTO, model=model, method=method, batch_size=7)

    assert len(kept) == 1 + -(-(99 if method is LIME else 100) // 7)
    for batch, copy in kept:
        np.testing.assert_array_equal(batch, copy)


@METHODS
def test_a_function_may_change_what_it_was_given(method):
    def model(batch):
        answer = score(batch)
        batch[:] = np.nan
        return answer

    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=7)

    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)


def test_a_function_that_changes_what_it_was_given_harms_neither_the_photo_nor_the_weights():
    photo = PHOTO.astype(np.float32) / 255

    def model(batch):
        answer = score(batch)
        batch[:] = 0.5
        return answer

    method = LIME.replace(kernel="image-cosine")
    harmless = seewhy.explain(photo.copy(), model=score, method=method)

    got = seewhy.explain(photo, model=model, method=method)

    np.testing.assert_array_equal(got.values(), harmless.values())
    np.testing.assert_array_equal(photo, PHOTO.astype(np.float32) / 255)
    np.testing.assert_array_equal(got.image.pixels, photo)


@METHODS
def test_a_function_may_answer_in_the_same_array_each_time(method):
    room = np.empty((100, 2), dtype=np.float32)

    def model(batch):
        room[: len(batch)] = score(batch)
        return room[: len(batch)]

    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=7)

    untouched = score(PHOTO[None] / np.float32(255))[0]
    assert {p.index: p.score for p in got.predictions} == pytest.approx(dict(enumerate(untouched)), abs=1e-5)
    np.testing.assert_allclose(got.samples.scores, expected_scores(got), rtol=1e-5, atol=1e-5)


@METHODS
@pytest.mark.parametrize("batch_size", [1, 7, 32, 33, 64, 99, 100, 1000])
def test_batches_have_the_size_asked_for_and_every_picture_is_scored_once(method, batch_size):
    model = Streaming()

    got = seewhy.explain(PHOTO, model=model, method=method, batch_size=batch_size)

    untouched, *sizes = model.sizes
    assert untouched == 1
    assert set(sizes[:-1]) <= {batch_size}
    assert 1 <= sizes[-1] <= batch_size
    assert got.n_evaluations == sum(model.sizes) == (100 if method is LIME else 101)


def test_the_model_chooses_its_batch_size_unless_one_is_asked_for():
    def sizes(batch_size, wanted):
        model = Streaming()
        model.batch_size = batch_size
        seewhy.explain(PHOTO, model=model, method=RISE, batch_size=wanted)
        return model.sizes[1]

    assert sizes(13, None) == 13
    assert sizes(13, 8) == 8
    assert sizes(None, None) == 64  # small pictures: the most that is made at once
    assert engine.best_batch_size(Streaming(), 10_000_000, None) == 3  # 32 MB
    assert engine.best_batch_size(Streaming(), 100_000_000, None) == 1


def test_no_more_is_drawn_than_the_model_has_asked_for():
    drawn = []

    def blocks():
        for i in range(1000):
            drawn.append(i)
            yield Block(np.ones((4, 2), dtype=bool))

    place = Scene(np.ones((2, 2, 1), np.float32), np.zeros((2, 2, 1), np.float32), np.array([[0, 1], [1, 0]]))
    model = FunctionModel(lambda batch: batch.mean(axis=(1, 2)))
    composer = engine.Composer(model, place, keep_batches=0)
    scored = engine.collect(
        model, composer, SegmentMasks(place.segments), blocks(), batch_size=4, clock=engine.Clock(), classes=1
    )

    for n in range(1, 6):
        next(scored)
        time.sleep(0.01)
        assert n <= len(drawn) <= n + 2
    scored.close()


def test_model_seconds_are_the_models_own():
    def slow(batch):
        time.sleep(0.02)
        return score(batch)

    got = seewhy.explain(PHOTO, model=slow, method=RISE, batch_size=20)

    assert 0.12 <= got.seconds_model <= got.seconds


# --- what the model does wrong -----------------------------------------------------------------------------


class Odd(Exception):
    """An exception of the model's own."""


@METHODS
@pytest.mark.parametrize(("call", "place"), [(1, None), (2, 0), (4, 20)])
def test_the_models_own_exception_keeps_its_type_and_says_where(method, call, place):
    calls = []

    def model(batch):
        calls.append(len(batch))
        if len(calls) == call:
            raise Odd(f"call {call}")
        return score(batch)

    with pytest.raises(Odd, match=f"call {call}") as caught:
        seewhy.explain(PHOTO, model=model, method=method, batch_size=10)

    notes = " ".join(caught.value.__notes__)
    assert f"batch of {calls[-1]} pictures" in notes
    if place is not None:  # in LIME, the untouched picture is sample 0
        assert f"while scoring samples from {place + (method is LIME)} on" in notes
    assert composing() == []


def test_an_exception_of_a_streaming_model_names_the_first_sample_that_is_missing():
    def model(batch):
        if len(batch) < 10:
            raise Odd
        return score(batch)

    with pytest.raises(Odd) as caught:
        seewhy.explain(PHOTO, model=Untouched(model, ahead=3), method=RISE.replace(n_samples=45), batch_size=10)

    assert caught.value.__notes__ == ["while scoring samples from 40 on"]


class Untouched(Streaming):
    """Answers well for the untouched picture, and by ``function`` from then on."""

    def __init__(self, function, ahead=1):
        super().__init__(ahead=ahead, function=function)
        self.first = True

    def answer(self, held):
        if self.first:
            self.first = False
            return score(held.popleft()).astype(np.float32)
        return self._function(held.popleft())


def wrong_at(value, row=3):
    def model(batch):
        answer = score(batch).astype(np.float32)
        answer[row, 1] = value
        return answer

    return model


NONSENSE = {
    "a flat array": (lambda batch: score(batch)[:, 0], r"one row of scores a picture, \(10, .*got \(10,\)"),
    "a row too few": (lambda batch: score(batch)[1:], r"one row of scores a picture, \(10, .*got \(9, 2\)"),
    "a row too many": (lambda batch: score(np.concatenate([batch, batch[:1]])), r"got \(11, 2\)"),
    "fewer classes": (lambda batch: score(batch)[:, :1], r"\(10, 2\), got \(10, 1\)"),
    "more classes": (lambda batch: np.tile(score(batch), 2), r"\(10, 2\), got \(10, 4\)"),
    "NaN": (wrong_at(np.nan), r"finite scores, got nan for sample 3, class 1"),
    "infinity": (wrong_at(-np.inf), r"finite scores, got -inf for sample 3, class 1"),
}


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_from_a_model_is_refused(nonsense):
    function, message = NONSENSE[nonsense]

    with pytest.raises(ModelError, match=message):
        seewhy.explain(PHOTO, model=Untouched(function), method=RISE, batch_size=10)

    assert composing() == []


def test_in_lime_the_untouched_picture_counts_as_the_first_sample():
    with pytest.raises(ModelError, match="nan for sample 4, class 1"):
        seewhy.explain(PHOTO, model=Untouched(wrong_at(np.nan)), method=LIME, batch_size=10)


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_from_a_function_is_refused(nonsense):
    function, _ = NONSENSE[nonsense]
    calls = []

    def model(batch):
        calls.append(batch)
        return score(batch) if len(calls) == 1 else function(batch)

    with pytest.raises(ModelError, match="must return"):
        seewhy.explain(PHOTO, model=model, method=RISE, batch_size=10)


def test_the_number_of_classes_may_not_change_between_batches():
    calls = []

    def model(batch):
        calls.append(batch)
        return np.tile(score(batch), 1 + len(calls) // 4)

    with pytest.raises(ModelError, match="as for the batch before, 2, returned 4"):
        seewhy.explain(PHOTO, model=model, method=RISE, batch_size=10)


@pytest.mark.parametrize("nonsense", [np.full((1, 2), np.nan), np.zeros(2), np.zeros((2, 2))], ids=["nan", "flat", "2"])
def test_nonsense_of_a_streaming_model_for_the_untouched_picture_is_refused(nonsense):
    with pytest.raises(ModelError, match="the model must return"):
        seewhy.explain(PHOTO, model=Streaming(function=lambda batch: nonsense), method=LIME)


def test_a_streaming_model_that_says_nothing_is_refused():
    class Silent(Streaming):
        def stream(self, batches):
            return iter(())

    with pytest.raises(ModelError, match="gave none for the untouched picture"):
        seewhy.explain(PHOTO, model=Silent(), method=LIME)


def test_nonsense_for_the_untouched_picture_is_refused_before_any_sample():
    calls = []

    def model(batch):
        calls.append(batch)
        return np.full((len(batch), 2), np.nan)

    with pytest.raises(ModelError, match="finite scores"):
        seewhy.explain(PHOTO, model=model, method=LIME)

    assert len(calls) == 1


class Lazy(Streaming):
    """Forgets the batches after the third, or answers once too often."""

    def __init__(self, *, too_often):
        super().__init__()
        self.too_often = too_often

    def stream(self, batches):
        for i, batch in enumerate(batches):
            if i == 3 and not self.too_often:
                return
            yield self._function(batch).astype(np.float32)
            if i == 3:
                yield self._function(batch).astype(np.float32)


@METHODS
@pytest.mark.parametrize("too_often", [False, True])
def test_a_model_that_answers_too_few_or_too_many_batches_is_refused(method, too_often):
    with pytest.raises(ModelError, match="one answer for every batch"):
        seewhy.explain(PHOTO, model=Lazy(too_often=too_often), method=method, batch_size=10)

    assert composing() == []


# --- cancelled, interrupted --------------------------------------------------------------------------------


def after(calls):
    """Return a function that says True when it is asked for the ``calls``-th time."""
    asked = []

    def cancel():
        asked.append(None)
        return len(asked) >= calls

    return cancel


def check_equals_a_straight_run(got, method, n, why):
    assert not got.complete
    assert len(got.samples) == n
    assert [text for text in got.warnings if "partial" in text] == [f"partial: {why} after {n} of 100 samples"]
    straight = seewhy.explain(PHOTO, model=score, method=method.replace(n_samples=n), batch_size=10)
    assert straight.complete
    np.testing.assert_array_equal(got.samples.bits, straight.samples.bits)
    np.testing.assert_array_equal(got.samples.scores, straight.samples.scores)
    np.testing.assert_array_equal(got.heatmap(), straight.heatmap())
    assert got.n_evaluations == straight.n_evaluations
    assert "partial" in repr(got)


@METHODS
@pytest.mark.parametrize("batches", [1, 4, 9])
def test_cancelling_keeps_what_there_is(method, batches):
    got = seewhy.explain(PHOTO, model=score, method=method, batch_size=10, cancel=after(batches + 1))

    check_equals_a_straight_run(got, method, 10 * batches + (method is LIME), "cancelled")


@METHODS
def test_cancelling_at_once_leaves_nothing_to_explain(method):
    calls = []

    def model(batch):
        calls.append(batch)
        return score(batch)

    with pytest.raises(Cancelled, match=r"cancelled after [01] of 100 samples"):
        seewhy.explain(PHOTO, model=model, method=method, cancel=lambda: True)

    assert len(calls) == 1
    assert composing() == []


@METHODS
def test_a_cancel_that_never_comes_changes_nothing(method):
    got = seewhy.explain(PHOTO, model=score, method=method, cancel=lambda: False)

    assert got.complete
    np.testing.assert_array_equal(got.heatmap(), seewhy.explain(PHOTO, model=score, method=method).heatmap())


def interrupting(call):
    calls = []

    def model(batch):
        calls.append(batch)
        if len(calls) == call:
            raise KeyboardInterrupt
        return score(batch)

    return model


@METHODS
def test_ctrl_c_inside_the_model_keeps_what_there_is(method):
    got = seewhy.explain(PHOTO, model=interrupting(5), method=method, batch_size=10)

    check_equals_a_straight_run(got, method, 30 + (method is LIME), "interrupted")


@METHODS
@pytest.mark.parametrize("call", [1, 2])
def test_ctrl_c_before_there_is_anything_to_explain_ends_the_run(method, call):
    with pytest.raises(KeyboardInterrupt):
        seewhy.explain(PHOTO, model=interrupting(call), method=method, batch_size=10)

    assert composing() == []


@METHODS
def test_ctrl_c_outside_of_the_model_keeps_what_there_is(method):
    def report(done, total):
        if done > 40:
            raise KeyboardInterrupt

    got = seewhy.explain(PHOTO, model=score, method=method, batch_size=10, progress=report)

    check_equals_a_straight_run(got, method, 41 if method is LIME else 50, "interrupted")


SCRIPT = """
import signal, sys, threading, time
import numpy as np, seewhy

signal.signal(signal.SIGINT, signal.default_int_handler)  # where a shell runs this in the background, it is ignored

def model(batch):
    print("scoring", flush=True)
    time.sleep(0.05)
    return batch.mean(axis=(1, 2))

photo = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
method = seewhy.Lime(segmentation="grid", n_samples=2000) if sys.argv[1] == "lime" else seewhy.Rise(grid=3)
got = seewhy.explain(photo, model=model, method=method, batch_size=10, progress=False)
left = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
print(got.complete, len(got.samples), got.heatmap().any(), left, "|".join(got.warnings))
"""


@pytest.mark.parametrize("method", ["lime", "rise"])
def test_a_real_ctrl_c_leaves_a_partial_explanation(method):
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, method], stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(5):
            assert run.stdout.readline() == "scoring\n"
        run.send_signal(signal.SIGINT)
        *_, last = run.communicate(timeout=60)[0].splitlines()
    finally:
        run.kill()

    assert run.returncode == 0
    complete, n, anything, rest = last.split(" ", 3)
    assert (complete, anything) == ("False", "True")
    assert 30 <= int(n) < 2000
    assert rest.startswith("[] ")
    assert f"partial: interrupted after {n} of 2000 samples" in rest


@METHODS
@pytest.mark.parametrize("place", ["progress", "cancel"])
def test_an_exception_of_a_callback_reaches_the_user_and_stops_the_work(method, place):
    def fail(*_):
        raise Odd(place)

    with pytest.raises(Odd, match=place) as caught:
        seewhy.explain(PHOTO, model=score, method=method, batch_size=10, **{place: fail})

    assert composing() == [], caught  # which still holds every frame of the run


@METHODS
def test_an_exception_of_a_late_callback_leaves_no_thread_behind(method):
    def report(done, total):
        if done > 30:
            raise Odd

    with pytest.raises(Odd) as caught:
        seewhy.explain(PHOTO, model=score, method=method, batch_size=10, progress=report)

    assert composing() == [], caught  # which still holds every frame of the run


@METHODS
@pytest.mark.parametrize("batch_size", [1, 30, 64, 200])
def test_progress_grows_up_to_all(method, batch_size):
    seen = []

    seewhy.explain(PHOTO, model=score, method=method, batch_size=batch_size, progress=lambda *told: seen.append(told))

    done, total = (list(part) for part in zip(*seen, strict=True))
    assert set(total) == {100}
    assert done == sorted(done)
    assert len(set(done)) == len(done)
    assert done[0] <= 1
    assert done[-1] == 100
    assert len(done) == 1 + -(-(99 if method is LIME else 100) // batch_size)


# --- samples and units -------------------------------------------------------------------------------------

LOGITS = np.random.default_rng(3).normal(scale=4, size=(40, 5)).astype(np.float32)
PROBABILITIES = (np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)).astype(np.float32)


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
    with pytest.raises(InvalidInput, match=rf"log-odds need probabilities in 0\.\.1, got {value:g}"):
        convert(np.array([0.5, value]), None, "probability", "log-odds")


@pytest.mark.parametrize("unit", ["probability", "log-odds"])
def test_plain_scores_are_never_turned_into_probabilities(unit):
    with pytest.raises(InvalidInput, match=rf"unit='{unit}' needs probabilities or logits"):
        convert(np.array([0.5]), None, "score", unit)
    with pytest.raises(InvalidInput, match="needs probabilities or logits"):
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


@pytest.mark.parametrize(("n", "expected"), [(12, True), (13, False)])
def test_fewer_samples_than_a_linear_model_needs_are_said(n, expected):
    got = seewhy.explain(PHOTO, model=score, method=LIME.replace(n_samples=n))

    assert (
        any(f"{n} samples for 12 segments: fewer than a linear model needs (13)" in w for w in got.warnings) == expected
    )


def test_segments_that_were_never_replaced_are_said():
    got = seewhy.explain(PHOTO, model=score, method=LIME.replace(n_samples=3, keep=0.8))
    always = int(got.samples.block(slice(None)).coalitions.all(axis=0).sum())

    assert always
    assert any(f"{always} of 12 segments were kept in every sample" in text for text in got.warnings)
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
    assert any("taken as probabilities" in text for text in likely.warnings)
    assert (plain.model.kind, plain.targets[0].unit) == ("score", "score")
    assert any("taken as plain scores" in text for text in plain.warnings)
    assert (stated.model.kind, stated.targets[0].unit) == ("logit", "probability")
    assert not any("taken as" in text for text in stated.warnings)


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
@given(d=st.integers(1, 40), cuts=st.lists(st.integers(0, 50), max_size=5), seed=st.integers(0, 99))
def test_a_recorder_keeps_every_bit_and_score_however_it_is_fed(d, cuts, seed):
    rng = np.random.default_rng(seed)
    rows, shifts = rng.random((50, d)) < 0.5, rng.integers(0, 500, (50, 2)).astype(np.int32)
    scores = rng.normal(size=(50, 4)).astype(np.float32)
    recorder = Recorder(d, 60, (3, 0), "logit", shifted=True)
    edges = [0, *sorted(cuts), 50]

    for a, b in pairwise(edges):
        recorder.add(Block(rows[a:b], shifts[a:b]), scores[a:b])

    samples = recorder.samples()
    assert len(samples) == len(recorder) == 50
    np.testing.assert_array_equal(samples.block(slice(None)).coalitions, rows)
    np.testing.assert_array_equal(samples.block(slice(None)).shifts, shifts)
    np.testing.assert_array_equal(samples.scores, scores[:, [3, 0]])
    np.testing.assert_allclose(samples.log_totals, np.log(np.exp(scores.astype(float)).sum(axis=1)))
    together = np.concatenate([block.coalitions for _, block in samples.blocks(7)])
    np.testing.assert_array_equal(together, rows)
    np.testing.assert_array_equal(samples.head(13).target(0, "score"), scores[:13, 0])
    with pytest.raises(InvalidInput, match="target 1 was not kept; kept are 3, 0"):
        samples.target(1, "score")


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
