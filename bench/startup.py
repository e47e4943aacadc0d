"""Cold starts: importing, the help text, and a 12-megapixel photo with 500 samples from the command line.

Run: ``python bench/startup.py [--rounds 3]``
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import skimage
from PIL import Image


def seconds(*command: str) -> float:
    """Return the wall time of a process."""
    start = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return perf_counter() - start


def phone_photo(folder: Path) -> Path:
    """Write a photo of 4000 x 3000 pixels, as a phone gives it."""
    path = folder / "phone.jpg"
    with Image.open(Path(skimage.__file__).parent / "data" / "coffee.png") as photo:
        photo.resize((4000, 3000), Image.Resampling.BICUBIC).save(path, quality=92)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = str(phone_photo(Path(folder)))
        python = sys.executable
        rows = {
            "import seewhy": (python, "-c", "import seewhy"),
            "seewhy --help": (python, "-m", "seewhy", "--help"),
            "explain 12 MP, lime, 500 samples": (
                *(python, "-m", "seewhy", "explain", photo),
                *("--n-samples", "500", "--out", folder),
            ),
        }
        for name, command in rows.items():
            times = sorted(seconds(*command) for _ in range(asked.rounds))
            print(f"{name:34} {times[len(times) // 2]:6.2f} s  ({times[0]:.2f} to {times[-1]:.2f})")


if __name__ == "__main__":
    main()
