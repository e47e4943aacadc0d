"""Which photo an entry of the truth is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from seewhy.core.errors import InvalidInput
from seewhy.truth.known import Known
from seewhy.truth.names import printable


def matched(known: Iterable[Known], photos: Sequence[str]) -> tuple[dict[str, Known], list[str]]:
    """Return what is known of each photo, and the entries that are about none of them.

    An entry is about the photo whose path agrees with its own from the end: ``val/cat.jpg`` with ``cat.jpg``, but not
    with ``train/cat.jpg``. Masks have another ending, so for them the endings do not count.

    Parameters
    ----------
    photos
        Paths with ``/`` between folders, relative to where they were looked for.

    Raises
    ------
    InvalidInput
        An entry fits several photos equally well, or several entries fit one photo.
    """
    by_stem: dict[str, dict[str, PurePosixPath]] = defaultdict(dict)
    for photo in photos:
        path = PurePosixPath(printable(photo))
        by_stem[path.stem][photo] = path
    entries: dict[str, Known] = {}
    others: list[str] = []
    for entry in known:
        about = _photo_of(entry, by_stem)
        if about is None:
            others.append(printable(entry.file))
        elif about in entries:
            raise InvalidInput(
                f"the ground truth must have one entry per photo, got several for {printable(about)}",
                setting="truth",
                rule="have one entry per photo",
                value=printable(about),
            )
        else:
            entries[about] = entry
    return entries, others


def _photo_of(entry: Known, by_stem: dict[str, dict[str, PurePosixPath]]) -> str | None:
    wanted = PurePosixPath(printable(entry.file))
    candidates = {photo: path for photo, path in by_stem[wanted.stem].items() if _agree(wanted, path)}
    if entry.exact:
        candidates = {photo: path for photo, path in candidates.items() if path.name == wanted.name}
    fits = {photo: _fit(wanted, path) for photo, path in candidates.items()}
    best = [photo for photo, fit in fits.items() if fit == max(fits.values())]
    if len(best) > 1:
        raise InvalidInput(
            f"{wanted} of the ground truth fits several photos: {' and '.join(map(printable, best))}",
            setting="truth",
            rule="fit one photo",
            value=wanted,
        )
    return best[0] if best else None


def _fit(one: PurePosixPath, other: PurePosixPath) -> tuple[bool, int]:
    """Say how well paths that agree fit: equal folders best, else the more of them the better."""
    return one.parts[:-1] == other.parts[:-1], min(len(one.parts), len(other.parts))


def _agree(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Say whether the folders of one path are the last ones of the other's; a path without folders fits in any."""
    shorter, longer = sorted((one.parts[:-1], other.parts[:-1]), key=len)
    return not shorter or longer[-len(shorter) :] == shorter
