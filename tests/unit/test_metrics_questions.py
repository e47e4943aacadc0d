"""What metrics are measured on: questions, their truth, candidates and baselines."""

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.metrics import BASELINES, METRICS, Candidate, Question, Truth
from seewhy.models import FunctionModel
from support.questions import OBJECT, PHOTO, READS, H, W, candidate, explained, noisy, question, reads, squares
from support.refusing import refuses

# --- questions -------------------------------------------------------------------------------------------


def test_a_question_asks_once_for_the_whole_picture():
    asked = question(truth=OBJECT.astype(np.uint8) * 255)

    assert asked.model.pictures == asked.calls == 1
    assert asked.whole == pytest.approx(reads(2, 9)((PHOTO / 255)[None])[0, 0], abs=1e-6)
    assert asked.unit == "score"
    assert asked.model.pictures == 1
    np.testing.assert_array_equal(asked.truth.mask, OBJECT)
    assert asked.truth.kind == "mask"


def test_the_target_is_the_strongest_class_or_the_one_named():
    model = reads(2, 9)
    scores = model((PHOTO / 255)[None])[0]
    labeled = FunctionModel(model, labels=("cat", "dog", "tea"))

    assert Question.of(PHOTO, model=labeled).target == int(np.argmax(scores))
    assert Question.of(PHOTO, model=labeled, target="tea").target == 2
    for several in ("top2", "cat vs dog"):
        with refuses(InvalidInput, "target", rule="be one class"):
            Question.of(PHOTO, model=labeled, target=several)


@pytest.mark.parametrize("truth", [OBJECT.T, Truth(OBJECT[:-1]), OBJECT[..., None]])
def test_a_truth_of_another_size_is_refused(truth):
    with refuses(InvalidInput, "truth", rule="be of the photo's size, (60, 80)"):
        question(truth=truth)


def test_scores_are_probabilities_where_the_model_has_them():
    def logits(batch):
        return 3 * squares(batch)[:, :3]

    asked = Question.of(PHOTO, model=FunctionModel(logits, kind="logit"), target=1)
    raw = logits((PHOTO / 255)[None])[0]

    assert asked.unit == "probability"
    assert asked.whole == pytest.approx(np.exp(raw[1]) / np.exp(raw).sum(), abs=1e-6)
    assert asked.scores(np.zeros((1, H, W)), None)[0] == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize("mask", [np.ones((4, 4)), np.full((4, 4), 255, np.uint8)])
def test_truth_is_true_or_false(mask):
    with refuses(InvalidInput, "Truth.mask", value=(4, 4)):
        Truth(mask)


# --- candidates ------------------------------------------------------------------------------------------


def test_the_region_of_a_map_is_its_strongest_share():
    heatmap = np.random.default_rng(0).normal(size=(H, W)).astype(np.float32)

    shown = Candidate.of_map("map", question(), heatmap, 0.1).region

    assert shown.mean() == pytest.approx(0.1, abs=1e-3)
    assert heatmap[shown].min() > heatmap[~shown].max()


def test_the_candidate_of_an_explanation_is_what_it_shows():
    found = explained()
    for target in (0, 1):
        shown = Candidate.of(found, target, seewhy.Display(regions=2))

        np.testing.assert_array_equal(shown.on_photo, found.heatmap(target))
        np.testing.assert_array_equal(shown.region, found.region(2, target=target))
        assert (shown.name, shown.place) == ("lime", target)


def test_a_map_of_another_photo_is_refused():
    other = Question.of(PHOTO[:, ::-1].copy(), model=FunctionModel(READS), truth=OBJECT, target=0)
    with refuses(InvalidInput, "lime", value="array"):
        METRICS["iou"].measure(other, candidate())


def test_a_map_of_another_class_is_refused():
    lime = seewhy.Lime(segmentation="grid", n_samples=64)
    explanation = seewhy.explain(PHOTO, model=reads(2, 9), method=lime, targets=[0, 1])
    asked = question()
    METRICS["complexity"].measure(asked, Candidate.of(explanation, 0))
    with refuses(InvalidInput, "target", value=1):
        METRICS["complexity"].measure(asked, Candidate.of(explanation, 1))


# --- baselines -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_know_nothing_of_the_model(name):
    asked = question(seed=4)
    before = asked.model.pictures

    one, same = (BASELINES[name](some) for some in (asked, question(noisy, seed=4)))

    assert asked.model.pictures == before
    assert one.name == name
    assert one.explanation is None
    np.testing.assert_array_equal(one.on_view, same.on_view)
    assert one.on_view.shape == one.on_photo.shape == (H, W)
    assert np.ptp(one.on_view) > 0
    other = BASELINES[name](question(seed=5))
    assert np.array_equal(one.on_view, other.on_view) == (name != "random")


def test_the_center_is_in_the_center_and_edges_are_where_the_picture_changes():
    center = BASELINES["center"](question()).on_view
    np.testing.assert_allclose(center, center[::-1, ::-1], atol=1e-7)
    rows, columns = np.unravel_index(np.argsort(-center, axis=None)[:4], center.shape)
    assert (set(rows), set(columns)) == ({29, 30}, {39, 40})

    picture = np.zeros((H, W, 3), np.uint8)
    picture[:, 50:] = 200
    asked = Question.of(picture, model=FunctionModel(reads(2, 9)), target=0)
    edges = BASELINES["edges"](asked).on_view
    assert set(np.argmax(edges, axis=1)) <= {49, 50}


def test_what_is_random_differs_between_photos_and_not_between_runs():
    other = Question.of(PHOTO[:, ::-1].copy(), model=FunctionModel(READS), truth=OBJECT, target=0)
    one, again, mirrored = (BASELINES["random"](asked).on_view for asked in (question(), question(), other))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one.ravel(), mirrored.ravel())[0, 1]) < 0.7
    assert question().generator("subsets").random() != other.generator("subsets").random()
