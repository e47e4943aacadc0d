"""One explanation and its grades: what a worker does, whether it is this process or one far away."""

from __future__ import annotations

import hashlib
import io
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.api import explain
from seewhy.core.errors import FileError, InvalidInput, MissingExtra
from seewhy.core.files import read_regular
from seewhy.core.types import JsonObject
from seewhy.engine.protocols import Model
from seewhy.estimation.targets import label_of
from seewhy.evaluate.identity import HELD, asked_of
from seewhy.evaluate.plan import EXPLANATION, Contender, WorkUnit
from seewhy.evaluate.store import Record
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.loading import load
from seewhy.explanation.record import as_file
from seewhy.images import Image, load_image
from seewhy.images.segmentation import Grid
from seewhy.methods import Auto, Lime, MethodSetting
from seewhy.metrics import BASELINES, Candidate, Metric, NotMeasured, Question, Truth
from seewhy.truth import Known, MaskPicture, class_of, printable, right_classes

NEEDED = {EXPLANATION: ("class", "label", "class_from", "right", "score", "unit", "seconds", "calls")}
"""Facts that a finished explanation has in the store."""
_WARM_UP = Lime(segmentation=Grid(rows=3, columns=3), n_samples=20)


@dataclass(frozen=True)
class Task:
    """What is left of a unit, with all that is needed to do it anywhere."""

    unit: str
    photo: str
    data: bytes | None
    """The photo's file; None where it cannot be used, for ``fault``."""
    fault: str
    truth_fault: str
    """Why the truth cannot be used; empty: it can, as far as is known before."""
    changed: bool
    """Whether a fault is that a file is another one than it was when the work was planned."""
    known: Known | None
    contender: Contender
    seed: int
    batch_size: int | None
    cells: tuple[tuple[str, str], ...]
    """Name and key of each grade that is missing."""
    explained: bool
    """Whether the explanation has been made before."""
    held: bytes | None
    """Its result file."""

    @classmethod
    def of(cls, unit: WorkUnit, seed: int, batch_size: int | None, done: Mapping[str, Record], file: Path) -> Task:
        """Return the task that is left of a unit, where ``done`` is done; ``file``: its explanation, if there."""
        data, fault, changed = _photo(unit)
        known, truth_fault = unit.photo.known, ""
        if known is not None and isinstance(known.marks, MaskPicture):
            carried = known.marks.carried()
            known = replace(known, marks=carried)
            truth_fault = "" if carried.digest() == unit.marks else _CHANGED.format(carried.path.name)
        held = file.read_bytes() if unit.key in done and file.is_file() else None
        return cls(
            unit=unit.key,
            photo=unit.photo.name,
            data=data,
            fault=fault,
            truth_fault=truth_fault,
            changed=changed or bool(truth_fault),
            known=known,
            contender=unit.contender,
            seed=seed,
            batch_size=batch_size,
            cells=tuple((name, key) for name, key in unit.cells.items() if key not in done),
            explained=unit.key in done and (held is not None or unit.contender.method is None),
            held=held,
        )


class _Named(io.BytesIO):
    """A file in memory that has a name, for messages."""

    name: str = ""


class Worker:
    """A model that is asked, and the photo that was in work last: its contenders share what was asked of it."""

    def __init__(self, model: Model, metrics: Mapping[str, Metric]) -> None:
        self._model = model
        self._metrics = metrics
        self._last: tuple[object, _Subject] | None = None
        self._warm = False

    def do(self, task: Task) -> Iterator[Record]:
        """Yield each piece of work as it is finished; what fails is yielded with its reason."""
        try:
            subject = self._subject(task)
            candidate, record = self._candidate(task, subject)
        except MissingExtra:
            raise
        except Exception as error:  # noqa: BLE001  # one bad photo must not cost the others
            passing = task.changed and task.data is None
            yield Record(task.unit, EXPLANATION, "failed", reason=reason(error), passing=passing)
            return
        if record is not None:
            yield record
        for name, key in task.cells:
            yield self._grade(name, key, subject, candidate)

    def _subject(self, task: Task) -> _Subject:
        # The same photo under another truth is another question.
        asked = (task.photo, task.data, task.known, task.truth_fault, task.seed)
        if self._last is None or self._last[0] != asked:
            self._last = None  # what was known of the photo before goes first
            self._last = asked, _Subject.of(task, self._model)
        return self._last[1]

    def _candidate(self, task: Task, subject: _Subject) -> tuple[Candidate, Record | None]:
        """Return the map to be graded, and the record of it if it was not known before."""
        if task.contender.method is None:
            facts = subject.facts | {"seconds": None, "calls": None}
            record = None if task.explained else Record(task.unit, EXPLANATION, "done", facts=facts)
            return BASELINES[task.contender.label](subject.question), record
        if task.held is not None:
            with tempfile.TemporaryDirectory(prefix="seewhy-") as folder:
                path = Path(folder) / "held.seewhy"
                path.write_bytes(task.held)
                try:
                    return Candidate.of(_loaded(path, task.contender.method), display=task.contender.display), None
                except FileError:  # damaged since: it is made once more, and is the same
                    pass
        found = self._explained(task, task.contender.method, subject)
        record = Record(task.unit, EXPLANATION, "done", facts=subject.facts | _costs(found), file=as_file(found))
        return Candidate.of(found, display=task.contender.display), record

    def _explained(self, task: Task, method: MethodSetting, subject: _Subject) -> Explanation:
        asked: dict[str, Any] = {"model": self._model, "batch_size": task.batch_size}
        asked |= {"progress": False, "verdict": False}
        if not self._warm:  # libraries are loaded and the model is checked once; no photo's time should hold that
            _whole(explain(subject.image, method=_WARM_UP, **asked))
            self._warm = True
        return _whole(explain(subject.image, method=method, targets=subject.question.target, seed=task.seed, **asked))

    def _grade(self, name: str, key: str, subject: _Subject, candidate: Candidate) -> Record:
        metric = self._metrics[name]
        reads_truth = metric.facts.needs == "truth"
        if reads_truth and subject.fault:
            return Record(key, name, "failed", reason=subject.fault, passing=subject.changed)
        try:
            found = metric.measure(subject.question, candidate)
            if not math.isfinite(found.value):
                raise NotMeasured(f"its value is {found.value}")  # noqa: TRY301  # as if the metric had said so
        except MissingExtra:
            raise
        except NotMeasured as why:
            return Record(key, name, "none", reason=str(why))
        except Exception as error:  # noqa: BLE001  # one grade must not cost the others
            return Record(key, name, "failed", reason=reason(error))
        facts: JsonObject = {what: _plain(getattr(found, what)) for what in ("parts", "curves") if getattr(found, what)}
        if reads_truth:
            facts["truth_of"] = subject.truth_of
        return Record(key, name, "done", float(found.value), _finite(found.low), _finite(found.high), facts=facts)


@dataclass(frozen=True, eq=False)
class _Subject:
    """A photo as it is asked about."""

    image: Image
    question: Question
    facts: JsonObject
    """Which class is explained, and why that one."""
    fault: str
    """Why the truth cannot be used; empty: it can, or there is none."""
    changed: bool
    """Whether that is for its file, which changed while it was in work."""
    truth_of: str
    """Of what the object is that the truth marks, as :class:`seewhy.truth.Marked` has it; empty: nothing is marked."""

    @classmethod
    def of(cls, task: Task, model: Model) -> _Subject:
        if task.data is None:
            raise FileError(task.fault, setting=str(task.photo), rule="be readable")
        file = _Named(task.data)
        file.name = task.photo
        image = load_image(file)
        question = Question.of(image, model=model, seed=task.seed, batch_size=task.batch_size)
        facts = _class_of(question, task.known)
        question.target = facts["class"]
        fault, truth_of = task.truth_fault, ""
        if task.known is not None and not fault:
            try:
                marked = task.known.marked(image.height, image.width, question.target, question.model.labels)
            except InvalidInput as error:
                marked, fault = None, reason(error)
            if marked is not None:
                question.truth, truth_of = Truth(marked.mask, marked.kind), marked.of
        facts |= {"score": question.whole, "unit": question.unit}
        return cls(image, question, facts, fault, bool(task.truth_fault), truth_of)


def _class_of(question: Question, known: Known | None) -> JsonObject:
    """Return the class to explain, and where it comes from."""
    scores, labels = question.untouched[0], question.model.labels
    right, chosen = right_classes(known, len(scores), labels), class_of(known, scores, labels)
    return {
        "class": chosen,
        "label": label_of(chosen, labels),
        "class_from": "truth" if right else "model",
        "right": int(np.argmax(scores)) in right if right else None,
    }


def _whole(found: Explanation) -> Explanation:
    """Return the explanation; one that Ctrl-C has cut short ends the work."""
    if not found.complete:
        raise KeyboardInterrupt
    return found


def _costs(found: Explanation) -> JsonObject:
    return {
        "seconds": found.seconds,
        "calls": found.n_evaluations,
        "samples": len(found.samples),
        "warnings": list(found.warnings),
    }


def _loaded(path: Path, asked: MethodSetting | None) -> Explanation:
    """Return an explanation made before, with the objects among its settings that a file does not hold."""
    found = load(path)
    return found if asked is None or isinstance(asked, Auto) else replace(found, method=asked)


_CHANGED = "{} must not change during the run, but the file has changed; run the command again to use the new file"


def _photo(unit: WorkUnit) -> tuple[bytes | None, str, bool]:
    """Return the photo's file, or why there is none, and whether that is for a file that has changed since."""
    photo, method = unit.photo, unit.contender.method
    try:
        data = read_regular(photo.path)
    except FileError as error:
        fault = str(error).replace(str(photo.path), photo.path.name)  # the same wherever the folder lies
        return None, fault, not photo.digest.startswith("unreadable:")
    if hashlib.sha256(data).hexdigest() != photo.digest:
        return None, _CHANGED.format(photo.path.name), True
    if method is not None and HELD in unit.asked and asked_of(method) != unit.asked:
        return None, _CHANGED.format(f"a file that the settings of {unit.contender.label} name"), True
    return data, "", False


def reason(error: Exception) -> str:
    """Return what went wrong as one line."""
    kind = "" if type(error).__module__.startswith("seewhy") else f"{type(error).__name__}: "
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", []))
    return printable(" ".join(f"{kind}{error}{notes}".split())) or type(error).__name__


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _plain(values: Mapping[str, Any]) -> JsonObject:
    """Return parts and curves as JSON holds them; what is not finite is None."""
    return {
        name: _finite(value) if isinstance(value, float | int) else [_finite(float(one)) for one in value]
        for name, value in values.items()
    }
