"""An evaluation in processes of its own that are killed: ``python -m support.evaluating FOLDER HOW SEED``.

Processes are forked from one that has everything imported, so that they start at once.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import numpy as np

import seewhy
from seewhy.evaluate import evaluate
from seewhy.metrics import METRICS, Metric
from support.graded import LIME, model, plain

LEASE = 0.4
NAMES = ("iou", "srg", "r2", "error", "complexity")


def metrics(log: Path) -> list[Metric]:
    """Return metrics of every kind - of truth, model, samples and region - that leave a line for each measurement."""

    def measuring(name: str) -> Metric:
        def measured(question, candidate):
            asked = 0 if candidate.explanation is None else len(candidate.explanation.samples)
            with log.open("a") as file:
                file.write(f"{name} {candidate.name} {asked} {question.image.sha256}\n")
            return METRICS[name].measured(question, candidate)

        return Metric(METRICS[name].facts, measured)

    return [measuring(name) for name in NAMES]


def run(place: Path, out: str, report=False):
    return evaluate(
        place / "photos",
        truth=place / "masks",
        methods={"lime": LIME, "more": {"method": LIME.replace(n_samples=60), "display": {"regions": 2}}},
        metrics=metrics(place / f"{out}.log"),
        model=model(),
        progress=report,
        lease=LEASE,
        out=place / out,
    )


def child(place: Path, out: str) -> tuple[int, int]:
    """Start a process at work; return its id and a pipe that gets a byte for each finished piece."""
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    os.close(reader)
    code = 1
    try:
        found = run(place, out, lambda done, total: os.write(writer, b"x"))
        code = 0 if found.complete and not found.faults else 3
    finally:
        os._exit(code)


def kill_after(process: int, reader: int, pieces: int, delay: float) -> bool:
    """Kill a process after it has finished some pieces; False: it was done before."""
    while pieces > 0:
        got = os.read(reader, pieces)
        if not got:
            break
        pieces -= len(got)
    time.sleep(delay)
    os.kill(process, signal.SIGKILL)
    os.close(reader)
    _, status = os.waitpid(process, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, status
        return False
    return True


def killed(place: Path, seed: int) -> int:
    """Work on a run with processes that are killed at random; return how many were."""
    chance, kills = random.Random(seed), 0
    while kill_after(*child(place, "killed"), chance.randint(0, 12), chance.random() * 0.01):
        kills += 1
    return kills


def two(place: Path, seed: int) -> int:
    """Work on a run with two processes at once, one of which is killed if ``seed`` is not 0."""
    (one, first), (other, second) = child(place, "two"), child(place, "two")
    kills = int(seed > 0 and kill_after(one, first, 20, 0.0))
    for process, reader in [(other, second)] if seed else [(one, first), (other, second)]:
        while select.select([reader], [], [])[0] and os.read(reader, 1000):
            pass
        assert os.waitpid(process, 0)[1] == 0
    return kills


def main(place: Path, how: str, seed: int) -> None:
    kills = {"killed": killed, "two": two}[how](place, seed)
    again, straight = run(place, how), run(place, "straight")
    counts = [len((place / f"{name}.log").read_text().splitlines()) for name in (how, "straight")]
    lines = (place / f"{how}.log").read_text().splitlines()
    held = {
        "kills": kills,
        "same": plain(again) == plain(straight),
        "cells": sum(len(row.grades) for row in again.rows),
        "done": sum(one.state == "done" for row in again.rows for one in row.grades.values()),
    }
    held |= {"measured": counts[0], "different": len(set(lines)), "straight": counts[1]}
    print(json.dumps(held))


if __name__ == "__main__":
    assert np.__version__
    assert seewhy.__version__
    import skimage.transform  # noqa: F401  # what workers would import one by one
    import sklearn.metrics  # noqa: F401

    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
