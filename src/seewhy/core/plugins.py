"""Members of a family that other packages bring along, by entry points.

A package names them in its ``pyproject.toml``::

    [project.entry-points."seewhy.methods"]
    my-method = "my_package:MyMethod"

The groups are ``seewhy.methods``, ``seewhy.metrics``, ``seewhy.models``, ``seewhy.segmentations`` and
``seewhy.fills``. A package that cannot be imported, or that
takes a name which is there already, is left out with a warning: it must not keep everything else from working.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeAlias

from seewhy.core.text import clean, shortened

Group: TypeAlias = Literal["seewhy.methods", "seewhy.metrics", "seewhy.models", "seewhy.segmentations", "seewhy.fills"]


def entries(group: Group, taken: Iterable[str]) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name, not loaded; names in ``taken`` are refused with a warning."""
    known = set(taken)
    kept: dict[str, EntryPoint] = {}
    for entry in sorted(_installed().select(group=group), key=lambda entry: (entry.name, entry.value)):
        if entry.name in known:
            _warn(entry, group, "its name is taken")
            continue
        known.add(entry.name)
        kept[entry.name] = entry
    return kept


@cache
def _installed() -> Any:  # the type differs between Python 3.11 and 3.12
    """Return the entry points of all packages; every package is looked at, so it is done once."""
    return entry_points()


def plugins(group: Group, taken: Iterable[str], fits: Callable[[Any], str | None]) -> dict[str, Any]:
    """Return the loaded members of a group by name.

    Parameters
    ----------
    group
        The family's group of entry points.
    taken
        Names that the family has already.
    fits
        Returns None if an object is a member of the family under the name of its entry point, else why it is not.
    """
    kept: dict[str, Any] = {}
    for name, entry in entries(group, taken).items():
        try:
            member = entry.load()
        except Exception as error:  # noqa: BLE001 - whatever a stranger's package raises
            _warn(entry, group, f"{type(error).__name__}: {error}")
            continue
        reason = fits(member)
        if reason is None and getattr(member, "name", name) not in {name, _default_name(member)}:
            reason = f"it calls itself {member.name!r}"
        if reason is not None:
            _warn(entry, group, reason)
            continue
        kept[name] = member
    return kept


def package_of(entry: EntryPoint) -> str:
    """Return the name of the package that an entry point belongs to."""
    return "?" if entry.dist is None else clean(entry.dist.name)


def _default_name(member: Any) -> object:
    """Return the name that a settings class calls itself."""
    field = getattr(member, "model_fields", {}).get("name")
    return None if field is None else field.default


def _warn(entry: EntryPoint, group: str, reason: str) -> None:
    text = shortened(clean(f"{entry.name!r} of the package {package_of(entry)} is left out of {group}: {reason}"), 500)
    warnings.warn(text, RuntimeWarning, stacklevel=2)
