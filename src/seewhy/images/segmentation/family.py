"""A family of segmentations: each block of an ensemble draws its own, coarse or fine, ragged or even, moved or not."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from seewhy.core.errors import InvalidInput
from seewhy.core.randomness import generator
from seewhy.core.settings import Settings, setting
from seewhy.core.types import Pixels, Segments
from seewhy.images.segmentation.ids import as_segments
from seewhy.images.segmentation.slic import Slic
from seewhy.images.segmentation.watershed import Watershed

_GOLDEN = (5**0.5 - 1) / 2
_ROUNDS = 5
"""Rounds of k-means: regions of a block need not be settled to the last pixel."""
_DOUBLINGS = 24
_HEAVIEST = 1e4
"""Compactness at which place alone divides."""
_SHORTER = 224
"""Pixels of the shorter side at which pictures are divided, at least; 112 made maps of a 240 pixel model worse."""


class Family(Settings):
    """Segmentations whose number of regions and compactness differ from block to block.

    Numbers of regions are spread evenly over their range on a log scale (a golden ratio sequence from a random start),
    compactness is drawn on a log scale. Where a picture is so plain that fewer than half the regions come out,
    compactness is doubled until they do, so that it divides by place.
    """

    source: ClassVar[str] = "families of SLIC (Achanta et al., 2012) and compact watershed (Neubert and Protzel, 2014)"

    name: Literal["family"] = "family"
    algorithms: Annotated[
        tuple[Literal["slic", "watershed"], ...], setting("algorithms, used in turn", min_length=1, max_length=8)
    ] = ("slic",)
    n_segments: Annotated[tuple[int, int], setting("minimum and maximum number of regions")] = (12, 80)
    compactness: Annotated[tuple[float, float], setting("minimum and maximum weight of position relative to color")] = (
        5.0,
        30.0,
    )
    jitter: Annotated[
        float,
        setting("maximum shift of the image before segmentation, as a share of its shorter side", ge=0, le=0.5),
    ] = 0.0

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        low, high = self.n_segments
        if not 4 <= low <= high <= 500:
            raise InvalidInput(
                f"Family.n_segments must be two numbers from 4 to 500, the lower first, got {low}, {high}",
                setting="Family.n_segments",
                rule="be two numbers from 4 to 500, the lower first",
                value=(low, high),
            )
        least, most = self.compactness
        if not 1e-3 <= least <= most <= 1e4:
            raise InvalidInput(
                (
                    "Family.compactness must be two numbers from 0.001 to 10000, the lower first, got "
                    f"{least:g}, {most:g}"
                ),
                setting="Family.compactness",
                rule="be two numbers from 0.001 to 10000, the lower first",
                value=(least, most),
            )
        return self

    @property
    def most(self) -> int:
        """More segments than this none of its members has."""
        return 2 * self.n_segments[1]

    def coarse_first(self, seed: int, n: int) -> list[int]:
        """Return the first ``n`` blocks in order of the regions that are asked for, the fewest first."""
        return sorted(range(n), key=lambda block: self._regions(seed, block))

    def _regions(self, seed: int, block: int) -> float:
        """Return how many regions a block asks for, before rounding."""
        low, high = (float(n) for n in self.n_segments)
        start = generator(seed, "segmentation").random()
        return float(low * (high / low) ** ((start + _GOLDEN * block) % 1))

    def member(self, pixels: Pixels, seed: int, block: int) -> Segments:
        """Divide ``pixels`` (H, W, C) in 0..1 as block ``block`` does; ids (H, W), 0..d-1 without gaps."""
        rng = generator(seed, "segmentation", block)
        wanted = round(self._regions(seed, block))
        least, most = self.compactness
        compactness = least * (most / least) ** rng.random()
        margin = round(self.jitter * min(pixels.shape[:2]))
        down, right = (int(v) for v in rng.integers(0, margin + 1, size=2))
        wide = np.pad(pixels, ((down, margin - down), (right, margin - right), (0, 0)), mode="reflect")
        algorithm = self.algorithms[block % len(self.algorithms)]
        # A shift cuts regions off: where too few are left, as many more are asked for as the padded image is larger.
        more = round(wanted * wide[..., 0].size / pixels[..., 0].size)
        for asked in dict.fromkeys((wanted, more)):
            weight = compactness
            for _ in range(_DOUBLINGS):
                ids = _divide(algorithm, wide, asked, weight)
                kept = as_segments(ids[down : down + pixels.shape[0], right : right + pixels.shape[1]])
                count = int(kept.max()) + 1
                if wanted / 2 <= count <= self.most:
                    return kept
                if weight == _HEAVIEST:
                    break
                weight = min(2 * weight, _HEAVIEST)
        raise InvalidInput(
            (
                f"Family gives {count} regions instead of {wanted}, even at compactness {weight:g}; "
                "this image has too little structure; use method='lime' with segmentation='grid'"
            ),
            setting="Family",
            rule=f"give {wanted} regions",
            value=count,
        )


def _divide(algorithm: str, pixels: Pixels, n_segments: int, compactness: float) -> Segments:
    """Divide a picture; a large one at half or a third of its size, and so on."""
    step = max(1, min(pixels.shape[:2]) // _SHORTER)
    if step > 1:
        height, width = pixels.shape[:2]
        even = np.pad(pixels, ((0, -height % step), (0, -width % step), (0, 0)), mode="edge")
        small = even.reshape(even.shape[0] // step, step, even.shape[1] // step, step, -1).mean(axis=(1, 3))
        ids = _divided(algorithm, small, n_segments, compactness)
        return ids.repeat(step, axis=0).repeat(step, axis=1)[:height, :width]
    return _divided(algorithm, pixels, n_segments, compactness)


def _divided(algorithm: str, pixels: Pixels, n_segments: int, compactness: float) -> Segments:
    if algorithm == "watershed":
        # Watershed measures heights, SLIC colors in Lab: a hundredth of the weight means about the same.
        return Watershed(n_segments=n_segments, compactness=min(compactness / 100, 1.0))(pixels, 0)
    return Slic(n_segments=n_segments, compactness=compactness, max_num_iter=_ROUNDS)(pixels, 0)
