"""Pictures of an explanation: arrays and plain facts in, arrays and figures out.

The only place where numbers are rescaled, and only to be seen. Plotting is loaded when a figure is asked for.
"""

from seewhy.render.bare import map_figure
from seewhy.render.colors import inks_of
from seewhy.render.examples import examples_figure
from seewhy.render.figure import explanation_figure
from seewhy.render.overlay import (
    clear_around,
    cut_out,
    dim_unseen,
    heat_over,
    mask_over,
    outlines_over,
    reduced,
    regions_over,
)
from seewhy.render.panels import TargetPanel, heat_on
from seewhy.render.png import FORMATS, figure_file, figure_png, picture_png
from seewhy.render.sheet import rounded_up
from seewhy.render.theme import THEMES, resized

__all__ = [
    "FORMATS",
    "THEMES",
    "TargetPanel",
    "clear_around",
    "cut_out",
    "dim_unseen",
    "examples_figure",
    "explanation_figure",
    "figure_file",
    "figure_png",
    "heat_on",
    "heat_over",
    "inks_of",
    "map_figure",
    "mask_over",
    "outlines_over",
    "picture_png",
    "reduced",
    "regions_over",
    "resized",
    "rounded_up",
]
