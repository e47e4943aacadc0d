"""Do the grades of the verdict keep what they say? Runs of several seeds, read after more and more samples.

Each photo is explained by ``ensemble-lime`` with several seeds. Every run is read after each number of samples, is
judged, and its region is compared with those of the other seeds after as many samples. ``same`` is how often the two
overlap (intersection over union) by at least 0.8, ``apart`` how often by less than 0.5. ``true`` is the median relative
distance of the map to the mean of the other seeds' longest runs, less the noise of that mean. ``advised`` counts the
runs whose advice is a larger region, or a number of samples that the run has; ``better`` is the share whose grade is
better once it is followed.

Run: ``python bench/verdicts.py [--photos 12] [--seeds 3] [--samples 96 192 384 768] [--smoke]``
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import seewhy
from arguments import Arguments
from measure import distance, made_up_photos, overlap, photos, tiny_model
from seewhy.engine.protocols import Model
from seewhy.explanation.verdict import ERROR, Verdict, with_check
from seewhy.models import load_model
from seewhy.render.display import Display

GRADES = (*ERROR, "do not use")
SAME, APART = 0.8, 0.5
LONGEST = 1.5
"""Samples of a run, as a multiple of the most at which it is judged: advice mostly asks for more."""


@dataclass(frozen=True)
class Read:
    """One run after some of its samples."""

    photo: str
    n: int
    verdict: Verdict
    overlaps: list[float]
    """With the region of every other seed."""
    true: float
    then: str | None
    """Grade once the advice is followed; None: there is none, or it asks for more samples than there are."""


def judged(explanation: seewhy.Explanation, model: Model, n: int) -> seewhy.Explanation:
    """Return a run as it was after ``n`` samples, with what the model says of its region."""
    return with_check(explanation.refit(n_samples=n), model, Display())


def followed(run: seewhy.Explanation, part: seewhy.Explanation, model: Model) -> str | None:
    """Return the grade of a part of a run once its advice is followed."""
    flag, _, value = part.verdict.advice.partition(" ")
    if flag == "--share":
        return with_check(part, model, Display(share=float(value))).verdict.grade
    if flag != "--n-samples" or int(value) > len(run.samples):
        return None
    return judged(run, model, int(value)).verdict.grade


def reads(file: Path, model: Model, seeds: int, samples: list[int]) -> Iterator[Read]:
    """Yield what each seed gives after each number of samples."""
    most = round(LONGEST * max(samples))
    method = seewhy.EnsembleLime(n_segments=(15, 40), n_samples=most)
    runs = [
        seewhy.explain(file, model=model, method=method, seed=seed, progress=False, preflight=False, verdict=False)
        for seed in range(seeds)
    ]
    for n in samples:
        parts = [judged(run, model, n) for run in runs]
        for seed, part in enumerate(parts):
            verdict = part.verdict
            yield Read(
                photo=file.stem,
                n=n,
                verdict=verdict,
                overlaps=[overlap(part, other) for k, other in enumerate(parts) if k != seed],
                true=distance(part, [run for k, run in enumerate(runs) if k != seed]),
                then=followed(runs[seed], part, model),
            )


def table(found: list[Read], title: str, names: tuple[object, ...], key: str) -> None:
    """Print one row for each grade, or number of samples."""
    groups = defaultdict(list)
    for read in found:
        groups[read.n if key == "n" else read.verdict.grade].append(read)
    print(
        f"\n{title:14}{'runs':>6}{'same':>8}{'apart':>8}{'overlap':>9}{'error':>8}{'true':>8}{'advised':>9}{'better':>8}"
    )
    for name in names:
        group = groups[name]
        if not group:
            print(f"{name!s:14}{0:6}")
            continue
        shared = np.array([value for read in group for value in read.overlaps])
        errors = [np.inf if read.verdict.error is None else read.verdict.error for read in group]
        after = [GRADES.index(read.then) < GRADES.index(read.verdict.grade) for read in group if read.then]
        better = f"{np.mean(after):8.2f}" if after else f"{'-':>8}"
        print(
            f"{name!s:14}{len(group):6}{np.mean(shared >= SAME):8.2f}{np.mean(shared < APART):8.2f}"
            f"{np.median(shared):9.2f}{np.median(errors):8.2f}{np.median([read.true for read in group]):8.2f}"
            f"{len(after):9}{better}"
        )


def arguments() -> Arguments:
    parser = Arguments(__doc__, photos=1, seeds=2, samples=[96, 192])
    parser.add_argument("--photos", type=int, default=12, help="photos with masks, beside chelsea and coffee")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, nargs="+", default=[96, 192, 384, 768])
    parser.add_argument("--model", default="efficientnet-lite0")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    found: list[Read] = []
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(made_up_photos(Path(folder), 1).glob("disk?.png")) if asked.smoke else photos(asked.photos)
        model = tiny_model() if asked.smoke else load_model(asked.model)
        for file in files:
            found += reads(file, model, asked.seeds, asked.samples)
            last = [read for read in found if read.photo == file.stem]
            grades = "  ".join(f"{n}: {', '.join(r.verdict.grade for r in last if r.n == n)}" for n in asked.samples)
            print(f"{file.stem:20}{grades}", flush=True)
    table(found, "grade", GRADES, "grade")
    table(found, "samples", tuple(asked.samples), "n")


if __name__ == "__main__":
    main()
