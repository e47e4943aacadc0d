"""The front door: inputs are checked here, once, and a run is put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.progress import Progress, reporting
from seewhy.core.settings import whole_number
from seewhy.core.types import Segments
from seewhy.engine.loop import Cancel
from seewhy.engine.protocols import Model
from seewhy.engine.run import Subject
from seewhy.engine.traits import traits_of
from seewhy.estimation.targets import Targets
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.first_run import Checkpoint, Inputs, OnUpdate, explained, first_look, plan_of, updating
from seewhy.explanation.verdict import shown_region
from seewhy.images import MAX_PIXELS, Background, Image, Order, Reading, Scale
from seewhy.images.geometry import View
from seewhy.images.segmentation import Segmentation, Slic, segment_view
from seewhy.methods import Lime, MethodSetting, as_method
from seewhy.models import load_model
from seewhy.models.options import NotASetting
from seewhy.models.preflight import Report, inspect
from seewhy.render.display import Display

_OVER = 1.5
"""What is beyond the seconds allowed by this factor is said; a batch more than fits is not."""


def explain(  # noqa: PLR0913  # the front door
    image: object,
    *,
    model: object = None,
    method: MethodSetting | str | dict[str, Any] = "auto",
    targets: Targets = "top1",
    seed: int = 0,
    batch_size: int | None = None,
    background: Background = "white",
    progress: Progress | bool | None = None,
    cancel: Cancel | None = None,
    keep_scores: Literal["top10", "all"] = "top10",
    checkpoint: Checkpoint | None = None,
    preflight: bool = True,
    verdict: bool | dict[str, Any] | Display = True,
    on_update: OnUpdate | None = None,
    max_pixels: int = MAX_PIXELS,
    scale: Scale | None = None,
    order: Order | None = None,
    page: int | None = None,
) -> Explanation:
    """Show which regions of a photo led a model to its classes.

    Parameters
    ----------
    image
        Path, bytes, file object, PIL image, or array: (H, W) or (H, W, C), uint8, uint16 or float in 0..1.
    model
        None for the embedded EfficientNet-Lite0, a name, or any callable that takes (B, H, W, C) float32 in 0..1
        and returns (B, K); see :func:`load_model`.
    method
        ``"auto"``, which chooses settings for this photo and gives the reasons; ``"lime"``, ``"rise"``,
        ``"ensemble-lime"``; :class:`Lime`, :class:`Rise`, :class:`EnsembleLime`, :class:`Auto`; or their settings as a
        dict with a ``name``.
    targets
        ``"top1"``, ``"topN"``, class indices, class names, contrasts such as ``"tabby vs Egyptian cat"`` (the
        difference of their log-odds), or several of them; all share the same model evaluations.
    seed
        Seed of everything random, 0 or above. The same seed gives the same result.
    batch_size
        Maximum number of images per model call; changes speed and memory, never the result. If ``model`` has a batch
        size too, the smaller one counts. None: chosen for the model.
    background
        Background color (name, hex or RGB) of transparent photos.
    progress
        A function ``(done, total)``, where the total is a forecast if the stopping rule is automatic; True for a bar on
        stderr, False for nothing, None for a bar on a terminal or in a notebook.
    cancel
        A function that is called between batches; if it returns True, the run stops.
    keep_scores
        Classes whose scores are kept for :meth:`Explanation.refit`, in addition to the targets: the ten strongest, or
        all.
    checkpoint
        File to which a long run saves its samples every 20 seconds; :meth:`Explanation.continue_` resumes from it. Or
        a function that saves the partial explanation it is given, and returns where.
    preflight
        Whether each model is checked once before its first explanation, with about ten images, and a compiled model is
        compared with its original for each photo; see :func:`check`.
    verdict
        Whether the model evaluates six more images after the run, to test the supporting region: the region alone, the
        photo without it and the fully masked photo, with two fills each; see :class:`Verdict`. Settings of
        :class:`Display` choose the region, such as ``{"regions": 3}``.
    on_update
        A function that receives partial explanations: the first as soon as possible, then about two per second, or
        fewer if all but the first would take more than 2 % of the time. They can be drawn and saved. With ``auto``
        the first one is LIME on the six cells of the pilot.
    max_pixels, scale, order, page
        How the photo is read, see :func:`load_image`: the maximum number of pixels, the value of white (``scale=4095``
        for 12 bits), ``"CHW"`` for an array with channels first, and the page or frame of a file.

    Returns
    -------
    Explanation
        A partial one, marked so, if the run was cancelled or interrupted (Ctrl-C) after at least two samples.

    Raises
    ------
    InvalidInput
        An argument breaks a rule; :class:`ImageError` if it is the photo.
    ModelError
        The model is missing or returned invalid scores. Exceptions of the model itself keep their type.

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
    inputs = _checked(
        image,
        Reading(background, max_pixels, scale, order, page),
        model=model,
        method=method,
        seed=seed,
        batch_size=batch_size,
        keep_scores=keep_scores,
        preflight=preflight,
        checkpoint=checkpoint,
        verdict=verdict,
    )
    with reporting(progress, inputs.image.name) as report:
        look = first_look(inputs, targets)
        updates = updating(report, on_update)
        plan = plan_of(inputs, look, cancel, updates)
        found = explained(inputs, look, plan, report, cancel, checkpoint, updates=updates)
    return _timed(found, started)


def segment(
    image: object,
    segmentation: Segmentation | str | dict[str, Any] | None = None,
    *,
    model: object = None,
    seed: int = 0,
    background: Background = "white",
    max_pixels: int = MAX_PIXELS,
    scale: Scale | None = None,
    order: Order | None = None,
    page: int | None = None,
) -> Segments:
    """Return the segments (H, W) of a photo as :class:`Lime` uses them; -1 for pixels outside the model input.

    Parameters are those of :func:`explain`; ``segmentation`` is a name, settings, or None for the default.
    """
    photo, _, view = opened(image, model, Reading(background, max_pixels, scale, order, page))
    chosen = Lime(segmentation=segmentation if segmentation is not None else Slic()).segmentation
    return view.segments_to_photo(segment_view(chosen, photo, view, view.apply(photo), whole_number("seed", seed, 0)))


def check(model: object = None, image: object = None, *, seed: int = 0, batch_size: int | None = None) -> Report:
    """Check a model before you explain with it.

    Evaluates the same few images alone, in a batch and repeatedly. Tests output shapes, finite numbers, dependence on
    the batch, changes from call to call, the score type, the input range and, for a compiled model, the difference from
    its original.

    Parameters
    ----------
    model
        As for :func:`explain`.
    image
        A photo; None: scikit-image's cat.
    seed
        Seed of the masked copies.
    batch_size
        Maximum number of images per model call.

    Returns
    -------
    Report
        All findings and facts about the model; ``print`` shows them as a short text.

    Raises
    ------
    ModelError
        The model does not return one row of finite scores per image. Its own exceptions keep their type.
    """
    chosen = whole_number("seed", seed, 0)
    size = None if batch_size is None else whole_number("batch_size", batch_size, 1)
    photo, black_box, view, size = opened_for(_shipped_photo() if image is None else image, model, Reading(), size)
    return inspect(black_box, Subject.of(photo, view, Lime(), chosen), size)


def _shipped_photo() -> object:
    from skimage import data

    return data.chelsea()


def opened(image: object, model: object, reading: Reading) -> tuple[Image, Model, View]:
    """Return the photo with the channels that the model takes, the model, and how the one becomes the other's input."""
    photo, black_box, view, _ = opened_for(image, model, reading, None)
    return photo, black_box, view


def opened_for(
    image: object, model: object, reading: Reading, batch_size: int | None
) -> tuple[Image, Model, View, int | None]:
    """Return the same, and how many pictures the model is sent at once."""
    photo = reading(image)
    black_box, batch_size = loaded(model, batch_size)
    if black_box.channels is not None:
        photo = photo.with_channels(black_box.channels)
    return photo, black_box, black_box.view(photo.height, photo.width), batch_size


def loaded(model: object, batch_size: int | None) -> tuple[Model, int | None]:
    """Return the model that is meant, and the most pictures to send it at once; None: what suits it.

    An adapter asks a model before any run does, so that it is told as well; one that is loaded already has no such
    setting. Of two numbers that were said the smaller one counts.
    """
    if batch_size is None:
        return load_model(model), None
    said = [batch_size]
    if isinstance(model, dict) and isinstance(model.get("batch_size"), int):
        said.append(model["batch_size"])
    try:
        model_loaded = load_model(model, batch_size=min(said))
    except InvalidInput as error:
        if not any(isinstance(one, NotASetting) and one.option == "batch_size" for one in (error, error.__cause__)):
            raise
        model_loaded = load_model(model)
    own = traits_of(model_loaded).at_most
    return model_loaded, min(said if own is None else [*said, own])


def _checked(
    image: object,
    reading: Reading,
    *,
    model: object,
    method: object,
    seed: object,
    batch_size: object,
    keep_scores: object,
    preflight: bool,
    checkpoint: Checkpoint | None,
    verdict: bool | dict[str, Any] | Display,
) -> Inputs:
    """Return what was handed in, checked; the photo is opened and the model loaded last."""
    if checkpoint is not None and not callable(checkpoint) and not Path(checkpoint).parent.is_dir():
        raise FileError.of("checkpoint", "be a file in an existing folder", checkpoint)
    settings, start = as_method(method), whole_number("seed", seed, 0)
    size = None if batch_size is None else whole_number("batch_size", batch_size, 1)
    if keep_scores not in ("top10", "all"):  # what cannot be hashed may be handed in too
        raise InvalidInput.of("keep_scores", "be 'top10' or 'all'", keep_scores)
    display = shown_region(verdict)
    photo, black_box, view, size = opened_for(image, model, reading, size)
    return Inputs(photo, black_box, settings, view, start, size, keep_scores == "all", preflight, display)


def _timed(found: Explanation, started: float) -> Explanation:
    """Return an explanation with its seconds, and a word where they are more than were allowed."""
    seconds, limit = perf_counter() - started, found.method.amount.max_seconds
    if limit is not None and seconds > _OVER * limit:
        late = (
            f"the run took {seconds:.3g} s, more than max_seconds={limit:g}: at least one pair of images is evaluated"
        )
        late += ", and reading the photo and computing the result take time"
        found = replace(found, warnings=(*found.warnings, late))
    return replace(found, seconds=seconds)
