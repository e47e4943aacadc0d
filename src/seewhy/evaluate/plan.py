"""What is asked: photos, models, what is to be graded, and by which metrics. Every piece of work has a name of its own.

The name is the hash of everything that decides its outcome, so that what is done is never done again, and what has
changed is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seewhy._version import __version__
from seewhy.core.types import JsonObject
from seewhy.engine.protocols import Model
from seewhy.engine.traits import traits_of
from seewhy.evaluate.identity import asked_of
from seewhy.methods import MethodSetting
from seewhy.metrics import Metric
from seewhy.render.display import Display
from seewhy.truth import Known

EXPLANATION = ""
"""Stands where the name of a metric would, for the explanation itself."""
_SQUARE = 300
"""Side of a photo by which models with other inputs are distinguished."""
MEASURED_ALWAYS = ("seconds", "calls")
"""What the explanation itself costs."""


@dataclass(frozen=True)
class Photo:
    """A photo and what is known of it."""

    name: str
    """Path from where photos were looked for, with ``/`` between folders."""
    path: Path
    digest: str
    """Hash of the file."""
    group: str
    known: Known | None = None


@dataclass(frozen=True)
class Contender:
    """A method with its settings, or a baseline."""

    label: str
    method: MethodSetting | None = None
    """None: the baseline of that name."""
    display: Display = field(default_factory=Display)
    """Which region it shows."""

    @property
    def asked(self) -> JsonObject:
        """What decides its map, as plain values: contenders that differ in what they show share their explanations."""
        return {"baseline": self.label} if self.method is None else self.method.to_dict()

    def to_dict(self) -> JsonObject:
        """Return what decides its map and its region, as plain values."""
        shown = {} if self.display == Display() else {"display": self.display.to_dict()}
        return {"method": self.asked} | shown if shown else self.asked


@dataclass(frozen=True, eq=False)
class NamedModel:
    """A model under the name it has in the tables, and what it is made from elsewhere."""

    label: str
    model: Model
    source: object
    """What :func:`seewhy.load_model` takes."""


@dataclass(frozen=True, eq=False)
class WorkUnit:
    """One explanation, and the grades that it gets."""

    photo: Photo
    model: NamedModel
    contender: Contender
    key: str
    """Of the explanation, which units of other contenders may share."""
    cells: Mapping[str, str]
    """Name of each metric to the key of its grade."""
    marks: str | None = None
    """Digest of what the truth marks."""
    asked: JsonObject = field(default_factory=dict)
    """What decides the map, with digests of the code and the files that settings name."""

    @property
    def keys(self) -> list[str]:
        """Every key that must be in the store for the unit to be done."""
        return [self.key, *self.cells.values()]


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that is asked, in the order of work: photo by photo, so that each is read once."""

    photos: tuple[Photo, ...]
    models: tuple[NamedModel, ...]
    contenders: tuple[Contender, ...]
    metrics: Mapping[str, Metric]
    seed: int
    batch_size: int | None = None

    def units(self) -> Iterator[WorkUnit]:
        """Yield all units in order."""
        identities = [[one.label, *identity_of(one.model)] for one in self.models]
        asked = [one.asked if one.method is None else asked_of(one.method) for one in self.contenders]
        for photo in self.photos:
            known = photo.known
            marks = None if known is None or known.marks is None else known.marks.digest()
            for model, identity in zip(self.models, identities, strict=True):
                for contender, own in zip(self.contenders, asked, strict=True):
                    yield self._unit(photo, marks, model, identity, contender, own)

    def _unit(
        self,
        photo: Photo,
        marks: str | None,
        model: NamedModel,
        identity: list[object],
        contender: Contender,
        asked: JsonObject,
    ) -> WorkUnit:
        known = photo.known
        key = hashed(
            seewhy=__version__,
            photo=photo.digest,
            model=identity,
            classes=[] if known is None else [known.sure, *known.classes],
            asked=asked,
            seed=self.seed,
        )
        cells = {}
        for name, metric in self.metrics.items():
            if metric.facts.needs == "truth" and marks is None:
                continue
            read: JsonObject = {"truth": marks} if metric.facts.needs == "truth" else {}
            read |= {"display": contender.display.to_dict()} if metric.facts.region else {}
            cells[name] = hashed(explanation=key, metric=name, version=metric.facts.version, **read)
        return WorkUnit(photo, model, contender, key, cells, marks, asked)


def identity_of(model: Model) -> list[object]:
    """Return what decides a model's answers, and how photos and truth are taken to it.

    A function's fingerprint is its name alone, so the rest of what is known of it stands beside.
    """
    view = model.view(_SQUARE, _SQUARE).to_dict()
    return [model.fingerprint, traits_of(model).code, model.kind, model.channels, model.labels, view]


def hashed(**what: object) -> str:
    """Return the hash of plain values."""
    return hashlib.sha256(json.dumps(what, sort_keys=True, allow_nan=False).encode()).hexdigest()
