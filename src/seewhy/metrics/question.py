"""What is graded: one class of one photo, asked of one model; and a map that claims to say why."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seewhy.api import opened
from seewhy.core.errors import InvalidInput
from seewhy.core.randomness import Purpose, generator
from seewhy.core.types import Floats, Heatmap, Sign, Unit
from seewhy.engine.loop import Clock, Composer, best_batch_size, score_masks, score_untouched
from seewhy.engine.protocols import Model
from seewhy.engine.traits import traits_of
from seewhy.estimation.attribution import SegmentAttribution, on_view
from seewhy.estimation.targets import resolve_targets
from seewhy.explanation.explanation import Explanation
from seewhy.images import Background, Image, Reading
from seewhy.images.fills import fill_picture
from seewhy.images.geometry import View
from seewhy.images.protocols import Fill
from seewhy.images.scene import Scene
from seewhy.models import load_model
from seewhy.render.display import Display
from seewhy.sampling.samples import convert, log_total, recognize_kind


@dataclass(frozen=True, eq=False)
class Truth:
    """Where the object is."""

    mask: NDArray[np.bool_]
    """(H, W) on the photo."""
    kind: Literal["mask", "boxes"] = "mask"
    """Boxes hold more than the object: even the best map reaches less than 1."""

    def __post_init__(self) -> None:
        if self.mask.dtype != np.bool_:
            raise InvalidInput(
                (
                    f"Truth.mask must be a boolean array (H, W), got {self.mask.dtype} {self.mask.shape}; for "
                    "a mask image use image > 127"
                ),
                setting="Truth.mask",
                rule="be a boolean array (H, W)",
                value=self.mask.shape,
            )


@dataclass(eq=False)
class Question:
    """One class of one photo, and the model that is asked again for some metrics."""

    image: Image
    view: View
    model: Model
    target: int
    """Index of the class."""
    truth: Truth | None = None
    seed: int = 0
    clock: Clock = field(default_factory=Clock)
    calls: int = 0
    """Pictures that metrics have sent so far."""
    batch_size: int | None = None
    """Pictures a batch; None: what suits the model."""
    _known: dict[Hashable, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        photo: object,
        *,
        model: object = None,
        target: str | int = "top1",
        truth: Truth | NDArray[np.bool_] | None = None,
        seed: int = 0,
        background: Background = "white",
        batch_size: int | None = None,
        untouched: NDArray[np.float32] | None = None,
    ) -> Question:
        """Return the question for a photo; ``target`` is a class, or ``top1`` for the model's own.

        ``truth``: of the photo's size; what is not 0 is the object. ``untouched``: (1, K), what the model answered to
        the unmasked image before; None: it is asked.

        Raises
        ------
        InvalidInput
            The truth is of another size than the photo, or the target is not one class.
        """
        image, black_box, view = opened(photo, load_model(model), Reading(background))
        black_box = traits_of(black_box).exact or black_box  # grades are of the model, not of a quick stand-in
        if truth is not None and not isinstance(truth, Truth):
            truth = Truth(np.asarray(truth, dtype=bool))
        if truth is not None and truth.mask.shape != (image.height, image.width):
            raise InvalidInput.of("truth", f"be of the photo's size, {(image.height, image.width)}", truth.mask.shape)
        asked = cls(image, view, black_box, -1, truth, seed, batch_size=batch_size)
        if untouched is not None:
            asked.remember("untouched", lambda: untouched)
        found = resolve_targets(target, asked.untouched[0].astype(np.float64), black_box.labels)
        if len(found) != 1 or not isinstance(found[0], int):
            raise InvalidInput.of("target", "be one class", target)
        asked.target = found[0]
        return asked

    @property
    def untouched(self) -> NDArray[np.float32]:
        """(1, K): what the model answers to the unmasked image."""

        def ask() -> NDArray[np.float32]:
            self.calls += 1
            return score_untouched(self.model, self._composer(None), self.clock)

        found: NDArray[np.float32] = self.remember("untouched", ask)
        return found

    @property
    def unit(self) -> Unit:
        """Probability, or the raw score of a model that has none."""
        kind = self.model.kind or recognize_kind(self.untouched)
        return "score" if kind == "score" else "probability"

    @property
    def whole(self) -> float:
        """The score of the class on the unmasked image."""
        return float(self._of_class(self.untouched)[0])

    def scores(self, masks: NDArray[Any], fill: Fill | None) -> Floats:
        """Return the score (n,) of the class through masks (n, h, w) of the view, 1 keeps, over a fill; None: black."""
        composer = self._composer(fill)
        size = best_batch_size(self.model, composer.picture_bytes, self.batch_size)
        self.calls += len(masks)
        return self._of_class(score_masks(self.model, composer, masks, size, self.clock))

    def generator(self, purpose: Purpose) -> np.random.Generator:
        """Return the generator of this photo and seed: another photo draws otherwise, a second contender the same."""
        return generator(self.seed, purpose, int(self.image.sha256[:8], 16))

    def remember(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made under ``key`` before, or make it now."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def on_view(self, region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a region (H, W) of the photo on the view, (h, w)."""
        return self.view.segments_from_photo(region.astype(np.int32)) > 0

    def _of_class(self, scores: NDArray[np.float32]) -> Floats:
        kind = self.model.kind or recognize_kind(self.untouched)
        total = log_total(scores) if kind == "logit" else None
        return convert(scores[:, self.target].astype(np.float64), total, kind, self.unit)

    def _composer(self, fill: Fill | None) -> Composer:
        def make() -> Composer:
            pixels = self.view.apply(self.image)
            behind = np.zeros_like(pixels) if fill is None else fill_picture(fill, pixels, None, self.seed)
            return Composer(self.model, Scene(pixels, behind, None, self.seed), keep_batches=self.model.in_flight)

        found: Composer = self.remember(("composer", repr(fill)), make)
        return found


def graded_sign(display: Display) -> Sign:
    """Return the sign of the region that is graded: where none is asked for, what supports the class.

    Figures of segments show what contradicts it as well, but that is no part of the object.
    """
    return "positive" if display.sign == "auto" else display.sign


@dataclass(frozen=True, eq=False)
class Candidate:
    """A map that claims to say why, and the region that is shown of it."""

    name: str
    on_view: Heatmap
    """(h, w): how much each pixel of the view speaks for the class."""
    on_photo: Heatmap
    """(H, W): the same on the photo."""
    region: NDArray[np.bool_]
    """(H, W): what is shown."""
    explanation: Explanation | None = None
    place: int = 0
    """Place of the target in the explanation."""

    @property
    def density(self) -> Floats:
        """(h, w): contribution of each pixel alone, that of a segment being shared by its pixels."""
        found = None if self.explanation is None else self.explanation.attributions[self.place]
        if self.explanation is None or not isinstance(found, SegmentAttribution):
            return self.on_view.astype(np.float64)
        segments = self.explanation.scene_segments
        assert segments is not None
        return np.asarray((found.values / np.bincount(segments.ravel()))[segments])

    @classmethod
    def of(
        cls, explanation: Explanation, target: int = 0, display: Display | None = None, name: str | None = None
    ) -> Candidate:
        """Return the candidate of an explanation, with the region that ``display`` shows: shares are for maps alone."""
        shown = display or Display()
        share = shown.share if explanation.segments is None else None
        region = explanation.region(shown.regions, sign=graded_sign(shown), share=share, target=target)
        return cls(
            name or explanation.method.name,
            on_view(explanation.attributions[target], explanation.scene_segments),
            explanation.changes(target),
            region,
            explanation,
            target,
        )

    @classmethod
    def of_map(cls, name: str, question: Question, heatmap: Heatmap, share: float = 0.2) -> Candidate:
        """Return the candidate of a map (h, w) on the view, and its strongest ``share``."""
        on_photo = question.view.map_to_photo(heatmap.astype(np.float32))
        seen = question.view.seen()
        limit = np.quantile(on_photo[seen], 1 - share)
        return cls(name, heatmap.astype(np.float32), on_photo, seen & (on_photo >= limit))
