"""Presets: the whole of a known way of working, by name. Method, targets and display."""

from __future__ import annotations

from dataclasses import dataclass, field

from seewhy.estimation.kernels import Cosine, ImageCosine, InverseL2, Shapley
from seewhy.estimation.surrogate import Lasso, Ridge
from seewhy.images.fills import Color, SegmentMean
from seewhy.images.segmentation import Quickshift, Slic
from seewhy.methods import Lime, Rise
from seewhy.render.display import Display


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings that belong together."""

    summary: str
    method: Lime | Rise
    targets: str = "top1"
    display: Display = field(default_factory=Display)


PRESETS: dict[str, Preset] = {
    "lime-default": Preset(
        summary="defaults of lime 0.2.0.1: quickshift, segment-mean fill, 1000 samples, ridge, 5 supporting regions",
        method=Lime(
            segmentation=Quickshift(kernel_size=4, max_dist=200, ratio=0.2),
            fill=SegmentMean(),
            design="bernoulli",
            n_samples=1000,
            kernel=Cosine(width=0.25),
            surrogate=Ridge(alpha=1.0),
            feature_selection="auto",
            num_features=100_000,
        ),
        targets="top5",
        display=Display(regions=5, sign="positive"),
    ),
    "lime-lab": Preset(
        summary="parameter lab: lime, 5000 samples, all features, mid-gray fill, top 3 classes, 15 regions alone",
        method=Lime(
            segmentation=Quickshift(kernel_size=4, max_dist=200, ratio=0.2),
            fill=Color(value="gray"),  # hide_color=[0, 0, 0] of an image in -1..1 is the middle of its range
            design="bernoulli",
            n_samples=5000,
            kernel=Cosine(width=0.25),
            surrogate=Ridge(alpha=1.0),
            feature_selection="auto",
            num_features=100_000,
        ),
        targets="top3",
        display=Display(regions=15, sign="positive", hide_rest=True),
    ),
    "lime-scratch-resnet18": Preset(
        summary="LIME by hand: 50 segments, each sample drops a fifth, inverse L2 weights, lasso, 7 largest shown",
        method=Lime(
            segmentation=Slic(n_segments=50),
            fill=Color(value="black"),
            design="drop-fraction",
            keep=0.8,
            n_samples=100,
            kernel=InverseL2(),
            surrogate=Lasso(alpha=0.01),
        ),
        targets="top3",
        display=Display(regions=7, sign="both"),
    ),
    "lime-scratch-resnet50": Preset(
        summary="LIME by hand: 20 segments, 500 samples, black fill, lasso on raw scores of the top 3 classes",
        method=Lime(
            segmentation=Slic(n_segments=20),
            fill=Color(value="black"),
            design="bernoulli",
            n_samples=500,
            kernel=ImageCosine(width=0.25),
            surrogate=Lasso(alpha=0.1),
            unit="score",
        ),
        targets="top3",
        display=Display(regions=20, sign="positive"),
    ),
    "shapley": Preset(
        summary="Shapley values of SLIC segments by KernelSHAP, sampled to the tolerance",
        method=Lime(design="shapley", kernel=Shapley()),
    ),
    "rise-lab": Preset(
        summary="RISE lab: 2000 masks, 8 x 8 cells, half kept, gray fill, the paper's own estimator",
        method=Rise(
            n_samples=2000, grid=8, design="bernoulli", keep=0.5, fill=Color(value="gray"), estimator="reference"
        ),
        targets="top1",
    ),
}
