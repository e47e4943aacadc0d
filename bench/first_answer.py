"""What a first try gives: calls, error, verdict, and whether another seed would have shown the same region.

Each photo is explained with the default settings by several seeds. A row tells, for one seed of each photo, the model
evaluations until the first partial result and in all, the estimated error and the grade; ``same`` is the mean overlap
(intersection over union) of the shown region with those of the other seeds, and ``true`` the error that this seed's map
has against the mean of the others.
The table below counts, by grade, how often the region was the same again.

Run: ``python bench/first_answer.py [--photos 20] [--seeds 3] [--smoke]``
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np

import seewhy
from arguments import Arguments
from measure import distance, made_up_photos, overlap, photos, tiny_model
from seewhy.models import load_model

SAME = 0.8
"""Overlap above which two regions count as the same."""
GRADES = ("firm", "fair", "rough", "do not use")


def arguments() -> Arguments:
    parser = Arguments(__doc__, photos=1, seeds=2)
    parser.add_argument("--photos", type=int, default=20, help="photos, of as many sequences as there are")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--method", default="auto")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(made_up_photos(Path(folder), 1).glob("*.png"))[:1] if asked.smoke else photos(asked.photos)
        model = tiny_model() if asked.smoke else load_model(asked.model)
        table(files, model, asked.method, asked.seeds)


def table(files: list[Path], model: object, method: str, seeds: int) -> None:
    again = defaultdict(list)
    calls, errors, grades = [], [], []
    print(f"{'photo':28}{'first':>7}{'calls':>7}{'error':>8}{'true':>8}{'same':>7}  grade")
    for file in files:
        known: list[int] = []
        found = [
            seewhy.explain(
                file, model=model, method=method, seed=seed, progress=False, preflight=False,
                on_update=lambda part, known=known: known.append(part.n_evaluations),
            )
            for seed in range(seeds)
        ]  # fmt: skip
        for one, other in combinations(range(seeds), 2):
            shared = overlap(found[one], found[other])
            again[found[one].verdict.grade].append(shared)
            again[found[other].verdict.grade].append(shared)
        calls += [one.n_evaluations for one in found]
        errors += [np.inf if one.error is None else one.error for one in found]
        grades += [one.verdict.grade for one in found]
        same = np.mean([overlap(found[0], other) for other in found[1:]])
        true = distance(found[0], found[1:])
        row = f"{found[0].n_evaluations:7}{errors[-seeds]:8.3f}{true:8.3f}{same:7.2f}  {found[0].verdict.grade}"
        print(f"{file.stem[:27]:28}{known[0]:7}{row}", flush=True)
    good = np.mean(np.array(errors) <= 0.3)
    print(f"\n{'all':35}{np.median(calls):7.0f}{np.median(errors):8.3f}   at most 0.30: {good:.0%}")
    print(f"most calls {max(calls)}\n\n{'grade':14}{'runs':>6}{'same region':>14}{'mean overlap':>14}")
    for grade in GRADES:
        shared = np.array(again[grade] or [np.nan])
        print(f"{grade:14}{grades.count(grade):6}{np.mean(shared >= SAME):14.2f}{np.mean(shared):14.2f}")


if __name__ == "__main__":
    main()
