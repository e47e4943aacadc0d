"""Methods explain. One file each; ``METHODS`` lists them by name, with those of other packages.

To add one: a file here, and a line in ``METHODS``. From another package: an entry point of ``seewhy.methods``.
"""

from __future__ import annotations

from typing import Any, TypeAlias, cast

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import by_name
from seewhy.core.text import shown
from seewhy.engine.protocols import Method
from seewhy.methods.auto import Auto
from seewhy.methods.ensemble_lime import EnsembleLime
from seewhy.methods.lime import Lime
from seewhy.methods.method_settings import MethodSettings, SampledSettings
from seewhy.methods.occlusion import Occlusion
from seewhy.methods.rise import Rise

__all__ = [
    "METHODS",
    "AnyMethod",
    "Auto",
    "EnsembleLime",
    "Lime",
    "MethodSetting",
    "MethodSettings",
    "Occlusion",
    "Rise",
    "SampledSettings",
    "as_concrete",
    "as_method",
    "is_method",
]

AnyMethod: TypeAlias = Method
"""What reads samples, as a result holds it."""
MethodSetting: TypeAlias = Method | Auto
"""What can be asked for; ``Auto`` becomes another one for each photo."""

METHODS: dict[str, type[MethodSettings | Auto]] = {
    "lime": Lime,
    "rise": Rise,
    "ensemble-lime": EnsembleLime,
    "occlusion": Occlusion,
    "auto": Auto,
}
"""By name; ``auto`` chooses settings of another one for each photo."""

_by_name = by_name(METHODS)


def is_method(member: Any) -> str | None:
    """Return why an object of another package is no method; None: it is one."""
    if not (isinstance(member, type) and issubclass(member, MethodSettings)):
        return "it must be a subclass of seewhy.methods.MethodSettings or SampledSettings"
    missing = [name for name in ("scene", "masks", "draws", "rows", "estimate", "spread") if not hasattr(member, name)]
    return f"it has no {', '.join(missing)}" if missing else None


def as_method(method: object) -> MethodSetting:
    """Return method settings for a name, a dict with a ``name``, or settings."""
    if isinstance(method, MethodSettings | Auto):
        return cast("MethodSetting", method)
    try:
        return cast("MethodSetting", _by_name(method))
    except ValueError as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(
            f"method {error}, got {shown(method)}", setting="method", rule=str(error), value=method
        ) from None


def as_concrete(method: object) -> AnyMethod:
    """Return settings of a method that reads samples, as a result holds them: not ``auto``."""
    found = as_method(method)
    if isinstance(found, Auto):
        raise InvalidInput.of("method", "be the one that auto chose", "auto")
    return found
