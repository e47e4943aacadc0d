"""LIME for images: a weighted linear surrogate over segments.

Source: Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938, equations 1-2 and algorithm 1; defaults and
feature selection as in ``lime`` 0.2.0.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from seewhy._types import Coalitions, Floats, Segments, Unit
from seewhy.attribution import SegmentAttribution
from seewhy.designs import DESIGNS, DesignName, FoldoverHadamard, rows, with_untouched
from seewhy.errors import InvalidInput
from seewhy.fills import FillSetting, SegmentMean, fill_picture
from seewhy.geometry import View
from seewhy.images import Image
from seewhy.kernels import Cosine, KernelSetting
from seewhy.kernels.segment_sums import SegmentSums
from seewhy.masks import SegmentMasks
from seewhy.protocols import MaskMaker
from seewhy.samples import Samples
from seewhy.scene import Block, Scene
from seewhy.segmentation import SegmentationSetting, Slic, segment_view
from seewhy.settings import Settings, setting
from seewhy.surrogate import Ridge, Selection, SurrogateSetting, fit


class Lime(Settings):
    """Weighted linear surrogate over segments that are kept or replaced by a fill."""

    source: ClassVar[str] = "Ribeiro, Singh and Guestrin (2016), arXiv:1602.04938; lime 0.2.0.1"

    name: Literal["lime"] = "lime"
    segmentation: Annotated[SegmentationSetting, setting("how the picture is divided into segments")] = Slic()
    fill: Annotated[FillSetting, setting("what stands where a segment is replaced")] = SegmentMean()
    design: Annotated[DesignName, setting("how coalitions are drawn")] = "bernoulli"
    keep: Annotated[
        float,
        setting(
            "chance that a segment stays (drop-fraction: share that stays)",
            ge=0.01,
            le=0.99,
            search=(0.2, 0.9),
        ),
    ] = 0.5
    n_samples: Annotated[
        int,
        setting("pictures scored, the untouched one included", ge=2, le=10_000_000, search=(100, 8000), log=True),
    ] = 1000
    kernel: Annotated[KernelSetting, setting("how much a coalition counts, by its distance")] = Cosine()
    surrogate: Annotated[SurrogateSetting, setting("linear model fitted to the scores")] = Ridge()
    feature_selection: Annotated[Selection, setting("how num_features segments are chosen")] = "auto"
    num_features: Annotated[int | None, setting("segments the surrogate may use; not given: all", ge=1)] = None
    unit: Annotated[
        Literal["auto", "probability", "log-odds", "score"],
        setting("unit of the score that is explained; auto: probability where the model allows it"),
    ] = "auto"

    @model_validator(mode="after")
    def _selection_has_a_number(self) -> Self:
        if self.feature_selection == "none" and self.num_features is not None:
            raise InvalidInput(
                f"Lime.num_features must not be given with feature_selection='none', which uses all segments, "
                f"got {self.num_features}"
            )
        if self.feature_selection not in {"none", "auto"} and self.num_features is None:
            raise InvalidInput(f"Lime.feature_selection={self.feature_selection!r} needs num_features, got none")
        return self

    def scene(self, image: Image, view: View, seed: int, segments: Segments | None = None) -> Scene:
        """Divide the picture the model sees, and make its fill."""
        pixels = view.apply(image)
        if segments is None:
            segments = segment_view(self.segmentation, image, view, pixels, seed)
        return Scene(pixels, fill_picture(self.fill, pixels, segments, seed), segments)

    def masks(self, scene: Scene) -> SegmentMasks:
        """Return what keeps or replaces whole segments."""
        if scene.segments is None:
            raise InvalidInput("Lime needs segments")
        return SegmentMasks(scene.segments)

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield ``n_samples`` coalitions, the untouched picture first; a balanced design stays as it is."""
        drawn = rows(DESIGNS[self.design](keep=self.keep), masks.d, self.n_samples, seed)
        return drawn if self.design == FoldoverHadamard.name else with_untouched(drawn)

    def estimate(self, samples: Samples, scene: Scene, target: int, unit: Unit) -> SegmentAttribution:
        """Fit the surrogate to the scores of one class: algorithm 1, from line 6 on."""
        scores = samples.target(target, unit)
        sums = SegmentSums.of(scene)

        def weighted() -> Iterator[tuple[Coalitions, Floats, Floats]]:
            for place, block in samples.blocks():
                yield block.coalitions, scores[place], self.kernel(block.coalitions, sums)

        linear = fit(
            self.surrogate,
            weighted(),
            d=samples.d,
            origin=float(scores[0]),
            how=self.feature_selection,
            num_features=self.num_features,
        )
        return SegmentAttribution(linear.coef, linear.intercept, linear.r2)

    def warnings(self, samples: Samples) -> Iterator[str]:
        """Yield what a reader of the result must know."""
        n, d = len(samples), samples.d
        if n <= d:
            yield (
                f"{n} samples for {d} segments: fewer than a linear model needs ({d + 1}); "
                f"values are not reliable, ask for more samples or fewer segments"
            )
        constant = int(np.sum(_never_replaced(samples)))
        if constant:
            yield f"{constant} of {d} segments were kept in every sample, so nothing is known about them"


def _never_replaced(samples: Samples) -> Coalitions:
    always = np.ones(samples.d, dtype=bool)
    for _, block in samples.blocks():
        always &= block.coalitions.all(axis=0)
    return always
