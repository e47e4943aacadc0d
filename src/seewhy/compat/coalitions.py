"""Asks a classifier as ``lime`` does: in the image's own range and type, in the coalitions that ``lime`` draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.progress import Progress
from seewhy.core.settings import setting
from seewhy.core.types import Batch, Coalitions, Pixels, ScoreKind, Scores, Segments
from seewhy.engine.canvas import Masked
from seewhy.engine.run import Asker, Run, Subject
from seewhy.engine.traits import ModelTraits
from seewhy.images import Image
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.methods import Lime
from seewhy.models.function import FunctionModel
from seewhy.sampling.blocks import Block
from seewhy.sampling.designs import with_untouched
from seewhy.sampling.masks import SegmentMasks
from seewhy.sampling.protocols import MaskMaker
from seewhy.sampling.samples import Answers

_BLOCK = 64
_KIND: ScoreKind = "score"
"""Scores are explained as they come, whatever they are."""


def as_random_state(given: object) -> np.random.RandomState:
    """Return a state of one's own for a seed, a ``RandomState``, or None, which is the seed 0."""
    if isinstance(given, np.random.RandomState):
        return deepcopy(given)
    seed = 0 if given is None else given
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool) and 0 <= seed < 2**32:
        return np.random.RandomState(int(seed))  # lime's seeds give lime's rows
    raise InvalidInput.of("random_state", "be None, a whole number from 0 to 2**32 - 1 or a RandomState", given)


class CoinFlips(Lime):
    """LIME's settings with the rows of ``lime``: the whole image first, then fair coins of NumPy's older generator."""

    start: Annotated[np.random.RandomState, setting("state from which the coins are drawn; it is never changed")]

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield the rows that ``lime`` draws from the same state; they do not depend on how many there will be."""
        del seed
        return with_untouched(self._coins(masks.d))

    def _coins(self, d: int) -> Iterator[Block]:
        state = deepcopy(self.start)
        while True:
            yield Block(state.randint(0, 2, (_BLOCK, d)).astype(bool))


class Repainted:
    """A model that keeps or replaces segments of an image (H, W, C) of any range and type by itself.

    The engine mixes pictures in float32; here every pixel is the image's or the fill's own, to the last bit.
    """

    kind, labels, channels = _KIND, None, None
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    in_flight = 0
    traits = ModelTraits(composes=True)

    def __init__(
        self,
        classifier_fn: Callable[..., Any],
        image: NDArray[Any],
        fill: NDArray[Any],
        segments: Segments,
        batch_size: int,
    ) -> None:
        if not callable(classifier_fn):
            raise InvalidInput.of("classifier_fn", "be a function of images (B, H, W, C)", classifier_fn)
        self._image, self._fill, self._segments = image, fill, segments
        self._function = FunctionModel(classifier_fn)
        self.name, self.fingerprint = self._function.name, self._function.fingerprint
        self.batch_size = batch_size

    def view(self, height: int, width: int) -> View:
        """Return the image as it is."""
        return View.identity(height, width)

    def prepare(self, pixels: Pixels) -> Batch:
        """Return ``pixels`` as they are: what the engine prepares is not what is sent."""
        return pixels

    def untouched(self) -> Scores:
        """Return the scores (1, K) of the image as it is."""
        return next(self._function.stream([self._image[None].copy()]))

    def stream(self, batches: Iterable[Batch | Masked]) -> Iterator[Scores]:
        """Yield scores (B, K) for each batch of rows, in order."""
        yield from self._function.stream(self._pictures(batch) for batch in batches)

    def _pictures(self, batch: Batch | Masked) -> Any:
        """Return the images (B, H, W, C) that rows stand for."""
        if not isinstance(batch, Masked):
            msg = "images are repainted from rows, not from arrays"
            raise TypeError(msg)
        kept = np.concatenate([block.coalitions for _, block in batch.parts])[:, self._segments]
        return np.where(kept[..., None], self._image, self._fill)


@dataclass(frozen=True)
class Asked:
    """Coalitions (n, d), the first one whole, and what the classifier answered, (n, K)."""

    coalitions: Coalitions
    scores: Scores


def ask(model: Repainted, segments: Segments, method: CoinFlips, report: Progress) -> Asked:
    """Ask the whole image, then every different coalition once.

    Raises
    ------
    ModelError
        The classifier answered something other than one row of finite scores an image; its own exceptions pass.
    """
    # The engine needs a picture in 0..1 to measure; the model paints on its own.
    blank = np.zeros((*segments.shape, 1), dtype=np.float32)
    scene = Scene(blank, blank, segments)
    subject = Subject(Image(blank), View.identity(*segments.shape), method, 0, scene, SegmentMasks(segments))
    scores = model.untouched()
    untouched = Answers.of(scores, _KIND, tuple(range(scores.shape[1])))
    outcome = Run(subject, (), untouched).collect(Asker(model, subject), scores.shape[1], report, None)
    if not outcome.stop.complete:  # half of the rows are not what was asked for
        raise KeyboardInterrupt
    return Asked(outcome.samples.block(slice(None)).coalitions, outcome.samples.scores)
