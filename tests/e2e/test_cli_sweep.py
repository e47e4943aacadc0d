"""``seewhy sweep``: what it says, costs, writes and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from support.cli import Call, strict

MODEL = """
import numpy as np
from seewhy import FunctionModel

model = FunctionModel(lambda batch: batch[:, 4:16, 4:16].mean(axis=(1, 2, 3)), input_size=32, kind="score")
"""


@pytest.fixture
def there(place: Path) -> Path:
    Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(place / "cat.png")
    (place / "swept.py").write_text(MODEL)
    return place


def test_a_sweep_says_its_calls_first_and_prints_a_table(call: Call, there: Path) -> None:
    got = call(
        "sweep", "cat.png", "--model", "py:swept:model", "--method", "rise", "--grid", "3", "4", "--keep", "0.3", "0.5",
        "--n-samples", "20", "60",
    )  # fmt: skip

    assert got.code == 0, got.err
    assert "8 maps from 4 runs, at most 244 model calls; n_samples without further calls" in got.err
    assert "wrote seewhy-sweep/sweep.png" in got.out
    held = strict((there / "seewhy-sweep/sweep.json").read_text())
    assert [(one["grid"], one["keep"], one["n_samples"]) for one in held["cells"]][:3] == [
        (3, 0.3, 20), (3, 0.3, 60), (3, 0.5, 20),
    ]  # fmt: skip


def test_fills_of_lime_are_one_call(call: Call, there: Path) -> None:
    got = call(
        "sweep", "cat.png", "--model", "py:swept:model", "--method", "lime", "--segmentation", "grid", "--n-samples",
        "40", "--fill", "black", "segment-mean", "blur", "--json",
    )  # fmt: skip

    held = strict(got.out)
    assert [one["fill"]["name"] for one in held["cells"]] == ["color", "segment-mean", "blur"]
    assert held["method"]["n_samples"] == 40


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["--method", "rise"], "several values"),
        (["--method", "auto", "--grid", "3", "4"], "--method must be one of"),
        (["--method", "rise", "--grid", "3", "0"], "--grid must be"),
        (["--method", "lime", "--slic-n-segments", "9", "20", "--slic-sigma", "0", "1"], "be the only setting"),
    ],
)
def test_what_is_no_sweep_is_refused(given: list[str], text: str, call: Call, there: Path) -> None:
    got = call("sweep", "cat.png", "--model", "py:swept:model", *given)

    assert got.code == 2
    assert text in got.err
