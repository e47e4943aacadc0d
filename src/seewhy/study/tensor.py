"""Scores by model, photo and setting, and what follows from them: the best setting, and what it is worth elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Floats


@dataclass(frozen=True, eq=False)
class Tensor:
    """Scores (M, P, S) for M models, P photos and S settings, of which the first is the default; NaN: there is none."""

    chosen: Floats
    """(M, P, S): what settings are chosen by."""
    reported: Floats
    """(M, P, S): what is reported of them."""
    baselines: Mapping[str, Floats]
    """(M, P) for each baseline: what is reported of it."""

    @cached_property
    def best(self) -> NDArray[np.intp]:
        """(M, P): the setting that is chosen, the first of equals; -1 where none has both scores."""
        usable = np.where(np.isfinite(self.reported) & np.isfinite(self.chosen), self.chosen, -np.inf)
        return np.where(np.isfinite(usable).any(axis=2), np.argmax(usable, axis=2), -1)

    @cached_property
    def own(self) -> Floats:
        """(M, P): what is reported of each photo's own best setting."""
        found = np.take_along_axis(self.reported, np.maximum(self.best, 0)[..., None], axis=2)[..., 0]
        return np.where(self.best >= 0, found, np.nan)

    @property
    def default(self) -> Floats:
        """(M, P): what is reported of the default."""
        return np.asarray(self.reported[..., 0])

    @cached_property
    def across_photos(self) -> Floats:
        """(M, P, P): under one model, the setting chosen for the photo of the row, judged on that of the column."""
        models, photos = self.best.shape
        found = np.full((models, photos, photos), np.nan)
        for m, a in zip(*np.nonzero(self.best >= 0), strict=True):
            found[m, a] = self.reported[m, :, self.best[m, a]]
        return found

    @cached_property
    def across_models(self) -> Floats:
        """(M, M, P): on one photo, the setting chosen for the model of the row, judged on that of the column."""
        models, photos = self.best.shape
        found = np.full((models, models, photos), np.nan)
        for m, p in zip(*np.nonzero(self.best >= 0), strict=True):
            found[m, :, p] = self.reported[:, p, self.best[m, p]]
        return found

    @cached_property
    def one_for_all(self) -> int:
        """The setting with the best mean rank over all models and photos; -1 where none was judged on all of them."""
        judged = self.best >= 0
        scores = self.chosen[judged]
        complete = np.isfinite(scores).all(axis=0) & np.isfinite(self.reported[judged]).all(axis=0)
        if not judged.any() or not complete.any():
            return -1
        scores = np.where(complete, scores, -np.inf)
        ahead, level = (op(scores[:, None], scores[:, :, None]).sum(axis=2) for op in (np.greater, np.equal))
        ranks = (ahead + (level - 1) / 2).mean(axis=0)
        return int(np.argmin(np.where(complete, ranks, np.inf)))


def mean(values: Floats, axis: int | tuple[int, ...] | None = None) -> Floats:
    """Return the mean of what is there; NaN where nothing is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice", category=RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=axis))
