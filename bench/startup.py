"""Cold starts: importing, the help text, and a 12-megapixel photo with 500 samples from the command line.

Run: ``python bench/startup.py [--rounds 3] [--smoke]``
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import skimage
from PIL import Image

from arguments import Arguments


def seconds(*command: str) -> float:
    """Return the wall time of a process."""
    start = perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return perf_counter() - start


def phone_photo(folder: Path, width: int) -> Path:
    """Write a photo of ``width`` x 3/4 of it pixels, as a phone gives it."""
    path = folder / "phone.jpg"
    with Image.open(Path(skimage.__file__).parent / "data" / "coffee.png") as photo:
        photo.resize((width, width * 3 // 4), Image.Resampling.BICUBIC).save(path, quality=92)
    return path


def arguments() -> Arguments:
    parser = Arguments(__doc__, rounds=1, width=160, samples=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, default=4000, help="of the photo, in pixels")
    parser.add_argument("--samples", type=int, default=500)
    return parser


def main() -> None:
    asked = arguments().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = str(phone_photo(Path(folder), asked.width))
        python, megapixels = sys.executable, asked.width**2 * 0.75e-6
        rows = {
            "import seewhy": (python, "-c", "import seewhy"),
            "seewhy --help": (python, "-m", "seewhy", "--help"),
            f"explain {megapixels:.3g} MP, lime, {asked.samples} samples": (
                *(python, "-m", "seewhy", "explain", photo, "--method", "lime"),
                *("--n-samples", str(asked.samples), "--out", folder),
            ),
        }
        for name, command in rows.items():
            times = sorted(seconds(*command) for _ in range(asked.rounds))
            print(f"{name:34} {times[len(times) // 2]:6.2f} s  ({times[0]:.2f} to {times[-1]:.2f})")


if __name__ == "__main__":
    main()
