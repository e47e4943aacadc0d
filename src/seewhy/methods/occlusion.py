"""Occlusion: a window slides over the picture, and each place is worth the score that is lost where it is hidden.

Source: Zeiler and Fergus (2014), arXiv:1311.2901, section 4.1 and figure 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.arrays import Arrays
from seewhy.core.errors import InvalidInput
from seewhy.core.layout import canonical
from seewhy.core.settings import setting
from seewhy.core.types import Floats, JsonObject, Masks, Segments
from seewhy.engine.stopping import WholeBlocks
from seewhy.estimation.attribution import MapAttribution
from seewhy.estimation.intervals import Spread
from seewhy.images import Image
from seewhy.images.fills import Color, FillSetting, fill_picture
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.methods.method_settings import MethodSettings
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs.leave_one_out import LeaveOneOut
from seewhy.sampling.masks import ComposedMasks
from seewhy.sampling.protocols import MaskMaker
from seewhy.sampling.samples import Samples

_MOST_PLACES = 100_000
"""More places of the window than this take more model evaluations than one would pay for."""


class Occlusion(MethodSettings):
    """Score lost when a sliding window hides a part of the photo; no random sampling."""

    source: ClassVar[str] = "Zeiler and Fergus (2014), arXiv:1311.2901, section 4.1"

    name: Literal["occlusion"] = "occlusion"
    window: Annotated[int, setting("side of the window, in pixels of the model input", ge=1, le=4096)] = 32
    stride: Annotated[int, setting("pixels from one position of the window to the next", ge=1, le=4096)] = 16
    fill: Annotated[FillSetting, setting("replacement inside the window")] = Color(value="gray")

    def relatives(self) -> dict[str, JsonObject | str]:
        """Return no other way to read these samples: they are single differences."""
        return {}

    def scene(self, image: Image, view: View, seed: int, segments: Segments | None = None) -> Scene:
        """Return the model input and its fill."""
        del segments
        pixels = view.apply(image)
        return Scene(pixels, fill_picture(self.fill, pixels, None, seed), None, seed)

    def masks(self, scene: Scene) -> WindowMasks:
        """Return what hides windows.

        Raises
        ------
        InvalidInput
            The window is larger than the model input, leaves pixels out, or has too many places.
        """
        height, width = scene.pixels.shape[:2]
        if self.window > min(height, width):
            raise InvalidInput.of("Occlusion.window", f"be at most {min(height, width)} for this model", self.window)
        if self.stride > self.window:
            rule = f"be at most the window, {self.window}, so that no pixel is left out"
            raise InvalidInput.of("Occlusion.stride", rule, self.stride)
        made = WindowMasks(height, width, self.window, self.stride)
        if made.d > _MOST_PLACES:
            rule = f"be larger: the window would have {made.d} positions, more than {_MOST_PLACES}"
            raise InvalidInput.of("Occlusion.stride", rule, self.stride)
        return made

    def draws(self, masks: MaskMaker) -> WholeBlocks:
        """Return the one block there is, which has to be complete."""
        return WholeBlocks(LeaveOneOut(), masks.d, first=masks.d + 1)

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield the unmasked image, then the picture without each window."""
        return LeaveOneOut().blocks(masks.d, seed)

    def estimate(self, samples: Samples, scene: Scene, scores: Floats) -> MapAttribution:
        """Return the map: at a pixel, the mean of the scores lost over the windows that cover it."""
        masks, scores = self.masks(scene), canonical(scores, np.float64)
        lost = scores[0] - scores[1:]
        total, count = masks.spread_out(lost), masks.spread_out(np.ones_like(lost))
        heatmap = (total / count).astype(np.float32)
        return MapAttribution(heatmap, se=np.zeros_like(heatmap), error=0.0, spread=self.spread(samples, scene, scores))

    def spread(self, samples: Samples, scene: Scene, scores: Floats) -> Spread:
        """Return a spread of zero: these are all the rows there are."""
        del samples, scene
        return Spread(np.array([np.ptp(scores)]), np.zeros((1, 1)), np.inf)

    def warnings(self, samples: Samples) -> Iterator[str]:
        """Yield nothing: there are no samples too few."""
        del samples
        yield from ()


class WindowMasks(ComposedMasks):
    """A square window hides what is under it; its last place in a row, and in a column, ends at the border."""

    def __init__(self, height: int, width: int, window: int, stride: int) -> None:
        self.height, self.width, self.window = height, width, window
        self._tops, self._lefts = _places(height, window, stride), _places(width, window, stride)
        self.d = len(self._tops) * len(self._lefts)

    @cached_property
    def constants(self) -> dict[str, Masks]:
        """``down`` (rows of places, H) and ``right`` (columns of places, W): 1 where the window lies."""
        return {
            "down": _covered(self._tops, self.window, self.height),
            "right": _covered(self._lefts, self.window, self.width),
        }

    def compose(self, bits: Arrays, constants: dict[str, Arrays]) -> Arrays:
        """Return masks (B, H, W): 0 where a window that is switched off lies."""
        hidden = 1 - bits.reshape(-1, len(self._tops), len(self._lefts))
        return (constants["down"].T @ (hidden @ constants["right"]) < 0.5) * 1.0

    def spread_out(self, values: Floats) -> Floats:
        """Return the sum (H, W) of values (d,), each over its window."""
        down, right = (self.constants[name].astype(np.float64) for name in ("down", "right"))
        return np.asarray(down.T @ values.reshape(len(down), len(right)) @ right)


def _places(length: int, window: int, stride: int) -> list[int]:
    """Return where a window begins along one side."""
    starts = list(range(0, length - window + 1, stride))
    return starts if starts[-1] == length - window else [*starts, length - window]


def _covered(starts: list[int], window: int, length: int) -> Masks:
    place = np.arange(length)
    first = np.array(starts)[:, None]
    return ((place >= first) & (place < first + window)).astype(np.float32)
