"""Photos to try a study on: two views each of six photos that come with scikit-image.

Views of one photo stand for two photos of a class, which they are not: they are alike, count as one where chance is
judged, and make every transfer look easier than it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seewhy.errors import FileError

_CROPPED = {"cat": "chelsea", "coffee": "coffee", "rocket": "rocket", "camera": "camera", "astronaut": "astronaut"}
_SHARE = 0.85
"""Part of each side that a view keeps."""


def write_example(folder: Path) -> Path:
    """Write twelve photos into a folder for each of six classes, and return ``folder``."""
    from PIL import Image as Pillow
    from skimage import data

    views: dict[str, list[NDArray[np.uint8]]] = {kind: _views(getattr(data, name)()) for kind, name in _CROPPED.items()}
    views["motorcycle"] = list(data.stereo_motorcycle()[:2])
    try:
        for kind, pictures in views.items():
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for i, picture in enumerate(pictures, 1):
                Pillow.fromarray(picture).save(folder / kind / f"{kind}_{i}.png", compress_level=1)
    except OSError as error:
        raise FileError(f"cannot write the example's photos to {folder}: {error.strerror or error}") from error
    return folder


def _views(photo: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return the upper left and the lower right of a photo; they overlap."""
    height, width = (round(_SHARE * side) for side in photo.shape[:2])
    return [photo[:height, :width], photo[-height:, -width:]]
