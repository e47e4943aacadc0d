"""How many model calls LIME's designs need for the same error.

For each photo and fill, long runs with independent coin flips, with pairs and with the balanced design are cut into
pieces of n samples, and each piece is fitted as if it were all there is; n is rounded up to whole blocks of the
balanced design, as a run that stops by itself does, for all designs alike. The truth is the mean of the long runs of
coin flips and of the balanced design by least squares. As a check, the long run of coin flips under lime's own ridge
must agree with the balanced one within the error that both state. Errors are relative; gains are over coin flips with
least squares, and over lime (ridge 1).

Run: ``python bench/efficiency_lime.py [--photos 6] [--long 4096] [--smoke]``
"""

from __future__ import annotations

from argparse import Namespace
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np

import seewhy
from arguments import Arguments
from measure import answer, error, gains, photos, tiny_model
from seewhy.sampling.designs import FoldoverHadamard

UNITS = ("probability", "log-odds")
AIMS = {128: 3.0, 512: 2.3}


Rows = dict[str, dict[str, list[list[float]]]]


def measured(photo: Path, fill: str, asked: Namespace, rows: Rows) -> None:
    """Add the errors on one photo with one fill, for both units."""
    settings = seewhy.Lime(fill=fill, n_samples=asked.long)
    explain = partial(seewhy.explain, photo, model=tiny_model() if asked.smoke else None, progress=False)
    folded = explain(method=settings, seed=2)
    flips = explain(method=settings.replace(design="bernoulli"), seed=1)
    pairs = explain(method=settings.replace(design="antithetic"), seed=3)
    block = FoldoverHadamard().block_rows(folded.samples.d)
    for unit in UNITS:
        plain = [answer(run, run.samples, unit) for run in (folded, flips)]
        truth = (plain[0] + plain[1]) / 2
        checked(photo, fill, unit, folded, flips)
        ridge = seewhy.Ridge(alpha=1.0)
        ways = {
            "coin flips, least squares": (flips, partial(answer, flips, unit=unit)),
            "coin flips, ridge 1 (lime)": (flips, partial(answer, flips, unit=unit, surrogate=ridge)),
            "antithetic, least squares": (pairs, partial(answer, pairs, unit=unit)),
            "foldover-hadamard, least squares": (folded, partial(answer, folded, unit=unit)),
        }
        for name, (run, read) in ways.items():
            rows[f"{fill} fill, {unit}"].setdefault(name, []).append(
                [error(read, run.samples, truth, -(-n // block) * block) for n in asked.sizes]
            )


def checked(photo: Path, fill: str, unit: str, ours: seewhy.Explanation, reference: seewhy.Explanation) -> None:
    """Say how far our long run and the reference estimator's are apart, in units of what their errors allow."""
    one, other = ours.refit(unit=unit), reference.refit(unit=unit, surrogate=seewhy.Ridge(alpha=1.0))
    allowed = np.sqrt(sum(np.sum(run.attributions[0].se ** 2) for run in (one, other)))
    apart = np.linalg.norm(one.values() - other.values()) / allowed
    print(f"{photo.stem[:24]:24} {fill:13} {unit:12} long runs differ by {apart:.2f} of their stated error")


def arguments() -> Arguments:
    parser = Arguments(__doc__, photos=-1, long=128, sizes=[64], fills=["segment-mean"])
    parser.add_argument("--photos", type=int, default=6, help="photos with masks, beside chelsea and coffee")
    parser.add_argument("--long", type=int, default=4096, help="samples of the long runs")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024], help="samples of the pieces")
    parser.add_argument("--fills", nargs="+", default=["segment-mean", "black"], help="segment-mean among them")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    rows: Rows = defaultdict(dict)
    for photo in photos(asked.photos):
        for fill in asked.fills:
            measured(photo, fill, asked, rows)
    for title, found in rows.items():
        count = len(found["coin flips, least squares"])
        gains(f"LIME, {title}, {count} photos: median error (gain over coin flips, over lime)", asked.sizes, found,
              ("coin flips, least squares", "coin flips, ridge 1 (lime)"))  # fmt: skip
    best = np.asarray(rows["segment-mean fill, probability"]["foldover-hadamard, least squares"])
    base = np.asarray(rows["segment-mean fill, probability"]["coin flips, least squares"])
    for n, aim in AIMS.items():
        if n not in asked.sizes:
            continue
        k = asked.sizes.index(n)
        print(f"aim at n={n}: {aim}x, median {np.median((base[:, k] / best[:, k]) ** 2):.2f}x")


if __name__ == "__main__":
    main()
