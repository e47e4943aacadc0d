"""Metrics against closed forms, brute force and planted truth: annotation, removal curves, sufficiency, complexity."""

from itertools import permutations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.metrics import average_precision_score

import seewhy
from seewhy.images.geometry import View
from seewhy.metrics import METRICS, Candidate, NotMeasured, Question
from seewhy.metrics.curves import STEPS
from seewhy.models import FunctionModel

SIDE = 24
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
LOOK = RNG.normal(size=(SIDE, SIDE, 3))
SQUARE = np.zeros((SIDE, SIDE), bool)
SQUARE[6:14, 10:20] = True


def two_classes(batch):
    drive = np.einsum("bhwc,hwc->b", batch.astype(np.float64), LOOK) / 8
    return np.column_stack([1 / (1 + np.exp(-drive)), 1 / (1 + np.exp(drive))])


def question(truth=SQUARE, model=two_classes, photo=PHOTO, target=0, **more):
    return Question.of(photo, model=FunctionModel(model), truth=truth, target=target, **more)


def graded(name, heatmap, asked=None, share=0.2):
    asked = asked or question()
    return METRICS[name].measure(asked, Candidate.of_map("map", asked, np.asarray(heatmap, np.float32), share))


# --- annotation ------------------------------------------------------------------------------------------


def test_overlap_of_the_shown_region_is_that_of_two_sets_of_pixels():
    region = np.zeros_like(SQUARE)
    region[8:20, 4:14] = True
    asked = question()
    candidate = Candidate("shown", region.astype(np.float32), region.astype(np.float32), region)
    one, other = ({*zip(*np.nonzero(mask), strict=True)} for mask in (region, SQUARE))

    assert METRICS["iou"].measure(asked, candidate).value == pytest.approx(len(one & other) / len(one | other))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [3, 20, 10**6])
def test_best_overlap_is_the_best_of_every_threshold(seed, levels):
    rng = np.random.default_rng(seed)
    heatmap = rng.integers(-levels, levels, SQUARE.shape).astype(np.float32) + SQUARE * rng.random() * levels

    ious = {
        float((heatmap >= limit).mean()): np.sum((heatmap >= limit) & SQUARE) / np.sum((heatmap >= limit) | SQUARE)
        for limit in np.unique(heatmap)
    }
    found = graded("best-iou", heatmap)

    assert found.value == pytest.approx(max(ious.values()), abs=1e-12)
    assert ious[found.parts["share"]] == pytest.approx(found.value, abs=1e-12)
    assert graded("iou", heatmap).value <= found.value + 1e-12


def test_pixels_of_equal_value_are_one_region():
    """Even where those inside the object happen to come first."""
    truth = np.zeros_like(SQUARE)
    truth[:6] = True

    found = graded("best-iou", np.ones(SQUARE.shape), question(truth))

    assert (found.value, found.parts["share"]) == (0.25, 1)


def test_average_precision_of_a_small_case_worked_by_hand():
    """Six pixels, strongest first: in, out, in, then a tie of one in and one out, then out: precision 1, 2/3, 3/5."""
    truth = np.array([[True, False, True], [True, False, False]])
    heatmap = [[6, 5, 4], [3, 3, 1]]
    photo = np.zeros((2, 3, 3), np.uint8)

    found = graded("ap", heatmap, question(truth, lambda batch: batch.mean(axis=(1, 2)), photo))

    assert found.value == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert found.parts["chance"] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_that_of_scikit_learn_on_ranks(seed):
    heatmap = np.random.default_rng(seed).integers(0, 30, SQUARE.shape) / 7 - 2 + SQUARE
    _, ranks = np.unique(heatmap.astype(np.float32), return_inverse=True)

    assert graded("ap", heatmap).value == pytest.approx(average_precision_score(SQUARE.ravel(), ranks.ravel()))


def test_pointing_and_energy():
    heatmap = np.full(SQUARE.shape, -1.0)
    heatmap[6, 10] = heatmap[13, 19] = heatmap[0, 0] = 5
    heatmap[0, 1] = 2

    assert graded("pointing", heatmap).value == pytest.approx(2 / 3), "two of the three strongest are inside"
    assert graded("energy", heatmap).value == pytest.approx(10 / 17), "what is negative has no energy"
    heatmap[6, 10] = 6
    assert graded("pointing", heatmap).value == 1
    assert graded("energy", np.ones(SQUARE.shape)).value == pytest.approx(SQUARE.mean())
    assert graded("pointing", np.ones(SQUARE.shape)).value == pytest.approx(SQUARE.mean())
    with pytest.raises(NotMeasured, match="the map has no positive value"):
        graded("energy", -np.ones(SQUARE.shape))


LOCAL = ["iou", "best-iou", "ap", "pointing", "energy"]


@pytest.mark.parametrize("name", LOCAL)
def test_a_truth_that_is_empty_or_everything_grades_nothing(name):
    for truth, why in ((np.zeros_like(SQUARE), "nothing of the object"), (np.ones_like(SQUARE), "but the object")):
        with pytest.raises(NotMeasured, match=why):
            graded(name, RNG.random(SQUARE.shape), question(truth))
    with pytest.raises(NotMeasured, match="no ground truth"):
        graded(name, RNG.random(SQUARE.shape), question(None))


@pytest.mark.parametrize("name", LOCAL)
def test_the_perfect_map_has_the_best_grade(name):
    assert graded(name, SQUARE, share=SQUARE.mean()).value == 1


class Cropped(FunctionModel):
    def view(self, height, width):
        return View((height, width), (height, width), 0, 8, height, 16)


@pytest.mark.parametrize("name", LOCAL)
def test_what_the_model_did_not_see_is_no_part_of_the_grade(name):
    """The crop is columns 8 to 23; the object reaches over its edge."""
    truth = np.zeros_like(SQUARE)
    truth[4:16, 2:14] = True
    heatmap = RNG.random((SIDE, 16)).astype(np.float32)
    asked = Question.of(PHOTO, model=Cropped(two_classes_of_crop), truth=truth, target=0)
    cut = question(truth[:, 8:], two_classes_of_crop, PHOTO[:, 8:])

    whole = METRICS[name].measure(asked, Candidate.of_map("map", asked, heatmap))
    inside = METRICS[name].measure(cut, Candidate.of_map("map", cut, heatmap))

    assert whole.value == inside.value
    if name == "iou":
        assert whole.parts["whole photo"] < whole.value == inside.parts["whole photo"]
    else:
        assert whole.parts == inside.parts


def two_classes_of_crop(batch):
    drive = batch.mean(axis=(1, 2, 3))
    return np.column_stack([drive, 1 - drive])


# --- removal ---------------------------------------------------------------------------------------------


def by_hand(heatmap, fill, *, strongest):
    """Scores for each share shown, picture by picture; pixels of equal value in reading order, strongest first."""
    pixels = PHOTO / 255
    order = sorted(np.ndindex(*heatmap.shape), key=lambda place: (-heatmap[place], place))
    scores = []
    for step in range(STEPS + 1):
        n = len(order) * step // STEPS
        picture = fill.copy()
        for place in order[:n] if strongest else order[len(order) - n :]:
            picture[place] = pixels[place]
        scores.append(two_classes(picture[None])[0, 0])
    return np.array(scores)


def area(curve):
    return float(np.sum((curve[1:] + curve[:-1]) / 2) / STEPS)


@pytest.mark.parametrize("ties", [False, True])
def test_curves_are_those_of_pictures_built_one_by_one(ties):
    heatmap = RNG.integers(0, 5, SQUARE.shape) * 1.0 if ties else LOOK.sum(axis=2)
    heatmap = heatmap.astype(np.float32)
    sigma = SIDE / 12
    fills = {"blur": gaussian_filter(PHOTO / 255, (sigma, sigma, 0), mode="reflect"), "black": np.zeros(PHOTO.shape)}
    asked = question()
    candidate = Candidate.of_map("map", asked, heatmap)

    srg, insertion, deletion = (METRICS[name].measure(asked, candidate) for name in ("srg", "insertion", "deletion"))

    for fill, behind in fills.items():
        strong, weak = (by_hand(heatmap, behind, strongest=which) for which in (True, False))
        np.testing.assert_allclose(srg.curves[f"insertion {fill}"], strong, atol=1e-6)
        np.testing.assert_allclose(srg.curves[f"deletion {fill}"], weak[::-1], atol=1e-6)
        assert srg.parts[fill] == pytest.approx(area(strong) - area(weak), abs=1e-6)
        height = strong[-1] - strong[0]
        if height > 0.01 * strong[-1]:
            assert insertion.parts[fill] == pytest.approx((area(strong) - strong[0]) / height, abs=1e-5)
            assert deletion.parts[fill] == pytest.approx((area(weak) - strong[0]) / height, abs=1e-5)
    for found in (srg, insertion, deletion):
        assert found.value == pytest.approx(np.mean(list(found.parts.values())))
        assert found.parts


WHITE = np.full((16, 16, 3), 255, np.uint8)
QUARTERS = (np.arange(16)[:, None] // 8 * 2 + np.arange(16) // 8).astype(np.intp)
WORTH = np.array([0.05, 0.4, 0.25, 0.1])


def quarters(batch):
    """Each quarter of a white picture adds its worth; over blur, which is white too, nothing changes."""
    score = batch.mean(axis=3).reshape(len(batch), -1) @ (WORTH / 64)[QUARTERS].ravel()
    return np.column_stack([score, 1 - score])


def test_no_order_of_the_quarters_gains_more_than_the_true_one():
    """And the gain is known: pixels of worth w, most to least, have a concave curve whose area is a sum."""
    asked = question(None, quarters, WHITE)
    gains = {}
    for order in permutations(range(4)):
        gains[order] = graded("srg", np.array(order)[QUARTERS], asked).parts["black"]
    true = tuple(np.argsort(np.argsort(WORTH)))
    falling = np.cumsum(np.sort(WORTH)[::-1])
    strongest = (np.concatenate([[0], falling[:-1]]) + falling).sum() / 8
    rising = np.cumsum(np.sort(WORTH))
    weakest = (np.concatenate([[0], rising[:-1]]) + rising).sum() / 8

    best = sorted(gains, key=gains.get)

    assert best[-1] == true
    assert best[0] == tuple(3 - place for place in true), "and none less than the opposite one"
    assert gains[true] == pytest.approx(strongest - weakest, abs=1e-6)
    assert gains[true] == pytest.approx(-gains[best[0]], abs=1e-6)
    assert gains[true] > gains[best[-2]] + 0.001


def test_normalized_curves_go_from_0_to_1_and_mirror_each_other_for_an_additive_model():
    asked = question(None, quarters, WHITE)
    candidate = Candidate.of_map("true", asked, WORTH[QUARTERS].astype(np.float32))
    insertion, deletion = (METRICS[name].measure(asked, candidate) for name in ("insertion", "deletion"))

    assert set(insertion.parts) == {"black"}, "over blur the class scores as high as on the whole picture"
    up, down = insertion.curves["black"], deletion.curves["black"]
    np.testing.assert_allclose((up[0], up[-1], down[0], down[-1]), (0, WORTH.sum(), WORTH.sum(), 0), atol=1e-6)
    assert len(up) == STEPS + 1
    # What is shown and what is hidden add up: inserting the strongest is what deleting them leaves over.
    assert insertion.value + deletion.value == pytest.approx(1, abs=1e-6)


def test_a_class_that_needs_no_picture_has_no_normalized_curve():
    asked = question(None, lambda batch: np.column_stack([np.full(len(batch), 0.7), np.full(len(batch), 0.3)]))

    for name in ("insertion", "deletion"):
        with pytest.raises(NotMeasured, match="fully masked"):
            graded(name, RNG.random(SQUARE.shape), asked)
    assert graded("srg", RNG.random(SQUARE.shape), asked).value == 0


@pytest.mark.parametrize("gain", [-0.2, 0.001])
def test_a_fill_that_scores_as_high_as_the_picture_is_left_out(gain):
    """Over black by as much as ``gain``, and over the blur of a white picture by nothing."""
    asked = question(None, lambda batch: 0.5 + gain * batch.mean(axis=(1, 2, 3)), WHITE)

    for name in ("insertion", "deletion"):
        with pytest.raises(NotMeasured, match="fully masked"):
            graded(name, QUARTERS, asked)


@pytest.mark.parametrize("name", ["srg", "insertion", "deletion"])
def test_a_flat_map_ranks_nothing(name):
    with pytest.raises(NotMeasured, match="flat"):
        graded(name, np.full(SQUARE.shape, 0.3))


# --- the region alone, and how much of the picture -------------------------------------------------------


def test_the_score_of_the_region_alone():
    asked = question()
    heatmap = RNG.random(SQUARE.shape).astype(np.float32)
    candidate = Candidate.of_map("map", asked, heatmap, 0.3)
    shown = heatmap >= np.quantile(heatmap, 0.7)
    blurred = gaussian_filter(PHOTO / 255, (2, 2, 0), mode="reflect")

    found = METRICS["sufficiency"].measure(asked, candidate)

    assert found.value == found.parts["black"]
    assert found.value == pytest.approx(two_classes((PHOTO / 255 * shown[..., None])[None])[0, 0], abs=1e-6)
    mixed = np.where(shown[..., None], PHOTO / 255, blurred)
    assert found.parts["blur"] == pytest.approx(two_classes(mixed[None])[0, 0], abs=1e-6)
    assert found.parts["area"] == shown.mean()


def test_effective_share_of_known_maps():
    one = np.zeros(SQUARE.shape)
    one[3, 4] = -2
    half = np.zeros(SQUARE.shape)
    half[:, : SIDE // 2] = 0.1
    half[::2] *= -1

    assert graded("complexity", np.full(SQUARE.shape, 0.3)).value == pytest.approx(1)
    assert graded("complexity", one).value == pytest.approx(1 / SIDE**2)
    assert graded("complexity", half).value == pytest.approx(0.5)
    with pytest.raises(NotMeasured, match="empty"):
        graded("complexity", np.zeros(SQUARE.shape))


def test_equal_segments_are_all_effective():
    def bright(batch):
        return batch.mean(axis=(1, 2, 3))

    lime = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=3), fill="black", n_samples=64)
    photo = np.full((SIDE, SIDE, 3), 200, np.uint8)
    asked = question(None, bright, photo)
    found = seewhy.explain(photo, model=FunctionModel(bright), method=lime)

    grade = METRICS["complexity"].measure(asked, Candidate.of(found))

    assert grade.parts["segments"] == pytest.approx(12, rel=1e-4)
    assert grade.value == pytest.approx(1, rel=1e-4)
