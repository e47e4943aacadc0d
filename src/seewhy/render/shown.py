"""A figure that shows itself in a notebook, also where matplotlib's own display was never switched on."""

from matplotlib.figure import Figure

from seewhy.render.png import NOTEBOOK_DPI, figure_png


class ShownFigure(Figure):
    """A matplotlib figure that a notebook shows when it is the last value of a cell."""

    def _repr_png_(self) -> bytes:
        return figure_png(self, dpi=NOTEBOOK_DPI)
