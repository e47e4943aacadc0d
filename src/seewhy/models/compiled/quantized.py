"""Networks in 8-bit integers: ranges of activations are found on photos that come with scikit-image.

Always the same photos, so that the same network comes out whatever is explained; its answers are corrected by those of
the exact one, see :mod:`seewhy.estimation.fidelity`.
"""

from __future__ import annotations

import logging
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from seewhy.core.types import Batch
from seewhy.images import Image
from seewhy.models.compiled.openvino_runtime import import_quietly
from seewhy.models.extras import need
from seewhy.models.preprocessing import Preprocessing

_PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
_COPIES = 15
"""Masked copies of each photo, as runs ask for."""
_CELLS = 7


def quantized(model: Any, preprocessing: Preprocessing) -> Any:
    """Return a copy of an ``openvino.Model`` of fixed size with 8-bit weights and activations.

    Raises
    ------
    MissingExtra
        NNCF is not installed.
    """
    nncf = need("nncf", "int8", import_quietly)
    pictures = _pictures(preprocessing)
    together = model.input(0).shape[0]
    batches = [pictures[i : i + together] for i in range(0, len(pictures) - together + 1, together)]
    log = logging.getLogger("nncf")
    level, log.level = log.level, logging.ERROR
    try:
        with redirect_stdout(StringIO()):  # bars and advice for people who tune networks
            return nncf.quantize(model, nncf.Dataset(batches), subset_size=len(batches))
    finally:
        log.level = level


def _pictures(preprocessing: Preprocessing) -> Batch:
    from skimage import data

    rng = np.random.default_rng(0)
    found = []
    for name in _PHOTOS:
        pixels = getattr(data, name)()
        photo = Image(pixels.mean(axis=2, keepdims=True).astype(np.uint8) if preprocessing.channels == 1 else pixels)
        pixels = preprocessing.view(photo.height, photo.width).apply(photo)
        prepared = preprocessing.prepare(pixels)
        fill = preprocessing.prepare(np.broadcast_to(pixels.mean(axis=(0, 1)), pixels.shape).astype(np.float32))
        found.append(prepared)
        for _ in range(_COPIES):
            cells = (rng.random((_CELLS, _CELLS)) < 0.5).astype(np.float32)
            down, across = (np.arange(side) * _CELLS // side for side in pixels.shape[:2])
            mask = cells[down][:, across]
            mask = mask[None] if preprocessing.layout == "NCHW" else mask[..., None]
            found.append(fill + mask * (prepared - fill))
    return np.stack(found)
