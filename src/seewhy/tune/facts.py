"""The facts of a tuning: the settings, what they score where they were not chosen, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seewhy.core.types import JsonObject
from seewhy.render.display import Display
from seewhy.tune.budget import Calls, Ended
from seewhy.tune.choosing import Lead
from seewhy.tune.space import Tuned


@dataclass(frozen=True)
class Setting:
    """Settings of an explanation and of what is shown, with their score."""

    method: Tuned
    display: Display
    source: str
    """Where the sampling settings come from: ``default``, ``start``, a preset, or ``search``."""
    chosen: float | None
    """Mean score on what settings are chosen on: too good for the winner. None: not measured."""
    alike: int = 1
    """Settings with the very same scores, this one included."""

    def to_dict(self) -> JsonObject:
        """Return plain JSON values."""
        return {
            "source": self.source,
            "method": self.method.to_dict(),
            "display": self.display.to_dict(),
            "chosen": self.chosen,
            "alike": self.alike,
        }


@dataclass(frozen=True)
class PhotoScore:
    """What is reported of one photo."""

    name: str
    target: int
    score: float
    """By settings that were not chosen on what it is measured on, as far as ``held_out`` says."""
    start: float | None
    """By the settings that the tuning started from."""


@dataclass(frozen=True, kw_only=True)
class TuningFacts:
    """Everything that a tuning found, without the report and the files that are made of it."""

    metric: str
    better: str
    """``higher`` or ``lower``."""
    winner: Setting
    start: Setting
    score: float
    """Mean reported score over photos."""
    chosen_on: str
    """The score and photos used for choosing, in words."""
    reported_on: str
    """The score and photos used for reporting, in words."""
    held_out: tuple[str, ...]
    """What was held out: ``fill``, ``photos``, both, or nothing."""
    start_score: float | None
    """The reported score of the starting settings."""
    lead: Lead | None
    """Difference between the winner and the start, above 0 if the winner is better; None: the start has no score."""
    baselines: Mapping[str, float | str]
    """Reported scores of maps that do not use the model, or why there is none."""
    runners_up: tuple[Setting, ...]
    """The next best settings with other scores."""
    sampling_mattered: Mapping[str, float]
    """Importance of each sampling setting, adding up to 1; empty if too few were tried, or only one is common."""
    free_mattered: Mapping[str, float]
    """Share of the variance of the scores on the winning samples that lies between the values of each free setting."""
    fold_winners: tuple[str, ...]
    """The settings that each fold chose, in short."""
    photos: tuple[PhotoScore, ...]
    calls: Calls
    seconds: float
    ended: Ended
    n_trials: int
    n_settings: int
    """Number of settings that were tried."""
    target: str | int
    """Class in the settings file: the requested one, else that of all photos, else ``top1``."""
    seed: int
    reason: str
    notes: tuple[str, ...]
    trials: tuple[JsonObject, ...] = field(repr=False)
    """Every setting with its scores, as JSON values."""

    @property
    def complete(self) -> bool:
        """False if the search was interrupted or cancelled."""
        return self.ended not in {"interrupted", "cancelled"}

    def settings(self, model: object = None) -> JsonObject:
        """Return the winning settings for ``seewhy explain --settings``; ``model``: its name in the file."""
        named = {} if model is None else {"model": model}
        return named | {
            "targets": self.target,
            "seed": self.seed,
            "method": self.winner.method.to_dict(),
            "display": self.winner.display.to_dict(),
        }

    def to_dict(self) -> JsonObject:
        """Return everything as plain JSON values."""
        return {
            "metric": self.metric,
            "better": self.better,
            "winner": self.winner.to_dict(),
            "start": self.start.to_dict(),
            "score": self.score,
            "chosen_on": self.chosen_on,
            "reported_on": self.reported_on,
            "held_out": list(self.held_out),
            "start_score": self.start_score,
            "lead": None if self.lead is None else vars(self.lead),
            "baselines": dict(self.baselines),
            "runners_up": [one.to_dict() for one in self.runners_up],
            "sampling_mattered": dict(self.sampling_mattered),
            "free_mattered": dict(self.free_mattered),
            "fold_winners": list(self.fold_winners),
            "photos": [vars(one) for one in self.photos],
            "calls": vars(self.calls) | {"total": self.calls.total},
            "seconds": self.seconds,
            "ended": self.ended,
            "complete": self.complete,
            "n_trials": self.n_trials,
            "n_settings": self.n_settings,
            "target": self.target,
            "seed": self.seed,
            "reason": self.reason,
            "notes": list(self.notes),
            "trials": list(self.trials),
        }
