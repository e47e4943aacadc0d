"""What the benchmarks share: photos, a tiny model for ``--smoke``, errors of pieces of a long run, tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import skimage
from PIL import Image

from seewhy import Explanation, FunctionModel
from seewhy.core.types import Floats, Pixels
from seewhy.explanation.verdict import supporting_region
from seewhy.render.display import Display
from seewhy.sampling.samples import Samples

SHIPPED = [Path(skimage.__file__).parent / "data" / name for name in ("chelsea.png", "coffee.png")]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "photos"


def photos(limit: int, folder: Path = SHARED) -> list[Path]:
    """Return chelsea and coffee, and up to ``limit`` photos with masks, one of each sequence first.

    A limit of -1 leaves coffee out.
    """
    if limit <= 0:
        return SHIPPED[: 2 + limit]
    annotations = folder / "annotations.json"
    if not annotations.exists():
        print(f"skipped: no photos with masks in {folder.name}/; chelsea and coffee alone")
        return SHIPPED
    sequences: dict[str, list[str]] = {}
    for entry in json.loads(annotations.read_text()):
        if entry["mask"]:
            sequences.setdefault(sequence(entry["file"]), []).append(entry["file"])
    ranked = [(turn, file) for files in sequences.values() for turn, file in enumerate(sorted(files))]
    return SHIPPED + [folder / file for _, file in sorted(ranked)[:limit]]


def made_up_photos(folder: Path, count: int = 2) -> Path:
    """Write small photos with masks of their object, a bright disk, as the folder of real ones has them; return it."""
    y, x = np.mgrid[:72, :96]
    entries = []
    for i in range(count):
        inside = (y - 30 - 4 * i) ** 2 + (x - 40 - 8 * i) ** 2 < 16**2
        noise = np.random.default_rng(i).integers(0, 60, size=(72, 96, 3))
        files = {"file": f"disk{i}.png", "mask": f"disk{i}_mask.png"}
        Image.fromarray((noise + np.where(inside, 190, 40)[..., None]).astype(np.uint8)).save(folder / files["file"])
        Image.fromarray((inside * 255).astype(np.uint8)).save(folder / files["mask"])
        entries.append(files)
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


def tiny_model() -> FunctionModel:
    """Return a model that takes no time: logits of three classes, by the brightness of parts of a 48 x 48 picture."""

    def logits(batch: Pixels) -> Floats:
        whole, middle = batch.mean(axis=(1, 2, 3)), batch[:, 12:36, 12:36].mean(axis=(1, 2, 3))
        corner = batch[:, :16, :16].mean(axis=(1, 2, 3)) * whole
        return np.stack([4 * middle, 3 * corner, 2 * whole - 1], axis=1)

    return FunctionModel(logits, input_size=48, kind="logit", labels=("middle", "corner", "whole"), name="tiny")


def sequence(file: str) -> str:
    """Return what the frames of one sequence have in common; a photo that is none stands for itself."""
    path = Path(file)
    return path.stem.rpartition("_")[0] if path.parent.name == "davis_masks" else path.stem


def pieces(samples: Samples, n: int) -> Iterator[Samples]:
    """Yield stretches of ``n`` samples, each as if it were all there is."""
    for start in range(0, len(samples) - n + 1, n):
        yield samples.rows(slice(start, start + n))


def answer(run: Explanation, samples: Samples, unit: str = "auto", **fit: object) -> Floats:
    """Return the values, or the map without its mean, that ``samples`` give under other settings of the fit."""
    method = run.method.replace(unit=unit, **fit)
    target = run.refit(unit=unit, n_samples=2).targets[0]
    found = method.estimate(samples, run.scene, target.scores(samples.answers))
    return found.values if hasattr(found, "values") else found.heatmap.astype(np.float64) - found.heatmap.mean()


def error(read: Callable[[Samples], Floats], samples: Samples, truth: Floats, n: int) -> float:
    """Return the relative root mean square error of answers from pieces of ``n`` samples."""
    found = [np.sum((read(piece) - truth) ** 2) for piece in pieces(samples, n)]
    return float(np.sqrt(np.mean(found) / np.sum(truth**2)))


def overlap(one: Explanation, other: Explanation) -> float:
    """Return the intersection over union of two shown regions; 1 where both are empty."""
    first, second = (supporting_region(each, Display()) for each in (one, other))
    either = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / either if either else 1.0


def cells(explanation: Explanation) -> Floats:
    """Return the map in 16 x 16 rectangles less its mean, as its estimated error reads it."""
    heatmap = explanation.changes()
    rows, columns = (np.array_split(np.arange(side), 16) for side in heatmap.shape)
    means = np.array([[heatmap[np.ix_(down, across)].mean() for across in columns] for down in rows])
    return means - means.mean()


def distance(one: Explanation, others: Sequence[Explanation]) -> float:
    """Return the relative distance of a map to the mean of others, whose own noise is taken off."""
    known = np.stack([cells(other) for other in others])
    mean = known.mean(axis=0)
    noise = known.var(axis=0, ddof=1).sum() / len(others) if len(others) > 1 else 0.0
    away = max(float(((cells(one) - mean) ** 2).sum() - noise), 0.0)
    return float(np.sqrt(away / max(float((mean**2).sum() - noise), 1e-12)))


def gains(
    title: str, sizes: Sequence[int], rows: Mapping[str, Sequence[Sequence[float]]], against: Sequence[str]
) -> None:
    """Print, for each row, the median error over photos and the gain over other rows: the square of the error's ratio.

    ``rows``: errors by name, one list of errors for each photo. The gain is how many times fewer samples give the same
    error; its median over photos is shown.
    """
    print(f"\n{title}\n{'':40}" + "".join(f"{f'n={n}':>26}" for n in sizes))
    for name, errors in rows.items():
        table = np.asarray(errors)
        cells = []
        for k in range(len(sizes)):
            ratios = [np.median((np.asarray(rows[base])[:, k] / table[:, k]) ** 2) for base in against]
            cells.append(f"{np.median(table[:, k]):.3f} (" + " ".join(f"{ratio:.1f}x" for ratio in ratios) + ")")
        print(f"{name:40}" + "".join(f"{cell:>26}" for cell in cells))
