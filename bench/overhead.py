"""Seconds of ``explain`` over seconds of the bare model on as many pictures, in the same run.

The bare model gets batches of the size that ``explain`` uses, through the same asynchronous requests, with
nothing to compose. Both are timed in turns, and the median of the ratios of neighbors is printed, because the
machine's speed drifts.

Run: ``python bench/overhead.py [--n 1000] [--rounds 11] [--model torchvision:resnet50:none] [--smoke]``
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import skimage

import seewhy
from arguments import Arguments
from networks import allow_torchvision
from seewhy.core.types import Batch
from seewhy.engine.protocols import Model

PHOTO = Path(skimage.__file__).parent / "data" / "coffee.png"


def bare(model: Model, n: int) -> float:
    """Return the seconds the model takes for ``n`` pictures that lie ready."""
    image = seewhy.load_image(PHOTO)
    view = model.view(image.height, image.width)
    size = model.batch_size or 16
    batch = np.repeat(model.prepare(view.apply(image))[None], size, axis=0)

    def batches() -> Iterator[Batch]:
        for start in range(0, n, size):
            yield batch[: min(size, n - start)]

    start = perf_counter()
    total = sum(len(scores) for scores in model.stream(batches()))
    seconds = perf_counter() - start
    if total != n:
        msg = f"{total} of {n} pictures were scored"
        raise RuntimeError(msg)
    return seconds


def arguments() -> Arguments:
    parser = Arguments(__doc__, n=64, rounds=1)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--model", default=None, help="text of a model; not given: the embedded one")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    if asked.model is not None:
        allow_torchvision()
    model = seewhy.load_model(asked.model)
    bare(model, 64)
    print(f"{'method':8} {'explain s':>10} {'bare s':>8} {'pictures/s':>11} {'ratio (median, middle half)':>28}")
    for method in (seewhy.Lime(n_samples=asked.n), seewhy.Rise(n_samples=asked.n)):
        seewhy.explain(PHOTO, model=model, method=method.replace(n_samples=64), progress=False)
        rows = []
        for _ in range(asked.rounds):
            before = bare(model, asked.n)
            start = perf_counter()
            explanation = seewhy.explain(PHOTO, model=model, method=method, progress=False)
            ours = perf_counter() - start
            around = (before + bare(model, asked.n)) / 2
            rows.append((ours, around * explanation.n_evaluations / asked.n))
        ratios = [ours / base for ours, base in rows]
        low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        ours, base = (statistics.median(column) for column in zip(*rows, strict=True))
        print(
            f"{method.name:8} {ours:10.2f} {base:8.2f} {asked.n / ours:11.0f} {middle:10.3f}  ({low:.3f} to {high:.3f})"
        )


if __name__ == "__main__":
    main()
