"""Boxes, polygons and runs, drawn as pixels."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels; the right and bottom ends are outside."""

_SLACK = 1.0
"""Pixels that a box or polygon may reach beyond the photo: tools round."""


@dataclass(frozen=True)
class Runs:
    """Lengths of runs of background and object in turns, down the columns, as COCO has them."""

    counts: str | tuple[int, ...]
    """Numbers, or COCO's text of them."""
    height: int
    width: int

    def drawn(self) -> NDArray[np.bool_]:
        """Return the mask (H, W)."""
        counts = list(self.counts) if isinstance(self.counts, tuple) else unpacked(self.counts)
        if min(counts, default=0) < 0 or sum(counts) != self.height * self.width:
            raise InvalidInput.of(
                "runs", f"not be negative and add up to {self.height} x {self.width} pixels", sum(counts)
            )
        values = np.arange(len(counts)) % 2 == 1
        return np.repeat(values, counts).reshape(self.width, self.height).T


@dataclass(frozen=True)
class Shapes:
    """What is marked in a photo; the object is all of it together."""

    boxes: tuple[Box, ...] = ()
    polygons: tuple[tuple[float, ...], ...] = ()
    """x and y in turns, in pixels, 0 being the outer edge of the first pixel."""
    runs: tuple[Runs, ...] = ()
    size: tuple[int, int] | None = None
    """Width and height that the photo must have, where the truth says so."""

    @property
    def kind(self) -> Literal["mask", "boxes"]:
        """Whether all of it is drawn along the object."""
        return "boxes" if self.boxes else "mask"

    def digest(self) -> str:
        """Return a text that changes with the shapes."""
        return f"shapes:{hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()}"

    def drawn(self, height: int, width: int) -> NDArray[np.bool_]:
        """Return the mask (H, W): pixels whose middle is inside one of the shapes.

        Raises
        ------
        InvalidInput
            A shape is no shape, or does not lie in a photo of this size.
        """
        if self.size is not None and self.size != (width, height):
            raise InvalidInput(
                (
                    f"the ground truth is for a photo of {self.size[0]} x {self.size[1]}, but this one is "
                    f"{width} x {height}"
                ),
                setting="truth",
                rule=f"be for a photo of {self.size[0]} x {self.size[1]}",
                value=(width, height),
            )
        mask = np.zeros((height, width), dtype=bool)
        for box in self.boxes:
            left, top, right, bottom = _in_photo(box, height, width)
            mask[_middle(top) : _middle(bottom), _middle(left) : _middle(right)] = True
        for polygon in self.polygons:
            _fill(mask, polygon)
        for runs in self.runs:
            if (runs.height, runs.width) != (height, width):
                raise InvalidInput(
                    f"runs are for a photo of {runs.width} x {runs.height}, but this one is {width} x {height}",
                    setting="runs",
                    rule=f"be for a photo of {runs.width} x {runs.height}",
                    value=(width, height),
                )
            mask |= runs.drawn()
        return mask


@dataclass(frozen=True)
class Objects:
    """Things in a photo, and the class of each."""

    each: tuple[tuple[int | str, Shapes], ...]
    """Class, by index or name, and shapes of each thing."""

    def digest(self) -> str:
        """Return a text that changes with the things and their classes."""
        held = [[name, asdict(shapes)] for name, shapes in self.each]
        return f"objects:{hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()}"

    @property
    def classes(self) -> tuple[int | str, ...]:
        """Every class that a thing is of, once."""
        return tuple(dict.fromkeys(name for name, _ in self.each))

    @property
    def all(self) -> Shapes:
        """The shapes of all things together."""
        return together([shapes for _, shapes in self.each])

    def of(self, wanted: Callable[[int | str], bool]) -> Shapes | None:
        """Return the shapes of the things whose class is wanted; None: there is none."""
        found = [shapes for name, shapes in self.each if wanted(name)]
        return together(found) if found else None


def together(each: Sequence[Shapes]) -> Shapes:
    """Return several shapes of one photo as one."""
    return Shapes(
        tuple(box for one in each for box in one.boxes),
        tuple(polygon for one in each for polygon in one.polygons),
        tuple(runs for one in each for runs in one.runs),
        next((one.size for one in each if one.size is not None), None),
    )


def marks_of(each: Sequence[tuple[int | str | None, Shapes]]) -> Shapes | Objects | None:
    """Return things as marks: without classes if none has one, None if there are no things.

    Raises
    ------
    InvalidInput
        Some have a class and some have none, so that it is not known whose these are.
    """
    if not each:
        return None
    classed = tuple((name, shapes) for name, shapes in each if name is not None)
    if not classed:
        return together([shapes for _, shapes in each])
    if len(classed) < len(each):
        raise InvalidInput(
            f"either all objects of a photo have a class or none, got {len(classed)} of {len(each)}",
            setting="objects",
            rule="all have a class, or none",
            value=len(classed),
        )
    return Objects(classed)


def unpacked(text: str) -> list[int]:
    """Return the run lengths of COCO's text: five bits a character, and from the fourth on less the last but one."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 40:
            raise InvalidInput(
                f"runs must be COCO's text of numbers, got the character {character!r}",
                setting="runs",
                rule="be COCO's text of numbers",
                value=character,
            )
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise InvalidInput(
            "runs must be COCO's text of numbers, got one that ends within a number",
            setting="runs",
            rule="be COCO's text of numbers",
        )
    return counts


def _middle(edge: float) -> int:
    """Return the first pixel whose middle is not left of ``edge``."""
    return max(0, math.ceil(edge - 0.5))


def _in_photo(box: Box, height: int, width: int) -> Box:
    left, top, right, bottom = box
    if not (all(map(math.isfinite, box)) and left < right and top < bottom):
        raise InvalidInput.of("a box", "be left < right, top < bottom", list(box))
    if min(left, top) < -_SLACK or right > width + _SLACK or bottom > height + _SLACK:
        raise InvalidInput.of("a box", f"lie in the photo, {width} x {height} pixels", list(box))
    return box


def _fill(mask: NDArray[np.bool_], polygon: tuple[float, ...]) -> None:
    from skimage.draw import polygon as inside

    points = np.asarray(polygon, dtype=np.float64)
    if len(points) < 6 or len(points) % 2 or not np.isfinite(points).all():
        raise InvalidInput(
            f"a polygon must be at least three points x, y, all finite, got {len(points)} numbers",
            setting="a polygon",
            rule="be at least three points x, y, all finite",
            value=len(points),
        )
    height, width = mask.shape
    x, y = points[::2], points[1::2]
    if min(x.min(), y.min()) < -_SLACK or x.max() > width + _SLACK or y.max() > height + _SLACK:
        reach = [float(value) for value in (x.min(), y.min(), x.max(), y.max())]
        raise InvalidInput(
            f"a polygon must lie in the photo, {width} x {height} pixels, got one over {reach}",
            setting="a polygon",
            rule="lie in the photo",
            value=reach,
        )
    mask[inside(y - 0.5, x - 0.5, mask.shape)] = True
