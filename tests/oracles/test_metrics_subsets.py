"""Sensitivity-n and infidelity against brute force, planted truth, NumPy and SciPy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr

import seewhy
from seewhy.metrics import METRICS, Candidate, NotMeasured, Question, subsets
from seewhy.models import FunctionModel

SIDE = 27
CELLS = (np.arange(SIDE)[:, None] // 3 * 9 + np.arange(SIDE) // 3).astype(np.intp)
PHOTO = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
BLURRED = gaussian_filter((PHOTO / 255).astype(np.float32), (SIDE / 12, SIDE / 12, 0), mode="reflect")
LOOK = np.random.default_rng(1).normal(size=(SIDE, SIDE, 3)) / 8


def additive(batch):
    return np.einsum("bhwc,hwc->b", batch.astype(np.float64), LOOK)


def acting_together(batch):
    """Neighboring rows of cells multiply: what one is worth depends on the other."""
    drive = (batch.astype(np.float64) * LOOK).reshape(len(batch), 9, -1).sum(axis=2) * 4
    return drive[:, 0] + drive[:, 1] + (drive[:, 2:] * drive[:, :-2]).sum(axis=1)


DENSITY = (LOOK * (PHOTO / 255 - BLURRED)).sum(axis=2).astype(np.float32)
"""What each pixel of the additive model is worth over a blur."""


class Recording(FunctionModel):
    """Keeps every picture that it is shown."""

    def __init__(self, function, **more):
        super().__init__(lambda batch: (self.pictures.extend(batch), function(batch))[1], **more)
        self.pictures = []


def question(function=additive, seed=0, photo=PHOTO, **more):
    return Question.of(photo, model=FunctionModel(function, **more), target=0, seed=seed)


def graded(name, heatmap, asked=None):
    asked = asked or question()
    return METRICS[name].measure(asked, Candidate.of_map("map", asked, np.asarray(heatmap, np.float32)))


# --- subsets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e-4, 300.0])
def test_the_true_density_of_an_additive_model_explains_every_subset(scale):
    assert graded("sensitivity-n", DENSITY * scale).value == pytest.approx(1, abs=1e-6)
    assert graded("infidelity", DENSITY * scale).value == pytest.approx(0, abs=1e-6)


def test_a_map_with_its_sign_turned_explains_nothing():
    assert graded("sensitivity-n", -DENSITY).value == pytest.approx(-1, abs=1e-6)
    found = graded("infidelity", -DENSITY)
    assert (found.value, found.low, found.high) == (1, 1, 1)


def asked_pictures(function=additive, seed=0):
    """A question whose subsets are asked, and what the model saw of them: drops (4, 50), and who was replaced."""
    model = Recording(function)
    asked = Question.of(PHOTO, model=model, target=0, seed=seed)
    model.pictures.clear()
    METRICS["sensitivity-n"].measure(asked, Candidate.of_map("any", asked, DENSITY))
    shown = np.stack(model.pictures).astype(np.float64)
    assert len(shown) == 200
    drops = function((PHOTO / 255).astype(np.float32)[None]) - function(shown)
    gone = np.abs(shown - PHOTO / 255).max(axis=3) > 1e-6
    return asked, drops, gone, shown


def test_subsets_are_whole_cells_over_blur_of_the_shares_that_are_said():
    _, _, gone, shown = asked_pictures()
    cells = gone[:, ::3, ::3]

    np.testing.assert_array_equal(np.kron(cells, np.ones((1, 3, 3), bool)), gone)
    assert sorted(set(cells.sum(axis=(1, 2)))) == [8, 24, 40, 57]  # of 81
    np.testing.assert_allclose(shown[gone], np.broadcast_to(BLURRED, shown.shape)[gone], atol=1e-6)
    assert len({cell.tobytes() for cell in cells}) == 200
    each = cells.reshape(4, 50, 81).mean(axis=1)  # each cell is as likely as the others
    share = np.array([8, 24, 40, 57])[:, None] / 81
    assert (np.abs(each - share) < 4.5 * np.sqrt(share * (1 - share) / 50)).all()


@pytest.mark.parametrize("function", [additive, acting_together])
def test_both_are_what_numpy_and_scipy_find_in_the_pictures_that_were_asked(function):
    asked, drops, gone, _ = asked_pictures(function)
    heatmap = np.random.default_rng(7).normal(size=(SIDE, SIDE)).astype(np.float32) + 20 * DENSITY
    sums = (gone * heatmap.astype(np.float64)).sum(axis=(1, 2))
    if sums @ drops < 0:
        heatmap, sums = -heatmap, -sums

    correlation, infidelity = (graded(name, heatmap, asked) for name in ("sensitivity-n", "infidelity"))

    four = [pearsonr(sums[i : i + 50], drops[i : i + 50]).statistic for i in range(0, 200, 50)]
    assert correlation.value == pytest.approx(np.mean(four), abs=1e-5)
    (best,), (residual,), *_ = np.linalg.lstsq(sums[:, None], drops, rcond=None)
    assert best > 0
    assert infidelity.value == pytest.approx(residual / (drops @ drops), abs=1e-5)
    for found in (correlation, infidelity):
        assert found.low < found.value < found.high


def test_a_flat_map_has_no_correlation_even_where_rounding_tells_its_sums_apart():
    cells = seewhy.Lime(segmentation=seewhy.Grid(rows=9, columns=9), fill="blur", n_samples=256)
    found = seewhy.explain(PHOTO, model=FunctionModel(additive), method=cells)
    equal = replace(found.attributions[0], values=np.full(81, 0.1))

    for flat in (
        Candidate.of(replace(found, attributions=(equal,))),
        Candidate.of_map("flat", question(), np.full((SIDE, SIDE), 0.1, np.float32)),
    ):
        grade = METRICS["sensitivity-n"].measure(question(), flat)
        assert (grade.value, grade.low, grade.high) == (0, 0, 0)


def test_nothing_is_said_where_nothing_changes():
    for heatmap, asked in ((0 * DENSITY, question()), (DENSITY, question(lambda batch: np.ones(len(batch))))):
        for name in ("sensitivity-n", "infidelity"):
            with pytest.raises(NotMeasured, match="never changes"):
                graded(name, heatmap, asked)


def test_values_of_segments_are_shared_by_their_pixels():
    segments = np.where(CELLS < 27, 0, np.where(CELLS < 45, CELLS // 3 - 8, CELLS - 39)).astype(np.int32)
    areas = np.bincount(segments.ravel())
    assert areas.max() == 27 * areas.min()
    lime = seewhy.Lime(segmentation=seewhy.Labels(array=segments), fill="blur", n_samples=400)
    candidate = Candidate.of(seewhy.explain(PHOTO, model=FunctionModel(additive), method=lime))
    asked, drops, gone, _ = asked_pictures()

    found = METRICS["sensitivity-n"].measure(asked, candidate)

    values = candidate.explanation.values()
    np.testing.assert_allclose(values, np.bincount(segments.ravel(), DENSITY.ravel()), atol=1e-4)
    np.testing.assert_allclose(candidate.density, (values / areas)[segments])
    sums = [sum(values[i] * np.mean(some[segments == i]) for i in range(len(values))) for some in gone]
    four = [pearsonr(sums[i : i + 50], drops[i : i + 50]).statistic for i in range(0, 200, 50)]
    assert found.value == pytest.approx(np.mean(four), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sensitivity-n", "infidelity"])
def test_the_interval_covers_what_many_more_subsets_would_say(name, monkeypatch):
    monkeypatch.setattr(subsets, "_RESAMPLES", 200)
    photo = np.random.default_rng(3).integers(0, 256, (9, 9, 1), dtype=np.uint8)  # a pixel a cell: quick
    blurred = gaussian_filter((photo / 255).astype(np.float32), (0.75, 0.75, 0), mode="reflect")
    rng = np.random.default_rng(4)
    look, pairs = rng.normal(size=81), rng.normal(size=(81, 81)) / 9

    def model(batch):
        flat = batch.reshape(len(batch), 81).astype(np.float64)
        return flat @ look + np.einsum("bi,ij,bj->b", flat, pairs, flat)

    heatmap = (look.reshape(9, 9) * (photo / 255 - blurred)[..., 0]).astype(np.float32)
    kept = np.argsort(rng.random((4, 5000, 81)), axis=2) >= np.array([8, 24, 40, 57])[:, None, None]
    pictures = np.where(kept, (photo / 255).ravel(), blurred.ravel())
    drops = model((photo / 255)[None]) - np.stack([model(some) for some in pictures])
    sums = (~kept) @ heatmap.ravel().astype(np.float64)
    if name == "infidelity":
        factor = (sums * drops).sum() / (sums**2).sum()
        truth = ((drops - factor * sums) ** 2).sum() / (drops**2).sum()
    else:
        truth = np.mean([pearsonr(one, other).statistic for one, other in zip(sums, drops, strict=True)])
    assert 0.05 < truth < 0.95

    found = [graded(name, heatmap, question(model, seed, photo)) for seed in range(100)]

    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.88
    assert np.mean([one.value for one in found]) == pytest.approx(truth, abs=0.02)
    spread = np.std([one.value for one in found])
    assert np.mean([one.high - one.low for one in found]) == pytest.approx(2 * 1.96 * spread, rel=0.25)
