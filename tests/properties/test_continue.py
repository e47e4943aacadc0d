"""Going on with a run is the straight run, whatever stopped it before; nothing that is known is asked again."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from support.asked import EARLY, EVERY, LIME, METHODS, PHOTO, THREE, Asked, file_of, logits, run
from support.patience import Clock
from support.refusing import refuses

CHECKED = 2
"""Pictures that a model from elsewhere is asked for once more, to see that it is the one that answered before."""


def check_asked_once(pictures, evaluations, name):
    assert len(pictures) == evaluations
    if name != "ensemble":  # where two segmentations may happen to share a region
        assert len(set(pictures)) == evaluations


def cancelled_at(calls):
    """Return a function that says True from the ``calls``-th time on."""
    asked = []

    def cancel():
        asked.append(None)
        return len(asked) >= calls

    return cancel


# --- more samples -------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize(("few", "many"), [(64, 200), (101, 102), (75, 333)])
def test_more_samples_give_the_file_of_the_straight_run(name, few, many, tmp_path):
    method, model = METHODS[name], Asked()
    straight = run(method.replace(n_samples=many))

    found = run(method.replace(n_samples=few), model).continue_(n_samples=many, batch_size=7)

    assert file_of(found, tmp_path) == file_of(straight, tmp_path)
    assert found.complete
    assert len(found.samples) == many
    check_asked_once(model.pictures, found.n_evaluations, name)


@EVERY
def test_a_loaded_result_goes_on_with_another_object_for_the_same_model(name, tmp_path):
    method, model = METHODS[name], Asked()
    before = seewhy.load(run(method.replace(n_samples=77)).save(tmp_path / "before"))

    found = before.continue_(n_samples=180, model=model, batch_size=64)

    assert file_of(found, tmp_path) == file_of(run(method.replace(n_samples=180)), tmp_path)
    again, new = model.pictures[:CHECKED], model.pictures[CHECKED:]
    check_asked_once(new, found.n_evaluations - before.n_evaluations, name)
    assert not set(again) & set(new)


@THREE
def test_going_on_step_by_step_is_one_run(name, tmp_path):
    method, model = METHODS[name], Asked()
    found = run(method.replace(n_samples=66), model)
    for n in (67, 100, 131, 250):
        found = found.continue_(n_samples=n)

    assert file_of(found, tmp_path) == file_of(run(method.replace(n_samples=250)), tmp_path)
    check_asked_once(model.pictures, found.n_evaluations, name)


@EVERY
def test_a_run_that_is_complete_asks_nothing_when_it_goes_on(name, tmp_path):
    model = Asked()
    before = run(METHODS[name].replace(n_samples=80), model)
    calls = model.calls

    found = before.continue_()

    assert file_of(found, tmp_path) == file_of(before, tmp_path)
    assert model.calls == calls


def test_a_design_that_ends_is_not_gone_beyond(tmp_path):
    method = LIME.replace(segmentation=seewhy.Grid(rows=2, columns=3), design="exhaustive", n_samples=40)

    found = run(method).continue_(n_samples=1000)

    assert file_of(found, tmp_path) == file_of(run(method.replace(n_samples=1000)), tmp_path)
    assert (len(found.samples), found.stop.by) == (64, "design")


# --- stopped somewhere --------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("call", [9, 11, 12])
def test_a_run_interrupted_inside_the_model_goes_on_to_the_straight_one(name, call, tmp_path):
    method = METHODS[name].replace(n_samples=150)
    stopped = run(method, Asked(interrupt=call))
    model = Asked()

    found = seewhy.load(stopped.save(tmp_path / "stopped")).continue_(model=model)

    assert (stopped.complete, stopped.stop.by) == (False, "interrupted")
    assert len(stopped.samples) < 150
    assert file_of(found, tmp_path) == file_of(run(method), tmp_path)
    assert len(model.pictures) == found.n_evaluations - stopped.n_evaluations + CHECKED


@EVERY
@pytest.mark.parametrize("call", [9, 11])
def test_a_run_cancelled_between_batches_goes_on_to_the_straight_one(name, call, tmp_path):
    method = METHODS[name].replace(n_samples=150)
    stopped = run(method, cancel=cancelled_at(call))

    found = seewhy.load(stopped.save(tmp_path / "stopped")).continue_(model=Asked())

    assert (stopped.complete, stopped.stop.by) == (False, "cancelled")
    assert file_of(found, tmp_path) == file_of(run(method), tmp_path)


@pytest.mark.slow
@THREE
def test_a_run_stopped_again_and_again_is_the_straight_one_in_the_end(name, tmp_path):
    method = METHODS[name].replace(n_samples=None, tolerance=0.1, max_evaluations=400)
    found = run(method, cancel=cancelled_at(9))
    pictures, evaluations = [], found.n_evaluations
    for stop in range(200):
        model = Asked(interrupt=4 if stop % 2 else None)
        cancel = None if stop % 2 else cancelled_at(4)
        found = seewhy.load(found.save(tmp_path / "stopped")).continue_(model=model, cancel=cancel, batch_size=24)
        pictures += model.pictures[CHECKED:]
        if found.complete:
            break

    assert found.complete
    check_asked_once(pictures, found.n_evaluations - evaluations, name)
    assert file_of(found, tmp_path) == file_of(run(method), tmp_path)


@pytest.mark.parametrize("call", range(2, 12))
def test_lime_may_be_stopped_at_any_call(call, tmp_path):
    method = LIME.replace(n_samples=50, design="bernoulli")
    model = Asked(interrupt=call)
    if call == 2:  # only the row that keeps everything is known
        with pytest.raises(KeyboardInterrupt):
            run(method, model, batch_size=5)
        return

    found = run(method, model, batch_size=5).continue_()

    assert file_of(found, tmp_path) == file_of(run(method), tmp_path)


@pytest.mark.parametrize("name", EARLY)
def test_a_run_stopped_early_keeps_what_there_is_or_says_that_it_is_too_little(name):
    try:
        found = run(EARLY[name].replace(n_samples=100), Asked(interrupt=3), batch_size=2)
    except (KeyboardInterrupt, seewhy.Cancelled):
        return
    assert not found.complete


@THREE
def test_what_was_answered_before_a_model_failed_is_kept_and_goes_on(name, tmp_path):
    method, file = METHODS[name].replace(n_samples=250), tmp_path / "kept.seewhy"

    def failing(batch):
        if len(model.pictures) > 150:
            raise RuntimeError("gone")
        return logits(batch)

    model = Asked(scores=failing)
    with pytest.raises(RuntimeError, match="gone") as raised:
        run(method, model, checkpoint=file)

    kept = seewhy.load(file)
    assert 100 < len(kept.samples) < 250
    assert (kept.complete, kept.stop.by) == (False, "interrupted")
    said = f"the first {len(kept.samples)} samples are in {file}, and seewhy resume continues from there"
    assert said in raised.value.__notes__
    assert file_of(kept.continue_(model=Asked()), tmp_path) == file_of(run(method), tmp_path)
    with pytest.raises(RuntimeError, match="gone"):
        kept.continue_(model=Asked(scores=failing), checkpoint=file)
    assert len(seewhy.load(file).samples) == len(kept.samples)


# --- aims ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@EVERY
@pytest.mark.parametrize("tolerance", [0.2, 0.05])
def test_a_smaller_tolerance_gives_the_file_of_the_straight_run(name, tolerance, tmp_path):
    method, model = METHODS[name].replace(max_evaluations=500), Asked()
    before = run(method.replace(tolerance=0.5), model)

    found = seewhy.load(before.save(tmp_path / "before")).continue_(tolerance=tolerance, model=model)

    assert file_of(found, tmp_path) == file_of(run(method.replace(tolerance=tolerance)), tmp_path)
    assert len(found.samples) >= len(before.samples)
    del model.pictures[before.n_evaluations : before.n_evaluations + CHECKED]
    check_asked_once(model.pictures, found.n_evaluations, name)


def test_a_number_is_followed_by_an_aim_and_an_aim_by_a_number(tmp_path):
    before = run(LIME.replace(n_samples=30))

    aimed = before.continue_(tolerance=0.05, max_evaluations=600)
    numbered = run(LIME.replace(tolerance=0.5, max_evaluations=600)).continue_(n_samples=700)

    assert file_of(aimed, tmp_path) == file_of(run(LIME.replace(tolerance=0.05, max_evaluations=600)), tmp_path)
    straight = LIME.replace(n_samples=700, tolerance=0.5, max_evaluations=600)
    assert file_of(numbered, tmp_path) == file_of(run(straight), tmp_path)


def test_the_strongest_told_apart_is_an_aim_too(tmp_path):
    method = LIME.replace(until="top1", max_evaluations=500)

    found = run(LIME.replace(n_samples=40), targets="top1").continue_(until="top1", max_evaluations=500)

    assert file_of(found, tmp_path) == file_of(run(method, targets="top1"), tmp_path)


def test_a_number_takes_the_place_of_the_strongest_told_apart():
    found = run(LIME.replace(until="top1", max_evaluations=100)).continue_(n_samples=200)

    assert len(found.samples) == 200


@EVERY
def test_a_looser_aim_drops_no_samples_and_asks_nothing(name, tmp_path):
    model = Asked()
    before = run(METHODS[name].replace(n_samples=300), model)
    calls = model.calls

    found = before.continue_(tolerance=1.0)

    assert model.calls == calls
    np.testing.assert_array_equal(found.samples.scores, before.samples.scores)
    np.testing.assert_array_equal(found.heatmap(), before.heatmap())
    assert file_of(seewhy.load(found.save(tmp_path / "looser")), tmp_path) == (tmp_path / "looser").read_bytes()


def test_fewer_samples_than_there_are_are_refused():
    with refuses(InvalidInput, "n_samples", value=50):
        run(LIME.replace(n_samples=100)).continue_(n_samples=50)


def test_more_time_is_all_that_a_run_out_of_time_needs(tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        slow = Clock(patch).taking(0.05, logits)
        before = run(LIME.replace(n_samples=100, max_seconds=0.12), Asked(scores=slow), batch_size=8)
    assert (before.stop.by, before.complete) == ("max-seconds", True)
    assert 2 <= len(before.samples) < 100

    found = before.continue_(max_seconds=1000, model=Asked())

    assert file_of(found, tmp_path) == file_of(run(LIME.replace(n_samples=100, max_seconds=1000)), tmp_path)


# --- what is refused ----------------------------------------------------------------------------------------


def test_another_model_is_refused_before_it_is_asked():
    before, other = run(LIME.replace(n_samples=40)), Asked(name="another")

    for go_on in (before.continue_, before.smallest_region):
        with refuses(InvalidInput, "model", value="test:another"):
            go_on(model=other)
    assert other.calls == 0


@THREE
def test_settings_that_are_not_about_the_amount_are_refused(name):
    model = Asked()
    before = run(METHODS[name].replace(n_samples=70), model)
    calls = model.calls

    for setting in sorted({*type(before.method).model_fields, "nonsense"} - {"name", *seewhy.engine.stopping.AMOUNT}):
        with refuses(InvalidInput, setting, rule="amount"):
            before.continue_(n_samples=100, **{setting: 1})
    assert model.calls == calls


def test_amounts_are_checked_like_settings():
    before = run(LIME.replace(n_samples=40))

    with refuses(InvalidInput, "n_samples", value=1):
        before.continue_(n_samples=1)
    with refuses(InvalidInput, "Lime.until", value=100):
        before.continue_(n_samples=100, until="top2")
    with refuses(InvalidInput, "Rise.until", value="top2"):
        run(seewhy.Rise(grid=4, n_samples=40)).continue_(until="top2")


def _counting():
    asked = 0

    def model(batch):
        nonlocal asked
        asked += len(batch)
        return logits(batch)

    return model


def test_another_function_of_the_same_name_is_refused(tmp_path):
    one, other = (lambda batch: 1 * logits(batch)), (lambda batch: 2 * logits(batch))
    before = seewhy.explain(PHOTO, model=one, method=LIME.replace(n_samples=40))

    for found in (before, before.refit(kernel="none"), before.continue_(n_samples=60)):
        with refuses(InvalidInput, "model", rule="be the function of the saved result"):
            found.continue_(n_samples=80, model=other)
    assert len(before.continue_(n_samples=80, model=one).samples) == 80
    loaded = seewhy.load(before.save(tmp_path / "before"))
    assert len(loaded.continue_(n_samples=80, model=one).samples) == 80


def test_a_function_whose_own_values_change_goes_on():
    model = _counting()
    before = seewhy.explain(PHOTO, model=model, method=LIME.replace(n_samples=40))

    assert len(before.continue_(n_samples=80, model=model).samples) == 80
