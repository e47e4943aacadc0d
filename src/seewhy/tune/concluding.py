"""From what was tried to what may be said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seewhy._types import Floats, JsonObject
from seewhy.errors import InvalidInput
from seewhy.metrics import BASELINES, Candidate, Question
from seewhy.tune.budget import Ended, Over
from seewhy.tune.choosing import FOLDS, Held, Table, distinct, explained, hold_out, lead
from seewhy.tune.judging import Judge, fill_name
from seewhy.tune.looking import described
from seewhy.tune.report import brief
from seewhy.tune.result import PhotoScore, Setting, Tuning, differences
from seewhy.tune.search import Start
from seewhy.tune.trials import Trial, Tuner

_TOP = 10
_FEW_GROUPS = 6


@dataclass(frozen=True, eq=False)
class _Tried:
    """Every setting that was looked at, and the photos that could be graded."""

    tuner: Tuner
    table: Table
    """Scores turned so that higher is better."""
    place: tuple[tuple[int, int], ...]
    """Trial and reading of each setting."""
    questions: tuple[Question, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, tuner: Tuner, groups: Sequence[str]) -> _Tried:
        """Put the scores of all trials side by side."""
        judge, trials = tuner.judge, tuner.trials
        first = trials[0]
        graded = np.asarray(np.isfinite(first.scores(judge, judge.chosen)).any(axis=1))
        if not graded.any():
            why = first.looks[0].grades[0].why
            raise InvalidInput(f"metric {judge.name} must apply to at least one photo: {why}")
        chosen, reported = (
            judge.better * np.concatenate([trial.scores(judge, fill)[graded] for trial in trials], axis=1)
            for fill in (judge.chosen, judge.reported)
        )
        place = tuple((t, r) for t, trial in enumerate(trials) for r in range(len(trial.readings.ways)))
        samples = [int(trials[t].readings.ways[r].changes["n_samples"]) for t, r in place]
        flattered = np.array([judge.flattered(trials[t].start.method) for t, _ in place])
        may_win = ~flattered if not flattered.all() else flattered
        names = np.unique(np.asarray(groups)[graded], return_inverse=True)[1]
        table = Table(chosen, reported, np.array(samples), may_win, names)
        if not len(table.order()):
            raise InvalidInput(f"metric {judge.name} must apply to some setting on every photo; it did to none")
        known = _names(tuner.questions)
        left_out = tuple(
            f"{name}: {look.grades[0].why}"
            for name, look, fits in zip(known, first.looks, graded, strict=True)
            if not fits
        )
        kept = tuple(question for question, fits in zip(tuner.questions, graded, strict=True) if fits)
        return cls(tuner, table, place, kept, left_out)

    def setting(self, column: int, alike: int = 1) -> Setting:
        """Return a setting in full."""
        t, r = self.place[column]
        trial = self.tuner.trials[t]
        way = trial.readings.ways[r]
        fits = self.table.ranked[column]
        chosen = float(self.tuner.judge.better * self.table.chosen[:, column].mean()) if fits else None
        return Setting(
            way.applied(trial.start.method.replace(until=None)), way.display, trial.start.name, chosen, alike
        )

    def areas(self, column: int) -> Floats:
        """Return the share of each photo that a setting's region covers."""
        t, r = self.place[column]
        return np.array([look.grades[r].parts.get("area", np.nan) for look in self.tuner.trials[t].looks])


def conclude(
    tuner: Tuner, first: Start, ended: Ended, groups: Sequence[str], *, target: str | int, seed: int, searched: bool
) -> Tuning:
    """Return what the trials say; ``first``: the settings that they are compared with."""
    tried = _Tried.of(tuner, groups)
    judge, table = tuner.judge, tried.table
    best = distinct(table, _TOP + 1)
    column = best[0][0]
    held = hold_out(table, seed)
    starts = bool(table.ranked[0]) and tuner.trials[0].start is first
    baselines = _baselines(tried, column, ended)
    words = _Words(judge, len(tried.questions), table.n_groups)
    winner = tried.setting(column, best[0][1])
    start = tried.setting(0) if starts else Setting(first.method, first.display, first.name, None)
    score, start_score = judge.better * float(held.scores.mean()), judge.better * float(table.reported[:, 0].mean())
    free = _free_mattered(tried, column)
    sampling = tuner.search.importance()
    found_lead = lead(held, table.reported[:, 0], table.groups, seed) if starts else None
    return Tuning(
        metric=judge.name,
        better=judge.metric.facts.better,
        winner=winner,
        start=start,
        score=score,
        chosen_on=words.chosen_on,
        reported_on=words.reported_on,
        held_out=words.held_out,
        start_score=start_score if starts else None,
        lead=found_lead,
        baselines=baselines,
        runners_up=tuple(tried.setting(one, count) for one, count in best[1:]),
        sampling_mattered=sampling,
        free_mattered=free,
        fold_winners=tuple(brief(tried.setting(one)) for one in held.winners) if table.n_groups > 1 else (),
        photos=_photos(tried, held, starts),
        calls=tuner.budget.spent,
        seconds=tuner.budget.elapsed,
        ended=ended,
        n_trials=len(tuner.trials),
        n_settings=sum(trial.readings.settings for trial in tuner.trials),
        target=target,
        seed=seed,
        reason=_reason(judge, winner, start, score, start_score if starts else None, sampling | free),
        notes=(*_beaten(judge, score, baselines), *_notes(tried, winner, searched=searched)),
        trials=tuple(_as_json(tried)),
    )


@dataclass(frozen=True)
class _Words:
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
                f"{part}, on each photo with the settings that are best on the photos of the other folds "
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


def _names(questions: Sequence[Question]) -> list[str]:
    """Return a name for each photo; those that are called alike are numbered."""
    names = [question.image.name for question in questions]
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _photos(tried: _Tried, held: Held, starts: bool) -> tuple[PhotoScore, ...]:
    better = tried.tuner.judge.better
    every = {id(one): name for one, name in zip(tried.tuner.questions, _names(tried.tuner.questions), strict=True)}
    return tuple(
        PhotoScore(
            every[id(question)],
            question.target,
            float(better * held.scores[i]),
            float(better * tried.table.reported[i, 0]) if starts else None,
        )
        for i, question in enumerate(tried.questions)
    )


def _baselines(tried: _Tried, column: int, ended: Ended) -> dict[str, float | str]:
    """Return the mean score of each baseline; for metrics of regions cut to the size of the winner's."""
    tuner = tried.tuner
    if ended in {"interrupted", "cancelled"}:
        return dict.fromkeys(BASELINES, "not measured: the tuning was stopped")
    by_name = {id(question): area for question, area in zip(tuner.questions, tried.areas(column), strict=True)}
    tuner.budget.reserve = 0
    found: dict[str, float | str] = {}
    for name in BASELINES:
        try:
            found[name] = _baseline(tuner, name, [(one, by_name[id(one)]) for one in tried.questions])
        except KeyboardInterrupt:
            found[name] = "not measured: interrupted"
        except Over as over:
            found[name] = f"not measured: {over.why}"
    return found


def _baseline(tuner: Tuner, name: str, places: Sequence[tuple[Question, float]]) -> float | str:
    judge, scores = tuner.judge, []
    for question, area in places:
        before = question.calls
        tuner.budget.check(judge.cost)
        candidate = BASELINES[name](question)
        grade = judge.grade(question, _cut(candidate, question, area) if judge.region else candidate)
        tuner.budget.spent.baselines += question.calls - before
        if grade.value is None:
            return f"not measured: {grade.why}"
        scores.append(judge.on(judge.reported, grade))
    return float(np.mean(scores))


def _cut(candidate: Candidate, question: Question, area: float) -> Candidate:
    """Return a map's candidate with a region that covers as much of the photo as another one."""
    seen: NDArray[np.bool_] = question.view.seen()
    count = round(area * seen.size)
    order = np.argsort(np.where(seen, -candidate.on_photo, np.inf), axis=None, kind="stable")[:count]
    region = np.zeros(seen.size, dtype=bool)
    region[order] = True
    return Candidate(candidate.name, candidate.on_view, candidate.on_photo, region.reshape(seen.shape) & seen)


def _free_mattered(tried: _Tried, column: int) -> dict[str, float]:
    trial = tried.tuner.trials[tried.place[column][0]]
    same = [i for i, (t, _) in enumerate(tried.place) if t == tried.place[column][0] and tried.table.ranked[i]]
    scores = tried.table.chosen[:, same].mean(axis=0)
    ways = [trial.readings.ways[tried.place[i][1]] for i in same]
    found = {}
    for name in ways[0].said:
        share = explained([way.said[name] for way in ways], scores)
        if share is not None and len({repr(way.said[name]) for way in ways}) > 1:
            found[name] = share
    return found


def _reason(
    judge: Judge, winner: Setting, start: Setting, score: float, before: float | None, mattered: dict[str, float]
) -> str:
    """Return in a sentence what was chosen and why."""
    changed = differences(winner, start)
    if not changed:
        return f"the {start.source} settings are the best of those that were looked at: {judge.name} {score:.4g}"
    known = "" if before is None else f", the {start.source} settings {before:.4g}"
    what = "; ".join(
        f"{'method' if name == 'name' else name} {_said(a)} (was {_said(b)})" for name, (a, b) in changed.items()
    )
    text = f"{judge.name} {score:.4g}{known}. What is different: {what}."
    if mattered:
        name = max(mattered, key=lambda key: mattered[key])
        text += f" Most of the difference between settings comes from {name}."
    return text


def _said(value: Any) -> str:
    return "not given" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _beaten(judge: Judge, score: float, baselines: Mapping[str, float | str]) -> Iterator[str]:
    """Yield what must be said where a map that knows nothing of the model does as well."""
    names = [name for name, one in baselines.items() if not isinstance(one, str) and judge.better * (one - score) >= 0]
    if names:
        yield (
            f"maps that know nothing of the model score as well or better: {', '.join(names)}; "
            f"by this metric the settings explain nothing yet"
        )


def _notes(tried: _Tried, winner: Setting, *, searched: bool) -> list[str]:
    """Return what a reader must know."""
    tuner, judge, groups = tried.tuner, tried.tuner.judge, tried.table.n_groups
    notes = [f"{judge.name}: {judge.metric.facts.misleads}"]
    notes += [f"left out, {one}" for one in tried.left_out]
    if searched and groups > 1:
        notes.append(
            "which sampling settings were proposed was guided by all photos; the choice among them is what is held out"
        )
    if 1 < groups < _FEW_GROUPS:
        notes.append(f"the interval comes from {groups} groups of photos, which is few")
    flattered = [trial for trial in tuner.trials if judge.flattered(trial.start.method)]
    if flattered and fill_name(winner.method) != judge.reported:
        notes.append(
            f"{len(flattered)} sampling settings are explained with {judge.reported}, which is what is reported on; "
            f"they cannot win"
        )
    if searched and judge.reported:
        notes.append(f"the fill {judge.reported} is not proposed by itself, because the score is reported on it")
    if judge.region:
        notes.append("baselines are cut to the size of the winner's region")
    else:
        notes.append(f"{judge.name} judges the map, so regions, share and sign are left as they were")
    if tuner.refused:
        notes.append(f"{len(tuner.refused)} sampling settings cannot be used here, the first: {tuner.refused[0]}")
    return notes + _of_readings(tuner.trials)


def _of_readings(trials: Sequence[Trial]) -> list[str]:
    readings, looks = trials[0].readings, trials[0].looks
    notes = [
        f"{name} changes the picture and no score: left at {_said(values[0])}"
        for name, values in readings.not_judged.items()
    ]
    if readings.impossible:
        notes.append(f"combinations that are not possible were left out, such as: {readings.impossible[0]}")
    why = dict.fromkeys(grade.why for grade in looks[0].grades if grade.value is None)
    return notes + [f"settings without a score: {one}" for one in list(why)[:3]]


def _as_json(tried: _Tried) -> list[JsonObject]:
    """Return every trial; where its readings are those of a trial before, its number stands for them."""
    found: list[JsonObject] = []
    seen: dict[str, int] = {}
    judge = tried.tuner.judge
    for number, trial in enumerate(tried.tuner.trials):
        ways = [described(way) for way in trial.readings.ways]
        columns = [i for i, (t, _) in enumerate(tried.place) if t == number]
        first = seen.setdefault(repr(ways), number)
        found.append(
            {
                "source": trial.start.name,
                "method": trial.start.method.to_dict(),
                "calls": trial.calls,
                "readings": ways if first == number else first,
                "not_judged": {name: list(values) for name, values in trial.readings.not_judged.items()},
                "chosen": [_number(judge.better * one) for one in tried.table.chosen[:, columns].mean(axis=0)],
                "reported": [_number(judge.better * one) for one in tried.table.reported[:, columns].mean(axis=0)],
            }
        )
    return found


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
