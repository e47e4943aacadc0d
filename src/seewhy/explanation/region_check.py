"""Does the shown region do what the map says? Tests it alone, the photo without it, and the fully masked image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seewhy.core.types import Unit
from seewhy.engine.loop import Clock
from seewhy.engine.protocols import Model
from seewhy.engine.run import Asker, Subject
from seewhy.estimation.targets import Prediction, Target
from seewhy.explanation.digests import fingerprint
from seewhy.images.fills import Blur, ImageMean, fill_picture
from seewhy.images.scene import Scene
from seewhy.sampling.samples import Answers

HALF = 0.5
"""What a part must keep of the score to be enough, and may leave of it to be needed."""
MASKS = 3
"""Masked images for each fill: the region alone, the photo without it, and nothing of the photo."""
FILLS = 2
CALLS = MASKS * FILLS


@dataclass(frozen=True)
class RegionCheck:
    """What the model answered about one region, over two fills; the scores of each fill stand in one order."""

    region: str
    """Digest of the region, as the model input has it."""
    share: float
    """Of the model input, 0..1."""
    fills: tuple[str, ...]
    unit: Unit
    whole: float
    """Score of the class on the untouched photo, in ``unit``, as all other scores are."""
    alone: tuple[float, ...]
    """Where only the region is shown."""
    without: tuple[float, ...]
    """Where everything else is shown."""
    bare: tuple[float, ...]
    """Where nothing is shown."""
    other: str | None = None
    """The next class of the model, by its name; None where there is none, or a contrast is explained."""
    other_alone: tuple[float, ...] = ()
    """Its scores where only the region of the first class is shown."""
    other_without: tuple[float, ...] = ()

    @property
    def calls(self) -> int:
        """Model evaluations that it took."""
        return MASKS * len(self.fills)

    @property
    def kept_alone(self) -> float | None:
        """Part of the score that the region alone keeps, where it keeps least; None if no fill takes any away."""
        return min(self._kept(self.alone), default=None)

    @property
    def kept_without(self) -> float | None:
        """Part of the score that is left without the region, where most is left; None if no fill takes any away."""
        return max(self._kept(self.without), default=None)

    @property
    def enough(self) -> bool:
        """Whether the region alone keeps at least half of what the photo scores above the fully masked image."""
        return self.kept_alone is not None and self.kept_alone >= HALF

    @property
    def needed(self) -> bool:
        """Whether at most half of that is left without the region."""
        return self.kept_without is not None and self.kept_without <= HALF

    def _kept(self, scores: tuple[float, ...]) -> list[float]:
        """Return ``(score - bare) / (whole - bare)`` for each fill that lowers the score."""
        return [
            (score - bare) / (self.whole - bare)
            for score, bare in zip(scores, self.bare, strict=True)
            if self.whole - bare > _LEAST_LOSS * abs(self.whole)
        ]


_LEAST_LOSS = 0.05
"""A fill that takes less than this part of the score away does not hide the class."""


def digest_of(region: NDArray[np.bool_]) -> str:
    """Return what names a region (h, w)."""
    return fingerprint(region.astype(np.uint8))


def check_region(
    subject: Subject,
    model: Model,
    region: NDArray[np.bool_],
    target: Target,
    untouched: Answers,
    other: Prediction | None = None,
    *,
    batch_size: int | None = None,
    clock: Clock | None = None,
) -> RegionCheck:
    """Send the model six masked images, and return its scores.

    Parameters
    ----------
    subject
        The photo, and the fill that its samples had.
    model
        What answers; where it is of lower precision, its original does.
    region
        (h, w) on the model input, neither empty nor all of it.
    target
        What is explained.
    untouched
        The scores of the untouched photo.
    other
        The next class, if its scores are of interest.
    batch_size, clock
        As in a run.
    """
    masks = np.stack([region, ~region, np.zeros_like(region)]).astype(np.float32)
    answers, names = [], []
    for name, scene in _scenes(subject):
        asker = Asker(model, replace(subject, scene=scene), batch_size, clock or Clock())
        answers.append(Answers.of(asker.score(masks), untouched.kind, untouched.classes))
        names.append(name)
    wanted = (target.index, target.versus) if target.versus is not None else target.index
    asked = Target.of(wanted, untouched, None)
    alone, without, bare = (tuple(float(asked.scores(one)[k]) for one in answers) for k in range(MASKS))
    facts = RegionCheck(
        region=digest_of(region),
        share=float(region.mean()),
        fills=tuple(names),
        unit=asked.unit,
        whole=asked.score,
        alone=alone,
        without=without,
        bare=bare,
    )
    if other is None:
        return facts
    rival = Target.of(other.index, untouched, None)
    theirs, left = (tuple(float(rival.scores(one)[k]) for one in answers) for k in range(2))
    return replace(facts, other=other.label, other_alone=theirs, other_without=left)


def _scenes(subject: Subject) -> Iterator[tuple[str, Scene]]:
    """Yield the fill of the samples, and another one: what only one of them shows is about the fill."""
    scene, given = subject.scene, subject.method.to_dict().get("fill")
    own = str(given.get("name")) if isinstance(given, dict) else "own"
    yield own, scene
    other = ImageMean() if own == "blur" else Blur()
    yield other.name, Scene(scene.pixels, fill_picture(other, scene.pixels, None, scene.seed), None, scene.seed)
