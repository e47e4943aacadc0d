"""Whether intervals by a model of lower precision are for the exact model, and what its speed buys.

Many runs of LIME on chelsea and coffee, by the embedded model in f32, in bf16 and int8 as they answer, and in both
corrected by the exact answers to a share of the rows. The truth is a long run in f32. Printed: the share of true values
inside 95 % intervals, the real error and the one stated, and how many times fewer seconds the same error takes as in
f32, that is the ratio of squared error times seconds.

Run: ``python bench/precision.py [--runs 30] [--smoke]``, with nothing beside it, for the last column.
"""

from __future__ import annotations

import copy
import time
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

import numpy as np

import seewhy
from arguments import Arguments
from measure import SHIPPED


def models(precisions: Sequence[str]) -> dict[str, Any]:
    """Return the embedded model in every way, by name."""
    found: dict[str, Any] = {"f32": seewhy.load_model()}
    for precision in precisions:
        corrected = seewhy.load_model("efficientnet-lite0", precision=precision)
        alone = copy.copy(corrected)
        alone.exact = None
        alone.tested = True  # no check on the photo, which would bring the exact model back
        found |= {f"{precision} as it answers": alone, f"{precision} corrected": corrected}
    return found


def measure(photo: Any, model: Any, long: seewhy.Explanation, asked: Namespace) -> tuple[float, float, float, float]:
    """Return coverage, real error, stated error, and seconds a run."""
    runs, truth, target = asked.runs, long.values(), long.targets[0].index
    inside, away, stated = [], [], []
    start = time.perf_counter()
    for seed in range(runs):
        found = seewhy.explain(
            photo, model=model, method=seewhy.Lime(n_samples=asked.samples), targets=target, seed=seed, progress=False
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


def arguments() -> Arguments:
    parser = Arguments(__doc__, runs=2, samples=128, long=64, precisions=["bf16"], photos=["coffee"])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=1024, help="rows of each run")
    parser.add_argument("--long", type=int, default=30_000, help="rows of the truth")
    parser.add_argument("--precisions", nargs="+", default=["bf16", "int8"])
    parser.add_argument("--photos", nargs="+", default=[photo.stem for photo in SHIPPED])
    return parser


def main() -> None:
    asked = arguments().parse_args()
    print(f"{'photo':10}{'model':22}{'95 %':>7}{'error stated / real':>22}{'seconds':>9}{'gain':>7}")
    for photo in (photo for photo in SHIPPED if photo.stem in asked.photos):
        long = seewhy.explain(photo, method=seewhy.Lime(n_samples=asked.long), seed=10**6, progress=False)
        base = None
        for name, model in models(asked.precisions).items():
            inside, real, stated, seconds = measure(photo, model, long, asked)
            cost = real**2 * seconds
            base = base or cost
            print(
                f"{photo.stem:10}{name:22}{inside:7.3f}{stated:14.3f} / {real:.3f}{seconds:9.2f}{base / cost:6.2f}x",
                flush=True,
            )


if __name__ == "__main__":
    main()
