"""Photos as a command line names them."""

from __future__ import annotations

from pathlib import Path

from seewhy.core.errors import InvalidInput
from seewhy.evaluate.photo_folder import left_out, photos_in


def photos_of(given: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """Return the photos, in place of a folder those in it, and what people should hear of it.

    Raises
    ------
    InvalidInput
        There is no photo in a folder.
    """
    found, written = list[str](), list[Path]()
    for one in given:
        if not Path(one).is_dir():
            found.append(one)
            continue
        inside, ours = photos_in(one)
        if not inside:
            raise InvalidInput(f"{one}: no photos in this folder", setting=str(one), rule="contain photos")
        found += map(str, inside)
        written += ours
    return tuple(found), left_out(written)
