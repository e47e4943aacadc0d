"""What is asked, and the name of every piece of work: the hash of all that decides its outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seewhy._version import __version__
from seewhy.core.settings import plain
from seewhy.evaluate.identity import asked_of
from seewhy.evaluate.plan import NamedModel, hashed, identity_of
from seewhy.metrics import BASELINES
from seewhy.study.menu import Menu, StudySetting
from seewhy.study.photos import Classed
from seewhy.study.rule import Rule

ANSWER, EXPLANATION = "answer", ""
"""What stands where the name of a metric would: the model's answer for the whole photo, and an explanation."""


@dataclass(frozen=True, eq=False)
class Sitting:
    """One photo before one model, with the keys of all that is done there."""

    photo: Classed
    model: NamedModel
    answer: str
    explanations: Mapping[str, str]
    """Key of the explanation by label of the sampling."""
    scores: Mapping[str, str]
    """Key of the score by label of the setting."""
    baselines: Mapping[str, str]
    """Key of the score by name of the baseline."""

    @property
    def keys(self) -> list[str]:
        """Every key that must be in the store for the sitting to be done."""
        return [self.answer, *self.explanations.values(), *self.scores.values(), *self.baselines.values()]


@dataclass(frozen=True, eq=False)
class StudyPlan:
    """Everything that is asked, in the order of work: photo by photo, so that each is read once."""

    photos: tuple[Classed, ...]
    models: tuple[NamedModel, ...]
    menu: Menu
    rule: Rule
    target: str | int
    seed: int
    batch_size: int | None = None

    def sittings(self) -> Iterator[Sitting]:
        """Yield all sittings in order."""
        for photo in self.photos:
            for model in self.models:
                yield self._sitting(photo, model)

    def _sitting(self, photo: Classed, model: NamedModel) -> Sitting:
        answer = hashed(
            seewhy=__version__,
            study=ANSWER,
            photo=photo.photo.digest,
            model=[model.label, *identity_of(model.model)],
            target=self.target,
            seed=self.seed,
        )
        asked = {label: hashed(of=answer, asked=asked_of(method)) for label, method in self.menu.samplings.items()}
        return Sitting(
            photo,
            model,
            answer,
            asked,
            {one.label: self._score(photo, asked[one.sampling], one) for one in self.menu.settings},
            {name: self._graded(photo, of=answer, baseline=name) for name in BASELINES},
        )

    def _score(self, photo: Classed, explanation: str, one: StudySetting) -> str:
        changes = {name: plain(value) for name, value in one.changes.items()}
        return self._graded(photo, of=explanation, changes=changes, display=one.display.to_dict())

    def _graded(self, photo: Classed, **what: object) -> str:
        facts, known = self.rule.metric.facts, photo.photo.known
        marks = None
        if facts.needs == "truth" and known is not None and known.marks is not None:
            marks = known.marks.digest()
        return hashed(metric=facts.name, version=facts.version, truth=marks, **what)
