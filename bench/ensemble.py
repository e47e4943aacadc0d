"""How good maps are that average LIME over many segmentations, by family, weighting, fill and unit.

Every block of model calls draws its own segmentation from a family, asks one foldover Hadamard block over its
segments and takes the difference of means of each segment, which is least squares there; the maps of the blocks are
averaged. Answers to a block are asked once and serve every unit, weighting and smaller budget. Beside them: a centered
Gaussian, LIME on one segmentation, and RISE.

The photos have masks of their object (DAVIS frames and others, see their README). AP is the average precision of the
pixels, IoU is that of Otsu's threshold and of the strongest fifth, pointing says whether the strongest pixel is on the
object. SRG is the area between the curves of the probability when the least and the most relevant pixels go first,
for two fills. Means are over sequences of frames, so that a long sequence counts once; in brackets is the 95 % interval
of the difference in AP, or SRG, to the first row of the table, from a bootstrap over sequences.

Run: ``python bench/ensemble.py [--photos FOLDER] [--frames 1] [--calls 500] [--model efficientnet-lite1]``
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

import seewhy
from measure import sequence
from seewhy._types import Coalitions, Floats, Pixels, Segments, Unit
from seewhy.designs import FoldoverHadamard
from seewhy.engine import Clock, Composer, collect
from seewhy.fills import Blur, Color, ImageMean, SegmentMean, fill_picture
from seewhy.images import load_image
from seewhy.masks import SegmentMasks
from seewhy.models import load_model
from seewhy.protocols import Fill, Model
from seewhy.samples import convert, log_total
from seewhy.scene import Scene
from seewhy.segmentation import Felzenszwalb, Quickshift, Slic, Watershed
from seewhy.segmentation.ids import as_segments

PHOTOS = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "photos"
GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, fill 0..1 evenly however many there are."""
RESAMPLES = 2000
MEASURES = ("AP", "pointing", "IoU Otsu", "IoU 20 %", "SRG blur", "SRG black")

Weighting = Literal["value", "density", "root"]
Weight = NDArray[np.bool_]


# --- photos ---------------------------------------------------------------------------------------------------------


class Photo(NamedTuple):
    """A photo as the model sees it."""

    path: Path
    group: str
    pixels: Pixels
    mask: Weight | None
    target: int


def read_photos(folder: Path, model: Model, frames: int) -> list[Photo]:
    """Return up to ``frames`` frames a sequence, far apart, and all other photos."""
    sequences: dict[str, list[dict[str, str]]] = {}
    for entry in json.loads((folder / "annotations.json").read_text()):
        sequences.setdefault(sequence(entry["file"]), []).append(entry)
    chosen = [
        (group, entries[i])
        for group, entries in sequences.items()
        for i in sorted({round(x) for x in np.linspace(0, len(entries) - 1, min(frames, len(entries)))})
    ]
    return [read_photo(folder, group, entry, model) for group, entry in chosen]


def read_photo(folder: Path, group: str, entry: dict[str, str], model: Model) -> Photo:
    image = load_image(folder / entry["file"]).with_channels(3)
    view = model.view(image.height, image.width)
    pixels, mask = view.apply(image), None
    if entry["mask"]:
        drawn = load_image(folder / entry["mask"]).floats()[..., 0] > 0.5
        mask = view.segments_from_photo(drawn.astype(np.int32)) > 0
    scores = next(iter(model.stream([model.prepare(pixels)[None]])))
    return Photo(folder / entry["file"], group, pixels, mask, int(scores[0].argmax()))


# --- families of segmentations --------------------------------------------------------------------------------------


class Family(NamedTuple):
    """Segmentations that a block draws from: about ``low`` to ``high`` segments."""

    draw: Callable[[Pixels, np.random.Generator, int], Segments]
    low: int = 12
    high: int = 80


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number with uniform logarithm."""
    return float(low * (high / low) ** rng.random())


def slic(pixels: Pixels, rng: np.random.Generator, n: int) -> Segments:
    return Slic(n_segments=n, compactness=between(rng, 5, 30))(pixels, 0)


def slic_shifted(pixels: Pixels, rng: np.random.Generator, n: int) -> Segments:
    """SLIC of the picture with mirrored margins of random width and smooth noise: its seeds lie elsewhere."""
    from scipy.ndimage import gaussian_filter

    height, width = pixels.shape[:2]
    top, bottom, left, right = rng.integers(0, int((height * width / n) ** 0.5) + 2, size=4)
    wide = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), mode="reflect")
    noise = gaussian_filter(rng.standard_normal(wide.shape), (8, 8, 0))
    wide = np.clip(wide + 0.04 * noise / noise.std(), 0, 1).astype(np.float32)
    share = wide.shape[0] * wide.shape[1] / (height * width)
    return slic(wide, rng, round(n * share))[top : top + height, left : left + width]


def watershed(pixels: Pixels, rng: np.random.Generator, n: int) -> Segments:
    return Watershed(n_segments=n, compactness=between(rng, 0.0005, 0.02))(pixels, 0)


def mixed(pixels: Pixels, rng: np.random.Generator, n: int) -> Segments:
    """SLIC, watershed, Felzenszwalb or quickshift; what gives under 8 or over 110 segments is drawn again."""
    for _ in range(6):
        kind = rng.integers(4)
        if kind < 2:
            found = (slic, watershed)[kind](pixels, rng, n)
        elif kind == 2:
            found = Felzenszwalb(scale=between(rng, 50, 500), min_size=int(between(rng, 80, 500)))(pixels, 0)
        else:
            quickshift = Quickshift(kernel_size=between(rng, 4, 8), max_dist=between(rng, 15, 100), ratio=0.5)
            found = quickshift(pixels, int(rng.integers(2**31)))
        if 8 <= len(np.unique(found)) <= 110:
            return found
    return slic(pixels, rng, n)


def voronoi(pixels: Pixels, rng: np.random.Generator, n: int) -> Segments:
    """Cells around random points, whatever the picture shows; moved once to their centers, so not too uneven."""
    from scipy.spatial import cKDTree

    height, width = pixels.shape[:2]
    places = np.argwhere(np.ones((height, width), dtype=bool))
    points = rng.random((n, 2)) * (height, width)
    ids = cKDTree(points).query(places)[1]
    points = np.stack([places[ids == i].mean(axis=0) for i in np.unique(ids)])
    return np.asarray(cKDTree(points).query(places)[1].reshape(height, width))


def turned_grid(pixels: Pixels, rng: np.random.Generator, n: int) -> Segments:
    """Squares at a random angle and place; slivers at the border go to the nearest square."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(float)
    angle, shift = rng.random() * np.pi / 2, rng.random(2)
    cell = (height * width / n) ** 0.5
    u = np.floor((x * np.cos(angle) + y * np.sin(angle)) / cell + shift[0])
    v = np.floor((y * np.cos(angle) - x * np.sin(angle)) / cell + shift[1])
    ids = as_segments((u * 4096 + v).astype(np.int64))
    areas = np.bincount(ids.ravel())
    centers = np.stack([np.bincount(ids.ravel(), part.ravel()) / areas for part in (y, x)], axis=-1)
    large = np.flatnonzero(areas >= 0.3 * np.median(areas))
    nearest = ((centers[:, None] - centers[large]) ** 2).sum(axis=-1).argmin(axis=1)
    return np.asarray(np.where(areas[ids] >= 0.3 * np.median(areas), ids, large[nearest][ids]))


FAMILIES = {
    "slic": Family(slic),
    "slic, shifted and noised": Family(slic_shifted),
    "slic, 8 to 18": Family(slic, 8, 18),
    "slic, 15 to 30": Family(slic, 15, 30),
    "slic, 20 to 90": Family(slic, 20, 90),
    "slic, 60 to 120": Family(slic, 60, 120),
    "watershed": Family(watershed),
    "mixed": Family(mixed),
    "voronoi": Family(voronoi),
    "turned grids": Family(turned_grid),
    "one slic": Family(lambda pixels, _rng, n: Slic(n_segments=n, compactness=10)(pixels, 0), 50, 50),
}


def segmentations(family: Family, photo: Photo) -> Iterator[Segments]:
    """Yield the segmentation of each block; numbers of segments are spread evenly on a logarithmic scale."""
    seed = zlib.crc32(photo.path.name.encode())
    start = np.random.default_rng(seed).random()
    for block in range(10_000):
        n = round(family.low * (family.high / family.low) ** ((start + block * GOLDEN) % 1))
        yield as_segments(family.draw(photo.pixels, np.random.default_rng((seed, block)), n))


# --- asking ---------------------------------------------------------------------------------------------------------

FILLS: dict[str, Fill] = {
    "blur": Blur(),
    "blur, twice as wide": Blur(sigma=1 / 6),
    "blur, half as wide": Blur(sigma=1 / 24),
    "image mean": ImageMean(),
    "black": Color(value="black"),
    "segment mean": SegmentMean(),
}


class Answers(NamedTuple):
    """One block: a segmentation, the coalitions asked, the logits of the target and their log totals."""

    segments: Segments
    coalitions: Coalitions
    logits: Floats
    log_totals: Floats


@dataclass
class Bank:
    """Asks a model; what was asked before is remembered."""

    model: Model
    calls: int
    _known: dict[tuple[Path, str, str], list[Answers]] = field(default_factory=dict)

    def answers(self, photo: Photo, family: str, fill: str) -> list[Answers]:
        """Return as many blocks as fit into the calls, at least one."""
        key = photo.path, family, fill
        if key not in self._known:
            self._known[key] = list(self._ask(photo, FAMILIES[family], FILLS[fill]))
        return self._known[key]

    def _ask(self, photo: Photo, family: Family, fill: Fill) -> Iterator[Answers]:
        left = self.calls
        for index, segments in enumerate(segmentations(family, photo)):
            block = next(FoldoverHadamard().blocks(int(segments.max()) + 1, index))
            left -= len(block.coalitions)
            if index and left < 0:
                return
            scene = Scene(photo.pixels, fill_picture(fill, photo.pixels, segments, index), segments)
            composer = Composer(self.model, scene, self.model.in_flight)
            asked = collect(
                self.model, composer, SegmentMasks(segments), [block], batch_size=16, classes=1000, clock=Clock()
            )
            scores = np.concatenate([part for _, part in asked])
            yield Answers(segments, block.coalitions, scores[:, photo.target].astype(np.float64), log_total(scores))


# --- maps -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setup:
    """One way of making a map from blocks."""

    family: str = "slic"
    fills: tuple[str, ...] = ("blur",)
    unit: Unit = "log-odds"
    weighting: Weighting = "root"
    share: float = 1.0
    """Share of the blocks that is used."""

    def __call__(self, bank: Bank, photo: Photo) -> Floats:
        """Return the mean of the blocks' maps; of several fills each block has the next one."""
        banks = [bank.answers(photo, self.family, fill) for fill in self.fills]
        used = max(1, round(self.share * len(banks[0])))
        blocks = [banks[i % len(banks)][i] for i in range(used)]
        return np.asarray(np.mean([block_map(block, self.unit, self.weighting) for block in blocks], axis=0))


def block_map(block: Answers, unit: Unit, weighting: Weighting) -> Floats:
    """Return the least-squares value of each pixel's segment: in a foldover Hadamard block a difference of means."""
    scores = convert(block.logits, block.log_totals, "logit", unit)
    values = np.where(block.coalitions, 2.0, -2.0).T @ scores / len(scores)
    areas = np.bincount(block.segments.ravel()) / block.segments.size
    power = {"value": 0.0, "root": 0.5, "density": 1.0}[weighting]
    return np.asarray((values / areas**power)[block.segments])


@dataclass(frozen=True)
class Gaussian:
    def __call__(self, bank: Bank, photo: Photo) -> Floats:
        """Return a bump in the middle, whatever the photo shows."""
        del bank
        height, width = photo.pixels.shape[:2]
        y, x = np.linspace(-2, 2, height), np.linspace(-2, 2, width)
        return np.asarray(np.exp(-(y[:, None] ** 2 + x**2) / 2))


@dataclass(frozen=True)
class RiseMap:
    fill: str
    unit: Unit

    def __call__(self, bank: Bank, photo: Photo) -> Floats:
        """Return RISE's map from foldover grids, as seen by the model."""
        method = seewhy.Rise(n_samples=bank.calls, fill=FILLS[self.fill], unit=self.unit)
        found = seewhy.explain(photo.path, model=bank.model, method=method, targets=photo.target, progress=False)
        return np.asarray(found.attributions[0].heatmap)


@dataclass(frozen=True)
class Shipped:
    def __call__(self, bank: Bank, photo: Photo) -> Floats:
        """Return the map of ``ensemble-lime`` as it is, as seen by the model."""
        method = seewhy.EnsembleLime(n_samples=bank.calls)
        found = seewhy.explain(photo.path, model=bank.model, method=method, targets=photo.target, progress=False)
        return np.asarray(found.attributions[0].heatmap)


Maker = Setup | Gaussian | RiseMap | Shipped


# --- measures -------------------------------------------------------------------------------------------------------


def localization(heatmap: Floats, mask: Weight) -> dict[str, float]:
    from skimage.filters import threshold_otsu
    from sklearn.metrics import average_precision_score

    def iou(region: Weight) -> float:
        return float((region & mask).sum() / max(1, (region | mask).sum()))

    return {
        "AP": float(average_precision_score(mask.ravel(), heatmap.ravel())),
        "pointing": float(mask[heatmap == heatmap.max()].mean()),
        "IoU Otsu": iou(heatmap > threshold_otsu(heatmap)),
        "IoU 20 %": iou(ranks(heatmap) < 0.2 * mask.size),
    }


def ranks(heatmap: Floats) -> NDArray[np.intp]:
    """Return 0 for the strongest pixel, and so on; equal ones in reading order."""
    order = np.argsort(-heatmap.ravel(), kind="stable")
    found = np.empty_like(order)
    found[order] = np.arange(len(order))
    return found.reshape(heatmap.shape)


def relevance_gain(model: Model, photo: Photo, heatmap: Floats, fill: str, steps: int) -> float:
    """Return AUC_LeRF - AUC_MoRF of the probability, for shares 0, 1/steps, ..., 1."""
    composer = Composer(model, Scene(photo.pixels, fill_picture(FILLS[fill], photo.pixels, None, 0), None), 0)
    place = ranks(heatmap)
    kept = np.stack([place < share * place.size for share in np.linspace(0, 1, steps + 1)])
    masks = np.concatenate([kept, ~kept]).astype(np.float32)
    scores = np.concatenate(list(model.stream(composer(masks[i : i + 16]) for i in range(0, len(masks), 16))))
    log_p = convert(scores[:, photo.target].astype(np.float64), log_total(scores), "logit", "probability")
    least_first, most_first = log_p.reshape(2, -1)
    return float(np.trapezoid(least_first - most_first) / steps)


# --- tables ---------------------------------------------------------------------------------------------------------

Results = dict[str, dict[str, float]]
"""Measure to group to mean over the group's photos."""


@dataclass
class Trial:
    bank: Bank
    photos: list[Photo]
    steps: int

    def __post_init__(self) -> None:
        self.results = cache(self._results)

    def _results(self, maker: Maker) -> Results:
        rows: dict[str, dict[str, list[float]]] = {}
        for photo in self.photos:
            for measure, value in self._measures(photo, maker(self.bank, photo)).items():
                rows.setdefault(measure, {}).setdefault(photo.group, []).append(value)
        return {
            measure: {group: float(np.mean(values)) for group, values in groups.items()}
            for measure, groups in rows.items()
        }

    def _measures(self, photo: Photo, heatmap: Floats) -> dict[str, float]:
        found = {} if photo.mask is None else localization(heatmap, photo.mask)
        for fill in ("blur", "black") if self.steps else ():
            found[f"SRG {fill}"] = relevance_gain(self.bank.model, photo, heatmap, fill, self.steps)
        return found

    def table(self, title: str, makers: dict[str, Maker]) -> None:
        """Print a row each; differences are to the first."""
        first = self.results(next(iter(makers.values())))
        measures = [measure for measure in MEASURES if measure in first]
        print(f"\n{title}\n{'':36}" + "".join(f"{measure:>{width(measure)}}" for measure in measures))
        for name, maker in makers.items():
            found = self.results(maker)
            cells = [cell(measure, found[measure], first[measure]) for measure in measures]
            print(f"{name:36}" + "".join(cells), flush=True)


def with_interval(measure: str) -> bool:
    return measure == "AP" or measure.startswith("SRG")


def width(measure: str) -> int:
    return 24 if with_interval(measure) else 10


def cell(measure: str, found: dict[str, float], first: dict[str, float]) -> str:
    mean = np.mean(list(found.values()))
    if not with_interval(measure):
        return f"{mean:10.3f}"
    low, high = interval(np.array([found[group] - first[group] for group in found]))
    return f"{mean:8.3f} [{low:+.3f}, {high:+.3f}]".rjust(24)


def interval(differences: Floats) -> tuple[float, float]:
    """Return the 95 % interval of the mean of groups."""
    drawn = np.random.default_rng(0).integers(len(differences), size=(RESAMPLES, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def questions() -> dict[str, dict[str, Maker]]:
    """Return the rows of each table."""
    base = Setup()
    reference: dict[str, Maker] = {"slic, blur, log-odds, by root": base}
    lime = Setup(family="one slic", fills=("segment mean",), unit="probability", weighting="value")
    units: tuple[Unit, ...] = ("probability", "log-odds")
    return {
        "Methods": {
            **reference,
            "ensemble-lime as shipped": Shipped(),
            "centered Gaussian": Gaussian(),
            "LIME, one slic, segment mean": lime,
            "LIME, one slic, blur, log-odds": Setup(family="one slic", weighting="value"),
            "RISE, black, probability": RiseMap("black", "probability"),
            "RISE, blur, log-odds": RiseMap("blur", "log-odds"),
        },
        "Calls": {
            **reference,
            "half of the blocks": replace(base, share=0.5),
            "a quarter of the blocks": replace(base, share=0.25),
        },
        "a. Family": {
            **reference,
            **{name: replace(base, family=name) for name in FAMILIES if name not in {"slic", "one slic"}},
        },
        "b. Weighting": {
            **reference,
            "value": replace(base, weighting="value"),
            "value by area": replace(base, weighting="density"),
        },
        "c. Fill": {
            **reference,
            **{name: replace(base, fills=(name,)) for name in FILLS if name != "blur"},
            "blur and black in turn": replace(base, fills=("blur", "black")),
        },
        "d. Unit": {
            f"{fill}, {unit}": replace(base, fills=(fill,), unit=unit) for fill in ("blur", "black") for unit in units
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="folder with annotations.json")
    parser.add_argument("--model", default=None, help="name of a model; not given: the default")
    parser.add_argument("--frames", type=int, default=1, help="frames of each sequence")
    parser.add_argument("--calls", type=int, default=500, help="model calls a photo and map")
    parser.add_argument("--steps", type=int, default=10, help="steps of the curves for SRG; 0 leaves it out")
    parser.add_argument("--only", default="", help="first letters of the tables wanted, such as Mab; not given: all")
    asked = parser.parse_args()
    if not (asked.photos / "annotations.json").is_file():
        print(f"skipped: no photos in {asked.photos}; give their folder with --photos")
        return
    model = load_model(asked.model)
    photos = read_photos(asked.photos, model, asked.frames)
    trial = Trial(Bank(model, asked.calls), photos, asked.steps)
    print(f"{len(photos)} photos, {asked.calls} calls each, top class of {getattr(model, 'name', 'the model')}")
    for title, makers in questions().items():
        if not asked.only or title[0] in asked.only:
            trial.table(title, makers)


if __name__ == "__main__":
    main()
