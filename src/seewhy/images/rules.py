"""What a reader is told: the size limit, the value of white, the order of axes; and what values must hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import ImageError
from seewhy.core.text import shown

MAX_PIXELS = 50_000_000
"""Most pixels of a photo, if nothing else is said: an explanation of it takes some gigabytes of memory."""

Scale: TypeAlias = float | str
"""The value of white, such as ``4095``, or how many bits it has, such as ``"12-bit"``."""
Order: TypeAlias = Literal["HWC", "CHW"]
"""Which axes an array has: channels last or first."""

_BITS = re.compile(r"(\d{1,2})[ -]?bits?")
_WHITES = (1, 15, 16, 31, 100, 255, 1023, 4095, 16383, 65535)
"""Values that stand for white in practice: 1, 4, 5, 8, 10, 12, 14 and 16 bits, and percent."""
_DARK = {"uint8": 31, "uint16": 16383, "float32": 0.125}
"""Photos whose brightest value is at most this are so dark that white may be less than the type suggests."""


@dataclass(frozen=True)
class Told:
    """What is said about a photo beside the photo itself, checked."""

    max_pixels: int = MAX_PIXELS
    white: float | None = None
    order: Order | None = None
    page: int | None = None


def white_of(scale: object) -> float | None:
    """Return the value of white; None: nothing is said of it."""
    if scale is None:
        return None
    white: float = math.nan
    bits = _BITS.fullmatch(scale.strip()) if isinstance(scale, str) else None
    if bits is not None and 1 <= int(bits[1]) <= 32:
        white = 2.0 ** int(bits[1]) - 1
    elif isinstance(scale, str | int | float | np.number) and not isinstance(scale, bool):
        try:
            white = float(scale)
        except ValueError:
            white = math.nan
    if not (math.isfinite(white) and white > 0):
        raise ImageError.of("scale", "be the value of white, such as 255 or 4095, or '8-bit', '12-bit'", scale)
    return white


def scaled(values: NDArray[Any], white: float, name: str) -> NDArray[Any]:
    """Return values (any real type) of which ``white`` is white: as 8 or 16 bits if it is theirs, else as floats."""
    low, high = _range(values, name)
    if low < 0 or high > white:
        span = f"{_number(low)}..{_number(high)}"
        raise ImageError.of(
            "scale", f"be the value of white, at least the brightest of {name}", white, f"it has {span}"
        )
    whole = {255: np.uint8, 65535: np.uint16}.get(int(white)) if values.dtype.kind in "iu" else None
    if whole is not None and white in {255, 65535}:
        return values.astype(whole)
    exact = np.float64 if values.dtype.itemsize > 4 else np.float32
    shares: NDArray[Any] = np.divide(values, white, dtype=exact)
    return shares.astype(np.float32, copy=False)


def check_unit(values: NDArray[Any], name: str) -> None:
    """Refuse floats that are not in 0..1, with the value of white that they seem to have."""
    low, high = _range(values, name)
    if low >= 0 and high <= 1:
        return
    got = f"{_number(low)}..{_number(high)} (min..max)"
    raise ImageError(
        f"{name} must hold floats in 0..1, got {got}; {_advice(low, high)}",
        setting=name,
        rule="hold floats in 0..1",
        value=(low, high),
    )


def dark_note(pixels: NDArray[Any]) -> Iterator[str]:
    """Yield what people should hear of a photo that is read as nearly black: its white may be another one."""
    kind = pixels.dtype.name
    high = float(pixels.max())
    if not 0 < high <= _DARK[kind]:
        return
    full = {"uint8": 255, "uint16": 65535, "float32": 1}[kind]
    likely = likely_white(high) if kind != "float32" else None
    other = (
        f"if white is {likely}, pass scale={likely} (--scale {likely})" if likely else "pass scale= if white is less"
    )
    yield f"nearly black: the brightest value is {high:g}, and {full} is treated as white; {other}"


def likely_white(high: float) -> int:
    """Return the usual value of white that is nearest above the brightest value."""
    return next((white for white in _WHITES if high <= white), math.ceil(high))


def check_size(name: str, height: int, width: int, most: int) -> None:
    """Refuse a photo that is too small or too large; asked before it is decoded."""
    if height < 2 or width < 2:
        raise ImageError(
            f"{name} must be at least 2 x 2 pixels, got {height} x {width} (height x width)",
            setting=name,
            rule="be at least 2 x 2 pixels",
            value=(height, width),
        )
    if height * width > most:
        size = f"{height} x {width} = {height * width}; make it smaller first, or raise max_pixels (--max-pixels)"
        raise ImageError(
            f"{name} must have at most {most} pixels, got {size}",
            setting="max_pixels",
            rule=f"at most {most} pixels",
            value=height * width,
        )


@contextmanager
def one_error(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on damaged data, which is nearly any type, into one error."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(
            f"{name}: not a readable, complete image: {str(error) or type(error).__name__}",
            setting=name,
            rule="be a readable, complete image",
            value=str(error),
        ) from error


def _range(values: NDArray[Any], name: str) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageError(
            (f"{name} must be finite, got {np.sum(~np.isfinite(values))} values that are NaN or infinite"),
            setting=name,
            rule="be finite",
        )
    return low, high


def _advice(low: float, high: float) -> str:
    if low >= -1e-3 and high <= 1 + 1e-3:
        return "it is off by rounding: numpy.clip(array, 0, 1)"
    if low < 0:
        minus_one = "(x + 1) / 2 where black is -1, else " if low >= -1 and high <= 1 else ""
        return f"black must be 0: {minus_one}undo the model's preprocessing"
    white = likely_white(high)
    return f"divide by {white}, or pass scale={white}, if {white} is white"


def _number(value: float) -> str:
    """Return a number in few digits, but never one that rounds to 0 or 1 and is not."""
    short = f"{value:g}"
    return short if float(short) not in {0.0, 1.0} or float(short) == value else shown(value)
