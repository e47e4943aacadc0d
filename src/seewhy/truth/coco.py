"""COCO JSON: polygons, runs (RLE), or boxes where there is neither. Crowds are left out, as COCO's own grades do.

Source: Lin et al. (2014), arXiv:1405.0312, and the format's page, cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.text import shown
from seewhy.truth.fields import file_name, flag, numbers, record, records, sides, text, whole
from seewhy.truth.known import Known
from seewhy.truth.shapes import Objects, Runs, Shapes, marks_of


def of(held: dict[str, Any], path: Path) -> list[Known]:
    """Return an entry for each image that has annotations."""
    names = _names(held.get("categories", []), path)
    objects: dict[int, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for i, one in enumerate(records(held["annotations"], f"{path}: annotations")):
        place = f"{path}: annotations[{i}]"
        objects[whole(one.get("image_id"), f"{place}.image_id")].append((place, one))
    entries, numbers_seen = [], set[int]()
    for i, image in enumerate(records(held["images"], f"{path}: images")):
        place = f"{path}: images[{i}]"
        number = whole(image.get("id"), f"{place}.id")
        if number in numbers_seen:
            raise FileError(
                f"{place}.id must be unique, got {number} again", setting=f"{place}.id", rule="be unique", value=number
            )
        numbers_seen.add(number)
        if number in objects:
            entries.append(_entry(image, place, objects.pop(number), names))
    if objects:
        raise FileError(
            f"{path}: annotations must be of images in the list, got image_id {next(iter(objects))}",
            setting=str(path),
            rule="annotate images of the list",
            value=next(iter(objects)),
        )
    return entries


def _names(categories: Any, path: Path) -> dict[int, str]:
    """Return the names of the categories by id."""
    found: dict[int, str] = {}
    for i, one in enumerate(records(categories, f"{path}: categories")):
        place = f"{path}: categories[{i}]"
        number, name = whole(one.get("id"), f"{place}.id"), text(one.get("name"), f"{place}.name")
        if found.setdefault(number, name) != name:
            raise FileError(
                f"{place} must have a unique id, got {number}, which is already {shown(found[number])}",
                setting=place,
                rule="have a unique id",
                value=number,
            )
    return found


def _entry(
    image: dict[str, Any], place: str, objects: list[tuple[str, dict[str, Any]]], names: dict[int, str]
) -> Known:
    size = None
    if image.get("width") is not None and image.get("height") is not None:
        size = whole(image["width"], f"{place}.width", 1), whole(image["height"], f"{place}.height", 1)
    each = [
        (_class(one, f"{where}.category_id", names), _shapes(one, where, size))
        for where, one in objects
        if not flag(one.get("iscrowd"), f"{where}.iscrowd")
    ]
    file = file_name(image.get("file_name"), f"{place}.file_name")
    try:
        marks = marks_of(each)
    except InvalidInput as error:
        raise FileError(f"{place}: {error}", setting=place, rule=error.rule or str(error), value=error.value) from error
    return Known(file, marks=marks, classes=marks.classes if isinstance(marks, Objects) else (), place=f"truth {place}")


def _class(one: dict[str, Any], place: str, names: dict[int, str]) -> str | None:
    if one.get("category_id") is None:
        return None
    number = whole(one["category_id"], place)
    if number not in names:
        raise FileError.of(place, f"be the id of one of the {len(names)} categories", number)
    return names[number]


def _shapes(one: dict[str, Any], place: str, size: tuple[int, int] | None) -> Shapes:
    drawn = one.get("segmentation")
    if not drawn:
        left, top, width, height = numbers(one.get("bbox"), f"{place}.bbox", 4)
        return Shapes(boxes=((left, top, left + width, top + height),), size=size)
    if isinstance(drawn, list):
        return Shapes(polygons=tuple(numbers(polygon, f"{place}.segmentation") for polygon in drawn), size=size)
    return Shapes(runs=(_runs(record(drawn, f"{place}.segmentation"), f"{place}.segmentation"),), size=size)


def _runs(drawn: dict[str, Any], place: str) -> Runs:
    height, width = sides(drawn.get("size"), f"{place}.size")
    counts = drawn.get("counts")
    if isinstance(counts, str):
        return Runs(counts, height, width)
    if not isinstance(counts, list):
        raise FileError.of(f"{place}.counts", "be a list of numbers or COCO's text of them", counts)
    return Runs(tuple(whole(n, f"{place}.counts") for n in counts), height, width)
