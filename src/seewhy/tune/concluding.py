"""From what was tried to what may be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.types import JsonObject
from seewhy.metrics import Question
from seewhy.tune.baselines import measured
from seewhy.tune.budget import Ended
from seewhy.tune.choosing import OnHeldOut, Table, distinct, explained, hold_out, lead, without_copies
from seewhy.tune.facts import PhotoScore, Setting
from seewhy.tune.looking import described
from seewhy.tune.result import Tuning
from seewhy.tune.search import Start
from seewhy.tune.summary import brief
from seewhy.tune.trials import Tuner
from seewhy.tune.wording import Wording, beaten, file_target, notes, of_target, reason, worse

_TOP = 10


@dataclass(frozen=True, eq=False)
class _Finalist:
    """Every setting that was looked at, and the photos that could be graded."""

    tuner: Tuner
    table: Table
    """Scores turned so that higher is better."""
    place: tuple[tuple[int, int], ...]
    """Trial and reading of each setting."""
    questions: tuple[Question, ...]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, tuner: Tuner, groups: Sequence[str]) -> _Finalist:
        """Put the scores of all trials side by side."""
        judge, trials = tuner.judge, tuner.trials
        first = trials[0]
        graded = np.asarray(np.isfinite(first.scores(judge, judge.chosen)).any(axis=1))
        if not graded.any():
            why = first.looks[0].grades[0].why
            raise InvalidInput(
                f"metric {judge.name} applies to none of the photos: {why}",
                setting="metric",
                rule="apply to at least one photo",
                value=judge.name,
            )
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
            raise InvalidInput(
                f"metric {judge.name} must apply to one setting on every photo, but there is none",
                setting="metric",
                rule="apply to some setting on every photo",
                value=judge.name,
            )
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

    def areas(self, column: int) -> dict[int, float]:
        """Return by the id of its question the share of each photo that a setting's region covers."""
        t, r = self.place[column]
        by_photo = zip(self.tuner.questions, self.tuner.trials[t].looks, strict=True)
        return {id(question): look.grades[r].parts.get("area", np.nan) for question, look in by_photo}


def conclude(
    tuner: Tuner,
    first: Start,
    ended: Ended,
    groups: Sequence[str],
    *,
    target: str | int | None,
    seed: int,
    searched: bool,
) -> Tuning:
    """Return what the trials say; ``first``: the settings that they are compared with."""
    tried = _Finalist.of(tuner, groups)
    judge, table, questions = tuner.judge, tried.table, tuner.questions
    best, held = distinct(table, _TOP + 1), hold_out(table, seed)
    column, alike = best[0]
    starts = bool(table.ranked[0]) and tuner.trials[0].start is first
    baselines = measured(tuner, tried.questions, tried.areas(column), ended)
    words = Wording(judge, len(tried.questions), table.n_groups)
    winner = tried.setting(column, alike)
    start = tried.setting(0) if starts else Setting(first.method, first.display, first.name, None)
    score = judge.better * float(held.scores.mean())
    before = judge.better * float(table.reported[:, 0].mean()) if starts else None
    free, sampling = _free_mattered(tried, column), tuner.search.importance()
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
        start_score=before,
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
        target=file_target(questions, target),
        seed=seed,
        reason=reason(judge, winner, start, score, before, sampling=sampling, free=free),
        notes=(
            *(*worse(judge, winner, start, score, before), *beaten(judge, score, baselines)),
            *notes(tuner, tried.left_out, words, winner, searched=searched),
            *of_target(questions, target),
        ),
        trials=tuple(_as_json(tried)),
    )


def _names(questions: Sequence[Question]) -> list[str]:
    """Return a name for each photo; those that are called alike are numbered."""
    names = [question.image.name for question in questions]
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _photos(tried: _Finalist, held: OnHeldOut, starts: bool) -> tuple[PhotoScore, ...]:
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


def _free_mattered(tried: _Finalist, column: int) -> dict[str, float]:
    trial = tried.tuner.trials[tried.place[column][0]]
    same = [i for i, (t, _) in enumerate(tried.place) if t == tried.place[column][0] and tried.table.ranked[i]]
    every = [trial.readings.ways[tried.place[i][1]] for i in same]
    left = without_copies([way.said for way in every], tried.table.chosen[:, same])
    scores = tried.table.chosen[:, same][:, left].mean(axis=0)
    ways = [every[i] for i in left]
    found: dict[str, float] = {}
    for name in ways[0].said:
        share = explained([way.said[name] for way in ways], scores)
        if share is not None and len({repr(way.said[name]) for way in every}) > 1:
            found[name] = share  # 0 where all of its values score the same
    return found


def _as_json(tried: _Finalist) -> list[JsonObject]:
    """Return every trial; where its readings are those of a trial before, its number stands for them."""
    rows: list[JsonObject] = []
    seen: dict[str, int] = {}
    judge = tried.tuner.judge
    for number, trial in enumerate(tried.tuner.trials):
        ways = [described(way) for way in trial.readings.ways]
        columns = [i for i, (t, _) in enumerate(tried.place) if t == number]
        first = seen.setdefault(repr(ways), number)
        rows.append(
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
    return rows


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
