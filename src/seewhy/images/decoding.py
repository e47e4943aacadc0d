"""Encoded photos and PIL pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageColor, ImageFile

from seewhy.core.errors import ImageError
from seewhy.images import tiff
from seewhy.images.array_photos import image_of
from seewhy.images.image import Image
from seewhy.images.jpeg import without_metadata
from seewhy.images.rules import Told, check_size

Background: TypeAlias = str | tuple[int, int, int]
"""A color name, a hex code, or red, green and blue in 0..255."""

# Only these: others of Pillow start programs (EPS) or check the size of what is inside too late (ICO, PSD).
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000", "PPM", "HEIF")
_TURN = Pillow.Transpose
_UPRIGHT = {2: _TURN.FLIP_LEFT_RIGHT, 3: _TURN.ROTATE_180, 4: _TURN.FLIP_TOP_BOTTOM, 5: _TURN.TRANSPOSE}
_UPRIGHT |= {6: _TURN.ROTATE_270, 7: _TURN.TRANSVERSE, 8: _TURN.ROTATE_90}
_WIDE = ("Display P3", "Adobe RGB", "ProPhoto", "ROMM RGB", "Rec2020", "BT.2020", "DCI-P3", "Wide Gamut")
"""Color profiles in which colors look different if they are taken for sRGB."""
_START = 132
"""Bytes that tell the kind of a file."""


@dataclass
class _Notes:
    """What is decided while a photo is decoded."""

    changes: list[str] = field(default_factory=list)
    """What makes the pixels other ones than the file, decoded plainly, has."""
    remarks: list[str] = field(default_factory=list)
    """What leaves them as they are."""


def color_of(background: Background) -> tuple[int, ...]:
    """Return red, green and blue in 0..255."""
    try:
        color: Any = ImageColor.getrgb(background) if isinstance(background, str) else tuple(background)
    except (ValueError, TypeError):
        color = ()
    if len(color) != 3 or not all(isinstance(c, (int, np.integer)) and 0 <= c <= 255 for c in color):
        raise ImageError.of("background", "be a color name, #rrggbb or three of 0..255", background)
    return tuple(int(c) for c in color)


def decode(file: IO[bytes], name: str, color: tuple[int, ...], told: Told, formats: tuple[str, ...]) -> Image:
    """Return the image of an encoded photo."""
    picture = open_header(file, name, formats)
    notes = _Notes()
    image = _image(picture, name, color, told, notes)
    # MPO is what phones call a JPEG followed by previews.
    plain = picture.format in {"JPEG", "MPO"} and picture.mode in {"L", "RGB"} and image.pixels.dtype == np.uint8
    if not plain or notes.changes:
        return image
    file.seek(0)
    return replace(image, encoded=without_metadata(file.read()))


def from_picture(picture: Pillow.Image, name: str, color: tuple[int, ...], told: Told) -> Image:
    """Return the image of a PIL picture whose header alone may have been read so far."""
    return _image(picture, name, color, told, _Notes())


def open_header(file: IO[bytes], name: str, formats: tuple[str, ...]) -> ImageFile.ImageFile:
    """Return a picture of which only the header has been read.

    Not by ``PIL.Image.open``: that has a limit of its own, which can only be moved for the whole process.
    """
    start = file.read(_START)
    prefix = start[:16]
    if not prefix:
        raise ImageError(f"{name}: empty file (0 bytes), not an image", setting=name, rule="be an image", value=0)
    for register in (Pillow.preinit, Pillow.init):
        register()
        for kind in formats:
            factory, accepts = Pillow.OPEN.get(kind, (None, None))
            if factory is not None and accepts is not None and accepts(prefix) is True:
                file.seek(0)
                return _header(factory, file, name, kind)
    known = ", ".join(kind for kind in formats if kind in Pillow.OPEN)
    raise ImageError.of(name, f"be an image file ({known})", _kind_of(start))


def _header(factory: Callable[..., Any], file: IO[bytes], name: str, kind: str) -> ImageFile.ImageFile:
    try:
        picture: ImageFile.ImageFile = factory(file, "")  # no name: given one, Pillow would open it again to map it
    except SyntaxError as error:
        if kind != "TIFF":
            raise
        raise ImageError(
            f"{name}: Pillow cannot read this kind of TIFF ({error}); {tiff.OTHERWISE}",
            setting=name,
            rule="be a TIFF that Pillow reads",
            value=str(error),
        ) from error
    return picture


def _kind_of(start: bytes) -> str:
    """Say what a file is that is no picture, and what to do about it."""
    if start[7:9] == b"\0{":
        return "a result of seewhy, not a photo; seewhy refit, resume and compare take results"
    if start[128:132] == b"DICM":
        return "DICOM; pass its array, pydicom.dcmread(path).pixel_array, and the value of white as scale="
    if start.startswith(b"\x93NUMPY"):
        return "an .npy file; pass its array, numpy.load(path)"
    hint = "; save HEIC as JPEG, or register pillow-heif" if start[4:8] == b"ftyp" else ""
    return f"data that begins with {start[:16]!r}{hint}"


def _image(picture: Pillow.Image, name: str, color: tuple[int, ...], told: Told, notes: _Notes) -> Image:
    check_size(name, picture.height, picture.width, told.max_pixels)
    if told.order is not None:
        raise ImageError.of("order", "not be given for an image file, whose order is known", told.order)
    _turn_to_page(picture, name, told, notes)
    told = replace(told, white=told.white or tiff.white(picture, notes.changes))
    tiff.check(picture, name, told.page)
    notes.changes += tiff.bands_note(picture)
    deep = ";16" in str(getattr(picture, "tile", ()))
    picture.load()
    if deep and not picture.mode.startswith("I"):
        notes.changes.append("16-bit color reduced to 8 bits")
    _color_profile(picture, notes)
    pixels = _values(_upright(picture, notes.changes), name, color, told, notes.changes)
    image = image_of(pixels, name, told)
    if tiff.is_inverted(picture):
        notes.changes.append("WhiteIsZero: inverted, so that 0 is black")
        image = tiff.inverted(image)
    return replace(image, warnings=(*notes.changes, *notes.remarks, *image.warnings))


def _turn_to_page(picture: Pillow.Image, name: str, told: Told, notes: _Notes) -> None:
    """Go to the page that is asked for, and say which one is used where there are several."""
    if told.page is not None:
        try:
            picture.seek(told.page - 1)
        except EOFError:
            raise ImageError.of("page", f"be a page of {name}, which has fewer pages", told.page) from None
        check_size(name, picture.height, picture.width, told.max_pixels)
        if told.page > 1:
            notes.changes.append(f"using page {told.page}")
    elif getattr(picture, "is_animated", False) and picture.format != "MPO":
        frame = picture.tell()
        first = "several frames: using the first; pass page= (--page) to choose another"
        notes.changes.append(first if frame == 0 else f"using frame {frame + 1}")


def _color_profile(picture: Pillow.Image, notes: _Notes) -> None:
    """Say where colors are clearly not those of sRGB: they are used as they are stored, as models are trained."""
    profile = picture.info.get("icc_profile")
    if isinstance(profile, bytes):
        known = [name for name in _WIDE if name.encode() in profile or name.encode("utf-16-be") in profile]
        notes.remarks += [f"color profile {name} not applied: colors are used as stored" for name in known[:1]]


def _upright(picture: Pillow.Image, said: list[str]) -> Pillow.Image:
    """Turn the picture as its EXIF says; as ``ImageOps.exif_transpose``, but damaged EXIF does no harm."""
    try:
        orientation = picture.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - any type, as in one_error; the pixels themselves are fine
        said.append("EXIF is damaged: orientation not applied")
        return picture
    if orientation not in _UPRIGHT:
        return picture
    said.append(f"EXIF orientation {orientation} applied")
    return picture.transpose(_UPRIGHT[orientation])


def _values(picture: Pillow.Image, name: str, color: tuple[int, ...], told: Told, said: list[str]) -> NDArray[Any]:
    """Return gray or RGB values of a picture of any mode."""
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        if "transparency" in picture.info:
            said.append("transparent gray value shown as it is")
        values = np.asarray(picture)
        return values if mode != "I" or told.white is not None else _wide_gray(values, name, said)
    if picture.has_transparency_data:
        picture = _composed(picture, color, said)
    elif mode not in {"L", "RGB"}:
        old, new = {"1": ("1-bit", "gray"), "P": ("palette", "RGB")}.get(mode, (mode, "RGB"))
        said.append(f"{old} converted to {new}")
        picture = picture.convert("L" if new == "gray" else new)
    return np.asarray(picture)


def _wide_gray(values: NDArray[Any], name: str, said: list[str]) -> NDArray[Any]:
    """Return gray that Pillow holds in 32 bits, as 8 or 16: nothing in such a file says what white is."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        advice = "pass the value of white as scale= (--scale)" if low >= 0 else "black must be 0"
        raise ImageError(
            f"{name} must hold integers of 0..65535, got {low}..{high}; {advice}",
            setting=name,
            rule="hold integers in 0..65535",
            value=(low, high),
        )
    bits = 8 if high <= 255 else 16
    said.append(f"integers of 32 bits: treating {2**bits - 1} as white; pass scale= (--scale) to change this")
    return values.astype(np.uint8 if bits == 8 else np.uint16)


def _composed(picture: Pillow.Image, color: tuple[int, ...], said: list[str]) -> Pillow.Image:
    """Lay a picture with transparency over ``color``; return RGB."""
    layer = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
    if layer.getchannel("A").getextrema() == (255, 255):
        said.append("alpha dropped: it is opaque everywhere")
        return layer.convert("RGB")
    said.append(f"alpha composed over background #{bytes(color).hex()}")
    below = Pillow.new("RGBA", layer.size, (*color, 255))
    below.alpha_composite(layer)
    return below.convert("RGB")
