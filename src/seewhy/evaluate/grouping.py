"""Which photos are not independent, and count as one: as the truth says, by their names, or as a file lists them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias, get_args

from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.files import read_regular
from seewhy.core.text import shown
from seewhy.core.types import JsonObject
from seewhy.evaluate.sequences import Likely, likely
from seewhy.images import Image
from seewhy.truth import Known, matched
from seewhy.truth.fields import file_name
from seewhy.truth.photo_list import sequence

How = Literal["auto", "name", "folder", "none"]
"""Those that the truth or their looks put together; of one name but for its number; of one folder; none."""
Grouping: TypeAlias = How | str
"""One of these, or the path of a CSV of ``file`` and ``group``."""

_RULE = f"be one of {', '.join(get_args(How))}, or a CSV file with the columns file and group"


@dataclass(frozen=True)
class Independence:
    """How photos were counted, and what suggests otherwise."""

    groups: str
    """What was asked: one of :data:`How`, or the path of a file."""
    sequences: int = 0
    """Sequences that photos seem to be frames of, by their names and looks."""
    frames: int = 0
    """Photos that are in these."""
    named_sequences: int = 0
    """The same where only names suggest it; these are counted as independent."""
    named_frames: int = 0
    near_copies: int = 0
    """Photos that show the same as one before them."""
    counted_as_one: bool = False
    """Whether the photos of such a sequence, and near copies, count as one."""

    def to_dict(self) -> JsonObject:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Grouped:
    """The group of each photo, and what to say of it."""

    groups: list[str]
    independence: Independence
    notes: list[str]


def check_groups(groups: object) -> str:
    """Return how photos are grouped, checked before any work.

    Raises
    ------
    InvalidInput
        It is no way of grouping, and no CSV file.
    """
    how = str(groups) if isinstance(groups, Path) else groups
    if isinstance(how, str) and (how in get_args(How) or Path(how).suffix.lower() == ".csv"):
        return how
    raise InvalidInput(f"groups must {_RULE}, got {shown(groups)}", setting="groups", rule=_RULE, value=groups)


def grouped_by(
    groups: str,
    names: Sequence[str],
    known: Sequence[Known | None],
    digests: Sequence[str],
    images: Callable[[int], Image | None],
) -> Grouped:
    """Return the group of each photo; equal pictures are in one group in any case.

    Parameters
    ----------
    groups
        As :func:`check_groups` returns it.
    names
        Path of each photo, with ``/`` between folders; its own, but empty for those that come from no file.
    known, digests
        What the truth says of each photo, and the hash of its content.
    images
        Returns a photo by its place, None where it cannot be read; asked for only where looks count.
    """
    count = Counter(names)
    alone = [name if name and count[name] == 1 else f"{name}#{i}" for i, name in enumerate(names)]
    if groups == "folder":
        own = [str(PurePosixPath(name).parent) if name else alone[i] for i, name in enumerate(names)]
        return Grouped(together(own, digests), Independence(groups), [])
    if groups == "name":
        own = [sequence(name) if name else alone[i] for i, name in enumerate(names)]
        return Grouped(together(own, digests), Independence(groups), [])
    if groups not in get_args(How):
        own, notes = _from_file(Path(groups), names, alone)
        return Grouped(together(own, digests), Independence(groups), notes)
    stated = [one.group if groups == "auto" and one is not None else None for one in known]
    open_places = [i for i, one in enumerate(stated) if one is None]
    found = likely([names[i] for i in open_places], lambda i: images(open_places[i]))
    hashes = [digests[i] for i in open_places]
    found = replace(found, copies=tuple((i, j) for i, j in found.copies if hashes[i] != hashes[j]))
    own = [one if group is None else group for one, group in zip(alone, stated, strict=True)]
    own = _put_together(own, open_places, found) if groups == "auto" else own
    return Grouped(together(own, digests), *_told(groups, [names[i] for i in open_places], found))


def together(groups: Sequence[str], digests: Sequence[str]) -> list[str]:
    """Return the groups of photos, those put together that hold the same picture."""
    found, places = list(groups), dict[str, int]()
    for i, digest in enumerate(digests):
        ours, theirs = found[i], found[places.setdefault(digest, i)]
        if ours != theirs:
            found = [theirs if name == ours else name for name in found]
    return found


def _put_together(own: list[str], places: Sequence[int], found: Likely) -> list[str]:
    """Return the groups with the photos of each sequence, and near copies, in one."""
    groups = list(own)
    for name, members in found.sequences:
        for i in members:
            groups[places[i]] = name
    for first, second in found.copies:
        ours, theirs = groups[places[second]], groups[places[first]]
        groups = [theirs if one == ours else one for one in groups]
    return groups


_OTHERS = "use --groups name, folder, or a CSV file with the columns file and group"


def _told(groups: str, names: Sequence[str], found: Likely) -> tuple[Independence, list[str]]:
    """Return how photos count, as values and as notes."""
    copies = len({second for _, second in found.copies})
    independence = Independence(
        groups,
        len(found.sequences),
        sum(len(members) for _, members in found.sequences),
        len(found.named),
        sum(len(members) for _, members in found.named),
        copies,
        groups == "auto",
    )
    notes = []
    if found.sequences:
        looks = f"{independence.frames} photos look like {_count(independence.sequences, 'sequence')}"
        notes.append(f"{looks} (such as {_example(names, found.sequences)}); frames of a sequence are not independent")
    if copies:
        one, other = (names[i] or "a photo" for i in found.copies[0])
        notes.append(f"{_count(copies, 'photo')} look like near copies of others (such as {other} of {one})")
    if notes and groups == "auto":
        notes[-1] += "; each group counts once: use --groups none to count every photo as independent"
    elif notes:
        notes[-1] += "; intervals that treat them as independent are too narrow: use --groups auto, or a CSV file"
    if found.named:
        many = f"{independence.named_frames} photos have names like frames of"
        notes.append(
            f"{many} {_count(independence.named_sequences, 'sequence')} (such as {_example(names, found.named)}) but "
            f"do not look alike, and count as independent; if they are frames, the intervals are too narrow: {_OTHERS}"
        )
    return independence, notes


def _example(names: Sequence[str], sequences: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    _, members = sequences[0]
    return f"{names[members[0]]} to {names[members[-1]]}"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _from_file(path: Path, names: Sequence[str], alone: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the group of each photo as a CSV lists it; one that it does not name stands alone."""
    found, others = matched(_listed(path), [name for name in names if name])
    groups = [f"group {found[name].group}" if name in found else one for name, one in zip(names, alone, strict=True)]
    missing = [one for name, one in zip(names, alone, strict=True) if name not in found]
    if not found:
        raise InvalidInput(
            f"groups {path} names {others[0]}, which is not among the photos",
            setting="groups",
            rule="name only given photos",
            value=others[0],
        )
    notes = [f"{path.name} gives no group for {_count(len(missing), 'photo')}, such as {missing[0]}"] if missing else []
    return groups, notes


def _listed(path: Path) -> list[Known]:
    data = read_regular(path, what="groups")
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), skipinitialspace=True, strict=True)
        rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(
            f"groups {path} is not readable as UTF-8 CSV: {error}",
            setting="groups",
            rule="be readable as UTF-8 CSV",
            value=str(error),
        ) from error
    if not rows or set(reader.fieldnames or ()) != {"file", "group"}:
        got = ", ".join(reader.fieldnames or ()) if rows else "no photo"
        raise FileError(
            f"groups {path} must have the columns file and group, got {got}",
            setting="groups",
            rule="have the columns file and group",
            value=got,
        )
    known = []
    for line, row in rows:
        place = f"groups {path}, line {line}"
        if None in row or not (row["group"] or "").strip():
            raise FileError(
                f"{place} must have a file and a group", setting="groups", rule="have a file and a group", value=place
            )
        known.append(Known(file_name(row["file"], f"{place}: file"), group=row["group"].strip()))
    return known
