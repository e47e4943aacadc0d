"""What every metric says of itself, what it costs, which way it points; questions, candidates, baselines."""

import pickle
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import seewhy
from seewhy.errors import InvalidInput
from seewhy.metrics import BASELINES, METRICS, Candidate, Facts, NotMeasured, Question, Truth
from seewhy.models import FunctionModel
from seewhy.surrogate.stability import stability

ROOT = Path(__file__).parents[2]
H, W = 60, 80
BLOCKS = (np.arange(H)[:, None] // 20 * 4 + np.arange(W) // 20).astype(np.int32)
OBJECT = BLOCKS == 6
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), fill="black", n_samples=256)
EVERY = pytest.mark.parametrize("name", METRICS)
PHOTO = np.random.default_rng(0).integers(30, 60, (H, W, 3), dtype=np.uint8)
PHOTO[OBJECT] += 190  # it stands out, so that a blur takes of it
PHOTO[np.isin(BLOCKS, [2, 9])] += 120


def squares(batch):
    """(B, 12): the mean of each square."""
    tiles = batch.astype(np.float64).reshape(len(batch), 3, 20, 4, 20, -1).mean(axis=(2, 4, 5))
    return tiles.reshape(len(batch), 12)


def reads(*places):
    """Return a function of three classes: the first reads square 6, the others the squares named."""
    weights = np.zeros((3, 12))
    weights[0, 6] = 1
    for k, place in enumerate(places, start=1):
        weights[k, place] = 1 - 0.1 * k

    def model(batch):
        return squares(batch) @ weights.T

    return model


def noisy(batch):
    """Squares act together, so that few samples tell little."""
    found = squares(batch)
    worth = found[:, 6] + 3 * found[:, 6] * found[:, 2] * found[:, 9] + 90 * found[:, 0] * found[:, 1] * found[:, 5]
    return np.column_stack([worth, found[:, 2], found[:, 3]])


def falling(batch):
    """Every square counts, and no two alike."""
    return squares(batch) / squares(PHOTO[None] / 255) @ np.column_stack([2.0 ** -np.arange(12), np.arange(12)])


class Counting(FunctionModel):
    pictures = largest = 0

    def __init__(self, function):
        super().__init__(function)

    def stream(self, batches):
        for scores in super().stream(batches):
            self.pictures += len(scores)
            self.largest = max(self.largest, len(scores))
            yield scores


def question(function=None, truth=OBJECT, **more):
    return Question.of(PHOTO, model=Counting(function or READS), truth=truth, target=0, **more)


READS = reads(2, 9)


@cache
def explained(function=READS, method=LIME, seed=3):
    return seewhy.explain(PHOTO, model=FunctionModel(function), method=method, targets=[0, 1], seed=seed)


def candidate(**more):
    return Candidate.of(explained(**more))


# --- facts -----------------------------------------------------------------------------------------------


@EVERY
def test_facts_are_words_under_the_name_of_the_metric(name):
    facts = METRICS[name].facts

    assert facts.name == name
    for field in ("title", "unit", "source", "calls", "misleads"):
        text = getattr(facts, field)
        assert text
        assert text == text.strip()
    assert facts.better in {"higher", "lower", ""}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert facts.version >= 1
    assert re.match(r"\d+\b", facts.calls)


def test_only_what_describes_has_no_direction():
    assert [name for name in METRICS if not METRICS[name].facts.better] == ["complexity"]


@EVERY
def test_a_metric_that_travels_to_another_process_is_itself_there(name):
    assert pickle.loads(pickle.dumps(METRICS[name])) is METRICS[name]


def test_a_map_of_another_photo_is_refused():
    other = Question.of(PHOTO[:, ::-1].copy(), model=FunctionModel(READS), truth=OBJECT, target=0)
    with pytest.raises(InvalidInput, match="must explain the photo of the question"):
        METRICS["iou"].measure(other, candidate())


def test_what_is_random_differs_between_photos_and_not_between_runs():
    other = Question.of(PHOTO[:, ::-1].copy(), model=FunctionModel(READS), truth=OBJECT, target=0)
    one, again, mirrored = (BASELINES["random"](asked).on_view for asked in (question(), question(), other))
    np.testing.assert_array_equal(one, again)
    assert abs(np.corrcoef(one.ravel(), mirrored.ravel())[0, 1]) < 0.7
    assert question().generator("subsets").random() != other.generator("subsets").random()


def test_an_error_in_a_metric_is_not_a_metric_that_does_not_apply():
    assert not issubclass(NotMeasured, InvalidInput)


# --- what it costs and needs -----------------------------------------------------------------------------


@EVERY
def test_calls_are_those_that_are_said(name):
    asked = question()
    asked.model.pictures = asked.calls = 0
    facts = METRICS[name].facts

    METRICS[name].measure(asked, candidate())

    said = int(re.match(r"\d+", facts.calls)[0])
    assert asked.calls == asked.model.pictures
    if name in ("r2", "agreement"):  # less what was asked before, or comes twice
        assert 0.8 * said <= asked.calls <= said
    else:
        assert asked.calls == said
    assert (said == 0) == (
        facts.needs in {"truth", "map"} or name in {"error", "split-half", "vsi", "csi", "class-swap"}
    )


@EVERY
def test_no_batch_is_larger_than_asked(name):
    asked = question(batch_size=4)

    METRICS[name].measure(asked, candidate())

    assert 1 <= asked.model.largest <= 4


@pytest.mark.parametrize("family", [("srg", "insertion", "deletion"), ("sensitivity-n", "infidelity")])
def test_what_was_asked_is_shared(family):
    asked, map_ = question(), candidate()
    METRICS[family[0]].measure(asked, map_)
    before = asked.model.pictures

    for name in family:
        METRICS[name].measure(asked, map_)

    assert asked.model.pictures == before


def test_subsets_and_the_other_method_are_shared_by_all_maps_and_curves_are_not():
    asked = question()
    cost = {}
    for who in (candidate(), BASELINES["center"](asked), BASELINES["edges"](asked)):
        for name in ("infidelity", "agreement", "srg"):
            before = asked.model.pictures
            METRICS[name].measure(asked, who)
            cost[name, who.name] = asked.model.pictures - before

    assert [cost["srg", who] for who in ("lime", "center", "edges")] == [126] * 3
    for name in ("infidelity", "agreement"):
        assert cost[name, "lime"] > 0
        assert cost[name, "center"] == cost[name, "edges"] == 0


@EVERY
def test_a_metric_needs_what_it_says(name):
    needs = METRICS[name].facts.needs
    plain = BASELINES["center"](question())

    def applies(asked, who):
        try:
            METRICS[name].measure(asked, who)
        except NotMeasured:
            return False
        return True

    assert applies(question(truth=None), candidate()) == (needs != "truth")
    assert applies(question(), plain) == (needs != "samples")


@EVERY
def test_a_kept_result_is_graded_as_a_fresh_one(name, tmp_path):
    fresh = explained()
    kept = seewhy.load(fresh.save(tmp_path / "one"))

    one, other = (METRICS[name].measure(question(), Candidate.of(some)) for some in (fresh, kept))

    assert (one.value, one.low, one.parts) == (other.value, other.low, other.parts)
    assert one.high == other.high


@EVERY
def test_grades_depend_on_the_seed_alone(name):
    def grade(seed):
        found = METRICS[name].measure(question(noisy, seed=seed), candidate(function=noisy))
        return found.value, found.low, found.high

    assert grade(1) == grade(1)
    random = name in {"sensitivity-n", "infidelity", "r2", "agreement"}
    assert (grade(1) == grade(2)) != random


# --- which way it points ---------------------------------------------------------------------------------


BEST = seewhy.Display(sign="positive", regions=1)


def moved(explanation):
    """The same explanation with every value at the next square."""
    found = explanation.attributions[0]
    attributions = (replace(found, values=np.roll(found.values, 1)), *explanation.attributions[1:])
    return Candidate.of(replace(explanation, attributions=attributions), display=BEST)


def right_and_wrong(name):
    """A grade of what is right by construction, and one of what is wrong."""
    metric, asked = METRICS[name], question()
    if name in {"error", "vsi", "split-half"}:  # of samples that tell much, and that tell little
        few = LIME.replace(n_samples=64)
        good, bad = candidate(function=falling), candidate(function=noisy, method=few)
        return metric.measure(question(falling), good), metric.measure(question(noisy), bad)
    if name == "csi":  # of intervals as wide as they should be, and a tenth of that
        good = candidate(function=noisy)
        found = good.explanation.attributions[0]
        rng = np.random.default_rng(0)
        parts = {i: found.values + rng.normal(size=12) * found.se * np.sqrt(8) for i in range(8)}
        narrow = replace(found.spread, covariance=found.spread.covariance / 100)
        told = [stability(some, 256, 32, lambda at: parts[at.start // 32]) for some in (found.spread, narrow)]
        both = [
            replace(good, explanation=replace(good.explanation, attributions=(replace(found, stability=one),)))
            for one in told
        ]
        return tuple(metric.measure(asked, one) for one in both)
    if name == "class-swap":  # of classes that read other squares, and the same one
        same = reads(6, 6)
        return metric.measure(asked, candidate()), metric.measure(question(same), candidate(function=same))
    good = Candidate.of(explained(), display=BEST)
    return metric.measure(asked, good), metric.measure(asked, moved(explained()))


@pytest.mark.parametrize("name", [name for name in METRICS if METRICS[name].facts.better])
def test_what_is_right_is_graded_better_than_what_is_wrong(name):
    right, wrong = right_and_wrong(name)

    sign = 1 if METRICS[name].facts.better == "higher" else -1
    assert sign * right.value > sign * wrong.value + 0.05


# --- questions and candidates ----------------------------------------------------------------------------


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
        with pytest.raises(InvalidInput, match="one class"):
            Question.of(PHOTO, model=labeled, target=several)


@pytest.mark.parametrize("truth", [OBJECT.T, Truth(OBJECT[:-1]), OBJECT[..., None]])
def test_a_truth_of_another_size_is_refused(truth):
    with pytest.raises(InvalidInput, match="size"):
        question(truth=truth)


def test_scores_are_probabilities_where_the_model_has_them():
    def logits(batch):
        return 3 * squares(batch)[:, :3]

    asked = Question.of(PHOTO, model=FunctionModel(logits, kind="logit"), target=1)
    raw = logits((PHOTO / 255)[None])[0]

    assert asked.unit == "probability"
    assert asked.whole == pytest.approx(np.exp(raw[1]) / np.exp(raw).sum(), abs=1e-6)
    assert asked.scores(np.zeros((1, H, W)), None)[0] == pytest.approx(1 / 3, abs=1e-6)


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


# --- the page --------------------------------------------------------------------------------------------


def row(facts: Facts) -> str:
    cells = (f"`{facts.name}`", facts.title, facts.better or "describes", facts.unit, facts.calls, facts.needs)
    return "| " + " | ".join(cells) + " |"


def test_the_page_says_what_the_metrics_say_of_themselves():
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    lines = page.splitlines()
    start = lines.index("| name | what | better | unit | model calls | needs |")
    said = [row(metric.facts) for metric in METRICS.values()]
    assert lines[start + 2 : start + 2 + len(said) + 1] == [*said, ""]

    start = lines.index("| name | when it misleads | source |")
    said = [f"| `{m.facts.name}` | {m.facts.misleads} | {m.facts.source} |" for m in METRICS.values()]
    assert lines[start + 2 : start + 2 + len(said) + 1] == [*said, ""]
    for name in BASELINES:
        assert f"`{name}`" in page


def test_a_map_of_another_class_is_refused():
    lime = seewhy.Lime(segmentation="grid", n_samples=64)
    explanation = seewhy.explain(PHOTO, model=reads(2, 9), method=lime, targets=[0, 1])
    asked = question()
    METRICS["complexity"].measure(asked, Candidate.of(explanation, 0))
    with pytest.raises(InvalidInput, match="but the question is about class 0; explain that class"):
        METRICS["complexity"].measure(asked, Candidate.of(explanation, 1))


@pytest.mark.parametrize("mask", [np.ones((4, 4)), np.full((4, 4), 255, np.uint8)])
def test_truth_is_true_or_false(mask):
    with pytest.raises(InvalidInput, match=r"Truth.mask must be \(H, W\) of True and False"):
        Truth(mask)
