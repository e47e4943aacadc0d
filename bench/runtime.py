"""A network's own framework against OpenVINO in f32, bf16 and int8: speed, distance, and whether the answer changes.

Pictures a second of the prepared network alone, in turns; the largest difference of a probability from the original on
masked copies of a photo; and, of a LIME explanation by each (the same rows), the rank correlation of its values with
those by the original, as answered and as corrected by a share of exact answers. Networks whose weights cannot be
fetched are untrained, which their speed does not know; their explanations mean nothing, and are left out.

Run: ``python bench/runtime.py [--rounds 5] [--smoke]`` with the extras torch, keras and int8.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

import seewhy
from arguments import Arguments
from measure import SHIPPED
from networks import allow_torchvision, lite0_in_torch
from seewhy.core.errors import ModelError
from seewhy.core.types import Batch, Floats
from seewhy.sampling.samples import comparable

RUNS = (("native", "f32"), ("openvino", "f32"), ("openvino", "bf16"), ("openvino", "int8"))
NETWORKS = (
    "EfficientNet-Lite0 (torch)",
    "torchvision:resnet18:none",
    "torchvision:resnet50:none",
    "keras:Xception:none",
)


def loaded(name: str, runtime: str, precision: str) -> Any:
    if not name.startswith("Eff"):
        return seewhy.load_model(
            name, runtime=runtime, precision=precision, head="logits" if "torch" in name else "auto"
        )
    network, preprocessing = lite0_in_torch()
    return seewhy.load_model(
        network, preprocessing=preprocessing, head="logits", labels="imagenet", runtime=runtime, precision=precision
    )


def masked(model: Any, n: int) -> Batch:
    """Return (n, ...) prepared pictures: coffee through random grids, its mean elsewhere."""
    image = seewhy.load_image(SHIPPED[1])
    pixels = model.view(image.height, image.width).apply(image)
    rng = np.random.default_rng(0)
    cells = (rng.random((n, 7, 7)) < 0.5).astype(np.float32)
    places = np.arange(pixels.shape[0]) * 7 // pixels.shape[0]
    masks = cells[:, places][:, :, places][..., None]
    mean = pixels.mean(axis=(0, 1))
    return np.stack([model.prepare((mean + mask * (pixels - mean)).astype(np.float32)) for mask in masks])


def speed(model: Any, pictures: Batch, seconds: float) -> float:
    size = model.batch_size or 16
    batch = np.concatenate([pictures] * (1 + size // len(pictures)))[:size]
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        done += sum(len(answer) for answer in model.stream([batch.copy() for _ in range(2)]))
    return done / (time.perf_counter() - start)


def ranks(values: Floats) -> Floats:
    return np.argsort(np.argsort(values)).astype(np.float64)


def agreement(model: Any, samples: int, exact: Floats, target: int) -> str:
    """Return the rank correlation of values as answered, and as corrected."""
    method = seewhy.Lime(n_samples=samples)
    found = seewhy.explain(SHIPPED[1], model=model, method=method, targets=target, progress=False)
    plain = replace(found.samples, answers=replace(found.samples.answers, exact=None))
    as_answered = found.targets[0].read(plain)
    values = method.estimate(plain, found.scene, as_answered).values
    both = (values, found.values())
    return " / ".join(f"{np.corrcoef(ranks(one), ranks(exact))[0, 1]:.3f}" for one in both)


def loaded_in_every_way(name: str, precisions: Sequence[str]) -> dict[str, Any]:
    """Return a network by how it is run; what cannot be is printed and left out."""
    found = {}
    for run in (run for run in RUNS if run[1] in precisions):
        try:
            found[" ".join(run)] = loaded(name, *run)
        except ModelError as error:
            print(f"{name:28}{' '.join(run):16}{error!s:.120}", flush=True)
    return found


def in_f32(model: Any, samples: int) -> tuple[Floats, int]:
    """Return the values of LIME in f32, and their class."""
    found = seewhy.explain(SHIPPED[1], model=model, method=seewhy.Lime(n_samples=samples), progress=False)
    return found.values(), found.targets[0].index


def arguments() -> Arguments:
    parser = Arguments(
        __doc__, rounds=1, seconds=0.01, samples=80, networks=[NETWORKS[0]], precisions=["f32", "bf16"]
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each timing, at least")
    parser.add_argument("--samples", type=int, default=1024, help="rows of LIME")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--precisions", nargs="+", default=["f32", "bf16", "int8"], help="f32 among them")
    return parser


def main() -> None:
    asked = arguments().parse_args()
    allow_torchvision()
    print(f"{'network':28}{'run by':16}{'pictures/s':>11}{'ratio (range)':>22}{'difference':>12}{'ranks':>16}")
    for name in asked.networks:
        models = loaded_in_every_way(name, asked.precisions)
        pictures = masked(models["native f32"], 16)
        rates: dict[str, list[float]] = {run: [] for run in models}
        for _ in range(asked.rounds):
            for run, model in models.items():
                rates[run].append(speed(model, pictures, asked.seconds))
        kind = models["native f32"].kind
        scores = {run: np.concatenate(list(model.stream([pictures.copy()]))) for run, model in models.items()}
        values = in_f32(models["openvino f32"], asked.samples) if name.startswith("Eff") else None
        for run, model in models.items():
            ratios = np.array(rates[run]) / np.array(rates["native f32"])
            off = float(np.abs(comparable(scores[run], kind) - comparable(scores["native f32"], kind)).max())
            same = "" if values is None or run == "native f32" else agreement(model, asked.samples, *values)
            ratio = f"{np.median(ratios):.1f}x ({ratios.min():.1f} to {ratios.max():.1f})"
            print(f"{name:28}{run:16}{np.median(rates[run]):11.0f}{ratio:>22}{off:12.1e}{same:>16}", flush=True)


if __name__ == "__main__":
    main()
