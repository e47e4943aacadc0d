"""How many model calls RISE's estimators and designs need for the same error of the map.

For each photo, long runs with independent and with balanced grids are cut into pieces of n masks, and a map is computed
from each piece alone. The truth is the mean of the long runs' controlled maps; as a check the long run's map by the
reference estimator must agree with it within its own error. Maps are compared without their mean, which ranks nothing.

Run: ``python bench/efficiency_rise.py [--photos 2] [--long 4096]``
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

import seewhy
from measure import answer, error, gains, photos

SIZES = (128, 256, 512, 1024)
NAMES = ("reference", "ratio", "centered", "controlled")


def measured(photo: Path, fill: str, long: int, rows: dict[str, list[list[float]]]) -> None:
    """Add the errors on one photo."""
    settings = seewhy.Rise(n_samples=long, grid=8, keep=0.5, fill=fill)
    flips = seewhy.explain(photo, method=settings.replace(design="bernoulli"), seed=1, progress=False)
    folded = seewhy.explain(photo, method=settings, seed=2, progress=False)
    truth = (answer(flips, flips.samples) + answer(folded, folded.samples)) / 2
    reference = flips.refit(estimator="reference")
    apart = np.linalg.norm(answer(reference, reference.samples) - truth) / np.linalg.norm(truth)
    stated = reference.attributions[0].error
    print(
        f"{photo.stem[:24]:24} {fill:6} reference map of {long} masks is {apart:.2f} off, its stated error {stated:.2f}"
    )
    for name in NAMES:
        read = partial(answer, flips, estimator=name)
        rows.setdefault(name, []).append([error(read, flips.samples, truth, n) for n in SIZES])
    for name in NAMES[1:]:
        read = partial(answer, folded, estimator=name)
        rows.setdefault(f"{name}, foldover-hadamard", []).append([error(read, folded.samples, truth, n) for n in SIZES])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=2)
    parser.add_argument("--long", type=int, default=4096)
    asked = parser.parse_args()
    for fill in ("black", "blur"):
        rows: dict[str, list[list[float]]] = {}
        chosen = photos(asked.photos)
        for photo in chosen:
            measured(photo, fill, asked.long, rows)
        title = f"RISE, 8 x 8 cells, {fill} fill, {len(chosen)} photos: median error (gain over reference, over ratio)"
        gains(title, SIZES, rows, ("reference", "ratio"))


if __name__ == "__main__":
    main()
