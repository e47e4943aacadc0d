"""Another picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from seewhy.core.array_setting import FileOrArray
from seewhy.core.errors import InvalidInput
from seewhy.core.types import Pixels, Segments

if TYPE_CHECKING:  # it loads Pillow, which settings alone do not need
    from seewhy.images import Image


class Picture(FileOrArray):
    """Another image in place of the masked pixels, resized to the model input (bicubic).

    Files and arrays are read like photos (:func:`seewhy.images.load_image`): transparent pixels become white. A gray
    image is used for all channels.
    """

    name: Literal["picture"] = "picture"

    source: ClassVar[str] = "the user"
    content: ClassVar[str] = "picture"

    @model_validator(mode="after")
    def _check_array(self) -> Self:
        if self.array is not None:
            self._load()
        return self

    def __call__(self, pixels: Pixels, segments: Segments | None, rng: np.random.Generator) -> Pixels:  # noqa: ARG002
        """Return the other picture in the shape of ``pixels`` (H, W, C).

        Raises
        ------
        ImageError
            The file cannot be used.
        InvalidInput
            It is not gray, and has another number of channels than ``pixels``.
        """
        from PIL import Image

        found = self._load().floats()
        height, width, channels = pixels.shape
        if found.shape[-1] not in {1, channels}:
            raise InvalidInput.of("Picture", f"be gray or have {channels} channel(s)", found.shape[-1])
        planes = [
            Image.fromarray(np.ascontiguousarray(plane)).resize((width, height), Image.Resampling.BICUBIC)
            for plane in np.moveaxis(found, -1, 0)
        ]
        # bicubic overshoots beside edges
        stretched = np.clip(np.stack([np.asarray(plane) for plane in planes], axis=-1), 0, 1)
        return np.ascontiguousarray(np.broadcast_to(stretched, pixels.shape), dtype=np.float32)

    def _load(self) -> Image:
        from seewhy.images import load_image

        return load_image(self.path if self.array is None else self.array.values)
