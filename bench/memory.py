"""Growth of peak memory from few samples to many, with a trivial model, beyond the bits and scores themselves.

Each run is a process of its own, so one peak cannot hide another.

Run: ``python bench/memory.py [--few 1000] [--many 100000] [--smoke]``
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import numpy as np

import seewhy
from arguments import Arguments
from seewhy.core.types import Batch


def trivial(batch: Batch) -> np.ndarray:
    """Score ten classes by the brightness of ten rows."""
    return batch[:, :10].mean(axis=(2, 3))


def one(method: str, n: int) -> dict[str, float]:
    """Explain a random picture in this process; return peak and samples in MB."""
    picture = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    settings: seewhy.Lime | seewhy.Rise = seewhy.Rise(n_samples=n)
    if method == "lime":
        settings = seewhy.Lime(n_samples=n, segmentation=seewhy.Grid(rows=7, columns=7))
    explanation = seewhy.explain(picture, model=trivial, method=settings, progress=False)
    kept = explanation.samples
    arrays = [kept.bits, kept.scores, kept.shifts, kept.answers.excess]
    size = sum(array.nbytes for array in arrays if array is not None)
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "samples": size / 1e6}


def measured(method: str, n: int) -> dict[str, float]:
    """Run :func:`one` in a process of its own."""
    command = [sys.executable, __file__, "--one", method, str(n)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def arguments() -> Arguments:
    parser = Arguments(__doc__, few=200, many=400)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--one", nargs=2, metavar=("METHOD", "N"))
    return parser


def main() -> None:
    asked = arguments().parse_args()
    if asked.one:
        print(json.dumps(one(asked.one[0], int(asked.one[1]))))
        return
    print(f"{'method':8} {'peak, few':>10} {'peak, many':>11} {'samples':>9} {'growth beyond them':>19}   (MB)")
    for method in ("lime", "rise"):
        few, many = measured(method, asked.few), measured(method, asked.many)
        beyond = many["peak"] - few["peak"] - (many["samples"] - few["samples"])
        print(f"{method:8} {few['peak']:10.1f} {many['peak']:11.1f} {many['samples']:9.1f} {beyond:19.1f}")


if __name__ == "__main__":
    main()
