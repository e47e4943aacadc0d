"""How a photo becomes what a network takes: size, crop, order of channels, range. Data, never code.

Everything after the resize is linear in each pixel, so it commutes with mixing two pictures by a mask.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from pydantic import field_validator, model_validator

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, setting, whole_number
from seewhy.core.types import Batch, Pixels
from seewhy.images.geometry import Interpolation, View

Size: TypeAlias = int | tuple[int, int]
"""Height and width in pixels, or one number for both."""


class Preprocessing(Settings):
    """Preprocessing of a photo for the network: resize, crop, then ``(x * scale - mean) / std``.

    ``x`` is a channel in 0..1. Without a size the photo keeps its own.
    """

    size: Annotated[tuple[int, int] | None, setting("height and width of the model input")] = None
    shorter: Annotated[
        int | None, setting("length of the shorter side before the center is cut out; none: the photo is stretched")
    ] = None
    stretched: Annotated[
        tuple[int, int] | None, setting("height and width that the photo is stretched to before the center is cut out")
    ] = None
    interpolation: Annotated[Interpolation, setting("how the photo is resized")] = "bilinear"
    scale: Annotated[float, setting("what a channel of 1.0 becomes", gt=0)] = 1.0
    mean: Annotated[tuple[float, ...], setting("subtracted from each channel after scaling")] = (0.0,)
    std: Annotated[tuple[float, ...], setting("divisor of each channel, after the mean is subtracted")] = (1.0,)
    order: Annotated[Literal["RGB", "BGR", "gray"], setting("channels that the network takes")] = "RGB"
    layout: Annotated[Literal["NCHW", "NHWC"], setting("position of the channels in a batch")] = "NCHW"

    @field_validator("mean", "std")
    @classmethod
    def _one_or_all(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(values) not in {1, 3}:
            msg = "must have one value, or one for each of three channels"
            raise ValueError(msg)
        return values

    @model_validator(mode="after")
    def _fits(self) -> Preprocessing:
        if self.size is not None and min(self.size) < 1:
            raise InvalidInput.of("Preprocessing.size", "be two positive numbers", self.size)
        if min(self.std) <= 0:
            raise InvalidInput.of("Preprocessing.std", "be above 0", self.std)
        if self.order == "gray" and (len(self.mean), len(self.std)) != (1, 1):
            raise InvalidInput(
                f"Preprocessing.mean and std must have one value for gray, got {self.mean}, {self.std}",
                setting="Preprocessing.mean",
                rule="have one value for gray",
                value=self.mean,
            )
        if self.shorter is not None and (self.size is None or self.shorter < max(self.size)):
            rule = "a size, and be at least as large as its longer side"
            raise InvalidInput(
                f"Preprocessing.shorter must come with {rule}, got {self.shorter} and {self.size}",
                setting="Preprocessing.shorter",
                rule=f"come with {rule}",
                value=self.shorter,
            )
        if self.stretched is not None:
            inside = self.size is not None and all(a >= b for a, b in zip(self.stretched, self.size, strict=True))
            if not inside or self.shorter is not None:
                rule = "a size that lies inside it, and without shorter"
                got = f"got {self.stretched}, size={self.size}, shorter={self.shorter}"
                raise InvalidInput(
                    f"Preprocessing.stretched must come with {rule}, {got}",
                    setting="Preprocessing.stretched",
                    rule=f"come with {rule}",
                    value=got,
                )
        return self

    @property
    def channels(self) -> int:
        """Channels of the network's picture."""
        return 1 if self.order == "gray" else 3

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest number that it makes of a channel."""
        mean, std = np.asarray(self.mean), np.asarray(self.std)
        return float(((0 - mean) / std).min()), float(((self.scale - mean) / std).max())

    @property
    def fingerprint(self) -> str:
        """What it does, as text; a setting that came later stands in it only where it is used."""
        return self.model_dump_json(exclude={"stretched"} if self.stretched is None else None)

    def view(self, height: int, width: int) -> View:
        """Return how a photo of this size becomes the network's picture."""
        if self.size is None:
            return View.identity(height, width)
        if self.stretched is not None:
            return View.stretch_then_crop(
                height, width, resized=self.stretched, crop=self.size, interpolation=self.interpolation
            )
        if self.shorter is None:
            return View.stretch(height, width, size=self.size, interpolation=self.interpolation)
        return View.resize_shorter_then_crop(
            height, width, shorter=self.shorter, crop=self.size, interpolation=self.interpolation
        )

    def prepare(self, pixels: Pixels) -> Batch:
        """Return one picture (H, W, C) in 0..1 as the network takes it, in its layout, float32.

        Raises
        ------
        InvalidInput
            The picture has not the size of the view, or another number of channels.
        """
        wanted = (*(self.size or pixels.shape[:2]), self.channels)
        if pixels.shape != wanted:
            raise InvalidInput.of("the network", f"get an image {wanted}", pixels.shape)
        ordered = pixels[..., ::-1] if self.order == "BGR" else pixels
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        values = (ordered * np.float32(self.scale) - mean) / std
        return np.ascontiguousarray(values.transpose(2, 0, 1) if self.layout == "NCHW" else values, np.float32)

    def resized(self, size: object) -> Preprocessing:
        """Return the same for pictures of another size; the share that the crop keeps stays."""
        height, width = as_size(size)
        shorter, stretched = self.shorter, self.stretched
        if shorter is not None and self.size is not None:
            shorter = max(height, width, round(shorter * max(height, width) / max(self.size)))
        if stretched is not None and self.size is not None:
            down, across = (full / part for full, part in zip(stretched, self.size, strict=True))
            stretched = round(height * down), round(width * across)
        return self.replace(size=(height, width), shorter=shorter, stretched=stretched)


_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

PREPROCESSINGS: dict[str, Preprocessing] = {
    "imagenet": Preprocessing(size=(224, 224), shorter=256, mean=_IMAGENET_MEAN, std=_IMAGENET_STD),
    "0..1": Preprocessing(size=(224, 224)),
    "0..255": Preprocessing(size=(224, 224), scale=255),
    "-1..1": Preprocessing(size=(224, 224), mean=(0.5,), std=(0.5,)),
    "caffe": Preprocessing(size=(224, 224), scale=255, mean=(103.939, 116.779, 123.68), order="BGR"),
}
"""Known ones by name: torchvision's for ImageNet (its eval transforms before 2022), plain ranges, and the mean-free BGR
of the first Caffe and Keras models. Only those in :data:`SIZED` mean the size here; others are given a model's."""

SIZED = frozenset({"imagenet"})
"""Names that say a size too: 224 pixels, cut out of 256."""


def as_preprocessing(given: object, size: object = None, layout: Literal["NCHW", "NHWC"] = "NCHW") -> Preprocessing:
    """Return a preprocessing for a name, a dict of its settings, or itself, at ``size`` if that is given.

    A name or a dict that does not say its ``layout`` takes the network's own.

    Raises
    ------
    InvalidInput
        It is none of these.
    """
    if isinstance(given, Preprocessing):
        found = given
    elif isinstance(given, str) and given in PREPROCESSINGS:
        found = PREPROCESSINGS[given].replace(layout=layout)
    elif isinstance(given, dict) and all(isinstance(key, str) for key in given):
        found = Preprocessing(**({"layout": layout} | given))
    else:
        known = ", ".join(PREPROCESSINGS)
        raise InvalidInput.of("preprocessing", f"be one of {known}, or its settings", given)
    return found if size is None else found.resized(size)


def as_size(size: Any, name: str = "input_size") -> tuple[int, int]:
    """Return (height, width) for a number or a pair of them, all at least 1."""
    pair = size if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2:
        raise InvalidInput.of(name, "be a number or (height, width)", size)
    height, width = (whole_number(name, value, 1) for value in pair)
    return height, width
