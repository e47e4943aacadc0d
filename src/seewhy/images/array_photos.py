"""Arrays and tensors as photos."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import ImageError
from seewhy.images.image import Image, frozen
from seewhy.images.rules import Order, Told, check_size, check_unit, dark_note, likely_white, one_error, scaled

_CHANNEL_NAMES = {"band", "bands", "channel", "channels", "c"}
"""Names of axes, as xarray has them, that are no height."""


def is_array(source: object) -> bool:
    """Say whether a source is an array or a tensor of any library."""
    return hasattr(source, "__array__") or hasattr(source, "__dlpack__")


def from_array(source: Any, name: str, told: Told) -> Image:
    """Return the image of an array (H, W), (H, W, C), or (C, H, W) if ``told`` so."""
    if told.page is not None:
        raise ImageError.of("page", "not be given for an array, which has no pages", told.page)
    with one_error(name):
        values = _as_numpy(source)
    first = str(getattr(source, "dims", ("",))[:1]).strip("(',)").lower() in _CHANNEL_NAMES
    check_shape(values.shape, name, told.order, channels_first=first)
    if told.order == "CHW" and values.ndim == 3:
        values = values.transpose(1, 2, 0)
    check_size(name, values.shape[0], values.shape[1], told.max_pixels)
    return image_of(values, name, told)


def image_of(values: NDArray[Any], name: str, told: Told, notes: tuple[str, ...] = ()) -> Image:
    """Return the image of values (H, W) or (H, W, C), checked; ``notes`` go before what is decided here."""
    _check_type(values, name, told.white)
    values = values.reshape(*values.shape[:2], -1)
    kept: np.dtype[Any] = values.dtype.newbyteorder("=")
    if told.white is not None:
        pixels = scaled(values, told.white, name)
    else:
        if kept.kind == "f":
            check_unit(values, name)
            kept = np.dtype(np.float32)
        pixels = values
    pixels = np.array(pixels, dtype=pixels.dtype if told.white is not None else kept, order="C")
    if told.white is None:
        notes = (*notes, *dark_note(pixels))
    return Image(frozen(pixels), name, notes)


def check_shape(shape: tuple[int, ...], name: str, order: Order | None = None, *, channels_first: bool = False) -> None:
    """Refuse what is no picture (H, W) or (H, W, C), and what seems to be (C, H, W) unless ``order`` says otherwise."""
    if len(shape) not in {2, 3}:
        batch = ", a batch: pass one of its images, such as array[0]" if len(shape) == 4 else ""
        raise ImageError(
            f"{name} must have shape (H, W) or (H, W, C), got {shape}{batch}",
            setting=name,
            rule="have shape (H, W) or (H, W, C)",
            value=shape,
        )
    if math.prod(shape) == 0:
        raise ImageError(f"{name} must not be empty, got shape {shape}", setting=name, rule="not be empty", value=shape)
    if order is None and len(shape) == 3 and (channels_first or _seems_channels_first(shape)):
        advice = (
            "transpose it, array.transpose(1, 2, 0) or tensor.permute(1, 2, 0), or pass order='CHW'; "
            "order='HWC' if they are last"
        )
        raise ImageError(
            f"{name} must have its channels last (H, W, C), got {shape}; {advice}",
            setting="order",
            rule="channels last",
            value=shape,
        )


def _seems_channels_first(shape: tuple[int, ...]) -> bool:
    """Say whether the first axis is shorter than both others, and the last too long for usual channels."""
    first, second, last = shape
    return last > 4 and (first in {1, 3, 4} or first < min(second, last))


def _as_numpy(source: Any) -> NDArray[Any]:
    """Return the values of an array or tensor of any library; raises what that library raises."""
    if isinstance(source, np.ma.MaskedArray) and np.ma.is_masked(source):
        hidden = int(np.ma.getmaskarray(source).sum())
        msg = f"{hidden} values are masked; fill them first, such as array.filled(0)"
        raise ImageError(msg, setting="array", rule="not be masked", value=hidden)
    if hasattr(source, "detach") and hasattr(source, "cpu"):  # torch: off the graph and the device
        source = source.detach().cpu()
        if any(kind in str(source.dtype) for kind in ("bfloat16", "float8")):  # numpy has no such types
            source = source.float()
    array = source if hasattr(source, "__array__") else np.from_dlpack(source, device="cpu")
    values: NDArray[Any] = np.asarray(array)
    if re.match(r"bfloat16$|float\d_", values.dtype.name):  # those of ml_dtypes, with which numpy cannot calculate
        values = values.astype(np.float32)
    return values


def _check_type(values: NDArray[Any], name: str, white: float | None) -> None:
    dtype = values.dtype
    if dtype.kind == "f" or dtype.newbyteorder("=") in (np.uint8, np.uint16) or (white and dtype.kind in "biuf"):
        return
    advice = ""
    if dtype.kind == "b":
        advice = "; use .astype('float32'), or pass scale=1"
    elif dtype.kind in "iu":
        likely = likely_white(float(values.max()))
        advice = f"; use .astype('uint8') for values of 0..255, or give the value of white, such as scale={likely}"
    elif dtype.kind == "O":
        advice = "; use .astype('float32') if it holds numbers"
    elif dtype.kind == "c":
        advice = "; take its size or its real part, such as abs(array)"
    raise ImageError(
        f"{name} must be uint8, uint16 or float in 0..1, got {dtype}{advice}",
        setting=name,
        rule="be uint8, uint16 or float in 0..1",
        value=str(dtype),
    )
