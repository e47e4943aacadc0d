"""An object that the center crop of a model cuts off is named."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.images.geometry import View

PHOTO = np.random.default_rng(2).integers(120, 256, (48, 96, 3), dtype=np.uint8)


class Cropped(seewhy.FunctionModel):
    """Sees the square in the middle of a photo."""

    def view(self, height: int, width: int) -> View:
        return View.resize_shorter_then_crop(height, width, shorter=48, crop=48)


class Stretched(seewhy.FunctionModel):
    """Sees all of a photo."""

    def view(self, height: int, width: int) -> View:
        return View.stretch(height, width, size=(48, 48))


def notes(part: tuple[slice, slice], kind: type[seewhy.FunctionModel], photo: np.ndarray = PHOTO) -> list[str]:
    """Explain a model that reads a part of its input, and return what is said of a cut."""

    def scores(batch: np.ndarray) -> np.ndarray:
        return batch[(slice(None), *part)].mean((1, 2, 3))[:, None]

    model = kind(scores, kind="score")
    lime = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black", n_samples=128)
    found = seewhy.explain(photo, model=model, method=lime, targets=[0], progress=False)
    return [note for note in found.warnings if "cut off" in note]


@pytest.mark.parametrize(
    ("part", "side"),
    [((slice(0, 24), slice(0, 12)), "left"), ((slice(0, 48), slice(36, 48)), "right")],
)
def test_a_region_along_the_edge_of_the_crop_is_named(part: tuple[slice, slice], side: str) -> None:
    (note,) = notes(part, Cropped)
    assert f"touches its {side} edge:" in note


def test_in_a_portrait_it_is_the_top_or_the_bottom() -> None:
    (note,) = notes((slice(36, 48), slice(0, 48)), Cropped, PHOTO.transpose(1, 0, 2).copy())
    assert "touches its bottom edge:" in note


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ((slice(12, 36), slice(12, 36)), Cropped),  # in the middle
        ((slice(0, 12), slice(12, 36)), Cropped),  # at the edge of the photo itself
        ((slice(0, 48), slice(0, 12)), Stretched),  # the model sees all of the photo
    ],
)
def test_where_nothing_is_cut_nothing_is_said(part: tuple[slice, slice], kind: type[seewhy.FunctionModel]) -> None:
    assert notes(part, kind) == []
