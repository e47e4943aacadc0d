"""What a tuning spends: every picture is counted once, no limit is passed, and nothing is asked twice."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest

import seewhy
from seewhy.core.errors import Cancelled, InvalidInput
from seewhy.tune import tune
from support.planted import PHOTO
from support.refusing import refuses
from support.tuning import COARSE, FREE, GRIDS, OBJECT, QUICK, SHOWN, Counted, noise_question, only_free, plain, run

optuna = pytest.importorskip("optuna", reason="the extra tune is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["iou", "ap", "srg", "sufficiency", "r2", "sensitivity-n", "error", "agreement"])
def test_every_picture_is_counted(metric):
    model = Counted()
    found = run(model, metric=metric, truth=OBJECT, trials=3, free={"n_samples": [40, 80]})
    assert found.calls.total == model.sent
    assert found.calls.not_finished == 0


# --- seeds, and going on ---------------------------------------------------------------------------------------------


def test_the_same_seed_finds_the_same():
    one, same, other = (run(truth=OBJECT, trials=6, seed=seed) for seed in (3, 3, 4))
    assert plain(one) == plain(same)
    assert plain(one)["trials"] != plain(other)["trials"]


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("metric", ["iou", "sufficiency", "infidelity"])
def test_a_killed_tuning_goes_on_to_what_it_would_have_found(error, metric, tmp_path):
    given = {"truth": OBJECT, "metric": metric, "trials": 6, "out": tmp_path}
    straight = Counted()
    wanted = run(straight, **(given | {"out": None}))
    assert wanted.calls.total == straight.sent
    stopped = Counted(stop_at=2 * wanted.calls.total // 3, error=error)
    try:
        assert not run(stopped, **given).complete
    except RuntimeError:
        assert error is RuntimeError
    rest = Counted()
    found = run(rest, **given)
    assert plain(found) == plain(wanted)
    assert rest.sent < straight.sent
    # What was in work when it stopped counts in full: an explanation, or a grade.
    assert (
        0 <= found.calls.total - stopped.sent - rest.sent <= {"iou": 41, "sufficiency": 41, "infidelity": 201}[metric]
    )
    assert found.calls.not_finished > 0
    third = Counted()
    assert run(third, **given).to_dict()["calls"] == found.to_dict()["calls"]
    assert third.sent == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("metric", ["iou", "srg"])
def test_runs_that_are_stopped_again_and_again_spend_no_more_than_allowed(error, metric, tmp_path):
    sent, calls = 0, {"iou": 400, "srg": 1200}[metric]
    for _ in range(20):
        model = Counted(stop_at=35, error=error)
        with contextlib.suppress(KeyboardInterrupt, RuntimeError, InvalidInput):
            run(model, truth=OBJECT, metric=metric, calls=calls, out=tmp_path)
        sent += model.sent
    assert calls / 8 < sent <= calls


@pytest.mark.slow
def test_what_was_cut_off_by_the_limit_does_not_change_what_the_next_run_finds(tmp_path):
    cut = set()
    for calls in (55, 60, 100, 311):  # a trial of the second does not fit any more
        given = {"truth": OBJECT, "metric": "sufficiency", "calls": calls, "out": tmp_path / str(calls)}
        free = FREE | SHOWN | {"kernel": ["cosine", "none"]}
        start = COARSE.replace(segmentation=seewhy.Grid(rows=2, columns=1))  # few regions: what follows costs more
        given |= {"free": free, "start": start, "sampling": GRIDS | {"lime.grid.rows": [3, 9]}}
        one, two = (run(**given) for _ in range(2))
        assert plain(one) == plain(two)
        cut.add(one.calls.not_finished > 0)
    assert True in cut


KILLED = """
import os, sys
from support.tuning import OBJECT, Counted, run

class Kill(BaseException):
    def __init__(self):
        with open(sys.argv[2], "a") as file:
            file.write("x" * model.sent)
        os._exit(9)

model = Counted(stop_at=int(sys.argv[3]), error=Kill)
run(model, truth=OBJECT, metric="sufficiency", calls=500, out=sys.argv[1])
"""


@pytest.mark.slow
def test_what_a_killed_run_sent_is_known_to_the_next(tmp_path):
    path = os.pathsep.join(one for one in sys.path if one)
    for stop_at in ("20", "60", "50"):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "out"), str(tmp_path / "sent"), stop_at]
        done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, check=False)
        assert done.returncode == 9
    before = len((tmp_path / "sent").read_text())
    model = Counted()
    found = run(model, truth=OBJECT, metric="sufficiency", calls=500, out=tmp_path / "out")
    assert before > 100
    assert before + model.sent <= found.calls.total <= 500


@pytest.mark.slow
def test_another_question_in_the_same_folder_is_asked_anew(tmp_path, monkeypatch):
    one = only_free(truth=OBJECT, out=tmp_path, n_samples=40)
    other = Counted()
    two = only_free(other, truth=~OBJECT, out=tmp_path, n_samples=40)
    assert other.sent == two.calls.total - 1  # what the model says of the photo as it is was known
    assert one.score != two.score
    monkeypatch.setattr(sys.modules["seewhy.tune.looking"], "__version__", "0.0.0")
    newer = Counted()
    assert newer.sent == 0
    assert only_free(newer, truth=OBJECT, out=tmp_path, n_samples=40).calls.total == newer.sent > 0


@pytest.mark.parametrize("metric", ["iou", "sufficiency"])
def test_what_was_tried_before_costs_nothing_and_is_no_trial(metric):
    pinned = {
        "lime.grid.rows": [4, 4],
        "lime.grid.columns": [4, 4],
        "lime.design": ["bernoulli"],
        "lime.keep": [0.5, 0.5],
    }
    pinned["lime.fill"] = ["gray"]
    model = Counted()
    found = run(model, truth=OBJECT, metric=metric, sampling=GRIDS | pinned, trials=10)
    assert (found.ended, found.n_trials) == ("repeats", 2)  # what it starts from, and the only one to propose
    assert found.calls.total == model.sent
    twice = Counted()
    same = run(twice, photos=[PHOTO, PHOTO.copy()], truth=[OBJECT] * 2, metric=metric, trials=2)
    assert same.calls.total == twice.sent


# --- budgets ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("calls", [400, 800, 1400])
@pytest.mark.parametrize("metric", ["srg", "sufficiency"])
def test_no_more_calls_are_made_than_allowed(metric, calls):
    model = Counted()
    free = FREE | {"regions": [1, 2]}
    given = QUICK["sampling"] | {"lime.grid.rows": [2, 9]}
    if metric == "srg" and calls == 400:  # 126 a map, of which three are the baselines'
        with refuses(InvalidInput, "calls", value=400):
            run(model, metric=metric, calls=calls, free=free, sampling=given)
    else:
        found = run(model, metric=metric, calls=calls, free=free, sampling=given, trials=100)
        assert found.calls.total == model.sent
        assert found.ended == "calls"
        assert found.complete
        assert all(isinstance(one, float) for one in found.baselines.values())
    assert model.sent <= calls


def test_time_that_is_over_ends_it_after_the_first_settings():
    found = run(truth=OBJECT, seconds=1e-9, trials=20)
    assert (found.ended, found.n_trials, found.complete) == ("seconds", 1, True)


def test_somebody_who_stops_it_gets_the_best_so_far():
    reported = []

    def stop():
        return len(reported) > 3

    found = run(truth=OBJECT, cancel=stop, progress=lambda done, total: reported.append((done, total)), trials=30)
    assert (found.ended, found.complete) == ("cancelled", False)
    assert 0 < found.n_trials < 30
    assert all(done <= total for done, total in reported)
    with pytest.raises(Cancelled):
        run(truth=OBJECT, cancel=lambda: True)
    with pytest.raises(KeyboardInterrupt):
        run(Counted(stop_at=5), truth=OBJECT)


@pytest.mark.parametrize("calls", [400, 700])
def test_proposals_ask_for_no_more_samples_than_wanted_of_a_noisy_model(calls):
    model = Counted(noise=1.5)
    found = tune(
        PHOTO,
        model=model,
        methods=["lime"],
        target=0,
        truth=OBJECT,
        n_samples=64,
        trials=12,
        calls=calls,
        free={name: values for name, values in FREE.items() if name != "n_samples"},
    )
    assert "search" in {trial["source"] for trial in found.trials}
    assert {trial["method"]["n_samples"] for trial in found.trials} == {64}
    assert model.sent <= found.calls.total <= calls
    assert found.calls.total - model.sent <= found.calls.not_finished  # settings that are refused count as a picture


def test_photos_are_not_asked_for_beyond_the_limit():
    photos, truths = noise_question(9)
    model = Counted()
    with refuses(InvalidInput, "calls", value=3):
        run(model, photos=photos, truth=truths, calls=3)
    assert model.sent <= 3


@pytest.mark.parametrize("metric", ["iou", "sufficiency"])
def test_baselines_are_measured_though_the_time_is_over(metric):
    found = run(truth=OBJECT, metric=metric, seconds=1e-9, trials=20)
    assert found.ended == "seconds"
    assert all(isinstance(one, float) for one in found.baselines.values())
    with_calls = run(truth=OBJECT, metric=metric, calls=250, trials=20)
    assert with_calls.ended == "calls"
    assert all(isinstance(one, float) for one in with_calls.baselines.values())
