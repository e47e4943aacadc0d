"""Every script of bench/, docs/ and examples/ runs, on tiny inputs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    path.stem: path
    for folder in ("bench", "docs", "examples")
    for path in sorted((ROOT / folder).glob("*.py"))
    if path.stem not in {"matrix_probe", "wheel"} and '__name__ == "__main__"' in path.read_text(encoding="utf-8")
}
"""matrix_probe is run by matrix; `make wheel` runs wheel whole, in CI too."""
SLOW = {
    *("demo", "efficiency_rise", "ensemble", "gpu", "make_pictures", "many", "precision", "quality", "runtime"),
    *("startup", "vs_lime"),
}
NEEDS = {
    "gpu": ("torch", "lime", "captum"),
    "quality": ("torch", "lime", "efficientnet_lite_pytorch"),
    "runtime": ("torch", "efficientnet_lite_pytorch"),
    "vs_lime": ("torch", "lime", "efficientnet_lite_pytorch"),
}
PRINTS = {  # what a row looks like, where it is not a name with two numbers
    "demo": r"demo/coffee\.\S+\.png",
    "make_pictures": r"docs/pictures/coffee\.lime\.png",
    "tune_grid": r"read from the same answers  \d+",
    "matrix": r"\| this one, b \|( yes \|)+ all \| all \| all \| 0e\+00 \|",
}
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?"


def marked(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name


@pytest.mark.slow
@pytest.mark.parametrize("name", [marked(name) for name in SCRIPTS])
def test_a_script_runs_on_tiny_inputs_and_prints_its_table(name, tmp_path):
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package, reason=f"{package} is not installed")

    done = run(name, "--smoke", cwd=tmp_path)

    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(PRINTS.get(name, rf"(?m)^\S.*?\s{NUMBER}\b.*\s{NUMBER}"), done.stdout), done.stdout
    assert "skipped" not in done.stdout


def test_a_smoke_run_leaves_the_pictures_of_the_docs_alone():
    text = SCRIPTS["make_pictures"].read_text(encoding="utf-8")

    assert text.index("TemporaryDirectory() as folder") < text.index("FOLDER.mkdir")


def test_modules_that_are_no_scripts_are_imported_by_one():
    others = {path.stem for path in (ROOT / "bench").glob("*.py")} - set(SCRIPTS)
    texts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bench").glob("*.py"))

    assert others
    assert [name for name in others if f"from {name} import" not in texts and f"{name}.py" not in texts] == []


def run(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS[name]), *arguments]
    environment = {  # threads of BLAS only wait for each other on small matrices
        **os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "SEEWHY_CACHE": "off", "MPLBACKEND": "agg"
    }  # fmt: skip
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
