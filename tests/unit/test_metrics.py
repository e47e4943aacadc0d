"""What every metric says of itself, what it costs, and which way it points."""

import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.estimation.surrogate.stability import stability
from seewhy.metrics import BASELINES, METRICS, Candidate, Facts, NotMeasured
from support.questions import LIME, candidate, explained, falling, noisy, question, reads

ROOT = Path(__file__).parents[2]
EVERY = pytest.mark.parametrize("name", METRICS)


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


def test_what_contradicts_the_class_is_no_part_of_the_object() -> None:
    photo = np.full((16, 24, 3), 200, np.uint8)

    def left_minus_right(batch: np.ndarray) -> np.ndarray:
        return (batch[:, :, :12].mean((1, 2, 3)) - batch[:, :, 12:].mean((1, 2, 3)))[:, None]

    lime = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=2), fill="black", n_samples=32)
    model = seewhy.FunctionModel(left_minus_right, kind="score")
    found = seewhy.explain(photo, model=model, method=lime, targets=[0], progress=False)
    left = np.zeros((16, 24), bool)
    left[:, :12] = True

    assert np.array_equal(Candidate.of(found).region, left)
    assert np.array_equal(Candidate.of(found, display=seewhy.Display(sign="negative")).region, ~left)
    assert Candidate.of(found, display=seewhy.Display(sign="both")).region.all()
