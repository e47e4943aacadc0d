"""A photo that has been read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import ImageError
from seewhy.core.types import Pixels

_FULL = {"uint8": 255, "uint16": 65535, "float32": 1}


@dataclass(frozen=True, eq=False)
class Image:
    """A photo at its own size; made by :func:`load_image`."""

    pixels: NDArray[Any]
    """(H, W, C), uint8, uint16, or float32 in 0..1; read-only."""
    name: str = "array"
    """File name without folder, or ``array``, ``picture``, ``bytes``."""
    warnings: tuple[str, ...] = ()
    """What was decided on the way from the source to these pixels."""
    encoded: bytes | None = None
    """The JPEG these pixels came from, without place, camera and other metadata; decodes to the same."""

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[2])

    @cached_property
    def sha256(self) -> str:
        """Hex digest of shape, type and values; the name and the file format do not count."""
        digest = hashlib.sha256(f"{self.pixels.shape} {self.pixels.dtype.name} ".encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()

    def floats(self) -> Pixels:
        """Return a new array (H, W, C) float32 in 0..1."""
        full = np.float32(_FULL[self.pixels.dtype.name])
        values: Pixels = np.divide(self.pixels, full, dtype=np.float32)
        return values

    def rgb8(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 to look at: the first three channels; of fewer, the first as gray."""
        shown = self.pixels[..., :3] if self.channels >= 3 else self.pixels[..., :1]
        if shown.dtype != np.uint8:
            shown = np.rint(shown * np.float32(255 / _FULL[shown.dtype.name])).astype(np.uint8)
        return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else np.ascontiguousarray(shown)

    def with_channels(self, n: int) -> Image:
        """Return the image with ``n`` channels; gray becomes three equal ones, color the gray of ITU-R BT.601.

        Raises
        ------
        ImageError
            The image has another number of channels.
        """
        if self.channels == n:
            return self
        if (self.channels, n) == (3, 1):
            gray = self.pixels @ np.array([[0.299], [0.587], [0.114]])
            whole = np.issubdtype(self.pixels.dtype, np.integer)
            said = (*self.warnings, "color turned to gray")
            pixels = frozen((np.rint(gray) if whole else gray).astype(self.pixels.dtype))
            return replace(self, pixels=pixels, warnings=said, encoded=None)
        if (self.channels, n) != (1, 3):
            advice = f"; pass the {n} to be used, such as array[..., :{n}]" if self.channels > n else ""
            raise ImageError(
                f"{self.name} must have {n} channels for this model, got {self.channels}{advice}",
                setting=self.name,
                rule=f"have {n} channels",
                value=self.channels,
            )
        said = (*self.warnings, "gray repeated to 3 channels")
        return replace(self, pixels=frozen(np.repeat(self.pixels, 3, axis=2)), warnings=said, encoded=None)


def frozen(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return pixels as an image holds them: nobody may write to them."""
    pixels.flags.writeable = False
    return pixels
