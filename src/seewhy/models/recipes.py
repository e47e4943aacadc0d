"""What a model was loaded from: enough to load it again elsewhere, as in a process that gets a pickled result."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pickle import Pickler
from typing import Any

from seewhy.core.errors import InvalidInput
from seewhy.engine.traits import Loadable, traits_of


@dataclass(frozen=True, eq=False)
class Recipe:
    """What :func:`seewhy.load_model` was called with; the path of a file in full."""

    model: object
    options: dict[str, Any]

    def load(self) -> Any:
        """Load the model again."""
        return importlib.import_module("seewhy.models").load_model(self.model, **self.options)


class Recalled:
    """A model of a pickled result, which is loaded when something of it is first needed.

    Parameters
    ----------
    recipe
        None: what it was made of could not be pickled.
    name
        Of the model, for messages.
    """

    def __init__(self, recipe: Loadable | None, name: str) -> None:
        self.recipe = recipe
        self.name = name

    @property
    def loaded(self) -> Any:
        """The model itself.

        Raises
        ------
        InvalidInput
            It did not come along.
        """
        if "_loaded" not in vars(self):
            if self.recipe is None:
                raise InvalidInput(
                    f"the model {self.name} could not be pickled with this result; pass it again with model=...",
                    setting="model",
                )
            vars(self)["_loaded"] = self.recipe.load()
        return vars(self)["_loaded"]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for before there is anything, by copy and pickle
            raise AttributeError(name)
        return getattr(self.loaded, name)

    def __getstate__(self) -> dict[str, Any]:
        return {"recipe": self.recipe, "name": self.name}


def recalled(model: Any) -> Any:
    """Return what can be pickled in place of a model: itself, or :class:`Recalled`."""
    if model is None or isinstance(model, Recalled):
        return model
    recipe = traits_of(model).recipe
    if recipe is None and can_be_pickled(model):
        return model
    return Recalled(recipe if recipe is not None and can_be_pickled(recipe) else None, str(model.name))


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def can_be_pickled(thing: object) -> bool:
    """Return whether an object can be written as a pickle, by any means that Python itself has."""
    try:
        Pickler(_Nowhere(), protocol=5).dump(thing)
    except Exception:  # noqa: BLE001 - whatever an object of somebody else's raises
        return False
    return True
