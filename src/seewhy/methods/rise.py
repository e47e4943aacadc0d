"""RISE: random smooth masks, and a map of where a kept pixel raises the score.

Source: Petsiuk, Das and Saenko (2018), arXiv:1806.07421, sections 3.1-3.2, equations 4-6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

import numpy as np
from pydantic import model_validator

from seewhy.core.errors import InvalidInput
from seewhy.core.layout import canonical
from seewhy.core.settings import setting
from seewhy.core.types import Floats, JsonObject, Segments
from seewhy.engine.stopping import WholeBlocks
from seewhy.estimation.attribution import MapAttribution
from seewhy.estimation.intervals import Spread, groups, mean_and_squares, meat
from seewhy.estimation.surrogate.cross_validation import cross_validated_ridge
from seewhy.estimation.surrogate.sums import WeightedSums
from seewhy.images import Image
from seewhy.images.fills import Color, FillSetting, fill_picture
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.methods.method_settings import SampledSettings
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs import GRID_DESIGNS, GridDesignName
from seewhy.sampling.masks import GridMasks, pool
from seewhy.sampling.protocols import Design, MaskMaker
from seewhy.sampling.samples import Samples

_GridDrawnBy: TypeAlias = Literal["auto", GridDesignName]
_ROWS = 512
"""Masks averaged over rectangles at a time, a megabyte."""
_BLOCKS = 8
"""Blocks from which on their sums are enough to tell the error."""
_PARTS = 16
"""Rectangles along each side over which a map is averaged to judge its error as a whole."""


class Rise(SampledSettings):
    """Average of random smooth masks, weighted by the scores of the masked images."""

    source: ClassVar[str] = "Petsiuk, Das and Saenko (2018), arXiv:1806.07421; code eclique/RISE"
    fits: ClassVar[frozenset[str]] = frozenset({"estimator"})

    name: Literal["rise"] = "rise"
    grid: Annotated[int, setting("cells along each side (s)", ge=2, le=64, search=(4, 16))] = 8
    design: Annotated[
        _GridDrawnBy, setting("how grids are drawn; auto: foldover-hadamard where keep is 0.5, else bernoulli")
    ] = "auto"
    keep: Annotated[float, setting("probability that a cell is kept (p)", ge=0.01, le=0.99, search=(0.1, 0.9))] = 0.5
    fill: Annotated[FillSetting, setting("replacement where a mask is 0")] = Color(value="black")
    estimator: Annotated[
        Literal["controlled", "centered", "ratio", "reference"],
        setting("how the map is computed from masks and scores"),
    ] = "controlled"

    @model_validator(mode="after")
    def _maps_have_no_top(self) -> Self:
        if self.until is not None:
            raise InvalidInput(
                f"Rise.until needs segments, but RISE gives a map; use tolerance instead of {self.until!r}",
                setting="Rise.until",
                rule="not be given for a map",
                value=self.until,
            )
        return self

    def relatives(self) -> dict[str, JsonObject | str]:
        """Return the other estimators."""
        names = ("controlled", "centered", "ratio", "reference")
        return {name: {"estimator": name} for name in names if name != self.estimator}

    def scene(self, image: Image, view: View, seed: int, segments: Segments | None = None) -> Scene:
        """Return the picture the model sees, and its fill."""
        del segments
        pixels = view.apply(image)
        return Scene(pixels, fill_picture(self.fill, pixels, None, seed), None, seed)

    def masks(self, scene: Scene) -> GridMasks:
        """Return what blows up grids to masks."""
        height, width = scene.pixels.shape[:2]
        if min(height, width) < self.grid:
            raise InvalidInput.of(
                "Rise.grid", f"be at most {min(height, width)}, the shorter side of the model input", self.grid
            )
        return GridMasks(height, width, self.grid)

    def draws(self, masks: MaskMaker) -> WholeBlocks:
        """Return the blocks of the design."""
        return WholeBlocks(self._design(masks), masks.d)

    def _design(self, masks: MaskMaker) -> Design:
        """Return the design over the cells."""
        if not isinstance(masks, GridMasks):
            raise InvalidInput("Rise needs grid masks", setting="masks", rule="be those of Rise")
        balanced: GridDesignName = "foldover-hadamard" if self.keep == 0.5 else "bernoulli"
        return GRID_DESIGNS[balanced if self.design == "auto" else self.design](keep=self.keep, cell=masks.cell)

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield grids with their shifts."""
        return self._design(masks).blocks(masks.d, seed)

    def estimate(self, samples: Samples, scene: Scene, scores: Floats) -> MapAttribution:
        """Compute the map S of one class from scores f and masks M, N masks kept with chance p.

        reference
            S = sum(f M) / (N p), equation 6.
        ratio
            S = sum(f M) / sum(M), pixel by pixel; the mean of f where every mask is 0.
        centered
            S = sum((f - mean f) M) / (N p): the same ranking of pixels in the limit, without the noise that the
            level of f adds; 0 means that keeping the pixel changes nothing on average.
        controlled
            The limit of centered, from fewer masks: see :class:`_Control`.
        """
        masks, scores = self.masks(scene), canonical(scores, np.float64)
        design = self._design(masks)
        control = self._control(samples, masks, scores)
        total = _Sums.of(samples, masks, control.rest)
        sampled = self._map(total)
        found = sampled + control.known(masks, self)
        level = float(scores.mean()) if self.estimator in {"ratio", "reference"} else 0.0
        plain = MapAttribution(found.astype(np.float32), level, amplified=max(1.0, 0.5 / self.keep))
        spread = self._spread(found, total, samples, masks, control)
        places = groups(len(samples), design.block_rows(masks.d), pairs=design.pairs)
        if spread is None or not places:
            return plain
        parts = ((samples.rows(place), control.rest[place]) for place in places)
        count, _, squares = mean_and_squares(self._without(total, *part, masks) for part in parts)
        variance = squares * ((count - 1) / count * control.inflation(len(samples)))
        reach = Spread(np.zeros(1), np.zeros((1, 1)), count - 1).t()
        se = np.sqrt(variance).astype(np.float32)
        return replace(plain, se=se, reach=reach, error=spread.error, spread=spread)

    def spread(self, samples: Samples, scene: Scene, scores: Floats) -> Spread | None:
        """Return how sure the map is as a whole: averaged over rectangles and less its mean."""
        masks, scores = self.masks(scene), canonical(scores, np.float64)
        control = self._control(samples, masks, scores)
        total = _Sums.of(samples, masks, control.rest)
        return self._spread(self._map(total) + control.known(masks, self), total, samples, masks, control)

    def _control(self, samples: Samples, masks: GridMasks, scores: Floats) -> _Control:
        if self.estimator == "controlled":
            return _Control.fitted(samples, masks, scores, self.grid)
        return _Control(scores - scores[0] if self.estimator == "centered" else scores, None, 0.0)

    def _map(self, sums: _Sums) -> Floats:
        """Return the map that sums over masks and scores give."""
        if self.estimator == "reference":
            return sums.weighted / (sums.n * self.keep)
        if self.estimator == "ratio":
            mean = np.full_like(sums.weighted, sums.scores / sums.n)
            return np.divide(sums.weighted, sums.plain, out=mean, where=sums.plain > 0)
        return (sums.weighted - sums.scores / sums.n * sums.plain) / (sums.n * self.keep)

    def _without(self, total: _Sums, part: Samples, scores: Floats, masks: GridMasks) -> Floats:
        """Return the map of all rows but some."""
        if self.estimator == "ratio":
            return self._map(total - _Sums.of(part, masks, scores))
        # The other maps are linear in the score less its level, so that one sum over the masks does for two.
        n = total.n - len(scores)
        level = 0.0 if self.estimator == "reference" else (total.scores - float(scores.sum())) / n
        own = masks.weighted_sum((block, scores[inside] - level) for inside, block in part.blocks())
        return (total.weighted - level * total.plain - own) / (n * self.keep)

    def _spread(
        self, found: Floats, total: _Sums, samples: Samples, masks: GridMasks, control: _Control
    ) -> Spread | None:
        """Return the spread over draws of the map averaged over rectangles, less its mean, which ranks nothing.

        Each row adds its influence: what the map would change if the row had a little more weight.
        """
        parts = min(_PARTS, masks.height, masks.width)
        mean = total.scores / total.n
        mask_mean = pool(total.plain / total.n, parts)
        sampled = pool(self._map(total), parts)

        design = self._design(masks)
        draw = 2 if design.pairs else 1
        block_rows = design.block_rows(masks.d)
        if design.pairs and control.b is None and len(samples) >= _BLOCKS * block_rows:
            draw = block_rows  # what whole blocks balance does not vary, and only they show it

        def influences() -> Iterator[Floats]:
            for place, block in samples.blocks(max(1, _ROWS // draw) * draw):
                mask, rest = masks.pooled(block, parts), control.rest[place, None]
                if self.estimator == "reference":
                    one = rest * mask / self.keep - sampled
                elif self.estimator == "ratio":
                    covered = mask_mean > 0  # elsewhere the map holds the mean score
                    one = np.where(covered, (rest - sampled) * mask / np.where(covered, mask_mean, 1), rest - mean)
                else:
                    one = (rest - mean) * (mask - mask_mean) / self.keep - sampled
                yield one - one.mean(axis=1, keepdims=True)

        outer, draws = meat(influences(), draw=draw)
        df = draws - control.freedom
        if df < 3:
            return None
        pooled = pool(found, parts)
        covariance = outer * (control.inflation(total.n) / total.n**2)
        return Spread(pooled - pooled.mean(), covariance, df)

    def warnings(self, samples: Samples) -> Iterator[str]:
        """Yield what a reader of the result must know."""
        cells = samples.d
        if len(samples) < cells:
            yield f"{len(samples)} masks for {cells} grid cells: the map is mostly noise; use more masks"


@dataclass(frozen=True, eq=False)
class _Control:
    """The part of the scores whose covariance with the masks is known exactly, taken out of the sampling.

    With phi the mask averaged over grid x grid rectangles and b a ridge of f on phi,
    S = (Cov_n(f - b phi, M) + Cov(b phi, M)) / p. The first is estimated, the second is in closed form, so only what
    is not linear in phi adds noise. Any b gives the same limit.
    """

    rest: Floats
    """(n,): scores without the controlled part."""
    b: Floats | None
    freedom: float
    """Degrees of freedom that b took."""

    @classmethod
    def fitted(cls, samples: Samples, masks: GridMasks, scores: Floats, grid: int) -> _Control:
        """Fit b by a ridge with cross-validated penalty."""
        sums = WeightedSums(masks.d, float(scores[0]))
        for place, block in samples.blocks():
            phi = masks.pooled(block, grid)
            sums.update(phi, scores[place], np.ones(len(phi)))
        b, freedom = cross_validated_ridge(sums)
        rest = scores - scores[0]
        for place, block in samples.blocks():
            rest[place] -= masks.pooled(block, grid) @ b
        return cls(rest, b, freedom)

    def known(self, masks: GridMasks, settings: Rise) -> Floats | float:
        """Return the map of the controlled part."""
        if self.b is None:
            return 0.0
        return masks.pooled_covariance(self.b, settings.grid, settings.keep) / settings.keep

    def inflation(self, n: int) -> float:
        """Return by how much residuals of a fit are too small, in variance."""
        return n / max(n - self.freedom, 1.0)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over some rows: all that an estimator needs."""

    weighted: Floats
    """(h, w): of score times mask."""
    plain: Floats
    """(h, w): of the masks."""
    scores: float
    n: int

    @classmethod
    def of(cls, samples: Samples, masks: GridMasks, scores: Floats) -> _Sums:
        """Sum up rows with their scores (n,)."""
        weighted = masks.weighted_sum((block, scores[inside]) for inside, block in samples.blocks())
        plain = masks.weighted_sum((block, np.ones(len(block.coalitions))) for _, block in samples.blocks())
        return cls(weighted, plain, float(scores.sum()), len(scores))

    def __sub__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.weighted - other.weighted, self.plain - other.plain, self.scores - other.scores, self.n - other.n
        )
