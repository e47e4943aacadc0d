"""What other packages bring is added to the families, once, when seewhy has been imported."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any

from seewhy.core.plugins import Group, plugins
from seewhy.core.settings import Settings, members
from seewhy.images.fills import FILLS
from seewhy.images.segmentation import SEGMENTATIONS
from seewhy.methods import METHODS, is_method
from seewhy.metrics import METRICS, Metric

_PARTS: tuple[tuple[Group, dict[str, type[Settings]]], ...] = (
    ("seewhy.segmentations", SEGMENTATIONS),
    ("seewhy.fills", FILLS),
)
"""Families whose members are settings of methods."""


def extend() -> None:
    """Add the members that installed packages name by entry points."""
    more = [plugins(group, family, _is_settings) for group, family in _PARTS]
    METHODS.update(plugins("seewhy.methods", METHODS, is_method))
    METRICS.update(plugins("seewhy.metrics", METRICS, _is_metric))
    for (_, family), added in zip(_PARTS, more, strict=True):
        if added:
            _widen(family, added)


def _widen(family: dict[str, type[Settings]], added: dict[str, type[Settings]]) -> None:
    """Let every setting that holds a member of a family hold the added ones too."""
    own = set(family.values())
    family.update(added)
    for method in _methods_and_their_bases():
        fields = [field for field in method.model_fields.values() if own <= set(members(field.annotation).values())]
        for field in fields:
            field.annotation = functools.reduce(operator.or_, added.values(), field.annotation)
        if fields:
            method.model_rebuild(force=True)


def _methods_and_their_bases() -> Iterator[type[Settings]]:
    """Yield every method and the settings that it derives from, bases first."""
    classes = dict.fromkeys(base for method in METHODS.values() for base in reversed(method.__mro__))
    yield from (one for one in classes if issubclass(one, Settings) and one is not Settings)


def _is_settings(member: Any) -> str | None:
    """Return why an object is no segmentation or fill; None: it may be one."""
    fits = isinstance(member, type) and issubclass(member, Settings) and "__call__" in dir(member)
    return None if fits else "it must be a subclass of seewhy.core.settings.Settings that can be called"


def _is_metric(member: object) -> str | None:
    """Return why an object is no metric; None: it is one."""
    return None if isinstance(member, Metric) else "it must be a seewhy.metrics.Metric"
