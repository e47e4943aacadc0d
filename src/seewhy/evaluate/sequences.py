"""Photos that belong together, found without being told: frames of one sequence, and near copies.

Names alone do not tell frames from a data set that numbers its photos, so the photos must look alike as well: neighbors
in a sequence more than photos of different sequences. What only the names suggest is reported, and changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from seewhy.core.types import Floats
from seewhy.images import Image

_SIDE = 24
"""Side of the small pictures that are compared, in pixels."""
_COPY = 0.985
"""Correlation from which on two small pictures show the same; it is above what different photos reach by chance."""
_COPY_LEVELS = 3.0
"""Largest mean difference between near copies, in 0..255."""
_ALIKE = 0.35
"""Least correlation (median) of neighbors in a sequence: frames a second apart still reach it, others do not."""
_MORE_ALIKE = 0.2
"""By how much neighbors must be more alike than photos of different sequences."""
_STEADY = 0.9
"""Correlation of neighbors that needs no comparison with other photos."""
_FLATTEST = 2.0
"""Least standard deviation, in 0..255, of a picture that can be compared."""
_AT_ONCE = 1000
"""Photos whose pairs are compared at a time."""

_NUMBERED = re.compile(r"(.*?)(\d+)")
_SAYS_NOTHING = re.compile(
    r"(_?mg|img|image|images|im|pic|picture|photo|p|pxl|dsc[nf]?|_dsc|cimg|sam|dji|gopr|gp|pict|scan|screenshot|wp|"
    r"ilsvrc\d*_(val|train|test)|coco_(val|train|test)\d*|\d+)?[ _.-]*",
    re.IGNORECASE,
)
"""What stands before the number in names by cameras and by data sets of photos that are independent."""


@dataclass(frozen=True)
class _Run:
    """Photos of one folder and name but for the number at its end, in order of the number."""

    name: str
    """Their common name, with folders."""
    places: tuple[int, ...]
    scheme: tuple[str, int]
    """Runs of one scheme are named in the same way, and judged together."""
    speaks: bool
    """Whether the names look like those of frames."""


@dataclass(frozen=True)
class Likely:
    """Which photos seem to belong together."""

    sequences: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Name and places of each sequence that names and pictures agree on."""
    named: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """The same where only the names suggest it."""
    copies: tuple[tuple[int, int], ...] = ()
    """Pairs of near copies that are in no sequence together."""
    unread: int = field(default=0)
    """Photos that could not be compared."""


def likely(names: Sequence[str], images: Callable[[int], Image | None]) -> Likely:
    """Return which photos seem to belong together.

    Parameters
    ----------
    names
        Path of each photo, with ``/`` between folders; empty where it has none.
    images
        Returns a photo by its place; None where it cannot be read. Each is asked for once, and not kept.
    """
    if len(names) < 2:
        return Likely()
    small = [_small(images(i)) for i in range(len(names))]
    shapes = np.stack([one[0] for one in small])
    levels = np.stack([one[1] for one in small])
    known = np.any(shapes, axis=1)
    runs = _runs(names)
    alike = _sequences(runs, shapes, known)
    held = {place: run.name for run in alike for place in run.places}
    copies = [(i, j) for i, j in _copies(shapes, levels) if i not in held or held[i] != held.get(j)]
    return Likely(
        tuple((run.name, run.places) for run in alike),
        tuple((run.name, run.places) for run in runs if run not in alike and run.speaks),
        tuple(copies),
        int(np.count_nonzero(~known)),
    )


def _small(image: Image | None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a small picture twice: as a direction, without its mean colors, and as levels 0..255."""
    nothing = np.zeros(_SIDE * _SIDE * 3, dtype=np.float32)
    if image is None:
        return nothing, nothing
    picture = Pillow.fromarray(image.rgb8()).resize((_SIDE, _SIDE), Pillow.Resampling.BOX)
    levels = np.asarray(picture, dtype=np.float32)
    centered = levels - levels.mean(axis=(0, 1))
    if centered.std() < _FLATTEST:
        return nothing, levels.ravel()
    return (centered / np.linalg.norm(centered)).ravel(), levels.ravel()


def _runs(names: Sequence[str]) -> list[_Run]:
    """Return the runs of at least two photos."""
    found: dict[tuple[str, str], list[tuple[int, str, int]]] = defaultdict(list)
    for i, name in enumerate(names):
        path = PurePosixPath(name)
        numbered = _NUMBERED.fullmatch(path.stem)
        if numbered is not None:
            found[str(path.parent), numbered[1]].append((int(numbered[2][:30]), numbered[2], i))
    folders = Counter(folder for folder, _ in found)
    runs = []
    for (folder, prefix), members in found.items():
        if len(members) < 2:
            continue
        own_folder = folder != "." and folders[folder] == 1
        place = str(PurePosixPath(folder).parent) if own_folder else folder
        digits = [text for _, text, _ in members]
        padded = len(set(map(len, digits))) == 1 and any(text[0] == "0" for text in digits) and len(digits[0]) >= 3
        speaks = padded and ((own_folder and not prefix) or not _SAYS_NOTHING.fullmatch(prefix))
        name = folder if own_folder else str(PurePosixPath(folder) / (prefix.rstrip(" _.-") or "numbers"))
        scheme = place, len(digits[0]) if padded else 0
        runs.append(_Run(name, tuple(i for _, _, i in sorted(members)), scheme, speaks))
    return runs


def _sequences(runs: Sequence[_Run], shapes: NDArray[np.float32], known: NDArray[np.bool_]) -> list[_Run]:
    """Return the runs whose photos look alike: all of one scheme, or single ones that are alike by themselves."""
    schemes: dict[tuple[str, int], list[_Run]] = defaultdict(list)
    for run in runs:
        schemes[run.scheme].append(run)
    sequences = []
    for members in schemes.values():
        neighbors = [_neighbors(run.places, shapes, known) for run in members]
        together = all(run.speaks for run in members) and _is_alike(
            np.concatenate(neighbors), _across(members, shapes, known)
        )
        sequences += [
            run
            for run, own in zip(members, neighbors, strict=True)
            if together or _is_alike(own, _apart(run.places, shapes, known))
        ]
    return sequences


def _is_alike(neighbors: Floats, others: Floats) -> bool:
    """Say whether neighbors are more alike than others, or so alike that this needs no comparison."""
    if not len(neighbors):
        return False
    own = float(np.median(neighbors))
    if own >= _STEADY:
        return True
    return own >= _ALIKE and len(others) > 0 and own >= float(np.median(others)) + _MORE_ALIKE


def _correlations(one: NDArray[np.float32], other: NDArray[np.float32]) -> Floats:
    """Return the correlation of each row (n, p) of one with that of the other."""
    return np.asarray(np.sum(one * other, axis=1, dtype=np.float64))


def _neighbors(places: Sequence[int], shapes: NDArray[np.float32], known: NDArray[np.bool_]) -> Floats:
    """Return the correlations of neighbors."""
    kept = [i for i in places if known[i]]
    return _correlations(shapes[kept[:-1]], shapes[kept[1:]])


def _across(runs: Sequence[_Run], shapes: NDArray[np.float32], known: NDArray[np.bool_]) -> Floats:
    """Return the correlations between the first photos of different runs, and between the last."""
    found = []
    for end in (0, -1):
        ends = [run.places[end] for run in runs if known[run.places[end]]][:_AT_ONCE]
        found.append((shapes[ends] @ shapes[ends].T)[np.triu_indices(len(ends), 1)])
    return np.concatenate(found).astype(np.float64)


def _apart(places: Sequence[int], shapes: NDArray[np.float32], known: NDArray[np.bool_]) -> Floats:
    """Return the correlations of photos that are half of a run apart; none for short runs."""
    kept = [i for i in places if known[i]]
    half = len(kept) // 2
    if half < 3:
        return np.zeros(0)
    return _correlations(shapes[kept[:-half]], shapes[kept[half:]])


def _copies(shapes: NDArray[np.float32], levels: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the pairs of photos that show the same at another size, quality or brightness."""
    found = []
    for start in range(0, len(shapes), _AT_ONCE):
        near = np.argwhere(shapes[start : start + _AT_ONCE] @ shapes.T >= _COPY)
        for i, j in near[near[:, 0] + start < near[:, 1]]:
            if np.abs(levels[start + i] - levels[j]).mean() <= _COPY_LEVELS:
                found.append((int(start + i), int(j)))
    return found
