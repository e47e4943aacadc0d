"""What arrays of NumPy and tensors of torch have in common: code written in it runs where the model runs."""

from __future__ import annotations

from typing import Any, TypeAlias

Arrays: TypeAlias = Any
"""An array or a tensor; used with arithmetic, comparisons, ``@``, ``.T`` of matrices, ``reshape`` and indexing only."""
