"""Distances between masked images and the untouched one, from sums over segments, never from pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seewhy.core.layout import canonical
from seewhy.core.types import Coalitions, Floats, Pixels
from seewhy.images.scene import Scene


@dataclass(frozen=True)
class SegmentSums:
    """Sums over the pixels of each segment, (d,): of picture x and fill g, both in 0..1; made when they are needed."""

    scene: Scene
    """One that has segments."""

    @cached_property
    def picture(self) -> Floats:
        """Sum of x * x."""
        return self._total(self.scene.pixels, self.scene.pixels)

    @cached_property
    def cross(self) -> Floats:
        """Sum of x * g."""
        return self._total(self.scene.pixels, self.scene.fill)

    @cached_property
    def fill(self) -> Floats:
        """Sum of g * g."""
        return self._total(self.scene.fill, self.scene.fill)

    def _total(self, one: Pixels, other: Pixels) -> Floats:
        if self.scene.segments is None:
            msg = "kernels on images need segments"
            raise ValueError(msg)
        product = np.einsum("hwc,hwc->hw", one, other, dtype=np.float64)
        return np.bincount(self.scene.segments.ravel(), weights=product.ravel()).astype(np.float64)

    @property
    def apart(self) -> Floats:
        """Sum of (x - g)**2 in each segment."""
        return np.maximum(self.picture - 2 * self.cross + self.fill, 0)

    def squared_l2(self, kept: Coalitions) -> Floats:
        """Return ||x - z||**2 for each masked image z."""
        return np.asarray(canonical(~kept, np.float64) @ self.apart)

    def cosine(self, kept: Coalitions) -> Floats:
        """Return 1 - cos(x, z) for each masked image z; 1 where either is all black."""
        stays, goes = canonical(kept, np.float64), canonical(~kept, np.float64)
        own = stays @ self.picture
        dot = own + goes @ self.cross
        norms = np.sqrt(self.picture.sum() * (own + goes @ self.fill))
        return np.asarray(1 - np.divide(dot, norms, out=np.zeros_like(dot), where=norms > 0))
