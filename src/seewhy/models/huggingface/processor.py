"""What an image processor of transformers does to a photo, as a preprocessing, and whether that is all it does."""

from __future__ import annotations

from typing import Any

import numpy as np

from seewhy.core.errors import InvalidInput, SeewhyError
from seewhy.images.geometry import Interpolation
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.preprocessing_check import departure
from seewhy.models.torch.timm_config import timm_transform

_KNOWN: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_UNABLE = ("do_pad", "do_color_quantize", "do_thumbnail", "do_align_long_axis", "do_normalize_contrast")
_CROPS_BY_ITSELF = 384
"""From this size on, ConvNeXt's processor stretches the photo instead of cropping it."""


def preprocessing_of(processor: Any, name: str) -> Preprocessing:
    """Return what an image processor does, and check on a picture that it does just that.

    Raises
    ------
    InvalidInput
        It does something else too; says which setting, where that is known.
    """
    says = _Settings(processor, name)
    if says.kind == "TimmWrapperImageProcessor":
        return timm_transform(processor.data_config)
    for setting in _UNABLE:
        if says.get(setting):
            raise says.cannot(setting)
    size, resized = _size(says)
    scale, mean, std = _range(says)
    preprocessing = Preprocessing(
        size=size,
        shorter=resized if isinstance(resized, int) else None,
        stretched=resized if isinstance(resized, tuple) else None,
        interpolation=_interpolation(says),
        scale=scale,
        mean=mean,
        std=std,
        order="BGR" if says.get("do_flip_channel_order") else "RGB",
    )
    _check(preprocessing, processor, says)
    return preprocessing


class _Settings:
    """The settings of an image processor by name, None where it has not got one."""

    def __init__(self, processor: Any, name: str) -> None:
        self._processor = processor
        self._name = name
        self.kind = type(processor).__name__.removesuffix("Pil").removesuffix("Fast")

    def get(self, setting: str) -> Any:
        return getattr(self._processor, setting, None)

    def lengths(self, setting: str) -> dict[str, int]:
        """Return those of a size that are given."""
        held = self.get(setting)
        names = ("height", "width", "shortest_edge", "longest_edge", "max_height", "max_width")
        found = {key: held.get(key) if isinstance(held, dict) else getattr(held, key, None) for key in names}
        return {key: int(value) for key, value in found.items() if value}

    def cannot(self, setting: str, why: str = "") -> InvalidInput:
        return InvalidInput(
            (
                f"the image processor {self.kind} of {self._name} uses {setting}={self.get(setting)}{why}"
                ", which is not supported; give the nearest preprocessing yourself"
            ),
            setting="preprocessing",
            rule="be given",
            value=setting,
        )


def _size(says: _Settings) -> tuple[tuple[int, int], int | tuple[int, int] | None]:
    """Return the size of the network's picture, and before the center is cut out of it the shorter side, or both."""
    crop = says.lengths("crop_size") if says.get("do_center_crop") else {}
    size = says.lengths("size") if says.get("do_resize") else {}
    if says.get("crop_pct") and size:
        return _by_share(says, size, crop)
    if size.keys() == {"height", "width"}:
        both = size["height"], size["width"]
        if not crop or crop == size:
            return both, None
        if crop.keys() != size.keys() or any(crop[side] > size[side] for side in size):
            raise says.cannot("crop_size", f" beyond size={size}, that is a border")
        return (crop["height"], crop["width"]), both
    if size.keys() == {"shortest_edge"} and crop.keys() == {"height", "width"}:
        wanted = crop["height"], crop["width"]
        shorter = int(size["shortest_edge"] * (256 / 224 if says.kind == "LevitImageProcessor" else 1))
        if shorter < max(wanted):
            raise says.cannot("crop_size", f" beyond size={size}, that is a border")
        return wanted, shorter
    raise says.cannot("size" if says.get("do_resize") else "do_resize", ", so that images differ in size")


def _by_share(says: _Settings, size: dict[str, int], crop: dict[str, int]) -> tuple[tuple[int, int], int | None]:
    """Return the same for processors that state which share of the shorter side is kept."""
    share = float(says.get("crop_pct"))
    if size.keys() != {"shortest_edge"}:
        raise says.cannot("size", f" with crop_pct={share}")
    length = size["shortest_edge"]
    if says.kind == "ConvNextImageProcessor" and not crop:
        return (length, length), None if length >= _CROPS_BY_ITSELF else int(length / share)
    if says.kind == "PoolFormerImageProcessor" and crop.keys() == {"height", "width"}:
        return (crop["height"], crop["width"]), int(length / share)
    raise says.cannot("crop_pct")


def _range(says: _Settings) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    """Return scale, mean and std: a processor counts channels in 0..255."""
    scale = 255 * float(says.get("rescale_factor") or 1 / 255) if says.get("do_rescale") else 255.0
    mean, std = np.zeros(3), np.ones(3)
    if says.get("do_normalize"):
        mean, std = np.zeros(3) + says.get("image_mean"), np.zeros(3) + says.get("image_std")
    if says.get("rescale_offset") and says.get("do_rescale"):
        mean = mean + 1
    if says.get("include_top"):  # EfficientNet's divides once more
        std = std * says.get("image_std")
    return round(scale, 9), tuple(map(float, mean)), tuple(map(float, std))


def _interpolation(says: _Settings) -> Interpolation:
    chosen = says.get("resample")
    if chosen is None:
        return "bilinear"
    if int(chosen) not in _KNOWN:
        raise says.cannot("resample")
    return _KNOWN[int(chosen)]


def _check(found: Preprocessing, processor: Any, says: _Settings) -> None:
    """Hold the preprocessing against the processor."""

    def theirs(photo: Any) -> Any:
        try:
            return np.asarray(processor(photo, return_tensors="np")["pixel_values"][0])
        except SeewhyError:
            raise
        except Exception as error:
            raise InvalidInput(
                f"the image processor {says.kind} failed on an image: {error}",
                setting="preprocessing",
                rule="be given",
                value=says.kind,
            ) from error

    apart = departure(found, theirs)
    if apart:
        raise InvalidInput(
            (f"the image processor {says.kind} does more than its settings say ({apart}); give preprocessing"),
            setting="preprocessing",
            rule="be given",
            value=says.kind,
        )
