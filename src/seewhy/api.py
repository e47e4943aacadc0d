"""The front door: inputs are checked here, once, and a run is put together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from seewhy._types import ScoreKind, Segments
from seewhy._version import __version__
from seewhy.engine import Cancel, Clock, Composer, best_batch_size, collect, score_untouched
from seewhy.errors import Cancelled, InvalidInput
from seewhy.explanation import Explanation, ModelFacts
from seewhy.geometry import View
from seewhy.images import Background, Image, load_image
from seewhy.methods import METHODS, Lime, Rise
from seewhy.models import load_model
from seewhy.progress import Report, reporting
from seewhy.protocols import Model
from seewhy.samples import LOG_ODDS_LIMIT, Recorder, Samples, convert, log_total, recognize_kind, resolve_unit
from seewhy.scene import Block
from seewhy.segmentation import Segmentation, Slic, segment_view
from seewhy.settings import by_name
from seewhy.targets import Prediction, Target, Targets, label_of, resolve_targets

MethodSettings: TypeAlias = Lime | Rise

_KEPT = 10
"""Classes whose scores are kept beside the targets."""


def explain(
    image: object,
    *,
    model: object = None,
    method: MethodSettings | str | dict[str, Any] = "lime",
    targets: Targets = "top1",
    seed: int = 0,
    batch_size: int | None = None,
    background: Background = "white",
    progress: Report | bool | None = None,
    cancel: Cancel | None = None,
) -> Explanation:
    """Explain why a model gives a photo its classes.

    Parameters
    ----------
    image
        Path, bytes, file object, PIL image, or array: (H, W) or (H, W, C), uint8, uint16 or float in 0..1.
    model
        None for the embedded EfficientNet-Lite0, a name, or any callable that takes (B, H, W, C) float32 in 0..1
        and returns (B, K); see :func:`load_model`.
    method
        ``"lime"``, ``"rise"``, :class:`Lime`, :class:`Rise`, or their settings as a dict with a ``name``.
    targets
        ``"top1"``, ``"topN"``, class indices, class names, or several of them; all share the same model calls.
    seed
        Seed of everything random, 0 or above. The same seed gives the same result.
    batch_size
        Pictures a model call; changes speed and memory, never the result. None: what suits the model.
    background
        Color (name, hex or RGB) that shows through transparent pictures.
    progress
        A function ``(done, total)``, True for a bar on stderr, False for nothing, None for a bar where somebody
        watches (a terminal or a notebook).
    cancel
        A function asked between batches; True stops the run.

    Returns
    -------
    Explanation
        A partial one, marked so, if the run was cancelled or interrupted (Ctrl-C) after at least two samples.

    Raises
    ------
    InvalidInput
        Something handed in breaks a rule; :class:`ImageError` if it is the picture.
    ModelError
        The model is missing or answered nonsense. Exceptions of the model itself keep their type.

    Examples
    --------
    >>> import numpy as np, seewhy
    >>> picture = np.zeros((32, 32, 3), dtype=np.uint8); picture[:16, :16] = 255
    >>> def brightness(batch):
    ...     return batch[:, :16, :16].mean(axis=(1, 2))
    >>> lime = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=2), fill="black", surrogate="least-squares")
    >>> best = seewhy.explain(picture, model=brightness, method=lime).top(1)[0]
    >>> best.segment, round(best.value, 6), best.box
    (0, 1.0, (0, 0, 16, 16))
    """
    started = perf_counter()
    asked = _Asked.of(image, model, method, seed, batch_size, background)
    run = _Run(asked, targets)
    with reporting(progress, asked.image.name) as report:
        interrupted = run.collect(report, cancel)
    return run.explanation(started, interrupted=interrupted)


def segment(
    image: object,
    segmentation: Segmentation | str | dict[str, Any] | None = None,
    *,
    model: object = None,
    seed: int = 0,
    background: Background = "white",
) -> Segments:
    """Return the segments (H, W) of a photo as :class:`Lime` would use them; -1 where the model does not see it.

    Parameters are those of :func:`explain`; ``segmentation`` is a name, settings, or None for the default.
    """
    photo, _, view = _opened(image, model, background)
    chosen = Lime(segmentation=segmentation if segmentation is not None else Slic()).segmentation
    return view.segments_to_photo(segment_view(chosen, photo, view, view.apply(photo), _seed(seed)))


def _opened(image: object, model: object, background: Background) -> tuple[Image, Model, View]:
    """Return the photo with the channels that the model takes, the model, and how the one becomes the other's input."""
    photo = load_image(image, background=background)
    black_box = load_model(model)
    if black_box.channels is not None:
        photo = photo.with_channels(black_box.channels)
    return photo, black_box, black_box.view(photo.height, photo.width)


def as_method(method: object) -> MethodSettings:
    """Return method settings for a name, a dict with a ``name``, or settings."""
    if isinstance(method, Lime | Rise):
        return method
    try:
        found = by_name(MethodSettings)(method)
    except ValueError as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"method {error}, got {method!r}") from None
    if not isinstance(found, Lime | Rise):
        raise InvalidInput(f"method must be one of {', '.join(METHODS)}, or their settings, got {method!r}")
    return found


@dataclass(frozen=True)
class _Asked:
    """Everything handed in, checked."""

    image: Image
    model: Model
    method: MethodSettings
    view: View
    seed: int
    batch_size: int | None

    @classmethod
    def of(
        cls,
        image: object,
        model: object,
        method: object,
        seed: object,
        batch_size: object,
        background: Background,
    ) -> _Asked:
        chosen = as_method(method)
        checked = _seed(seed)
        if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
            raise InvalidInput(f"batch_size must be a whole number of at least 1, or None, got {batch_size!r}")
        photo, black_box, view = _opened(image, model, background)
        return cls(photo, black_box, chosen, view, checked, batch_size)


class _Run:
    """One run: the untouched picture first, then the samples, then the explanation."""

    def __init__(self, asked: _Asked, targets: Targets) -> None:
        self.asked = asked
        self.clock = Clock()
        method = asked.method
        self.scene = method.scene(asked.image, asked.view, asked.seed)
        self.masks = method.masks(self.scene)
        rows = method.rows(self.masks, asked.seed)
        self.first = next(rows)  # a design that cannot be drawn says so before the model is asked
        self.rows = rows
        self.composer = Composer(asked.model, self.scene, keep_batches=asked.model.in_flight)
        scores = score_untouched(asked.model, self.composer, self.clock)
        self.kind: ScoreKind = asked.model.kind or recognize_kind(scores)
        self.unit = resolve_unit(self.kind, method.unit)
        self.untouched = scores
        self.total = log_total(scores) if self.kind == "logit" else None
        self._score(0)  # a unit that the model does not allow is refused before any work
        self.targets = resolve_targets(targets, scores[0].astype(np.float64), asked.model.labels)
        ranked = np.argsort(-scores[0], kind="stable")
        self.ranked = tuple(int(i) for i in ranked[:_KEPT])
        classes = tuple(dict.fromkeys(self.targets + self.ranked))
        shifted = self.first.shifts is not None
        self.recorder = Recorder(self.masks.d, method.n_samples, classes, self.kind, shifted=shifted)
        self.known = 0 if shifted else int(self.first.coalitions[0].all())

    def collect(self, report: Report, cancel: Cancel | None) -> bool:
        """Score the samples; return True if Ctrl-C stopped it and there is enough to go on."""
        total = self.asked.method.n_samples
        batch_size = best_batch_size(self.asked.model, self.composer.picture_bytes, self.asked.batch_size)
        head = self.first
        if self.known:  # the untouched picture is scored already
            self.recorder.add(Block(head.coalitions[:1]), self.untouched)
            head = Block(head.coalitions[1:])
        scored = collect(
            self.asked.model,
            self.composer,
            self.masks,
            chain([head], self.rows),
            batch_size=batch_size,
            classes=self.untouched.shape[1],
            clock=self.clock,
            cancel=cancel,
            first=self.known,
        )
        report(len(self.recorder), total)
        try:
            with closing(scored):  # whatever ends the loop, no thread goes on composing
                for block, scores in scored:
                    self.recorder.add(block, scores)
                    report(len(self.recorder), total)
        except KeyboardInterrupt:
            if len(self.recorder) < 2:
                raise
            return True
        if len(self.recorder) < 2:
            raise Cancelled(f"cancelled after {len(self.recorder)} of {total} samples; nothing can be said from them")
        return False

    def explanation(self, started: float, *, interrupted: bool) -> Explanation:
        """Read the attributions out of the samples and put the result together."""
        asked, samples = self.asked, self.recorder.samples()
        attributions = tuple(asked.method.estimate(samples, self.scene, t, self.unit) for t in self.targets)
        return Explanation(
            image=asked.image,
            view=asked.view,
            method=asked.method,
            model=ModelFacts(asked.model.name, asked.model.fingerprint, self.kind, self.untouched.shape[1]),
            seed=asked.seed,
            scene_segments=self.scene.segments,
            samples=samples,
            predictions=tuple(self._prediction(i) for i in self.ranked),
            targets=tuple(self._target(i) for i in self.targets),
            attributions=attributions,
            n_evaluations=len(samples) + 1 - self.known,
            complete=len(samples) == asked.method.n_samples,
            warnings=tuple(self._warnings(samples, interrupted)),
            version=__version__,
            seconds=perf_counter() - started,
            seconds_model=self.clock.model,
        )

    def _warnings(self, samples: Samples, interrupted: bool) -> Iterator[str]:
        asked = self.asked
        yield from asked.image.warnings
        if asked.model.kind is None:
            yield (
                f"{asked.model.name} does not say what its scores are; they were taken as "
                + ("probabilities: none below 0, adding up to 1" if self.kind == "probability" else "plain scores")
            )
        if len(samples) < asked.method.n_samples:
            why = "interrupted" if interrupted else "cancelled"
            yield f"partial: {why} after {len(samples)} of {asked.method.n_samples} samples"
        if self.unit == "log-odds":
            cut = sum(int(np.sum(np.abs(samples.target(i, self.unit)) == LOG_ODDS_LIMIT)) for i in self.targets)
            if cut:
                yield f"{cut} of {len(samples) * len(self.targets)} scores were cut at log-odds of +-{LOG_ODDS_LIMIT:g}"
        yield from asked.method.warnings(samples)

    def _score(self, index: int, unit: str | None = None) -> float:
        raw = self.untouched[:1, index].astype(np.float64)
        return float(convert(raw, self.total, self.kind, resolve_unit(self.kind, unit or self.unit))[0])

    def _prediction(self, index: int) -> Prediction:
        label = label_of(index, self.asked.model.labels)
        return Prediction(index, label, self._score(index, "auto"))

    def _target(self, index: int) -> Target:
        label = label_of(index, self.asked.model.labels)
        return Target(index, label, self._score(index), self.unit)


def _seed(seed: object) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidInput(f"seed must be a whole number of at least 0, got {seed!r}")
    return int(seed)
