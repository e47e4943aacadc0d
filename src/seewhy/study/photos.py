"""Which photos are studied, and which class each is of."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from seewhy.core.errors import InvalidInput
from seewhy.core.types import FilePath
from seewhy.evaluate.asking import readable
from seewhy.evaluate.grouping import Grouping, check_groups, grouped_by
from seewhy.evaluate.identity import digest_of
from seewhy.evaluate.photo_folder import left_out, photos_in
from seewhy.evaluate.plan import Photo
from seewhy.truth import matched, read_truth

Photos: TypeAlias = FilePath | Iterable[FilePath] | Mapping[str, FilePath | Iterable[FilePath]]


@dataclass(frozen=True)
class Classed:
    """A photo and its class."""

    photo: Photo
    kind: str
    """Its class, as the person who asks calls it."""


def classed(photos: Photos, truth: FilePath | None, groups: Grouping) -> tuple[tuple[Classed, ...], list[str]]:
    """Return the photos with their classes, in order of class and name, and what people should hear.

    Parameters
    ----------
    photos
        Files and folders: the class of a photo in a folder is the name of the folder; a single file is a class of its
        own with the name of the file (with its folders, if two names are equal). Or a dict of files and folders by
        class.
    truth
        Where the objects are; see :func:`seewhy.evaluate`.
    groups
        Which photos count as one; see :func:`seewhy.evaluate`.

    Raises
    ------
    InvalidInput
        There are none, a photo is of two classes, or the truth fits none of them.
    """
    how = check_groups(groups)
    entries, masks = ([], ()) if truth is None else read_truth(truth)
    written: list[Path] = []
    kinds = _kinds(photos, set(masks), written)
    names = _names(list(kinds))
    known, others = matched(entries, list(names))
    notes = left_out(written)
    if truth is not None and not known:
        raise InvalidInput(
            f"truth {truth} names {others[0]}, which is not among the photos",
            setting="truth",
            rule="name only given photos",
            value=others[0],
        )
    if others:
        notes.append(f"{len(others)} entries of the truth are about none of these photos, such as {others[0]}")
    paths, told = list(names.values()), [known.get(name) for name in names]
    digests = [digest_of(path) for path in paths]
    counted = grouped_by(how, list(names), told, digests, lambda i: readable(paths[i]))
    photos_known = map(Photo, names, paths, digests, counted.groups, told)
    found = [Classed(photo, kinds[photo.path]) for photo in photos_known]
    return tuple(sorted(found, key=lambda one: (one.kind, one.photo.name))), [*notes, *counted.notes]


def _kinds(photos: Photos, masks: set[Path], written: list[Path]) -> dict[Path, str]:
    """Return the class of every photo by its path, which is that of a link where it is one."""
    found: dict[Path, tuple[Path, str | None]] = {}
    for path, kind in _listed(photos, written):
        whole = path.resolve()
        if whole in masks:
            continue
        _, first = found.setdefault(whole, (path, kind))
        if first != kind:
            told = [path.stem if one is None else one for one in (first, kind)]
            raise InvalidInput(
                f"each photo must have one class, but {path} is given as {told[0]} and as {told[1]}",
                setting="photos",
                rule="have one class each",
                value=str(path),
            )
    if not found:
        raise InvalidInput("give at least one photo", setting="photos", rule="be at least one", value=())
    return _of_their_own(dict(found.values()))


def _of_their_own(kinds: Mapping[Path, str | None]) -> dict[Path, str]:
    """Return the classes, with a name for each photo that is given by itself: its own, or with its folders too."""
    names = {path: name for name, path in _names(list(kinds)).items()}
    count = Counter(path.stem for path, kind in kinds.items() if kind is None)
    count.update({kind for kind in kinds.values() if kind is not None})
    alone = {path: path.stem if count[path.stem] == 1 else name for path, name in names.items()}
    return {path: alone[path] if kind is None else kind for path, kind in kinds.items()}


def _listed(photos: Photos, written: list[Path]) -> Iterator[tuple[Path, str | None]]:
    """Yield the photos with their class; None: the photo is given by itself. What seewhy wrote goes to ``written``."""
    if isinstance(photos, Mapping):
        for kind, sources in photos.items():
            for source in _several(sources):
                yield from ((path, str(kind)) for path, _ in _found(source, written))
        return
    for source in _several(photos):
        yield from _found(source, written)


def _several(sources: object) -> list[FilePath]:
    if isinstance(sources, str | os.PathLike):
        return [sources]
    if not isinstance(sources, Iterable):
        raise InvalidInput.of("photos", "be files and folders, or a dict of them by class", sources)
    found = list(sources)
    for one in found:
        if not isinstance(one, str | os.PathLike):
            raise InvalidInput.of("photos", "be files and folders, or a dict of them by class", one)
    return found


def _found(source: FilePath, written: list[Path]) -> Iterator[tuple[Path, str | None]]:
    place = _whole(source)
    if place.is_dir():
        inside, ours = photos_in(place)
        written += ours
        yield from ((path, path.parent.name) for path in inside)
    elif place.exists():
        yield place, None
    else:
        raise InvalidInput(f"{source}: no such file or folder", setting="photos", rule="exist", value=str(source))


def _whole(source: FilePath) -> Path:
    """Return the whole path; a link keeps its own name, but for ``..``, which means the folder it leads out of."""
    place = Path(source).absolute()
    if ".." not in place.parts:
        return place
    return place.resolve() if place.name == ".." else place.parent.resolve() / place.name


def _names(paths: list[Path]) -> dict[str, Path]:
    """Return the photos by names of their own: the path from the folder that holds all of them."""
    together = Path(os.path.commonpath([path.parent for path in paths]))
    return {path.relative_to(together).as_posix(): path for path in paths}
