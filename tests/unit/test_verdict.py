"""The sentence and the grade under a result, and what the model is asked for them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args
from unittest.mock import ANY

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

import seewhy
from seewhy.core.errors import FileError, InvalidInput
from seewhy.explanation import result_file
from seewhy.explanation.region_check import RegionCheck
from seewhy.explanation.verdict import ERROR, STABILITY, Firmness, verdict_of
from support.refusing import refuses

pytestmark = pytest.mark.verdict

HEIGHT, WIDTH = 48, 64
GRADES = get_args(Firmness)
DATA = Path(__file__).parents[1] / "data"
GRID = seewhy.Grid(rows=3, columns=4)


@pytest.fixture
def photo() -> np.ndarray:
    return np.random.default_rng(5).integers(100, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def corner(batch: np.ndarray) -> np.ndarray:
    """Score what stands in the first cell of the grid, and no other."""
    share = batch[:, :16, :16].mean((1, 2, 3))
    return np.stack([share, 1 - share], 1)


def anywhere(batch: np.ndarray) -> np.ndarray:
    """Keep the score as long as a quarter of the photo is there, wherever it is."""
    share = np.minimum(batch.mean((1, 2, 3)) / 0.3, 1)
    return np.stack([share, 1 - share], 1)


def together(batch: np.ndarray) -> np.ndarray:
    """Score two opposite cells, of which neither is worth much without the other."""
    one, other = batch[:, :16, :16].mean((1, 2, 3)), batch[:, 32:, 48:].mean((1, 2, 3))
    return np.stack([one * other, 1 - one * other], 1)


def explained(photo: np.ndarray, function: object, n: int = 200, **given: object) -> seewhy.Explanation:
    lime = seewhy.Lime(segmentation=GRID, fill="black", n_samples=n)
    model = seewhy.FunctionModel(function, labels=["here", "not here"])
    return seewhy.explain(photo, model=model, method=lime, targets=[0], progress=False, **given)


def test_the_scores_are_those_of_images_composed_by_hand(photo: np.ndarray) -> None:
    found = explained(photo, corner, verdict={"regions": 1})
    check, pixels = found.check, photo / np.float32(255)
    assert check is not None
    region = np.zeros((HEIGHT, WIDTH, 1), bool)
    region[:16, :16] = True
    sigma = seewhy.Blur().sigma * min(HEIGHT, WIDTH)
    blurred = np.stack([gaussian_filter(pixels[..., k], sigma, mode="nearest") for k in range(3)], axis=-1)
    for k, fill in enumerate((np.zeros_like(pixels), blurred)):
        scores = [corner(np.where(part, pixels, fill)[None])[0] for part in (region, ~region, np.zeros_like(region))]
        known = [(check.alone[k], check.other_alone[k]), (check.without[k], check.other_without[k])]
        assert known == [pytest.approx(tuple(score), abs=2e-3) for score in scores[:2]]
        assert check.bare[k] == pytest.approx(scores[2][0], abs=2e-3)
    assert check.fills == ("color", "blur")
    assert check.share == pytest.approx(1 / 12)
    assert check.whole == pytest.approx(float(corner(pixels[None])[0, 0]), abs=1e-6)
    assert check.other == "not here"


def test_it_takes_six_calls_which_are_counted(photo: np.ndarray) -> None:
    asked = []

    def counting(batch: np.ndarray) -> np.ndarray:
        asked.append(len(batch))
        return corner(batch)

    without = explained(photo, counting, verdict=False, preflight=False)
    first = sum(asked)
    found = explained(photo, counting, preflight=False)

    assert sum(asked) - 2 * first == 6 == found.n_evaluations - without.n_evaluations
    assert without.check is None
    assert found.heatmap().tobytes() == without.heatmap().tobytes()


@pytest.mark.parametrize(
    ("function", "enough", "needed", "words"),
    [
        (corner, True, True, "is enough: alone it scores here"),
        (anywhere, True, False, "does not need any particular part"),
        (together, False, True, "is needed, but not enough"),
    ],
)
def test_what_the_region_does_is_seen(
    photo: np.ndarray, function: object, enough: bool, needed: bool, words: str
) -> None:
    found = explained(photo, function, verdict={"regions": 1 if function is together else 3})
    check = found.check
    assert check is not None
    assert (check.enough, check.needed) == (enough, needed)
    assert words in found.verdict.sentence


CHECK = RegionCheck(
    region="", share=0.25, fills=("color", "blur"), unit="probability", whole=0.9, alone=(0.9, 0.9), without=(0.1, 0.1),
    bare=(0.1, 0.1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("alone", "without", "bare", "enough", "needed"),
    [
        ((0.5, 0.9), (0.1, 0.5), (0.1, 0.1), True, True),  # (0.5 - 0.1) / (0.9 - 0.1) is one half
        ((0.49, 0.9), (0.1, 0.51), (0.1, 0.1), False, False),  # the worse of the fills counts
        ((0.2, 0.9), (0.9, 0.1), (0.9, 0.1), True, True),  # a fill that leaves the class says nothing
        ((0.9, 0.9), (0.9, 0.9), (0.9, 0.9), False, False),  # no fill removes the class
    ],
)
def test_half_of_what_the_bare_fill_takes_away_decides(
    alone: tuple[float, float], without: tuple[float, float], bare: tuple[float, float], enough: bool, needed: bool
) -> None:
    check = replace(CHECK, alone=alone, without=without, bare=bare)
    assert (check.enough, check.needed) == (enough, needed)


@pytest.mark.parametrize(
    ("error", "grade"),
    [
        *[(0.0, "firm"), (0.15, "firm"), (0.16, "fair"), (0.3, "fair"), (0.31, "rough"), (0.6, "rough")],
        *[(0.61, "do not use"), (np.inf, "do not use"), (None, "rough")],
    ],
)
def test_the_error_limits_the_grade(photo: np.ndarray, error: float | None, grade: str) -> None:
    found = explained(photo, corner, verdict={"regions": 1})
    assert found.verdict.grade == "firm"
    judged = verdict_of(replace(found, attributions=(replace(found.attributions[0], error=error),)))
    assert judged.grade == grade
    assert (judged.advice == "") == (grade == "firm")
    assert json.loads(json.dumps(judged.to_dict(), allow_nan=False))["grade"] == grade


def test_the_check_limits_the_grade(photo: np.ndarray) -> None:
    found = explained(photo, corner, verdict={"regions": 1})
    weaker = {
        "fair": (replace(CHECK, without=(0.9, 0.9)), replace(CHECK, alone=(0.1, 0.1)), None),
        "rough": (replace(CHECK, alone=(0.1, 0.1), without=(0.9, 0.9)),),
    }
    for grade, checks in weaker.items():
        assert {verdict_of(replace(found, check=check)).grade for check in checks} == {grade}


def followed(found: seewhy.Explanation, model: object, **verdict: object) -> seewhy.Explanation:
    """Return the result once its advice is followed, as ``seewhy resume`` follows it."""
    flag, value = found.verdict.advice.split()
    named = {"--regions": ("regions", int), "--share": ("share", float)}
    if flag in named:
        name, read = named[flag]
        return found.continue_(model=model, n_samples=len(found.samples), verdict={name: read(value)}, progress=False)
    assert flag == "--n-samples"
    return found.continue_(model=model, n_samples=int(value), verdict=verdict, progress=False)


@pytest.mark.parametrize("n", [16, 32, 48])
def test_the_advised_number_of_samples_gives_a_better_grade(photo: np.ndarray, n: int) -> None:
    def rough(batch: np.ndarray) -> np.ndarray:
        share = 3 * batch[:, :16, :16].std((1, 2, 3))  # a blur removes it
        noise = np.modf(batch.sum((1, 2, 3), dtype=np.float64) * 7919.37)[0] - 0.5  # by the image, the same each time
        return np.stack([share + 0.25 * noise, 1 - share - 0.25 * noise], 1)

    model = seewhy.FunctionModel(rough, labels=["here", "not here"], kind="score")
    lime = seewhy.Lime(segmentation=GRID, fill="black", n_samples=n)
    found = seewhy.explain(
        photo, model=model, method=lime, targets=[0], progress=False, preflight=False, verdict={"regions": 1}
    )
    assert found.verdict.grade != "firm"
    better = followed(found, model, regions=1)
    assert GRADES.index(better.verdict.grade) < GRADES.index(found.verdict.grade)


def test_where_the_region_is_not_enough_a_larger_one_is_advised(photo: np.ndarray) -> None:
    found = explained(photo, together, verdict={"regions": 1})
    assert found.verdict.grade == "fair"
    assert found.verdict.advice == "--regions 2"
    model = seewhy.FunctionModel(together, labels=["here", "not here"])
    better = followed(found, model)
    assert better.verdict.grade == "firm"
    assert better.check is not None
    assert better.check.share == pytest.approx(2 / 12)


def test_a_map_is_advised_to_mark_twice_the_share(photo: np.ndarray) -> None:
    rise = seewhy.Rise(grid=4, n_samples=2000)
    model = seewhy.FunctionModel(together, labels=["here", "not here"])
    found = seewhy.explain(photo, model=model, method=rise, targets=[0], progress=False, verdict={"share": 0.1})
    check = found.check
    assert check is not None
    judged = verdict_of(replace(found, check=replace(check, alone=check.bare, without=check.bare)))
    assert judged.grade == "fair"
    assert judged.advice == f"--share {2 * check.share:.2g}"
    full = replace(check, share=0.9, alone=check.bare, without=check.bare)
    assert "--share" not in verdict_of(replace(found, check=full)).advice


def test_a_region_that_was_not_tested_is_advised_to_be(photo: np.ndarray) -> None:
    found = explained(photo, corner, verdict=False)
    assert found.verdict.grade == "fair"
    assert found.verdict.advice == f"--n-samples {len(found.samples)}"
    model = seewhy.FunctionModel(corner, labels=["here", "not here"])
    better = followed(found, model, regions=1)
    assert better.verdict.grade == "firm"
    assert better.n_evaluations == found.n_evaluations + 6


def test_a_region_that_was_another_one_after_half_of_the_samples_is_not_firm(photo: np.ndarray) -> None:
    noise = np.random.default_rng(0)

    def restless(batch: np.ndarray) -> np.ndarray:
        share = noise.random(len(batch))
        return np.stack([share, 1 - share], 1)

    steady, loose = explained(photo, corner).verdict, explained(photo, restless, preflight=False).verdict
    assert steady.stability is not None
    assert steady.stability > STABILITY["firm"]
    assert loose.grade == "do not use"
    assert loose.share == 0
    assert "is distinguishable from 0" in loose.sentence


def test_it_is_saved_with_the_result(photo: np.ndarray, tmp_path: Path) -> None:
    found = explained(photo, corner)
    again = seewhy.load(found.save(tmp_path / "a.seewhy"))

    assert again.check == found.check
    assert again.verdict == found.verdict
    assert again.n_evaluations == found.n_evaluations
    assert again.to_dict()["verdict"] == found.to_dict()["verdict"]
    assert again.to_html().count(found.verdict.sentence.split("(")[0]) >= 1


def test_an_older_file_has_a_verdict_without_a_check() -> None:
    old = seewhy.load(DATA / "lime-0.1.0.seewhy")
    assert old.check is None
    assert old.verdict.alone is None
    assert "was not tested on the model" in old.verdict.sentence


def test_a_refit_is_judged_by_its_samples_alone(photo: np.ndarray) -> None:
    found = explained(photo, corner)
    refitted = found.refit(kernel="none")
    assert refitted.check is None
    assert refitted.n_evaluations == found.n_evaluations - 6


def test_going_on_equals_a_straight_run(photo: np.ndarray, tmp_path: Path) -> None:
    straight = explained(photo, corner, 240).save(tmp_path / "straight.seewhy")
    resumed = explained(photo, corner, 200).continue_(n_samples=240).save(tmp_path / "resumed.seewhy")
    assert straight.read_bytes() == resumed.read_bytes()


def test_a_model_that_fails_then_costs_the_check_alone(photo: np.ndarray) -> None:
    asked = 0

    def tired(batch: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(batch)
        if asked > full:
            raise RuntimeError("no more")
        return corner(batch)

    full = 10**9
    explained(photo, tired, verdict=False, preflight=False)
    full, asked = asked, 0
    found = explained(photo, tired, preflight=False)

    assert found.complete
    assert found.check is None


def test_a_partial_result_asks_nothing(photo: np.ndarray) -> None:
    stops = iter([False] * 3 + [True] * 1000)
    found = explained(photo, corner, cancel=lambda: next(stops), batch_size=10)
    assert not found.complete
    assert found.check is None


def test_a_contrast_is_judged_by_the_difference(photo: np.ndarray) -> None:
    model = seewhy.FunctionModel(corner, labels=["here", "not here"], kind="score")
    lime = seewhy.Lime(segmentation=GRID, fill="black", n_samples=200)
    found = seewhy.explain(photo, model=model, method=lime, targets="here vs not here", progress=False)
    check = found.check
    assert check is not None
    assert (check.unit, check.other, check.other_alone) == ("score", None, ())
    assert check.whole == pytest.approx(found.targets[0].score)


@pytest.mark.parametrize("wrong", ["yes", 1.5, None, ["regions"]])
def test_what_is_no_region_is_refused(photo: np.ndarray, wrong: object) -> None:
    with refuses(InvalidInput, "verdict", value=wrong):
        explained(photo, corner, verdict=wrong)


@pytest.mark.parametrize(
    ("changes", "place"),
    [({"alone": [0.5]}, "check"), ({"other": None}, "check"), ({"calls": 9}, "check.calls"), ({"share": 7.0}, ANY)],
)
def test_a_file_whose_check_does_not_fit_is_refused(
    photo: np.ndarray, tmp_path: Path, changes: dict[str, object], place: object
) -> None:
    file = explained(photo, corner).save(tmp_path / "a.seewhy")
    header, arrays = result_file.read(file)
    file.write_bytes(result_file.as_bytes(header | {"check": header["check"] | changes}, arrays))
    with refuses(FileError, "a.seewhy", value=place):
        seewhy.load(file)


def test_the_photo_is_named_in_the_figure_with_the_sentence(photo: np.ndarray, tmp_path: Path) -> None:
    Pillow.fromarray(photo).save(tmp_path / "cat.png")
    found = explained(tmp_path / "cat.png", corner)
    words = " ".join(text.get_text() for text in found.plot().texts)
    assert found.verdict.sentence.split(":")[0].split("(")[0].strip() in words
    assert set(ERROR) == set(STABILITY)
