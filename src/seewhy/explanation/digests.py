"""Digests by which a result file says what it does not hold."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.images.scene import Scene
from seewhy.sampling.masks import pool


def fill_digest(scene: Scene) -> str:
    """Return a digest of the fill that rounding does not change: its means over 8 x 8 rectangles, to a 64th."""
    fill = scene.fill.astype(np.float64)
    means = [pool(fill[..., channel], min(8, *fill.shape[:2])) for channel in range(fill.shape[-1])]
    return fingerprint(np.floor(np.stack(means) * 64 + 1e-3).astype(np.uint8))[:16]


def fingerprint(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
