"""A tuning in words and tables, without figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seewhy.estimation.intervals import FEWEST
from seewhy.tune.budget import WORDS
from seewhy.tune.choosing import Lead
from seewhy.tune.facts import Setting, TuningFacts
from seewhy.tune.readings import word

_OF_RUNS = {"name", "tolerance", "max_evaluations", "max_seconds", "until"}
"""Settings that a fixed number of samples makes idle."""


def report(found: TuningFacts) -> str:
    """Return the report."""
    return "\n".join(
        [
            *verdict(found),
            "",
            *_settings("winning settings", found.winner),
            "",
            *compared(found),
            *_next_best(found),
            *_mattered(found),
            "",
            *spent(found),
            *(f"note: {note}" for note in found.notes),
        ]
    )


def verdict(found: TuningFacts) -> Iterator[str]:
    """Yield why the settings won, and what that rests on."""
    yield found.reason
    yield f"chosen on: {found.chosen_on}"
    yield f"reported on: {found.reported_on}"
    if not found.held_out:
        yield "the settings were chosen on the same data, so expect a worse score on other photos"


def _settings(title: str, one: Setting) -> Iterator[str]:
    yield f"{title} ({one.source}):"
    yield f"  method: {one.method.name}"
    for name, value in (dict(one.method) | dict(one.display)).items():
        if name not in _OF_RUNS and value is not None:
            yield f"  {name}: {_said(word(value))}"


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def compared(found: TuningFacts) -> Iterator[str]:
    """Yield a heading, then the scores of the winner, the start, the baselines and the photos, a line each."""
    yield f"{found.metric} ({found.better} is better), reported scores:"
    scores: dict[str, float | str | None] = {"chosen settings": found.score, f"{found.start.source} settings": None}
    scores[f"{found.start.source} settings"] = found.start_score
    for name, value in (scores | {f"{name} (without the model)": one for name, one in found.baselines.items()}).items():
        yield f"  {name:<26} {'not measured' if value is None else value if isinstance(value, str) else f'{value:.4f}'}"
    if found.lead is not None:
        lead = found.lead
        yield f"  lead over the {found.start.source} settings {lead.value:+.4f}, {_ends(lead)}"
    for photo in found.photos if len(found.photos) > 1 else ():
        start = "" if photo.start is None else f" ({found.start.source} settings {photo.start:.4f})"
        yield f"  {photo.name}: {photo.score:.4f}{start}"


def _ends(lead: Lead) -> str:
    if lead.low is not None and lead.high is not None:
        return f"95 % interval {lead.low:+.4f} to {lead.high:+.4f}"
    if lead.groups < FEWEST:
        return f"no interval: at least {FEWEST} independent groups of photos are needed, got {lead.groups}"
    return "no interval: all photos have the same difference"


def _next_best(found: TuningFacts) -> Iterator[str]:
    if not found.runners_up:
        return
    yield ""
    yield f"next best, by the score used for choosing (winner: {found.winner.chosen:.4f}):"
    for one in found.runners_up:
        again = f", and {one.alike - 1} more with the same score" if one.alike > 1 else ""
        yield f"  {one.chosen:.4f}  {brief(one)}{again}"


def brief(one: Setting) -> str:
    """Return a setting in one line."""
    names = ("segmentation", "grid", "fill", "design", "keep", "kernel", "surrogate", "estimator", "weighting")
    words: list[str] = [one.method.name]
    for name in (*names, "num_features", "n_samples"):
        value = getattr(one.method, name, None)
        if value is not None:
            words.append(f"{name} {word(value)}")
    shown = one.display
    by_segments = one.method.gives == "segments"
    what = (
        f"{shown.regions} regions" if by_segments else "share auto" if shown.share is None else f"share {shown.share:g}"
    )
    return f"{', '.join(words)}; {what}, sign {shown.sign}"


def _mattered(found: TuningFacts) -> Iterator[str]:
    if found.sampling_mattered:
        yield ""
        yield f"importance of sampling settings (fANOVA of {found.n_trials} trials, approximate):"
        yield from _shares(found.sampling_mattered)
    if found.free_mattered:
        yield ""
        yield "importance of free settings (share of the variance of the scores):"
        yield from _shares(found.free_mattered)


def _shares(shares: Mapping[str, float]) -> Iterator[str]:
    for name, share in sorted(shares.items(), key=lambda item: -item[1]):
        yield f"  {name:<24} {100 * share:.0f} %"


def spent(found: TuningFacts) -> Iterator[str]:
    """Yield what it cost."""
    calls = found.calls
    yield (
        f"{found.n_settings} settings from {found.n_trials} sampling settings; {calls.total} model calls "
        f"({calls.explaining} for explanations, {calls.metrics} for the metric, {calls.baselines} for baselines, "
        f"{calls.photos} for unmasked photos, {calls.not_finished} for unfinished work), {found.seconds:.1f} s; "
        f"{WORDS[found.ended]}"
    )
