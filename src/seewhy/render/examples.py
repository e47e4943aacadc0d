"""A figure of example masks and of what the model was shown with them, each with its score."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.types import Masks, Unit
from seewhy.render.colors import FAINT, INK, unit_rgb
from seewhy.render.numbers import number
from seewhy.render.overlay import reduced
from seewhy.render.sheet import MARGIN, Page, framed, line_height, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACROSS = 6
"""Examples side by side."""
_GAP = 0.12
_PIXELS = 360


def examples_figure(
    originals: NDArray[np.float32],
    masks: Masks | None,
    scores: NDArray[np.floating],
    unit: Unit,
    label: str,
    title: str,
) -> Figure:
    """Return a grid of masks, the masked images below them, and the scores below those.

    Parameters
    ----------
    originals
        (m, H, W, 3), 0..1: the masked images, before preprocessing.
    masks
        (m, H, W), 0..1: white keeps the pixel, black replaces it; None: not shown.
    scores
        (m,), in ``unit``: the model's answers for the class ``label``.

    Raises
    ------
    InvalidInput
        There is no example, or their numbers differ.
    """
    count = len(originals)
    if count == 0 or len(scores) != count or (masks is not None and len(masks) != count):
        shown = "no masks" if masks is None else f"{len(masks)} masks"
        raise InvalidInput(
            (
                f"examples need as many images as masks and scores, at least one, got {count} images, "
                f"{shown}, {len(scores)} scores"
            ),
            setting="examples",
            rule="be as many images as masks and scores",
            value=count,
        )
    width, height = _size(originals.shape[2] / originals.shape[1])
    columns = math.ceil(count / math.ceil(count / _ACROSS))  # rows of equal length
    across = max(columns * (width + _GAP) - _GAP, 3.6)
    what = f"{unit} of {label} below each"
    keys = "" if masks is None else "mask: white keeps the pixel, black replaces it; "
    lines = [(line, 13.0, "bold") for line in wrapped(title, across * 0.9, 13, 2)]
    lines += [(line, 10.0, "normal") for line in wrapped(keys + what, across, 10, 3)]
    head = sum(line_height(size) for _, size, _ in lines) + 0.12
    step = (1 if masks is None else 2) * (height + _GAP / 2) + 0.32
    page = Page(across + 2 * MARGIN, head + math.ceil(count / columns) * step + 2 * MARGIN - 0.1)
    _headline(page, lines)
    for place in range(count):
        row, column = divmod(place, columns)
        left, top = MARGIN + column * (width + _GAP), MARGIN + head + row * step
        pictures = [originals[place]] if masks is None else [_gray(masks[place]), originals[place]]
        for picture in pictures:
            framed(page.picture(left, top, width, height, _bytes(picture)))
            top += height + _GAP / 2
        page.text(left + width / 2, top, number(float(scores[place])), 11, ha="center", weight="bold")
    return page.figure


def _headline(page: Page, lines: list[tuple[str, float, str]]) -> None:
    top = MARGIN
    for line, size, weight in lines:
        color = INK if weight == "bold" else FAINT
        page.text(MARGIN, top, line, size, weight=weight, color=unit_rgb(color))
        top += line_height(size)


def _size(aspect: float) -> tuple[float, float]:
    """Return width and height of a picture in inches, of about the same area for every aspect."""
    height = min(max(math.sqrt(2.9 / aspect), 0.9), 2.6)
    width = min(max(height * aspect, 1.0), 2.7)
    return width, min(height, max(width / aspect, 0.5))


def _gray(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(mask[..., None], 3, axis=2)


def _bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return 0..1 as 0..255, shrunk for the page."""
    return reduced((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8), _PIXELS)
