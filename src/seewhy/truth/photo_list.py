"""A JSON list of photos: ``file``, and any of ``mask``, ``boxes``, ``size``, ``index``, ``accept``, ``group``."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from seewhy.truth.fields import file_name, numbers, records, sides, text, whole
from seewhy.truth.known import Known, Marks, MaskPicture
from seewhy.truth.names import printable
from seewhy.truth.shapes import Shapes

_FRAME = re.compile(r"(.+)_\d+")


def of(held: Any, path: Path) -> list[Known]:
    """Return an entry for each photo."""
    return [_entry(one, f"{path}[{i}]", path.parent) for i, one in enumerate(records(held, str(path)))]


def sequence(file: str) -> str:
    """Return the photo's path without ending and frame number: ``bear_00027.jpg`` is of ``bear``."""
    path = PurePosixPath(file).with_suffix("")
    frame = _FRAME.fullmatch(path.name)
    return str(path) if frame is None else str(path.with_name(frame[1]))


def _entry(one: dict[str, Any], place: str, folder: Path) -> Known:
    file = file_name(one.get("file"), f"{place}.file")
    first = [] if one.get("index") is None else [whole(one["index"], f"{place}.index")]
    accepted = one.get("accept")
    listed = accepted if isinstance(accepted, list) else [accepted]
    more = [] if accepted is None else [whole(i, f"{place}.accept") for i in listed]
    group = one.get("group")
    return Known(
        file,
        marks=_marks(one, place, folder),
        classes=tuple(dict.fromkeys(first + more)),
        sure=bool(first),
        place=f"truth {place}",
        group=sequence(printable(file)) if group is None else text(group, f"{place}.group"),
    )


def _marks(one: dict[str, Any], place: str, folder: Path) -> Marks | None:
    """Return the mask, which is closer to the object, or the boxes."""
    if one.get("mask") is not None:
        return MaskPicture(folder / file_name(one["mask"], f"{place}.mask"))
    if not one.get("boxes"):
        return None
    boxes = one["boxes"] if isinstance(one["boxes"], list) else [one["boxes"]]
    found = [numbers(box, f"{place}.boxes", 4) for box in boxes]
    size = None if one.get("size") is None else sides(one["size"], f"{place}.size")
    return Shapes(boxes=tuple((a, b, c, d) for a, b, c, d in found), size=size)
