"""Flags say all that settings say; and the commands beside explain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.cli.explain import explain, settings_from
from seewhy.cli.flags import Flag, families, method_flags
from seewhy.methods import METHODS
from seewhy.methods.presets import PRESETS
from support.cli import TINY, Call

pytestmark = pytest.mark.figures

# --- flags --------------------------------------------------------------------------------------------------


def _asked(*flags: str) -> dict[str, Any]:
    # click keeps the help flags that a command was first made with
    context = explain.make_context("explain", ["cat.png", *flags], help_option_names=["-h", "--help"])
    return settings_from(context.params)


def _chosen(flag: Flag) -> list[str]:
    method = ["--method", flag.owners[0]]
    return method if flag.member is None else [*method, f"--{flag.place[0]}", flag.member]


def _default(flag: Flag) -> Any:
    settings: Any = METHODS[flag.owners[0]]
    if flag.member is not None:
        settings = families(settings)[flag.place[0]][flag.member]
    default = settings.model_fields[flag.place[-1]].get_default()
    return getattr(default, "name", default)


@pytest.mark.parametrize("flag", method_flags(), ids=lambda flag: flag.name)
def test_each_flag_with_its_default_gives_the_same_settings(flag: Flag) -> None:
    if flag.place[-1] == "path":
        asked = _asked(*_chosen(flag), flag.name, "x.png")["method"]
        assert asked[flag.place[0]]["path"] == "x.png"
        return
    default = _default(flag)
    text = "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
    if isinstance(default, tuple):
        text = ",".join(map(str, default))

    assert _asked(*_chosen(flag), flag.name, text) == _asked(*_chosen(flag))


def test_every_setting_that_a_file_can_hold_has_a_flag() -> None:
    names = {flag.name for flag in method_flags()}
    python_only = {"custom", "regressor"}
    for settings in METHODS.values():
        expected = {f"--{name.replace('_', '-')}" for name in settings.model_fields if name != "name"}
        for known in families(settings).values():
            for member, described in known.items():
                inner = set(described.model_fields) - {"name", "array"} if member not in python_only else set()
                expected |= {f"--{member}-{name.replace('_', '-')}" for name in inner}
        assert expected <= names


def test_every_flag_stands_in_the_help_the_usual_ones_first(call: Call) -> None:
    text = call("explain", "--help").out

    for flag in method_flags():
        assert f"  {flag.name} " in text
        assert f"\n{flag.section}:\n" in text
    usual = text[text.index("The usual:") : text.index("What is shown:")]
    for name in ("--method", "--preset", "--settings", "--model", "--targets", "--seed", "--out", "--json", "--quiet"):
        assert name in usual
    assert "--n-samples" in usual
    assert len([line for line in usual.splitlines() if line.startswith("  -")]) <= 12
    assert text.index("Settings of lime:") < text.index("For --segmentation slic:")


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_runs(call: Call, name: str) -> None:
    few = ["--n-samples", "40"]
    if name == "shapley":  # which needs coalitions of all sizes
        few = ["--max-evaluations", "200", "--slic-n-segments", "8"]
    if PRESETS[name].method.name == "rise":
        few += ["--grid", "4"]
    elif "default" in name or name == "lime-lab":
        few += ["--quickshift-max-dist", "5", "--quickshift-kernel-size", "1"]

    found = call("explain", "cat.png", "--preset", name, *few, "--model", "py:seewhy_tiny:logits", "--targets", "top3")

    assert (found.code, found.err) == (0, "")


def test_a_preset_sets_method_targets_and_display() -> None:
    for name, preset in PRESETS.items():
        asked = _asked("--preset", name)
        assert seewhy.api.as_method(asked["method"]) == preset.method
        assert asked["targets"] == preset.targets
        assert seewhy.Display(**asked["display"]) == preset.display


WORKFLOWS: dict[str, tuple[str, seewhy.Lime | seewhy.Rise, dict[str, Any]]] = {
    "W1 slic and colors": (
        (
            "--segmentation slic --slic-n-segments 30 --slic-compactness 5 --num-features 6 --n-samples 64 "
            "--fill white --surrogate bayesian-ridge"
        ),
        seewhy.Lime(
            segmentation=seewhy.Slic(n_segments=30, compactness=5),
            num_features=6,
            n_samples=64,
            fill="white",
            surrogate="bayesian-ridge",
        ),
        {},
    ),
    "W1 kite, three classes": ("--targets top3 --fill gray", seewhy.Lime(fill="gray"), {}),
    "W2": (
        (
            "--slic-n-segments 50 --n-samples 100 --design drop-fraction --keep 0.8 --surrogate lasso "
            "--kernel inverse-l2 --regions 7 --sign both"
        ),
        seewhy.Lime(
            n_samples=100,
            design="drop-fraction",
            keep=0.8,
            surrogate="lasso",
            kernel="inverse-l2",
        ),
        {"regions": 7, "sign": "both"},
    ),
    "W3": (
        (
            "--slic-n-segments 20 --n-samples 500 --fill black --surrogate lasso --lasso-alpha 0.1 "
            "--kernel image-cosine --unit score --targets top3 --sign positive"
        ),
        seewhy.Lime(
            segmentation=seewhy.Slic(n_segments=20),
            n_samples=500,
            fill="black",
            surrogate=seewhy.Lasso(alpha=0.1),
            kernel="image-cosine",
            unit="score",
        ),
        {"sign": "positive"},
    ),
    "W4": (
        (
            "--segmentation quickshift --num-features 100000 --n-samples 5000 --fill [255,0,0] --sign negative "
            "--hide-rest --regions 15"
        ),
        seewhy.Lime(segmentation="quickshift", num_features=100_000, n_samples=5000, fill="red"),
        {"regions": 15, "sign": "negative", "hide_rest": True},
    ),
    "W5": (
        "--method rise --n-samples 2000 --grid 8 --keep 0.5 --fill color --color-value #808080 --estimator reference",
        seewhy.Rise(n_samples=2000, grid=8, keep=0.5, fill=seewhy.Color(value="#808080"), estimator="reference"),
        {},
    ),
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_five_workflows_can_be_said_by_flags(name: str) -> None:
    flags, method, display = WORKFLOWS[name]

    asked = _asked(*flags.split())

    assert seewhy.api.as_method(asked["method"]) == method
    assert seewhy.Display(**asked["display"]) == seewhy.Display(**display)


def test_naming_the_member_that_is_there_keeps_its_settings() -> None:
    base = ("--preset", "lime-scratch-resnet50")

    assert _asked(*base, "--segmentation", "slic", "--surrogate", "lasso") == _asked(*base)
    assert _asked(*base, "--surrogate", "ridge")["method"]["surrogate"] == {"name": "ridge", "alpha": 1.0}


def test_none_takes_an_optional_setting_away() -> None:
    asked = _asked("--preset", "lime-default", "--num-features", "none", "--feature-selection", "none")

    assert "num_features" not in asked["method"]


# --- the other commands -------------------------------------------------------------------------------------


def test_version_and_help(call: Call) -> None:
    assert call("--version").out == f"seewhy, version {seewhy.__version__}\n"
    found = call("--help")
    assert found.code == 0
    for name in ("explain", "segments", "models", "methods"):
        assert f"  {name} " in found.out
        assert call(name, "-h").code == 0
    bare = call()
    assert bare.code == 2
    assert "Usage: seewhy" in bare.err


def test_models_names_the_default(call: Call) -> None:
    found = call("models")

    assert found.code == 0
    assert any(line.startswith("efficientnet-lite0 ") and "(default)" in line for line in found.out.splitlines())
    assert "py:module:attribute" in found.out


def test_methods_lists_every_setting_with_default_and_source(call: Call) -> None:
    text = call("methods").out

    for name, settings in METHODS.items():
        assert f"\n{name}: " in f"\n{text}"
        assert settings.source in text
        for field in settings.model_fields:
            assert field == "name" or f"  {field} = " in text or f"  {field}  " in text
    for name in PRESETS:
        assert f"  {name}: " in text
    alone = call("methods", "rise").out
    assert "rise: " in alone
    assert "lime: " not in alone


def test_segments_draws_and_counts(call: Call, place: Path) -> None:
    found = call(
        "segments", "cat.png", "--model", TINY, "--segmentation", "grid", "--grid-rows", "2", "--grid-columns", "3"
    )

    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("6 segments by grid; area from ")
    with Pillow.open("seewhy-out/cat.segments.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (90, 60))


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["explain", "--help"]], ids=" ".join)
def test_help_loads_nothing_that_only_a_run_needs(arguments: list[str]) -> None:
    code = f"""
import sys
from seewhy.cli import main
try:
    main({arguments})
except SystemExit:
    pass
slow = ("scipy", "skimage", "sklearn", "openvino", "matplotlib", "safetensors")
print([name for name in slow if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
