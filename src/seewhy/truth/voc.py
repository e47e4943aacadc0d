"""A folder of Pascal VOC XML, one file a photo: boxes.

Source: Everingham et al. (2010), doi:10.1007/s11263-009-0275-4. Their pixels count from 1, and both ends are inside.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree  # document types are refused below

from seewhy.core.errors import FileError
from seewhy.core.files import read_regular
from seewhy.truth.fields import file_name, sides, text
from seewhy.truth.known import Known
from seewhy.truth.shapes import Objects, Shapes


class _PlainTree(ElementTree.TreeBuilder):
    """Refuses document types: they can make a small file expand without end, or name other files."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Stop at the first sign of one."""
        del name, pubid, system
        raise FileError("must have no document type", setting="truth", rule="have no document type")


def read(path: Path) -> list[Known]:
    """Return an entry for each XML file."""
    return [_entry(file) for file in sorted(path.rglob("*")) if file.suffix.lower() == ".xml"]


def _entry(file: Path) -> Known:
    data = read_regular(file, what="truth")
    try:
        parser = ElementTree.XMLParser(target=_PlainTree())  # noqa: S314
        root = ElementTree.fromstring(data, parser)  # noqa: S314
    except (ElementTree.ParseError, FileError, ValueError, LookupError) as error:
        raise FileError(
            f"truth {file} must be plain Pascal VOC XML: {error}",
            setting=str(file),
            rule="be plain Pascal VOC XML",
            value=str(error),
        ) from error
    if root.tag != "annotation":
        raise FileError.of(f"truth {file}", "hold an annotation of Pascal VOC", root.tag)
    size = None
    if root.find("size/width") is not None and root.find("size/height") is not None:
        place = f"truth {file}: size"
        size = sides([_number(root, f"size/{side}", f"truth {file}") for side in ("width", "height")], place)
    each = []
    for i, one in enumerate(root.findall("object")):
        place = f"truth {file}: object {i + 1}"
        left, top, right, bottom = (_number(one, f"bndbox/{end}", place) for end in ("xmin", "ymin", "xmax", "ymax"))
        box = Shapes(boxes=((left - 1, top - 1, right, bottom),), size=size)
        each.append((text(one.findtext("name"), f"{place}: name"), box))
    name = file_name(root.findtext("filename"), f"truth {file}: filename")
    marks = Objects(tuple(each)) if each else None
    return Known(name, marks=marks, classes=() if marks is None else marks.classes, place=f"truth {file}")


def _number(element: ElementTree.Element, tag: str, place: str) -> float:
    found = element.findtext(tag)
    try:
        return float(found or "")
    except ValueError:
        raise FileError.of(f"{place}: {tag}", "be a number", found) from None
