"""Settings found for a photo, on the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import seewhy
from support.cli import TINY, Call, strict

FEW = ("--model", TINY, "--n-samples", "200")


def test_what_was_chosen_stands_in_every_file(call: Call) -> None:
    found = call("explain", "cat.png", "--auto", *FEW, "--json")

    assert found.code == 0, found.err
    said = strict(found.out)
    assert said["method"] == "ensemble-lime"
    assert any(text.startswith("auto, for ") for text in said["warnings"])
    assert list(seewhy.load("seewhy-out/cat.ensemble-lime.seewhy").warnings) == said["warnings"]
    kept = tomllib.loads(Path("seewhy-out/cat.ensemble-lime.toml").read_text())
    assert kept["method"]["name"] == "ensemble-lime"
    assert kept["method"]["fill"] == said["settings"]["fill"]

    kept_settings = ("--settings", "seewhy-out/cat.ensemble-lime.toml", "--model", TINY)
    again = call("explain", "cat.png", *kept_settings, "--out", "again", "--json")
    assert strict(again.out)["targets"] == said["targets"]


def test_auto_is_a_method(call: Call) -> None:
    one = strict(call("explain", "cat.png", "--auto", *FEW, "--json").out)
    other = strict(call("explain", "cat.png", "--method", "auto", *FEW, "--json").out)
    assert one["warnings"] == other["warnings"]
    assert one["targets"] == other["targets"]


def test_what_auto_chooses_cannot_be_given(call: Call) -> None:
    found = call("explain", "cat.png", "--auto", "--method", "lime", *FEW)
    assert found.code == 2
    assert "--auto and --method lime exclude each other" in found.error
    found = call("explain", "cat.png", "--auto", "--fill", "black", *FEW)
    assert found.code == 2
    assert "--fill is a setting of" in found.error


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--fill", "black"], "note: auto has no setting --fill, so the method is lime"),
        (["--regions", "2"], "note: --regions selects segments, but ensemble-lime gives a map"),
        (["--method", "lime", "--share", "0.1"], "note: --share selects a part of a map, but lime gives segments"),
    ],
)
def test_what_a_flag_changed_or_did_not_do_is_said(call: Call, flags: list[str], said: str) -> None:
    found = call("explain", "cat.png", "--model", TINY, *flags)

    assert found.code == 0, found.err
    assert said in found.out
    quiet = call("explain", "cat.png", "--model", TINY, *flags, "--json")
    assert strict(quiet.out)["method"] in {"lime", "ensemble-lime"}


def test_where_nothing_surprises_nothing_is_said(call: Call) -> None:
    for flags in ([], ["--share", "0.1"], ["--method", "lime", "--fill", "black", "--regions", "2"]):
        assert "note: --" not in call("explain", "cat.png", "--model", TINY, *flags).out
