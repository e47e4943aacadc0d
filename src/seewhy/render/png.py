"""Figures and pictures as files."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DATED = {"png": ("Software",), "svg": ("Date", "Creator"), "pdf": ("CreationDate", "Creator", "Producer")}
"""What a file would say of when and by what it was made."""
FORMATS = tuple(_DATED)
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
    return figure_file(figure, "png", dpi)


def figure_file(figure: Figure, kind: str, dpi: float | None = None) -> bytes:
    """Return the figure as ``png``, ``svg`` or ``pdf``, without a date: the same figure gives the same bytes.

    Parameters
    ----------
    figure
        What a function of this package returned.
    kind
        One of :data:`FORMATS`.
    dpi
        Pixels an inch; None: those of the figure.
    """
    import matplotlib as mpl

    file = io.BytesIO()
    with warnings.catch_warnings(), mpl.rc_context({"svg.hashsalt": "seewhy", "svg.fonttype": "path"}):
        # A name in a script that the font does not have is drawn as boxes; nobody can act on the warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        bare = dict.fromkeys(_DATED[kind])
        figure.savefig(file, format=kind, metadata=bare, dpi=dpi or figure.dpi, facecolor=figure.get_facecolor())
    return file.getvalue()


def picture_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels, (H, W) gray, (H, W, 3) color or (H, W, 4) with opacity, as PNG."""
    from PIL import Image as Pillow

    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
