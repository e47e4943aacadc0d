"""The result: what each region or pixel contributed, on the original photo, with everything that led to it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from seewhy import regions, result_file
from seewhy._types import Floats, Heatmap, JsonObject, Segments, Sign
from seewhy.attribution import Attribution, MapAttribution, SegmentAttribution
from seewhy.display import Display
from seewhy.errors import InvalidInput
from seewhy.geometry import View
from seewhy.images import Image, to_bytes
from seewhy.protocols import Method
from seewhy.regions import Region
from seewhy.samples import Samples
from seewhy.scene import Scene
from seewhy.targets import Prediction, Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from seewhy.render import TargetPanel


@dataclass(frozen=True)
class ModelFacts:
    """What a result remembers of the model."""

    name: str
    fingerprint: str
    kind: str
    classes: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation:
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
    """(h, w) on the model's picture; None for methods without segments."""
    samples: Samples
    predictions: tuple[Prediction, ...]
    """The model's strongest classes on the untouched photo."""
    targets: tuple[Target, ...]
    attributions: tuple[Attribution, ...] = field(repr=False)
    n_evaluations: int
    """Pictures sent to the model."""
    complete: bool = True
    """False if the run was stopped before all samples were scored."""
    warnings: tuple[str, ...] = ()
    version: str = ""
    seconds: float | None = None
    """Time of the run; not kept in files."""
    seconds_model: float | None = None
    """Part of it that the model took."""

    # --- on the photo ------------------------------------------------------------------------------------

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """(H, W): True where the model saw the photo; its crop leaves the rest out."""
        return self.view.seen()

    @cached_property
    def segments(self) -> Segments | None:
        """(H, W) segment ids on the photo, -1 where the model did not see it; None for maps."""
        return None if self.scene_segments is None else self.view.segments_to_photo(self.scene_segments)

    @cached_property
    def scene(self) -> Scene:
        """The picture that the model saw, and its fill."""
        return self.method.scene(self.image, self.view, self.seed, self.scene_segments)

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

    def top(self, n: int = 5, *, target: int = 0, sign: Sign = "auto") -> list[Region]:
        """Return the ``n`` strongest segments, strongest first, with value, area and box on the photo."""
        chosen = regions.strongest(self.values(target), _count(n), _sign(sign))
        known = self._regions(target)
        return [known[i] for i in chosen]

    def region(
        self, n: int = 5, *, sign: Sign = "auto", target: int = 0, share: float | None = None
    ) -> NDArray[np.bool_]:
        """Return the pixels (H, W) of the photo that belong to the strongest regions.

        Parameters
        ----------
        n
            Segments taken, strongest first; fewer if not enough have the sign.
        sign
            ``positive`` supports the class, ``negative`` contradicts it, ``both`` goes by magnitude; ``auto``: both
            for segments, positive for pixels of a map.
        target
            Place in :attr:`targets`.
        share
            Share of the seen pixels, 0..1, taken by value instead of by segment; for maps 0.2 unless given.
        """
        if share is None and self.scene_segments is not None:
            chosen = regions.strongest(self.values(target), _count(n), _sign(sign))
            return np.isin(self._segments(), chosen)
        limit = 0.2 if share is None else share
        if not 0 < limit <= 1:
            raise InvalidInput(f"share must be above 0, at most 1, got {share}")
        return regions.strongest_pixels(self.heatmap(target), self.seen, limit, _sign(sign))

    # --- shown -------------------------------------------------------------------------------------------

    def plot(self, **display: Any) -> Figure:
        """Return the figure: photo, segments, regions and heat map of every target, side by side.

        ``display`` takes the settings of :class:`seewhy.Display`: ``regions``, ``share``, ``sign``, ``hide_rest``.
        """
        from seewhy.render import explanation_figure

        chosen = Display(**display)
        return explanation_figure(
            self.image.rgb8(),
            self.seen,
            [self._panel(i, chosen) for i in range(len(self.targets))],
            title=f"{self.method.name.upper()} · {self.model.name} · {self.n_evaluations} evaluations",
            subtitle=self.image.name,
            hide_rest=chosen.hide_rest,
            notes=self.warnings,
        )

    def plot_examples(self, n: int = 6, *, target: int = 0) -> Figure:
        """Return a figure of ``n`` example masks and masked pictures with their scores."""
        from seewhy.render import examples_figure

        shown = self._target(target)
        first = 1 if self.samples.d > 1 and bool(self.samples.block(slice(0, 1)).coalitions.all()) else 0
        place = slice(first, min(first + _count(n), len(self.samples)))
        masks = self.method.masks(self.scene)(self.samples.block(place))
        mixed = self.scene.fill + masks[..., None] * (self.scene.pixels - self.scene.fill)
        return examples_figure(
            _three_channels(mixed),
            masks,
            self.samples.target(shown.index, shown.unit)[place],
            unit=shown.unit,
            label=shown.label,
            title=f"Masked pictures that {self.model.name} scored",
        )

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

    # --- written -----------------------------------------------------------------------------------------

    def to_dict(self) -> JsonObject:
        """Return the result as plain JSON values: what ``seewhy explain --json`` prints, there with its ``files``."""
        return {
            "image": self.image.name,
            "model": self.model.name,
            "method": self.method.name,
            "settings": self.method.to_dict(),
            "seed": self.seed,
            "predictions": [asdict(prediction) for prediction in self.predictions],
            "targets": [self._target_dict(i) for i in range(len(self.targets))],
            "n_evaluations": self.n_evaluations,
            "complete": self.complete,
            "seconds": self.seconds,
            "seconds_model": self.seconds_model,
            "files": [],
            "warnings": list(self.warnings),
            "version": self.version,
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result file: settings, samples, values and the photo, without its camera's metadata.

        The same run gives the same bytes; times are not kept.

        Raises
        ------
        FileError
            The file cannot be written.
        """
        header = self.to_dict() | {
            "seconds": None,
            "seconds_model": None,
            "fingerprint": self.model.fingerprint,
            "kind": self.model.kind,
            "model_classes": self.model.classes,
            "view": self.view.to_dict(),
            "classes": list(self.samples.classes),
            "d": self.samples.d,
            "image_warnings": list(self.image.warnings),
        }
        return result_file.write(path, header, self._arrays())

    # --- inside ------------------------------------------------------------------------------------------

    def _arrays(self) -> result_file.Arrays:
        arrays: result_file.Arrays = {
            "photo": np.frombuffer(to_bytes(self.image), dtype=np.uint8),
            "bits": self.samples.bits,
            "scores": self.samples.scores,
        }
        if self.samples.shifts is not None:
            arrays["shifts"] = self.samples.shifts
        if self.samples.log_totals is not None:
            arrays["log_totals"] = self.samples.log_totals
        if self.scene_segments is not None:
            # At most 10,000 segments, so ids fit into a 16-bit PNG of a few kilobytes.
            ids = Image(self.scene_segments[..., None].astype(np.uint16), "segments", (), None)
            arrays["segments"] = np.frombuffer(to_bytes(ids), dtype=np.uint8)
            arrays["values"] = np.stack([self.values(i) for i in range(len(self.targets))])
        return arrays

    def _target(self, target: int) -> Target:
        if not 0 <= target < len(self.targets):
            raise InvalidInput(f"target must be a place in targets, 0 to {len(self.targets) - 1}, got {target!r}")
        return self.targets[target]

    def _attribution(self, target: int) -> Attribution:
        self._target(target)
        return self.attributions[target]

    def _segments(self) -> Segments:
        if self.segments is None:
            raise InvalidInput(f"{self.method.name} gives a map, not segments")
        return self.segments

    def _regions(self, target: int) -> list[Region]:
        return regions.describe(self._segments(), self.values(target))

    def _target_dict(self, i: int) -> JsonObject:
        found = self.attributions[i]
        head = asdict(self.targets[i])
        if isinstance(found, SegmentAttribution):
            return head | {
                "intercept": found.intercept,
                "r2": found.r2,
                "prediction": found.prediction,
                "values": [asdict(region) for region in self._regions(i)],
            }
        heatmap = self.heatmap(i)
        y, x = (int(v) for v in np.unravel_index(np.argmax(np.where(self.seen, heatmap, -np.inf)), heatmap.shape))
        seen = heatmap[self.seen].astype(np.float64)
        statistics = {name: float(getattr(seen, name)()) for name in ("min", "max", "mean", "std")}
        return head | {"map": statistics | {"peak": {"x": x, "y": y, "value": float(heatmap[y, x])}}}

    def _panel(self, i: int, display: Display) -> TargetPanel:
        from seewhy.render import TargetPanel

        target, found = self.targets[i], self.attributions[i]
        linear = found if isinstance(found, SegmentAttribution) else None
        chosen = () if linear is None else regions.strongest(linear.values, display.regions, display.sign)
        return TargetPanel(
            label=target.label,
            index=target.index,
            score=target.score,
            unit=target.unit,
            heatmap=self.changes(i),
            segments=self.segments,
            values=None if linear is None else linear.values,
            chosen=tuple(int(k) for k in chosen),
            region=self.region(
                display.regions, sign=display.sign, target=i, share=display.share if linear is None else None
            ),
            intercept=None if linear is None else linear.intercept,
            r2=None if linear is None else linear.r2,
            prediction=None if linear is None else linear.prediction,
        )


def _three_channels(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pictures (m, h, w, C) as color: the first three channels, or the first one as gray, as for photos."""
    return pictures[..., :3] if pictures.shape[-1] >= 3 else pictures[..., :1].repeat(3, axis=-1)


def _count(n: object) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise InvalidInput(f"n must be a whole number of at least 1, got {n!r}")
    return int(n)


def _sign(sign: Sign) -> Sign:
    if sign not in get_args(Sign):
        raise InvalidInput(f"sign must be one of {', '.join(get_args(Sign))}, got {sign!r}")
    return sign
