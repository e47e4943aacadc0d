"""Build the wheel, install it into an empty environment, and explain a photo there.

``--smoke`` installs the wheel alone, beside the packages that are here.

Run: ``python bench/wheel.py [--smoke]``
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from arguments import Arguments

ROOT = Path(__file__).parent.parent
EXPLAIN = """
import json, pathlib, skimage, sys
from seewhy.cli import main
photo = pathlib.Path(skimage.__file__).parent / "data" / "coffee.png"
main(["explain", str(photo), "--json", "--n-samples", "100", "--out", sys.argv[1]])
"""


def run(*command: str | Path, cwd: str | Path = ROOT, path: str | Path = "") -> str:
    """Run a command and return what it printed; ``path``: a folder of modules that come first."""
    words = [str(part) for part in command]
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def built(folder: Path) -> Path:
    """Return the wheel of this project; without the network where its builder is installed."""
    alone = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *alone, "--wheel-dir", folder, ".")
    return next(folder.glob("seewhy-*.whl"))


def installed(wheel: Path, folder: Path) -> Path:
    """Install the wheel with what it needs into an empty environment; return its Python."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
    found = run(python, "-m", "pip", "list").lower()
    heavy = [name for name in ("torch", "tensorflow") if f"\n{name} " in found]
    if heavy:
        sys.exit(f"the wheel's environment is wrong: {heavy}")
    return python


def arguments() -> Arguments:
    return Arguments(__doc__)


def main() -> None:
    smoke = arguments().parse_args().smoke
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        wheel, modules = built(here), here / "modules"
        if smoke:
            run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", modules, wheel)
        python = Path(sys.executable) if smoke else installed(wheel, here)
        printed = run(python, "-c", EXPLAIN, here / "out", cwd=here, path=modules)
        label = json.loads(printed)["predictions"][0]["label"]
        if label != "espresso":
            sys.exit(f"the wheel's answer is wrong: {label}")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB, coffee.png is an {label}")


if __name__ == "__main__":
    main()
