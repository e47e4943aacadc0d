"""What is wrong is answered by one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.cli import SMALL, TINY, Call, strict

WRONG: dict[str, tuple[list[str], str]] = {
    "no photo": (["explain"], "missing argument 'PHOTO...'; see seewhy explain --help"),
    "no such command": (["explian"], "no such command 'explian'. Did you mean 'explain'?; see seewhy --help"),
    "no such flag": (["explain", "cat.png", "--n-smaples", "5"], "did you mean one of: '--n-samples'"),
    "flag without value": (["explain", "cat.png", "--n-samples"], "option '--n-samples' requires an argument"),
    "value for a switch": (["explain", "cat.png", "--json=3"], "option '--json' does not take a value"),
    "surplus word": (["models", "extra"], "got unexpected extra argument (extra); see seewhy models --help"),
    "method": (
        ["explain", "cat.png", "--method", "lmie"],
        "--method must be one of lime, rise, ensemble-lime, occlusion, auto, got 'lmie'; did you",
    ),
    "methods": (
        ["methods", "nope"],
        "no method is called 'nope'; there are lime, rise, ensemble-lime, occlusion, auto",
    ),
    "preset": (["explain", "cat.png", "--preset", "rise-lba"], "got 'rise-lba'; did you mean rise-lab?"),
    "preset and settings": (
        ["explain", "cat.png", "--preset", "rise-lab", "--settings", "x.toml"],
        "exclude each other",
    ),
    "preset and method": (
        ["explain", "cat.png", "--preset", "rise-lab", "--method", "lime"],
        "--method must be rise, as in --preset rise-lab, or not be given, got 'lime'",
    ),
    "model": (["explain", "cat.png", "--model", "efficientnet"], "did you mean efficientnet-lite0?"),
    "module": (["explain", "cat.png", "--model", "py:nowhere:f"], "No module named 'nowhere'"),
    "attribute": (["explain", "cat.png", "--model", "py:seewhy_tiny:f"], "seewhy_tiny has no f"),
    "half a module": (["explain", "cat.png", "--model", "py:seewhy_tiny"], "must be py:module:attribute"),
    "target": (
        ["explain", "cat.png", "--targets", "tigre cat"],
        "targets='tigre cat' is not a class of this model; nearest: tiger cat (282)",
    ),
    "target index": (["explain", "cat.png", "--model", TINY, "--targets", "7"], "class indices from 0 to 2, got 7"),
    "several targets": (["explain", "cat.png", "--targets", "top5,3"], "write --targets top5 --targets 3"),
    "seed": (["explain", "cat.png", "--seed", "-1"], "--seed must be at least 0, got -1"),
    "batch size": (["explain", "cat.png", "--batch-size", "0"], "--batch-size must be at least 1, got 0"),
    "examples": (["explain", "cat.png", "--examples", "0"], "--examples must be at least 1, got 0"),
    "background": (["explain", "cat.png", "cat.png", "--background", "fo"], "background must be a color name"),
    "folder without photos": (
        ["explain", "bare"],
        "bare: no photos in this folder",
    ),
    "not a photo": (["explain", "x.toml"], "x.toml: empty file"),
    "flag of another method": (
        ["explain", "cat.png", "--method", "rise", "--slic-n-segments", "20"],
        "--slic-n-segments is a setting of lime, but the method is rise",
    ),
    "flag of another member": (
        ["explain", "cat.png", "--quickshift-ratio", "0.5"],
        "--quickshift-ratio is a setting of quickshift, but segmentation is slic; add --segmentation quickshift",
    ),
    "python only": (["explain", "cat.png", "--surrogate", "regressor"], "use it from Python"),
    "labels without a file": (["explain", "cat.png", "--segmentation", "labels"], "needs a file: --labels-path FILE"),
    "picture without a file": (["explain", "cat.png", "--fill", "picture"], "needs a file: --picture-path FILE"),
    "labels file": (
        ["explain", "cat.png", "--model", TINY, "--segmentation", "labels", "--labels-path", "no.png"],
        "Labels.path no.png: no such file",
    ),
    "several at once": (
        ["explain", "cat.png", "--n-samples", "1e9", "--num-features", "0"],
        "--n-samples must be a whole number, got '1e9'; --num-features must be at least 1, got '0'",
    ),
    "selection": (["explain", "cat.png", "--feature-selection", "lasso-path"], "needs num_features"),
    "out is a file": (["explain", "cat.png", "--out", "cat.png"], "--out must be a folder, but cat.png is a file"),
    "out below a file": (["explain", "cat.png", "--out", "cat.png/x"], "cannot make the folder cat.png/x"),
    "segments out": (["segments", "cat.png", "--out", "cat.png"], "--out must be a folder, but cat.png is a file"),
    "segments photo": (["segments", "nope.png"], "nope.png: no such file"),
    "segments setting": (["segments", "cat.png", "--slic-n-segments", "0"], "--slic-n-segments must be at least 2"),
    "settings missing": (["explain", "cat.png", "--settings", "no.toml"], "no.toml: no such file"),
    "grid too fine": (
        ["explain", "cat.png", "--model", TINY, "--method", "rise", "--grid", "40"],
        "Rise.grid must be at most 32",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_answered_by_one_line(call: Call, place: Path, name: str) -> None:
    (place / "x.toml").write_text("")
    (place / "bare").mkdir()
    arguments, said = WRONG[name]

    found = call(*arguments)

    assert said in found.error
    assert (found.code, found.out) == (2, "")


BAD_FILES = {
    "x =": "not a readable TOML settings file",
    "x = 1": "must hold only method, model, targets, seed, display, got x",
    "display = 3": "display must be a table, got 3",
    "display = {regions = 0}": "Display.regions must be at least 1, at most 10,000, got 0",
    "display = {colors = 1}": "Display.colors is not a setting",
    "method = 5": "method must be a name or a table, got 5",
    "method = 'lmie'": "method must be one of lime, rise, ensemble-lime, occlusion, auto, got 'lmie'",
    "method = {n_samples = 5}": "method must be one of lime, rise, ensemble-lime, occlusion, auto, got {'n_samples'",
    "method = {name = [1]}": "method must be one of lime, rise, ensemble-lime, occlusion, auto, got {'name': [1]}",
    "method = {name = 'lime', foo = 1}": "Lime.foo is not a setting; Lime has name, n_samples, tolerance",
    "method = {name = 'lime', segmentation = [1]}": "Lime.segmentation must be one of slic",
    "method = {name = 'lime', segmentation = {name = 'slic', n = 5}}": "Slic.n is not a setting",
    "method = {name = 'lime', segmentation = {name = 'labels'}}": "exactly one of path and array",
    "method = {name = 'lime', kernel = {name = 'cosine', width = nan}}": "Cosine.width must be a finite number",
    "method = {name = 'lime', surrogate = {name = 'regressor', regressor = 'x'}}": "must be a regressor object",
    "targets = {a = 1}": "targets must be text, a number, or a list",
    "targets = true": "targets must be text, a number, or a list",
    "targets = [1.5]": "targets must be 'topN', class indices, class names or 'A vs B', got 1.5",
    "targets = []": "targets must name at least one class, got none",
    "seed = 'x'": "seed must be a whole number of at least 0, got 'x'",
    "seed = -1": "seed must be a whole number of at least 0, got -1",
    "seed = true": "seed must be a whole number of at least 0, got True",
    "model = 5": "model must be text, or a table with a name and model settings, got 5",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_bad_settings_file_is_answered_by_one_line(call: Call, place: Path, text: str) -> None:
    (place / "bad.toml").write_text(text)
    model = () if text.startswith("model") else ("--model", TINY)

    found = call("explain", "cat.png", *model, "--settings", "bad.toml")

    assert BAD_FILES[text] in found.error
    assert (found.code, found.out) == (2, "")
    assert "bad.toml" in found.error or text.startswith("targets = [")


def test_a_settings_file_that_is_not_text(call: Call, place: Path) -> None:
    found = call("explain", "cat.png", "--settings", "cat.png")

    assert "cat.png: not a settings file (TOML)" in found.error
    assert found.code == 2


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere

    found = call("explain", "cat.png", "--model", "py:seewhy_tiny:raises", "--out", "locked")

    assert found.error == "error: --out must be a folder that can be written to, got locked"
    assert found.code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(call: Call, place: Path) -> None:
    (place / "locked").mkdir(mode=0o555)

    assert "can be written to, got" in call("explain", "cat.png", *SMALL, "--out", "locked").error


def test_a_file_that_cannot_be_written_costs_only_its_photo(call: Call, place: Path) -> None:
    shutil.copy("cat.png", "dog.png")
    (place / "seewhy-out/cat.lime.png").mkdir(parents=True)

    found = call("explain", "cat.png", "dog.png", *SMALL, "--json")

    said = "error: cat.png: cannot write seewhy-out/cat.lime.png: Is a directory"
    assert found.error == f"{said} (the result is in seewhy-out/cat.lime.seewhy)"
    assert found.code == 2
    assert [strict(line)["image"] for line in found.out.splitlines()] == ["cat.png", "dog.png"]


FAILING = {
    "raises": "error: cat.png: RuntimeError: weights exploded (in model raises, batch of 1 images",
    "garbage": "error: cat.png: model garbage must return numbers, one row for each image",
    "nan": "error: cat.png: model nan must return finite scores, returned nan at image 0, class 0",
}


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_model_is_one_line_and_a_traceback_only_with_debug(call: Call, name: str) -> None:
    plain = call("explain", "cat.png", "--model", f"py:seewhy_tiny:{name}")
    after = call("explain", "cat.png", "--model", f"py:seewhy_tiny:{name}", "--debug")
    before = call("--debug", "explain", "cat.png", "--model", f"py:seewhy_tiny:{name}")

    assert plain.error.startswith(FAILING[name])
    assert plain.error.endswith("(--debug shows more)")
    assert plain.code == after.code == before.code == 1
    assert after.err == before.err
    assert after.err.startswith("Traceback (most recent call last)")
    assert after.err.splitlines()[-1].startswith(FAILING[name])


def test_debug_shows_where_wrong_input_was_refused(call: Call) -> None:
    found = call("--debug", "explain", "cat.png", "--n-samples", "0")

    assert found.code == 2
    assert "Traceback" in found.err
    assert found.err.splitlines()[-1].startswith("error: --n-samples must be at least 2")
