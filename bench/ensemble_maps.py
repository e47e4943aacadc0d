"""What the benchmark of ensembles compares: maps of blocks over many segmentations, and those beside them.

A block is a segmentation of its own and the answers to one foldover Hadamard block over its segments.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

import seewhy
from seewhy.core.types import Coalitions, Floats, Pixels, Segments, Unit
from seewhy.engine.loop import Clock, Composer, collect
from seewhy.engine.protocols import Model
from seewhy.images.fills import Blur, Color, ImageMean, SegmentMean, fill_picture
from seewhy.images.protocols import Fill
from seewhy.images.scene import Scene
from seewhy.images.segmentation import Felzenszwalb, Quickshift, Slic, Watershed
from seewhy.images.segmentation.ids import as_segments
from seewhy.sampling.designs import FoldoverHadamard
from seewhy.sampling.masks import SegmentMasks
from seewhy.sampling.samples import convert, log_total

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, modulo 1, fill 0..1 evenly however many there are."""

Weighting = Literal["value", "density", "root"]
Weight = NDArray[np.bool_]


class Photo(NamedTuple):
    """A photo as the model sees it."""

    path: Path
    group: str
    pixels: Pixels
    mask: Weight | None
    target: int
    classes: int


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
                self.model,
                composer,
                SegmentMasks(segments),
                [block],
                batch_size=16,
                classes=photo.classes,
                clock=Clock(),
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
