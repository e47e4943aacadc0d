"""Models on the command line: what is said about them, how they are checked, and that a run remembers it."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import seewhy
from support.cli import SMALL, TINY, Call, strict

BRIGHT = "py:seewhy_tiny:bright"
GRID = ("--segmentation", "grid", "--n-samples", "40")


@pytest.mark.preflight
def test_check_prints_what_is_known_and_every_check(call: Call) -> None:
    found = call("check", TINY, "cat.png")

    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0].startswith("tiny [red]x: 3 outputs (probability), model input (32, 32, 3)")
    assert len([line for line in lines if line.startswith("ok ")]) == 5


@pytest.mark.preflight
def test_check_as_json(call: Call) -> None:
    said = strict(call("check", TINY, "cat.png", "--json").out)

    assert said["fine"]
    assert said["classes"] == 3
    assert {one["level"] for one in said["findings"]} == {"ok"}


@pytest.mark.preflight
def test_a_warning_is_an_exit_code(call: Call) -> None:
    found = call("check", BRIGHT, "--head", "regression")
    assert (found.code, found.err) == (0, "")
    found = call("check", "py:seewhy_tiny:_scores", "--head", "logits")
    assert found.code == 1
    assert "WARN  score type" in found.out


def test_what_is_said_about_a_model_is_used_and_remembered(call: Call) -> None:
    Path("names.txt").write_text("dull\nbright\nbrighter\n")
    about = ("--labels", "names.txt", "--head", "softmax", "--input-size", "24x30")
    found = call("explain", "cat.png", "--model", "py:seewhy_tiny:_scores", *about, *GRID)

    assert (found.code, found.err) == (0, "")
    assert " dull" in found.out or " bright" in found.out
    got = seewhy.load("seewhy-out/cat.lime.seewhy")
    assert (got.view.height, got.view.width) == (24, 30)
    kept = tomllib.loads(Path("seewhy-out/cat.lime.toml").read_text())["model"]
    assert kept == {
        "name": "py:seewhy_tiny:_scores",
        "labels": "names.txt",
        "head": "softmax",
        "input_size": [24, 30],
    }
    named = ("--settings", "seewhy-out/cat.lime.toml", "--model", "py:seewhy_tiny:_scores")
    again = call("explain", "cat.png", *named, "--out", "again")
    assert (again.code, again.err) == (0, "")
    assert Path("again/cat.lime.seewhy").read_bytes() == Path("seewhy-out/cat.lime.seewhy").read_bytes()


def test_resume_loads_the_model_as_it_was(call: Call) -> None:
    about = ("--input-size", "24")
    assert call("explain", "cat.png", "--model", "py:seewhy_tiny:_scores", *about, *GRID).code == 0
    named = ("--model", "py:seewhy_tiny:_scores")
    found = call("resume", "seewhy-out/cat.lime.seewhy", *named, "--n-samples", "80", "--json")

    assert (found.code, found.err) == (0, "")
    assert strict(found.out)["n_samples"] == 80
    straight = seewhy.explain(
        "cat.png",
        model=seewhy.load_model("py:seewhy_tiny:_scores", input_size=24),
        method=seewhy.Lime(segmentation="grid", n_samples=80),
    )
    np.testing.assert_array_equal(seewhy.load("seewhy-out/cat.lime.seewhy").values(), straight.values())


def test_flags_win_over_a_settings_file(call: Call) -> None:
    Path("asked.toml").write_text('[model]\nname = "py:seewhy_tiny:_scores"\ninput_size = 24\n')
    named = ("--settings", "asked.toml", "--model", "py:seewhy_tiny:_scores")
    assert call("explain", "cat.png", *named, "--input-size", "20", *GRID).code == 0
    assert seewhy.load("seewhy-out/cat.lime.seewhy").view.height == 20


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--input-size", "wide"), "--input-size must be pixels"),
        (("--input-size", "0"), "input_size must be a whole number of at least 1"),
        (("--preprocessing", "{size"), "--preprocessing must be a name, or settings as JSON"),
        (("--preprocessing", "imagnet"), "preprocessing must be one of imagenet"),
        (("--head", "softmx"), "--head must be auto or one of softmax"),
        (("--runtime", "gpu"), "--runtime must be"),
        (("--precision", "f16"), "--precision must be"),
        (("--labels", "nowhere.txt"), "nowhere.txt: no such file"),
        (("--device", "cuda"), "--device is not a setting of the model"),
    ],
)
def test_wrong_words_about_a_model_are_one_line(call: Call, flags: tuple[str, ...], message: str) -> None:
    found = call("explain", "cat.png", "--model", BRIGHT, *flags, *GRID)

    assert found.code == 2
    assert message in found.err
    assert len(found.err.splitlines()) == 1


@pytest.mark.slow
def test_the_embedded_model_takes_a_precision_and_says_how_far_off_it_is(call: Call) -> None:
    found = call("explain", "cat.png", "--precision", "bf16", *GRID, "--json")

    said = strict(found.out)
    assert said["run_by"].startswith("OpenVINO bf16, up to ")
    assert said["n_exact"] == 6
    plain = call("explain", "cat.png", "--precision", "bf16", *GRID).out
    assert "run by OpenVINO bf16, up to " in plain
    assert "6 images were also evaluated by the original model" in plain


def test_models_lists_every_prefix(call: Call) -> None:
    said = call("models").out
    for prefix in seewhy.models.PREFIXES:
        assert f"\n{prefix}:" in said


def test_several_photos_share_the_model_and_equal_single_runs(call: Call) -> None:
    for name in ("a.png", "b.png", "c.png"):
        Path(name).write_bytes(Path("cat.png").read_bytes())
    found = call("explain", "a.png", "b.png", "nowhere.png", "c.png", *SMALL, "--json")

    assert found.code == 2
    assert [json.loads(line)["image"] for line in found.out.splitlines()] == ["a.png", "b.png", "c.png"]
    assert "nowhere.png" in found.err
    assert call("explain", "b.png", *SMALL, "--out", "alone").code == 0
    assert Path("alone/b.lime.seewhy").read_bytes() == Path("seewhy-out/b.lime.seewhy").read_bytes()


@pytest.mark.parametrize("command", ["explain", "tune"])
def test_what_is_said_about_no_name_is_said_about_the_default(call: Call, command: str) -> None:
    Path("asked.toml").write_text('[model]\ndevice = "cuda"\n')
    found = call(command, "cat.png", "--settings", "asked.toml")

    assert found.code == 2
    assert found.error.startswith("error: --device is not a setting of the model efficientnet-lite0")


@pytest.mark.slow
def test_a_table_without_a_name_means_the_default(call: Call) -> None:
    Path("asked.toml").write_text('[model]\nprecision = "bf16"\n')
    assert call("explain", "cat.png", "--settings", "asked.toml", *GRID).code == 0
    kept = tomllib.loads(Path("seewhy-out/cat.lime.toml").read_text())["model"]
    assert kept == {"name": "efficientnet-lite0", "precision": "bf16"}
    Path("empty.toml").write_text("[model]\n")
    assert call("explain", "cat.png", "--settings", "empty.toml", *GRID, "--model", TINY).code == 0
    assert call("explain", "cat.png", "--settings", "empty.toml", *GRID, "--overwrite").code == 0
    assert tomllib.loads(Path("seewhy-out/cat.lime.toml").read_text())["model"] == "efficientnet-lite0"


SINGLE = """
import torch

class OneByOne(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(3))
    def forward(self, pictures):
        return pictures.mean(dim=(2, 3)).reshape(1, 3) @ self.weight

net = OneByOne()
"""
ONE_BY_ONE = (
    "py:seewhy_single:net",
    "--preprocessing",
    "0..1",
    "--input-size",
    "24",
    "--runtime",
    "native",
    "--head",
    "regression",
)


@pytest.mark.preflight
def test_the_batch_size_that_an_error_advises_helps(call: Call) -> None:
    pytest.importorskip("torch", reason="the extra torch is not installed")
    Path("seewhy_single.py").write_text(SINGLE)
    for command in (("check", *ONE_BY_ONE), ("explain", "cat.png", "--model", *ONE_BY_ONE, *GRID)):
        refused = call(*command)
        assert refused.code != 0
        assert "give --batch-size 1" in refused.err
        found = call(*command, "--batch-size", "1")
        assert (found.code, found.err) == (0, "")
    kept = tomllib.loads(Path("seewhy-out/cat.lime.toml").read_text())["model"]
    assert kept == {
        "name": ONE_BY_ONE[0],
        "preprocessing": "0..1",
        "input_size": 24,
        "runtime": "native",
        "head": "regression",
    }
    named = ("--model", ONE_BY_ONE[0])
    more = call("resume", "seewhy-out/cat.lime.seewhy", *named, "--n-samples", "80", "--batch-size", "1")
    assert (more.code, more.err) == (0, "")
    sys.modules.pop("seewhy_single")


def test_a_size_that_nobody_says_is_asked_for(call: Call) -> None:
    pytest.importorskip("torch", reason="the extra torch is not installed")
    Path("seewhy_single.py").write_text(SINGLE)
    found = call("explain", "cat.png", "--model", "py:seewhy_single:net", "--preprocessing", "0..1", *GRID)
    sys.modules.pop("seewhy_single")

    assert found.code == 2
    assert "a range, but no image size; give --input-size SIDE or HEIGHTxWIDTH" in found.err


def test_a_mark_at_the_beginning_of_labels_is_no_label(call: Call) -> None:
    Path("names.txt").write_text("dull\nbright\nbrighter\n", encoding="utf-8-sig")
    model = seewhy.load_model("py:seewhy_tiny:_scores", labels="names.txt")

    assert model.labels == ("dull", "bright", "brighter")
