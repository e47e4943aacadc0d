"""The facts of a study: the scores, the answers that follow from them, as an object and as plain values."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from seewhy._version import __version__
from seewhy.core.types import JsonObject
from seewhy.evaluate.store import Record
from seewhy.metrics import BASELINES
from seewhy.study.few_photos import Names
from seewhy.study.matrices import Matrix, between_classes, between_models, between_photos, finite
from seewhy.study.menu import StudySetting
from seewhy.study.pictures import Shown
from seewhy.study.plan import StudyPlan
from seewhy.study.questions import Answer, better_explained, explains_best, fits_another_model, fits_elsewhere
from seewhy.study.tensor import Tensor
from seewhy.study.work import Faults


@dataclass(frozen=True, eq=False)
class Gathered:
    """What the store holds of a study."""

    tensor: Tensor
    not_measured: dict[tuple[str, str], str]
    """Why nothing was measured, by photo and model."""
    unsuited: dict[tuple[str, str, str], str]
    """Why a setting has no score, by photo, model and setting."""
    areas: dict[str, float]
    """Mean share of the picture that is shown, by setting."""


@dataclass(frozen=True, eq=False)
class StudyFacts:
    """The scores of every setting on every photo under every model, and the answers that follow from them."""

    plan: StudyPlan
    scores: Gathered
    answers: Mapping[tuple[str, str], JsonObject]
    """The class that is explained, by photo and model."""
    faults: Faults
    complete: bool
    """False if it was stopped before all work was done; the same call resumes it."""
    notes: tuple[str, ...] = ()
    pictures: Mapping[tuple[str, str], tuple[Shown, ...]] = field(default_factory=dict)
    """By photo and model."""

    @property
    def tensor(self) -> Tensor:
        """All scores."""
        return self.scores.tensor

    @property
    def photos(self) -> tuple[str, ...]:
        """Names of the photos."""
        return tuple(one.photo.name for one in self.plan.photos)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(one.label for one in self.plan.models)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The class of each photo, as it was given."""
        return tuple(one.kind for one in self.plan.photos)

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each photo: those of one group are not independent of each other."""
        return tuple(one.photo.group for one in self.plan.photos)

    @cached_property
    def questions(self) -> tuple[Answer, ...]:
        """The verdicts on the five questions."""
        kinds, groups = np.asarray(self.kinds), self.groups
        alike = kinds[:, None] == kinds
        mates = alike & ~np.eye(len(kinds), dtype=bool)
        names = Names(self.photos, self.models, [one.label for one in self.plan.menu.settings])
        return (
            explains_best(self.tensor, groups, apart=self.plan.rule.apart, names=names),
            fits_elsewhere(
                "Does it fit another photo of the class?",
                "on another photo of the class",
                self.tensor,
                mates,
                groups,
            ),
            fits_elsewhere("Does it fit another class?", "on another class", self.tensor, ~alike, groups),
            fits_another_model(self.tensor, groups),
            better_explained(self.tensor, groups, self.models),
        )

    @cached_property
    def matrices(self) -> tuple[Matrix, ...]:
        """Over photos for each model, over classes, over models."""
        photos = [between_photos(self.tensor, m, name, self.photos, self.groups) for m, name in enumerate(self.models)]
        return (
            *photos,
            between_classes(self.tensor, self.kinds, self.groups),
            between_models(self.tensor, self.models, self.groups),
        )

    def best(self, photo: str, model: str | None = None) -> StudySetting | None:
        """Return the setting that explains a photo best; None if none could be graded."""
        m = 0 if model is None else self.models.index(model)
        place = int(self.tensor.best[m, self.photos.index(photo)])
        return None if place < 0 else self.plan.menu.settings[place]

    @property
    def one_for_all(self) -> StudySetting | None:
        """The setting with the best mean rank over all photos and models."""
        place = self.tensor.one_for_all
        return None if place < 0 else self.plan.menu.settings[place]

    def to_dict(self) -> JsonObject:
        """Return everything as plain values; the same study gives the same, whether it was interrupted or not."""
        plan, tensor = self.plan, self.tensor
        return {
            "version": __version__,
            "complete": self.complete,
            "seed": plan.seed,
            "metric": dict(vars(plan.rule.metric.facts)),
            "rule": plan.rule.text,
            "models": {one.label: one.model.fingerprint for one in plan.models},
            "photos": [
                {"photo": one.photo.name, "class": one.kind, "group": one.photo.group, "answers": self._answers(i)}
                for i, one in enumerate(plan.photos)
            ],
            "settings": [one.to_dict() | {"area": self.scores.areas.get(one.label)} for one in plan.menu.settings],
            "default": plan.menu.default.label,
            "best": self._bests(),
            "one_for_all": None if self.one_for_all is None else self.one_for_all.label,
            "questions": {f"Q{i}": one.to_dict() for i, one in enumerate(self.questions, 1)},
            "matrices": [one.to_dict() for one in self.matrices],
            "chosen": _plain(tensor.chosen),
            "reported": _plain(tensor.reported),
            "baselines": {name: _plain(values) for name, values in tensor.baselines.items()},
            "failed": self.failed,
            "notes": list(self.notes),
        }

    @property
    def failed(self) -> list[JsonObject]:
        """What could not be graded, with the reasons."""
        whole = {**self.scores.not_measured, **self.faults.photos}
        found: list[JsonObject] = [
            {"photo": photo, "model": model, "setting": None, "reason": why} for (photo, model), why in whole.items()
        ]
        return found + [
            {"photo": photo, "model": model, "setting": setting, "reason": why}
            for (photo, model, setting), why in {**self.faults.settings, **self.scores.unsuited}.items()
        ]

    @property
    def failed_in_brief(self) -> list[str]:
        """What could not be graded, one line for all settings of a photo and model with the same reason."""
        lines: dict[tuple[str, str, str], list[str | None]] = {}
        for one in self.failed:
            lines.setdefault((one["photo"], one["model"], one["reason"]), []).append(one["setting"])
        found = []
        for (photo, model, why), settings in lines.items():
            which = "" if settings[0] is None else f", {settings[0]}"
            more = f" and {len(settings) - 1} more settings" if len(settings) > 1 else ""
            found.append(f"{photo}, {model}{which}{more}: {why}")
        return found

    def _answers(self, photo: int) -> JsonObject:
        name = self.photos[photo]
        return {model: self.answers[name, model] for model in self.models if (name, model) in self.answers}

    def _bests(self) -> list[JsonObject]:
        """Return a row for each photo and model."""
        rows = []
        for p, photo in enumerate(self.photos):
            for m, model in enumerate(self.models):
                found = self.best(photo, model)
                rows.append(
                    {
                        "photo": photo,
                        "model": model,
                        "setting": None if found is None else found.label,
                        "score": finite(self.tensor.own[m, p]),
                        "default": finite(self.tensor.default[m, p]),
                        "baselines": {name: finite(values[m, p]) for name, values in self.tensor.baselines.items()},
                    }
                )
        return rows


def gathered(plan: StudyPlan, records: Mapping[str, Record], finished: Container[tuple[str, str]]) -> Gathered:
    """Return what is done; a sitting that did not come to its end is left out: its best setting is not known yet."""
    shape = (len(plan.models), len(plan.photos))
    labels = [one.label for one in plan.menu.settings]
    chosen, reported = (np.full((*shape, len(labels)), np.nan) for _ in range(2))
    baselines = {name: np.full(shape, np.nan) for name in BASELINES}
    gathering, judged = Gathered(Tensor(chosen, reported, baselines), {}, {}, {}), list[Mapping[str, Record]]()
    for i, sitting in enumerate(plan.sittings()):
        p, m = divmod(i, len(plan.models))
        place = (sitting.photo.photo.name, sitting.model.label)
        if place not in finished:
            continue
        for name, key in sitting.baselines.items():
            baselines[name][m, p] = _number(records[key].value if key in records else None)
        scores = {label: records[key] for label, key in sitting.scores.items() if key in records}
        if scores and all(one.state == "none" for one in scores.values()):
            gathering.not_measured[place] = next(iter(scores.values())).reason
            continue
        judged.append(scores)
        for s, label in enumerate(labels):
            if label not in scores:
                continue
            one = scores[label]
            chosen[m, p, s] = _number(one.facts["chosen"])
            reported[m, p, s] = _number(one.value)
            if one.state == "none":
                reported[m, p, s] = plan.rule.of_nothing(baselines["random"][m, p])
                gathering.unsuited[*place, label] = one.reason
    gathering.areas.update(_areas(labels, judged))
    return gathering


def _areas(labels: Sequence[str], judged: Sequence[Mapping[str, Record]]) -> Iterator[tuple[str, float]]:
    """Yield each setting's mean share of the picture that is shown, over the cases in which there was a map."""
    for label in labels:
        found = [one[label].facts for one in judged if label in one]
        shares = [facts["area"] for facts in found if facts["digest"]]
        if shares:
            yield label, float(np.mean(shares))


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _plain(values: Any) -> Any:
    """Return nested lists without NaN."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    return [_plain(one) for one in values] if isinstance(values, list) else finite(values)
