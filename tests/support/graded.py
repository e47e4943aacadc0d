"""A folder of small photos with masks, and a quick model, for evaluations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

import seewhy
from seewhy.evaluate import evaluate
from seewhy.metrics import Facts, Metric

SIDE = 16
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black", n_samples=40)
MASKS = "masks"


def scores(batch: np.ndarray) -> np.ndarray:
    """Class 0 is red, class 1 is green, class 2 is blue."""
    return batch.mean(axis=(1, 2))[:, :3]


def model() -> seewhy.FunctionModel:
    return seewhy.FunctionModel(scores, labels=("red", "green", "blue"), kind="score", input_size=SIDE)


def photo(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a gray noise picture (H, W, 3) with a colored square, and where it is."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(90, 110, (SIDE, SIDE, 1), dtype=np.uint8).repeat(3, axis=2)
    top, left = rng.integers(0, 3, 2) * 4
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[top : top + 8, left : left + 8] = True
    pixels[mask] = 20
    pixels[mask, seed % 3] = 250
    return pixels, mask


def folder(place: Path, n: int = 4, *, frames: bool = False) -> Path:
    """Write ``n`` photos, ``photos/0.png`` and on, and their masks, ``masks/0.png`` and on."""
    for name in ("photos", MASKS):
        (place / name).mkdir(parents=True, exist_ok=True)
    for i in range(n):
        name = f"s{i // 2}_{i:05}" if frames else str(i)
        pixels, mask = photo(i)
        Pillow.fromarray(pixels).save(place / "photos" / f"{name}.png")
        Pillow.fromarray(mask).save(place / MASKS / f"{name}.png")
    return place


def listed(place: Path, n: int = 4) -> Path:
    """Write the same truth as a list of photos that names the class: green for all."""
    entries = [{"file": f"{i}.png", "mask": f"{MASKS}/{i}.png", "index": 1, "accept": [1, 2]} for i in range(n)]
    (place / "truth.json").write_text(json.dumps(entries))
    return place / "truth.json"


def plain(found: object) -> list[dict[str, object]]:
    """Return the rows of an evaluation without what the clock says."""
    rows = [row.to_dict(found.metrics) for row in found.rows]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def asked(place, **more):
    """Evaluate the folder into ``run``."""
    usual = {"truth": place / "masks", "methods": {"lime": LIME}, "model": model(), "progress": False}
    return evaluate(place / "photos", **(usual | {"out": place / "run", "metrics": ["iou", "ap", "srg"]} | more))


def metric(name, measured, needs="map", version=1, *, region=True):
    return Metric(Facts(name, name, "higher", "", "", "0", needs, "", version, region), measured)


class Counting(seewhy.FunctionModel):
    """Counts pictures; another object of it is the same model."""

    def __init__(self, function=scores):
        super().__init__(function, labels=("red", "green", "blue"), kind="score", input_size=16)
        self.pictures = 0

    def stream(self, batches):
        for found in super().stream(batches):
            self.pictures += len(found)
            yield found
