"""Which versions work, and what they agree on: Python by Python, with the lowest, the pinned and the newest packages.

Each environment is made by uv from pyproject.toml alone (no extra), gets the wheel, explains a photo by each method
with the embedded model, and loads a result file of an earlier version. Lowest: the lowest versions that pyproject.toml
declares (`--resolution lowest-direct`); pinned: those of constraints.txt; newest: the newest that it allows.

`same bytes` names the methods whose result file equals that of the first pinned environment, byte for byte; `same
decisions` is about the class, the method and unit, when the run stopped, and the regions shown; `same samples` about
what was asked and each score that the model answered; `map differs by` is the largest difference of a heat map from
that environment's, relative to the map's largest value.

Pythons that are looked for: 3.11 to 3.14, on the PATH and among pyenv's. What is not there is said. An environment in
FOLDER that has answered for the same wheel and number of samples is not asked again, so a run can be resumed.
``--smoke`` asks the environment that runs this script, twice.

Run: ``python bench/matrix.py [--python 3.11 3.12] [--resolution lowest pinned newest] [--folder FOLDER] [--smoke]``;
it takes minutes, and some GB in FOLDER.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from arguments import Arguments

ROOT = Path(__file__).resolve().parent.parent
OLD = ROOT / "tests" / "data" / "lime-0.1.0.seewhy"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
RESOLUTIONS = {
    "lowest": ["--resolution", "lowest-direct"],
    "pinned": ["--constraint", str(ROOT / "constraints.txt")],
    "newest": ["--resolution", "highest"],
}


class Row(NamedTuple):
    """One environment: its name, what it answered, or why it could not be made."""

    name: str
    answer: dict[str, Any] | None
    folder: Path
    error: str = ""


def done(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command, return what it printed; raise RuntimeError with the end of what it said."""
    words = [str(word) for word in command]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "SEEWHY_CACHE": "off"}
    ended = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError((ended.stderr or ended.stdout).strip()[-1500:])
    return ended.stdout


def interpreters(wanted: list[str]) -> dict[str, Path]:
    """Return a Python that runs for each version that is here."""
    found = {}
    for version in wanted:
        places = [
            shutil.which(f"python{version}"),
            *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3")),
        ]
        for place in places:
            if place and is_python(place, version):
                found[version] = Path(place)
    return found


def is_python(place: str | Path, version: str) -> bool:
    command = [str(place), "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode == 0 and ended.stdout.strip() == version


def environment(uv: Path, python: Path, resolution: str, wheel: Path, folder: Path) -> Path:
    """Make an environment with the wheel and what it needs; return its Python."""
    done(uv, "venv", "--quiet", "--clear", "--python", python, folder)
    inside = folder / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", inside]
    done(*install, *RESOLUTIONS[resolution], "--requirements", ROOT / "pyproject.toml", cwd=ROOT)
    done(*install, "--no-deps", "--reinstall", wheel)
    return inside


def asked(name: str, python: Path, folder: Path, samples: int, *smoke: str) -> Row:
    """Explain by each method, and load the old file, in an environment."""
    probe = ROOT / "bench" / "matrix_probe.py"
    try:
        return Row(name, json.loads(done(python, probe, folder, OLD, str(samples), *smoke, cwd=ROOT.parent)), folder)
    except (RuntimeError, json.JSONDecodeError) as error:
        return Row(name, None, folder, str(error).splitlines()[-1][:120])


def answered(name: str, place: Path, key: str) -> Row | None:
    """Return what an environment answered for this wheel before, or None."""
    kept = place / "answer.json"
    answer = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    return Row(name, answer["answer"], place / "results") if answer.get("key") == key else None


def remembered(row: Row, place: Path, key: str) -> Row:
    if row.answer is not None:
        (place / "answer.json").write_text(json.dumps({"key": key, "answer": row.answer}), encoding="utf-8")
    return row


def uv_of(folder: Path) -> Path:
    """Return uv: the one on the PATH, or one of its own."""
    there = shutil.which("uv")
    if there:
        return Path(there)
    own = folder / "uv" / "bin" / "uv"
    if not own.exists():
        done(sys.executable, "-m", "venv", folder / "uv")
        done(folder / "uv" / "bin" / "python", "-m", "pip", "install", "--quiet", "uv")
    return own


def all_rows(pythons: list[str], resolutions: list[str], folder: Path, samples: int) -> list[Row]:
    uv, here = uv_of(folder), interpreters(pythons)
    for version in pythons:
        if version not in here:
            print(f"Python {version}: not found on this machine", flush=True)
    done(uv, "build", "--quiet", "--wheel", "--out-dir", folder / "wheel", ROOT)
    wheel = max((folder / "wheel").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    key = f"{hashlib.sha256(wheel.read_bytes()).hexdigest()} {samples}"
    rows = []
    for version, python in here.items():
        for resolution in resolutions:
            name, place = f"{version}, {resolution}", folder / f"{version}-{resolution}"
            row = answered(name, place, key)
            if row is None:
                row = remembered(made(name, uv, python, wheel, place, samples), place, key)
            rows.append(row)
            print(f"{name} done", flush=True)
    return rows


def made(name: str, uv: Path, python: Path, wheel: Path, place: Path, samples: int) -> Row:
    """Make one environment and ask it; where it cannot be made, say why."""
    try:
        inside = environment(uv, python, name.split(", ")[1], wheel, place)
    except RuntimeError as error:
        return Row(name, None, place, "not installed: " + str(error).splitlines()[-1][:100])
    return asked(name, inside, place / "results", samples)


def difference(row: Row, base: Row, method: str) -> float:
    mine, other = (np.load(one.folder / f"{method}.npy").astype(np.float64) for one in (row, base))
    return float(np.abs(mine - other).max() / np.abs(other).max())


def agreement(row: Row, base: Row) -> list[str]:
    """Return the cells that compare an environment with the first pinned one."""
    mine, other = row.answer["methods"], base.answer["methods"]
    both = [name for name in mine if "error" not in mine[name] and "error" not in other.get(name, {"error": ""})]
    cells = []
    for kind in ("bytes", "samples", "decisions"):
        same = [name for name in both if mine[name][kind] == other[name][kind]]
        cells.append("all" if same == both else ", ".join(same) or "none")
    return [*cells, f"{max((difference(row, base, name) for name in both), default=np.nan):.0e}"]


def table(rows: list[Row]) -> None:
    """Print Markdown: a row for each environment."""
    able = [row for row in rows if row.answer]
    pinned = [row for row in able if "pinned" in row.name] or able
    methods = list(pinned[0].answer["methods"]) if pinned else []
    titles = [
        "environment",
        *methods,
        "old file",
        "same bytes",
        "same samples",
        "same decisions",
        "map differs by",
        "s",
    ]
    print("\n| " + " | ".join(titles) + " |\n|" + "---|" * len(titles))
    for row in rows:
        if row.answer is None:
            print(f"| {row.name} | {row.error} |" + " |" * (len(titles) - 2))
            continue
        parts = [row.answer["methods"][name] for name in methods] + [row.answer["old file"]]
        seconds = sum(part["seconds"] for part in parts)
        cells = [row.name, *(part.get("error", "yes") for part in parts), *agreement(row, pinned[0]), f"{seconds:.0f}"]
        print("| " + " | ".join(cells) + " |")


def arguments() -> Arguments:
    parser = Arguments(__doc__, samples=160)
    parser.add_argument("--python", nargs="+", default=list(PYTHONS), metavar="VERSION")
    parser.add_argument("--resolution", nargs="+", default=list(RESOLUTIONS), choices=RESOLUTIONS)
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv" / "matrix", help="for the environments")
    parser.add_argument("--samples", type=int, default=256, help="of each method")
    return parser


def main() -> None:
    given = arguments().parse_args()
    if given.smoke:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            rows = [
                asked(f"this one, {turn}", Path(sys.executable), folder / turn, given.samples, "smoke") for turn in "ab"
            ]
            table(rows)
            sys.exit(0 if all(row.answer for row in rows) else f"failed: {[row.error for row in rows]}")
    os.environ.pop("PYTHONPATH", None)  # the wheel is what is tried
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = all_rows(given.python, given.resolution, given.folder.resolve(), given.samples)
    table(rows)
    print(
        f"\nmade on {platform.system()} {platform.machine()}; {given.samples} samples, coffee.png, the embedded model"
    )
    sys.exit(0 if rows and all(row.answer for row in rows) else "some environments failed")


if __name__ == "__main__":
    main()
