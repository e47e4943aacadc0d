"""One layout for arrays: row after row without gaps, aligned, in the byte order of the machine.

Sums follow the order in memory, in BLAS as in NumPy, so the same numbers in another layout may differ in their last
digits: a result that was just made from one that was loaded, a view from its copy. What is kept or summed is therefore
brought into this layout first.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


def canonical(array: NDArray[Any], dtype: type[_Scalar]) -> NDArray[_Scalar]:
    """Return the same numbers as a plain array of ``dtype`` in the one layout; a copy only where they have another."""
    plain = np.require(array, dtype, ["C", "A", "E"])
    # Axes of length 1 may have any stride and still count as contiguous, but BLAS is called by the strides.
    return plain.reshape(-1).reshape(plain.shape)
