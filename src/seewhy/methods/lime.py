"""LIME for images: a weighted linear surrogate over segments.

Source: Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938, equations 1-2 and algorithm 1; feature selection as in
``lime`` 0.2.0.1. The default design and surrogate have the limit that lime's have, from fewer model calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

import numpy as np
from pydantic import model_validator

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import setting
from seewhy.core.types import Coalitions, Floats, JsonObject, Segments
from seewhy.engine.stopping import AMOUNT, WholeBlocks
from seewhy.estimation.attribution import SegmentAttribution
from seewhy.estimation.intervals import Spread, groups, jackknife
from seewhy.estimation.kernels import Cosine, KernelSetting, Shapley, Uniform
from seewhy.estimation.kernels.segment_sums import SegmentSums
from seewhy.estimation.surrogate import (
    LEAST_DF,
    LeastSquares,
    LinearFit,
    Regressor,
    Ridge,
    SampleRows,
    Selection,
    SurrogateSetting,
    fit,
    sandwich,
)
from seewhy.estimation.surrogate.shapley import ShapleyFit, shapley_values, size_shares
from seewhy.estimation.surrogate.stability import stability
from seewhy.images import Image
from seewhy.images.fills import FillSetting, SegmentMean, fill_picture
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.images.segmentation import SegmentationSetting, Slic, segment_view
from seewhy.methods.method_settings import SampledSettings
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs import DESIGNS, DesignName, with_untouched
from seewhy.sampling.masks import SegmentMasks
from seewhy.sampling.protocols import Design, MaskMaker
from seewhy.sampling.samples import Samples

_RANKED = 512
"""Segments up to which the rank of a fit is looked at whatever the samples; for more it would take seconds."""
_DrawnBy: TypeAlias = Literal["auto", DesignName]


class Lime(SampledSettings):
    """Weighted linear model of the score over segments that are kept or replaced by a fill."""

    source: ClassVar[str] = "Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938; lime 0.2.0.1"
    fits: ClassVar[frozenset[str]] = frozenset({"kernel", "surrogate", "feature_selection", "num_features"})
    gives: ClassVar[Literal["segments", "map"]] = "segments"
    amounts: ClassVar[frozenset[str]] = AMOUNT

    name: Literal["lime"] = "lime"
    segmentation: Annotated[SegmentationSetting, setting("segmentation of the model input")] = Slic()
    fill: Annotated[FillSetting, setting("replacement for masked segments")] = SegmentMean()
    design: Annotated[
        _DrawnBy, setting("how coalitions are drawn; auto: foldover-hadamard where keep is 0.5, else bernoulli")
    ] = "auto"
    keep: Annotated[
        float,
        setting(
            "probability that a segment is kept (drop-fraction: share that is kept)",
            ge=0.01,
            le=0.99,
            search=(0.2, 0.9),
        ),
    ] = 0.5
    kernel: Annotated[KernelSetting, setting("weight of a coalition, by its distance from the unmasked image")] = (
        Cosine()
    )
    surrogate: Annotated[SurrogateSetting, setting("linear model fitted to the scores")] = LeastSquares()
    feature_selection: Annotated[Selection, setting("how num_features segments are chosen")] = "auto"
    num_features: Annotated[int | None, setting("segments the surrogate may use; not given: all", ge=1)] = None

    @model_validator(mode="after")
    def _selection_has_a_number(self) -> Self:
        if self.feature_selection == "none" and self.num_features is not None:
            raise InvalidInput.of(
                "Lime.num_features",
                "not be given with feature_selection='none', which uses all segments",
                self.num_features,
            )
        if self.feature_selection not in {"none", "auto"} and self.num_features is None:
            raise InvalidInput(
                (
                    f"Lime.feature_selection={self.feature_selection!r} needs num_features; give the number "
                    "of segments to select"
                ),
                setting="Lime.num_features",
                rule="be given with feature_selection",
                value=self.feature_selection,
            )
        return self

    @model_validator(mode="after")
    def _shapley_adds_up(self) -> Self:
        plain = isinstance(self.surrogate, LeastSquares) and self.num_features is None
        if isinstance(self.kernel, Shapley) and not plain:
            raise InvalidInput(
                (
                    "Lime.kernel='shapley' needs surrogate='least-squares' and no num_features, because "
                    f"Shapley values add up exactly, got surrogate={self.surrogate.name!r}, num_features="
                    f"{self.num_features}"
                ),
                setting="Lime.kernel",
                rule="need least-squares and no num_features",
                value=self.kernel,
            )
        return self

    def relatives(self) -> dict[str, JsonObject | str]:
        """Return Banzhaf values, that is no kernel, and Shapley values, where the design asks what they need."""
        plain = {"surrogate": LeastSquares(), "feature_selection": "auto", "num_features": None}
        if self.design in {"drop-fraction", "leave-one-out"}:
            why = f"design={self.design!r} draws coalitions of one size"
            return {"banzhaf": why, "shapley": why}
        if self.keep != 0.5:
            why = f"segments are kept with probability {self.keep:g}, but Banzhaf values need 0.5"
            return {"banzhaf": why, "shapley": {"kernel": Shapley()} | plain}
        return {"banzhaf": {"kernel": Uniform()} | plain, "shapley": {"kernel": Shapley()} | plain}

    def scene(self, image: Image, view: View, seed: int, segments: Segments | None = None) -> Scene:
        """Divide the picture the model sees, and make its fill."""
        pixels = view.apply(image)
        if segments is None:
            segments = segment_view(self.segmentation, image, view, pixels, seed)
        return Scene(pixels, fill_picture(self.fill, pixels, segments, seed), segments, seed)

    def masks(self, scene: Scene) -> SegmentMasks:
        """Return what keeps or replaces whole segments."""
        if scene.segments is None:
            raise InvalidInput("Lime needs segments", setting="segments", rule="be there")
        return SegmentMasks(scene.segments)

    def draws(self, masks: MaskMaker) -> WholeBlocks:
        """Return the blocks of the design.

        Raises
        ------
        InvalidInput
            The rows cannot give what the kernel asks for.
        """
        design, first = self._design(masks), 2
        if isinstance(self.kernel, Shapley):
            if design.name not in {"shapley", "exhaustive"}:
                raise InvalidInput(
                    (
                        "Lime.kernel='shapley' needs design='shapley', or 'exhaustive' for up to 20 segments, "
                        f"got design={design.name!r}"
                    ),
                    setting="Lime.design",
                    rule="be 'shapley' or 'exhaustive'",
                    value=design.name,
                )
            first = min(design.block_rows(masks.d), design.total(masks.d) or 10**9)
            if self.n_samples is not None and self.n_samples < first:
                raise InvalidInput.of(
                    "Lime.n_samples",
                    f"be at least {first} (one block) for Shapley values of {masks.d} segments, design={design.name!r}",
                    self.n_samples,
                )
        return WholeBlocks(design, masks.d, first)

    def _design(self, masks: MaskMaker) -> Design:
        """Return the design over the segments."""
        del masks
        balanced: DesignName = "foldover-hadamard" if self.keep == 0.5 else "bernoulli"
        return DESIGNS[balanced if self.design == "auto" else self.design](keep=self.keep)

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield coalitions, the unmasked image first where draws are independent; pairs stay as they are."""
        design = self._design(masks)
        drawn = design.blocks(masks.d, seed)
        return drawn if design.pairs or design.total(masks.d) is not None else with_untouched(drawn)

    def estimate(self, samples: Samples, scene: Scene, scores: Floats) -> SegmentAttribution:
        """Fit the surrogate to the scores of one class: algorithm 1, from line 6 on."""
        design = self._design(self.masks(scene))
        if isinstance(self.kernel, Shapley):
            fitted = _shapley(samples, scores, design)
            attribution = SegmentAttribution(fitted.values, fitted.base, None)
            return attribution if fitted.spread is None else attribution.with_spread(fitted.spread, None)
        rows = _Rows(samples, scores, self.weights(samples, scene))
        linear = self._fit(rows.pieces())
        needed = _needed(linear, len(samples), design)
        attribution = SegmentAttribution(linear.coef, linear.intercept, linear.r2, linear.sums.effective, needed=needed)
        spread = None if needed is not None else self._spread(linear, rows, design)
        if spread is None:
            return attribution
        block = design.block_rows(samples.d)
        alike = stability(spread, len(samples), block, lambda place: self._fit(rows.inside(place)).coef)
        return attribution.with_spread(spread, alike)

    def spread(self, samples: Samples, scene: Scene, scores: Floats) -> Spread | None:
        """Return how sure the values are."""
        design = self._design(self.masks(scene))
        if isinstance(self.kernel, Shapley):
            return _shapley(samples, scores, design).spread
        rows = _Rows(samples, scores, self.weights(samples, scene))
        linear = self._fit(rows.pieces())
        return None if _needed(linear, len(samples), design) is not None else self._spread(linear, rows, design)

    def _fit(self, rows: SampleRows) -> LinearFit:
        return fit(self.surrogate, rows, how=self.feature_selection, num_features=self.num_features)

    def weights(self, samples: Samples, scene: Scene) -> Floats:
        """Return the weight of each row (n,)."""
        kernel = self.kernel
        if isinstance(kernel, Shapley):
            raise InvalidInput(
                "kernel='shapley' is a law of sizes, not a weight of rows",
                setting="Lime.kernel",
                rule="not be shapley",
                value="shapley",
            )
        sums = SegmentSums(scene)
        weights = np.concatenate([kernel(block.coalitions, sums) for _, block in samples.blocks()])
        return weights * size_shares(samples) if self.design == "shapley" else weights

    def _spread(self, linear: LinearFit, rows: _Rows, design: Design) -> Spread | None:
        """Return the spread of the coefficients: a sandwich where they are plain sums, else a jackknife."""
        n, d = len(rows.samples), rows.samples.d
        total = design.total(d)
        summed = isinstance(self.surrogate, LeastSquares | Ridge) and self.num_features is None
        constant = linear.r2 is None
        if not summed and not constant and not linear.coef.any():
            return None  # the penalty leaves no value, whatever the scores say: nothing of it is known
        if total == n:
            return Spread(linear.coef, np.zeros((d, d)), np.inf)
        left = 1.0 if total is None else 1 - n / total  # rows of a finite design are drawn without replacement
        if summed:
            penalty = self.surrogate.alpha if isinstance(self.surrogate, Ridge) else 0.0
            found = sandwich(linear, rows.pieces(), penalty=penalty, pairs=design.pairs)
        else:
            without = [
                self._fit(rows.outside(place)).coef for place in groups(n, design.block_rows(d), pairs=design.pairs)
            ]
            found = jackknife(linear.coef, without)
            # A value that is 0 in all of them was never chosen, or always shrunk away: their agreement says nothing.
            never = (linear.coef == 0) & ~np.any(without, axis=0)
            if found is not None and never.any():
                found = replace(found, unknown=never)
        if found is None:
            return None
        return replace(found, covariance=found.covariance * left, unknown=None if constant else found.unknown)

    def warnings(self, samples: Samples) -> Iterator[str]:
        """Yield what a reader of the result must know."""
        n, d = len(samples), samples.d
        if n <= d:
            yield (
                f"{n} samples for {d} segments: fewer than a linear model needs ({d + 1}); "
                f"values are not reliable, use more samples or fewer segments"
            )
        if samples.answers.exact is not None and isinstance(self.surrogate, Regressor):
            yield (
                "the correction of lower precision needs a surrogate that is linear in the scores; "
                "if this regressor is not, use precision='f32'"
            )
        constant = int(np.sum(_never_replaced(samples)))
        if constant:
            yield f"{constant} of {d} segments were kept in every sample, so their values are unknown"


def _needed(linear: LinearFit, n: int, design: Design) -> int | None:
    """Return how many samples would do where ``n`` are too few for a fit over all segments; None: they are enough.

    Rows in pairs are half as many as they seem: a coalition and its complement tell the same single segments apart.
    """
    d = linear.sums.d
    if design.total(d) == n or (n >= design.least(d) and d > _RANKED):
        return None
    told = d - int(linear.fixed.sum())
    if design.name == "drop-fraction" and told == d:
        told -= 1  # rows of one size do not tell the level of all values
    if linear.spanned >= told and n >= told + 1 + LEAST_DF:
        return None
    block = design.block_rows(d)
    enough = (2 if design.pairs else 1) * (d + 1) + LEAST_DF
    wanted = -(-max(n + 1, enough) // block) * block
    return min(wanted, design.total(d) or wanted)


def _shapley(samples: Samples, scores: Floats, design: Design) -> ShapleyFit:
    exact = design.total(samples.d) == len(samples)
    return shapley_values(samples, scores, pairs=design.pairs, exact=exact)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Samples with the scores (n,) of one target and their weights (n,)."""

    samples: Samples
    scores: Floats
    weights: Floats

    def pieces(self) -> SampleRows:
        """Yield all rows, a piece at a time."""
        for place, block in self.samples.blocks():
            yield block.coalitions, self.scores[place], self.weights[place]

    def inside(self, place: slice) -> SampleRows:
        """Yield the rows of one stretch."""
        return _Rows(self.samples.rows(place), self.scores[place], self.weights[place]).pieces()

    def outside(self, place: slice) -> SampleRows:
        """Yield all other rows."""
        yield from self.inside(slice(0, place.start))
        yield from self.inside(slice(place.stop, len(self.samples)))


def _never_replaced(samples: Samples) -> Coalitions:
    always = np.ones(samples.d, dtype=bool)
    for _, block in samples.blocks():
        always &= block.coalitions.all(axis=0)
    return always
