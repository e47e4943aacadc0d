"""Cancelled, interrupted, watched: what is there is kept, and no thread goes on."""

import signal
import subprocess
import sys

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import Cancelled
from support.patience import PATIENCE
from support.refusing import refuses
from support.small import METHODS, PHOTO, composing, known, score


@pytest.fixture(autouse=True)
def no_thread_is_left_behind():
    yield
    assert composing() == []


class Odd(Exception):
    """An exception of a callback's own."""


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
    assert [text for text in got.warnings if "partial" in text] == [f"partial: {why} after {n} samples"]
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

    check_equals_a_straight_run(got, method, 10 * batches + known(method), "cancelled")


@METHODS
def test_cancelling_at_once_leaves_nothing_to_explain(method):
    calls = []

    def model(batch):
        calls.append(batch)
        return score(batch)

    with refuses(Cancelled, "n_samples", rule="be at least 2"):
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

    check_equals_a_straight_run(got, method, 30 + known(method), "interrupted")


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

    check_equals_a_straight_run(got, method, 50 - 9 * known(method), "interrupted")


@METHODS
def test_ctrl_c_in_the_check_after_a_run_is_not_swallowed(method, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("seewhy.explanation.first_run.answered_alone", pressed)
    got = seewhy.explain(PHOTO, model=score, method=method)
    whole = seewhy.explain(PHOTO, model=score, method=method, preflight=False)

    assert (got.stop.by, whole.stop.complete) == ("interrupted", True)
    assert any("partial: interrupted" in warning for warning in got.warnings)
    np.testing.assert_array_equal(got.heatmap(), whole.heatmap())
    assert got.continue_().complete


def test_an_error_of_the_model_in_the_check_after_a_run_ends_nothing(monkeypatch):
    def failing(*_):
        raise RuntimeError("gone")

    monkeypatch.setattr("seewhy.explanation.first_run.answered_alone", failing)

    assert seewhy.explain(PHOTO, model=score, method="lime").complete


SCRIPT = """
import signal, sys, threading, time
import numpy as np, seewhy

signal.signal(signal.SIGINT, signal.default_int_handler)  # where a shell runs this in the background, it is ignored

def model(batch):
    print("scoring", flush=True)
    time.sleep(0.05)
    return batch.mean(axis=(1, 2))

photo = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
methods = {"lime": seewhy.Lime(segmentation="grid", n_samples=40_000), "rise": seewhy.Rise(grid=3, n_samples=40_000)}
method = methods[sys.argv[1]]
got = seewhy.explain(photo, model=model, method=method, batch_size=10, progress=False, preflight=False)
left = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
print(got.complete, len(got.samples), got.heatmap().any(), left, "|".join(got.warnings))
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lime", "rise"])
def test_a_real_ctrl_c_leaves_a_partial_explanation(method):
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, method], stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(5):
            assert run.stdout.readline() == "scoring\n"
        run.send_signal(signal.SIGINT)
        *_, last = run.communicate(timeout=PATIENCE)[0].splitlines()
    finally:
        run.kill()

    assert run.returncode == 0
    complete, n, anything, rest = last.split(" ", 3)
    assert (complete, anything) == ("False", "True")
    assert 30 <= int(n) < 40_000  # of 200 s, so that Ctrl-C comes in time on a busy machine
    assert rest.startswith("[] ")
    assert f"partial: interrupted after {n} samples" in rest


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
    assert len(done) == 1 + -(-(100 - known(method)) // batch_size)
