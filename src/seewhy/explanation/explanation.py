"""The result: what each region or pixel contributed, on the original photo, with everything that led to it."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from seewhy.core.progress import Progress
from seewhy.core.settings import whole_number
from seewhy.core.types import JsonObject
from seewhy.engine.loop import Cancel
from seewhy.estimation.targets import Targets
from seewhy.explanation import record, result_file
from seewhy.explanation.again import continued, refitted
from seewhy.explanation.facts import ExplanationFacts
from seewhy.explanation.figures import cutout, example_figure, map_alone, plotted
from seewhy.explanation.remarks import remarks
from seewhy.explanation.report import report
from seewhy.explanation.same_model import known_model, same_model
from seewhy.explanation.side_by_side import SideBySide, side_by_side
from seewhy.explanation.smallest import SmallestRegion, smallest_region
from seewhy.explanation.verdict import Verdict, after_run, shown_region, verdict_of
from seewhy.render.display import Display

if TYPE_CHECKING:
    from seewhy.render.drawn import Axes, Figure


class Explanation(ExplanationFacts):
    """The explanation of one or several classes of one photo.

    All maps, regions and figures have the size of the original photo (H, W). Values are in the unit of the target's
    score; only figures rescale them. In a notebook the object shows its figure.
    """

    @classmethod
    def of(cls, *given: Any, **more: Any) -> Self:
        """Read an explanation out of samples, with every warning; see :meth:`ExplanationFacts.of`."""
        facts = super().of(*given, **more)
        return replace(facts, warnings=tuple(remarks(facts)))

    # --- shown -------------------------------------------------------------------------------------------

    def plot(self, *, ax: Axes | None = None, target: int | None = None, **shown: Any) -> Figure:
        """Return the figure: photo, segments, regions and heat map of every target, or of one, side by side.

        ``shown``: settings of :class:`seewhy.Display`, ``cmap``, ``vmax`` (effect with the strongest color, to compare
        photos on one scale), ``alpha`` (its opacity), ``min_weight`` (smallest effect shown), ``figsize`` (inches),
        ``style`` (``light``, ``dark`` or ``print``), ``caption``, ``badges`` (numbers on the chosen segments),
        ``one_scale`` (one color scale for all classes). ``ax``: draw only the heat map of a target into these axes.
        """
        return plotted(self, ax, None if target is None else self._place(target), shown)

    def cutout(self, target: int = 0, **shown: Any) -> NDArray[np.uint8]:
        """Return the shown region of the photo alone, (H, W, 4), the rest transparent; ``shown`` as in :meth:`plot`."""
        return cutout(self, self._place(target), shown)

    def plot_map(self, target: int = 0, *, colorbar: bool = True, **shown: Any) -> Figure:
        """Return the map of a target without the photo, with its scale below unless ``colorbar`` is False.

        All values are colored, also those not distinguishable from 0. ``shown``: ``cmap``, ``vmax``, ``alpha``,
        ``min_weight``, ``figsize`` and ``style`` as in :meth:`plot`.
        """
        return map_alone(self, self._place(target), shown, colorbar=colorbar)

    def plot_examples(self, n: int = 6, *, target: int = 0) -> Figure:
        """Return a figure of ``n`` example masks and masked images with their scores."""
        return example_figure(self, whole_number("n", n, 1), self.targets[self._place(target)])

    def to_html(self, **shown: Any) -> str:
        """Return the report: one HTML page that needs nothing else; ``shown``: settings of :class:`seewhy.Display`.

        Write it to a file as UTF-8, as ``seewhy report`` does.
        """
        return report([(self, Display(**shown))])

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
        """Recompute the explanation from the same samples with other settings; needs no model calls.

        The result equals a run that had these settings from the start.

        Parameters
        ----------
        targets
            Other classes or contrasts, of those whose scores were kept; see :func:`seewhy.explain`.
        changes
            Settings of the method that do not change the samples, such as ``kernel``, ``surrogate``, ``num_features``,
            ``unit`` or ``estimator``, and a smaller ``n_samples``.

        Raises
        ------
        InvalidInput
            A change needs new model calls, or the scores of a class were not kept.
        """
        return refitted(self, targets, changes)

    def continue_(
        self,
        *,
        model: object = None,
        batch_size: int | None = None,
        progress: Progress | bool | None = None,
        cancel: Cancel | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        verdict: bool | dict[str, Any] | Display = True,
        **amount: Any,
    ) -> Explanation:
        """Resume the run: add samples up to a new limit. The result equals an uninterrupted run.

        Parameters
        ----------
        model
            The same model, for a result from a file; it first evaluates two stored images again as a check.
        batch_size, progress, cancel, checkpoint, verdict
            As in :func:`seewhy.explain`.
        amount
            ``n_samples``, ``tolerance``, ``max_evaluations``, ``max_seconds``, ``until``; default: as before, to
            complete an interrupted run.

        Raises
        ------
        InvalidInput
            The model is another one, or a setting does not limit the amount of samples.
        """
        asked = same_model(self, model)
        found = continued(
            self,
            asked,
            amount,
            batch_size=batch_size,
            progress=progress,
            cancel=cancel,
            save=None if checkpoint is None else lambda part: part.save(checkpoint),
        )
        return after_run(found, asked, shown_region(verdict), batch_size)

    @cached_property
    def verdict(self) -> Verdict:
        """One sentence and a grade (firm, fair, rough, do not use) for the first target; see :class:`Verdict`."""
        return verdict_of(self)

    def smallest_region(self, target: int = 0, *, model: object = None) -> SmallestRegion:
        """Find the smallest share of the strongest pixels that keeps the class; needs 21 evaluations.

        ``model``: the same model, for a result that was loaded from a file.
        """
        place = self._place(target)
        return smallest_region(self, known_model(self) if model is None else same_model(self, model), place)

    def compare(self, target: int = 0) -> SideBySide:
        """Compare related methods on the same samples; needs no model calls.

        For LIME: the Banzhaf values, which have no kernel, and the Shapley values if the design allows them. For RISE:
        the other estimators.
        """
        return side_by_side(self, self.refit, self._place(target))

    # --- written -----------------------------------------------------------------------------------------

    def to_dict(self) -> JsonObject:
        """Return the result as plain JSON values, as ``seewhy explain --json`` prints it (without ``files``)."""
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
