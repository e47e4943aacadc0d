"""Samples read again under other settings: as if they had been asked for at first, and the model hears nothing."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Ridge

import seewhy
from seewhy.core.errors import FileError, InvalidInput
from seewhy.estimation import kernels
from seewhy.explanation.recorded_method import RecordedMethod
from seewhy.models import FunctionModel
from support.refitting import BLOCKS, ENSEMBLE, LIME, PHOTO, RISE, Counting, order, run, same_file
from support.refusing import refuses


def steep(distance):
    return np.exp(-8 * distance)


SELECTED = {"feature_selection": "highest-weights", "num_features": 4}
CHANGES = {
    "cosine": (LIME, {"kernel": seewhy.Cosine(width=0.4)}),
    "no kernel": (LIME, {"kernel": "none"}),
    "inverse l2": (LIME, {"kernel": "inverse-l2"}),
    "image cosine": (LIME, {"kernel": "image-cosine"}),
    "image similarity": (LIME, {"kernel": "image-similarity"}),
    "a function": (LIME, {"kernel": seewhy.CustomKernel(function=steep)}),
    "image cosine of a blur": (LIME.replace(fill="blur"), {"kernel": seewhy.ImageCosine(width=0.7)}),
    "shapley kernel": (LIME.replace(design="shapley"), {"kernel": "shapley"}),
    "away from the shapley kernel": (LIME.replace(design="shapley", kernel="shapley"), {"kernel": "cosine"}),
    "ridge": (LIME, {"surrogate": seewhy.Ridge(alpha=3.0)}),
    "lasso": (LIME, {"surrogate": seewhy.Lasso(alpha=0.002)}),
    "bayesian": (LIME, {"surrogate": "bayesian-ridge"}),
    "least squares": (LIME.replace(surrogate="ridge"), {"surrogate": "least-squares"}),
    "a regressor": (LIME, {"surrogate": ElasticNet(alpha=1e-3)}),
    "another regressor": (LIME.replace(surrogate=Ridge()), {"surrogate": ElasticNet(alpha=1e-3)}),
    "highest weights": (LIME, SELECTED),
    "forward selection": (LIME, {"feature_selection": "forward-selection", "num_features": 3}),
    "lasso path": (LIME, {"feature_selection": "lasso-path", "num_features": 5, "surrogate": "ridge"}),
    "auto selection": (LIME, {"num_features": 2}),
    "all features again": (LIME.replace(**SELECTED), {"feature_selection": "auto", "num_features": None}),
    "lime in log-odds": (LIME, {"unit": "log-odds"}),
    "lime in logits": (LIME, {"unit": "score"}),
    "lime, fewer": (LIME, {"n_samples": 64}),
    "lime, fewer and odd": (LIME, {"n_samples": 57}),
    "lime, two": (LIME, {"n_samples": 2}),
    "lime of coin flips, fewer and odd": (LIME.replace(design="bernoulli"), {"n_samples": 33}),
    "lime, much at once": (LIME, {"n_samples": 71, "unit": "log-odds", "kernel": "none", "surrogate": "ridge"}),
    "occlusion in log-odds": (seewhy.Occlusion(window=8, stride=8), {"unit": "log-odds"}),
    "centered": (RISE, {"estimator": "centered"}),
    "ratio": (RISE, {"estimator": "ratio"}),
    "reference": (RISE, {"estimator": "reference"}),
    "controlled": (RISE.replace(estimator="ratio", keep=0.3), {"estimator": "controlled"}),
    "rise in log-odds": (RISE, {"unit": "log-odds"}),
    "rise, fewer": (RISE, {"n_samples": 80}),
    "rise, fewer and odd": (RISE, {"n_samples": 61, "estimator": "centered"}),
    "value": (ENSEMBLE, {"weighting": "value"}),
    "density": (ENSEMBLE, {"weighting": "density"}),
    "blocks alike": (ENSEMBLE, {"averaging": "equal"}),
    "not smoothed": (ENSEMBLE, {"smoothing": "none"}),
    "ensemble in probability": (ENSEMBLE, {"unit": "probability"}),
    "ensemble, fewer": (ENSEMBLE, {"n_samples": 64}),
    "ensemble, fewer and odd": (ENSEMBLE, {"n_samples": 51, "weighting": "density"}),
}


@pytest.mark.parametrize("case", CHANGES)
def test_refitted_samples_give_the_file_of_a_run_with_those_settings(case, tmp_path):
    method, changes = CHANGES[case]
    model = Counting()
    before = run(method, model)
    straight = run(method.replace(**changes))
    asked = model.pictures

    found = before.refit(**changes)

    assert same_file(found, straight, tmp_path)
    assert found.method == straight.method
    assert found.warnings == straight.warnings
    assert model.pictures == asked


@pytest.mark.parametrize("case", CHANGES)
def test_a_loaded_result_is_refitted_like_the_one_that_was_saved(case, tmp_path):
    method, changes = CHANGES[case]
    before = run(method)

    found = seewhy.load(before.save(tmp_path / "before")).refit(**changes)

    assert same_file(found, before.refit(**changes), tmp_path)
    assert seewhy.load(found.save(tmp_path / "after")).to_dict() == found.to_dict()


def test_every_free_setting_is_tried_here():
    methods = {name: method for name, method in seewhy.METHODS.items() if name != "auto"}  # its results are another's
    tried = {name: set() for name in methods}
    for method, changes in CHANGES.values():
        tried[method.name] |= set(changes)

    assert tried == {name: set(method().free) for name, method in methods.items()}
    kernels_tried = {getattr(c["kernel"], "name", c["kernel"]) for _, c in CHANGES.values() if "kernel" in c}
    assert kernels_tried == set(kernels.KERNELS)


@pytest.mark.parametrize("method", [LIME, RISE, ENSEMBLE], ids=lambda method: method.name)
def test_refitting_to_and_fro_changes_nothing(method, tmp_path):
    before = run(method)
    other = {"unit": "score"} | ({"kernel": "none"} if method is LIME else {})
    back = {name: getattr(method, name) for name in other}

    assert same_file(before.refit(**other).refit(**back), before, tmp_path)
    assert same_file(before.refit(), before, tmp_path)


def test_a_result_is_not_changed_by_reading_it_again(tmp_path):
    before = run()
    data = before.save(tmp_path / "before").read_bytes()

    before.refit(n_samples=20, unit="score", targets="top3")

    assert before.save(tmp_path / "after").read_bytes() == data
    assert len(before.samples) == 96


def test_a_contrast_stays_one_under_other_settings(tmp_path):
    found = run(targets=["0 vs 1", 2]).refit(kernel="none")

    assert same_file(found, run(LIME.replace(kernel="none"), targets=["0 vs 1", 2]), tmp_path)


def test_classes_are_ranked_among_those_that_were_kept_though_all_lie_below_zero():
    below = FunctionModel(lambda batch: Counting().logits(batch) - 50, kind="score")
    before = run(model=below)

    assert [target.index for target in before.refit(targets="top10").targets] == order(before)


def test_what_was_read_again_can_be_gone_on_with(tmp_path):
    found = run().refit(kernel="none").continue_(n_samples=120)

    assert same_file(found, run(LIME.replace(kernel="none", n_samples=120)), tmp_path)


def test_the_version_stays_that_of_the_samples():
    assert replace(run(), version="0.0.1").refit(kernel="none").version == "0.0.1"


def test_fewer_samples_of_a_run_that_stopped_by_itself(tmp_path):
    before = run(LIME.replace(n_samples=None, until="top1", max_evaluations=200))

    found = before.refit(n_samples=40)

    assert same_file(found, run(LIME.replace(n_samples=40, max_evaluations=200)), tmp_path)
    assert (found.stop.by, len(found.samples)) == ("n-samples", 40)


def test_a_whole_design_that_is_asked_for_by_its_number_is_still_whole(tmp_path):
    method = LIME.replace(segmentation=seewhy.Grid(rows=2, columns=2), design="exhaustive")

    assert same_file(run(method).refit(n_samples=16), run(method.replace(n_samples=16)), tmp_path)


def test_a_partial_run_stays_partial_unless_fewer_samples_are_asked_for():
    asked = []

    def cancel():
        asked.append(None)
        return len(asked) > 4

    partial = run(batch_size=10, cancel=cancel)

    assert not partial.refit(kernel="none").complete
    assert partial.refit(n_samples=20).complete


# --- what needs the model -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [LIME, RISE, ENSEMBLE], ids=lambda method: method.name)
def test_what_needs_the_model_is_refused_by_name(method):
    before = run(method)

    for name in sorted(set(type(method).model_fields) - method.free):
        with refuses(InvalidInput, name, rule="need no model call") as no:
            before.refit(**{name: getattr(method, name)})
        assert str(no.value).endswith(", ".join(sorted(method.free)))


def test_all_that_needs_the_model_is_named_at_once():
    with refuses(InvalidInput, "design, fill, nonsense", rule="need no model call"):
        run().refit(fill="black", unit="score", nonsense=1, design="bernoulli")


@pytest.mark.parametrize("n", [97, 1, 0, -3, 10.0, "10", True], ids=repr)
def test_samples_that_are_not_there_cannot_be_read(n):
    with refuses(InvalidInput, "n_samples", rule="be a whole number from 2 to 96, the number of saved samples"):
        run().refit(n_samples=n)


def test_changes_are_checked_like_settings():
    with refuses(InvalidInput, "Lime.kernel", value="gauss"):
        run().refit(kernel="gauss")
    with refuses(InvalidInput, "Lime.num_features", value="lasso-path"):
        run().refit(feature_selection="lasso-path")
    with refuses(InvalidInput, "unit", value="log-odds"):
        run(model=FunctionModel(Counting().logits, kind="score")).refit(unit="log-odds")


# --- a Python object that a file does not hold --------------------------------------------------------------


def cells(pixels):
    return BLOCKS


def loaded(method, folder):
    found = seewhy.load(run(method).save(folder / "file"))
    assert isinstance(found.method, RecordedMethod)
    return found


def test_a_lost_regressor_is_missed_until_another_takes_its_place(tmp_path):
    method = LIME.replace(surrogate=ElasticNet(alpha=1e-3))
    found = loaded(method, tmp_path)

    np.testing.assert_array_equal(found.values(), run(method).values())
    for changes in ({"kernel": "none"}, {"targets": "top2"}, {"n_samples": 50}):
        with refuses(FileError, "surrogate", value={"name": "regressor", "regressor": "ElasticNet(alpha=0.001)"}):
            found.refit(**changes)
    assert same_file(found.refit(surrogate="lasso"), run(LIME.replace(surrogate="lasso")), tmp_path)
    assert same_file(found.refit(surrogate=ElasticNet(alpha=1e-3)), run(method), tmp_path)
    assert "banzhaf" in found.compare().names


@pytest.mark.parametrize("segmentation", [cells, seewhy.Labels(array=BLOCKS)], ids=["function", "labels"])
def test_a_lost_segmentation_is_not_missed_since_the_segments_are_kept(segmentation, tmp_path):
    method = LIME.replace(segmentation=segmentation)
    found = loaded(method, tmp_path)

    for changes in ({"kernel": "none"}, {"unit": "score", "surrogate": "ridge"}, {"n_samples": 51}):
        assert same_file(found.refit(**changes), run(method.replace(**changes)), tmp_path)
    assert found.compare().names == ("lime", "banzhaf")


def test_a_lost_fill_is_missed_by_whatever_needs_the_picture(tmp_path):
    method = LIME.replace(fill=seewhy.Picture(array=PHOTO[::-1].copy()))
    found = loaded(method, tmp_path)

    np.testing.assert_array_equal(found.values(), run(method).values())
    with refuses(FileError, "fill", rule="be in the result file"):
        found.refit(kernel="image-cosine")
    assert same_file(found, run(method), tmp_path)


def test_several_objects_may_be_lost_and_one_of_them_found_again(tmp_path):
    method = LIME.replace(segmentation=cells, surrogate=Ridge())
    found = loaded(method, tmp_path)
    assert set(found.method.lost) == {"segmentation", "surrogate"}

    refitted = found.refit(surrogate="ridge", kernel="none")

    assert refitted.method.lost == ("segmentation",)
    assert same_file(refitted, run(method.replace(surrogate="ridge", kernel="none")), tmp_path)
    assert same_file(seewhy.load(tmp_path / "one").refit(unit="score"), refitted.refit(unit="score"), tmp_path)


def test_a_lost_kernel_is_missed_by_whatever_reads_the_samples_and_may_be_given_again(tmp_path):
    method = LIME.replace(kernel=steep)
    found = loaded(method, tmp_path)

    np.testing.assert_array_equal(found.values(), run(method).values())
    with refuses(FileError, "kernel", rule="be in the result file"):
        found.refit(unit="score")
    assert same_file(found.refit(kernel=steep, unit="score"), run(method.replace(unit="score")), tmp_path)
