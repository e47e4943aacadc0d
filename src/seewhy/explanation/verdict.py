"""May this result be used? One sentence and a grade, by rules that are stated here.

Three things are looked at, and the worst of them gives the grade:

- the estimated relative error of the map;
- its stability: how far the region after half of the samples overlaps the region after all of them (intersection over
  union);
- what the model itself says of the region (:mod:`seewhy.explanation.region_check`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import InvalidInput
from seewhy.core.types import JsonObject
from seewhy.engine.loop import Clock
from seewhy.engine.protocols import Model
from seewhy.estimation.attribution import on_view
from seewhy.estimation.targets import Target
from seewhy.explanation.again import refitted
from seewhy.explanation.facts import ExplanationFacts
from seewhy.explanation.recorded_method import is_lost
from seewhy.explanation.region_check import CALLS, RegionCheck, check_region, digest_of
from seewhy.render.display import Display
from seewhy.render.numbers import as_percent, as_probability, number

Facts = TypeVar("Facts", bound=ExplanationFacts)

Firmness: TypeAlias = Literal["firm", "fair", "rough", "do not use"]
"""From best to worst."""

ERROR = {"firm": 0.15, "fair": 0.30, "rough": 0.60}
"""The largest estimated relative error of each grade; above the last: do not use."""
STABILITY = {"firm": 0.70, "fair": 0.50, "rough": 0.30}
"""The least overlap of each grade; below the last: do not use."""

_GRADES: tuple[Firmness, ...] = get_args(Firmness)


@dataclass(frozen=True)
class Verdict:
    """How far a result can be trusted, in one sentence, with the reason."""

    grade: Firmness
    sentence: str
    """About the first target: the effect of the region, the grade, and the reason."""
    alone: float | None
    """Lowest score of the class over both fills if only the region is shown; None if it was not tested."""
    without: float | None
    """Highest score of the class over both fills if everything but the region is shown."""
    share: float
    """Share of the model input that the region covers, 0..1."""
    error: float | None
    """Estimated relative error; None if nothing is random, or if it is unknown."""
    stability: float | None
    """Overlap of the regions after half and after all samples, 0..1; None if the samples have no halves."""
    advice: str
    """How to improve the result: a flag of ``resume``, or of ``explain`` for a method without samples; may be empty."""

    def to_dict(self) -> JsonObject:
        """Return plain values."""
        error = self.error if self.error is None or math.isfinite(self.error) else None
        return vars(self) | {"error": error}


def verdict_of(explanation: ExplanationFacts, display: Display | None = None) -> Verdict:
    """Judge a result by its first target.

    Parameters
    ----------
    explanation
        What was found; its ``check`` is what the model said of a region, if it was asked.
    display
        Which region is meant; None: the one that was checked, or the one that figures show where nothing else is asked.
    """
    region = supporting_region(explanation, display or Display())
    check = explanation.check
    if check is not None and display is not None and check.region != digest_of(region):
        check = None  # of another region
    share = float(region.mean()) if check is None else check.share
    error, stability = explanation.attributions[0].error, _stability(explanation, region)
    grades: dict[str, Firmness] = {
        "error": _by_error(explanation, error),
        "stability": "firm" if stability is None else _least(stability, STABILITY),
        "check": "do not use" if share == 0 else _by_check(check),
    }
    grade = max(grades.values(), key=_GRADES.index)
    limits = [name for name in grades if grades[name] == grade]
    return Verdict(
        grade=grade,
        sentence=f"{_what(explanation.targets[0], check, share)} {_said(grade, error, stability, limits[0])}",
        alone=None if check is None else min(check.alone),
        without=None if check is None else max(check.without),
        share=share,
        error=error,
        stability=stability,
        advice="" if grade == "firm" else _advice(explanation, region, check, limits),
    )


def with_check(
    explanation: Facts, model: Model, display: Display, *, batch_size: int | None = None, clock: Clock | None = None
) -> Facts:
    """Return the result with what the model says of the region that is shown; unchanged where there is none."""
    region = supporting_region(explanation, display)
    if not region.any() or region.all():
        return explanation
    target, untouched = explanation.targets[0], explanation.samples.untouched
    others = [one for one in explanation.predictions if one.index != target.index and target.versus is None]
    known = explanation.subject(), model, region, target, untouched
    check = check_region(*known, others[0] if others else None, batch_size=batch_size, clock=clock)
    return replace(explanation, check=check, n_evaluations=explanation.n_evaluations + check.calls)


def shown_region(asked: bool | JsonObject | Display) -> Display | None:
    """Return which region the model is to be asked about; None: it is not asked.

    Raises
    ------
    InvalidInput
        It is neither True, False nor settings of what is shown.
    """
    if isinstance(asked, bool):
        return Display() if asked else None
    if isinstance(asked, Display):
        return asked
    if not isinstance(asked, dict):
        raise InvalidInput.of("verdict", "be True, False, or settings of what is shown, such as regions=3", asked)
    return Display(**asked)


def after_run(
    explanation: Facts, model: Model, display: Display | None, batch_size: int | None, clock: Clock | None = None
) -> Facts:
    """Return the result of a run with its check, where one is wanted and there is time; a fault costs no result."""
    if display is None or not explanation.complete or explanation.stop.by == "max-seconds":
        return explanation
    if clock is not None and not clock.allows(CALLS):
        return explanation
    with suppress(Exception, KeyboardInterrupt):  # the run is done, whatever happens now
        return with_check(explanation, model, display, batch_size=batch_size, clock=clock)
    return explanation


def supporting_region(explanation: ExplanationFacts, display: Display) -> NDArray[np.bool_]:
    """Return the part (h, w) of the model input that is shown as supporting the first target."""
    share = display.share if explanation.segments is None else None
    region = explanation.region(display.regions, sign="positive", share=share)
    return explanation.view.segments_from_photo(region.astype(np.int32)) > 0


def _stability(explanation: ExplanationFacts, region: NDArray[np.bool_]) -> float | None:
    """Return how far the region overlaps the pixels, as many, that were strongest after half of the samples, 0..1.

    Whether those differ from 0 does not count here: after half of the samples less is sure.
    """
    method = explanation.method
    if "n_samples" not in method.free or not region.any() or any(map(is_lost, method.to_dict().values())):
        return None  # what a result file cannot repeat is not judged by, so that a loaded result has the same verdict
    target = explanation.targets[0]
    wanted: list[Any] = [target.index if target.versus is None else (target.index, target.versus)]
    try:
        half = refitted(explanation, wanted, {"n_samples": len(explanation.samples) // 2})
    except InvalidInput:  # too few to be read
        return None
    values = on_view(half.attributions[0], half.scene_segments)
    strongest = np.zeros(values.size, bool)
    strongest[np.argsort(-values, axis=None, kind="stable")[: np.count_nonzero(region)]] = True
    both = strongest.reshape(values.shape)
    return float((both & region).sum() / (both | region).sum())


def _by_error(explanation: ExplanationFacts, error: float | None) -> Firmness:
    if error is None:  # without chance there is none; with chance, too little is known to say how large it is
        return "rough" if explanation.method.chance else "firm"
    return next((grade for grade in _GRADES[:-1] if error <= ERROR[grade]), "do not use")


def _least(value: float, limits: dict[str, float]) -> Firmness:
    return next((grade for grade in _GRADES[:-1] if value >= limits[grade]), "do not use")


def _by_check(check: RegionCheck | None) -> Firmness:
    """Return firm for a region that is enough and needed, fair for one of both, rough for neither; fair unasked."""
    if check is None:
        return "fair"
    return ("rough", "fair", "firm")[check.enough + check.needed]


def _what(target: Target, check: RegionCheck | None, share: float) -> str:
    """Say what the region does, with the scores that show it."""
    if share == 0:
        return f"No part of the photo has an effect on {target.label} that is distinguishable from 0."
    marked = f"supporting region ({as_percent(share)} of the model input)"
    if check is None:
        return f"The {marked} was not tested on the model."
    score = as_probability if check.unit == "probability" and target.versus is None else number
    whole, alone, without = score(check.whole), _range(check.alone, score), _range(check.without, score)
    if check.enough and check.needed:
        return (
            f"The {marked} is enough: alone it scores {target.label} {alone} (whole photo: {whole}); "
            f"without it {without}."
        )
    if check.enough:
        return (
            f"The model does not need any particular part: the {marked} alone scores {target.label} {alone} "
            f"(whole photo: {whole}), and the photo without it still {without}."
        )
    if check.needed:
        return (
            f"The {marked} is needed, but not enough: without it the model scores {target.label} {without} "
            f"(whole photo: {whole}); alone it scores {alone}."
        )
    return (
        f"The {marked} is not enough: alone it scores {target.label} {alone} (whole photo: {whole}); "
        f"without it the model still scores {without}."
    )


def _range(scores: tuple[float, ...], words: Callable[[float], str]) -> str:
    """Return one score, or the two ends where the fills do not agree to the digits that are shown."""
    low, high = words(min(scores)), words(max(scores))
    return low if low == high else f"{low} to {high}"


def _said(grade: Firmness, error: float | None, stability: float | None, reason: str) -> str:
    """Say the grade, and what it rests on."""
    parts = []
    if error is not None:
        parts.append(f"estimated error {as_percent(error)}" if math.isfinite(error) else "more noise than signal")
    if reason == "stability" and stability is not None:
        parts.append(f"the region after half of the samples overlaps this one by only {as_percent(stability)}")
    name = f"{grade[0].upper()}{grade[1:]}"
    return f"{name}: {'; '.join(parts)}." if parts else f"{name}."


def _advice(
    explanation: ExplanationFacts, region: NDArray[np.bool_], check: RegionCheck | None, limits: list[str]
) -> str:
    """Return what improves the grade; ``limits``: which of the three rules give it.

    More samples improve no grade that the region itself gives, a larger region none that too few samples give.
    """
    if "check" in limits and check is not None and (larger := _larger(explanation, check)):
        return larger
    if not explanation.method.amounts:
        return ""
    known, error = len(explanation.samples), explanation.attributions[0].error
    if limits == ["check"] and check is None and region.any():
        return f"--n-samples {known}"  # enough samples, but the region was not tested: resuming does that
    more = 2.0
    if "error" in limits and (error is None or not math.isfinite(error)):
        more = 4.0
    elif "error" in limits and error is not None:
        better = max((limit for limit in ERROR.values() if limit < error), default=ERROR["firm"])
        more = max((_MARGIN * error / better) ** 2, more if "stability" in limits else 1.0)
    return f"--n-samples {math.ceil(known * more / 10) * 10}"


def _larger(explanation: ExplanationFacts, check: RegionCheck) -> str:
    """Return what marks twice as much as was tested; empty where all that supports is marked.

    A larger region keeps more of the score alone, and leaves less without it.
    """
    if explanation.scene_segments is None or explanation.segments is None:
        share = min(2 * check.share, _LARGEST)
        return f"--share {share:.2g}" if share > check.share else ""
    strongest = [one.segment for one in explanation.top(explanation.samples.d, sign="positive")]
    areas = np.bincount(explanation.scene_segments.ravel())
    marked = int(np.sum(np.cumsum(areas[strongest]) <= areas.sum() * check.share * _ROUNDING))
    return f"--regions {min(2 * marked, len(strongest))}" if len(strongest) > marked else ""


_ROUNDING = 1 + 1e-6
_MARGIN = 1.2
"""The estimated error of the longer run is off in its turn; without this, every third run misses the grade."""
_LARGEST = 0.9
"""A region of nearly the whole model input carries no information."""
