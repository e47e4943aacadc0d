"""Distances between masked pictures and the untouched one, from sums over segments, never from pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seewhy._types import Coalitions, Floats
from seewhy.scene import Scene


@dataclass(frozen=True)
class SegmentSums:
    """Sums over the pixels of each segment, (d,): of picture x and fill g, both in 0..1."""

    picture: Floats
    """sum of x * x"""
    cross: Floats
    """sum of x * g"""
    fill: Floats
    """sum of g * g"""

    @classmethod
    def of(cls, scene: Scene) -> SegmentSums:
        """Sum up a scene that has segments."""
        if scene.segments is None:
            msg = "kernels on pictures need segments"
            raise ValueError(msg)
        flat = scene.segments.ravel()
        x, g = scene.pixels.astype(np.float64), scene.fill.astype(np.float64)

        def total(product: Floats) -> Floats:
            return np.bincount(flat, weights=product.sum(axis=-1).ravel()).astype(np.float64)

        return cls(total(x * x), total(x * g), total(g * g))

    @property
    def apart(self) -> Floats:
        """Sum of (x - g)**2 in each segment."""
        return np.maximum(self.picture - 2 * self.cross + self.fill, 0)

    def squared_l2(self, kept: Coalitions) -> Floats:
        """Return ||x - z||**2 for each masked picture z."""
        return np.asarray(~kept @ self.apart)

    def cosine(self, kept: Coalitions) -> Floats:
        """Return 1 - cos(x, z) for each masked picture z; 1 where either is all black."""
        dot = kept @ self.picture + ~kept @ self.cross
        norms = np.sqrt(self.picture.sum() * (kept @ self.picture + ~kept @ self.fill))
        return np.asarray(1 - np.divide(dot, norms, out=np.zeros_like(dot), where=norms > 0))
