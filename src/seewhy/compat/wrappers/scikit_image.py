"""Segmentations of scikit-image by the names and parameters that ``lime`` code gives them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.text import shown

_ALGORITHMS = ("quickshift", "felzenszwalb", "slic")
_RENAMED = {"random_seed": "rng", "max_iter": "max_num_iter"}
"""Parameters by the names that scikit-image had for them when ``lime`` was written."""


class SegmentationAlgorithm:
    """One of scikit-image's segmentations with its parameters, to be called with an image (H, W, C).

    Returns what scikit-image returns, with ids as they are: whichever id it starts at, no segment is lost.

    Parameters
    ----------
    algo_type
        ``quickshift``, ``felzenszwalb`` or ``slic``.
    target_params
        Parameters of that function. Older names are understood: ``random_seed`` (now ``rng``), ``max_iter`` (now
        ``max_num_iter``) and ``multichannel`` (now ``channel_axis``). ``random_seed`` has nothing to seed in ``slic``
        and ``felzenszwalb``, which are not random.

    Raises
    ------
    InvalidInput
        There is no such algorithm or parameter. ``lime`` drops what it does not know, a seed among it.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.zeros((8, 16, 3)); picture[:, 8:] = 1.0
    >>> SegmentationAlgorithm("felzenszwalb", scale=1, sigma=0, min_size=4)(picture)[0, [0, 15]]
    array([0, 1])
    """

    def __init__(self, algo_type: str, **target_params: Any) -> None:
        from skimage import segmentation

        if algo_type not in _ALGORITHMS:
            raise InvalidInput.of("SegmentationAlgorithm.algo_type", f"be one of {', '.join(_ALGORITHMS)}", algo_type)
        self.algo_type = algo_type
        self.target_fn: Callable[..., Any] = getattr(segmentation, algo_type)
        self.target_params: dict[str, Any] = {}
        self.set_params(**target_params)

    def set_params(self, **params: Any) -> None:
        """Replace all parameters; raises InvalidInput as the class does."""
        self.target_params = self._known(params)

    def _known(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters by their present names."""
        allowed = set(inspect.signature(self.target_fn).parameters) - {"image"}
        arguments = {}
        for given, value in params.items():
            name = _RENAMED.get(given, given)
            if given == "random_seed" and name not in allowed:
                continue
            if given == "multichannel" and given not in allowed:
                arguments["channel_axis"] = -1 if value else None
            elif name in allowed:
                arguments[name] = value
            else:
                listed = ", ".join(sorted(allowed))
                raise InvalidInput(
                    f"SegmentationAlgorithm: {self.algo_type} has {listed}, got {given}={shown(value)}",
                    setting=f"SegmentationAlgorithm.{given}",
                    rule=f"be a parameter of {self.algo_type}",
                    value=value,
                )
        return arguments

    def __call__(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the segments (H, W) of an image (H, W, C)."""
        found: NDArray[Any] = self.target_fn(image, **self.target_params)
        return found
