"""Runs on the command line that stop by themselves, and what they say beside their values."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image as Pillow

import seewhy
from seewhy.sampling.designs import DESIGNS, GRID_DESIGNS
from support.cli import Call, process, strict

FILE = "seewhy-out/cat.lime.seewhy"
LOGITS = ("--model", "py:seewhy_tiny:logits")
SLOW = ("--model", "py:seewhy_tiny:slow")
GRID = ("--segmentation", "grid", "--grid-rows", "3", "--grid-columns", "4")


@pytest.fixture
def run(place: Path, modules: Path) -> Call:
    """The command line in a process of its own."""
    return partial(process, modules)


STOPS: dict[str, tuple[list[str], set[str]]] = {
    "tolerance": (["--tolerance", "0.9"], {"tolerance"}),
    "max-evaluations": (["--tolerance", "0.001", "--max-evaluations", "120"], {"max-evaluations"}),
    "until": (["--until", "top1", "--max-evaluations", "300"], {"until", "max-evaluations"}),
    "n-samples": (["--n-samples", "70"], {"n-samples"}),
    "design": (["--design", "exhaustive", "--grid-rows", "2", "--grid-columns", "3"], {"design"}),
}


@pytest.mark.parametrize("name", STOPS)
def test_a_run_says_what_stopped_it(name: str, call: Call) -> None:
    flags, reasons = STOPS[name]
    found = call("explain", "cat.png", *LOGITS, *GRID, *flags, "--json")

    said = strict(found.out)
    assert (found.code, found.err) == (0, "")
    assert said["stopped"]["by"] in reasons
    assert said["n_samples"] == len(seewhy.load(FILE).samples)
    if name == "max-evaluations":
        assert said["n_evaluations"] <= 120
        assert "max_evaluations=120 stopped the run before tolerance 0.001" in "".join(said["warnings"])


def test_a_run_may_be_short_of_time(call: Call) -> None:
    found = call("explain", "cat.png", *SLOW, *GRID, "--max-seconds", "0.5", "--batch-size", "5", "--json")

    said = strict(found.out)
    assert (found.code, said["complete"], said["stopped"]["by"]) == (0, True, "max-seconds")
    assert 2 <= said["n_samples"] < 60


@pytest.mark.slow
def test_every_value_says_how_sure_it_is(run: Call) -> None:
    found = run("explain", "cat.png", *LOGITS, *GRID, "--tolerance", "0.2", "--max-evaluations", "400", "--json")

    assert (found.code, found.err) == (0, "")
    target = strict(found.out)["targets"][0]
    assert target["error"] >= 0
    assert len(target["values"]) == 12
    for one in target["values"]:
        assert one["low"] <= one["value"] <= one["high"]
        assert one["se"] >= 0
        assert 1 <= one["rank"][0] <= one["rank"][1] <= 12
        assert one["high"] - one["low"] == pytest.approx(2 * target["reach"] * one["se"])


def test_too_few_samples_have_no_intervals(call: Call) -> None:
    target = strict(call("explain", "cat.png", *LOGITS, *GRID, "--n-samples", "14", "--json").out)["targets"][0]

    assert target["error"] is None
    assert {(one["low"], one["high"], one["se"], one["rank"]) for one in target["values"]} == {(None,) * 4}


def test_maps_say_how_sure_their_peak_is(call: Call) -> None:
    found = call("explain", "cat.png", *LOGITS, "--method", "rise", "--grid", "4", "--n-samples", "200", "--json")

    target = strict(found.out)["targets"][0]
    assert target["error"] is not None
    peak = target["map"]["peak"]
    assert peak["low"] < peak["value"] < peak["high"]
    assert target["map"]["se"] > 0


@pytest.mark.slow
def test_the_smallest_region_is_written_for_classes_alone(run: Call) -> None:
    asked = ("--targets", "a", "--targets", "c", "--targets", "a vs b", "--n-samples", "60", "--smallest")
    found = run("explain", "cat.png", *LOGITS, *GRID, *asked, "--json")

    said = strict(found.out)
    assert (found.code, found.err) == (0, "")
    assert ["smallest" in target for target in said["targets"]] == [True, True, False]
    assert all(0 < target["smallest"]["share"] <= 1 for target in said["targets"][:2])
    names = {Path(name).name for name in said["files"]}
    assert {name for name in names if "smallest" in name} == {"cat.lime.smallest.png", "cat.lime.2.smallest.png"}
    with Pillow.open("seewhy-out/cat.lime.smallest.png") as picture:
        assert picture.size == (90, 60)
        assert set(np.unique(np.asarray(picture))) <= {0, 255}


def test_the_smallest_region_is_said_in_words(call: Call) -> None:
    found = call("explain", "cat.png", *LOGITS, *GRID, "--n-samples", "60", "--smallest")

    assert "smallest part that keeps " in found.out
    assert " % of the model input, probability 0." in found.out


def test_a_class_and_its_contrast_have_files_of_their_own(call: Call) -> None:
    asked = ("--targets", "a", "--targets", "a vs b", "--targets", "a vs c", "--n-samples", "40", "--json")
    said = strict(call("explain", "cat.png", *LOGITS, *GRID, *asked).out)

    names = [Path(name).name for name in said["files"]]
    assert len(set(names)) == len(names)
    for tag in ("", ".0-1", ".0-2"):
        assert {f"cat.lime{tag}.heatmap.png", f"cat.lime{tag}.region.png"} <= set(names)
    assert [target["label"] for target in said["targets"]] == ["a", "a vs b", "a vs c"]


def test_all_scores_are_kept_on_demand(call: Call, place: Path) -> None:
    (place / "many.py").write_text("def model(batch):\n    return batch[:, 5, :15, 0]\n")
    for kept, count in (("top10", 10), ("all", 15)):
        found = call(
            "explain", "cat.png", "--model", "py:many:model", *GRID, "--n-samples", "30", "--keep-scores", kept,
            "--overwrite",
        )  # fmt: skip
        assert found.code == 0
        assert len(seewhy.load(FILE).samples.classes) == count
    assert call("refit", FILE, "--targets", "top15").code == 0
    sys.modules.pop("many", None)


@pytest.mark.slow
def test_a_real_photo_by_the_embedded_model(run: Call, place: Path, modules: Path) -> None:
    shutil.copy(Path(skimage.__file__).parent / "data" / "coffee.png", place / "coffee.png")
    asked = ("--slic-n-segments", "8", "--targets", "espresso", "--targets", "espresso vs cup")
    assert run("explain", "coffee.png", "--n-samples", "24", *asked, "--quiet").code == 0

    found = run("resume", "seewhy-out/coffee.lime.seewhy", "--n-samples", "40", "--json")

    said = strict(found.out)
    assert (found.code, found.err, said["n_samples"]) == (0, "", 40)
    assert [target["label"] for target in said["targets"]] == ["espresso", "espresso vs cup"]
    assert run("refit", "seewhy-out/coffee.lime.seewhy", "--targets", "cup", "--quiet").code == 0


# --- methods ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_methods_says_of_every_design_what_it_means_and_costs(run: Call) -> None:
    found = run("methods")
    lines = found.out.splitlines()

    assert (found.code, found.err) == (0, "")
    for name in [*DESIGNS, *(f"{name} (rise)" for name in GRID_DESIGNS)]:
        at = next(i for i, line in enumerate(lines) if line.startswith(f"  {name}: "))
        assert lines[at + 1].startswith("    estimand: ")
        assert "``" not in lines[at] + lines[at + 1]
        if name == "exhaustive":
            assert "segments" in lines[at + 2]  # over 40 there are too many coalitions
        else:
            assert lines[at + 2].startswith("    a block costs ")
            assert " rows; at least " in lines[at + 2]
            assert " for intervals" in lines[at + 2]
    foldover = DESIGNS["foldover-hadamard"]()
    assert f"a block costs {foldover.block_rows(40)} rows; at least {foldover.least(40)} for intervals" in found.out
    assert f"estimand: {foldover.estimand}" in found.out
    assert "designs" not in run("methods", "lime").out
