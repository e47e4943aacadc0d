"""Segmentations of scikit-image by the names and parameters that ``lime`` code gives them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.text import shown

_ALGORITHMS = ("quickshift", "felzenszwalb", "slic")
_RENAMED = {"random_seed": "rng", "max_iter": "max_num_iter"}
"""Parameters by the names that scikit-image had for them when ``lime`` was written."""


class _NotCallable(InvalidInput, AttributeError, TypeError):
    """What cannot be called; the errors that code written for ``lime`` may catch."""


class _NoNames(InvalidInput, TypeError):
    """Parameters that are not a list or dict of names."""


class BaseWrapper:
    """A function, or an object that can be called, with the parameters that it is to be called with.

    Parameters
    ----------
    target_fn
        What is called; None: the object itself, if its class defines ``__call__``.
    target_params
        Parameters, not checked until :meth:`set_params`.
    """

    def __init__(self, target_fn: Any = None, **target_params: Any) -> None:
        self.target_fn = target_fn
        self.target_params: dict[str, Any] = target_params

    def _check_params(self, parameters: Iterable[str]) -> None:
        """Refuse names that are no parameter of what is called."""
        called = self if self.target_fn is None else self.target_fn
        if not callable(called):
            raise _NotCallable.of("target_fn", "be callable", called)
        if isinstance(parameters, str) or not isinstance(parameters, Iterable):
            raise _NoNames.of("parameters", "be a list or dict of names", parameters)
        for name in parameters:
            if not _has(called, name):
                raise InvalidInput.of("target_params", "name parameters of target_fn", name)

    def set_params(self, **params: Any) -> None:
        """Replace all parameters.

        Raises
        ------
        InvalidInput
            What is called does not have one of them (a ValueError too).
        """
        self._check_params(params)
        self.target_params = params

    def filter_params(self, fn: Callable[..., Any], override: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the parameters that ``fn`` has, then those of ``override``."""
        known = {name: value for name, value in self.target_params.items() if _has(fn, name)}
        return known | dict(override or {})


def _has(function: Callable[..., Any], name: str) -> bool:
    found = inspect.signature(function).parameters.get(name)
    return found is not None and found.kind in {found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY}


class SegmentationAlgorithm(BaseWrapper):
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
        super().__init__(getattr(segmentation, algo_type))
        self.algo_type = algo_type
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
