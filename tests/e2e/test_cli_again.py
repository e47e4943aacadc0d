"""Result files on the command line: read again, gone on with, and compared."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seewhy
from support.cli import TINY, Call, environment, process, strict
from support.patience import PATIENCE, wait_for, written

FILE = "seewhy-out/cat.lime.seewhy"
LOGITS = ("--model", "py:seewhy_tiny:logits")
SLOW = ("--model", "py:seewhy_tiny:slow")
GRID = ("--segmentation", "grid", "--grid-rows", "3", "--grid-columns", "4")


@pytest.fixture
def run(place: Path, modules: Path) -> Call:
    """The command line in a process of its own."""
    return partial(process, modules)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first of the tests leaves its results for the others."""
    return tmp_path_factory.mktemp("kept") / "results"


@pytest.fixture
def lime(call: Call, kept: Path) -> str:
    """A result file of LIME, of two classes and a contrast."""
    if not kept.exists():
        found = call(
            "explain", "cat.png", *LOGITS, *GRID, "--n-samples", "90", "--targets", "top2", "--targets", "a vs c"
        )
        assert (found.code, found.err) == (0, "")
        shutil.copytree("seewhy-out", kept)
    shutil.copytree(kept, "seewhy-out", dirs_exist_ok=True)
    return FILE


def files_in(folder: str = "seewhy-out") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    return found | {"seconds": None, "seconds_model": None, "files": [], "notes": []}


# --- refit --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_refit_reads_a_file_again_without_its_model(lime: str, run: Call) -> None:
    before = Path(lime).read_bytes()
    there = files_in()

    found = run("refit", lime, "--surrogate", "lasso", "--lasso-alpha", "0.003", "--kernel", "none", "--json")

    assert (found.code, found.err) == (0, "")
    assert len(found.out.splitlines()) == 1
    said = strict(found.out)
    expected = seewhy.load(lime).refit(surrogate=seewhy.Lasso(alpha=0.003), kernel="none")
    assert said["settings"]["surrogate"] == {"name": "lasso", "alpha": 0.003}
    assert without_times(said) == without_times(strict(json.dumps(expected.to_dict())))
    assert Path(lime).read_bytes() == before
    assert files_in() - there == {Path(name).name for name in said["files"]}
    new = "seewhy-out/cat.refit.lime.seewhy"
    assert new in said["files"]
    assert expected.save("expected").read_bytes() == Path(new).read_bytes()


def test_refit_takes_other_classes_and_another_folder(lime: str, call: Call) -> None:
    found = call("refit", lime, "--targets", "c vs b", "--targets", "a", "--out", "other", "--examples", "2", "--quiet")

    assert (found.code, found.out, found.err) == (0, "", "")
    assert files_in("other") == {
        "cat.refit.lime.png",
        "cat.refit.lime.heatmap.png",
        "cat.refit.lime.region.png",
        "cat.refit.lime.0.heatmap.png",
        "cat.refit.lime.0.region.png",
        "cat.refit.lime.examples.png",
        "cat.refit.lime.seewhy",
        "cat.refit.lime.toml",
    }
    got = seewhy.load("other/cat.refit.lime.seewhy")
    assert [target.label for target in got.targets] == ["c vs b", "a"]
    assert tomllib.loads(Path("other/cat.refit.lime.toml").read_text())["targets"] == ["c vs b", 0]


def test_refit_of_rise_and_of_an_ensemble(call: Call) -> None:
    for method, flag, value in (("rise", "estimator", "ratio"), ("ensemble-lime", "weighting", "density")):
        assert call("explain", "cat.png", *LOGITS, "--method", method, "--n-samples", "200").code == 0
        found = call("refit", f"seewhy-out/cat.{method}.seewhy", f"--{flag}", value, "--n-samples", "150", "--json")
        said = strict(found.out)
        assert (found.code, said["method"], said["settings"][flag], said["n_samples"]) == (0, method, value, 150)
        assert Path(f"seewhy-out/cat.refit.{method}.seewhy").exists()


def test_the_settings_of_a_refitted_contrast_can_be_used_again(lime: str, call: Call) -> None:
    assert call("refit", lime, "--targets", "a vs b", "--quiet").code == 0
    found = call("explain", "cat.png", "--settings", "seewhy-out/cat.refit.lime.toml", *LOGITS, "--json")

    assert strict(found.out)["targets"][0]["label"] == "a vs b"


def test_the_settings_of_a_contrast_without_names_can_be_used_again(call: Call) -> None:
    assert call("explain", "cat.png", *SLOW, *GRID, "--n-samples", "40", "--targets", "0 vs 1").code == 0
    assert call("refit", FILE, "--kernel", "none").code == 0
    found = call("explain", "cat.png", "--settings", "seewhy-out/cat.refit.lime.toml", *SLOW)

    assert (found.code, found.err) == (0, "")


# --- resume -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_resume_goes_on_and_writes_its_files_anew(lime: str, run: Call) -> None:
    there = files_in()
    figure = Path("seewhy-out/cat.lime.png").read_bytes()

    found = run("resume", lime, *LOGITS, "--n-samples", "190", "--json")

    assert (found.code, found.err) == (0, "")
    said = strict(found.out)
    assert (said["n_samples"], said["settings"]["n_samples"], said["complete"]) == (190, 190, True)
    assert files_in() == there == {Path(name).name for name in said["files"]}
    assert Path("seewhy-out/cat.lime.png").read_bytes() != figure
    straight = ("--n-samples", "190", "--targets", "top2", "--targets", "a vs c", "--out", "straight", "--quiet")
    assert run("explain", "cat.png", *LOGITS, *GRID, *straight).code == 0
    assert Path("straight/cat.lime.seewhy").read_bytes() == Path(lime).read_bytes()


def test_resume_takes_an_aim(lime: str, call: Call) -> None:
    found = call("resume", lime, *LOGITS, "--tolerance", "0.02", "--max-evaluations", "400", "--json")

    said = strict(found.out)
    assert said["stopped"]["by"] in {"tolerance", "max-evaluations"}
    assert said["n_samples"] > 90
    assert "n_samples" not in said["settings"]
    assert said["n_evaluations"] <= 400


def test_resume_leaves_settings_that_can_be_used_again(lime: str, call: Call) -> None:
    assert call("resume", lime, *LOGITS, "--n-samples", "100", "--quiet").code == 0

    asked = ("explain", "cat.png", "--settings", "seewhy-out/cat.lime.toml", *LOGITS)
    assert call(*asked, "--out", "again").code == 0


def start(modules: Path, *arguments: str) -> subprocess.Popen[str]:
    # where a shell runs this in the background, Ctrl-C is ignored
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom seewhy.cli import main; main()"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(
        command, env=environment(modules, STUCK_AFTER="9"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def called(times: int) -> None:
    """Wait until the model was called so often; soon after it is stuck, so that it is never done before Ctrl-C."""
    wait_for(written("calls", times))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lime", "rise"])
def test_ctrl_c_leaves_a_file_that_resume_finishes(method: str, run: Call, modules: Path) -> None:
    asked = ("explain", "cat.png", "--method", method, "--n-samples", "150", "--targets", "top2")
    asked += (*GRID, "--no-preflight") if method == "lime" else ("--grid", "4", "--no-preflight")
    file = f"seewhy-out/cat.{method}.seewhy"
    running = start(modules, *asked, *SLOW, "--batch-size", "10", "--json")
    try:
        called(5)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
    finally:
        running.kill()

    assert (running.returncode, err) == (130, "")
    said = strict(out)
    assert (said["complete"], said["stopped"]["by"]) == (False, "interrupted")
    assert 2 <= said["n_samples"] < 150
    assert len(seewhy.load(file).samples) == said["n_samples"]
    finished = run("resume", file, *SLOW, "--quiet")
    assert (finished.code, finished.out, finished.err) == (0, "", "")
    assert run(*asked, *SLOW, "--out", "straight", "--quiet").code == 0
    assert Path(file).read_bytes() == Path(f"straight/cat.{method}.seewhy").read_bytes()


@pytest.mark.slow
def test_ctrl_c_while_resuming_keeps_what_there_is(call: Call, place: Path, modules: Path) -> None:
    assert call("explain", "cat.png", *SLOW, *GRID, "--n-samples", "40").code == 0
    Path("calls").unlink()
    running = start(modules, "resume", FILE, *SLOW, "--n-samples", "200", "--batch-size", "10")
    try:
        called(3)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=PATIENCE)
    finally:
        running.kill()

    assert (running.returncode, err) == (130, "")
    assert "(partial)" in out
    got = seewhy.load(FILE)
    assert 40 <= len(got.samples) < 200
    assert not got.complete


FAILING = """
from pathlib import Path
from seewhy_tiny import logits
def model(batch):
    if Path("away").exists() and len(Path("away").read_text()) > 100:
        raise ConnectionError("the server is gone")
    with open("away", "a") as file:
        file.write("x" * len(batch))
    return logits.function(batch)
"""


def test_what_a_failing_model_had_answered_is_kept_and_resume_needs_its_model_alone(call: Call, place: Path) -> None:
    (place / "failing.py").write_text(FAILING)
    asked = ("explain", "cat.png", "--model", "py:failing:model", *GRID, "--n-samples", "300", "--batch-size", "20")
    asked += ("--no-preflight", "--targets", "1")

    failed = call(*asked)

    assert (failed.code, failed.out) == (1, "")
    assert "the server is gone" in failed.err
    assert f"samples are in {Path(FILE)}, and seewhy resume continues from there" in failed.err
    assert files_in() == {"cat.lime.seewhy", "cat.lime.toml"}
    (place / "away").unlink()
    (place / "failing.py").write_text(FAILING.replace("100", "10000"))
    sys.modules.pop("failing")
    assert call("resume", FILE, "--model", "py:failing:model", "--quiet").code == 0
    assert call(*asked, "--out", "straight", "--quiet").code == 0
    assert Path(FILE).read_bytes() == Path("straight/cat.lime.seewhy").read_bytes()


def test_a_file_that_only_knows_what_its_model_was_called_says_so(call: Call, lime: str) -> None:
    Path(lime).with_suffix(".toml").unlink()
    found = call("resume", lime, "--n-samples", "100")
    assert "seewhy-out/cat.lime.seewhy records only the model's name, '" in found.error


# --- compare ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_compare_holds_relatives_side_by_side(lime: str, run: Call) -> None:
    before = Path(lime).read_bytes()
    told, text = run("compare", lime, "--json"), run("compare", lime)

    assert (told.code, told.err, text.code, text.err) == (0, "", 0, "")
    said = json.loads(told.out)
    assert [one["target"] for one in said] == [target.label for target in seewhy.load(lime).targets]
    for i, one in enumerate(said):
        assert one == seewhy.load(lime).compare(i).to_dict()
        m = len(one["names"])
        assert one["names"][:2] == ["lime", "banzhaf"]
        assert np.shape(one["correlation"]) == np.shape(one["same_top"]) == (m, m)
        assert (len(one["apart"]), len(one["errors"]), one["apart"][0]) == (m, m, 0)
        assert set(one["names"]) | set(one["missing"]) == {"lime", "banzhaf", "shapley"}
        assert f"{one['target']}, 90 samples" in text.out
    assert "banzhaf" in text.out
    assert Path(lime).read_bytes() == before


def test_compare_of_rise_reads_its_other_estimators(call: Call) -> None:
    assert call("explain", "cat.png", *LOGITS, "--method", "rise", "--grid", "4", "--n-samples", "100").code == 0

    said = json.loads(call("compare", "seewhy-out/cat.rise.seewhy", "--json").out)[0]

    assert said["names"] == ["rise", "centered", "ratio", "reference"]
    assert said["missing"] == {}
    assert min(said["correlation"][0]) > 0


# --- bad usage ----------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[list[str], str]] = {
    "refit of nothing": (["refit"], "missing argument 'FILE'; see seewhy refit --help"),
    "refit of a missing file": (["refit", "no.seewhy"], "no.seewhy: no such file; see seewhy refit --help"),
    "refit of a folder": (["refit", "."], "'.' is a directory"),
    "refit of a photo": (["refit", "cat.png"], "cat.png is a photo, not a result file"),
    "refit of the fill": (["refit", FILE, "--fill", "black"], "refit has no --fill; it changes the masked images"),
    "refit of the design": (
        ["refit", FILE, "--design", "bernoulli"],
        "refit has no --design; it changes the masked images",
    ),
    "refit to more": (
        ["refit", FILE, "--n-samples", "91"],
        "number from 2 to 90, the number of saved samples (for more: seewhy resume)",
    ),
    "refit of another method": (["refit", FILE, "--estimator", "ratio"], "--estimator is a setting of rise, but the"),
    "refit of a value": (["refit", FILE, "--kernel", "gauss"], "--kernel must be one of cosine"),
    "refit of a class": (["refit", FILE, "--targets", "z"], "targets='z' is not a class of this model"),
    "resume of a missing file": (["resume", "no.seewhy"], "no.seewhy: no such file; see seewhy resume --help"),
    "resume by another model": (["resume", FILE, "--model", TINY], "the model does not match the saved result, "),
    "resume by no model": (["resume", FILE, "--model", "lenet"], "lenet"),
    "resume to fewer": (
        ["resume", FILE, *LOGITS, "--n-samples", "80"],
        "the number of saved samples (for fewer: seewhy refit)",
    ),
    "resume of a kernel": (["resume", FILE, "--kernel", "none"], "resume has no --kernel; use seewhy refit"),
    "resume of a value": (["resume", FILE, *LOGITS, "--tolerance", "7"], "--tolerance must be at least 0.001"),
    "compare of a missing file": (["compare", "no.seewhy"], "no.seewhy: no such file; see seewhy compare --help"),
    "until of rise": (["explain", "cat.png", "--method", "rise", "--until", "top3"], "needs segments"),
    "until of an ensemble": (["explain", "cat.png", "--method", "ensemble-lime", "--until", "top3"], "needs segments"),
    "until and a number": (
        ["explain", "cat.png", "--until", "top3", "--n-samples", "50"],
        "is a stopping rule",
    ),
    "until of no number": (["explain", "cat.png", "--until", "best"], "--until must be topK with K from 1 to 999"),
    "tolerance": (["explain", "cat.png", "--tolerance", "0"], "--tolerance must be at least 0.001, at most 1, got"),
    "evaluations": (["explain", "cat.png", "--max-evaluations", "3"], "--max-evaluations must be at least 16"),
    "seconds": (["explain", "cat.png", "--max-seconds", "0"], "--max-seconds must be above 0"),
    "kept": (
        ["explain", "cat.png", "--keep-scores", "top3"],
        "--keep-scores must be one of 'top10', 'all', got 'top3'",
    ),
    "contrast": (["explain", "cat.png", *LOGITS, "--targets", "a vs a"], "name two different classes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_line_and_changes_no_file(name: str, lime: str, call: Call) -> None:
    arguments, said = WRONG[name]
    before = {path: path.read_bytes() for path in Path("seewhy-out").iterdir()}

    found = call(*arguments)

    assert said in found.error
    assert (found.code, found.out) == (2, "")
    assert {path: path.read_bytes() for path in Path("seewhy-out").iterdir()} == before


@pytest.mark.slow
def test_bad_usage_is_one_line_in_a_process_too(lime: str, run: Call) -> None:
    found = run("refit", "no.seewhy", "--json")

    assert found.error == "error: no.seewhy: no such file; see seewhy refit --help"
    assert (found.code, found.out) == (2, "")


def test_help_of_refit_and_resume_lists_what_may_change(call: Call) -> None:
    refit, resume = call("refit", "--help").out, call("resume", "--help").out

    for flag in ("--kernel", "--surrogate", "--num-features", "--estimator", "--weighting", "--unit", "--n-samples"):
        assert f"  {flag} " in refit
    for flag in ("--n-samples", "--tolerance", "--max-evaluations", "--max-seconds", "--until"):
        assert f"  {flag} " in resume
    assert "--fill" not in refit
    assert "--kernel" not in resume


# --- report and figures -------------------------------------------------------------------------------------


def test_a_report_figures_and_cut_outs_are_written_as_asked(lime: str, call: Call) -> None:
    shown = (
        "--html",
        "--cutout",
        "--map",
        "--one-scale",
        "--format",
        "svg",
        "--style",
        "dark",
        "--caption",
        "Figure 3",
        "--regions",
        "1",
    )
    found = call("refit", lime, "--out", "other", *shown, "--targets", "a")
    assert (found.code, found.err) == (0, "")
    name = "other/cat.refit.lime"
    assert {f"{name}.html", f"{name}.svg", f"{name}.cutout.png", f"{name}.map.svg"} <= {
        line.removeprefix("wrote ") for line in found.out.splitlines()
    }
    assert not Path(f"{name}.png").exists()
    assert Path(f"{name}.svg").read_bytes().startswith(b"<?xml")
    assert Path(f"{name}.html").read_bytes().startswith(b"<!DOCTYPE html>")


@pytest.mark.slow
def test_a_report_of_result_files_needs_no_model_and_replaces_nothing_else(lime: str, call: Call) -> None:
    for _ in range(2):
        found = call("report", lime, "--out", "sent")
        assert (found.code, found.out, found.err) == (0, "wrote sent/cat.lime.html\n", "")
    Path("sent/cat.lime.html").write_bytes(b"mine")
    found = call("report", lime, "--out", "sent")
    assert found.out.startswith(
        "wrote sent/cat.lime-2.html\nnote: sent/cat.lime.html already exists with other content"
    )
    assert call("report", lime, lime, "--out", "sent", "--quiet").out == ""
    assert Path("sent/report.html").read_text(encoding="utf-8").count("<article") == 2


def test_a_report_of_what_is_no_result_file_is_refused(call: Call, place: Path) -> None:
    Path("no.seewhy").write_bytes(b"no")
    assert "no.seewhy" in call("report", "no.seewhy").error
    assert not Path("seewhy-out").exists()
