"""What every model must do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np

from seewhy.core.types import Batch, Pixels, ScoreKind, Scores
from seewhy.engine.canvas import Canvas, Masked, merged
from seewhy.engine.protocols import Model
from seewhy.engine.traits import lacking, traits_of
from seewhy.images import Image
from seewhy.sampling.blocks import Block
from seewhy.sampling.masks import GridMasks
from seewhy.testing.must import must

_PHOTOS = ((48, 64), (64, 48), (50, 50))
_PICTURES = 5


def check_model(model: Model, *, tolerance: float = 1e-5) -> None:
    """Check that a model keeps the contract of :class:`seewhy.engine.protocols.Model`.

    Parameters
    ----------
    model
        Asked with about forty pictures of noise.
    tolerance
        How far the answer to one picture may lie apart between batches, relative to the largest score.

    Raises
    ------
    AssertionError
        Names the first rule that is broken, and how.
    """
    must(not lacking(model), f"a model must have {', '.join(lacking(model))} too")
    _check_facts(model)
    _check_traits(model)
    for height, width in _PHOTOS:
        _check_view(model, height, width)
    view = model.view(*_PHOTOS[0])
    pictures = [view.apply(Image(_noise(*_PHOTOS[0], model.channels or 3, seed))) for seed in range(_PICTURES)]
    _check_prepare(model, pictures[0], pictures[1])
    _check_range(model, pictures[0])
    prepared = np.stack([model.prepare(picture) for picture in pictures])
    _check_stream(model, prepared, tolerance)
    if traits_of(model).composes:
        _check_composes(model, prepared, tolerance)
    _check_ends(model, prepared)


def _check_facts(model: Model) -> None:
    must(len(model.name) > 0, "name must not be empty")
    one, two = model.fingerprint, model.fingerprint
    must(len(one) > 0 and one == two, f"fingerprint must be text that stays, got {one!r}, then {two!r}")
    must(model.kind in {None, *get_args(ScoreKind)}, f"kind must be a kind of score or None, got {model.kind!r}")
    must(model.layout in {"NHWC", "NCHW"}, f"layout must be NHWC or NCHW, got {model.layout!r}")
    must(model.in_flight >= 0, f"in_flight must be at least 0, got {model.in_flight}")
    must(model.batch_size is None or model.batch_size > 0, f"batch_size must be above 0, got {model.batch_size}")


def _check_traits(model: Model) -> None:
    """What a model states beyond the protocol; one that states nothing keeps every rule."""
    traits = traits_of(model)  # refuses what is no ModelTraits
    must(traits.at_most is None or traits.at_most > 0, f"traits.at_most must be above 0, got {traits.at_most}")
    text = [type(traits.notes), *map(type, traits.notes)] == [tuple] + [str] * len(traits.notes)
    must(text, f"traits.notes must be a tuple of texts, got {traits.notes!r}")
    must(traits.ends[0] < traits.ends[1], f"traits.ends must be the lowest and the highest number, got {traits.ends}")
    exact = traits.exact
    must(exact is None or exact is not model, "traits.exact must be another model")
    must(exact is None or exact.kind == model.kind, f"traits.exact must give scores of kind {model.kind!r}")


def _check_view(model: Model, height: int, width: int) -> None:
    view = model.view(height, width)
    must(view.photo == (height, width), f"view({height}, {width}) must be of that photo, got {view.photo}")


def _check_prepare(model: Model, one: Pixels, other: Pixels) -> None:
    """Preparing acts on each pixel alone and commutes with mixing, or masked images would be wrong."""
    kept_one, kept_other = one.copy(), other.copy()
    first, second = model.prepare(one), model.prepare(other)
    must(np.array_equal(one, kept_one) and np.array_equal(other, kept_other), "prepare must not change the image")
    height, width, channels = one.shape
    wanted = (channels, height, width) if model.layout == "NCHW" else (height, width, channels)
    must(first.shape == wanted, f"prepare must return {wanted} for layout {model.layout}, got {first.shape}")
    must(first.dtype == np.float32, f"prepare must return float32, got {first.dtype}")
    mixed = model.prepare((0.25 * one + 0.75 * other).astype(np.float32))
    off = float(np.abs(mixed - (0.25 * first + 0.75 * second)).max())
    scale = max(1.0, float(np.abs(first).max()))
    must(off <= 1e-5 * scale, f"prepare must commute with mixing two images, it is off by {off:.2g}")


def _check_range(model: Model, picture: Pixels) -> None:
    """What a model says of the range of its input is what it makes of black and white, or no wrong range is noticed."""
    made = np.stack([model.prepare(np.full_like(picture, shade)) for shade in (0, 1)])
    low, high, ends = float(made.min()), float(made.max()), traits_of(model).ends
    off = max(abs(low - ends[0]), abs(high - ends[1]))
    must(
        off <= 1e-3 * max(1.0, abs(low), abs(high)),
        f"traits.ends must be what prepare makes of black and white, ({low:.4g}, {high:.4g}), got {ends}",
    )


def _check_stream(model: Model, prepared: Batch, tolerance: float) -> None:
    """Answers come in order, one row a picture, whatever the batches and whoever writes over their memory."""
    alone = _answers(model, [prepared[i : i + 1] for i in range(len(prepared))])
    must(bool(np.isfinite(alone).all()), "scores must be finite")
    must(alone.dtype == np.float32, f"scores must be float32, got {alone.dtype}")
    classes = alone.shape[1]
    must(model.labels is None or len(model.labels) == classes, f"there must be a label for each of {classes} classes")
    if model.kind == "probability":
        must(bool((alone >= -1e-6).all() and (alone <= 1 + 1e-6).all()), "probabilities must lie in 0..1")
    scale = max(float(np.abs(alone).max()), 1e-6)
    again = _answers(model, [prepared])
    must(again.shape == alone.shape, f"five images must give {alone.shape}, gave {again.shape}")
    off = float(np.abs(again - alone).max()) / scale
    must(
        off <= tolerance,
        (f"scores must not depend on the rest of the batch, in a batch of five they are {off:.2g} off"),
    )
    order = [3, 0, 4, 1, 2]
    off = float(np.abs(_answers(model, [prepared[order[:2]], prepared[order[2:]]]) - alone[order]).max()) / scale
    must(off <= tolerance, f"scores must be in the order of the images, they are {off:.2g} off")
    off = float(np.abs(_overwritten(model, prepared) - alone).max()) / scale
    must(off <= tolerance, f"in_flight={model.in_flight} must be the batches that are still read, {off:.2g} off")


def _check_composes(model: Model, prepared: Batch, tolerance: float) -> None:
    """Rows, also those of two photos in one batch, are answered as their composed pictures are."""
    height, width = prepared.shape[2:] if model.layout == "NCHW" else prepared.shape[1:3]
    bits = np.random.default_rng(0).random((3, 4)) < 0.5
    maker = GridMasks(height, width, 2)
    block = Block(bits, np.zeros((3, 2), np.int32))
    rows = [Masked(((Canvas(prepared[i], prepared[i + 1], maker), block),)) for i in (0, 1)]
    masks = np.expand_dims(maker(block), 1 if model.layout == "NCHW" else 3)
    alone = np.concatenate([prepared[i + 1] + masks * (prepared[i] - prepared[i + 1]) for i in (0, 1)])
    wanted = _answers(model, [alone])
    found = next(iter(model.stream([merged(rows)])))  # type: ignore[list-item]  # it composes
    off = float(np.abs(found - wanted).max()) / max(float(np.abs(wanted).max()), 1e-6)
    must(off <= tolerance, f"rows must get the same scores as their images, they are {off:.2g} off")


def _check_ends(model: Model, prepared: Batch) -> None:
    must(list(model.stream([])) == [], "no batch must give no answer")
    stream = iter(model.stream(prepared[i : i + 1].copy() for i in range(len(prepared))))
    first = next(stream)
    close = getattr(stream, "close", None)
    if close is not None:
        close()
    again = next(iter(model.stream([prepared[:1].copy()])))
    must(
        np.array_equal(first, again) or np.allclose(first, again, atol=1e-5),
        ("a stopped stream must leave nothing behind"),
    )


def _answers(model: Model, batches: list[Batch]) -> Scores:
    found = list(model.stream(batch.copy() for batch in batches))
    must(len(found) == len(batches), f"{len(batches)} batches must give as many answers, gave {len(found)}")
    for batch, scores in zip(batches, found, strict=True):
        fits = scores.ndim == 2 and len(scores) == len(batch)
        must(fits, f"a batch of {len(batch)} must give as many rows of scores, gave {scores.shape}")
    return np.concatenate(found)


def _overwritten(model: Model, prepared: Batch) -> Scores:
    """Ask with buffers that are written over as early as ``in_flight`` allows; 0 lets the model keep them."""
    buffers = [np.empty_like(prepared[:1]) for _ in range(model.in_flight + 1)]

    def batches() -> Iterator[Batch]:
        for i in range(len(prepared)):
            if not model.in_flight:
                yield prepared[i : i + 1].copy()
                continue
            buffer = buffers[i % len(buffers)]
            buffer[:] = prepared[i]
            yield buffer

    return np.concatenate(list(model.stream(batches())))


def _noise(height: int, width: int, channels: int, seed: int) -> Pixels:
    return np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)
