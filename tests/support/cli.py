"""The command line as people and scripts call it, and a module with models small, slow and wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seewhy
from support.patience import PATIENCE

MODULE = """
import os, time
import numpy as np
from seewhy import FunctionModel

def _scores(batch):
    bright = batch.mean(axis=(1, 2, 3))
    top = batch[:, :16].mean(axis=(1, 2, 3))
    powers = np.exp(3 * np.stack([bright, top, 1 - bright], axis=1))
    return powers / powers.sum(axis=1, keepdims=True)

NAMES = ("[bold]cat[/bold]", "dog \\u00b7 \\u00b2", "[/] :cat: $x_{$")
model = FunctionModel(_scores, input_size=32, labels=NAMES, kind="probability", name="tiny [red]x")
logits = FunctionModel(lambda batch: 20 * _scores(batch) - 3, input_size=32, labels=("a", "b", "c"), kind="logit")

def raises(batch):
    raise RuntimeError("weights\\nexploded")

def garbage(batch):
    return "hello"

def nan(batch):
    return np.full((len(batch), 3), np.nan)

def bright(batch):
    return batch.mean(axis=(1, 2))[:, :1]

def _called():
    with open("calls", "a") as file:
        file.write("x")

def slow(batch):
    _called()
    if os.path.getsize("calls") >= float(os.environ.get("STUCK_AFTER", "inf")):
        time.sleep(600)
    time.sleep(0.1)
    return _scores(batch)

def stuck(batch):
    _called()
    time.sleep(600)
"""
TINY = "py:seewhy_tiny:model"
SMALL = ("--model", TINY, "--n-samples", "40", "--segmentation", "grid")
KEYS = {
    "check",
    "verdict",
    *(
        "image",
        "model",
        "run_by",
        "method",
        "settings",
        "seed",
        "predictions",
        "targets",
        "n_samples",
        "n_exact",
        "n_evaluations",
        "pilot",
    ),
    *("complete", "stopped", "seconds", "seconds_model", "files", "notes", "warnings", "version"),
}
TARGET = {"index", "label", "score", "unit", "versus", "error", "error_state"}


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line an error must be."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: ")
        return lines[0]


Call = Callable[..., Answer]


def environment(modules: Path, **more: str) -> dict[str, str]:
    source = Path(seewhy.__file__).parents[1]
    return os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{modules}", "COLUMNS": "100"} | more


def process(modules: Path, *arguments: str, **more: str) -> Answer:
    done = subprocess.run(
        [sys.executable, "-m", "seewhy", *arguments],
        capture_output=True,
        check=False,
        env=environment(modules, **more),
        timeout=PATIENCE,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def strict(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found
