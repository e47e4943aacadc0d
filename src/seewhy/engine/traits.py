"""What may be known of a model beyond its protocol, as one record in which everything has a default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from seewhy.core.errors import ModelError
from seewhy.core.types import Batch
from seewhy.engine.protocols import Model


class Loadable(Protocol):
    """What a model was loaded from; plain data, fit for pickle if the model is to go to another process."""

    def load(self) -> Any:
        """Load the model again."""


@dataclass(frozen=True, kw_only=True)
class ModelTraits:
    """What a model states about itself, as ``model.traits``; a model without that attribute has all defaults."""

    composes: bool = False
    """Whether it is streamed rows, :class:`seewhy.engine.canvas.Masked`, beside arrays, and composes their pictures."""
    at_most: int | None = None
    """Pictures it may be sent at once, where its user said so."""
    halved: int = 0
    """Times that a batch was halved so far, because the memory of a device was full."""
    notes: tuple[str, ...] = ()
    """What was assumed about it, for the reader of a result."""
    run_by: str = ""
    """What runs it, and how far that was found to be from the original; empty: its own framework."""
    code: str = ""
    """A hash of its own code, where its fingerprint does not tell versions apart; empty: not known."""
    function: Callable[..., Any] | None = None
    """The function that answers, where it is one: the same object is the same model."""
    network: object = None
    """What runs it, if several models may share that: it is asked by one thread, and what its checks found is kept with
    it. None: the model itself."""
    tested: bool = False
    """Whether its answers are held against a known network by tests, so that no run checks it again."""
    exact: Model | None = None
    """The original of a model of lower precision: values and intervals are for its answers, and it is asked for a share
    of the rows. None: this model is what is explained."""
    checked: Callable[[Batch], Model] | None = None
    """Returns this model, or its original if their answers to some prepared pictures (n, ...) differ by too much."""
    softmax: bool = False
    """Whether its rows are said to be a softmax."""
    one_number: bool = False
    """Whether it was said to give a single number a picture."""
    ends: tuple[float, float] = (0.0, 1.0)
    """The lowest and the highest number in prepared pictures of photos."""
    remote: bool = False
    """Whether it is asked over a network: its errors say by themselves what was asked, and asking may take minutes."""
    recipe: Loadable | None = None
    """What it was loaded from; None: not known."""


_DEFAULT = ModelTraits()
_MEMBERS = (
    *("name", "fingerprint", "kind", "labels", "channels", "layout", "batch_size", "in_flight"),
    *("view", "prepare", "stream"),
)


def lacking(model: object) -> list[str]:
    """Return what :class:`seewhy.engine.protocols.Model` lists and an object has not."""
    return [name for name in _MEMBERS if not hasattr(model, name)]


def traits_of(model: object) -> ModelTraits:
    """Return what a model, or what runs it, states about itself beyond the protocol.

    Raises
    ------
    ModelError
        Its ``traits`` are something else than :class:`ModelTraits`.
    """
    traits = getattr(model, "traits", _DEFAULT)
    if not isinstance(traits, ModelTraits):
        raise ModelError.of(f"{type(model).__name__}.traits", "be seewhy.engine.traits.ModelTraits", traits)
    return traits
