"""The settings among which a study chooses: a few that cost model calls, times a grid of those that cost none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from seewhy.core.array_setting import far_paths
from seewhy.core.errors import InvalidInput
from seewhy.core.settings import fields_of, plain, read_toml
from seewhy.core.text import Words, shown
from seewhy.core.types import JsonObject
from seewhy.engine.stopping import AMOUNT
from seewhy.methods import AnyMethod, as_concrete
from seewhy.render.display import Display

_SHOWN = frozenset(Display.model_fields) - {"hide_rest"}
"""Settings of what is shown that some metrics judge."""
_OF_SETTINGS = frozenset({"method", "display", "model", "targets", "seed"})
"""What a settings file may hold."""
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
class StudySetting:
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

    settings: tuple[StudySetting, ...]
    samplings: Mapping[str, AnyMethod]
    notes: tuple[str, ...] = ()

    @property
    def default(self) -> StudySetting:
        """The setting that everything is held against: the first."""
        return self.settings[0]

    def of_sampling(self, label: str) -> list[StudySetting]:
        """Return the settings that share the samples of one sampling."""
        return [one for one in self.settings if one.sampling == label]

    @classmethod
    def of(cls, menu: object, n_samples: int, *, region: bool) -> Menu:
        """Return the menu of a name, a TOML file, or a dict with ``sampling`` and ``free``, or with ``method``.

        Parameters
        ----------
        menu
            ``sampling`` holds methods by labels of your own; ``free`` lists of values by the name of a setting that
            costs no model call. Each sampling's own value is always looked at, and comes first. Or settings with
            ``method`` and maybe ``display``, as ``seewhy tune`` writes them: a menu of these alone.
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
        if "method" in held:
            return cls._of_settings(held, _label(menu), n_samples)
        surplus = sorted(set(held) - {"sampling", "free"})
        if surplus or not isinstance(held.get("sampling"), Mapping) or not held["sampling"]:
            raise InvalidInput.of("menu", "have sampling, and may have free", Words(", ".join(held) or "nothing"))
        asked = {str(name): _asked(str(name), method, n_samples) for name, method in held["sampling"].items()}
        samplings = {name: method for name, (method, _) in asked.items()}
        notes = [note for _, overruled in asked.values() for note in overruled]
        free = _free(held.get("free", {}), samplings, n_samples)
        if not region and set(free) & _SHOWN:
            notes.append("display settings are not varied, because this metric uses the map and not the shown region")
            free = {name: values for name, values in free.items() if name not in _SHOWN}
        settings: list[StudySetting] = []
        for label, method in samplings.items():
            found, refused = _settings(label, method, free)
            settings += found
            notes += refused
        return cls(tuple(settings), samplings, tuple(dict.fromkeys(notes)))

    @classmethod
    def _of_settings(cls, held: JsonObject, label: str, n_samples: int) -> Menu:
        """Return the menu of one sampling with its own reading, as a settings file holds it."""
        surplus = sorted(set(held) - _OF_SETTINGS)
        if surplus or not isinstance(held.get("display", {}), Mapping):
            got = ", ".join(surplus) or f"display {shown(held['display'])}"
            raise InvalidInput.of(label, f"hold {', '.join(sorted(_OF_SETTINGS))} as explain writes them", got)
        method, notes = _asked(label, held["method"], n_samples)
        unused = sorted(set(held) - {"method", "display"})
        if unused:
            notes.append(f"{label}: only method and display are used; ignored: {', '.join(unused)}")
        setting = StudySetting(label, label, method, {}, Display(**held.get("display", {})))
        return cls((setting,), {label: method}, tuple(notes))


def _held(menu: object) -> JsonObject:
    if isinstance(menu, Mapping):
        return dict(menu)
    if isinstance(menu, str) and menu in MENUS:
        return MENUS[menu]
    if isinstance(menu, os.PathLike) or (isinstance(menu, str) and menu.endswith(".toml")):
        held = read_toml(os.fspath(menu))
        for member, path in far_paths(held, Path(menu).parent):
            rule = "be a file in the current folder or beside the menu"
            raise InvalidInput.of(f"the path of {member} in {os.fspath(menu)}", rule, path, "copy it there")
        return held
    raise InvalidInput.of("menu", f"be {', '.join(MENUS)}, a TOML file, or a dict", menu)


def _label(menu: object) -> str:
    return Path(menu).stem if isinstance(menu, str | os.PathLike) else "settings"


def _asked(label: str, method: object, n_samples: int) -> tuple[AnyMethod, list[str]]:
    """Return the method asked for exactly so many samples, and what it says of the amount itself, which is not used."""
    found = as_concrete(method)
    usual = {name: field.default for name, field in sorted(fields_of(found).items()) if name in AMOUNT}
    if "n_samples" not in found.amounts:
        return found, []  # nothing is random: it always takes all its rows
    amount = usual | {"n_samples": n_samples}
    said = {name: getattr(found, name) for name in usual}
    lost = [f"{name} {value}" for name, value in said.items() if value not in (usual[name], amount[name])]
    note = f"{label}: {', '.join(lost)} ignored: the study uses {n_samples} samples for every sampling setting"
    return found.replace(**amount), [note] if lost else []


def _free(free: object, samplings: Mapping[str, AnyMethod], n_samples: int) -> dict[str, list[Any]]:
    """Return the lists of values, checked; ``half`` is half of the samples."""
    if not isinstance(free, Mapping):
        raise InvalidInput.of("menu.free", "hold lists of values by the name of a setting", free)
    known = sorted(frozenset[str]().union(*(one.free for one in samplings.values())) | _SHOWN)
    without_model = {}
    for name, values in free.items():
        if name not in known:
            raise InvalidInput.of("menu.free", f"name settings that cost no model call, {', '.join(known)}", name)
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise InvalidInput.of(f"menu.free.{name}", "be a list of values", values)
        without_model[name] = [n_samples // 2 if (name, value) == ("n_samples", "half") else value for value in values]
    for value in without_model.get("n_samples", []):
        if isinstance(value, bool) or not isinstance(value, int) or not 2 <= value <= n_samples:
            raise InvalidInput.of("menu.free.n_samples", f"be from 2 to {n_samples}, the number of samples", value)
    return without_model


def _settings(label: str, method: AnyMethod, free: Mapping[str, Sequence[Any]]) -> tuple[list[StudySetting], list[str]]:
    """Return every possible combination of a sampling once, and why others are none."""
    shown = _SHOWN if method.gives == "segments" else _SHOWN - {"regions"}  # a map has no regions
    names = [name for name in free if name in method.free | shown]
    found: dict[str, StudySetting] = {}
    refused = []
    for values in product(*([None, *free[name]] for name in names)):
        given = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        try:
            one = _setting(label, method, given)
        except InvalidInput as error:
            refused.append(f"{label}: skipped {', '.join(map(_word, given.items()))}: {error}")
            continue
        found.setdefault(repr((one.method.to_dict(), one.display.to_dict())), one)
    return list(found.values()), refused


def _setting(label: str, method: AnyMethod, given: Mapping[str, Any]) -> StudySetting:
    changed = method.replace(**{name: value for name, value in given.items() if name not in _SHOWN})
    display = Display(**{name: value for name, value in given.items() if name in _SHOWN})
    changes = {name: getattr(changed, name) for name in method.free if getattr(changed, name) != getattr(method, name)}
    differs = [
        (name, value)
        for name, value in given.items()
        if name in changes or (name in _SHOWN and getattr(display, name) != getattr(Display(), name))
    ]
    return StudySetting(" \u00b7 ".join([label, *map(_word, differs)]), label, changed, changes, display)


def _word(given: tuple[str, Any]) -> str:
    """Return a value under the name of its setting, for labels."""
    name, value = given
    held = plain(value)
    if isinstance(held, Mapping):
        held = " ".join(str(one) for one in held.values())
    return f"{name} {held}"
