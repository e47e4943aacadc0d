"""RISE: random smooth masks, and a map of where a kept pixel raises the score.

Source: Petsiuk, Das and Saenko (2018), arXiv:1806.07421, sections 3.1-3.2, equations 4-6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy._types import Floats, Segments, Unit
from seewhy.attribution import MapAttribution
from seewhy.designs import GRID_DESIGNS, GridDesignName, rows
from seewhy.errors import InvalidInput
from seewhy.fills import Color, FillSetting, fill_picture
from seewhy.geometry import View
from seewhy.images import Image
from seewhy.masks import GridMasks
from seewhy.protocols import MaskMaker
from seewhy.samples import Samples
from seewhy.scene import Block, Scene
from seewhy.settings import Settings, setting
from seewhy.surrogate.cross_validation import cross_validated_ridge
from seewhy.surrogate.sums import WeightedSums


class Rise(Settings):
    """Average of random smooth masks, weighted by the score of the picture seen through them."""

    source: ClassVar[str] = "Petsiuk, Das and Saenko (2018), arXiv:1806.07421; code eclique/RISE"

    name: Literal["rise"] = "rise"
    n_samples: Annotated[int, setting("masks drawn (N)", ge=2, le=10_000_000, search=(200, 8000), log=True)] = 2000
    grid: Annotated[int, setting("cells along each side (s)", ge=2, le=64, search=(4, 16))] = 8
    design: Annotated[GridDesignName, setting("how grids are drawn")] = "bernoulli"
    keep: Annotated[float, setting("chance that a cell is kept (p)", ge=0.01, le=0.99, search=(0.1, 0.9))] = 0.5
    fill: Annotated[FillSetting, setting("what stands where a mask is 0")] = Color(value="black")
    estimator: Annotated[
        Literal["controlled", "centered", "ratio", "reference"],
        setting("how the map is computed from masks and scores"),
    ] = "controlled"
    unit: Annotated[
        Literal["auto", "probability", "log-odds", "score"],
        setting("unit of the score that is explained; auto: probability where the model allows it"),
    ] = "auto"

    def scene(self, image: Image, view: View, seed: int, segments: Segments | None = None) -> Scene:
        """Return the picture the model sees, and its fill."""
        del segments
        pixels = view.apply(image)
        return Scene(pixels, fill_picture(self.fill, pixels, None, seed), None)

    def masks(self, scene: Scene) -> GridMasks:
        """Return what blows up grids to masks."""
        height, width = scene.pixels.shape[:2]
        if min(height, width) < self.grid:
            raise InvalidInput(
                f"Rise.grid must be at most {min(height, width)}, the shorter side of the picture that the model sees, "
                f"got {self.grid}"
            )
        return GridMasks(height, width, self.grid)

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield ``n_samples`` grids with their shifts."""
        if not isinstance(masks, GridMasks):
            raise InvalidInput("Rise needs grid masks")
        design = GRID_DESIGNS[self.design](keep=self.keep, cell=masks.cell)
        return rows(design, masks.d, self.n_samples, seed)

    def estimate(self, samples: Samples, scene: Scene, target: int, unit: Unit) -> MapAttribution:
        """Compute the map S of one class from scores f and masks M, N masks kept with chance p.

        reference
            S = sum(f M) / (N p), equation 6.
        ratio
            S = sum(f M) / sum(M), pixel by pixel; the mean of f where every mask is 0.
        centered
            S = sum((f - mean f) M) / (N p): the same ranking of pixels in the limit, without the noise that the
            level of f adds; 0 means that keeping the pixel changes nothing on average.
        controlled
            The limit of centered, from fewer masks: see :meth:`_controlled`.
        """
        scores = samples.target(target, unit)
        masks = self.masks(scene)
        heatmap = getattr(self, f"_{self.estimator}")(samples, masks, scores).astype(np.float32)
        level = float(scores.mean()) if self.estimator in {"ratio", "reference"} else 0.0
        return MapAttribution(heatmap, level)

    def _reference(self, samples: Samples, masks: GridMasks, scores: Floats) -> Floats:
        return _weighted(samples, masks, scores) / (len(samples) * self.keep)

    def _ratio(self, samples: Samples, masks: GridMasks, scores: Floats) -> Floats:
        weighted, plain = _weighted(samples, masks, scores), _weighted(samples, masks, np.ones_like(scores))
        return np.divide(weighted, plain, out=np.full_like(weighted, scores.mean()), where=plain > 0)

    def _centered(self, samples: Samples, masks: GridMasks, scores: Floats) -> Floats:
        return _weighted(samples, masks, _centered(scores)) / (len(samples) * self.keep)

    def _controlled(self, samples: Samples, masks: GridMasks, scores: Floats) -> Floats:
        """Take the part of f that is linear in the mask out of the sampling: its covariance is known exactly.

        With phi the mask averaged over grid x grid rectangles and b a ridge of f on phi,
        S = (Cov_n(f - b phi, M) + Cov(b phi, M)) / p. The first is estimated, the second is in closed form, so
        only what is not linear in phi adds noise. Any b gives the same limit.
        """
        sums = WeightedSums(masks.d, float(scores[0]))
        for place, block in samples.blocks():
            phi = masks.pooled(block, self.grid)
            sums.update(phi, scores[place], np.ones(len(phi)))
        b = cross_validated_ridge(sums)
        rest = scores.copy()
        for place, block in samples.blocks():
            rest[place] -= masks.pooled(block, self.grid) @ b
        sampled = _weighted(samples, masks, _centered(rest)) / len(samples)
        return (sampled + masks.pooled_covariance(b, self.grid, self.keep)) / self.keep

    def warnings(self, samples: Samples) -> Iterator[str]:
        """Yield what a reader of the result must know."""
        cells = samples.d
        if len(samples) < cells:
            yield f"{len(samples)} masks for {cells} grid cells: the map is mostly noise, ask for more masks"


def _weighted(samples: Samples, masks: GridMasks, weights: Floats) -> Floats:
    """Return sum_i weights_i M_i, (h, w)."""
    return masks.weighted_sum((block, weights[place]) for place, block in samples.blocks())


def _centered(scores: Floats) -> Floats:
    """Return the scores less their mean; a constant score gives exactly zero."""
    away = scores - scores[0]
    return np.asarray(away - away.mean())
