"""The warnings of an explanation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seewhy.core.types import Floats
from seewhy.engine.stopping import RISK, SLACK, WORDS
from seewhy.estimation.attribution import SegmentAttribution
from seewhy.estimation.targets import ULPS
from seewhy.explanation.facts import ExplanationFacts
from seewhy.render.numbers import as_percent
from seewhy.sampling.designs import FoldoverHadamard
from seewhy.sampling.samples import LOG_ODDS_LIMIT, Samples, to_be_exact

_ALONG = 1 / 3
"""Part of an edge that a region must cover to count as touching it."""


_FEWER = 0.75
"""Part of the segments asked for, below which that is said."""


def remarks(found: ExplanationFacts) -> Iterator[str]:
    """Yield what a reader of the result must know: assumptions, cuts, what stopped it short."""
    yield from found.image.warnings
    yield from found.model.notes
    samples = found.samples
    if not found.complete:
        yield f"partial: {WORDS[found.stop.by]} after {len(samples)} samples"
    exact = samples.answers.exact
    if exact is not None:
        yield from _not_exact(int(np.count_nonzero(exact.known)), int(np.count_nonzero(to_be_exact(len(samples)))))
    yield from _aim_missed(found)
    logged = [target for target in found.targets if target.unit == "log-odds"]
    classes = [k for target in logged for k in (target.index, target.versus) if k is not None]
    cut = sum(int(np.sum(np.abs(samples.target(k, "log-odds")) == LOG_ODDS_LIMIT)) for k in classes)
    if cut:
        total = len(samples) * len(classes)
        yield f"{cut} of {total} scores {'was' if cut == 1 else 'were'} cut at log-odds of +-{LOG_ODDS_LIMIT:g}"
    yield from _weak_fit(found)
    yield from _no_evidence(found)
    yield from _fewer_segments(found)
    yield from _cut_off(found)
    yield from found.method.warnings(samples)


def _not_exact(known: int, wanted: int) -> Iterator[str]:
    """Say how much of its share the exact model did not answer."""
    if not known:
        yield (
            "partial: no scores of the exact model yet, so this explains the model in lower "
            "precision; resume to complete it"
        )
    elif known < wanted:
        yield (
            f"partial: {wanted - known} of {wanted} masked images still need a score of the exact model, so the "
            f"correction is less certain; resume to evaluate them"
        )


def _weak_fit(found: ExplanationFacts) -> Iterator[str]:
    """Say where a kernel leaves hardly any samples, and where a penalty leaves no value."""
    n, d = len(found.samples), found.samples.d
    linear = [one for one in found.attributions if isinstance(one, SegmentAttribution)]
    effective = [one.effective for one in linear if one.effective is not None]
    if effective and min(effective) < min(d + 1, n / 2):
        yield (
            f"with the weights of the kernel, {n} samples count as only {min(effective):.3g} for {d} segments; "
            f"use a wider kernel, or kernel='none'"
        )
    needed = [one.needed for one in linear if one.needed is not None]
    if needed and n > d:
        pairs = " (half of them complements of the others)" if _in_pairs(found.samples) else ""
        yield (
            f"{n} samples{pairs} are too few for {d} segments, so the values are not reliable and have no intervals; "
            f"resume with n_samples={max(needed)} or more, or use fewer segments"
        )
    for target, one in zip(found.targets, found.attributions, strict=True):
        if one.error is not None and np.isinf(one.error):
            yield f"{target.label}: more noise than signal; use more samples, or another fill or unit"
        scores = target.read(found.samples)
        if _constant(scores):
            yield f"{target.label}: the score never changed, so the map carries no information"
        elif isinstance(one, SegmentAttribution) and one.r2 is not None and not one.values.any():
            spread = float(np.std(scores))
            yield (
                f"{target.label}: the surrogate gives every segment 0, but the scores vary by {spread:.2g}; "
                f"lower its penalty (alpha) or raise num_features"
            )


def _in_pairs(samples: Samples) -> bool:
    """Say whether every second row is the complement of the one before."""
    rows = samples.block(slice(0, len(samples) // 2 * 2)).coalitions
    return bool((rows[::2] ^ rows[1::2]).all())


def _no_evidence(found: ExplanationFacts) -> Iterator[str]:
    """Say where no value at all is distinguishable from 0 although the scores change: an empty region is the answer."""
    for i, (target, one) in enumerate(zip(found.targets, found.attributions, strict=True)):
        values = one.values if isinstance(one, SegmentAttribution) else one.heatmap - one.level
        if one.se is not None and values.any() and not _constant(target.read(found.samples)):
            what = "segment" if isinstance(one, SegmentAttribution) else "pixel"
            if not found.told_on_view(i).any():
                yield (
                    f"{target.label}: no {what} is distinguishable from 0 after {found.n_evaluations} "
                    "evaluations, so no region is shown; resume with more samples, or use larger segments or "
                    "another fill"
                )


def _fewer_segments(found: ExplanationFacts) -> Iterator[str]:
    """Say where SLIC made far fewer segments than it was asked for, as it does of smooth photos."""
    settings = found.method.to_dict().get("segmentation")
    asked = settings.get("n_segments") if isinstance(settings, dict) and settings.get("name") == "slic" else None
    if isinstance(asked, int) and found.samples.d < _FEWER * asked:
        yield f"SLIC made {found.samples.d} of the {asked} segments asked for; ask for more to get as many"


def _cut_off(found: ExplanationFacts) -> Iterator[str]:
    """Say where the region lies along an edge at which the model input ends and the photo goes on."""
    view, region = found.view, found.region(sign="positive")
    rows, columns = np.flatnonzero(found.seen.any(axis=1)), np.flatnonzero(found.seen.any(axis=0))
    edges = {
        "top": (view.top > 0, region[rows[0], columns]),
        "bottom": (view.top + view.height < view.resized[0], region[rows[-1], columns]),
        "left": (view.left > 0, region[rows, columns[0]]),
        "right": (view.left + view.width < view.resized[1], region[rows, columns[-1]]),
    }
    cut = [name for name, (goes_on, edge) in edges.items() if goes_on and edge.mean() >= _ALONG]
    if cut:
        yield (
            "the model sees only the center of this photo, and the region touches its "
            f"{' and '.join(cut)} edge: the object "
            "may be cut off; crop the photo around the object and explain the crop"
        )


def _constant(scores: Floats) -> bool:
    """Say whether scores (n,) differ by no more than rounding."""
    return bool(np.ptp(scores) <= ULPS * np.finfo(np.float32).eps * np.abs(scores).max())


def _aim_missed(found: ExplanationFacts) -> Iterator[str]:
    """Say what was reached where a limit came before the aim."""
    amount, error = found.method.amount, found.error
    if found.stop.by not in {"max-evaluations", "max-seconds"}:
        return
    limit = f"{found.stop.by.replace('-', '_')}={getattr(amount, found.stop.by.replace('-', '_')):g}"
    first = _first_block(found)
    if first is not None and first > len(found.samples):
        yield (
            f"partial: {limit} ended the run after {len(found.samples)} of the {first} samples of its first "
            f"segmentation, so the map is mostly noise; resume to improve it"
        )
        return
    if amount.n_samples is not None:
        yield f"stopped by {limit} after {len(found.samples)} of {amount.n_samples} samples"
        return
    reached = (
        "unknown" if error is None else "above 100 % (more noise than signal)" if np.isinf(error) else as_percent(error)
    )
    aim = f"tolerance {amount.tolerance:g}" if amount.until is None else amount.until
    spreads = [one.spread for one in found.attributions if one.spread is not None]
    needed = ""
    if amount.until is None and spreads:
        # Of the worst target, as the last look would judge it: an estimate below the tolerance is not yet a promise.
        sure = found.method.estimates_from is None
        errors = [spread.bound(RISK / 2, certain=True) / SLACK if sure else spread.error for spread in spreads]
        worst = max(errors) / amount.tolerance
        needed = f"about {_rounded(len(found.samples) * max(worst, 1) ** 2)} samples" if worst < 1e3 else ""
    option = found.stop.by.replace("-", "_")
    above = amount.until is not None or error is None or error > amount.tolerance
    more = f"; for that, resume with a higher {option}: {needed} are needed" if needed else ""
    yield (
        f"rough: the estimated error is {reached} after {found.n_evaluations} evaluations; "
        f"{limit} stopped the run before {aim} was {'reached' if above else 'certain'}{more}"
    )


def _first_block(found: ExplanationFacts) -> int | None:
    """Return the samples of the first block, where each block has segments of its own."""
    segments = found.scene_segments
    if segments is None or segments.ndim == 2:
        return None
    return FoldoverHadamard().block_rows(int(segments[0].max()) + 1)


def _rounded(n: float) -> int:
    """Return a forecast with two digits that count."""
    step = 10 ** max(int(np.floor(np.log10(max(n, 1)))) - 1, 0)
    return int(np.ceil(n / step) * step)
