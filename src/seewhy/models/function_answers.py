"""What a function returned, as numbers of NumPy: arrays of any library, alone or inside of what holds them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seewhy.core.text import shown
from seewhy.models.answers import arrays

_FEW_BITS = re.compile(r"float[468]_|bfloat16$")
"""Names of the numbers of ml_dtypes, which come with arrays of JAX and others; NumPy has no kind for most of them."""
_DATA = "fiub"


class Unreadable(Exception):
    """An answer holds no scores, or several arrays of which none is said to hold them.

    Its text says what it must be and what it is.
    """


def numbers_in(answer: Any, pictures: int) -> Any:
    """Return the array of numbers that an answer is, or holds as the only one.

    Parameters
    ----------
    answer
        As the function returned it.
    pictures
        Pictures that it was asked about.

    Raises
    ------
    Unreadable
        It holds no array, or several.
    """
    scores = on_the_cpu(_only(answer, pictures))
    if scores.dtype.kind == "c":
        raise Unreadable(f"real numbers, returned complex ones ({scores.dtype}); take their real part or size")
    if scores.dtype.kind not in _DATA:
        raise Unreadable(f"numbers, one row for each image, returned {_what(answer)} ({scores.dtype})")
    while scores.ndim > 2 and scores.shape[-1] == 1:  # what pooling leaves behind
        scores = scores[..., 0]
    return scores


def _only(answer: Any, pictures: int) -> Any:
    """Return what holds the scores: the answer itself, or the only array inside of it."""
    if hasattr(answer, "toarray") and hasattr(answer, "nnz"):  # sparse
        return answer.toarray()
    if isinstance(answer, Iterator):
        raise Unreadable(f"an array, returned {_what(answer)}, which can be read only once; return a list of its rows")
    if _is_array(answer):
        return answer
    if isinstance(answer, list | tuple) and not hasattr(answer, "_fields"):
        return _only_of(answer, pictures)
    held = arrays(answer)
    if len(held) == 1:
        return next(iter(held.values()))
    if held:
        raise Unreadable(f"only the scores, returned {_what(answer)} with {_listed(held)}; return one of them")
    return answer


def _only_of(answer: Any, pictures: int) -> Any:
    """Return the rows of a list, or the only thing in it; of several arrays none is taken for the scores."""
    if len(answer) == 1 and _is_all(answer[0], pictures):
        return _only(answer[0], pictures)
    if any(isinstance(one, Mapping | str) or one is None for one in answer):
        raise Unreadable(f"an array with the scores of all classes, in one order, returned {_what(answer)}")
    held = arrays(answer)
    if len(held) == len(answer) and (len(held) != pictures or any(len(one.shape) > 1 for one in held.values())):
        raise Unreadable(f"only the scores, returned {_what(answer)} with {_listed(held)}; return one of them")
    return [on_the_cpu(one) if _is_array(one) else one for one in answer]


def _is_all(part: Any, pictures: int) -> bool:
    """Return whether the only part of a list holds all rows; for a batch of one picture it may be that one's row."""
    if isinstance(part, Mapping):
        return True
    axes = np.ndim(part) if isinstance(part, list | tuple) or _is_array(part) else 0
    return axes > 1 or (axes == 1 and pictures > 1)


def on_the_cpu(answer: Any) -> Any:
    """Return an array of any library as one of NumPy, in numbers that NumPy knows by itself.

    Raises
    ------
    Unreadable
        It is none; what it raised by itself is the cause.
    """
    try:
        return _as_numpy(answer)
    except Exception as error:  # whose __array__ it is, is not known
        raise Unreadable(f"an array, returned {_what(answer)}: {error}") from error


def _as_numpy(answer: Any) -> Any:
    if hasattr(answer, "detach") and hasattr(answer, "cpu"):  # torch, without importing it
        answer = answer.detach().cpu()
        answer = answer.float() if answer.is_floating_point() else answer
    speaks = hasattr(answer, "__dlpack__")
    try:
        found = np.asarray(answer)
    except (TypeError, ValueError):
        if not speaks:
            raise
        return np.from_dlpack(answer, device="cpu")
    if found.dtype.kind == "O" and speaks:  # taken for a single object
        return np.from_dlpack(answer, device="cpu")
    return found.astype(np.float32) if _FEW_BITS.match(found.dtype.name) else found


def _is_array(part: Any) -> bool:
    return isinstance(getattr(part, "shape", None), tuple) or hasattr(part, "__array__") or hasattr(part, "__dlpack__")


def _what(answer: Any) -> str:
    """Return what an answer is, in words."""
    kind = type(answer).__name__
    if type(answer) in {list, tuple}:
        kind += f" of {len(answer)} ({type(answer[0]).__name__ if answer else 'nothing'})"
    if isinstance(answer, Mapping):
        kind += f" of {shown(list(answer))}"
    return f"an object of type {kind}"


def _listed(parts: dict[str, Any]) -> str:
    return ", ".join(f"{key} {tuple(part.shape)}" for key, part in list(parts.items())[:6])
