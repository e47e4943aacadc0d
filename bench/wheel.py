"""Build the wheel, install it into an empty environment, and explain a photo there.

Run: ``python bench/wheel.py``
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXPLAIN = """
import json, pathlib, skimage, sys
from seewhy.cli import main
photo = pathlib.Path(skimage.__file__).parent / "data" / "coffee.png"
main(["explain", str(photo), "--json", "--n-samples", "100", "--out", sys.argv[1]])
"""


def run(*command: str | Path, cwd: str | Path = ROOT) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", here, ".")
        wheel = next(here.glob("seewhy-*.whl"))
        venv.create(here / "venv", with_pip=True)
        python = here / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel)
        result = json.loads(run(python, "-c", EXPLAIN, here / "out", cwd=here))
        heavy = [n for n in ("torch", "tensorflow") if run(python, "-m", "pip", "list").lower().find(f"\n{n} ") >= 0]
        if heavy or result["predictions"][0]["label"] != "espresso":
            sys.exit(f"the wheel's environment is wrong: {heavy or result['predictions'][0]}")
        size = wheel.stat().st_size / 1e6
        print(f"{wheel.name}: {size:.2f} MB, coffee.png is an {result['predictions'][0]['label']}")


if __name__ == "__main__":
    main()
