"""``seewhy study``: what it prints and writes, what it refuses, and that a killed study goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from support.cli import Call, environment, strict
from support.patience import PATIENCE, wait_for, written

MENU = """
[sampling.lime]
name = "lime"
segmentation = "grid"
[sampling.coarse]
name = "lime"
segmentation = {name = "grid", rows = 2, columns = 2}
[free]
num_features = [3]
"""
MODELS = """
import os, time
import numpy as np
from seewhy import FunctionModel

def _part(batch, place):
    found = 1 / (1 + np.exp(8 * (0.5 - batch[(slice(None), *place)].mean(axis=(1, 2, 3)))))
    return np.stack([found, 1 - found], axis=1)

top = FunctionModel(lambda batch: _part(batch, (slice(0, 16),)), input_size=32, kind="probability", name="top")

def _slow(batch):
    with open("asked", "a") as file:
        file.write("x")
    if os.path.getsize("asked") >= float(os.environ.get("STUCK_AFTER", "inf")):
        time.sleep(600)
    return _part(batch, (slice(0, 16), slice(0, 16)))

corner = FunctionModel(_slow, input_size=32, kind="probability", name="corner")
"""
TOP, CORNER = "py:studied:top", "py:studied:corner"
ASKED = ("--menu", "menu.toml", "--n-samples", "40", "--target", "0")


@pytest.fixture
def there(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos of two classes, a menu and a module of models."""
    rng = np.random.default_rng(0)
    for kind in ("bear", "owl"):
        (place / "photos" / kind).mkdir(parents=True)
        for i in range(2):
            cells = rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)
            Pillow.fromarray(np.kron(cells, np.ones((8, 8, 1), np.uint8))).save(place / f"photos/{kind}/{kind}_{i}.png")
    (place / "menu.toml").write_text(MENU)
    (place / "studied.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(place))
    sys.modules.pop("studied", None)
    return place


@pytest.mark.slow
def test_a_study_prints_its_answers_and_writes_page_and_json(call: Call, there: Path) -> None:
    found = call("study", "photos", "--model", TOP, "--model", CORNER, *ASKED, "--out", "new/folder")

    assert (found.code, found.err) == (0, "")
    for i, question in enumerate(("explains this photo best", "another photo", "another class", "another model"), 1):
        (line,) = [one for one in found.out.splitlines() if one.startswith(f"Q{i}")]
        assert question in line
    assert "bear/bear_0.png" in found.out
    assert "Settings are chosen by srg with a blur fill" in found.out
    assert "wrote new/folder/study.json\nwrote new/folder/study.html\n" in found.out
    held = strict((there / "new/folder/study.json").read_text())
    assert held["complete"]
    assert [one["class"] for one in held["photos"]] == ["bear", "bear", "owl", "owl"]
    assert list(held["models"]) == ["top", "corner"]
    assert [one["label"] for one in held["settings"]] == [
        "lime",
        "lime \u00b7 num_features 3",
        "coarse",
        "coarse \u00b7 num_features 3",
    ]
    assert np.shape(held["chosen"]) == (2, 4, 4)
    assert {one["over"] for one in held["matrices"]} == {"photos", "classes", "models"}
    assert [one["word"] for one in held["questions"].values()] == ["Seen here"] * 5

    again = call("study", "photos", "--model", TOP, "--model", CORNER, *ASKED, "--out", "new/folder", "--json")
    assert strict(again.out) == held
    assert again.err == ""


def test_classes_may_be_named(call: Call, there: Path) -> None:
    kinds = ("--class", "x=photos/bear", "--class", "x=photos/owl/owl_0.png", "--class", "y=photos/owl/owl_1.png")
    found = call("study", *kinds, "--model", TOP, *ASKED, "--quiet", "--metric", "sufficiency", "--groups", "name")

    assert (found.code, found.out, found.err) == (0, "", "")
    held = strict((there / "seewhy-study/study.json").read_text())
    assert {one["photo"]: one["class"] for one in held["photos"]} == {
        "bear/bear_0.png": "x",
        "bear/bear_1.png": "x",
        "owl/owl_0.png": "x",
        "owl/owl_1.png": "y",
    }
    assert len({one["group"] for one in held["photos"]}) == 2


def test_a_bad_photo_is_named_and_the_code_says_so(call: Call, there: Path) -> None:
    (there / "photos/owl/owl_0.png").write_bytes(b"none")
    found = call("study", "photos", "--model", TOP, *ASKED)

    assert found.code == 1
    assert "not judged: owl/owl_0.png, top: owl_0.png must be an image file" in found.out
    assert "wrote" in found.out


def test_names_that_are_no_utf8_leave_files_that_are(call: Call, there: Path) -> None:
    (there / "photos/owl").rename(there / os.fsdecode(b"photos/\xff<owl>"))
    (there / "photos/bear/bear_0.png").rename(there / os.fsdecode(b"photos/bear/\xfe.png"))
    found = call("study", "photos", "--model", TOP, *ASKED, "--quiet", "--out", "new")

    assert (found.code, found.err) == (0, "")
    held = strict((there / "new/study.json").read_bytes().decode())
    assert {one["class"] for one in held["photos"]} == {"bear", "\udcff<owl>"}
    page = (there / "new/study.html").read_bytes().decode()
    assert "\\udcff&lt;owl&gt;" in page
    assert "\\udcfe.png" in page


def test_a_settings_file_is_a_menu(call: Call, there: Path) -> None:
    (there / "tune.toml").write_text(
        'targets = "top1"\n[method]\nname = "lime"\nn_samples = 64\nsegmentation = "grid"\n'
    )
    found = call("study", "photos/bear", "--model", TOP, *ASKED, "--menu", "tune.toml")

    assert (found.code, found.err) == (0, "")
    assert "note: tune: n_samples 64 ignored: the study uses 40 samples for every sampling setting\n" in found.out
    assert "note: tune: only method and display are used; ignored: targets\n" in found.out
    held = strict((there / "seewhy-study/study.json").read_text())
    (one,) = held["settings"]
    assert (one["label"], one["method"]["n_samples"]) == ("tune", 40)
    assert one["method"]["segmentation"]["name"] == "grid"


def test_what_is_said_beside_the_example_counts(call: Call, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("seewhy.study.example"), "write_example", lambda _: there / "photos")
    found = call("study", "--example", "--model", TOP, "--n-samples", "0")

    assert found.code == 2
    assert "n_samples must be a whole number of at least 4, got 0" in found.error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no photos given"),
        (("photos", "--class", "a=photos"), "not both"),
        (("--class", "photos"), "--class must be NAME=PATH"),
        (("photos", "--example"), "--example brings its own photos"),
        (("photos", "--metric", "deletion"), "metric must be one of srg"),
        (("photos", "--metric", "iou"), "needs ground truth"),
        (("photos", "--menu", "none.toml"), "no such file"),
        (("photos", "--model", TOP, "--n-samples", "1"), "n_samples must be"),
        (("nowhere",), "no such file or folder"),
    ],
)
def test_what_breaks_a_rule_is_one_line(call: Call, there: Path, arguments: tuple[str, ...], says: str) -> None:
    found = call("study", *arguments)

    assert found.code == 2
    assert says in found.error


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_study_goes_on_to_the_same_bytes(there: Path, modules: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "seewhy", "study", "photos/bear/bear_0.png", "--model", CORNER, *ASKED, "--quiet"]
    command += ["--batch-size", "8"]

    def run(out: str, **more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*command, "--out", out], env=environment(modules, **more), cwd=there)

    asked = there / "asked"
    assert run("whole").wait(PATIENCE) == 0
    whole = len(asked.read_bytes())
    asked.unlink()
    first = run("cut", STUCK_AFTER=str(whole // 2))
    wait_for(written(asked, whole // 2))
    first.send_signal(how)
    assert first.wait(PATIENCE) == (-signal.SIGKILL if how == signal.SIGKILL else 130)
    before = len(asked.read_bytes())
    assert before < whole
    assert run("cut").wait(PATIENCE) == 0

    assert (there / "cut/study.json").read_bytes() == (there / "whole/study.json").read_bytes()
    assert len(asked.read_bytes()) - before < whole  # what was done was not asked again
    assert json.loads((there / "cut/study.json").read_text())["complete"]


def test_models_have_the_names_and_options_of_their_own(call: Call, there: Path) -> None:
    second = json.dumps({"name": CORNER})
    got = call(
        "study", "photos", "--model", f"first={TOP}", "--model", f"second={second}", *ASKED, "--out", "named", "--json"
    )

    assert list(strict(got.out)["models"]) == ["first", "second"]
    for wrong in (f"={TOP}", "first=", "first={", 'first={"head": "logit"}'):
        refused = call("study", "photos", "--model", wrong, *ASKED)
        assert (refused.code, "--model must" in refused.err) == (2, True)
    own = json.dumps({"name": TOP, "input_size": 32})
    refused = call("study", "photos", "--model", TOP, "--model", f"second={own}", *ASKED)
    assert refused.code == 2
    assert "input" in refused.err  # the options are read, and this model takes none
