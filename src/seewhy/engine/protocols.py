"""The seams of a run: what a model and a method must offer.

Nothing here has behavior. A part that fits its protocol works everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, Protocol

from seewhy.core.types import Batch, Floats, JsonObject, Pixels, ScoreKind, Scores, Segments
from seewhy.engine.stopping import Amount, Draws
from seewhy.estimation.attribution import Attribution
from seewhy.estimation.intervals import Spread
from seewhy.images import Image
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.sampling.blocks import Block
from seewhy.sampling.protocols import MaskMaker
from seewhy.sampling.samples import Samples


class Model(Protocol):
    """The black box: preprocessed pictures in, one row of scores a picture out.

    Preprocessing acts on each pixel alone and is linear between two pictures, so that mixing two prepared
    pictures is the same as preparing their mixture. Resizing and cropping belong to :meth:`view`.

    What else a model states about itself is its attribute ``traits``, a :class:`seewhy.engine.traits.ModelTraits`,
    which it may leave out.
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
    def gives(self) -> Literal["segments", "map"]:
        """What the values belong to."""

    @property
    def chance(self) -> bool:
        """Whether rows are drawn at random."""

    @property
    def amounts(self) -> frozenset[str]:
        """Settings by which more or less is sampled."""

    @property
    def fits(self) -> frozenset[str]:
        """Settings of the method that only say how samples are read."""

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
    def estimates_from(self) -> int | None:
        """Samples from which the estimated error alone ends a run; None: the strict stopping rule applies."""

    @property
    def free(self) -> frozenset[str]:
        """Settings that need no new samples."""

    def check(self, least: int) -> None:
        """Refuse fewer samples than can be read."""

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
