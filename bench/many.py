"""Seconds for several photos: one command for all, one process with one photo after the other, one process each.

Run: ``python bench/many.py [--photos 16] [--rounds 3] [--smoke]``, with nothing beside it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import seewhy
from arguments import Arguments
from measure import photos


def command(paths: list[Path], samples: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        asked = ["explain", *map(str, paths), "--method", "lime", "--n-samples", str(samples), "--out", folder, "-q"]
        subprocess.run([sys.executable, "-m", "seewhy", *asked], check=True)
        return time.perf_counter() - start


def arguments() -> Arguments:
    parser = Arguments(__doc__, photos=2, rounds=1, samples=16)
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=512, help="samples of each photo")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    method = seewhy.Lime(n_samples=asked.samples)
    paths = photos(asked.photos - 2)
    paths = [paths[i % len(paths)] for i in range(asked.photos)]
    seewhy.explain(paths[0], method=method, progress=False)
    found: dict[str, list[float]] = {"one process each": [], "one command": [], "explain": [], "explain_many": []}
    for _ in range(asked.rounds):
        found["one process each"].append(sum(command([path], asked.samples) for path in paths))
        found["one command"].append(command(paths, asked.samples))
        start = time.perf_counter()
        for path in paths:
            seewhy.explain(path, method=method, progress=False)
        found["explain"].append(time.perf_counter() - start)
        start = time.perf_counter()
        list(seewhy.explain_many(paths, method=method))
        found["explain_many"].append(time.perf_counter() - start)
    print(f"{len(paths)} photos, {asked.samples} samples each")
    for one, other in (("one process each", "one command"), ("explain", "explain_many")):
        ratio = statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))
        seconds = statistics.median(found[one]), statistics.median(found[other])
        print(f"{one:18}{seconds[0]:8.2f} s   {other:14}{seconds[1]:8.2f} s   {ratio:.2f}x")


if __name__ == "__main__":
    main()
