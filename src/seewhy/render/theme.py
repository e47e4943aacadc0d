"""How a figure looks around its pictures: paper and ink, on a screen, in the dark, and in print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seewhy.render.colors import CONTRADICTS, FAINT, INK, SUPPORTS, WHITE, RgbColor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Theme:
    """Colors of everything that is no picture."""

    paper: RgbColor = WHITE
    ink: RgbColor = INK
    faint: RgbColor = FAINT
    supports: RgbColor = SUPPORTS
    """Of words; bars and maps have the same colors in every theme."""
    contradicts: RgbColor = CONTRADICTS
    dpi: int = 150

    def effect(self, sign: float) -> RgbColor:
        """Return the color of a word about an effect."""
        return self.supports if sign > 0 else self.contradicts


THEMES: dict[str, Theme] = {
    "light": Theme(),
    "dark": Theme(
        paper=(23, 25, 28),
        ink=(236, 236, 236),
        faint=(180, 184, 190),
        supports=(95, 180, 230),
        contradicts=(239, 154, 92),
    ),
    "print": Theme(ink=(0, 0, 0), faint=(60, 60, 60), dpi=300),
}
"""By name: ``print`` is black on white, and finer."""


def resized(figure: Figure, width: float, height: float) -> None:
    """Bring a figure to ``width`` x ``height`` inches: everything, words too, grows alike; what is left is paper."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    across, down = figure.get_size_inches()
    times = min(width / across, height / down)
    figure.set_size_inches(width, height)
    wide, tall = across * times / width, down * times / height
    for text in figure.findobj(Text):
        text.set_fontsize(text.get_fontsize() * times)
    for line in figure.findobj(Line2D):
        line.set(linewidth=line.get_linewidth() * times, markersize=line.get_markersize() * times)
        line.set_markeredgewidth(line.get_markeredgewidth() * times)
    for patch in figure.findobj(Patch):
        patch.set_linewidth(patch.get_linewidth() * times)
    for text in figure.texts:
        x, y = text.get_position()
        text.set_position(((1 - wide) / 2 + x * wide, (1 - tall) / 2 + y * tall))
    for axes in figure.axes:
        box = axes.get_position(original=True)
        left, bottom = (1 - wide) / 2 + box.x0 * wide, (1 - tall) / 2 + box.y0 * tall
        axes.set_position((left, bottom, box.width * wide, box.height * tall))
