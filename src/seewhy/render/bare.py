"""The map itself, without the photo, with or without the scale that says what its colors mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from seewhy.render import overlay, panels
from seewhy.render.colors import NEUTRAL, Rgb8, painted, strength
from seewhy.render.panels import Box, TargetPanel
from seewhy.render.sheet import MARGIN, Page
from seewhy.render.theme import THEMES, Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_AREA = 9.0
"""Square inches of the map, whatever its shape."""
_NARROWEST = 2.2
"""Inches that the words of a scale need."""


def bare_map(seen: overlay.Region, target: TargetPanel) -> Rgb8:
    """Return the map in colors over neutral gray, as the scale has them, (H, W, 3); hatched where nothing was seen."""
    shares = strength(target.heatmap, target.limit)
    neutral = np.full(shares.shape, NEUTRAL[0], np.uint8)
    return overlay.dim_unseen(painted(neutral, shares, inks=target.inks, full=target.alpha), seen)


def map_figure(
    seen: overlay.Region, target: TargetPanel, *, colorbar: bool = True, theme: Theme = THEMES["light"]
) -> Figure:
    """Return a figure of the map alone.

    Parameters
    ----------
    seen
        (H, W), False where the model did not see the photo.
    target
        The class whose map is shown. Every value has its color, also those that may as well be 0.
    colorbar
        Whether a scale stands below it; without one, the figure is the map and nothing else.
    theme
        Colors of paper and words.
    """
    target, seen = panels.shrunk(target, panels.PIXELS), overlay.fitted(seen, panels.PIXELS)
    aspect = seen.shape[1] / seen.shape[0]
    height = min(max(math.sqrt(_AREA / aspect), 1.0), 4.5)
    width = height * aspect
    scaled = colorbar and target.limit > 0
    margin = MARGIN if scaled else 0.0
    across = max(width, _NARROWEST) if scaled else width
    page = Page(across + 2 * margin, height + 2 * margin + (panels.SCALE if scaled else 0), theme)
    page.picture(margin, margin, width, height, bare_map(seen, target))
    if scaled:
        panels.scale(page, Box(margin, margin + height, across, panels.SCALE), target)
    return page.figure
