"""A command that is killed at any moment leaves whole files, and the same command or resume comes to the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="kill -9"),
]
TIMES = int(os.environ.get("SEEWHY_TEST_KILLS", "3"))
"""Processes that are killed."""
COMMAND = """
import sys
from seewhy.cli import main
from seewhy.engine import handing_over
handing_over._SAVE_SECONDS = 0.0
main(sys.argv[1:])
"""
MODEL = """
import time
import numpy as np

def score(batch):
    time.sleep(0.01)
    return np.tanh(batch[:, 2:20:6, 3:30:9, 0].reshape(len(batch), -1))
"""
ASKED = (
    "explain",
    "p.png",
    "--model",
    "py:tiny:score",
    "--method",
    "lime",
    "--segmentation",
    "grid",
    "--grid-rows",
    "3",
)
ASKED += ("--grid-columns", "4", "--n-samples", "300", "--batch-size", "5", "--quiet")


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    source = Path(seewhy.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE)


def finished(folder: Path, *arguments: str) -> None:
    process = start(folder, *arguments)
    said = process.communicate(timeout=1200)[1]
    assert process.returncode == 0, said


def new_folder(place: Path) -> Path:
    place.mkdir()
    (place / "tiny.py").write_text(MODEL)
    photo = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Pillow.fromarray(photo).save(place / "p.png")
    return place


def contents(folder: Path) -> dict[str, bytes]:
    found = folder / "seewhy-out"
    return {path.name: path.read_bytes() for path in found.iterdir()} if found.is_dir() else {}


def moments(out: Path) -> dict[str, Callable[[], bool]]:
    """States that a run comes through, one after the other."""
    return {
        "the folder is there": out.is_dir,
        "a file is being written": lambda: any(out.glob(".seewhy-*.part")),
        "a first result is saved": (out / "p.lime.seewhy").is_file,
        "the settings are written": (out / "p.lime.toml").is_file,
        "the figure is written": (out / "p.lime.png").is_file,
        "the heat map is written": (out / "p.lime.heatmap.png").is_file,
    }


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = new_folder(tmp_path_factory.mktemp("straight") / "run")
    finished(folder, *ASKED)
    return contents(folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(TIMES))
def test_a_killed_run_leaves_whole_files_and_comes_to_the_same_bytes(
    seed: int, tmp_path: Path, straight: dict[str, bytes]
) -> None:
    chance = random.Random(seed)
    folder = new_folder(tmp_path / "run")
    states = moments(folder / "seewhy-out")
    name = list(states)[seed % len(states)]

    running = start(folder, *ASKED)
    while not states[name]() and running.poll() is None:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.05))
    running.send_signal(signal.SIGKILL)
    running.communicate()

    left = contents(folder)
    for file, data in left.items():
        if file.endswith(".part"):
            continue
        if file.endswith(".seewhy"):
            found = seewhy.load(folder / "seewhy-out" / file)
            assert 2 <= len(found.samples) <= 300, name
        else:
            assert data == straight[file], (name, file)
    if "p.lime.seewhy" in left and chance.random() < 0.5:
        finished(folder, "resume", "seewhy-out/p.lime.seewhy", "--model", "py:tiny:score", "--quiet")
        assert contents(folder)["p.lime.seewhy"] == straight["p.lime.seewhy"], name
    finished(folder, *ASKED)
    assert {file: data for file, data in contents(folder).items() if not file.endswith(".part")} == straight, name
