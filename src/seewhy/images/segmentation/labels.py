"""A label map that the user has: drawn by hand, or from another program."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from seewhy.core.array_setting import FileOrArray
from seewhy.core.errors import ImageError, InvalidInput
from seewhy.core.files import check_regular, open_regular
from seewhy.core.types import Pixels, Segments
from seewhy.images.decoding import open_header
from seewhy.images.rules import MAX_PIXELS
from seewhy.images.segmentation.ids import as_segments

ASPECT_TOLERANCE = 0.01

FORMATS = ("PNG", "TIFF", "BMP", "GIF")
"""Only what keeps each number: JPEG smears them at the borders."""


class Labels(FileOrArray):
    """Your own regions: a label map of the photo, as an image file, an ``.npy`` file or an array.

    One whole number of at least 0 per pixel; gaps between the numbers are closed. Image files are PNG, TIFF, BMP or
    GIF, gray (8 or 16 bit) or with a palette, whose indices are used; ``.npy`` files are never unpickled. The map
    belongs to the upright photo: an orientation stored in the file is ignored.
    """

    name: Literal["labels"] = "labels"

    source: ClassVar[str] = "the user"
    content: ClassVar[str] = "label map"
    finer: ClassVar[str] = "give a label map with more numbers"
    coarser: ClassVar[str] = "give a label map with fewer numbers"

    @model_validator(mode="after")
    def _check_array(self) -> Self:
        if self.array is not None:
            _check(self.array.values, "Labels.array")
        return self

    def on_photo(self, height: int, width: int) -> Segments:
        """Return ids for a photo of ``height`` x ``width`` pixels.

        A map of another size and the same aspect ratio (within 1 %) is resized by the nearest pixel; a region without
        a pixel on a smaller photo is dropped.

        Raises
        ------
        InvalidInput
            The file cannot be used, or the map has another aspect ratio than the photo.
        """
        found = self._read()
        if abs(found.shape[0] * width / (found.shape[1] * height) - 1) > ASPECT_TOLERANCE:
            raise InvalidInput(
                f"{self._misfit(found)} or aspect ratio as the photo, {height} x {width} pixels",
                setting="Labels",
                rule="have the size or aspect ratio of the photo",
                value=found.shape,
            )
        rows = _nearest(found.shape[0], height)
        columns = _nearest(found.shape[1], width)
        return as_segments(found[np.ix_(rows, columns)])

    def __call__(self, pixels: Pixels, seed: int) -> Segments:  # noqa: ARG002 - nothing here is random
        """Return ids for ``pixels`` (H, W, C); the map must have just this size.

        Use :meth:`on_photo` where the picture is a crop of the photo the map was drawn on.

        Raises
        ------
        InvalidInput
            The file cannot be used, or the map has another size.
        """
        found = self._read()
        height, width = pixels.shape[:2]
        if found.shape != (height, width):
            raise InvalidInput(
                f"{self._misfit(found)} as the model input, {height} x {width} pixels",
                setting="Labels",
                rule="have the size of the model input",
                value=found.shape,
            )
        return as_segments(found)

    def _misfit(self, found: NDArray[Any]) -> str:
        return f"Labels: the label map ({found.shape[0]} x {found.shape[1]}) must have the same size"

    def _read(self) -> NDArray[Any]:
        if self.array is not None:
            return self.array.values
        path = Path(str(self.path))
        found = _read_npy(path) if path.suffix.lower() == ".npy" else _read_image(path)
        _check(found, f"Labels.path {path}")
        return found


def _nearest(size: int, wanted: int) -> NDArray[np.intp]:
    """Return the index of the pixel under the center of each of ``wanted`` pixels."""
    return ((np.arange(wanted) + 0.5) * size / wanted).astype(np.intp)


def _check(labels: NDArray[Any], place: str) -> None:
    if labels.ndim != 2 or labels.size == 0:
        raise InvalidInput.of(place, "be a label map (H, W)", labels.shape)
    if labels.dtype.kind not in "biu":
        raise InvalidInput.of(place, "hold whole numbers", labels.dtype)
    if labels.min() < 0:
        raise InvalidInput.of(place, "hold numbers of at least 0", labels.min())


def _check_size(path: Path, pixels: int) -> None:
    """Refuse a map that is larger than any photo would be, before it is decoded."""
    if pixels > MAX_PIXELS:
        advice = "make it smaller, it is stretched to the photo, or pass it as array"
        raise InvalidInput.of(f"Labels.path {path}", f"have at most {MAX_PIXELS} pixels", pixels, advice)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        check_regular(path, what="Labels.path", error=InvalidInput)
        # A mapped file cannot claim to be longer than it is, and so not ask for more memory than there is.
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        _check_size(path, mapped.size)
        labels: NDArray[Any] = np.array(mapped)
    except InvalidInput:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInput(
            f"Labels.path {path} must be a readable .npy label map: {error}",
            setting="Labels.path",
            rule="be a readable .npy label map",
            value=str(path),
        ) from error
    return labels


def _unreadable(path: Path, error: Exception) -> InvalidInput:
    text = f"Labels.path {path}: not a readable image file: {error}"
    return InvalidInput(text, setting="Labels.path", rule="be a readable image file", value=str(path))


def _read_image(path: Path) -> NDArray[Any]:
    with open_regular(path, what="Labels.path", error=InvalidInput) as file:
        try:
            image = open_header(file, str(path), FORMATS)
            _check_size(path, image.width * image.height)
            mode, labels = image.mode, np.asarray(image)
        except ImageError as error:
            raise _unreadable(path, error) from error
        except InvalidInput:
            raise
        except Exception as error:  # damaged data raises nearly any type
            raise _unreadable(path, error) from error
    if labels.ndim != 2:
        raise InvalidInput(
            f"Labels.path {path} must be a gray or palette image, got mode {mode}",
            setting="Labels.path",
            rule="be a gray or palette image",
            value=mode,
        )
    return labels
