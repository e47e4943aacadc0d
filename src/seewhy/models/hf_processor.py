"""What an image processor of transformers does to a photo, as a preprocessing, and whether that is all it does."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image as Pillow

from seewhy.errors import InvalidInput, SeewhyError
from seewhy.geometry import Interpolation
from seewhy.images import Image
from seewhy.models.preprocessing import Preprocessing

_KNOWN: dict[int, Interpolation] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
_UNABLE = ("do_pad", "do_color_quantize", "do_thumbnail", "do_align_long_axis", "do_normalize_contrast")
_CROPS_BY_ITSELF = 384
"""From this size on, ConvNeXt's processor stretches the photo instead of cropping it."""
_FAR = 2 / 255
"""How far a channel may be from the processor's, beside one pixel of a crop: where half a pixel is left over, some
round up and some round down."""


def preprocessing_of(processor: Any, name: str) -> Preprocessing:
    """Return what an image processor does, and check on a picture that it does just that.

    Raises
    ------
    InvalidInput
        It does something else too; says which setting, where that is known.
    """
    says = _Settings(processor, name)
    for setting in _UNABLE:
        if says.get(setting):
            raise says.cannot(setting)
    size, shorter = _size(says)
    scale, mean, std = _range(says)
    found = Preprocessing(
        size=size,
        shorter=shorter,
        interpolation=_interpolation(says),
        scale=scale,
        mean=mean,
        std=std,
        order="BGR" if says.get("do_flip_channel_order") else "RGB",
    )
    _check(found, processor, says)
    return found


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
            f"the image processor {self.kind} of {self._name} has {setting}={self.get(setting)}{why}, which cannot be "
            f"done here; give preprocessing, with what comes nearest"
        )


def _size(says: _Settings) -> tuple[tuple[int, int], int | None]:
    """Return the size of the network's picture, and the length of the shorter side before the center is cut out."""
    crop = says.lengths("crop_size") if says.get("do_center_crop") else {}
    size = says.lengths("size") if says.get("do_resize") else {}
    if says.get("crop_pct") and size:
        return _by_share(says, size, crop)
    if size.keys() == {"height", "width"}:
        both = size["height"], size["width"]
        if crop and crop != size:
            raise says.cannot("crop_size", f" after size={size}, that is a crop of a stretched photo")
        return both, None
    if size.keys() == {"shortest_edge"} and crop.keys() == {"height", "width"}:
        wanted = crop["height"], crop["width"]
        if size["shortest_edge"] < max(wanted):
            raise says.cannot("crop_size", f" beyond size={size}, that is a border")
        return wanted, size["shortest_edge"]
    raise says.cannot("size" if says.get("do_resize") else "do_resize", ", so that pictures differ in size")


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
    """Hold the preprocessing against the processor on a wide and a tall picture."""
    for height, width in ((360, 480), (500, 375)):
        photo = _shaded(height, width)
        ours = found.prepare(found.view(height, width).apply(Image(photo)))
        try:
            theirs = np.asarray(processor(Pillow.fromarray(photo), return_tensors="np")["pixel_values"][0])
        except SeewhyError:
            raise
        except Exception as error:
            raise InvalidInput(f"the image processor {says.kind} failed on a picture: {error}") from error
        std = np.asarray(found.std)[:, None, None]
        apart = np.inf if theirs.shape != ours.shape else float(np.abs((ours - theirs) * std).max() / found.scale)
        if not apart <= _FAR + 1 / min(ours.shape[1:]):
            what = f"{theirs.shape} for {ours.shape}" if theirs.shape != ours.shape else f"up to {apart:.2g} apart"
            raise InvalidInput(
                f"the image processor {says.kind} does more than its settings say here ({what}); give preprocessing"
            )


def _shaded(height: int, width: int) -> Any:
    """Return a picture (H, W, 3) of slow shades, which no way to resize changes by much."""
    down, across = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    channels = (across + 0 * down, down + 0 * across, (1 - across) * (1 - down / 2))
    return np.rint(255 * np.stack(channels, axis=2)).astype(np.uint8)
