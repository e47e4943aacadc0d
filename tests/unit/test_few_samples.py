"""Too few samples for as many segments, and values of which nothing is known: said, and never sure."""

import numpy as np
import pytest
from skimage import data

import seewhy
from seewhy.models import FunctionModel

PHOTO = np.random.default_rng(0).integers(60, 256, (32, 32, 3), dtype=np.uint8)
D = 16
GRID = seewhy.Grid(rows=4, columns=4)
WEIGHTS = np.zeros((4, 4))
WEIGHTS[0, :2], WEIGHTS[3, 3] = (1.0, 0.5), -0.7


def additive(batch):
    cells = batch.mean(axis=3).reshape(len(batch), 4, 8, 4, 8).mean(axis=(2, 4))
    return (cells * WEIGHTS).sum(axis=(1, 2))[:, None]


MODEL = FunctionModel(additive, kind="score")
TRUTH = (PHOTO.mean(axis=2).reshape(4, 8, 4, 8).mean(axis=(1, 3)) / 255 * WEIGHTS).ravel()


def run(n=None, model=MODEL, **more):
    more = {"segmentation": GRID, "fill": "black", "n_samples": n} | more
    calls = {name: more.pop(name) for name in ("cancel", "targets") if name in more}
    return seewhy.explain(PHOTO, model=model, method=seewhy.Lime(**more), progress=False, **calls)


def few(got):
    return any("too few" in note or "fewer than" in note for note in got.warnings)


def right(got, target=0):
    return np.abs(got.values(target) - TRUTH).max() < 0.01 * np.abs(TRUTH).max()


DESIGNS = ("foldover-hadamard", "antithetic", "bernoulli", "exhaustive", "shapley", "leave-one-out", "drop-fraction")


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("n", [D + 1, D + 2, 24, 2 * D - 2, 2 * D, 38, 40, 64])
def test_values_of_an_additive_model_are_right_or_it_is_said_that_they_are_not(design, n):
    if design == "leave-one-out" and n > D + 1:
        n = D + 1
    got = run(n, design=design)

    free = got.values() - got.values().mean() - (TRUTH - TRUTH.mean()) if design == "drop-fraction" else None
    good = right(got) if free is None else np.abs(free).max() < 0.01
    assert good or few(got)
    if few(got):
        assert got.attributions[0].se is None
        assert got.error is None
        target = got.to_dict()["targets"][0]
        assert target["r2"] is target["error"] is None
        with pytest.raises(seewhy.InvalidInput):
            got.interval()


def test_a_figure_of_too_few_samples_shows_no_success():
    few_said, enough_said = (_words(run(n)) for n in (24, 40))

    assert "R²" not in few_said
    assert "R²" in enough_said


def _words(got):
    figure = got.plot()
    return " ".join(text.get_text() for part in (figure, *figure.axes) for text in part.texts)


@pytest.mark.parametrize("surrogate", ["ridge", "lasso", "bayesian-ridge"])
def test_other_surrogates_say_it_too(surrogate):
    got = run(24, surrogate=surrogate)

    assert few(got)
    assert got.error is None


def test_enough_samples_are_not_too_few():
    for n in (40, 80):  # one block of the default design, and two
        assert not few(run(n))
    got = run(40)
    assert right(got)
    assert got.attributions[0].success == pytest.approx(1)


def test_the_note_names_a_number_that_does():
    note = next(note for note in run(30).warnings if "too few" in note)

    n = int(note.split("n_samples=")[1].split()[0])

    assert not few(run(n))
    assert right(run(n))
    assert "complements" in note


def test_a_run_that_a_limit_ends_there_says_it():
    assert few(run(max_evaluations=29))
    assert few(run(max_evaluations=16))


def test_a_run_that_is_stopped_there_says_it_and_is_right_when_it_goes_on():
    seen = []

    def model(batch):
        seen.extend(batch)
        return additive(batch)

    stopped = seewhy.explain(
        PHOTO,
        model=FunctionModel(model, kind="score"),
        method=seewhy.Lime(segmentation=GRID, fill="black"),
        batch_size=4,
        preflight=False,
        cancel=lambda: len(seen) > 24,
        progress=False,
    )

    assert D < len(stopped.samples) < 2 * D
    assert few(stopped)
    whole = stopped.continue_(n_samples=80)
    assert not few(whole)
    assert right(whole)


def test_it_is_the_same_after_loading(tmp_path):
    got = run(30)
    loaded = seewhy.load(got.save(tmp_path / "few.seewhy"))

    assert loaded.warnings == got.warnings
    assert loaded.to_dict()["targets"] == got.to_dict()["targets"]
    assert loaded.save(tmp_path / "again.seewhy").read_bytes() == (tmp_path / "few.seewhy").read_bytes()


# --- values of which nothing is known


def test_a_segment_that_was_never_chosen_is_not_known_to_be_zero(tmp_path):
    got = run(16, segmentation=seewhy.Grid(rows=2, columns=2), num_features=2)

    zero = got.values() == 0
    low, high = got.interval()
    assert zero.sum() == 2
    assert np.isinf(got.attributions[0].se[zero]).all()
    assert np.isfinite(got.attributions[0].se[~zero]).all()
    assert np.isinf(low[zero]).all()
    assert np.isinf(high[zero]).all()
    assert got.attributions[0].ranks[zero].tolist() == [[1, 4], [1, 4]]
    assert not got.significant()[zero].any()
    values = got.to_dict()["targets"][0]["values"]
    assert all(one["se"] is one["low"] is one["high"] is None for one, none in zip(values, zero, strict=True) if none)
    loaded = seewhy.load(got.save(tmp_path / "two.seewhy"))
    np.testing.assert_array_equal(loaded.attributions[0].se, got.attributions[0].se)
    assert loaded.to_dict()["targets"] == got.to_dict()["targets"]
    got.plot()


def test_a_segment_that_was_never_replaced_is_not_known_either():
    got = run(64, keep=0.97)

    fixed = np.array([one.coalitions.all(axis=0) for _, one in got.samples.blocks()]).all(axis=0)
    assert 0 < fixed.sum() < D
    assert any("kept in every sample" in note for note in got.warnings)
    if got.attributions[0].se is not None:
        assert np.isinf(got.attributions[0].se[fixed]).all()
    assert not got.significant()[fixed].any()


@pytest.mark.parametrize("design", ["auto", "exhaustive"])
def test_a_lasso_that_leaves_nothing_has_no_error(design):
    got = run(
        None, segmentation=seewhy.Grid(rows=2, columns=2), design=design, max_evaluations=65,
        surrogate={"name": "lasso", "alpha": 50.0},
    )  # fmt: skip

    assert not got.values().any()
    assert got.error is None
    assert got.attributions[0].se is None
    assert got.stop.by != "tolerance"
    assert any("every segment 0" in note and "alpha" in note for note in got.warnings)
    assert "error" not in _words(got).split("surrogate predicts")[1].split("the surrogate gives")[0]


@pytest.mark.parametrize("surrogate", ["least-squares", "lasso"])
def test_a_constant_model_is_known_to_have_no_effects(surrogate):
    got = run(None, FunctionModel(lambda batch: np.full((len(batch), 1), 0.3), kind="score"), surrogate=surrogate)

    assert got.error == 0
    assert got.stop.by == "tolerance"


def test_each_of_several_targets_says_it_once():
    both = FunctionModel(lambda batch: np.column_stack([additive(batch), -additive(batch)]), kind="score")

    got = run(30, both, targets=[0, 1])

    assert sum("too few" in note for note in got.warnings) == 1
    assert all(one.se is None for one in got.attributions)


@pytest.mark.parametrize(("asked", "fewer"), [(20, True), (50, True), (30, False)])
def test_far_fewer_segments_than_asked_for_are_said(asked: int, fewer: bool) -> None:
    photo = data.astronaut()[::4, ::4] if fewer else data.coffee()[::4, ::4]
    lime = seewhy.Lime(segmentation=seewhy.Slic(n_segments=asked), n_samples=200)
    found = seewhy.explain(photo, model=lambda batch: batch.mean((1, 2, 3)), method=lime, progress=False)

    assert (found.samples.d < 0.75 * asked) == fewer
    said = f"SLIC made {found.samples.d} of the {asked} segments asked for; ask for more to get as many"
    assert (said in found.warnings) == fewer
