"""An explanation as plain values: what is printed as JSON, and what a result file holds."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from seewhy.core.masking import masked_values
from seewhy.core.types import JsonObject, Segments
from seewhy.estimation.attribution import MapAttribution, SegmentAttribution
from seewhy.explanation import result_file
from seewhy.explanation.digests import fingerprint
from seewhy.explanation.facts import ExplanationFacts
from seewhy.explanation.verdict import verdict_of
from seewhy.images import Image, to_bytes
from seewhy.images.regions import Region
from seewhy.sampling.samples import Samples

ASKED_BYTES = 60_000
"""Coalitions up to this size are kept in the file; larger ones are drawn again from design and seed, and compared."""

SEGMENTS_BYTES = 40_000
"""The same for the segmentations of an ensemble."""


def as_dict(explanation: ExplanationFacts) -> JsonObject:
    """Return the result as plain JSON values; numbers that are not finite become null."""
    return _facts(explanation) | {"verdict": dict(masked_values(verdict_of(explanation).to_dict()))}


def _facts(explanation: ExplanationFacts) -> JsonObject:
    check = explanation.check
    found = {
        "image": explanation.image.name,
        "model": explanation.model.name,
        "run_by": explanation.model.run_by,
        "method": explanation.method.name,
        "settings": explanation.method.to_dict(),
        "seed": explanation.seed,
        "predictions": [asdict(prediction) for prediction in explanation.predictions],
        "targets": [_target(explanation, i) for i in range(len(explanation.targets))],
        "n_samples": len(explanation.samples),
        "n_exact": explanation.samples.n_exact,
        "n_evaluations": explanation.n_evaluations,
        "pilot": explanation.pilot,
        "check": None if check is None else {"calls": check.calls} | asdict(check),
        "complete": explanation.complete,
        "stopped": asdict(explanation.stop),
        "seconds": explanation.seconds,
        "seconds_model": explanation.seconds_model,
        "files": [],
        "warnings": list(explanation.warnings),
        "version": explanation.version,
    }
    return dict(masked_values(found))


def header(explanation: ExplanationFacts) -> JsonObject:
    """Return what stands in a result file beside the arrays. No times: the same run gives the same bytes."""
    samples, segments = explanation.samples, explanation.scene_segments
    found = _facts(explanation)
    for target in found["targets"]:  # values are arrays of the file, and maps are read out again
        target.pop("values", None)
        target.pop("map", None)
    return found | {
        "seconds": None,
        "seconds_model": None,
        "fingerprint": explanation.model.fingerprint,
        "kind": explanation.model.kind,
        "model_classes": explanation.model.classes,
        "model_notes": list(explanation.model.notes),
        "labels": None if explanation.model.labels is None else list(explanation.model.labels),
        "view": explanation.view.to_dict(),
        "classes": list(samples.classes),
        "d": samples.d,
        "asked": fingerprint(samples.asked()),
        "fill": explanation.fill,
        "segments": None if segments is None else {"shape": list(segments.shape), "sha256": fingerprint(segments)},
        "image_warnings": list(explanation.image.warnings),
    }


def as_file(explanation: ExplanationFacts) -> bytes:
    """Return the content of the result file."""
    return result_file.as_bytes(header(explanation), arrays(explanation))


def arrays(explanation: ExplanationFacts) -> result_file.Arrays:
    """Return the arrays of a result file."""
    samples = explanation.samples
    arrays_kept: result_file.Arrays = {
        "photo": np.frombuffer(to_bytes(explanation.image), dtype=np.uint8),
    }
    arrays_kept |= _answers(samples)
    if samples.asked().nbytes <= ASKED_BYTES:
        kept = {"bits": samples.bits, "shifts": samples.shifts, "parts": samples.parts}
        arrays_kept |= {name: array for name, array in kept.items() if array is not None}
    if explanation.scene_segments is not None:
        ids = _ids(explanation.scene_segments)
        if explanation.scene_segments.ndim == 2 or len(ids) <= SEGMENTS_BYTES:
            arrays_kept["segments"] = ids
    linear = [one for one in explanation.attributions if isinstance(one, SegmentAttribution)]
    if linear:
        arrays_kept["values"] = np.stack([one.values for one in linear])
        errors = [one.se for one in linear if one.se is not None]
        ranks = [one.ranks for one in linear if one.ranks is not None]
        if len(errors) == len(ranks) == len(linear):
            unknown = ~np.isfinite(np.stack(errors))
            arrays_kept |= {"se": np.where(unknown, 0, errors), "ranks": np.stack(ranks).astype(np.uint16)}
            if unknown.any():
                arrays_kept["unknown"] = unknown.astype(np.uint8)
    return arrays_kept


def _answers(samples: Samples) -> result_file.Arrays:
    """Return what the model answered; of an exact one only the rows that it was asked for, the first of its share."""
    found: result_file.Arrays = {"scores": samples.scores, "untouched": samples.untouched.scores}
    if samples.answers.excess is not None and samples.untouched.excess is not None:
        found |= {"excess": samples.answers.excess, "untouched_excess": samples.untouched.excess}
    exact = samples.answers.exact
    if exact is not None:
        found["exact"] = exact.scores[exact.known]
        if exact.excess is not None:
            found["exact_excess"] = exact.excess[exact.known]
    return found


def _ids(segments: Segments) -> NDArray[np.uint8]:
    """Return segments as a PNG: one map, or several under each other, of at most 10,000 ids."""
    flat = segments.reshape(-1, segments.shape[-1])
    kind = np.uint8 if flat.max() < 256 else np.uint16
    return np.frombuffer(to_bytes(Image(flat[..., None].astype(kind), "segments", (), None)), dtype=np.uint8)


def _target(explanation: ExplanationFacts, i: int) -> JsonObject:
    found = explanation.attributions[i]
    error = _finite(found.error)
    state = "known" if error is not None else "unknown" if found.error is None else "infinite"
    known = asdict(explanation.targets[i]) | {"error": error, "error_state": state}
    if isinstance(found, SegmentAttribution):
        facts = {
            "intercept": found.intercept,
            "r2": found.success,
            "prediction": found.prediction,
            "effective": found.effective,
            "reach": found.reach,
            "simultaneous": found.simultaneous,
            "stability": None if found.stability is None else asdict(found.stability),
        }
        regions, told = explanation.regions(i), explanation.significant(i)
        return (
            known | facts | {"values": [_region(region, found, k, bool(told[k])) for k, region in enumerate(regions)]}
        )
    return known | {"map": _map(explanation, found, i)}


def _region(region: Region, found: SegmentAttribution, k: int, told: bool) -> JsonObject:
    se = None if found.se is None else _finite(float(found.se[k]))
    reach = None if se is None else found.reach * se
    return asdict(region) | {
        "low": None if reach is None else region.value - reach,
        "high": None if reach is None else region.value + reach,
        "se": se,
        "rank": None if found.ranks is None else [int(rank) for rank in found.ranks[k]],
        "significant": told,
    }


def _map(explanation: ExplanationFacts, found: MapAttribution, i: int) -> JsonObject:
    heatmap, seen = explanation.heatmap(i), explanation.seen
    y, x = (int(v) for v in np.unravel_index(np.argmax(np.where(seen, heatmap, -np.inf)), heatmap.shape))
    inside = heatmap[seen].astype(np.float64)
    facts: JsonObject = {name: float(getattr(inside, name)()) for name in ("min", "max", "mean", "std")}
    told = bool(explanation.significant(i)[y, x])
    peak: JsonObject = {"x": x, "y": y, "value": float(heatmap[y, x]), "significant": told}
    spread = explanation.standard_error(i)
    if spread is not None:
        se = float(spread[y, x])
        low, high = peak["value"] - found.reach * se, peak["value"] + found.reach * se
        peak |= {"low": low, "high": high, "se": se}
        facts["se"] = float(spread[seen].mean())
    return facts | {"peak": peak}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
