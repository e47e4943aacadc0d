"""Ensemble LIME: many segmentations, one balanced block of coalitions for each, one map.

What one segmentation can say is cut to its own regions. Here every block of model calls has a segmentation of its own;
the value of each of its regions is spread over the region's pixels, and the maps are averaged over blocks.

Sources: Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938 (LIME); the balanced blocks of
:mod:`seewhy.sampling.designs.foldover_hadamard`. What was tried and measured is in the documentation of the method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, model_validator

from seewhy.core.errors import InvalidInput
from seewhy.core.layout import canonical
from seewhy.core.settings import setting
from seewhy.core.types import Floats, JsonObject, Pixels, Segments
from seewhy.estimation.attribution import MapAttribution
from seewhy.estimation.intervals import Spread
from seewhy.estimation.weighted import Shares, mean_and_variance
from seewhy.images import Image
from seewhy.images.fills import Blur, FillSetting, fill_picture
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.images.segmentation.family import Family
from seewhy.methods.method_settings import SampledSettings
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs import FoldoverHadamard
from seewhy.sampling.masks import EnsembleMasks, pool, small
from seewhy.sampling.protocols import MaskMaker
from seewhy.sampling.samples import Samples

_PARTS = 16
"""Rectangles along each side over which a map is averaged to judge its error as a whole."""
_SHARE = 0.04
"""Share of the picture whose region counts by its value alone, whatever the weighting."""
_POWERS = {"value": 0.0, "root-area": 0.5, "density": 1.0}
_AVERAGING = {"equal": 0.0, "root-rows": 0.5}


def _pair(value: Any) -> Any:
    """Let a range be written as ``15,30``, as on the command line."""
    if not isinstance(value, str):
        return value
    parts = value.split(",")
    if len(parts) != 2 and parts[0].strip().replace(".", "", 1).isdecimal():
        msg = "must be two numbers, LOW,HIGH"
        raise ValueError(msg)
    return parts


def _names(value: Any) -> Any:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


class EnsembleLime(SampledSettings):
    """LIME over many segmentations, averaged to one map of pixels."""

    source: ClassVar[str] = "Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938; many segmentations: this project"
    fits: ClassVar[frozenset[str]] = frozenset({"weighting", "averaging", "smoothing"})
    before: ClassVar[dict[str, str]] = {"averaging": "equal", "smoothing": "none", "order": "drawn"}
    log_odds: ClassVar[bool] = True
    cut: ClassVar[Literal["share", "otsu"]] = "otsu"

    name: Literal["ensemble-lime"] = "ensemble-lime"
    tolerance: Annotated[
        float, setting("stop when the estimated relative error reaches this value", ge=0.001, le=1, search=(0.1, 0.4))
    ] = 0.20  # where more calls no longer make the map agree better with where the object is
    max_evaluations: Annotated[
        int, setting("maximum number of model evaluations when the stopping rule is automatic", ge=16, le=10_000_000)
    ] = 2000
    estimate_from: Annotated[
        int | None,
        setting(
            "minimum number of samples before the estimated error can end the run; none: use the strict stopping rule",
            ge=16,
            le=10_000_000,
        ),
    ] = None
    algorithms: Annotated[
        tuple[Literal["slic", "watershed"], ...],
        setting("segmentation algorithms, used in turn", min_length=1, max_length=8),
        BeforeValidator(_names),
    ] = ("slic",)
    n_segments: Annotated[
        tuple[int, int], setting("minimum and maximum number of regions of a block"), BeforeValidator(_pair)
    ] = (
        12,
        80,
    )
    compactness: Annotated[
        tuple[float, float], setting("minimum and maximum weight of position relative to color"), BeforeValidator(_pair)
    ] = (5.0, 30.0)
    jitter: Annotated[
        float,
        setting("maximum shift of the image before segmentation, as a share of its shorter side", ge=0, le=0.5),
    ] = 0.0
    order: Annotated[
        Literal["drawn", "coarse-first"],
        setting("order of the first six blocks: as drawn, or those with the fewest regions first"),
    ] = "coarse-first"  # so that there is something to look at early
    fill: Annotated[FillSetting, setting("replacement for masked segments")] = Blur()
    weighting: Annotated[
        Literal["value", "root-area", "density"],
        setting("value of a pixel: its region's value, divided by nothing, the root of the region's area, or the area"),
    ] = "root-area"
    averaging: Annotated[
        Literal["equal", "root-rows"],
        setting("weight of a block in the mean: equal, or the root of its number of rows"),
    ] = "root-rows"
    smoothing: Annotated[
        Literal["none", "alike"],
        setting("smoothing of the map: none, or among nearby pixels of similar color"),
    ] = "alike"

    @model_validator(mode="after")
    def _checked(self) -> Self:
        try:
            self._family  # noqa: B018  # its rules are the ones of these settings
        except InvalidInput as error:
            raise InvalidInput(
                str(error).replace("Family.", "EnsembleLime."),
                setting=(error.setting or "").replace("Family.", "EnsembleLime."),
                rule=error.rule,
                value=error.value,
            ) from None
        if self.until is not None:
            raise InvalidInput(
                (
                    "EnsembleLime.until needs segments, but this method gives a map; use tolerance instead "
                    f"of {self.until!r}"
                ),
                setting="EnsembleLime.until",
                rule="not be given for a map",
                value=self.until,
            )
        return self

    @property
    def _family(self) -> Family:
        return Family(
            algorithms=self.algorithms, n_segments=self.n_segments, compactness=self.compactness, jitter=self.jitter
        )

    def _drawn_as(self, seed: int, index: int) -> int:
        """Return which block of the family, and of the design, stands at a place."""
        early = index < _LEAST and self.order == "coarse-first"
        return self._family.coarse_first(seed, _LEAST)[index] if early else index

    def _member(self, pixels: Pixels, seed: int, index: int) -> Segments:
        """Return the segmentation of the block at a place."""
        return self._family.member(pixels, seed, self._drawn_as(seed, index))

    @property
    def estimates_from(self) -> int | None:
        """Samples from which the estimated error alone ends a run."""
        return self.estimate_from

    def relatives(self) -> dict[str, JsonObject | str]:
        """Return the other weightings."""
        return {name: {"weighting": name} for name in _POWERS if name != self.weighting}

    def scene(self, image: Image, view: View, seed: int, segments: Segments | None = None) -> Scene:
        """Return the picture the model sees, and its fill; ``segments`` (B, h, w) are those of the first blocks."""
        pixels = view.apply(image)
        first = self._member(pixels, seed, 0) if segments is None else segments[0]
        drawn = [small(part) for part in (first[None] if segments is None else segments)]
        return Scene(pixels, fill_picture(self.fill, pixels, first, seed), segments, seed, drawn)

    def masks(self, scene: Scene) -> EnsembleMasks:
        """Return what keeps or replaces whole segments, block by block."""

        def draw(index: int) -> Segments:
            return self._member(scene.pixels, scene.seed, index)

        if scene.segments is not None and not scene.drawn:
            scene.drawn.extend(small(part) for part in scene.segments)
        height, width = scene.pixels.shape[:2]
        return EnsembleMasks((height, width), self._family.most, draw, scene.drawn)

    def draws(self, masks: MaskMaker) -> _Blocks:
        """Return the blocks, each as long as its segmentation needs."""
        return _Blocks(_own(masks))

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield one balanced block for each segmentation, without end."""
        found = _own(masks)
        for index in range(_MOST):
            d = found.size(index)
            drawn = FoldoverHadamard().block(d, seed, self._drawn_as(seed, index))
            padded = np.repeat(drawn.all(axis=1, keepdims=True), found.d, axis=1)
            padded[:, :d] = drawn
            yield Block(padded, None, np.full(len(padded), index))
        raise InvalidInput(
            f"EnsembleLime.n_samples must fit into {_MOST} segmentations; use fewer samples",
            setting="EnsembleLime.n_samples",
            rule=f"fit into {_MOST} segmentations",
        )

    def estimate(self, samples: Samples, scene: Scene, scores: Floats) -> MapAttribution:
        """Fit each block, spread its values over the pixels, and average; intervals are those of the mean."""
        blocks = self._blocks(samples, scene)
        shares = self._shares(blocks)
        pooled: list[Floats] = []
        amplified = 1.0

        def maps() -> Iterator[Floats]:
            nonlocal amplified
            for one, most in self._maps(blocks, samples, scene, scores):
                pooled.append(_pooled(one))
                amplified = max(amplified, most)
                yield one

        mean, variance = mean_and_variance(maps(), shares)
        heatmap, spread = mean.astype(np.float32), _spread(pooled, shares)
        if spread is None:
            return MapAttribution(heatmap, amplified=amplified)
        se = np.sqrt(variance).astype(np.float32)
        return MapAttribution(heatmap, 0.0, se, spread.t(), spread.error, spread, amplified)

    def spread(self, samples: Samples, scene: Scene, scores: Floats) -> Spread | None:
        """Return how sure the map is as a whole: averaged over rectangles and less its mean."""
        blocks = self._blocks(samples, scene)
        pooled = [_pooled(one) for one, _ in self._maps(blocks, samples, scene, scores)]
        return _spread(pooled, self._shares(blocks))

    def _blocks(self, samples: Samples, scene: Scene) -> list[tuple[int, NDArray[np.intp]]]:
        """Return the segmentation and the rows of every whole block.

        Where a run was cut short in the first block, its rows are those there are.
        """
        masks, parts = self.masks(scene), _parts(samples)
        blocks: list[tuple[int, NDArray[np.intp]]] = []
        for index in np.unique(parts).tolist():  # a part of a run need not begin with the first
            rows = np.flatnonzero(parts == index)
            if len(rows) < FoldoverHadamard().block_rows(masks.size(index)):
                if blocks:
                    break
                rows = rows[: len(rows) // 2 * 2]  # of a run cut short: pairs stay balanced, and so right on average
                if not len(rows):
                    raise InvalidInput(
                        f"EnsembleLime needs 2 rows, a pair of complementary masked images, got {len(parts)}",
                        setting="parts",
                        rule="have 2 rows",
                        value=len(parts),
                    )
                return [(index, rows)]
            blocks.append((index, rows))
        return blocks

    def _shares(self, blocks: Sequence[tuple[int, NDArray[np.intp]]]) -> Shares:
        """Return what each block contributes to the map.

        A block of many regions has many rows, and tells more than one of few; beyond the root it would be nearly alone.
        """
        rows = np.array([len(rows) for _, rows in blocks], dtype=np.float64)
        return Shares.of(rows ** _AVERAGING[self.averaging])

    def _maps(
        self, blocks: Sequence[tuple[int, NDArray[np.intp]]], samples: Samples, scene: Scene, scores: Floats
    ) -> Iterator[tuple[Floats, float]]:
        """Yield the map (h, w) of every block, and how many times a value stands in it at most.

        Columns of a block are balanced and orthogonal, so least squares is twice the mean of score times sign.
        """
        masks, scores = self.masks(scene), canonical(scores, np.float64)
        for index, rows in blocks:
            d = masks.size(index)
            kept = samples.block(rows).coalitions[:, :d]
            away = scores[rows] - scores[rows[0]]
            values = 2 * canonical(np.where(kept, 1.0, -1.0), np.float64).T @ away / len(rows)
            segments = masks.part(index)
            share = np.bincount(segments.ravel(), minlength=d) / segments.size
            times = (_SHARE / share) ** _POWERS[self.weighting]
            found = (values * times)[segments]
            yield scene.alike(found) if self.smoothing == "alike" else found, float(times.max())

    def warnings(self, samples: Samples) -> Iterator[str]:
        """Yield what a reader of the result must know."""
        blocks = int(_parts(samples)[-1]) + 1
        if blocks < _TOLD:
            yield f"too few segmentations to estimate the error: {blocks}; use more samples"
        elif blocks < _LEAST:
            yield f"few segmentations, so the estimated error is only rough: {blocks}; use more samples"


_LEAST = 6
"""Blocks that a first look needs."""
_TOLD = 4
"""Blocks from which their spread is worth telling."""
_MOST = 2**16
"""Blocks that can be distinguished in 16 bits."""


class _Blocks:
    """Blocks of an ensemble: each as long as its own segmentation needs."""

    def __init__(self, masks: EnsembleMasks) -> None:
        self._masks = masks

    def least(self) -> int:
        """Return the rows of the first six blocks."""
        return sum(self._rows(index) for index in range(_LEAST))

    def readable(self) -> int:
        """Return the rows of the first block."""
        return self._rows(0)

    def partial(self) -> int:
        """Return the rows of a pair: already one is a map, if a rough one."""
        return 2

    def total(self) -> None:
        """Return None: there is no last block."""

    def alike(self) -> bool:
        """Return True: every eighth pair of each block, or nearly so."""
        return True

    def boundary(self, n: int) -> int:
        """Return the end of the block that row ``n`` - 1 is in."""
        end = 0
        for index in count():
            end += self._rows(index)
            if end >= n:
                break
        return end

    def usable(self, n: int) -> int:
        """Return the end of the last block that ``n`` rows hold whole; ``n`` where they do not hold the first."""
        end = 0
        for index in count():
            if end + self._rows(index) > n:
                return end or n
            end += self._rows(index)
        return n

    def _rows(self, index: int) -> int:
        return FoldoverHadamard().block_rows(self._masks.size(index))


def _own(masks: MaskMaker) -> EnsembleMasks:
    if not isinstance(masks, EnsembleMasks):
        raise InvalidInput("EnsembleLime needs ensemble masks", setting="masks", rule="be those of EnsembleLime")
    return masks


def _parts(samples: Samples) -> NDArray[np.uint16]:
    if samples.parts is None:
        raise InvalidInput(
            "EnsembleLime needs samples of several segmentations", setting="samples", rule="be of several segmentations"
        )
    return samples.parts


def _pooled(heatmap: Floats) -> Floats:
    """Return a map averaged over rectangles and less its mean."""
    found = pool(heatmap, min(_PARTS, *heatmap.shape))
    return np.asarray(found - found.mean())


def _spread(pooled: Sequence[Floats], shares: Shares) -> Spread | None:
    """Return the spread of the mean of the blocks' maps."""
    if len(pooled) < _TOLD:
        return None
    maps = np.stack(pooled)
    mean = shares.values @ maps
    away = maps - mean
    return Spread(mean, away.T @ (shares.factors[:, None] * away), shares.df)
