"""The seams: what a model, a segmentation, a fill, a design and a method must offer.

Nothing here has behavior. A part that fits its protocol works everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from seewhy._types import Batch, Floats, JsonObject, Masks, Pixels, ScoreKind, Scores, Segments
from seewhy.attribution import Attribution
from seewhy.geometry import View
from seewhy.images import Image
from seewhy.intervals import Spread
from seewhy.samples import Samples
from seewhy.scene import Block, Scene
from seewhy.stopping import Amount, Draws


class Model(Protocol):
    """The black box: preprocessed pictures in, one row of scores a picture out.

    Preprocessing acts on each pixel alone and is linear between two pictures, so that mixing two prepared
    pictures is the same as preparing their mixture. Resizing and cropping belong to :meth:`view`.

    A model that has a true attribute ``composes`` is streamed :class:`seewhy.canvas.Masked` beside arrays: rows, of
    which it composes the pictures itself.
    """

    @property
    def name(self) -> str:
        """Name shown to people, such as ``efficientnet-lite0``."""

    @property
    def fingerprint(self) -> str:
        """Text that changes when the model's answers may change."""

    @property
    def kind(self) -> ScoreKind | None:
        """What the scores are; None: to be recognized from the first answers, and said."""

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Class names by index, if known."""

    @property
    def channels(self) -> int | None:
        """Channels of the pictures it takes; None: any."""

    @property
    def layout(self) -> Literal["NHWC", "NCHW"]:
        """Where height, width and channels stand in a batch."""

    @property
    def batch_size(self) -> int | None:
        """Pictures the next batch should have at best; None: no preference."""

    @property
    def in_flight(self) -> int:
        """Batches :meth:`stream` may hold at once, after which it is done with them; 0: it may keep them."""

    def view(self, height: int, width: int) -> View:
        """Return how a photo of this size becomes the picture the model sees."""

    def prepare(self, pixels: Pixels) -> Batch:
        """Preprocess one picture (H, W, C) in 0..1 of the view's size into the model's layout, without a batch axis."""

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield scores (B, K) for each batch, in order; taking the next batch early keeps the model busy."""


class Segmenter(Protocol):
    """Divides a picture into regions."""

    def __call__(self, pixels: Pixels, seed: int) -> Segments:
        """Return ids 0..d-1 without gaps for a picture (H, W, C) in 0..1."""


class Fill(Protocol):
    """What stands where a mask is 0; acts on the picture in 0..1, before preprocessing."""

    def __call__(self, pixels: Pixels, segments: Segments | None, rng: np.random.Generator) -> Pixels:
        """Return a picture of the same shape; ``segments`` is None for methods that have none."""


class Design(Protocol):
    """Says which coalitions are asked; block i depends only on the seed and i.

    Whatever takes ``d`` segments or cells raises InvalidInput if the design cannot be drawn over as many.
    """

    name: ClassVar[str]
    """Name shown to people, such as ``foldover-hadamard``."""
    estimand: ClassVar[str]
    """What a value means: the limit of an unweighted linear fit on the design's rows, in one line."""
    pairs: ClassVar[bool]
    """Whether rows 2i and 2i + 1 of every block were drawn together, a coalition and its partner; rows of
    different pairs may then be taken as independent where rows may not."""
    alike: ClassVar[bool]
    """Whether rows, or pairs, are drawn alike, so that any share of them stands for all; not where sizes differ by
    plan, or where the design holds every row once."""

    def blocks(self, d: int, seed: int) -> Iterator[Block]:
        """Yield blocks of coalitions over ``d`` segments or cells: without end, or until :meth:`total` rows came."""

    def block_rows(self, d: int) -> int:
        """Return the rows of a block, that is what it costs in pictures; all blocks of a design are alike."""

    def least(self, d: int) -> int:
        """Return the fewest rows, in whole blocks, that give values and what is needed to tell their error."""

    def total(self, d: int) -> int | None:
        """Return the rows of the whole design; None: there is no end."""


class MaskMaker(Protocol):
    """Turns rows of a design into masks."""

    @property
    def d(self) -> int:
        """Segments or cells a row switches."""

    def record(self, samples: Samples) -> Segments | None:
        """Return the segments that these samples switch, to be kept with them; None where there are none."""

    def __call__(self, block: Block) -> Masks:
        """Return masks (B, H, W) for the rows of ``block``."""

    def opposite(self, block: Block) -> NDArray[np.bool_]:
        """Return (B,): where a mask is of 0 and 1 alone, and the very opposite of the mask before it."""


class Method(Protocol):
    """Frozen settings that know how to ask the model and how to read its answers; a run leaves no trace on it."""

    @property
    def name(self) -> str:
        """Name shown to people, such as ``lime``."""

    def to_dict(self) -> JsonObject:
        """Return the settings as plain JSON values."""

    @property
    def unit(self) -> str:
        """Unit asked for; ``auto``: probability where the model allows it."""

    @property
    def cut(self) -> Literal["share", "otsu"]:
        """How a region is cut from a map, unless a share is given."""

    @property
    def log_odds(self) -> bool:
        """Whether ``auto`` means log-odds where the model allows them."""

    @property
    def amount(self) -> Amount:
        """How much is asked."""

    @property
    def free(self) -> frozenset[str]:
        """Settings that need no new samples."""

    def relatives(self) -> dict[str, JsonObject | str]:
        """Return other ways to read the same samples: changes of settings by name, or why there can be none."""

    def scene(self, image: Image, view: View, seed: int, segments: Segments | None = None) -> Scene:
        """Return the picture and its fill; ``segments``, if given, are taken as they are."""

    def masks(self, scene: Scene) -> MaskMaker:
        """Return what turns rows into masks."""

    def draws(self, masks: MaskMaker) -> Draws:
        """Return what a plan must know of the rows."""

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield the rows to ask, in blocks, until the design ends if it does."""

    def estimate(self, samples: Samples, scene: Scene, scores: Floats) -> Attribution:
        """Read an attribution out of samples and the scores (n,) of a target; never asks the model."""

    def spread(self, samples: Samples, scene: Scene, scores: Floats) -> Spread | None:
        """Return how sure that attribution is, without the rest of it; None where the samples do not tell."""

    def warnings(self, samples: Samples) -> Iterator[str]:
        """Yield what a reader of the result must know."""

    def replace(self, **changes: Any) -> Method:
        """Return the same method with other settings, checked again."""
