"""Explanations painted on the photo itself, at its own size: arrays in, RGB pictures (H, W, 3) uint8 out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image as Pillow

from seewhy.core.types import Floats, Heatmap, Segments
from seewhy.render.colors import CONTRADICTS, FAINT, FULL, INK, SUPPORTS, WHITE, Rgb8, RgbColor, painted, strength

Region = NDArray[np.bool_]
"""(H, W): True inside."""

AnyArray = TypeVar("AnyArray", bound=NDArray[Any])

_LINES_ACROSS = 360
"""A line is one part in so many of the photo's longer side, so it looks the same at every size."""

_WEAK = np.float32(0.4)
"""Part of its tint that a segment keeps when its effect is not sure."""


def heat_over(
    photo: Rgb8,
    heatmap: Heatmap,
    limit: float,
    seen: Region | None = None,
    *,
    spread: Heatmap | None = None,
    inks: Rgb8 | None = None,
    full: float = FULL,
) -> Rgb8:
    """Paint a heat map over the gray photo; the stronger the effect, the more opaque.

    Parameters
    ----------
    photo
        (H, W, 3).
    heatmap
        (H, W), in the unit of the score.
    limit
        The value of the strongest color; what lies beyond has the same color.
    seen
        (H, W), False where the model did not see the photo: shown as by :func:`dim_unseen`.
    spread
        (H, W), half the width of each pixel's interval, in the unit of the score: a pixel whose interval includes 0
        stays gray, one with NaN has no interval and keeps its color.
    inks
        (1, 255, 3): the colors from -limit to +limit; blue and vermilion, if not given.
    full
        Opacity of the strongest color, 0..1.
    """
    shares = strength(heatmap, limit)
    if spread is not None:
        shares[not_sure(heatmap, spread)] = 0
    found = painted(_gray(photo), shares, _ramp(60, 244), inks, full)
    return found if seen is None else dim_unseen(found, seen)


def not_sure(heatmap: Heatmap, spread: Heatmap) -> Region:
    """Return the pixels (H, W) whose interval ``heatmap`` ± ``spread`` includes 0."""
    found: Region = np.abs(heatmap) <= spread
    return found


def regions_over(
    photo: Rgb8,
    segments: Segments,
    values: Floats,
    chosen: Sequence[int],
    limit: float,
    *,
    unsure: NDArray[np.bool_] | None = None,
) -> Rgb8:
    """Tint and outline the chosen segments by sign and strength; the rest of the photo fades to light gray.

    Parameters
    ----------
    photo
        (H, W, 3).
    segments
        (H, W) ids, -1 where the model did not see the photo.
    values
        (d,) in the unit of the score.
    chosen
        Ids of the segments to show.
    limit
        The value of the strongest tint.
    unsure
        (d,), True where not even the sign is sure: such a segment gets a weak tint and a gray, dashed outline.
    """
    picked = np.asarray(chosen, np.intp)
    effect = np.zeros(len(values) + 1, np.float32)  # the last entry is what -1 finds
    effect[picked] = strength(values[picked], limit)
    shown = np.zeros(len(effect), bool)
    shown[picked] = True
    inside = shown[segments]
    doubtful = np.zeros(len(effect), bool)
    if unsure is not None:
        doubtful[:-1] = unsure
    found = _faded(photo)
    ids = segments[inside]
    found[inside] = _tinted(photo[inside], effect[ids], np.where(doubtful, _WEAK, np.float32(1))[ids])
    labels = np.where(inside, segments, -1)
    _outline(found, labels, inside, np.r_[values, 0.0], doubtful)
    return dim_unseen(found, segments >= 0)


def outlines_over(photo: Rgb8, segments: Segments) -> Rgb8:
    """Draw the borders of all segments: a white line with dark rims, visible on dark and bright photos."""
    found = photo.copy()
    border = _borders(segments)
    width = _line(photo)
    _paint(found, _widened(border, 2 * width + 1), INK)
    _paint(found, _widened(border, width), WHITE)
    return dim_unseen(found, segments >= 0)


def mask_over(photo: Rgb8, region: Region) -> Rgb8:
    """Keep the region's colors and outline it; the rest fades to light gray."""
    found = np.where(region[..., None], photo, _faded(photo))
    border = _borders(region)
    width = _line(photo)
    _paint(found, _widened(border, 3 * width + 1), WHITE)
    _paint(found, _widened(border, width + 1), INK)
    return found


def cut_out(photo: Rgb8, region: Region, color: RgbColor = (128, 128, 128)) -> Rgb8:
    """Show the region alone, on a plain ``color``."""
    return np.where(region[..., None], photo, np.array(color, np.uint8))


def clear_around(photo: Rgb8, region: Region) -> NDArray[np.uint8]:
    """Return the region of a photo alone, (H, W, 4): the rest is transparent, and holds no colors either."""
    return np.dstack([cut_out(photo, region, (0, 0, 0)), np.where(region, np.uint8(255), np.uint8(0))])


def dim_unseen(photo: Rgb8, seen: Region) -> Rgb8:
    """Dim and hatch what the model did not see, and frame what it did."""
    if seen.all():
        return photo
    width = _line(photo)
    pale = np.where(_hatch(seen.shape, width), np.uint8(150), _toned(photo, 120, 215))
    found = np.where(seen[..., None], photo, pale[..., None])
    border = _borders(seen)
    _paint(found, _widened(border, 2 * width + 1), INK)
    _paint(found, _widened(border, width), WHITE)
    return found


def reduced(array: AnyArray, longest: int) -> AnyArray:
    """Shrink a photo, map or label map so that its longer side has ``longest`` pixels; smaller ones stay.

    Photos (H, W, 3) and maps of floats (H, W) are averaged over areas; labels and regions take the nearest
    pixel, because the mean of two ids is a third one.
    """
    height, width = array.shape[:2]
    if max(height, width) <= longest:
        return array
    scale = longest / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    if array.ndim == 3 or array.dtype.kind == "f":
        flat = array if array.ndim == 3 else array.astype(np.float32)
        small = Pillow.fromarray(flat).resize((columns, rows), Pillow.Resampling.BOX)
        return np.asarray(small).astype(array.dtype)  # type: ignore[return-value]
    return array[np.ix_(_centers(height, rows), _centers(width, columns))]  # type: ignore[return-value]


def fitted(array: AnyArray, longest: int) -> AnyArray:
    """Bring an array near ``longest`` pixels: :func:`reduced`, or with larger pixels, so that lines stay thin."""
    small = reduced(array, longest)
    times = longest // max(small.shape[:2])
    if times < 2:
        return small
    return np.repeat(np.repeat(small, times, axis=0), times, axis=1)  # type: ignore[return-value]


def _centers(size: int, wanted: int) -> NDArray[np.intp]:
    return ((np.arange(wanted) + 0.5) * size / wanted).astype(np.intp)


def _gray(photo: Rgb8) -> NDArray[np.uint8]:
    """Return the luma (H, W), 0..255."""
    return np.asarray(Pillow.fromarray(photo).convert("L"))


def _ramp(darkest: int, lightest: int) -> NDArray[np.float32]:
    """Return a table from luma to a paler gray with less contrast, on which color reads alike everywhere."""
    return np.linspace(darkest, lightest, 256, dtype=np.float32)


def _toned(photo: Rgb8, darkest: int, lightest: int) -> NDArray[np.uint8]:
    """Return the gray photo (H, W) on a ramp."""
    return _ramp(darkest, lightest).astype(np.uint8)[_gray(photo)]


def _faded(photo: Rgb8) -> Rgb8:
    return np.asarray(Pillow.fromarray(_toned(photo, 150, 250)).convert("RGB")).copy()


def _hatch(shape: tuple[int, ...], width: int) -> Region:
    """Return diagonal stripes (H, W) for lines of ``width``: each row is the one before, moved by a pixel."""
    stripes = np.arange(shape[0] + shape[1]) % (12 * width) < 2 * width
    return sliding_window_view(stripes, shape[1])[: shape[0]]


def _paint(found: Rgb8, where: Region, color: RgbColor) -> None:
    np.copyto(found, np.array(color, np.uint8), where=where[..., None])


def _tinted(pixels: NDArray[np.uint8], effect: NDArray[np.float32], part: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Mix (n, 3) pixels with the color of their effects (n,) in -1..1; the weakest keep a visible tint.

    ``part`` (n,) in 0..1 is the part of the tint that a pixel gets.
    """
    opacity = (np.where(effect == 0, 0, 0.12 + 0.28 * np.abs(effect)).astype(np.float32) * part)[:, None]
    color = np.where((effect > 0)[:, None], *np.array([SUPPORTS, CONTRADICTS], np.float32))
    mixed: NDArray[np.uint8] = (pixels + (color - pixels) * opacity).astype(np.uint8)
    return mixed


def _outline(found: Rgb8, labels: Segments, inside: Region, values: Floats, doubtful: NDArray[np.bool_]) -> None:
    """Draw each chosen segment's border within it, in its own color, and a white rim around all of them.

    The border of a ``doubtful`` segment (d + 1,) is dashed: gray and white, so that it shows on any photo.
    """
    border, width = _borders(labels), 2 * _line(found) + 2
    near = _widened(border, width)
    _paint(found, near & ~inside, WHITE)
    line = near & inside
    colors = np.array([CONTRADICTS, INK, SUPPORTS], np.uint8)[np.sign(values).astype(np.intp) + 1]
    colors[doubtful] = WHITE
    found[line] = colors[labels[line]]
    if doubtful.any():
        dashes = _widened(_dashes(labels, doubtful, width + 1), width + 1)
        _paint(found, line & dashes & doubtful[labels], FAINT)


def _dashes(labels: Segments, doubtful: NDArray[np.bool_], length: int) -> Region:
    """Return pixels (H, W) along the borders of the ``doubtful`` segments: ``length``, then a gap thrice as long.

    Widened by ``length``, the dashes are as long as their gaps.
    """
    from scipy.ndimage import find_objects
    from skimage.measure import find_contours

    dashed = np.zeros(labels.shape, bool)
    for i, place in enumerate(find_objects(labels + 1)):
        if place is None or not doubtful[i]:
            continue
        # The border of a mask within a margin of one pixel is a closed line, whose length can be walked.
        for path in find_contours(np.pad(labels[place] == i, 1).astype(np.float32), 0.5):
            walked = np.append(0, np.cumsum(np.hypot(*np.diff(path, axis=0).T)))
            rounds = max(1, round(walked[-1] / (4 * length)))  # whole dashes only: the line's ends meet
            rows, columns = np.rint(path[walked * rounds / walked[-1] % 1 < 0.25]).astype(np.intp).T - 1
            part = dashed[place]
            part[rows.clip(0, part.shape[0] - 1), columns.clip(0, part.shape[1] - 1)] = True
    return dashed


def _line(photo: Rgb8) -> int:
    """Return the width of a line in pixels."""
    height, width, _ = photo.shape
    longest: int = max(height, width)
    return max(1, round(longest / _LINES_ACROSS))


def _borders(labels: NDArray[Any]) -> Region:
    """Return the pixels whose right or lower neighbor has another label."""
    found = np.zeros(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=found[:, :-1])
    found[:-1] |= labels[1:] != labels[:-1]
    return found


def _widened(border: Region, width: int) -> Region:
    """Return ``border`` widened to a line of ``width`` pixels, centered on it."""
    found = border
    for axis in (0, 1):
        ahead = _smeared(found, width // 2, axis)
        found = np.flip(_smeared(np.flip(ahead, axis), (width - 1) // 2, axis), axis)
    return found


def _smeared(region: Region, steps: int, axis: int) -> Region:
    """Carry True ``steps`` pixels onward along ``axis``, doubling, so that wide lines cost little."""
    wide = np.moveaxis(region.copy(), axis, 0)
    done = 0
    while done < steps:
        step = min(done + 1, steps - done)
        wide[step:] |= wide[:-step].copy()
        done += step
    return np.moveaxis(wide, 0, axis)
