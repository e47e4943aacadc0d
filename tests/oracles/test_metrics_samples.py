"""Metrics of held-out rows and of samples against brute force, planted truth and scikit-learn."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import rankdata
from scipy.stats import t as student
from sklearn.linear_model import LinearRegression

import seewhy
from seewhy.metrics import METRICS, Candidate, NotMeasured, Question, held_out
from seewhy.models import FunctionModel
from support.pictures import PHOTO as CAT


class Recording(FunctionModel):
    """Keeps every picture that it is shown."""

    def __init__(self, function, **more):
        super().__init__(lambda batch: (self.pictures.extend(batch), function(batch))[1], **more)
        self.pictures = []


# --- rows that were not seen -----------------------------------------------------------------------------

GRID = seewhy.Grid(rows=3, columns=4)
BLOCKS = (np.arange(24)[:, None] // 8 * 4 + np.arange(32) // 8).astype(np.int32)
SMALL = np.random.default_rng(2).integers(20, 256, (24, 32, 3), dtype=np.uint8)
WIDE = np.random.default_rng(3).normal(size=(24, 32, 3)) / 30
LIME = seewhy.Lime(segmentation=GRID, fill="black", n_samples=200)


def linear(batch):
    return np.einsum("bhwc,hwc->b", batch.astype(np.float64), WIDE)


def mixed(batch):
    worth = (batch.astype(np.float64) * WIDE).sum(axis=3).reshape(len(batch), -1)
    parts = np.stack([worth[:, (i == BLOCKS).ravel()].sum(axis=1) for i in range(12)], axis=1)
    return parts.sum(axis=1) + 30 * parts[:, 0] * parts[:, 5] - 300 * parts[:, 2] * parts[:, 7] * parts[:, 9]


def parity(batch):
    """Nothing but all twelve together: whether an even number of squares is there."""
    here = batch[:, 4::8, 4::8].max(axis=3).reshape(len(batch), -1) > 0
    return 1.0 - 2.0 * (here.sum(axis=1) % 2)


def cosine(kept, width=0.25):
    return np.sqrt(np.exp(-((1 - np.sqrt(kept.mean(axis=1))) ** 2) / width**2))


def explained(function, method=LIME, **more):
    model = FunctionModel(function, **more)
    found = seewhy.explain(SMALL, model=model, method=method, targets=0, seed=5)
    return Question.of(SMALL, model=model, target=0), Candidate.of(found)


def measured(name, function, method=LIME, **more):
    asked, candidate = explained(function, method, **more)
    return METRICS[name].measure(asked, candidate)


def test_the_surrogate_of_an_additive_model_predicts_rows_it_has_not_seen():
    found = measured("r2", linear)

    assert found.value == pytest.approx(1, abs=1e-6)
    assert found.low == pytest.approx(1, abs=1e-6)


def test_no_surrogate_predicts_what_only_all_segments_together_say():
    assert measured("r2", parity).value < 0.05


@pytest.mark.parametrize(
    "method",
    [
        LIME,
        LIME.replace(design="bernoulli", kernel={"name": "cosine", "width": 0.1}),
        LIME.replace(design="antithetic", surrogate="ridge"),
    ],
    ids=["pairs", "coin flips, narrow kernel", "ridge"],
)
def test_r2_is_what_numpy_finds_in_the_pictures_that_were_asked(method):
    model = Recording(mixed)
    explanation = seewhy.explain(SMALL, model=model, method=method, targets=0, seed=5)
    asked = Question.of(SMALL, model=model, target=0)
    model.pictures.clear()

    found = METRICS["r2"].measure(asked, Candidate.of(explanation))

    shown = np.stack(model.pictures)
    kept = shown[:, 4::8, 4::8].max(axis=3).reshape(-1, 12) > 0
    seen = {row.tobytes() for _, block in explanation.samples.blocks() for row in block.coalitions}
    assert not any(row.tobytes() in seen for row in kept)
    assert 110 <= len(kept) == asked.calls - 1 <= 128
    wanted = mixed(shown)
    weights = cosine(kept, method.kernel.width)
    predicted = explanation.attributions[0].intercept + kept @ explanation.values()
    mean = (weights * wanted).sum() / weights.sum()
    by_hand = 1 - (weights * (wanted - predicted) ** 2).sum() / (weights * (wanted - mean) ** 2).sum()
    assert found.value == pytest.approx(by_hand, abs=1e-5)
    assert 0.1 < found.value < 0.95
    assert found.low < found.value < found.high


@pytest.mark.slow
def test_r2_of_many_other_rows_lies_in_the_interval(monkeypatch):
    """Every coalition of twelve segments, each as likely: what the interval is about."""
    monkeypatch.setattr(held_out, "_RESAMPLES", 300)
    kept = (np.arange(4096)[:, None] >> np.arange(12)) % 2 == 1
    pictures = SMALL / 255 * np.kron(kept.reshape(-1, 3, 4), np.ones((1, 8, 8)))[..., None]
    wanted = np.concatenate([mixed(some) for some in np.array_split(pictures, 16)])
    inside = []
    for seed in range(30):
        asked, candidate = explained(mixed)
        asked.seed = seed
        other = replace(candidate.explanation, seed=100 + seed)  # other rows, the same values
        found = METRICS["r2"].measure(asked, replace(candidate, explanation=other))
        predicted = other.attributions[0].intercept + kept @ other.values()
        weights = cosine(kept)
        away = wanted - np.average(wanted, weights=weights)
        truth = 1 - (weights @ (wanted - predicted) ** 2) / (weights @ away**2)
        inside.append(found.low <= truth <= found.high)

    assert np.mean(inside) >= 0.85


def test_only_a_surrogate_of_coalitions_can_predict():
    shapley = LIME.replace(design="shapley", kernel="shapley", n_samples=None)
    for method in (seewhy.Rise(grid=4, n_samples=64), shapley):
        with pytest.raises(NotMeasured, match="surrogate"):
            measured("r2", linear, method)
    for design in ("exhaustive", "leave-one-out"):
        with pytest.raises(NotMeasured, match="were evaluated before"):
            measured("r2", linear, LIME.replace(design=design, n_samples=None))
    with pytest.raises(NotMeasured, match="never changes"):
        measured("r2", lambda batch: np.ones(len(batch)))


# --- what the samples say --------------------------------------------------------------------------------


def fitted(explanation, place):
    """The values of some rows, by scikit-learn."""
    kept = explanation.samples.block(place).coalitions
    scores = explanation.samples.scores[place, 0].astype(np.float64)
    return LinearRegression().fit(kept, scores, sample_weight=cosine(kept)).coef_


@pytest.mark.parametrize(
    ("design", "n", "half"),
    [("foldover-hadamard", 200, 96), ("foldover-hadamard", 96, 64), ("bernoulli", 150, 64), ("antithetic", 256, 128)],
)
def test_halves_of_lime_are_those_that_scikit_learn_fits(design, n, half):
    """Rows of a block stay together: 32 for foldover-hadamard, as 16 is the next order above 12; else 64."""
    asked, candidate = explained(mixed, LIME.replace(design=design, n_samples=n))
    explanation = candidate.explanation
    one, other = (fitted(explanation, place) for place in (slice(0, half), slice(half, n)))

    found = METRICS["split-half"].measure(asked, candidate)

    segments = explanation.segments.ravel()
    assert found.value == pytest.approx(np.corrcoef(one[segments], other[segments])[0, 1], abs=1e-5)
    assert found.value < 0.99999


def test_halves_of_rise_are_sums_of_scores_and_masks():
    method = seewhy.Rise(grid=4, n_samples=128, estimator="reference", keep=0.4)
    asked, candidate = explained(mixed, method)
    explanation = candidate.explanation
    masks = method.masks(explanation.scene)
    maps = []
    for place in (slice(0, 64), slice(64, 128)):
        shown = masks(explanation.samples.block(place))
        maps.append(np.tensordot(explanation.samples.scores[place, 0], shown, 1) / (64 * 0.4))

    found = METRICS["split-half"].measure(asked, candidate)

    assert found.value == pytest.approx(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1], abs=1e-4)


def test_halves_of_an_ensemble_are_averages_over_their_segmentations():
    plain = {"weighting": "value", "averaging": "equal", "smoothing": "none"}
    method = seewhy.EnsembleLime(n_segments=(4, 8), fill="black", n_samples=150, unit="score", **plain)
    asked, candidate = explained(mixed, method)
    explanation, samples = candidate.explanation, candidate.explanation.samples
    maps = []
    for index in np.unique(samples.parts):
        rows = np.flatnonzero(samples.parts == index)
        segments = explanation.scene_segments[index]
        d = segments.max() + 1
        kept = samples.block(rows).coalitions[:, :d]
        if len(rows) < 2 * (d + 1):
            continue  # the last block was cut
        maps.append((len(rows), LinearRegression().fit(kept, samples.scores[rows, 0]).coef_[segments]))
    ends = np.cumsum([n for n, _ in maps])
    first = int(np.searchsorted(ends, 75)) + 1  # blocks up to the one that row 75 is in
    one, other = (np.mean([heat for _, heat in part], axis=0).ravel() for part in (maps[:first], maps[first:]))

    found = METRICS["split-half"].measure(asked, candidate)

    assert found.value == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-4)


@pytest.mark.parametrize(
    "method",
    [
        LIME.replace(n_samples=32),  # one block
        LIME.replace(n_samples=50),  # one and a bit
        LIME.replace(design="bernoulli", n_samples=70),
        LIME.replace(design="leave-one-out", n_samples=None),
        seewhy.Rise(grid=4, n_samples=40),
        *(seewhy.EnsembleLime(n_segments=(4, 8), fill="black", n_samples=n, unit="score") for n in (16, 20, 26)),
    ],
    ids=lambda method: f"{method.name} {method.n_samples}",
)
def test_too_few_samples_cannot_be_halved(method):
    with pytest.raises(NotMeasured, match="too few for two halves"):
        measured("split-half", mixed, method)


def test_a_half_that_says_nothing_correlates_with_nothing():
    with pytest.raises(NotMeasured, match="no information"):
        measured("split-half", lambda batch: np.ones(len(batch)))


def test_stability_is_that_of_parts_fitted_by_scikit_learn():
    """VSI: shared among the five strongest; CSI: 95 % intervals that overlap; over pairs of parts."""
    asked, candidate = explained(mixed, LIME.replace(n_samples=320))
    explanation = candidate.explanation
    block = explanation.method.draws(explanation.method.masks(explanation.scene)).boundary(1)
    size = -(-26 // block) * block
    parts = [fitted(explanation, slice(i * size, (i + 1) * size)) for i in range(min(10, 320 // size))]
    top = [set(np.argsort(-np.abs(values))[:5]) for values in parts]
    se = explanation.attributions[0].se * np.sqrt(320 / size)
    reach = student.ppf(0.975, explanation.attributions[0].spread.df) * se
    shared, overlapping = [], []
    for i, j in combinations(range(len(parts)), 2):
        shared.append(len(top[i] & top[j]) / 5)
        low = np.maximum(parts[i] - reach, parts[j] - reach)
        overlapping.append(np.mean(low <= np.minimum(parts[i] + reach, parts[j] + reach)))

    assert len(parts) > 2
    assert METRICS["vsi"].measure(asked, candidate).value == pytest.approx(np.mean(shared))
    assert METRICS["csi"].measure(asked, candidate).value == pytest.approx(np.mean(overlapping))
    assert 0 < np.mean(shared) < 1


def test_error_is_the_root_of_the_variances_over_the_length_without_noise():
    asked, candidate = explained(mixed)
    attribution = candidate.explanation.attributions[0]
    noise = (attribution.se**2).sum()

    found = METRICS["error"].measure(asked, candidate)

    assert found.value == pytest.approx(np.sqrt(noise / ((attribution.values**2).sum() - noise)))
    assert found.low is None
    assert found.value < found.high < 3 * found.value


@pytest.mark.parametrize("name", ["error", "vsi", "csi"])
def test_too_few_samples_do_not_tell(name):
    with pytest.raises(NotMeasured):
        measured(name, mixed, LIME.replace(n_samples=20))
    if name != "error":
        with pytest.raises(NotMeasured, match="segments"):
            measured(name, mixed, seewhy.Rise(grid=4, n_samples=64))


def softmax_of_two(batch):
    odds = mixed(batch)
    return np.column_stack([1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(odds))])


@pytest.mark.parametrize("method", [LIME, seewhy.Rise(grid=4, n_samples=100)], ids=["lime", "rise"])
def test_two_classes_of_one_softmax_have_opposite_maps(method):
    found = measured("class-swap", softmax_of_two, method.replace(unit="log-odds"))

    assert found.value == pytest.approx(-1, abs=1e-9 if method is LIME else 1e-3)


def test_the_other_class_is_the_strongest_one_and_its_map_that_of_a_run_of_its_own():
    def three(batch):
        return np.column_stack([linear(batch), mixed(batch) - 50, mixed(batch) * 2 - 3 * linear(batch)])

    model = FunctionModel(three)
    maps = [seewhy.explain(SMALL, model=model, method=LIME, targets=k, seed=5).heatmap().ravel() for k in (0, 2)]
    whole = three((SMALL / 255)[None])[0]
    assert whole[2] > whole[1]

    found = measured("class-swap", three)

    ranks = [rankdata(heat) for heat in maps]
    assert found.value == pytest.approx(np.corrcoef(*ranks)[0, 1])
    with pytest.raises(NotMeasured, match="scores of another class"):
        measured("class-swap", linear)
    with pytest.raises(NotMeasured, match="flat"):
        measured("class-swap", lambda batch: np.column_stack([linear(batch), np.full(len(batch), 0.5)]))


def test_agreement_is_the_rank_correlation_with_a_run_of_the_other_method():
    look = np.random.default_rng(8).normal(size=(6, 8))

    def model(batch):
        return np.einsum("byxc,yx->b", batch.astype(np.float64), np.kron(look, np.ones((10, 10))))

    for method, other in ((LIME, seewhy.Rise(n_samples=512)), (seewhy.Rise(n_samples=200), seewhy.Lime(n_samples=512))):
        found, theirs = (
            seewhy.explain(CAT, model=FunctionModel(model), method=one, targets=0, seed=0) for one in (method, other)
        )
        one, two = (rankdata(some.heatmap().ravel()) for some in (found, theirs))

        grade = METRICS["agreement"].measure(
            Question.of(CAT, model=FunctionModel(model), target=0), Candidate.of(found)
        )

        assert grade.value == pytest.approx(np.corrcoef(one, two)[0, 1], abs=1e-6)
        assert 0.1 < grade.value < 0.99
    with pytest.raises(NotMeasured, match="lime does not apply here: Slic gives 1 segment"):
        measured("agreement", mixed, seewhy.Rise(n_samples=64, grid=4))
