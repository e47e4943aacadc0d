"""What is known of a metric before it is measured, and what it measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from seewhy.core.errors import InvalidInput
from seewhy.metrics.question import Candidate, Question

Needs = Literal["truth", "model", "samples", "map"]


@dataclass(frozen=True)
class Facts:
    """A metric in words."""

    name: str
    title: str
    better: Literal["higher", "lower", ""]
    """Empty: it describes, and is not a grade."""
    unit: str
    source: str
    calls: str
    """Model calls, in words; "0" where there are none."""
    needs: Needs
    """Truth and model are asked of the question; samples of the explanation; a map is all that is left."""
    misleads: str
    """When not to trust it."""
    version: int = 1
    """Raised when its value changes for the same map."""
    region: bool = True
    """Whether it reads the region that is shown; False: its value for a map is the same whatever is shown."""


@dataclass(frozen=True)
class Measure:
    """What a metric found."""

    value: float
    low: float | None = None
    """Lower end of its 95 % interval; None: there is none, or it is open."""
    high: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    """The same for each fill, or whatever else it is made of."""
    curves: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False)
    """Score by share of the picture, 0 to 1 in equal steps, where it is the area under one."""


class NotMeasured(Exception):  # it is an answer, not a fault
    """The metric does not apply here; its text says why."""


@dataclass(frozen=True)
class Metric:
    """A metric: what is known of it, and how it is measured."""

    facts: Facts
    measured: Callable[[Question, Candidate], Measure]

    def measure(self, question: Question, candidate: Candidate) -> Measure:
        """Return what it finds.

        Raises
        ------
        NotMeasured
            It does not apply: there is no truth, there are no samples, ...
        InvalidInput
            The map is of another class, or another photo, than the question.
        """
        made = candidate.explanation
        if made is not None and made.image is not question.image and made.image.sha256 != question.image.sha256:
            raise InvalidInput.of(
                candidate.name, f"explain the photo of the question, {question.image.name}", made.image.name
            )
        explained = None if candidate.explanation is None else candidate.explanation.targets[candidate.place]
        if explained is not None and (explained.index, explained.versus) != (question.target, None):
            raise InvalidInput(
                (
                    f"{candidate.name} explains {explained.label} ({explained.index}), but the question is "
                    f"about class {question.target}; explain that class, without a contrast"
                ),
                setting="target",
                rule="be the class of the question",
                value=explained.index,
            )
        if self.facts.needs == "truth" and question.truth is None:
            raise NotMeasured("this photo has no ground truth")
        if self.facts.needs == "samples" and candidate.explanation is None:
            raise NotMeasured("needs the samples of an explanation")
        return self.measured(question, candidate)

    def __reduce__(self) -> Any:
        return _by_name, (self.facts.name,)


def _by_name(name: str) -> Metric:
    """Return a metric of this process: one that travels to another is known there by its name."""
    return METRICS[name]


METRICS: dict[str, Metric] = {}
"""Every metric by its name; the package fills it."""
