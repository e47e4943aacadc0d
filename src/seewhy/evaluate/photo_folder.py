"""A folder that stands for the photos in it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from seewhy.methods import METHODS

PHOTO_ENDINGS = frozenset(
    ".avif .bmp .gif .heic .heif .jp2 .jpeg .jpg .pgm .png .ppm .tif .tiff .webp".split()  # noqa: SIM905  # shorter so
)
"""Files of a folder that are photos."""


_NUMBER = re.compile(r"-\d+\Z")
"""What the name of a run has behind its method, where another run has the name."""


def photos_in(folder: str | os.PathLike[str]) -> tuple[list[Path], list[Path]]:
    """Return the photos in a folder and the folders in it, in order, and the pictures there that seewhy wrote.

    What is hidden is left out.
    """
    place = Path(folder)
    found = [path for path in sorted(place.rglob("*")) if _is_photo(path, place)]
    written = [path for path in found if _is_written(path)]
    return [path for path in found if path not in set(written)], written


def left_out(written: list[Path]) -> list[str]:
    """Return what people should hear of pictures that were left out."""
    return [f"skipped {len(written)} images written by seewhy, such as {written[0]}"] if written else []


def _is_photo(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower() in PHOTO_ENDINGS and not hidden and path.is_file()


def _is_written(path: Path) -> bool:
    """Say whether a picture lies beside the result file that it was written with."""
    parts = path.name.split(".")
    names = [".".join(parts[: i + 1]) for i in range(1, len(parts)) if _NUMBER.sub("", parts[i]) in METHODS]
    return any(path.with_name(f"{name}.seewhy").exists() for name in names)
