"""The layout of arrays in memory changes nothing: samples have one, and no estimator depends on it."""

from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, LinearRegression

import seewhy
from seewhy.compat.fitting import SELECTIONS, exponential, fit_label, weights_of
from seewhy.estimation import attribution, intervals
from seewhy.estimation.fidelity import corrected
from seewhy.estimation.kernels import KERNELS
from seewhy.estimation.kernels.segment_sums import SegmentSums
from seewhy.estimation.surrogate import SURROGATES, WeightedSums
from seewhy.images.scene import Scene
from seewhy.metrics.held_out import r2
from seewhy.sampling.blocks import Block, cut, join
from seewhy.sampling.samples import Answers, Recorder, Samples, merge
from support.layouts import LAYOUTS, is_canonical, unsorted
from support.refitting import ENSEMBLE, LIME, RISE, run

WAYS = LAYOUTS | {"unsorted": unsorted}
EVERY = pytest.mark.parametrize("way", WAYS)
KERNELS_OF_ROWS = sorted(set(KERNELS) - {"shapley", "custom"})  # custom: a function of somebody's own
UNITS = ("probability", "log-odds", "score")
SHAPLEY = LIME.replace(design="shapley", kernel="shapley")


def surrogate(name):
    return ElasticNet(alpha=1e-3) if name == "regressor" else name


ESTIMATORS = {
    **{
        f"{name}, {kernel}, {unit}": LIME.replace(surrogate=surrogate(name), kernel=kernel, unit=unit)
        for (name, kernel), unit in zip(product(SURROGATES, KERNELS_OF_ROWS), UNITS * 9, strict=False)
    },
    **{f"least-squares, none, {unit}": LIME.replace(kernel="none", unit=unit) for unit in UNITS},
    **{
        f"{how}, {name}": LIME.replace(surrogate=name, feature_selection=how, num_features=4)
        for how, name in (("highest-weights", "least-squares"), ("forward-selection", "ridge"), ("lasso-path", "lasso"))
    },
    "shapley values": SHAPLEY,
    "drawn by size": LIME.replace(design="shapley"),
    "coin flips": LIME.replace(design="bernoulli", n_samples=90),
    **{f"rise, {name}": RISE.replace(estimator=name) for name in ("controlled", "centered", "ratio", "reference")},
    "rise, few masks": RISE.replace(n_samples=9),
    "occlusion": seewhy.METHODS["occlusion"](window=8, stride=4),
    **{f"ensemble, {name}": ENSEMBLE.replace(weighting=name) for name in ("value", "root-area", "density")},
}


def test_all_surrogates_kernels_and_methods_are_tried_here():
    assert {method.name for method in ESTIMATORS.values()} == set(seewhy.METHODS) - {"auto"}
    limes = [method for method in ESTIMATORS.values() if method.name == "lime"]
    assert {method.surrogate.name for method in limes} == set(SURROGATES)
    assert {method.kernel.name for method in limes} == set(KERNELS) - {"custom"}
    assert {method.unit for method in limes} >= set(UNITS)


# --- samples -----------------------------------------------------------------------------------------------


def check_samples(samples):
    kinds = {"bits": np.uint8, "shifts": np.uint16, "parts": np.uint16, "scores": np.float32}
    for name, dtype in kinds.items():
        array = getattr(samples, name)
        assert array is None or is_canonical(array, dtype), name
    for answers in (samples.answers, samples.untouched):
        assert is_canonical(answers.scores, np.float32)
        assert answers.excess is None or is_canonical(answers.excess, np.float32)


@pytest.mark.parametrize("method", [LIME, LIME.replace(n_samples=57), RISE, ENSEMBLE, SHAPLEY])
def test_samples_of_a_run_a_file_a_part_and_of_both_have_the_same_layout(method, tmp_path):
    live = run(method)
    loaded = seewhy.load(live.save(tmp_path / "file"))

    some = [live.samples, loaded.samples, live.samples.head(20), live.samples.rows(slice(3, 4))]
    some += [live.samples.rows(slice(0, 20, 3)), live.samples.rows(np.arange(5)), merge(live.samples, loaded.samples)]
    for samples in some:
        check_samples(samples)
        assert is_canonical(samples.block(slice(0, 1)).coalitions, np.bool_)
        assert is_canonical(samples.block(np.arange(len(samples))).coalitions, np.bool_)


@EVERY
def test_samples_are_brought_into_it_however_they_are_made(way):
    turned, given = WAYS[way], run(RISE, keep_scores="all").samples
    answers = replace(given.answers, scores=turned(given.scores), excess=turned(given.answers.excess))
    made = replace(given, bits=turned(given.bits), shifts=turned(given.shifts), answers=answers)
    rows = given.block(slice(None))
    recorder = Recorder(given.d, given.untouched)
    recorder.ask(Block(turned(rows.coalitions), turned(rows.shifts)))

    for samples in (made, recorder.samples(), Samples.head(made, 7)):
        check_samples(samples)
    np.testing.assert_array_equal(recorder.samples().asked(), given.asked())
    of = [Answers.of(one, "logit", (0, 3)) for one in (turned(given.scores), given.scores)]
    assert of[0].excess.tobytes() == of[1].excess.tobytes()
    assert of[0].scores.tobytes() == of[1].scores.tobytes()


def test_a_room_for_answers_is_shared_by_its_parts():
    samples = run().samples
    part = samples.head(8)
    part.answers.put(slice(0, 1), Answers(part.kind, part.classes, part.scores[:1] + 1, part.answers.excess[:1]))

    assert samples.scores[0, 0] == part.scores[0, 0]


# --- estimators --------------------------------------------------------------------------------------------


def same(one, other):
    """Return whether two values, whatever they hold, are the same to the byte."""
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, attribution.SegmentAttribution | attribution.MapAttribution | intervals.Spread):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return one == other


@pytest.mark.slow
@pytest.mark.parametrize("case", ESTIMATORS)
def test_an_estimator_gives_the_same_bytes_for_every_layout(case, monkeypatch):
    method, block = ESTIMATORS[case], Samples.block
    before = run(method)
    samples, target, plain = before.samples, before.targets[0], before.scene
    scores = target.read(samples)
    expected = method.estimate(samples, plain, scores)

    for name, turned in WAYS.items():
        scene = Scene(plain.pixels, plain.fill, plain.segments, plain.seed, list(plain.drawn))
        monkeypatch.setattr(Samples, "block", turned_blocks(block, turned))
        assert same(method.estimate(samples, scene, turned(scores)), expected), name
        if expected.spread is not None:
            assert same(method.spread(samples, scene, turned(scores)), expected.spread), name


def turned_blocks(block, turned):
    def blocks(self, place):
        found = block(self, place)
        return found._replace(coalitions=turned(found.coalitions))

    return blocks


@EVERY
def test_a_scene_has_the_layout_too(way):
    plain, turned = run().scene, WAYS[way]
    scene = Scene(turned(plain.pixels), turned(plain.fill), turned(plain.segments))

    assert is_canonical(scene.pixels, np.float32)
    assert is_canonical(scene.fill, np.float32)
    assert is_canonical(scene.segments, np.int32)


@EVERY
def test_masks_and_distances_do_not_depend_on_it(way):
    turned = WAYS[way]
    for method in (RISE, LIME, ENSEMBLE):
        before = run(method)
        block, masks = before.samples.block(slice(None)), before.method.masks(before.scene)
        other = block._replace(coalitions=turned(block.coalitions))
        assert same(masks(block), np.asarray(masks(other)))
    sums = SegmentSums(run().scene)
    rows = run().samples.block(slice(None)).coalitions
    for name in KERNELS_OF_ROWS:
        kernel = LIME.replace(kernel=name).kernel
        assert same(kernel(rows, sums), np.asarray(kernel(turned(rows), sums)))


@EVERY
def test_sums_spreads_and_corrections_do_not_depend_on_it(way):
    turned, rng = WAYS[way], np.random.default_rng(0)
    x, y, weights = rng.random((40, 5)) < 0.5, rng.normal(size=40), rng.random(40)
    exact = np.where(np.arange(40) % 4 < 2, y + 0.1 * x[:, 0], np.nan)
    covariance = np.cov(rng.normal(size=(5, 60)))
    samples = run(LIME.replace(n_samples=40)).samples

    def sums(way):
        found = WeightedSums(5, 0.0)
        found.update(way(x), way(y), way(weights))
        return np.append(found.xx.ravel(), found.xy)

    def bound(way):
        spread = intervals.Spread(way(y[:5]), way(covariance), 20)
        return spread.bound(0.05), spread.simultaneous(), spread.same_top(3), spread.error

    readings = [
        sums,
        bound,
        lambda way: intervals.meat([way(rng_rows)], draw=2)[0],
        lambda way: intervals.jackknife(y[:5], [way(y[i : i + 5]) for i in range(9)]).covariance,
        lambda way: corrected(samples, way(y), way(exact)),
        lambda way: r2(way(y), way(y + 0.1 * x[:, 0]), way(weights)),
    ]
    rng_rows = rng.normal(size=(40, 5))
    for reading in readings:
        assert same(reading(turned), reading(np.asarray))


@EVERY
@pytest.mark.parametrize("how", SELECTIONS.values())
@pytest.mark.parametrize("regressor", [None, LinearRegression()], ids=["ridge", "regressor"])
def test_fits_of_the_calls_of_lime_do_not_depend_on_it(way, how, regressor):
    turned, rng = WAYS[way], np.random.default_rng(0)
    x, y = rng.random((60, 8)) < 0.5, rng.normal(size=60)

    def fitted(way):
        weights = weights_of(way(x), "cosine", exponential, 0.25)
        found = fit_label(way(x), way(y), way(weights), how=how, num_features=3, regressor=regressor)
        return found.weights, float(found.intercept), found.score

    assert same(fitted(turned), fitted(np.asarray))


def test_rows_of_a_design_that_are_cut_and_joined_lead_to_the_same_masks():
    before = run(RISE)
    masks = before.method.masks(before.scene)
    whole = next(before.method.rows(masks, 0))
    pieces = [cut(whole, slice(0, 6)), cut(whole, slice(6, None))]

    assert same(masks(join(pieces)), np.concatenate([masks(piece) for piece in pieces]))
