"""Opening a result file again."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from seewhy.core.errors import FileError, SeewhyError
from seewhy.core.types import Segments
from seewhy.engine.protocols import Method
from seewhy.engine.run import evaluations
from seewhy.engine.stopping import Stop
from seewhy.estimation.attribution import Attribution, SegmentAttribution, Stability
from seewhy.estimation.targets import Prediction, Target
from seewhy.explanation import result_file
from seewhy.explanation.digests import fingerprint
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.footprint import check_parts, check_rows, check_view
from seewhy.explanation.model_facts import ModelFacts
from seewhy.explanation.recorded_method import read_method
from seewhy.explanation.region_check import RegionCheck
from seewhy.explanation.result_header import Header
from seewhy.images import KEPT_PIXELS, Image, from_bytes
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.sampling.blocks import Block, cut, join
from seewhy.sampling.masks import GridMasks
from seewhy.sampling.protocols import MaskMaker
from seewhy.sampling.samples import Answers, Samples, packed, to_be_exact


def load(path: str | os.PathLike[str]) -> Explanation:
    """Open a result written by :meth:`Explanation.save`. Nothing in the file is ever run.

    Raises
    ------
    FileError
        The file is missing, damaged, of another kind, or of a newer format.
    """
    raw, arrays = result_file.read(path)
    try:
        return _explanation(Header(**raw), arrays, Path(path).parent)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise FileError(
            f"{path} is damaged: {place}: {fault['msg']}", setting=str(path), rule="be whole", value=place
        ) from error
    except SeewhyError as error:
        raise FileError(
            f"{path} is damaged: {' '.join(str(error).split())}",
            setting=str(path),
            rule="be whole",
            value=error.setting,
        ) from error


def _explanation(header: Header, arrays: result_file.Arrays, folder: Path) -> Explanation:
    image = from_bytes(_array(arrays, "photo").tobytes(), header.image, tuple(header.image_warnings))
    method = read_method(header.settings, folder)
    view = _view(header, image)
    check_view(header, view, image)
    pixels = view.apply(image)
    segments = _segments(arrays, header, view) if "segments" in arrays else None
    masks = method.masks(Scene(pixels, pixels, segments, header.seed))
    if masks.d != header.d:
        raise FileError(
            f"the settings give {masks.d} segments or cells, but the file has {header.d}",
            setting="d",
            rule=f"be {masks.d}",
            value=header.d,
        )
    check_rows(header, method, masks, kept="bits" in arrays)
    samples = _samples(header, arrays, method, masks)
    check_parts(header, samples)
    masks(samples.block(slice(0, 1)))  # refuses samples of another kind of method
    check = _check(header)
    taken = evaluations(samples) + header.pilot + (0 if check is None else check.calls)
    if header.n_evaluations != taken:
        raise FileError(
            f"the header says {header.n_evaluations} evaluations, but the samples account for {taken}",
            setting="n_evaluations",
            rule=f"be {taken}",
            value=header.n_evaluations,
        )
    segments = masks.record(samples)
    if (None if segments is None else fingerprint(segments)) != (header.segments and header.segments.sha256):
        raise FileError("the segments differ from those of the run", setting="segments", rule="be those of the run")
    scene = Scene(pixels, pixels, segments, header.seed)
    labels = None if header.labels is None else tuple(header.labels)
    notes = tuple(header.model_notes)
    facts = (header.model, header.fingerprint, header.kind, header.model_classes, labels, notes, header.run_by)
    return Explanation(
        image=image,
        view=view,
        method=method,
        model=ModelFacts(*facts),
        seed=header.seed,
        scene_segments=segments,
        samples=samples,
        predictions=tuple(Prediction(p.index, p.label, p.score) for p in header.predictions),
        targets=tuple(Target(t.index, t.label, t.score, t.unit, t.versus) for t in header.targets),
        attributions=tuple(_attributions(header, arrays, method, scene, samples)),
        n_evaluations=header.n_evaluations,
        pilot=header.pilot,
        check=check,
        stop=Stop(header.stopped.by, header.stopped.looks),
        fill=header.fill,
        warnings=tuple(header.warnings),
        version=header.version,
    )


def _check(header: Header) -> RegionCheck | None:
    """Return what the model said of the shown region."""
    if header.check is None:
        return None
    known: dict[str, Any] = header.check.model_dump(exclude={"calls"})
    fills = len(header.check.fills)
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    check = RegionCheck(**plain)
    lengths = {len(scores) for scores in (check.alone, check.without, check.bare)}
    others = {len(scores) for scores in (check.other_alone, check.other_without)}
    if lengths != {fills} or others != {0 if check.other is None else fills}:
        raise FileError.of("check", f"have one score for each of its {fills} fills", sorted(lengths | others))
    if header.check.calls != check.calls:
        raise FileError.of("check.calls", f"be {check.calls}", header.check.calls)
    return check


def _view(header: Header, image: Image) -> View:
    view = View.from_dict(header.view)
    if view.photo != (image.height, image.width):
        raise FileError(
            f"the photo is {image.height} x {image.width}, but the view was made for {view.photo}",
            setting="view",
            rule="fit the photo",
            value=view.photo,
        )
    most = max(KEPT_PIXELS, image.height * image.width)
    if view.resized[0] * view.resized[1] > most:
        raise FileError(
            f"the view resizes the photo to {view.resized}, more than {most} pixels",
            setting="view",
            rule=f"be at most {most} pixels",
            value=view.resized,
        )
    if not view.seen().any():
        raise FileError(
            "the view leaves nothing of the photo in the model input", setting="view", rule="show a part of the photo"
        )
    return view


_TYPES = {
    "photo": np.uint8,
    "bits": np.uint8,
    "scores": np.float32,
    "exact": np.float32,
    "exact_excess": np.float32,
    "untouched": np.float32,
    "excess": np.float32,
    "untouched_excess": np.float32,
    "shifts": np.uint16,
    "parts": np.uint16,
    "segments": np.uint8,
    "values": np.float64,
    "se": np.float64,
    "ranks": np.uint16,
    "unknown": np.uint8,
}


def _array(arrays: result_file.Arrays, name: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """Return an array of the file if it is what it must be."""
    if name not in arrays:
        raise FileError(f"{name} is missing", setting=name, rule="be there")
    found = arrays[name]
    if found.dtype != _TYPES[name] or found.shape != (shape or found.shape):
        raise FileError(
            f"{name} must be {np.dtype(_TYPES[name])} {shape or ''}, got {found.dtype} {found.shape}",
            setting=name,
            rule=f"be {np.dtype(_TYPES[name])} {shape or ''}",
            value=found.shape,
        )
    if not np.isfinite(found).all():
        raise FileError(f"{name} must be finite", setting=name, rule="be finite")
    return found


def _samples(header: Header, arrays: result_file.Arrays, method: Method, masks: MaskMaker) -> Samples:
    n, classes = header.n_samples, tuple(header.classes)
    asked = method.amount.n_samples
    if n < 2 or (asked is not None and n > asked):
        raise FileError(
            f"the file has {n} samples, but its settings allow 2 to {asked}",
            setting="n_samples",
            rule=f"be from 2 to {asked}",
            value=n,
        )
    if asked is not None and header.stopped.by == "n-samples" and n != asked:
        raise FileError(
            f"the file has {n} samples, but its header says the run completed {asked}",
            setting="n_samples",
            rule=f"be {asked}",
            value=n,
        )
    if len(set(classes)) != len(classes) or max(classes) >= header.model_classes:
        raise FileError.of("classes", f"be different ones of {header.model_classes}", list(classes))
    if header.labels is not None and len(header.labels) != len(classes):
        raise FileError.of("labels", f"be as many as classes, {len(classes)}", len(header.labels))
    odd = set(arrays) & {"shifts", "parts", "values", "segments"} - masks.columns
    if odd:
        raise FileError(
            f"{', '.join(sorted(odd))} belong to another kind of method",
            setting=", ".join(sorted(odd)),
            rule="belong to the method",
        )
    untouched = _answers(header, arrays, 1, "untouched", "untouched_excess")
    answers = _with_exact(_answers(header, arrays, n, "scores", "excess"), header, arrays)
    bits, shifts, parts = _asked(header, arrays, method, masks)
    if fingerprint(packed(bits, shifts, parts)) != header.asked:
        raise FileError("the coalitions differ from those of the run", setting="bits", rule="be those of the run")
    return Samples(header.d, bits, shifts, parts, untouched, answers)


def _answers(header: Header, arrays: result_file.Arrays, n: int, name: str, excess: str) -> Answers:
    classes = tuple(header.classes)
    over = _array(arrays, excess, (n,)) if header.kind == "logit" else None
    found = Answers(header.kind, classes, _array(arrays, name, (n, len(classes))), over)
    if found.log_totals is not None and (found.log_totals < found.scores.max(axis=1) - 1e-3).any():
        raise FileError(
            f"{excess} must not put the total below a score", setting=excess, rule="not put the total below a score"
        )
    return found


def _with_exact(answers: Answers, header: Header, arrays: result_file.Arrays) -> Answers:
    """Add what an exact model answered, if there is one: to the first rows of its share."""
    m = header.n_exact
    if m is None:
        return answers
    places = np.flatnonzero(to_be_exact(len(answers)))
    if m > len(places):
        raise FileError(
            f"the file has {m} exact answers, but only {len(places)} are possible",
            setting="n_exact",
            rule=f"be at most {len(places)}",
            value=m,
        )
    exact = answers.unknown()
    exact.put(places[:m], _answers(header, arrays, m, "exact", "exact_excess"))
    return replace(answers, exact=exact)


def _asked(
    header: Header, arrays: result_file.Arrays, method: Method, masks: MaskMaker
) -> tuple[NDArray[np.uint8], NDArray[np.uint16] | None, NDArray[np.uint16] | None]:
    """Return what was asked: from the file, or, where it was too large for it, drawn again."""
    n, d = header.n_samples, header.d
    if "bits" in arrays:
        own = masks.columns
        shifts = _array(arrays, "shifts", (n, 2)) if "shifts" in own else None
        if shifts is not None and isinstance(masks, GridMasks) and (shifts >= masks.cell).any():
            raise FileError.of("shifts", f"be below the size of a cell, {masks.cell}", shifts.max())
        parts = _array(arrays, "parts", (n,)) if "parts" in own else None
        return _array(arrays, "bits", (n, -(-d // 8))), shifts, parts
    drawn: list[Block] = []
    rows = method.rows(masks, header.seed)
    while sum(len(block.coalitions) for block in drawn) < n and (block := next(rows, None)) is not None:
        drawn.append(block)
    block = cut(join(drawn), slice(0, n))
    shifts = None if block.shifts is None else block.shifts.astype(np.uint16)
    parts = None if block.parts is None else block.parts.astype(np.uint16)
    return np.packbits(block.coalitions, axis=1), shifts, parts


def _segments(arrays: result_file.Arrays, header: Header, view: View) -> Segments:
    """Return one map of segments (h, w), or several (B, h, w) that stand under each other in the file."""
    found = from_bytes(_array(arrays, "segments").tobytes(), "segments", ()).pixels[..., 0].astype(np.int32)
    shape = () if header.segments is None else tuple(header.segments.shape)
    fits = len(shape) in {2, 3} and shape[-2:] == (view.height, view.width)
    if not fits or found.shape != (math.prod(shape[:-1]), shape[-1]):
        raise FileError(
            f"segments {found.shape} of {shape} do not fit the view, {view.height} x {view.width}",
            setting="segments",
            rule="fit the view",
            value=found.shape,
        )
    if found.max() >= header.d:
        raise FileError(
            f"segment ids go up to {found.max()}, but the file has {header.d} segments",
            setting="segments",
            rule=f"be below {header.d}",
            value=int(found.max()),
        )
    return found.reshape(shape)


def _attributions(
    header: Header, arrays: result_file.Arrays, method: Method, scene: Scene, samples: Samples
) -> Iterator[Attribution]:
    """Yield what the file holds: values as they are; maps, which are large, computed again from the samples."""
    shape = (len(header.targets), samples.d)
    for i, target in enumerate(header.targets):
        asked = Target(target.index, target.label, target.score, target.unit, target.versus)
        scores = asked.read(samples)  # refuses a class that was not kept
        if scene.segments is None or scene.segments.ndim == 3:
            yield method.estimate(samples, scene, scores)
            continue
        if target.intercept is None:
            raise FileError(f"targets.{i}.intercept is missing", setting=f"targets.{i}.intercept", rule="be there")
        plain = SegmentAttribution(_array(arrays, "values", shape)[i], target.intercept, target.r2, target.effective)
        if "se" not in arrays:
            yield plain
            continue
        unknown = _array(arrays, "unknown", shape) if "unknown" in arrays else np.zeros(shape, dtype=np.uint8)
        alike = target.stability
        yield replace(
            plain,
            se=np.where(unknown[i], np.inf, _array(arrays, "se", shape)[i]),
            ranks=_array(arrays, "ranks", (*shape, 2))[i].astype(np.intp),
            reach=target.reach,
            simultaneous=target.simultaneous,
            error=np.inf if target.error is None else target.error,
            stability=None
            if alike is None
            else Stability(tuple(alike.same_top), alike.vsi, alike.csi, alike.parts, alike.part_samples),
        )
