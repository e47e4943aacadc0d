"""Whether intervals cover and runs stop when they should.

Planted functions with a known answer: pairwise (linear, pairs), triple (and triples), sigmoid (a squashed linear drive
with pairs) and redundant (either of two groups is enough), over d segments. The true answer of LIME is a run of 200,000
samples. Nominal 95 % intervals are counted over segments and runs, those that hold all at once over runs. RISE's are
counted over pixels of a planted picture function. Stopping is judged by the error reached, relative to the truth:
at most 1.1 times the tolerance in at least 90 % of runs; on real photos the truth is a long run.

Run: ``python bench/coverage.py [--runs 200] [--photos 2] [--smoke]``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import seewhy
from arguments import Arguments
from measure import photos, tiny_model
from seewhy.core.types import Floats
from seewhy.models import FunctionModel
from seewhy.sampling.designs import FoldoverHadamard

Score = Callable[[Floats], Floats]
SIDE = 4


def planted(kind: str, d: int, seed: int) -> Score:
    """Return a function of coalitions (n, d) in 0..1 with the named interactions."""
    rng = np.random.default_rng(seed)
    main = rng.normal(size=d) * (rng.random(d) < 0.4)
    pairs, triples = rng.integers(0, d, size=(2 * d, 2)), rng.integers(0, d, size=(d, 3))
    pair_weights, triple_weights = rng.normal(size=2 * d) / 2, rng.normal(size=d) / 2

    def score(z: Floats) -> Floats:
        drive = z @ main + (z[:, pairs].prod(axis=2) @ pair_weights)
        if kind == "triple":
            drive = drive + z[:, triples].prod(axis=2) @ triple_weights
        if kind == "sigmoid":
            return 1 / (1 + np.exp(-(drive - main.sum() / 2)))
        if kind == "redundant":
            either = np.maximum(z[:, : d // 4].mean(axis=1), z[:, d // 4 : d // 2].mean(axis=1))
            return 1 / (1 + np.exp(-12 * (either - 0.55))) + drive / 20
        return drive

    return score


def model_of(score: Score, d: int) -> FunctionModel:
    """Return a model that reads one pixel of each segment: pictures are a strip of d squares."""

    def scores(batch: Floats) -> Floats:
        return score(batch[:, SIDE // 2, SIDE // 2 :: SIDE, 0].astype(np.float64)[:, :d])[:, None]

    return FunctionModel(scores, kind="score", name="planted")


def run(score: Score, d: int, seed: int, **settings: object) -> seewhy.Explanation:
    """Explain a white strip of d squares on black."""
    photo = np.ones((SIDE, SIDE * d, 1), dtype=np.float32)
    lime = seewhy.Lime(segmentation=seewhy.Grid(rows=1, columns=d), fill="black", **settings)
    return seewhy.explain(photo, model=model_of(score, d), method=lime, seed=seed, progress=False, batch_size=4096)


def lime_coverage(runs: int, sizes: Sequence[int], long: int) -> None:
    print(f"{'LIME, planted':14}{'d':>5}{'n':>7}{'95 %':>8}{'all at once':>13}{'error stated / real':>21}")
    for d in sizes:
        for kind in ("pairwise", "triple", "sigmoid", "redundant"):
            score = planted(kind, d, d)
            truth = run(score, d, 10**6, n_samples=long).values()
            block = FoldoverHadamard().block_rows(d)
            for n in (2 * block, 8 * block):
                found = [run(score, d, seed, n_samples=n) for seed in range(runs)]
                inside = [np.mean((low <= truth) & (truth <= high)) for low, high in (e.interval() for e in found)]
                ends = [e.interval(simultaneous=True) for e in found]
                together = np.mean([np.all((low <= truth) & (truth <= high)) for low, high in ends])
                real = np.sqrt(np.mean([np.sum((e.values() - truth) ** 2) for e in found]) / np.sum(truth**2))
                stated = np.median([e.error for e in found])
                print(f"{kind:14}{d:5}{n:7}{np.mean(inside):8.3f}{together:13.3f}{stated:12.3f} / {real:.3f}")


def picture_model(kind: str) -> FunctionModel:
    """Return a function of 32 x 32 pictures whose map is known from a long run."""
    rng = np.random.default_rng(7)
    weights = rng.normal(size=(32, 32)) / 128

    def scores(batch: Floats) -> Floats:
        gray = batch[..., 0].astype(np.float64)
        drive = np.einsum("bhw,hw->b", gray, weights)
        corners = gray[:, :12, :12].mean(axis=(1, 2)) * gray[:, 18:, 18:].mean(axis=(1, 2))
        if kind == "and":
            return corners[:, None]
        return (1 / (1 + np.exp(-6 * (drive + corners - 0.3))))[:, None]

    return FunctionModel(scores, kind="score", name="planted")


def rise_coverage(runs: int, counts: Sequence[int], long_run: int) -> None:
    print(f"\n{'RISE, planted':14}{'estimator':12}{'n':>7}{'95 %':>8}{'error stated / real':>21}")
    photo = np.ones((32, 32, 1), dtype=np.float32)
    for kind in ("and", "sigmoid"):
        model = picture_model(kind)
        settings = seewhy.Rise(grid=4, n_samples=long_run)
        long = seewhy.explain(photo, model=model, method=settings, seed=10**6, progress=False, batch_size=4096)
        for estimator in ("controlled", "centered", "ratio", "reference"):
            truth = long.refit(estimator=estimator).heatmap()
            for n in counts:
                asked = settings.replace(n_samples=n, estimator=estimator)
                found = [
                    seewhy.explain(photo, model=model, method=asked, seed=s, progress=False, batch_size=4096)
                    for s in range(runs)
                ]
                inside = [np.mean((low <= truth) & (truth <= high)) for low, high in (e.interval() for e in found)]
                plain = truth - truth.mean()
                away = [np.sum((e.heatmap() - e.heatmap().mean() - plain) ** 2) for e in found]
                real = np.sqrt(np.mean(away) / np.sum(plain**2))
                stated = np.median([e.error for e in found])
                print(f"{kind:14}{estimator:12}{n:7}{np.mean(inside):8.3f}{stated:12.3f} / {real:.3f}")


def stopping(runs: int, sizes: Sequence[int], long: int) -> None:
    print(f"\n{'stopping':14}{'d':>5}{'tolerance':>11}{'samples':>9}{'median error':>14}{'kept':>7}")
    for d in sizes:
        for kind in ("pairwise", "triple", "sigmoid", "redundant"):
            score = planted(kind, d, d)
            truth = run(score, d, 10**6, n_samples=long).values()
            for tolerance in (0.1, 0.2):
                found = [run(score, d, s, tolerance=tolerance, max_evaluations=100_000) for s in range(runs)]
                real = [np.linalg.norm(e.values() - truth) / np.linalg.norm(truth) for e in found]
                kept = np.mean(np.asarray(real) <= 1.1 * tolerance)
                n = int(np.median([len(e.samples) for e in found]))
                print(f"{kind:14}{d:5}{tolerance:11}{n:9}{np.median(real):14.3f}{kept:7.2f}")


def stopping_on_photos(count: int, runs: int, long_run: int, model: object) -> None:
    print(f"\n{'photo':24}{'tolerance':>11}{'samples':>9}{'median error':>14}{'kept':>7}")
    for photo in photos(count):
        settings = seewhy.Lime(n_samples=long_run)
        long = seewhy.explain(photo, model=model, method=settings, seed=10**6, progress=False)
        truth = long.values()
        for tolerance in (0.15, 0.25):
            asked = seewhy.Lime(tolerance=tolerance)
            found = [
                seewhy.explain(photo, model=model, method=asked, seed=seed, progress=False) for seed in range(runs)
            ]
            stopped = [e for e in found if e.stop.by == "tolerance"]
            real = [np.linalg.norm(e.values() - truth) / np.linalg.norm(truth) for e in stopped]
            kept = np.mean(np.asarray(real) <= 1.1 * tolerance)
            n = int(np.median([len(e.samples) for e in found]))
            print(f"{photo.stem[:24]:24}{tolerance:11}{n:9}{np.median(real):14.3f}{kept:7.2f}  ({len(real)} of {runs})")


def arguments() -> Arguments:
    parser = Arguments(
        __doc__, runs=2, photos=-1, photo_runs=1, segments=[4], grids=[64], long=500, long_on_photos=200
    )  # fmt: skip
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--photos", type=int, default=2, help="photos with masks, beside chelsea and coffee")
    parser.add_argument("--photo-runs", type=int, default=20, help="runs on each photo")
    parser.add_argument("--segments", type=int, nargs="+", default=[20, 50, 100], help="of planted functions")
    parser.add_argument("--grids", type=int, nargs="+", default=[512, 2048], help="samples of RISE")
    parser.add_argument("--long", type=int, default=200_000, help="samples of the truth")
    parser.add_argument("--long-on-photos", type=int, default=12_000, help="samples of the truth on photos")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    lime_coverage(asked.runs, asked.segments, asked.long)
    rise_coverage(asked.runs, asked.grids, asked.long)
    stopping(asked.runs, asked.segments, asked.long)
    model = tiny_model() if asked.smoke else None
    stopping_on_photos(asked.photos, asked.photo_runs, asked.long_on_photos, model)


if __name__ == "__main__":
    main()
