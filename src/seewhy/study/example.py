"""Photos to try a study on: two views each of six photos that come with scikit-image.

Views of one photo stand for two photos of a class, which they are not: they are alike, count as one where chance is
judged, and make every transfer look easier than it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seewhy.core.atomic import make_folder, replace_file
from seewhy.render import picture_png

_CROPPED = {"cat": "chelsea", "coffee": "coffee", "rocket": "rocket", "camera": "camera", "astronaut": "astronaut"}
_SHARE = 0.85
"""Part of each side that a view keeps."""


def write_example(folder: Path) -> Path:
    """Write twelve photos into a folder for each of six classes, and return ``folder``."""
    from skimage import data

    views: dict[str, list[NDArray[np.uint8]]] = {kind: _views(getattr(data, name)()) for kind, name in _CROPPED.items()}
    views["motorcycle"] = list(data.stereo_motorcycle()[:2])
    for kind, pictures in views.items():
        place = make_folder(folder / kind)
        for i, picture in enumerate(pictures, 1):
            replace_file(place / f"{kind}_{i}.png", picture_png(picture))
    return folder


def _views(photo: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return the upper left and the lower right of a photo; they overlap."""
    height, width = (round(_SHARE * side) for side in photo.shape[:2])
    return [photo[:height, :width], photo[-height:, -width:]]
