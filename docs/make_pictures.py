"""Make the pictures of the README and the method pages again, from photos that scikit-image ships.

Run: ``python docs/make_pictures.py [--smoke]``; ``--smoke`` makes them of a few samples, in a folder that goes again.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import skimage

import seewhy
from seewhy.render import figure_png

PHOTOS = Path(skimage.__file__).parent / "data"
FOLDER = Path(__file__).parent / "pictures"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="few samples: everything runs, no picture changes")
    return parser


def draw(folder: Path, model: object, **amount: int) -> None:
    """Write the pictures into ``folder``."""

    def explained(photo: str, method: str = "auto", targets: str = "top1") -> seewhy.Explanation:
        return seewhy.explain(PHOTOS / photo, model=model, method={"name": method, **amount}, targets=targets)

    rise = explained("chelsea.png", "rise")
    figures = {
        "coffee.lime.png": explained("coffee.png", "lime").plot(),
        "chelsea.top3.png": explained("chelsea.png", targets="top3").plot(),
        "chelsea.rise.png": rise.plot(),
        "chelsea.ensemble-lime.png": explained("chelsea.png", "ensemble-lime").plot(),
        "chelsea.rise.examples.png": rise.plot_examples(6),
    }
    for name, figure in figures.items():
        (folder / name).write_bytes(figure_png(figure))
        print(f"docs/pictures/{name}")
    photograph(folder / "report.png", explained("coffee.png", "lime").to_html())


def photograph(path: Path, html: str) -> None:
    """Write what a browser shows of a page, where there is one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print(f"no Chromium here: docs/pictures/{path.name} is left as it is")
        return
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "report.html"
        page.write_text(html, encoding="utf-8")
        quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking"]
        window = [f"--user-data-dir={place}/profile", "--window-size=1150,860", "--virtual-time-budget=3000"]
        done = [chromium, *quiet, *window, f"--screenshot={path}", page.as_uri()]
        subprocess.run(done, check=True, capture_output=True, timeout=120)  # noqa: S603
    print(f"docs/pictures/{path.name}")


def halves(batch: np.ndarray) -> np.ndarray:
    """Return how bright the upper and lower half of pictures are: a model that takes no time."""
    middle = batch.shape[1] // 2
    bright = [
        batch[:, :middle].mean(axis=(1, 2, 3)),
        batch[:, middle:].mean(axis=(1, 2, 3)),
        batch.mean(axis=(1, 2, 3)),
    ]
    return np.stack(bright, axis=1)


def main() -> None:
    if arguments().parse_args().smoke:
        with tempfile.TemporaryDirectory() as folder:
            draw(Path(folder), halves, n_samples=160)
        return
    FOLDER.mkdir(exist_ok=True)
    draw(FOLDER, None)


if __name__ == "__main__":
    main()
