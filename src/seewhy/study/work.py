"""The work of a study: every photo sits before every model once, and all settings are scored there."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seewhy.api import explain
from seewhy.core.errors import FileError, InvalidInput, MissingExtra
from seewhy.core.types import JsonObject
from seewhy.estimation.targets import label_of
from seewhy.evaluate.store import Record, Store
from seewhy.evaluate.work import reason
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.loading import load
from seewhy.explanation.record import as_file
from seewhy.images import Image, load_image
from seewhy.metrics import BASELINES, Candidate, NotMeasured, Question, Truth
from seewhy.study.menu import StudySetting
from seewhy.study.plan import ANSWER, EXPLANATION, Sitting, StudyPlan
from seewhy.study.rule import Rule

Done = Callable[[], None]
"""Called after each piece of work."""


@dataclass
class Faults:
    """What went wrong: with whole sittings, and with single samplings or settings."""

    photos: dict[tuple[str, str], str] = field(default_factory=dict)
    """Reason by photo and model."""
    settings: dict[tuple[str, str, str], str] = field(default_factory=dict)
    """Reason by photo, model, and sampling."""
    finished: set[tuple[str, str]] = field(default_factory=set)
    """Photo and model of each sitting that came to its end."""


def needed(rule: Rule) -> dict[str, tuple[str, ...]]:
    """Return the facts that finished pieces of work have in the store, by metric."""
    return {
        ANSWER: ("class", "label", "score", "unit"),
        EXPLANATION: ("calls",),
        rule.name: ("digest", "area", "chosen"),
    }


def work(plan: StudyPlan, store: Store, faults: Faults, done: Done) -> None:
    """Do all that is missing; what fails is noted and not stored, and so is tried again by the next run."""
    for sitting in plan.sittings():
        known = store.records(sitting.keys)
        for _ in known:
            done()
        if len(known) < len(set(sitting.keys)):
            _sit(plan, sitting, known, store, faults, done)
        faults.finished.add((sitting.photo.photo.name, sitting.model.label))


def read(path: Path) -> Explanation | None:
    """Return an explanation that was stored; None where it is gone or damaged."""
    try:
        return load(path) if path.is_file() else None
    except FileError:
        return None


def refitted(explanation: Explanation, setting: StudySetting) -> Explanation:
    """Return the explanation as a setting reads it."""
    changes = dict(setting.changes)
    if changes.get("n_samples", 0) >= len(explanation.samples):  # the design had no more rows: these are all
        del changes["n_samples"]
    return explanation.refit(**changes) if changes else explanation


def _sit(plan: StudyPlan, sitting: Sitting, known: dict[str, Record], store: Store, faults: Faults, done: Done) -> None:
    place = (sitting.photo.photo.name, sitting.model.label)
    try:
        subject = _StudiedPhoto.of(plan, sitting, known)
        if sitting.answer not in known:
            subject.put(Record(sitting.answer, ANSWER, "done", facts=subject.answer()), store, done)
        subject.baselines(store, done)
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001  # one bad photo must not cost the others
        faults.photos[place] = reason(error)
        return
    for label in plan.menu.samplings:
        try:
            subject.sampling(label, store, done)
        except InvalidInput as error:
            subject.unsuited(plan.menu.of_sampling(label), reason(error), store, done)
        except MissingExtra:
            raise
        except Exception as error:  # noqa: BLE001  # nor one setting that does not suit a photo
            faults.settings[*place, label] = reason(error)


@dataclass(frozen=True, eq=False)
class _StudiedPhoto:
    """A photo before a model."""

    plan: StudyPlan
    sitting: Sitting
    image: Image
    question: Question
    known: dict[str, Record]
    measured: dict[str, Record]
    """What was measured of a map, by its digest: equal maps are scored once."""

    @classmethod
    def of(cls, plan: StudyPlan, sitting: Sitting, known: dict[str, Record]) -> _StudiedPhoto:
        photo, model = sitting.photo.photo, sitting.model.model
        image = load_image(photo.path)
        question = Question.of(image, model=model, target=plan.target, seed=plan.seed, batch_size=plan.batch_size)
        if plan.rule.metric.facts.needs == "truth":
            question.truth = _truth(sitting, question)
        scores = {*sitting.scores.values(), *sitting.baselines.values()}
        measured = {
            record.facts["digest"]: record for key, record in known.items() if key in scores and record.facts["digest"]
        }
        return cls(plan, sitting, image, question, known, measured)

    def answer(self) -> JsonObject:
        """Return the class that is explained, and its score on the whole photo."""
        question = self.question
        return {
            "class": question.target,
            "label": label_of(question.target, question.model.labels),
            "score": question.whole,
            "unit": question.unit,
        }

    def baselines(self, store: Store, done: Done) -> None:
        """Score the maps that do not use the model."""
        for name, key in self.sitting.baselines.items():
            if key not in self.known:
                self._score(key, BASELINES[name](self.question), store, done)

    def sampling(self, label: str, store: Store, done: Done) -> None:
        """Ask the model once, and score every setting that reads these samples."""
        scores = self.sitting.scores
        missing = [one for one in self.plan.menu.of_sampling(label) if scores[one.label] not in self.known]
        key = self.sitting.explanations[label]
        explanation = read(store.explanation(key)) if key in self.known else None
        if not missing and key in self.known:
            return
        if explanation is None:
            explanation = self._explained(label)
            facts: JsonObject = {"calls": explanation.n_evaluations}
            self.put(Record(key, EXPLANATION, "done", facts=facts, file=as_file(explanation)), store, done)
        for one in missing:
            try:
                candidate = Candidate.of(refitted(explanation, one), display=one.display, name=one.label)
                self._score(scores[one.label], candidate, store, done)
            except InvalidInput as error:
                self.unsuited([one], reason(error), store, done)

    def unsuited(self, settings: Iterable[StudySetting], why: str, store: Store, done: Done) -> None:
        """Note that settings cannot be used on this photo, or with this model: that is an answer too."""
        facts: JsonObject = {"digest": "", "area": 0.0, "chosen": None}
        for one in settings:
            key = self.sitting.scores[one.label]
            if key not in self.known:
                self.put(Record(key, self.plan.rule.name, "none", reason=why, facts=facts), store, done)

    def _explained(self, label: str) -> Explanation:
        found = explain(
            self.image,
            model=self.sitting.model.model,
            method=self.plan.menu.samplings[label],
            targets=self.question.target,
            seed=self.plan.seed,
            batch_size=self.plan.batch_size,
            progress=False,
            verdict=False,
        )
        if not found.complete:
            raise KeyboardInterrupt
        return found

    def _score(self, key: str, candidate: Candidate, store: Store, done: Done) -> None:
        digest = _digest(candidate, region=self.plan.rule.region)
        if digest not in self.measured:
            self.measured[digest] = self._measured(digest, candidate)
        same = self.measured[digest]
        record = Record(key, same.metric, same.state, same.value, reason=same.reason, facts=same.facts)
        self.put(record, store, done)

    def put(self, record: Record, store: Store, done: Done) -> None:
        """Store a finished piece of work; an explanation under its own name, which is that of its file."""
        store.put(record.key, record)
        if record.key not in self.known:
            done()
        self.known[record.key] = record

    def _measured(self, digest: str, candidate: Candidate) -> Record:
        rule, facts = self.plan.rule, {"digest": digest, "area": float(np.mean(candidate.region))}
        try:
            found = rule.metric.measure(self.question, candidate)
        except NotMeasured as why:
            return Record("", rule.name, "none", reason=str(why), facts=facts | {"chosen": None})
        chosen, reported = (None if one is None or not math.isfinite(one) else float(one) for one in rule.split(found))
        return Record("", rule.name, "done", reported, facts=facts | {"chosen": chosen})


def _truth(sitting: Sitting, question: Question) -> Truth:
    known, image = sitting.photo.photo.known, question.image
    marked = None
    if known is not None:
        marked = known.marked(image.height, image.width, question.target, question.model.labels)
    if marked is None:
        raise InvalidInput(
            f"{sitting.photo.photo.name}: the ground truth does not mark the object",
            setting="truth",
            rule="mark the object",
            value=sitting.photo.photo.name,
        )
    return Truth(marked.mask, marked.kind)


def _digest(candidate: Candidate, *, region: bool) -> str:
    """Return the hash of what a metric can read of a map."""
    found = hashlib.sha256(np.ascontiguousarray(candidate.on_view).tobytes())
    found.update(np.ascontiguousarray(candidate.on_photo).tobytes())
    if region:
        found.update(np.packbits(candidate.region).tobytes())
    return found.hexdigest()
