"""Which photo an entry of the truth is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from seewhy.errors import InvalidInput
from seewhy.truth.known import Known


def matched(known: Iterable[Known], photos: Sequence[str]) -> tuple[dict[str, Known], list[str]]:
    """Return what is known of each photo, and the entries that are about none of them.

    An entry is about the photo whose path agrees with its own from the end: ``val/cat.jpg`` with ``cat.jpg``. Masks
    have another ending, so for them the endings do not count.

    Parameters
    ----------
    photos
        Paths with ``/`` between folders, relative to where they were looked for.

    Raises
    ------
    InvalidInput
        An entry fits several photos equally well, or several entries fit one photo.
    """
    by_stem: dict[str, list[str]] = defaultdict(list)
    for photo in photos:
        by_stem[PurePosixPath(photo).stem].append(photo)
    found: dict[str, Known] = {}
    others: list[str] = []
    for entry in known:
        about = _photo_of(entry, by_stem)
        if about is None:
            others.append(entry.file)
        elif about in found:
            raise InvalidInput(f"the truth must have one entry a photo, got several for {about}")
        else:
            found[about] = entry
    return found, others


def _photo_of(entry: Known, by_stem: dict[str, list[str]]) -> str | None:
    wanted = PurePosixPath(entry.file)
    candidates = by_stem.get(wanted.stem, [])
    if entry.exact:
        candidates = [photo for photo in candidates if PurePosixPath(photo).name == wanted.name]
    if len(candidates) <= 1:
        return candidates[0] if candidates else None
    agreeing = {photo: _folders_in_common(wanted, PurePosixPath(photo)) for photo in candidates}
    best = [photo for photo, n in agreeing.items() if n == max(agreeing.values())]
    if len(best) > 1:
        raise InvalidInput(f"{entry.file} of the truth must be about one photo, fits {' and '.join(best)}")
    return best[0]


def _folders_in_common(one: PurePosixPath, other: PurePosixPath) -> int:
    """Return how many folders agree, from the file upwards; all of them count most."""
    folders = [path.parts[-2::-1] for path in (one, other)]
    count = 0
    for a, b in zip(*folders, strict=False):
        if a != b:
            break
        count += 1
    return count if folders[0] != folders[1] else 1_000
