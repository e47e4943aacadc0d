"""What the benchmarks of accuracy share: photos, errors of pieces of a long run, tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import skimage

from seewhy import Explanation
from seewhy.core.types import Floats
from seewhy.sampling.samples import Samples

SHIPPED = [Path(skimage.__file__).parent / "data" / name for name in ("chelsea.png", "coffee.png")]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "photos"


def photos(limit: int) -> list[Path]:
    """Return chelsea and coffee, and up to ``limit`` photos with masks, one of each sequence first."""
    annotations = SHARED / "annotations.json"
    if limit and not annotations.exists():
        print(f"skipped: no photos with masks in {SHARED.name}/; chelsea and coffee alone")
        return SHIPPED
    found = []
    if limit:
        sequences: dict[str, list[str]] = {}
        for entry in json.loads(annotations.read_text()):
            if entry["mask"]:
                sequences.setdefault(sequence(entry["file"]), []).append(entry["file"])
        ranked = [(turn, file) for files in sequences.values() for turn, file in enumerate(sorted(files))]
        found = [SHARED / file for _, file in sorted(ranked)[:limit]]
    return SHIPPED + found


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
