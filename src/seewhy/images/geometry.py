"""How the photo becomes the picture the model sees, and the way back to the photo.

Positions are those of pixel centers: pixel i covers [i, i + 1) and its center is i + 0.5, so a point x of
the photo lies at x * w' / W in the resized picture, and at that less ``left`` in the crop.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.types import Floats, Heatmap, JsonObject, Pixels, Segments
from seewhy.images import Image

Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
"""How a photo is resized; all but nearest average over what a pixel of the small picture covers."""


@dataclass(frozen=True)
class View:
    """Resize the photo, then cut a rectangle out of it.

    Raises
    ------
    InvalidInput
        A size is not a positive integer, or the crop is not inside the resized photo.
    """

    photo: tuple[int, int]
    """Height and width of the photo, in its pixels."""
    resized: tuple[int, int]
    """Height and width after resizing."""
    top: int
    left: int
    height: int
    width: int
    """The crop, in pixels of the resized photo; height and width are those of the model's picture."""
    interpolation: Interpolation = "bicubic"

    def __post_init__(self) -> None:
        if self.interpolation not in get_args(Interpolation):
            known = ", ".join(get_args(Interpolation))
            raise InvalidInput.of("View.interpolation", f"be one of {known}", self.interpolation)
        for name in ("photo", "resized"):
            pair = getattr(self, name)
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(_is_size(value, 1) for value in pair)):
                raise InvalidInput.of(f"View.{name}", "be two positive integers (height, width)", pair)
        for start, length, full in (("top", "height", self.resized[0]), ("left", "width", self.resized[1])):
            first, size = getattr(self, start), getattr(self, length)
            if not (_is_size(first, 0) and _is_size(size, 1) and first + size <= full):
                got = f"got {first!r} and {size!r}"
                raise InvalidInput(
                    f"View.{start} and {length} must lie inside the resized {full} pixels, {got}",
                    setting=f"View.{start}",
                    rule=f"lie inside the resized {full} pixels",
                    value=got,
                )

    @classmethod
    def identity(cls, height: int, width: int) -> Self:
        """Return the view of a model that takes the photo as it is."""
        return cls((height, width), (height, width), 0, 0, height, width)

    @classmethod
    def resize_shorter_then_crop(
        cls,
        height: int,
        width: int,
        *,
        shorter: int,
        crop: int | tuple[int, int],
        interpolation: Interpolation = "bicubic",
    ) -> Self:
        """Return torchvision's ``Resize(shorter)`` and ``CenterCrop(crop)``, with its rounding."""
        longer = int(shorter * max(height, width) / min(height, width))
        resized = (shorter, longer) if height <= width else (longer, shorter)
        size = (crop, crop) if isinstance(crop, int) else crop
        if max(size) > shorter:
            raise InvalidInput.of("crop", f"be at most shorter = {shorter}", crop)
        top, left = (round((side - part) / 2.0) for side, part in zip(resized, size, strict=True))
        return cls((height, width), resized, top, left, *size, interpolation)

    @classmethod
    def stretch_then_crop(
        cls,
        height: int,
        width: int,
        *,
        resized: tuple[int, int],
        crop: tuple[int, int],
        interpolation: Interpolation = "bicubic",
    ) -> Self:
        """Return torchvision's ``Resize((h, w))`` and ``CenterCrop(crop)``: the aspect of the photo is lost."""
        if any(part > side for side, part in zip(resized, crop, strict=True)):
            raise InvalidInput.of("crop", f"lie inside the resized photo {resized}", crop)
        top, left = (round((side - part) / 2.0) for side, part in zip(resized, crop, strict=True))
        return cls((height, width), resized, top, left, *crop, interpolation)

    @classmethod
    def stretch(
        cls, height: int, width: int, *, size: tuple[int, int], interpolation: Interpolation = "bicubic"
    ) -> Self:
        """Return the view that resizes to ``size`` (height, width) whatever the aspect."""
        return cls((height, width), (size[0], size[1]), 0, 0, size[0], size[1], interpolation)

    @property
    def whole(self) -> bool:
        """Whether the model sees all of the photo."""
        return (self.height, self.width) == self.resized

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The crop in pixels of the photo: x0, y0, x1, y1."""
        down, across = self.photo[0] / self.resized[0], self.photo[1] / self.resized[1]
        right, bottom = self.left + self.width, self.top + self.height
        return self.left * across, self.top * down, right * across, bottom * down

    def apply(self, image: Image) -> Pixels:
        """Return what the model sees: (height, width, C) float32 in 0..1.

        8-bit gray and RGB are resized in 8 bits, as torchvision does with a PIL picture. Others are resized
        as floats, and clipped to 0..1: bicubic interpolation overshoots at edges, which 8 bits cut off by
        themselves. A photo of the right size is not resampled.

        Raises
        ------
        InvalidInput
            The image has another size than the photo of this view.
        """
        if (image.height, image.width) != self.photo:
            raise InvalidInput.of(image.name, f"have the size {self.photo} of the view", (image.height, image.width))
        part = np.s_[self.top : self.top + self.height, self.left : self.left + self.width]
        if self.resized == self.photo:
            return Image(image.pixels[part]).floats()
        if image.pixels.dtype == np.uint8 and image.channels in {1, 3}:
            flat = image.pixels[..., 0] if image.channels == 1 else image.pixels
            small = self._resize(flat)[part]
            return Image(small if small.ndim == 3 else small[..., None]).floats()
        channels = [self._resize(channel)[part] for channel in np.moveaxis(image.floats(), 2, 0)]
        values: Pixels = np.stack(channels, axis=2)
        return values.clip(0, 1)

    def seen(self) -> NDArray[np.bool_]:
        """Return (H, W) on the photo: True where the center of the pixel lies in the crop."""
        found = np.zeros(self.photo, bool)
        found[self._seen()] = True
        return found

    def segments_to_photo(self, segments: Segments) -> Segments:
        """Carry segments (height, width) to the photo (H, W) by the nearest pixel; -1 where not seen."""
        self._check(segments.shape)
        rows, columns = self._seen()
        # Not PIL's nearest: its fixed point errs where a center falls between two pixels.
        down = _nearest(rows, self.photo[0], self.resized[0], self.top)
        across = _nearest(columns, self.photo[1], self.resized[1], self.left)
        found = np.full(self.photo, -1, np.int32)
        found[rows, columns] = segments.take(down, axis=0).take(across, axis=1)
        return found

    def segments_from_photo(self, segments: Segments) -> Segments:
        """Carry segments (H, W) of the photo to the crop (height, width) by the nearest pixel; ids stay.

        A segment outside of the crop is left out, so the ids may have gaps.
        """
        if segments.shape != self.photo:
            raise InvalidInput.of("segments", f"have the photo's shape {self.photo}", segments.shape)
        rows, columns = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
        down = _nearest(rows, self.resized[0], self.photo[0], 0)
        return segments.take(down, axis=0).take(_nearest(columns, self.resized[1], self.photo[1], 0), axis=1)

    def map_to_photo(self, heatmap: Heatmap) -> Heatmap:
        """Carry a heatmap (height, width) to the photo (H, W): bilinear, in the same unit; 0 where not seen.

        Within half a pixel of its border, the crop's outermost values hold: the map does not fade to 0 there.
        """
        self._check(heatmap.shape)
        rows, columns = self._seen()
        down = _positions(rows, self.photo[0], self.resized[0], self.top, self.height)
        across = _positions(columns, self.photo[1], self.resized[1], self.left, self.width)
        found = np.zeros(self.photo, np.float32)
        tall = _interpolate(np.asarray(heatmap, np.float32), down, axis=0)
        found[rows, columns] = _interpolate(tall, across, axis=1)
        return found

    def to_dict(self) -> JsonObject:
        """Return plain JSON values."""
        return asdict(self) | {"photo": list(self.photo), "resized": list(self.resized)}

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """Read what :meth:`to_dict` gave.

        Raises
        ------
        FileError
            A value is missing, surplus, or breaks a rule of the view.
        """
        names = [field.name for field in fields(cls)]
        if not isinstance(values, dict) or sorted(map(str, values)) != sorted(names):
            raise FileError.of("a view", f"have exactly {', '.join(names)}", str(values)[:200])
        pairs = {key: tuple(values[key]) for key in ("photo", "resized") if isinstance(values[key], list)}
        try:
            return cls(**(values | pairs))
        except InvalidInput as error:
            raise FileError(str(error), setting=error.setting, rule=error.rule, value=error.value) from None

    def _resize(self, flat: NDArray[Any]) -> NDArray[Any]:
        size = (self.resized[1], self.resized[0])
        return np.asarray(Pillow.fromarray(flat).resize(size, Pillow.Resampling[self.interpolation.upper()]))

    def _seen(self) -> tuple[slice, slice]:
        """Return the rows and columns of the photo whose centers lie in the crop."""
        rows = _inside(self.photo[0], self.resized[0], self.top, self.height)
        return rows, _inside(self.photo[1], self.resized[1], self.left, self.width)

    def _check(self, shape: tuple[int, ...]) -> None:
        if shape != (self.height, self.width):
            raise InvalidInput.of("a map", f"have the view's shape {(self.height, self.width)}", shape)


def _is_size(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _inside(photo: int, resized: int, start: int, length: int) -> slice:
    """Return the i of 0..photo-1 with start <= (i + 1/2) * resized / photo < start + length, exactly."""

    def first(edge: int) -> int:  # the smallest i whose center is not before the edge
        return -((resized - 2 * edge * photo) // (2 * resized))

    return slice(first(start), first(start + length))


def _nearest(part: slice, n: int, other: int, start: int) -> NDArray[np.int64]:
    """Return for each pixel of ``part`` of ``n`` which of ``other`` holds its center, less ``start``."""
    return (2 * np.arange(part.start, part.stop, dtype=np.int64) + 1) * other // (2 * n) - start


def _positions(part: slice, photo: int, resized: int, start: int, length: int) -> Floats:
    """Return for each photo pixel of ``part`` where it lies between the centers 0..length-1 of the crop."""
    centers = (np.arange(part.start, part.stop) + 0.5) * resized / photo - start - 0.5
    return np.clip(centers, 0, length - 1)


def _interpolate(values: Heatmap, positions: Floats, axis: int) -> Heatmap:
    """Sample ``values`` linearly along ``axis``; written so that a constant stays exactly constant."""
    lower = positions.astype(np.intp)
    share = (positions - lower).astype(np.float32)
    last = values.take([-1], axis=axis)
    steps = np.diff(values, axis=axis, append=last).take(lower, axis=axis)
    steps *= share[:, None] if axis == 0 else share
    steps += values.take(lower, axis=axis)
    return steps
