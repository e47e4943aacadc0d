"""What a network ends with, by the names that frameworks give to operations: the one place that knows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

LastLayer = Literal["softmax", "log-softmax", "sigmoid", "linear", "unknown"]
"""What a network ends with, as far as its framework tells."""

_ENDS: dict[str, LastLayer] = {
    "softmax": "softmax",
    "safesoftmax": "softmax",
    "logsoftmax": "log-softmax",
    "sigmoid": "sigmoid",
    "hardsigmoid": "sigmoid",
    "logistic": "sigmoid",  # of TFLite
    "linear": "linear",
    "addmm": "linear",
    "mm": "linear",
    "matmul": "linear",
    "gemm": "linear",
    "innerproduct": "linear",
    "fullyconnected": "linear",
}
"""Operations by name, in lower case, letters alone."""
_PASSED = {
    *("identity", "alias", "clone", "copy", "tocopy", "cast", "convert", "reorder", "contiguous"),
    *("reshape", "view", "unsafeview", "squeeze", "unsqueeze", "flatten", "transpose", "permute", "expanddims"),
    *("quantize", "dequantize", "quantizelinear", "dequantizelinear", "fakequantize", "dropout"),
    *("gather", "select", "slice", "stridedslice"),
}
"""Operations that leave numbers as they are, or round them."""
_DECORATION = re.compile(r"backward\d*$|[^a-z]")
"""What torch appends to the names of what it differentiates, and whatever is no letter."""


def ending(operation: str) -> LastLayer:
    """Return what an operation of that name makes of a network, such as ``Softmax``, ``_softmax``, ``LOGISTIC``."""
    return _ENDS.get(_plain(operation), "unknown")


def is_passed(operation: str) -> bool:
    """Return whether an operation of that name leaves the numbers as they are, or only rounds them."""
    return _plain(operation) in _PASSED


def last_of(node: Any, name: Callable[[Any], str], before: Callable[[Any], Any]) -> LastLayer:
    """Return what a graph ends with, behind whatever leaves numbers as they are.

    Parameters
    ----------
    node
        The operation that makes the output; None: not known.
    name
        Says what a node does.
    before
        Returns the node whose numbers one passes on; None where there is no such node.
    """
    while node is not None and is_passed(name(node)):
        node = before(node)
    return "unknown" if node is None else ending(name(node))


def _plain(operation: str) -> str:
    return _DECORATION.sub("", operation.lower())
