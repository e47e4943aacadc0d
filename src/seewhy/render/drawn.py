"""What pictures are drawn on, by name: for annotations alone, so that nothing loads the plotting library."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes  # noqa: TC004  # __all__ is for annotations too
    from matplotlib.figure import Figure  # noqa: TC004

__all__ = ["Axes", "Figure"]
