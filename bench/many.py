"""Seconds for several photos: one command for all, one process with one photo after the other, one process each.

Run: ``python bench/many.py [--photos 16] [--rounds 3]``, with nothing beside it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import seewhy
from measure import photos

METHOD = seewhy.Lime(n_samples=512)


def command(paths: list[Path]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        asked = ["explain", *map(str, paths), "--n-samples", "512", "--out", folder, "-q"]
        subprocess.run([sys.executable, "-m", "seewhy", *asked], check=True)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    paths = photos(asked.photos - 2)
    paths = [paths[i % len(paths)] for i in range(asked.photos)]
    seewhy.explain(paths[0], method=METHOD, progress=False)
    found: dict[str, list[float]] = {"one process each": [], "one command": [], "explain": [], "explain_many": []}
    for _ in range(asked.rounds):
        found["one process each"].append(sum(command([path]) for path in paths))
        found["one command"].append(command(paths))
        start = time.perf_counter()
        for path in paths:
            seewhy.explain(path, method=METHOD, progress=False)
        found["explain"].append(time.perf_counter() - start)
        start = time.perf_counter()
        list(seewhy.explain_many(paths, method=METHOD))
        found["explain_many"].append(time.perf_counter() - start)
    print(f"{len(paths)} photos, 512 samples each")
    for one, other in (("one process each", "one command"), ("explain", "explain_many")):
        ratio = statistics.median(a / b for a, b in zip(found[one], found[other], strict=True))
        seconds = statistics.median(found[one]), statistics.median(found[other])
        print(f"{one:18}{seconds[0]:8.2f} s   {other:14}{seconds[1]:8.2f} s   {ratio:.2f}x")


if __name__ == "__main__":
    main()
