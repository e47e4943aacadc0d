"""What a result remembers of the model that was asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from seewhy.core.types import ScoreKind
from seewhy.engine.protocols import Model
from seewhy.engine.traits import traits_of


@dataclass(frozen=True)
class ModelFacts:
    """What a result remembers of the model."""

    name: str
    fingerprint: str
    kind: ScoreKind
    classes: int
    labels: tuple[str, ...] | None
    """Names of the kept classes, in their order; None where the model has none."""
    notes: tuple[str, ...] = ()
    """What had to be assumed about it, and what its checks found."""
    run_by: str = ""
    """What ran it instead of its own framework, and how far it was found to be from it."""
    code: str = field(default="", compare=False)
    """A hash of a function's own code, since its fingerprint is its name alone; empty where it is not known, as in
    results that come from a file."""

    @classmethod
    def of(
        cls, model: Model, kind: ScoreKind, classes: int, kept: tuple[int, ...], findings: tuple[str, ...]
    ) -> ModelFacts:
        """Return the facts of a model whose scores were taken as ``kind``."""
        labels = None if model.labels is None else tuple(model.labels[i] for i in kept)
        assumed = () if model.kind is not None else (_assumed(model.name, kind),)
        traits = traits_of(model)
        notes = (*assumed, *traits.notes, *findings)
        return cls(model.name, model.fingerprint, kind, classes, labels, notes, traits.run_by, traits.code)

    def noted(self, *notes: str) -> ModelFacts:
        """Return the same with more for the reader of a result."""
        return replace(self, notes=(*self.notes, *notes))


def _assumed(name: str, kind: ScoreKind) -> str:
    taken = "probabilities: none below 0, adding up to 1" if kind == "probability" else "raw scores"
    return (
        f'{name} does not declare its score type; treating outputs as {taken} (pass kind="logit" '
        'or "probability" to change this)'
    )
