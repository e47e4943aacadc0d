"""One fixed color."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, setting
from seewhy.core.types import Pixels, Segments

RULE = 'must be a color name such as "gray", "#rgb", "#rrggbb", or three whole numbers 0..255'


def hex_color(value: Any) -> str:
    """Return a color name, hex text or three whole numbers 0..255 as ``#rrggbb``.

    Raises
    ------
    ValueError
        It is no opaque color.
    """
    rgb = _named(value) if isinstance(value, str) else _numbers(value)
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _named(text: str) -> tuple[int, ...]:
    from PIL import ImageColor

    try:
        rgb = ImageColor.getrgb(text)
    except ValueError:
        raise ValueError(RULE) from None
    if len(rgb) != 3:
        msg = f"{RULE}, without transparency"
        raise ValueError(msg)
    return _numbers(rgb)


def _numbers(value: Any) -> tuple[int, ...]:
    whole = isinstance(value, list | tuple | np.ndarray) and all(
        isinstance(part, int | np.integer) and not isinstance(part, bool) for part in value
    )
    if not whole or len(value) != 3 or not all(0 <= part <= 255 for part in value):
        raise ValueError(RULE)
    return tuple(int(part) for part in value)


class Color(Settings):
    """One color everywhere: a name, ``#rrggbb`` or three whole numbers 0..255; kept as ``#rrggbb``.

    For images that are not RGB, gray is used for all channels, and any other color is an error.
    """

    name: Literal["color"] = "color"
    value: Annotated[str, BeforeValidator(hex_color), setting("color name, #rrggbb or [r, g, b]")] = "#808080"

    source: ClassVar[str] = "Petsiuk et al. (2018), arXiv:1806.07421 (black)"

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0..255."""
        red, green, blue = bytes.fromhex(self.value[1:])
        return red, green, blue

    def __call__(self, pixels: Pixels, segments: Segments | None, rng: np.random.Generator) -> Pixels:  # noqa: ARG002
        """Return the color at every pixel of a picture (H, W, C).

        Raises
        ------
        InvalidInput
            The color is not gray, and the picture does not have 3 channels.
        """
        channels = pixels.shape[-1]
        if channels == 3:
            return np.full(pixels.shape, np.asarray(self.rgb) / 255, dtype=np.float32)
        if len(set(self.rgb)) > 1:
            raise InvalidInput.of("Color.value", f"be a gray for an image of {channels} channel(s)", self.value)
        return np.full(pixels.shape, self.rgb[0] / 255, dtype=np.float32)
