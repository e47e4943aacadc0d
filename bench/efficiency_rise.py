"""How many model calls RISE's estimators and designs need for the same error of the map.

For each photo, long runs with independent and with balanced grids are cut into pieces of n masks, and a map is computed
from each piece alone. The truth is the mean of the long runs' controlled maps; as a check the long run's map by the
reference estimator must agree with it within its own error. Maps are compared without their mean, which ranks nothing.

Run: ``python bench/efficiency_rise.py [--photos 2] [--long 4096] [--smoke]``
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from pathlib import Path

import numpy as np

import seewhy
from arguments import Arguments
from measure import answer, error, gains, photos, tiny_model

NAMES = ("reference", "ratio", "centered", "controlled")


def measured(photo: Path, fill: str, asked: Namespace, rows: dict[str, list[list[float]]]) -> None:
    """Add the errors on one photo."""
    long, sizes = asked.long, asked.sizes
    settings = seewhy.Rise(n_samples=long, grid=8, keep=0.5, fill=fill)
    explain = partial(seewhy.explain, photo, model=tiny_model() if asked.smoke else None, progress=False)
    flips = explain(method=settings.replace(design="bernoulli"), seed=1)
    folded = explain(method=settings, seed=2)
    truth = (answer(flips, flips.samples) + answer(folded, folded.samples)) / 2
    reference = flips.refit(estimator="reference")
    apart = np.linalg.norm(answer(reference, reference.samples) - truth) / np.linalg.norm(truth)
    stated = reference.attributions[0].error
    print(
        f"{photo.stem[:24]:24} {fill:6} reference map of {long} masks is {apart:.2f} off, its stated error {stated:.2f}"
    )
    for name in NAMES:
        read = partial(answer, flips, estimator=name)
        rows.setdefault(name, []).append([error(read, flips.samples, truth, n) for n in sizes])
    for name in NAMES[1:]:
        read = partial(answer, folded, estimator=name)
        rows.setdefault(f"{name}, foldover-hadamard", []).append([error(read, folded.samples, truth, n) for n in sizes])


def arguments() -> Arguments:
    parser = Arguments(__doc__, photos=-1, long=64, sizes=[64], fills=["blur"])
    parser.add_argument("--photos", type=int, default=2, help="photos with masks, beside chelsea and coffee")
    parser.add_argument("--long", type=int, default=4096, help="masks of the long runs")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024], help="masks of the pieces")
    parser.add_argument("--fills", nargs="+", default=["black", "blur"])
    return parser


def main() -> None:
    asked = arguments().parse_args()
    for fill in asked.fills:
        rows: dict[str, list[list[float]]] = {}
        chosen = photos(asked.photos)
        for photo in chosen:
            measured(photo, fill, asked, rows)
        title = f"RISE, 8 x 8 cells, {fill} fill, {len(chosen)} photos: median error (gain over reference, over ratio)"
        gains(title, asked.sizes, rows, ("reference", "ratio"))


if __name__ == "__main__":
    main()
