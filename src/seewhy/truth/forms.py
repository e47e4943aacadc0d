"""Which form a truth has, and what all readers share. Nothing in these files is trusted, and nothing of them is run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.files import check_regular, read_regular
from seewhy.core.text import shown
from seewhy.truth import box_table, coco, mask_folder, photo_list, voc
from seewhy.truth.known import Known, MaskPicture

FORMS = (
    "a folder of PNG masks, a folder of Pascal VOC XML, a COCO JSON, a JSON list of photos, or a CSV of boxes "
    "(file, x0, y0, x1, y1)"
)


def read_truth(source: str | os.PathLike[str]) -> tuple[list[Known], tuple[Path, ...]]:
    """Return what a truth says of each photo, and the pictures that are masks and no photos.

    Parameters
    ----------
    source
        A folder of PNG masks, named as the photos; a folder of Pascal VOC XML; COCO JSON; a JSON list of photos with
        ``file``, ``mask``, ``boxes``, ``index``, ``accept`` and ``group``; a CSV of boxes. See docs/evaluate.md.

    Raises
    ------
    InvalidInput
        It is no path.
    FileError
        It is none of these, or damaged; says where.
    """
    path = _path(source)
    if path.is_dir():
        entries = _of_folder(path)
    elif path.suffix.lower() == ".csv":
        entries = box_table.read(path)
    elif path.suffix.lower() == ".json":
        entries = _of_json(path)
    else:
        check_regular(path, what="truth")
        raise FileError(
            f"truth {path} must be {FORMS}; got a file named *{path.suffix}",
            setting=str(path),
            rule=f"be {FORMS}",
            value=path.suffix,
        )
    if not entries:
        raise FileError(
            f"truth {path} has no annotation for any photo", setting=str(path), rule="annotate at least one photo"
        )
    masks = [Path(os.path.realpath(one.marks.path)) for one in entries if isinstance(one.marks, MaskPicture)]
    return entries, tuple(masks)


def _path(source: object) -> Path:
    if not isinstance(source, str | os.PathLike) or not os.fspath(source):
        raise InvalidInput(
            f"truth must be the path of {FORMS}; got {shown(source)}",
            setting="truth",
            rule=f"be the path of {FORMS}",
            value=source,
        )
    return Path(source)


def _of_folder(path: Path) -> list[Known]:
    readers: dict[str, Callable[[Path], list[Known]]] = {".png": mask_folder.read, ".xml": voc.read}
    endings = {file.suffix.lower() for file in path.rglob("*") if file.suffix.lower() in readers}
    if len(endings) != 1:
        got = "both" if endings else "neither"
        raise FileError.of(f"truth {path}", "be a folder of PNG masks, or of Pascal VOC XML", got)
    return readers[endings.pop()](path)


def _of_json(path: Path) -> list[Known]:
    data = read_regular(path, what="truth")
    try:
        held: Any = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"truth {path} is not readable JSON: {error}", setting=str(path), rule="be readable JSON", value=str(error)
        ) from error
    if isinstance(held, list):
        return photo_list.of(held, path)
    if isinstance(held, dict) and {"images", "annotations"} <= set(held):
        return coco.of(held, path)
    raise FileError(
        f"truth {path} must be COCO JSON (images, annotations) or a list of photos, got neither",
        setting=str(path),
        rule="be COCO JSON or a list of photos",
    )
