"""What may be said of a tuning, in words: the reason, what a score rests on, and what a reader must know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seewhy.metrics import Question
from seewhy.tune.choosing import FOLDS
from seewhy.tune.facts import Setting
from seewhy.tune.judging import Judge, fill_name
from seewhy.tune.readings import word
from seewhy.tune.trials import Trial, Tuner

_IDLE = {"name", "tolerance", "max_evaluations", "max_seconds", "until"}
"""Settings that a fixed number of samples makes idle, and the name, which is said by itself."""


@dataclass(frozen=True)
class Wording:
    """What settings are chosen and reported on, in words."""

    judge: Judge
    photos: int
    groups: int

    @property
    def chosen_on(self) -> str:
        """What the winner was chosen by."""
        return f"{self._part(self.judge.chosen)}, on {self._photos}"

    @property
    def reported_on(self) -> str:
        """What the score was measured on."""
        part = self._part(self.judge.reported)
        if self.groups > 1:
            return (
                f"{part}, by cross-validation: each photo with the settings that are best on the other folds "
                f"({min(FOLDS, self.groups)} folds)"
            )
        same = "the same photo" if self.photos == 1 else f"the same {self.photos} photos, which are of one group"
        return f"{part}, on {same}"

    @property
    def held_out(self) -> tuple[str, ...]:
        """What the score was not chosen on."""
        fill, photos = ("fill",) if self.judge.reported else (), ("photos",) if self.groups > 1 else ()
        return (*fill, *photos)

    @property
    def _photos(self) -> str:
        return "this photo" if self.photos == 1 else f"all {self.photos} photos"

    def _part(self, fill: str) -> str:
        return f"{self.judge.name} over {fill}" if fill else self.judge.name


def reason(
    judge: Judge,
    winner: Setting,
    start: Setting,
    score: float,
    before: float | None,
    *,
    sampling: Mapping[str, float],
    free: Mapping[str, float],
) -> str:
    """Return in a few sentences what was chosen and why; ``before``: the score of the start."""
    changed = changes(winner, start)
    if not changed:
        return f"the {start.source} settings are the best of all that were tried: {judge.name} {score:.4g}"
    known = "" if before is None else f" ({start.source} settings: {before:.4g})"
    text = f"{judge.name} {score:.4g}{known}. Changed: {'; '.join(changed)}."
    if sampling:
        text += f" Among sampling settings, {_largest(sampling)}."
    if free:
        text += f" Among free settings, {_largest(free)}."
    return text


def _largest(shares: Mapping[str, float]) -> str:
    name = max(shares, key=lambda key: shares[key])
    return f"{name} matters most ({100 * shares[name]:.0f} % of the variance of the scores)"


def changes(one: Setting, other: Setting) -> list[str]:
    """Return what is different in one setting, with what it was in the other; a method's own settings have no before.

    Of another method those are said that are not as usual, or that both methods have and that differ.
    """
    now, before = dict(one.method), dict(other.method)
    found = []
    if one.method.name != other.method.name:
        found.append(f"method {one.method.name} (was {other.method.name})")
        before = dict(type(one.method)()) | {name: value for name, value in before.items() if name in now}
    was = one.method.name == other.method.name
    found.extend(_differing(now, before, was=was))
    found.extend(_differing(dict(one.display), dict(other.display), was=True))
    return found


def _differing(now: Mapping[str, Any], before: Mapping[str, Any], *, was: bool) -> Iterator[str]:
    for name, value in now.items():
        new, old = said(word(value)), said(word(before[name]))
        if name not in _IDLE and new != old:
            yield f"{name} {new} (was {old})" if was else f"{name} {new}"


def said(value: Any) -> str:
    """Return a value as people write it."""
    return "not given" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def worse(judge: Judge, winner: Setting, start: Setting, score: float, before: float | None) -> Iterator[str]:
    """Yield a note if the starting settings have a better reported score."""
    if before is not None and judge.better * (before - score) > 0 and changes(winner, start):
        yield (
            f"the {start.source} settings have a better reported score ({before:.4g}, winner {score:.4g}); "
            f"keep them, or tune on more photos or with another metric"
        )


def beaten(judge: Judge, score: float, baselines: Mapping[str, float | str]) -> Iterator[str]:
    """Yield what must be said where a map that knows nothing of the model does as well."""
    names = [name for name, one in baselines.items() if not isinstance(one, str) and judge.better * (one - score) >= 0]
    if names:
        yield (
            f"maps that do not use the model score as well or better: {', '.join(names)}; "
            f"by this metric, the settings have no advantage"
        )


def file_target(questions: Sequence[Question], asked: str | int | None) -> str | int:
    """Return the class that a settings file names: the one asked for, else that of all photos, else ``top1``."""
    if asked is not None:
        return asked
    classes = {question.target for question in questions}
    own = all(question.target == int(np.argmax(question.untouched[0])) for question in questions)
    return "top1" if own or len(classes) > 1 else classes.pop()


def of_target(questions: Sequence[Question], asked: str | int | None) -> Iterator[str]:
    """Yield what must be said where a settings file cannot name the class that each photo was tuned for."""
    others = [one for one in questions if one.target != int(np.argmax(one.untouched[0]))]
    if asked is None and others and file_target(questions, asked) == "top1":
        yield (
            f"for {len(others)} of {len(questions)} photos, the ground truth is of another class than the top one; the "
            f"settings file has targets = top1, so pass --targets when you explain them"
        )


def notes(tuner: Tuner, left_out: Sequence[str], words: Wording, winner: Setting, *, searched: bool) -> Iterator[str]:
    """Yield what a reader must know."""
    judge = tuner.judge
    yield f"{judge.name}: {judge.metric.facts.misleads}"
    yield from (f"skipped: {one}" for one in left_out)
    copies = len(tuner.questions) - len({question.image.sha256 for question in tuner.questions})
    if copies:
        yield f"duplicate photos: {copies}; they are held out together"
    if searched and words.groups > 1:
        yield ("the search for sampling settings used all photos; only the choice among them is held out")
    flattered = [trial for trial in tuner.trials if judge.flattered(trial.start.method)]
    if flattered and fill_name(winner.method) != judge.reported:
        yield (
            f"sampling settings with the fill {judge.reported} cannot win, because scores are reported with that fill: "
            f"{len(flattered)}"
        )
    if searched and judge.reported:
        yield f"the search does not propose the fill {judge.reported}, because scores are reported with that fill"
    if judge.region:
        yield "the regions of baselines have the size of the winner's region"
    else:
        yield f"{judge.name} grades the map, so regions, share and sign were not changed"
    if tuner.refused:
        yield f"sampling settings that cannot be used here: {len(tuner.refused)}; the first: {tuner.refused[0]}"
    yield from _of_readings(tuner.trials[0])


def _of_readings(trial: Trial) -> Iterator[str]:
    for name, values in trial.readings.not_judged.items():
        yield f"{name} changes only the figure, not the score; it stays {said(values[0])}"
    if trial.readings.impossible:
        yield f"impossible combinations were skipped, such as: {trial.readings.impossible[0]}"
    why = dict.fromkeys(grade.why for grade in trial.looks[0].grades if grade.value is None)
    yield from (f"settings without a score: {one}" for one in list(why)[:3])
