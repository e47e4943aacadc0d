"""What an explanation found out, as data, and everything that can be asked of it on the original photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seewhy._version import __version__
from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.settings import whole_number
from seewhy.core.types import Floats, Heatmap, Segments, Sign
from seewhy.engine.protocols import Method, Model
from seewhy.engine.run import Subject, evaluations
from seewhy.engine.stopping import Stop
from seewhy.estimation.attribution import Attribution, MapAttribution, SegmentAttribution
from seewhy.estimation.targets import Prediction, Target
from seewhy.explanation.digests import fill_digest
from seewhy.explanation.model_facts import ModelFacts
from seewhy.explanation.portable import Portable
from seewhy.explanation.region_check import RegionCheck
from seewhy.explanation.significance import Evidence
from seewhy.images import Image, regions
from seewhy.images.geometry import View
from seewhy.images.regions import Region
from seewhy.images.scene import Scene
from seewhy.sampling.samples import Samples

_SHARE = 0.2
"""Of the seen pixels of a map, at most so many are shown where nothing else is asked for."""
_PREDICTIONS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class ExplanationFacts(Portable):
    """What a run found out, and what can be asked of it on the photo; :class:`seewhy.Explanation` does the rest.

    Everything returned lies on the original photo (H, W), in the unit of the target's score.
    """

    image: Image
    view: View
    """How the photo became the model input."""
    method: Method
    model: ModelFacts
    seed: int
    scene_segments: Segments | None
    """(h, w) on the model input; (B, h, w) if each block has its own; None for methods without segments."""
    samples: Samples
    predictions: tuple[Prediction, ...]
    """The model's strongest classes on the unmasked photo."""
    targets: tuple[Target, ...]
    attributions: tuple[Attribution, ...] = field(repr=False)
    n_evaluations: int
    """Model evaluations, including those of a pilot and of the verdict."""
    stop: Stop
    """Why the run ended."""
    fill: str = field(repr=False)
    """What the fill looked like, as a digest."""
    pilot: int = 0
    """Evaluations of the pilot of ``auto``."""
    check: RegionCheck | None = None
    """Scores of the shown region of the first target, if they were measured."""
    warnings: tuple[str, ...] = ()
    version: str = __version__
    seconds: float | None = None
    """Time of the run; not kept in files."""
    seconds_model: float | None = None
    """Part of it that the model took."""
    black_box: Model | None = field(default=None, repr=False)
    """The model itself, to resume the run; not kept in files."""

    @classmethod
    def of(
        cls,
        subject: Subject,
        model: ModelFacts,
        samples: Samples,
        targets: tuple[Target, ...],
        stop: Stop,
        pilot: int = 0,
        **more: Any,
    ) -> Self:
        """Read the facts out of samples, for targets whose unit and score are known."""
        method, scene = subject.method, subject.scene
        return cls(
            image=subject.image,
            view=subject.view,
            method=method,
            model=model,
            seed=subject.seed,
            scene_segments=subject.masks.record(samples),
            samples=samples,
            predictions=predictions(samples, model.labels),
            targets=targets,
            attributions=tuple(method.estimate(samples, scene, one.read(samples)) for one in targets),
            n_evaluations=evaluations(samples) + pilot,
            pilot=pilot,
            stop=stop,
            fill=fill_digest(scene),
            **more,
        )

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """(H, W): True where the model saw the photo; its crop leaves the rest out."""
        return self.view.seen()

    @cached_property
    def segments(self) -> Segments | None:
        """(H, W) segment ids on the photo, -1 where the model did not see it; None for maps."""
        found = self.scene_segments
        return None if found is None or found.ndim == 3 else self.view.segments_to_photo(found)

    @cached_property
    def scene(self) -> Scene:
        """The picture that the model saw, and its fill.

        Raises
        ------
        FileError
            The fill is a file that has changed since, or a Python object that a result file does not hold.
        """
        scene = self.method.scene(self.image, self.view, self.seed, self.scene_segments)
        if fill_digest(scene) != self.fill:
            raise FileError(
                f"{self.image.name}: the fill differs from the one used in the run; has its file changed?",
                setting="fill",
                rule="be the fill of the run",
            )
        return scene

    def subject(self, method: Method | None = None) -> Subject:
        """Return what the model was asked about, under these settings or others; a fill that has changed is refused."""
        self.scene  # noqa: B018
        return Subject.of(self.image, self.view, method or self.method, self.seed, self.scene_segments)

    def values(self, target: int = 0) -> Floats:
        """Return one value a segment (d,) for the ``target``-th target.

        Raises
        ------
        InvalidInput
            The method gives a map, or there is no such target.
        """
        found = self._attribution(target)
        if isinstance(found, MapAttribution):
            raise InvalidInput(
                (f"{self.method.name} gives a map, not values per segment; use heatmap() or region(share=...)"),
                setting="method",
                rule="give values per segment",
                value=self.method.name,
            )
        return found.values

    def heatmap(self, target: int = 0) -> Heatmap:
        """Return the attribution per pixel (H, W) on the photo; 0 outside the model input (:attr:`seen`)."""
        found = self._attribution(target)
        if isinstance(found, MapAttribution):
            return self.view.map_to_photo(found.heatmap)
        segments = self._segments()
        return np.append(found.values, 0.0).astype(np.float32)[segments]  # -1, not seen, takes the last

    def changes(self, target: int = 0) -> Heatmap:
        """Return the effects that figures show, (H, W): the heat map minus the value of a pixel without effect.

        The same as :meth:`heatmap` but for RISE's ``reference`` and ``ratio`` maps, which hold scores.
        """
        found, heatmap = self._attribution(target), self.heatmap(target)
        level = found.level if isinstance(found, MapAttribution) else 0.0
        return np.where(self.seen, heatmap - level, 0).astype(np.float32) if level else heatmap

    def standard_error(self, target: int = 0) -> Heatmap | None:
        """Return the standard error of the heat map (H, W) on the photo; None if it is unknown."""
        found = self._attribution(target)
        if found.se is None:
            return None
        if isinstance(found, MapAttribution):
            return self.view.map_to_photo(np.asarray(found.se, dtype=np.float32))
        return np.append(found.se, 0.0).astype(np.float32)[self._segments()]

    def interval(self, target: int = 0, *, simultaneous: bool = False) -> tuple[Floats, Floats]:
        """Return the ends of the 95 % intervals: (d,) for segments, (H, W) for maps.

        ``simultaneous``: intervals of segments that all hold at once with 95 %.

        Raises
        ------
        InvalidInput
            There are too few samples to tell, or simultaneous intervals of a map are asked for.
        """
        found, se = self._attribution(target), self.standard_error(target)
        if se is None or found.se is None:
            raise InvalidInput(
                f"{len(self.samples)} samples are too few for intervals; add samples with continue_()",
                setting="n_samples",
                rule="be enough for intervals",
                value=len(self.samples),
            )
        if isinstance(found, MapAttribution):
            if simultaneous:
                raise InvalidInput(
                    "simultaneous intervals need segments, but this result is a map",
                    setting="simultaneous",
                    rule="not be given for a map",
                    value=True,
                )
            heatmap = self.heatmap(target).astype(np.float64)
            return heatmap - found.reach * se, heatmap + found.reach * se
        reach = (found.simultaneous if simultaneous else found.reach) * found.se
        return found.values - reach, found.values + reach

    def significant(self, target: int = 0) -> NDArray[np.bool_]:
        """Return which values are distinguishable from 0, (d,) or (H, W) for maps; regions are chosen among these.

        Beyond the 95 % interval, beyond rounding, and not by chance among many. Without intervals only rounding counts.
        """
        attribution = self._attribution(target)
        if isinstance(attribution, SegmentAttribution):
            return self.limits(target).told(attribution.values, attribution.se)
        return self.seen & self.limits(target).told(self.changes(target), self.standard_error(target))

    def evidence(self, target: int = 0) -> Heatmap:
        """Return the effects that figures color, (H, W): :meth:`changes`, or 0 if not distinguishable from 0."""
        told = self.significant(target)
        if told.ndim == 1:
            told = np.append(told, np.False_)[self._segments()]
        return np.where(told, self.changes(target), np.float32(0))

    def limits(self, target: int = 0) -> Evidence:
        """Return what values of a target must exceed to count as evidence."""
        place = self._place(target)
        return Evidence.of(self.attributions[place], self.targets[place].rounding(self.samples))

    def told_on_view(self, target: int = 0) -> NDArray[np.bool_]:
        """Return where values differ from 0, (h, w) on the model input."""
        attribution, limits = self._attribution(target), self.limits(target)
        if isinstance(attribution, SegmentAttribution):
            return limits.told(attribution.values, attribution.se)[self.scene_segments]
        return limits.told(attribution.heatmap.astype(np.float64) - attribution.level, attribution.se)

    def top(self, n: int = 5, *, target: int = 0, sign: Sign = "auto") -> list[Region]:
        """Return the ``n`` strongest segments distinguishable from 0, strongest first, with value, area and box."""
        told, count = self.significant(target), whole_number("n", n, 1)
        chosen = regions.strongest(self.values(target), told, count, regions.checked(sign))
        known = self.regions(target)
        return [known[i] for i in chosen]

    def region(
        self, n: int = 5, *, sign: Sign = "auto", target: int = 0, share: float | None = None
    ) -> NDArray[np.bool_]:
        """Return the pixels (H, W) of the photo that belong to the strongest regions.

        Parameters
        ----------
        n
            Segments taken, strongest first; fewer if not enough have the sign and are distinguishable from 0.
        sign
            ``positive`` supports the class, ``negative`` contradicts it, ``both`` goes by magnitude; ``auto``: both
            for segments, positive for pixels of a map.
        target
            Place in :attr:`targets`.
        share
            Share of the seen pixels, 0..1, taken by value instead of by segment. Not given, a map of ensemble-lime is
            cut by Otsu's threshold, another map at 0.2.
        """
        if share is None and self.segments is not None:
            return np.isin(self._segments(), [one.segment for one in self.top(n, target=target, sign=sign)])
        if share is not None and (isinstance(share, bool | str) or not 0 < share <= 1):
            raise InvalidInput.of("share", "be above 0, at most 1", share)
        return self._strongest_pixels(target, share, regions.checked(sign))

    def regions(self, target: int = 0) -> list[Region]:
        """Return every segment in order of its id, with value, area and box on the photo."""
        return regions.describe(self._segments(), self.values(target))

    @property
    def complete(self) -> bool:
        """False if the run was interrupted or cancelled."""
        return self.stop.complete

    @property
    def error(self) -> float | None:
        """Estimated relative error of the worst target; infinite: more noise than signal; None: unknown."""
        errors = [found.error for found in self.attributions]
        known = [error for error in errors if error is not None]
        return max(known) if len(known) == len(errors) else None

    def _place(self, target: int) -> int:
        return whole_number("target, a place in targets,", target, 0, len(self.targets) - 1)

    def _attribution(self, target: int) -> Attribution:
        return self.attributions[self._place(target)]

    def _segments(self) -> Segments:
        if self.segments is None:
            raise InvalidInput(
                f"{self.method.name} gives a map, not segments",
                setting="method",
                rule="give segments",
                value=self.method.name,
            )
        return self.segments

    def _strongest_pixels(self, target: int, share: float | None, sign: Sign) -> NDArray[np.bool_]:
        """Return the strongest ``share`` of the pixels distinguishable from 0, (H, W); None: the method's threshold."""
        told, changes = self.evidence(target) != 0, self.changes(target)
        if share is None and self.method.cut == "otsu":
            return np.asarray(told & regions.above_otsu(changes, self.seen, sign))
        return np.asarray(told & regions.strongest_pixels(changes, self.seen, _SHARE if share is None else share, sign))


def predictions(samples: Samples, labels: tuple[str, ...] | None) -> tuple[Prediction, ...]:
    """Return the strongest kept classes, strongest first, in probability where the model allows it."""
    untouched = samples.untouched
    named = None if labels is None else dict(zip(samples.classes, labels, strict=True))
    order = sorted(range(len(samples.classes)), key=lambda k: (-untouched.scores[0, k], samples.classes[k]))
    found = [Target.of(samples.classes[k], untouched, named) for k in order[:_PREDICTIONS]]
    return tuple(Prediction(one.index, one.label, one.score) for one in found)
