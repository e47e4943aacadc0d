"""Figures and pictures as PNG."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTEBOOK_DPI = 100
"""Enough for a cell, and half the bytes of a figure that is saved."""


def figure_png(figure: Figure, dpi: float = 150) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes.

    Parameters
    ----------
    figure
        What a function of this package returned.
    dpi
        Pixels an inch.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        # A name in a script that the font does not have is drawn as boxes; nobody can act on the warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(file, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def picture_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels, (H, W) gray or (H, W, 3) color, as PNG."""
    from PIL import Image as Pillow

    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
