"""The result: what each region or pixel contributed, on the original photo, with everything that led to it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seewhy._version import __version__
from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.progress import Report
from seewhy.core.settings import whole_number
from seewhy.core.types import Floats, Heatmap, JsonObject, Segments, Sign
from seewhy.engine.loop import Cancel
from seewhy.engine.protocols import Method, Model
from seewhy.engine.run import Subject, evaluations
from seewhy.engine.stopping import Stop
from seewhy.estimation.attribution import Attribution, MapAttribution
from seewhy.estimation.targets import Prediction, Target, Targets
from seewhy.explanation import record, result_file, significance
from seewhy.explanation.again import continued, refitted
from seewhy.explanation.figures import example_figure, plotted
from seewhy.explanation.model_facts import ModelFacts
from seewhy.explanation.portable import Portable
from seewhy.explanation.remarks import predictions, remarks
from seewhy.explanation.same_model import known_model, same_model
from seewhy.explanation.side_by_side import SideBySide, side_by_side
from seewhy.explanation.smallest import SmallestRegion, smallest_region
from seewhy.images import Image, regions
from seewhy.images.geometry import View
from seewhy.images.regions import Region
from seewhy.images.scene import Scene
from seewhy.sampling.samples import Samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation(Portable):
    """What made the model decide, for one or several classes of one photo.

    Everything shown or returned lies on the original photo (H, W). Values are in the unit of the target's score;
    nothing is rescaled except in pictures. In a notebook the object shows its figure.
    """

    image: Image
    view: View
    """How the photo became the picture that the model saw."""
    method: Method
    model: ModelFacts
    seed: int
    scene_segments: Segments | None
    """(h, w) on the model's picture; (B, h, w) where each block has its own; None for methods without segments."""
    samples: Samples
    predictions: tuple[Prediction, ...]
    """The model's strongest classes on the untouched photo."""
    targets: tuple[Target, ...]
    attributions: tuple[Attribution, ...] = field(repr=False)
    n_evaluations: int
    """Pictures sent to the model, those of a pilot included."""
    stop: Stop
    """Why the run ended."""
    fill: str = field(repr=False)
    """What the fill looked like, as a digest."""
    pilot: int = 0
    """Pictures by which ``auto`` chose the settings."""
    warnings: tuple[str, ...] = ()
    version: str = __version__
    seconds: float | None = None
    """Time of the run; not kept in files."""
    seconds_model: float | None = None
    """Part of it that the model took."""
    black_box: Model | None = field(default=None, repr=False)
    """The model itself, to go on with; not kept in files."""

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
    ) -> Explanation:
        """Read an explanation out of samples, for targets whose unit and score are known."""
        method, scene = subject.method, subject.scene
        found = cls(
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
            fill=record.fill_digest(scene),
            **more,
        )
        return replace(found, warnings=tuple(remarks(found)))

    # --- on the photo ------------------------------------------------------------------------------------

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
        if record.fill_digest(scene) != self.fill:
            raise FileError(
                f"the fill of {self.image.name} is another one than the model was asked with: has its file changed?"
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
                f"{self.method.name} gives a map, not values per segment; use heatmap() or region(share=...)"
            )
        return found.values

    def heatmap(self, target: int = 0) -> Heatmap:
        """Return the attribution per pixel (H, W) on the photo; 0 where the model did not see it (:attr:`seen`)."""
        found = self._attribution(target)
        if isinstance(found, MapAttribution):
            return self.view.map_to_photo(found.heatmap)
        segments = self._segments()
        return np.append(found.values, 0.0).astype(np.float32)[segments]  # -1, not seen, takes the last

    def changes(self, target: int = 0) -> Heatmap:
        """Return what pictures show, (H, W): the heat map less the value of a pixel that changes nothing.

        The same as :meth:`heatmap` but for RISE's ``reference`` and ``ratio`` maps, which hold scores.
        """
        found, heatmap = self._attribution(target), self.heatmap(target)
        level = found.level if isinstance(found, MapAttribution) else 0.0
        return np.where(self.seen, heatmap - level, 0).astype(np.float32) if level else heatmap

    def standard_error(self, target: int = 0) -> Heatmap | None:
        """Return the standard error of the heat map (H, W) on the photo; None where the samples do not tell."""
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
            raise InvalidInput(f"{len(self.samples)} samples are too few for intervals; ask for more with continue_()")
        if isinstance(found, MapAttribution):
            if simultaneous:
                raise InvalidInput("simultaneous intervals need segments, and this is a map")
            heatmap = self.heatmap(target).astype(np.float64)
            return heatmap - found.reach * se, heatmap + found.reach * se
        reach = (found.simultaneous if simultaneous else found.reach) * found.se
        return found.values - reach, found.values + reach

    def significant(self, target: int = 0) -> NDArray[np.bool_]:
        """Return which values are told from 0: (d,) for segments, (H, W) for maps; regions are chosen among these.

        Beyond the 95 % interval, beyond rounding, and not by chance among many. Without intervals only rounding counts.
        """
        return significance.significant(self, self._place(target))

    def evidence(self, target: int = 0) -> Heatmap:
        """Return what pictures show in color, (H, W): :meth:`changes`, and 0 where it is not told from 0."""
        return significance.evidence(self, self._place(target))

    def top(self, n: int = 5, *, target: int = 0, sign: Sign = "auto") -> list[Region]:
        """Return the ``n`` strongest segments that are told from 0, strongest first, with value, area and box."""
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
            Segments taken, strongest first; fewer if not enough have the sign and are told from 0: none is an answer.
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
            raise InvalidInput(f"share must be above 0, at most 1, got {share}")
        return significance.strongest_pixels(self, self._place(target), share, regions.checked(sign))

    def regions(self, target: int = 0) -> list[Region]:
        """Return every segment in order of its id, with value, area and box on the photo."""
        return regions.describe(self._segments(), self.values(target))

    # --- shown -------------------------------------------------------------------------------------------

    def plot(self, *, ax: Axes | None = None, target: int = 0, **shown: Any) -> Figure:
        """Return the figure: photo, segments, regions and heat map of every target, side by side.

        ``shown``: settings of :class:`seewhy.Display`, ``cmap``, ``limit`` (effect of the strongest color, one scale
        for several photos), ``min_weight`` (least effect shown). ``ax``: draws the heat map of a target there instead.
        """
        return plotted(self, ax, self._place(target), shown)

    def plot_examples(self, n: int = 6, *, target: int = 0) -> Figure:
        """Return a figure of ``n`` example masks and masked pictures with their scores."""
        return example_figure(self, whole_number("n", n, 1), self.targets[self._place(target)])

    def _repr_png_(self) -> bytes:
        from seewhy.render.png import NOTEBOOK_DPI, figure_png

        return figure_png(self.plot(), dpi=NOTEBOOK_DPI)

    def __repr__(self) -> str:
        named = ", ".join(f"{t.label} {t.score:.3g}" for t in self.targets)
        state = "" if self.complete else ", partial"
        return (
            f"<Explanation of {self.image.name} by {self.method.name}: {named} "
            f"({self.model.name}, {self.n_evaluations} evaluations{state})>"
        )

    # --- changed without asking, or asked further --------------------------------------------------------

    def refit(self, *, targets: Targets | None = None, **changes: Any) -> Explanation:
        """Return what the same samples say under other settings; the model is not asked.

        Equal to having asked for it at first, with as many samples.

        Parameters
        ----------
        targets
            Other classes or contrasts, of those whose scores were kept; see :func:`seewhy.explain`.
        changes
            Settings of the method that only say how samples are read, such as ``kernel``, ``surrogate``,
            ``num_features``, ``unit`` or ``estimator``, and a smaller ``n_samples``.

        Raises
        ------
        InvalidInput
            A change needs new answers of the model, or a class was not kept.
        """
        return refitted(self, targets, changes)

    def continue_(
        self,
        *,
        model: object = None,
        batch_size: int | None = None,
        progress: Report | bool | None = None,
        cancel: Cancel | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        **amount: Any,
    ) -> Explanation:
        """Go on with the run: more samples are added to those there, up to another aim. Equal to a straight run.

        Parameters
        ----------
        model
            The same model again, for a result from a file; it is asked two known pictures again, to be sure.
        batch_size, progress, cancel, checkpoint
            As in :func:`seewhy.explain`.
        amount
            ``n_samples``, ``tolerance``, ``max_evaluations``, ``max_seconds``, ``until``; not given, as before: a run
            that was interrupted goes on to its own end.

        Raises
        ------
        InvalidInput
            The model is another one, or a setting is not about the amount.
        """
        return continued(
            self,
            same_model(self, model),
            amount,
            batch_size=batch_size,
            progress=progress,
            cancel=cancel,
            checkpoint=checkpoint,
        )

    def smallest_region(self, target: int = 0, *, model: object = None) -> SmallestRegion:
        """Ask the model which share of the strongest pixels is enough to keep the class; 21 evaluations.

        ``model``: the same model again, for a result that was loaded from a file.
        """
        place = self._place(target)
        return smallest_region(self, known_model(self) if model is None else same_model(self, model), place)

    def compare(self, target: int = 0) -> SideBySide:
        """Return what relatives of the method say about the same samples, and how far they agree.

        For LIME the Banzhaf values, which have no kernel, and the Shapley values where the design allows them; for
        RISE its other estimators.
        """
        return side_by_side(self, self._place(target))

    # --- written -----------------------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """False if somebody stopped the run before its end."""
        return self.stop.complete

    @property
    def error(self) -> float | None:
        """Estimated relative error of the worst target; infinite: more noise than signal; None: not known."""
        errors = [found.error for found in self.attributions]
        known = [error for error in errors if error is not None]
        return max(known) if len(known) == len(errors) else None

    def to_dict(self) -> JsonObject:
        """Return the result as plain JSON values: what ``seewhy explain --json`` prints, there with its ``files``."""
        return record.as_dict(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result file: settings, samples, values and the photo, without its camera's metadata.

        The same run gives the same bytes: no times are kept.

        Raises
        ------
        FileError
            The file cannot be written.
        """
        return result_file.write(path, record.header(self), record.arrays(self))

    # --- inside ------------------------------------------------------------------------------------------

    def _place(self, target: int) -> int:
        return whole_number("target, a place in targets,", target, 0, len(self.targets) - 1)

    def _attribution(self, target: int) -> Attribution:
        return self.attributions[self._place(target)]

    def _segments(self) -> Segments:
        if self.segments is None:
            raise InvalidInput(f"{self.method.name} gives a map, not segments")
        return self.segments
