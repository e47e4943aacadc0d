"""Pictures in many forms, good and broken."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import skimage
from PIL import Image as Pillow

DATA = Path(skimage.__file__).parent / "data"
RNG = np.random.default_rng(0)
PHOTO = np.asarray(Pillow.open(DATA / "chelsea.png"))[:60, :80]


def encoded(picture: Pillow.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png(mode: str = "RGB", size: tuple[int, int] = (8, 6), **options: object) -> bytes:
    return encoded(Pillow.new(mode, size), **options)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(width: int, height: int, depth: int = 8, color: int = 2, data: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def npy_bytes(array: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def with_gps(quality: int = 90, orientation: int = 1) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "PHONEMAKER"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 22.0, 33.0), 29: "2024:05:06"})
    picture = Pillow.fromarray(PHOTO)
    xmp = b"<x:xmpmeta>GPSLatitude</x:xmpmeta>"
    return encoded(picture, "JPEG", quality=quality, exif=exif, comment=b"at home", xmp=xmp)


JPEG = encoded(Pillow.fromarray(PHOTO), "JPEG")
FLOATS = PHOTO / 255.0
