"""How a result goes to another process, or is copied: its model is loaded again there when it is needed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from typing import Any, Self

from seewhy.engine.together import SharedModel
from seewhy.explanation.recorded_method import recorded
from seewhy.models.recipes import can_be_pickled, recalled


class Portable:
    """A frozen dataclass with a ``black_box`` and a ``method``, made fit for pickle and deepcopy.

    Everything else is plain data. A copy in the same process shares the model. In a pickle stands what the model was
    loaded from; a function of which not even that can be pickled stays behind, as does a function among the settings.
    """

    def _fields(self) -> dict[str, Any]:
        """Return the fields alone: what was computed from them can be computed again."""
        return {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]

    def __getstate__(self) -> dict[str, Any]:
        state = self._fields()
        model, method = state["black_box"], state["method"]
        state["black_box"] = recalled(model.model if isinstance(model, SharedModel) else model)
        if not can_be_pickled(method):
            state["method"] = recorded(method.to_dict())
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __copy__(self) -> Self:
        return self._with(self._fields())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        values = self._fields()
        shared = {name: values.pop(name) for name in ("black_box", "method")}  # neither is changed by anybody
        return self._with({name: deepcopy(value, memo) for name, value in values.items()} | shared)

    def _with(self, values: dict[str, Any]) -> Self:
        made = object.__new__(type(self))
        vars(made).update(values)
        return made
