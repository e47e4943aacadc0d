"""Maps that do not use the model: what a metric must beat to mean something.

Source: Tomsett et al. (2020), arXiv:1912.01451, on metrics of single pictures; Gaussian and edges as there and in
Adebayo et al. (2018), arXiv:1810.03292.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seewhy.core.types import Heatmap
from seewhy.metrics.question import Candidate, Question

Baseline = Callable[[Question], Candidate]

_CELLS = 7


def random_order(question: Question) -> Candidate:
    """Smooth noise: cells of a seventh of the picture, blown up; other noise for each photo."""
    from skimage.transform import resize

    height, width = question.view.apply(question.image).shape[:2]
    cells = question.generator("baseline").random((_CELLS, _CELLS))
    return Candidate.of_map("random", question, resize(cells, (height, width), order=1).astype(np.float32))


def center(question: Question) -> Candidate:
    """A Gaussian in the middle, a quarter of each side wide: photographers center things."""
    height, width = question.view.apply(question.image).shape[:2]
    y, x = (np.linspace(-2, 2, n) for n in (height, width))
    bump: Heatmap = np.exp(-(y[:, None] ** 2 + x**2) / 2).astype(np.float32)
    return Candidate.of_map("center", question, bump)


def edges(question: Question) -> Candidate:
    """The strength of edges, blurred by 1/40 of the shorter side."""
    from scipy.ndimage import gaussian_filter
    from skimage.filters import sobel

    gray = question.view.apply(question.image).mean(axis=2)
    found = gaussian_filter(sobel(gray), min(gray.shape) / 40)
    return Candidate.of_map("edges", question, found.astype(np.float32))


BASELINES: dict[str, Baseline] = {"random": random_order, "center": center, "edges": edges}
"""Every baseline by its name."""
