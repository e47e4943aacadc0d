"""How far from the converged answer each design and estimator is after n model calls.

Two long runs a photo and method are cut into pieces of n samples; each piece is fitted as if it were all there is.
The truth is the long runs together, least squares for LIME and the controlled map for RISE. The error is the root
mean square over pieces, relative to the truth; maps are compared without their mean, which says nothing about pixels.
The gain is how many times fewer calls give the same error, by the square of the ratio of errors.

Run: ``python bench/efficiency.py [--long 6144]``
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import skimage

import seewhy
from seewhy._types import Floats
from seewhy.samples import Samples

PHOTOS = [Path(skimage.__file__).parent / "data" / name for name in ("coffee.png", "chelsea.png")]
SIZES = (128, 256, 512, 1024)


def cut(samples: Samples, place: slice) -> Samples:
    """Return some rows as samples of their own."""
    parts = {name: getattr(samples, name) for name in ("bits", "scores", "shifts", "log_totals")}
    return replace(samples, **{name: None if part is None else part[place] for name, part in parts.items()})


def answer(explanation: seewhy.Explanation, samples: Samples, **fit: object) -> Floats:
    """Return the values, or the map without its mean, that ``samples`` give under other settings of the fit."""
    target = explanation.targets[0]
    found = explanation.method.replace(**fit).estimate(samples, explanation.scene, target.index, target.unit)
    if hasattr(found, "values"):
        return found.values
    return found.heatmap - found.heatmap.mean()


def error(explanation: seewhy.Explanation, truth: Floats, n: int, **fit: object) -> float:
    """Return the relative root mean square error over pieces of ``n`` samples."""
    starts = range(0, len(explanation.samples) - n + 1, n)
    pieces = [answer(explanation, cut(explanation.samples, slice(start, start + n)), **fit) for start in starts]
    return float(np.sqrt(np.mean([np.sum((piece - truth) ** 2) for piece in pieces]) / np.sum(truth**2)))


def table(title: str, rows: dict[str, list[float]]) -> None:
    """Print errors, and gains over the first row."""
    print(f"\n{title}\n{'':44}" + "".join(f"{f'n={n}':>16}" for n in SIZES))
    first = next(iter(rows.values()))
    for name, errors in rows.items():
        cells = [f"{one:.3f} ({(base / one) ** 2:.1f}x)" for one, base in zip(errors, first, strict=True)]
        print(f"{name:44}" + "".join(f"{cell:>16}" for cell in cells))


def lime(photo: Path, long: int) -> None:
    settings = seewhy.Lime(n_samples=long, surrogate="least-squares")
    iid = seewhy.explain(photo, method=settings, seed=1)
    folded = seewhy.explain(photo, method=settings.replace(design="foldover-hadamard"), seed=2)
    truth = (answer(iid, iid.samples) + answer(folded, folded.samples)) / 2
    ridge = seewhy.Ridge(alpha=1.0)
    rows = {
        "coin flips, ridge 1 (lime)": [error(iid, truth, n, surrogate=ridge) for n in SIZES],
        "coin flips, least squares": [error(iid, truth, n) for n in SIZES],
        "foldover-hadamard, least squares": [error(folded, truth, n) for n in SIZES],
    }
    table(f"LIME, {photo.name}, {iid.samples.d} segments", rows)


def rise(photo: Path, long: int) -> None:
    one, two = (seewhy.explain(photo, method=seewhy.Rise(n_samples=long), seed=seed) for seed in (1, 2))
    folded = seewhy.explain(photo, method=seewhy.Rise(n_samples=long, design="foldover-hadamard"), seed=3)
    truth = sum(answer(run, run.samples) for run in (one, two, folded)) / 3
    names = ("reference", "ratio", "centered", "controlled")
    rows = {
        f"{name} (the paper)" if name == "reference" else name: [error(one, truth, n, estimator=name) for n in SIZES]
        for name in names
    }
    rows["controlled, foldover-hadamard"] = [error(folded, truth, n) for n in SIZES]
    table(f"RISE, {photo.name}, 8 x 8 cells", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", type=int, default=6144)
    asked = parser.parse_args()
    for photo in PHOTOS:
        lime(photo, asked.long)
        rise(photo, asked.long)


if __name__ == "__main__":
    main()
