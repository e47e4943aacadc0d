"""Methods explain. One file each; ``METHODS`` lists them by name."""

from __future__ import annotations

from typing import TypeAlias

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import by_name
from seewhy.methods.auto import Auto
from seewhy.methods.ensemble_lime import EnsembleLime
from seewhy.methods.lime import Lime
from seewhy.methods.rise import Rise

__all__ = ["METHODS", "AnyMethod", "Auto", "EnsembleLime", "Lime", "MethodSetting", "Rise", "as_concrete", "as_method"]

AnyMethod: TypeAlias = Lime | Rise | EnsembleLime
MethodSetting: TypeAlias = AnyMethod | Auto
"""What can be asked for; ``Auto`` becomes another one for each photo."""

METHODS: dict[str, type[Lime | Rise | EnsembleLime | Auto]] = {
    "lime": Lime,
    "rise": Rise,
    "ensemble-lime": EnsembleLime,
    "auto": Auto,
}
"""By name; ``auto`` chooses settings of another one for each photo."""


def as_method(method: object) -> MethodSetting:
    """Return method settings for a name, a dict with a ``name``, or settings."""
    if isinstance(method, Lime | Rise | EnsembleLime | Auto):
        return method
    try:
        found = by_name(MethodSetting)(method)
    except ValueError as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"method {error}, got {method!r}") from None
    if not isinstance(found, Lime | Rise | EnsembleLime | Auto):
        raise InvalidInput(f"method must be one of {', '.join(METHODS)}, or their settings, got {method!r}")
    return found


def as_concrete(method: object) -> AnyMethod:
    """Return settings of a method that reads samples, as a result holds them: not ``auto``."""
    found = as_method(method)
    if isinstance(found, Auto):
        raise InvalidInput("method must be the one that auto chose, got 'auto'")
    return found
