"""COCO JSON: polygons, runs (RLE), or boxes where there is neither. All objects of a photo count together.

Source: Lin et al. (2014), arXiv:1405.0312, and the format's page, cocodataset.org/#format-data.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from seewhy.errors import FileError
from seewhy.settings import shown
from seewhy.truth.fields import file_name, numbers, record, records, text, whole
from seewhy.truth.known import Known
from seewhy.truth.shapes import Box, Runs, Shapes


def of(held: dict[str, Any], path: Path) -> list[Known]:
    """Return an entry for each image that has annotations."""
    names = {
        whole(one.get("id"), f"{path}: categories[{i}].id"): text(one.get("name"), f"{path}: categories[{i}].name")
        for i, one in enumerate(records(held.get("categories", []), f"{path}: categories"))
    }
    objects: dict[int, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for i, one in enumerate(records(held["annotations"], f"{path}: annotations")):
        place = f"{path}: annotations[{i}]"
        objects[whole(one.get("image_id"), f"{place}.image_id")].append((place, one))
    found = []
    for i, image in enumerate(records(held["images"], f"{path}: images")):
        place = f"{path}: images[{i}]"
        number = whole(image.get("id"), f"{place}.id")
        if number in objects:
            found.append(_entry(image, place, objects.pop(number), names))
    if objects:
        raise FileError(f"{path}: annotations must be of images in the list, got image_id {next(iter(objects))}")
    return found


def _entry(
    image: dict[str, Any], place: str, objects: list[tuple[str, dict[str, Any]]], names: dict[int, str]
) -> Known:
    size = None
    if image.get("width") is not None and image.get("height") is not None:
        size = whole(image["width"], f"{place}.width", 1), whole(image["height"], f"{place}.height", 1)
    boxes: list[Box] = []
    polygons: list[tuple[float, ...]] = []
    runs: list[Runs] = []
    classes: list[str] = []
    for where, one in objects:
        drawn = one.get("segmentation")
        if not drawn:
            left, top, width, height = numbers(one.get("bbox"), f"{where}.bbox", 4)
            boxes.append((left, top, left + width, top + height))
        elif isinstance(drawn, list):
            polygons += [numbers(polygon, f"{where}.segmentation") for polygon in drawn]
        else:
            runs.append(_runs(record(drawn, f"{where}.segmentation"), f"{where}.segmentation"))
        category = one.get("category_id")
        if category is not None and whole(category, f"{where}.category_id") in names:
            classes.append(names[category])
    shapes = Shapes(tuple(boxes), tuple(polygons), tuple(runs), size)
    file = file_name(image.get("file_name"), f"{place}.file_name")
    return Known(file, marks=shapes, classes=tuple(dict.fromkeys(classes)))


def _runs(drawn: dict[str, Any], place: str) -> Runs:
    height, width = (int(n) for n in numbers(drawn.get("size"), f"{place}.size", 2))
    counts = drawn.get("counts")
    if isinstance(counts, str):
        return Runs(counts, height, width)
    if not isinstance(counts, list):
        raise FileError(f"{place}.counts must be a list of numbers or COCO's text of them, got {shown(counts)}")
    return Runs(tuple(whole(n, f"{place}.counts") for n in counts), height, width)
