"""Runs of every method whose numbers and decisions are written down, to be made again as on another processor."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import seewhy
from seewhy.methods import EnsembleLime

PHOTO = np.random.default_rng(5).integers(0, 256, (48, 64, 3), dtype=np.uint8)
LOOK = np.random.default_rng(6).integers(-8, 9, (3, 6, 8))
GRID = seewhy.Lime(segmentation=seewhy.Grid(rows=6, columns=8))
METHODS = {
    "a tolerance": GRID,
    "the strongest": GRID.replace(until="top3"),
    "log-odds": GRID.replace(surrogate="ridge", unit="log-odds", n_samples=500),
    "coin flips": GRID.replace(design="bernoulli"),
    "lasso": GRID.replace(surrogate="lasso", n_samples=300),
    "bayesian": GRID.replace(surrogate="bayesian-ridge", n_samples=300),
    "selected": GRID.replace(num_features=5, n_samples=300),
    "shapley": GRID.replace(design="shapley", kernel="shapley", n_samples=600),
    "pictures": GRID.replace(kernel="image-cosine", n_samples=300),
    "many segments": GRID.replace(segmentation=seewhy.Grid(rows=20, columns=20), n_samples=1000),
    "rise": seewhy.Rise(tolerance=0.3),
    "ratio": seewhy.Rise(estimator="ratio", n_samples=300),
    "ensemble": EnsembleLime(fill="black", tolerance=0.3),
}


def logits(batch):
    """Return three scores, none of them by BLAS: the promise begins where the model's own arithmetic ends."""
    cells = batch[:, ::8, ::8, 0].astype(np.float64)
    one, two, three = ((cells * look).sum(axis=(1, 2)) / 8 for look in LOOK)
    return np.stack([one * two / 4, 3 * two / (1 + np.abs(two)), (one + three) ** 2 / 8], axis=1)


def numbers(found):
    """Return the numbers of a result, by name."""
    read = found.attributions[0]
    named = {"map": found.heatmap(), "error": read.error, "reach": read.reach, "se": read.se}
    if read.spread is not None:
        named["bound"] = read.spread.bound(0.05)
    if hasattr(read, "values"):
        named |= {"values": read.values, "intercept": read.intercept, "simultaneous": read.simultaneous}
        named["same top"] = None if read.stability is None else read.stability.same_top
    return {name: np.ravel(value).tolist() for name, value in named.items() if value is not None}


def decisions(found):
    """Return what is decided by numbers: what was asked, when it ended, what is shown."""
    read = found.attributions[0]
    decided = {"stop": found.stop.by, "looks": found.stop.looks, "samples": len(found.samples)}
    decided |= {"bits": found.samples.bits.tobytes().hex(), "region": np.packbits(found.region()).tobytes().hex()}
    decided["notes"] = list(found.warnings)
    decided["ranks"] = np.ravel(getattr(read, "ranks", None)).tolist()
    return decided


def main(target: str) -> None:
    model = seewhy.FunctionModel(logits, kind="logit")
    results = {
        name: seewhy.explain(PHOTO, model=model, method=method, progress=False, preflight=False)
        for name, method in METHODS.items()
    }
    written = {name: {"numbers": numbers(one), "decisions": decisions(one)} for name, one in results.items()}
    Path(target).write_text(json.dumps(written))


if __name__ == "__main__":
    main(sys.argv[1])
