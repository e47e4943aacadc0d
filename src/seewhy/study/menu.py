"""The settings among which a study chooses: a few that cost model calls, times a grid of those that cost none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from seewhy._types import JsonObject
from seewhy.api import AnyMethod, as_concrete
from seewhy.display import Display
from seewhy.errors import InvalidInput
from seewhy.settings import plain, read_toml, shown
from seewhy.stopping import AMOUNT

_SHOWN = frozenset(Display.model_fields) - {"hide_rest"}
"""Settings of what is shown that some metrics judge."""
_LIME: dict[str, JsonObject] = {
    "lime": {"name": "lime"},
    "lime, black": {"name": "lime", "fill": "black"},
    "lime, blur": {"name": "lime", "fill": "blur"},
    "lime, quickshift": {"name": "lime", "segmentation": "quickshift"},
    "lime, quickshift, black": {"name": "lime", "segmentation": "quickshift", "fill": "black"},
}
_OTHERS: dict[str, JsonObject] = {"rise": {"name": "rise"}, "ensemble-lime": {"name": "ensemble-lime"}}
_SMALL = ("lime", "lime, quickshift, black", "rise")
MENUS: dict[str, JsonObject] = {
    "small": {
        "sampling": {name: held for name, held in (_LIME | _OTHERS).items() if name in _SMALL},
        "free": {"num_features": [8], "regions": [10], "sign": ["positive"]},
    },
    "usual": {
        "sampling": _LIME | _OTHERS,
        "free": {
            "n_samples": ["half"],
            "num_features": [8],
            "unit": ["log-odds"],
            "regions": [3, 10],
            "sign": ["positive"],
        },
    },
}
"""Menus by name, in the form of a menu file."""


@dataclass(frozen=True)
class Setting:
    """One setting of the menu: what the model is asked, and how the answer is read and shown."""

    label: str
    sampling: str
    """Label of what the model is asked; settings that share it share their samples."""
    method: AnyMethod
    """With everything that this setting says."""
    changes: Mapping[str, Any]
    """What differs from the sampling's own reading, for :meth:`Explanation.refit`."""
    display: Display

    def to_dict(self) -> JsonObject:
        """Return the setting as plain values."""
        return {
            "label": self.label,
            "sampling": self.sampling,
            "method": self.method.to_dict(),
            "display": self.display.to_dict(),
        }


@dataclass(frozen=True)
class Menu:
    """All settings; the first is the default that the others are held against."""

    settings: tuple[Setting, ...]
    samplings: Mapping[str, AnyMethod]
    notes: tuple[str, ...] = ()

    @property
    def default(self) -> Setting:
        """The setting that everything is held against: the first."""
        return self.settings[0]

    def of_sampling(self, label: str) -> list[Setting]:
        """Return the settings that share the samples of one sampling."""
        return [one for one in self.settings if one.sampling == label]

    @classmethod
    def of(cls, menu: object, n_samples: int, *, region: bool) -> Menu:
        """Return the menu of a name, a TOML file, or a dict with ``sampling`` and ``free``.

        Parameters
        ----------
        menu
            ``sampling`` holds methods by labels of your own; ``free`` lists of values by the name of a setting that
            costs no model call. Each sampling's own value is always looked at, and comes first.
        n_samples
            Rows that each sampling is asked.
        region
            Whether the metric reads the region that is shown; if not, what is shown is not varied.

        Raises
        ------
        InvalidInput
            There is no such menu, or something in it breaks a rule.
        FileError
            The file cannot be read.
        """
        held = _held(menu)
        surplus = sorted(set(held) - {"sampling", "free"})
        if surplus or not isinstance(held.get("sampling"), Mapping) or not held["sampling"]:
            raise InvalidInput(f"menu must have sampling, and may have free, got {', '.join(held) or 'nothing'}")
        samplings = {str(name): _asked(method, n_samples) for name, method in held["sampling"].items()}
        free, notes = _free(held.get("free", {}), samplings, n_samples), []
        if not region and set(free) & _SHOWN:
            notes.append("what is shown is not varied: this metric reads the map, and not the region that is shown")
            free = {name: values for name, values in free.items() if name not in _SHOWN}
        settings: list[Setting] = []
        for label, method in samplings.items():
            found, refused = _settings(label, method, free)
            settings += found
            notes += refused
        return cls(tuple(settings), samplings, tuple(dict.fromkeys(notes)))


def _held(menu: object) -> JsonObject:
    if isinstance(menu, Mapping):
        return dict(menu)
    if isinstance(menu, str) and menu in MENUS:
        return MENUS[menu]
    if isinstance(menu, os.PathLike) or (isinstance(menu, str) and menu.endswith(".toml")):
        return read_toml(os.fspath(menu))
    raise InvalidInput(f"menu must be {', '.join(MENUS)}, a TOML file, or a dict, got {shown(menu)}")


def _asked(method: object, n_samples: int) -> AnyMethod:
    """Return the method asked for exactly so many samples, whatever it says of the amount itself."""
    found = as_concrete(method)
    amount = {name: found.__class__.model_fields[name].default for name in AMOUNT}
    return found.replace(**amount | {"n_samples": n_samples})


def _free(free: object, samplings: Mapping[str, AnyMethod], n_samples: int) -> dict[str, list[Any]]:
    """Return the lists of values, checked; ``half`` is half of the samples."""
    if not isinstance(free, Mapping):
        raise InvalidInput(f"menu.free must hold lists of values by the name of a setting, got {shown(free)}")
    known = sorted(frozenset[str]().union(*(one.free for one in samplings.values())) | _SHOWN)
    found = {}
    for name, values in free.items():
        if name not in known:
            raise InvalidInput(f"menu.free must name settings that cost no model call, {', '.join(known)}, got {name}")
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise InvalidInput(f"menu.free.{name} must be a list of values, got {shown(values)}")
        found[name] = [n_samples // 2 if (name, value) == ("n_samples", "half") else value for value in values]
    for value in found.get("n_samples", []):
        if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= n_samples:
            raise InvalidInput(f"menu.free.n_samples must be from 2 to the {n_samples} asked, got {shown(value)}")
    return found


def _settings(label: str, method: AnyMethod, free: Mapping[str, Sequence[Any]]) -> tuple[list[Setting], list[str]]:
    """Return every possible combination of a sampling once, and why others are none."""
    shown = _SHOWN if "segmentation" in type(method).model_fields else _SHOWN - {"regions"}  # a map has no regions
    names = [name for name in free if name in method.free | shown]
    found: dict[str, Setting] = {}
    refused = []
    for values in product(*([None, *free[name]] for name in names)):
        given = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        try:
            one = _setting(label, method, given)
        except InvalidInput as error:
            refused.append(f"{label}: left out {', '.join(map(_word, given.items()))}: {error}")
            continue
        found.setdefault(repr((one.method.to_dict(), one.display.to_dict())), one)
    return list(found.values()), refused


def _setting(label: str, method: AnyMethod, given: Mapping[str, Any]) -> Setting:
    changed = method.replace(**{name: value for name, value in given.items() if name not in _SHOWN})
    display = Display(**{name: value for name, value in given.items() if name in _SHOWN})
    changes = {name: getattr(changed, name) for name in method.free if getattr(changed, name) != getattr(method, name)}
    differs = [
        (name, value)
        for name, value in given.items()
        if name in changes or (name in _SHOWN and getattr(display, name) != getattr(Display(), name))
    ]
    return Setting(" \u00b7 ".join([label, *map(_word, differs)]), label, changed, changes, display)


def _word(given: tuple[str, Any]) -> str:
    """Return a value under the name of its setting, for labels."""
    name, value = given
    held = plain(value)
    if isinstance(held, Mapping):
        held = " ".join(str(one) for one in held.values())
    return f"{name} {held}"
