"""Region ids without gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Segments


def as_segments(ids: NDArray[Any]) -> Segments:
    """Renumber whole numbers (H, W) to 0..d-1 in their order."""
    _, dense = np.unique(ids, return_inverse=True)
    return np.ascontiguousarray(dense.reshape(ids.shape), dtype=np.int32)
