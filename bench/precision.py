"""Whether intervals by a model of lower precision are for the exact model, and what its speed buys.

Many runs of LIME on chelsea and coffee, by the embedded model in f32, in bf16 and int8 as they answer, and in both
corrected by the exact answers to a share of the rows. The truth is a long run in f32. Printed: the share of true values
inside 95 % intervals, the real error and the one stated, and how many times fewer seconds the same error takes as in
f32, that is the ratio of squared error times seconds.

Run: ``python bench/precision.py [--runs 30]``, with nothing beside it, for the last column.
"""

from __future__ import annotations

import argparse
import copy
import time
from typing import Any

import numpy as np

import seewhy
from measure import SHIPPED
from seewhy.core.types import Floats

N = 1024


def models() -> dict[str, Any]:
    """Return the embedded model in every way, by name."""
    found: dict[str, Any] = {"f32": seewhy.load_model()}
    for precision in ("bf16", "int8"):
        corrected = seewhy.load_model("efficientnet-lite0", precision=precision)
        alone = copy.copy(corrected)
        alone.exact = None
        alone.tested = True  # no check on the photo, which would bring the exact model back
        found |= {f"{precision} as it answers": alone, f"{precision} corrected": corrected}
    return found


def measure(photo: Any, model: Any, truth: Floats, target: int, runs: int) -> tuple[float, float, float, float]:
    """Return coverage, real error, stated error, and seconds a run."""
    inside, away, stated = [], [], []
    start = time.perf_counter()
    for seed in range(runs):
        found = seewhy.explain(
            photo, model=model, method=seewhy.Lime(n_samples=N), targets=target, seed=seed, progress=False
        )
        low, high = found.interval()
        inside.append(np.mean((low <= truth) & (truth <= high)))
        away.append(np.sum((found.values() - truth) ** 2))
        stated.append(found.error)
    seconds = (time.perf_counter() - start) / runs
    return (
        float(np.mean(inside)),
        float(np.sqrt(np.mean(away)) / np.linalg.norm(truth)),
        float(np.median(stated)),
        seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    asked = parser.parse_args()
    print(f"{'photo':10}{'model':22}{'95 %':>7}{'error stated / real':>22}{'seconds':>9}{'gain':>7}")
    for photo in SHIPPED:
        long = seewhy.explain(photo, method=seewhy.Lime(n_samples=30_000), seed=10**6, progress=False)
        base = None
        for name, model in models().items():
            inside, real, stated, seconds = measure(photo, model, long.values(), long.targets[0].index, asked.runs)
            cost = real**2 * seconds
            base = base or cost
            print(
                f"{photo.stem:10}{name:22}{inside:7.3f}{stated:14.3f} / {real:.3f}{seconds:9.2f}{base / cost:6.2f}x",
                flush=True,
            )


if __name__ == "__main__":
    main()
