"""What is known of a photo: where its object is, which classes are right, and which photos belong together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import ImageError, InvalidInput
from seewhy.core.files import read_regular
from seewhy.images import load_image
from seewhy.truth.names import index_of
from seewhy.truth.shapes import Objects, Shapes


@dataclass(frozen=True, eq=False)
class Marked:
    """The pixels of the object."""

    mask: NDArray[np.bool_]
    """(H, W) on the photo, as it stands upright."""
    kind: Literal["mask", "boxes"]
    of: Literal["photo", "class", "all"] = "photo"
    """Of what the object is: the truth says it of the photo, of the class asked, or only of other classes."""


@dataclass(frozen=True)
class MaskPicture:
    """A mask as a picture: 0, black, is background, everything else is the object."""

    path: Path
    data: bytes | None = field(default=None, repr=False)
    """The file itself, where it has been read already."""

    def carried(self) -> MaskPicture:
        """Return the same with the file in it, for another machine; as it is where the file cannot be read."""
        try:
            return MaskPicture(self.path, self._bytes())
        except ImageError:
            return self

    def _bytes(self) -> bytes:
        return read_regular(self.path, what="mask", error=ImageError) if self.data is None else self.data

    def digest(self) -> str:
        """Return the hash of the file, or of its name where it cannot be read."""
        try:
            return f"mask:{hashlib.sha256(self._bytes()).hexdigest()}"
        except ImageError:
            return f"mask:unreadable:{self.path.name}"

    def marked(self, height: int, width: int) -> Marked:
        """Return the pixels (H, W) that are not black.

        Raises
        ------
        InvalidInput
            The picture cannot be read, is not a PNG, or is of another size than the photo.
        """
        data = self._bytes()
        if not data.startswith(b"\x89PNG\r\n\x1a\n"):  # others blur the edge between 0 and the object
            raise ImageError(
                f"{self.path}: a mask must be a PNG, so that 0 stays 0", setting=str(self.path), rule="be a PNG"
            )
        try:
            pixels = load_image(data, background="black").pixels
        except ImageError as error:
            raise ImageError(
                f"{self.path}: {error}", setting=str(self.path), rule=error.rule or str(error), value=error.value
            ) from error
        if pixels.shape[:2] != (height, width):
            got = f"{pixels.shape[0]} x {pixels.shape[1]}"
            raise InvalidInput.of(str(self.path), f"have the photo's size, {height} x {width} upright", got)
        mask: NDArray[np.bool_] = np.any(pixels, axis=2)
        return Marked(mask, "mask")


Marks: TypeAlias = MaskPicture | Shapes | Objects
"""Something that can be drawn on the photo once its size is known."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the truth says of one photo."""

    file: str = field(kw_only=False)
    """The photo as the truth names it, with ``/`` between folders."""
    exact: bool = True
    """Whether the photo has the ending of ``file``: a mask has its own."""
    marks: Marks | None = None
    classes: tuple[int | str, ...] = ()
    """Classes that are right, by index or name."""
    sure: bool = False
    """Whether the first class is the photo's own, and the others are merely accepted."""
    place: str = ""
    """Where the truth says it, for messages: the file, and the entry or line in it."""
    group: str | None = None
    """Photos of one group are not independent: frames of one sequence, say."""

    def marked(
        self, height: int, width: int, target: int | None = None, labels: tuple[str, ...] | None = None
    ) -> Marked | None:
        """Return the pixels of the object in a photo of this size; None where they are not known.

        Parameters
        ----------
        target
            Index of the class that is explained: of a truth that says of which class each shape is, only those of this
            class are drawn, and all of them where none is (``of`` says so). None: all.
        labels
            Names of the model's classes.

        Raises
        ------
        InvalidInput
            The marks do not fit the photo.
        """
        if self.marks is None:
            return None
        if isinstance(self.marks, MaskPicture):
            return self.marks.marked(height, width)
        if isinstance(self.marks, Shapes):
            return Marked(self._drawn(self.marks, height, width), self.marks.kind)
        own = self.marks.of(lambda one: target is not None and index_of(one, labels) == target)
        shapes = self.marks.all if own is None else own
        return Marked(self._drawn(shapes, height, width), shapes.kind, "all" if own is None else "class")

    def _drawn(self, shapes: Shapes, height: int, width: int) -> NDArray[np.bool_]:
        try:
            return shapes.drawn(height, width)
        except InvalidInput as error:
            if not self.place:
                raise
            raise InvalidInput(f"{self.place}: {error}", setting=self.place, rule=str(error)) from error

    def is_of_others(self, target: int, labels: tuple[str, ...] | None) -> bool:
        """Say whether objects are marked, and of other classes than ``target`` alone."""
        return isinstance(self.marks, Objects) and all(index_of(one, labels) != target for one in self.marks.classes)
