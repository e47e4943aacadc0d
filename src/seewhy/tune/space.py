"""The settings that cost model calls, and where a tuner may look for them: read off the settings' own description.

A place is called ``METHOD.SETTING``, such as ``lime.segmentation``, or ``METHOD.MEMBER.SETTING``, such as
``lime.slic.n_segments``; it is there only where the member is chosen.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, get_args, get_origin

from pydantic.fields import FieldInfo

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, members
from seewhy.core.types import JsonObject
from seewhy.engine.stopping import AMOUNT
from seewhy.methods import METHODS, SampledSettings

Tuned: TypeAlias = Any
"""Settings of a method that can be searched: of :class:`SampledSettings`, with all that a method offers."""


def tuned_methods() -> dict[str, type[Tuned]]:
    """Return the methods whose settings can be searched."""
    return {name: method for name, method in METHODS.items() if issubclass(method, SampledSettings) and method.searched}


_COLORS = ("black", "gray", "white")
_NOT_PROPOSED = {"custom", "labels", "picture", "noise", "color"}
"""Members that need a file or a Python object, or that say little."""
_DESIGNS_LEFT_OUT = {"exhaustive", "leave-one-out", "foldover-hadamard"}
"""Designs whose number of rows cannot be chosen, and the one that ``auto`` means already."""
_TAKES_KEEP = {"bernoulli", "drop-fraction"}


class Chooser(Protocol):
    """Chooses a value for a place: a search, or settings that are there already."""

    def category(self, place: str, choices: Sequence[str]) -> str:
        """Return one of ``choices``."""

    def number(self, place: str, among: Range) -> float:
        """Return a number of a range."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def to_list(self) -> list[float]:
        """Return both ends."""
        return [self.low, self.high]


@dataclass(frozen=True)
class Space:
    """The places that are searched: choices or a range for each."""

    methods: tuple[str, ...] = field(default_factory=lambda: tuple(tuned_methods()))
    given: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Choices, or the two ends of a range, in place of the usual ones."""

    def __post_init__(self) -> None:
        for name in self.methods:
            if name not in tuned_methods():
                raise InvalidInput.of("methods", f"be some of {', '.join(tuned_methods())}", name)
        if not self.methods:
            raise InvalidInput(
                "methods must name at least one method, got none",
                setting="methods",
                rule="name at least one method",
                value=(),
            )
        known = self.places()
        for place, values in self.given.items():
            if place not in known:
                near = difflib.get_close_matches(place, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
                raise InvalidInput(
                    f"sampling.{place} cannot be searched{hint}",
                    setting="sampling",
                    rule="name settings that can be searched",
                    value=place,
                )
            _checked(place, values, known[place])

    def places(self) -> dict[str, Range | tuple[str, ...]]:
        """Return every place with what is looked for there."""
        found: dict[str, Range | tuple[str, ...]] = {"method": self.methods} if len(self.methods) > 1 else {}
        for name in self.methods:
            for setting, described in _searched(tuned_methods()[name]).items():
                found |= self._of_setting(name, setting, described)
        return found

    def propose(self, choose: Chooser) -> Tuned:
        """Return the sampling settings that ``choose`` chooses, everything else as usual.

        Raises
        ------
        InvalidInput
            They do not go together.
        """
        name = choose.category("method", self.methods) if len(self.methods) > 1 else self.methods[0]
        method = tuned_methods()[name]
        found: dict[str, Any] = {}
        for setting, described in _searched(method).items():
            if setting == "keep" and found.get("design") not in _TAKES_KEEP:
                continue
            found[setting] = self._proposed(choose, name, setting, described)
        return method(**found)

    def without_fill(self, fill: str) -> Space:
        """Return the same space, in which no fill is proposed that is called so; choices that were given stay."""
        places = self.places()
        fewer: dict[str, Sequence[Any]] = {}
        for name in self.methods:
            usual = places[f"{name}.fill"]
            assert not isinstance(usual, Range)
            fewer[f"{name}.fill"] = [one for one in usual if one != fill]
        return Space(self.methods, fewer | dict(self.given))

    def _range(self, place: str, usual: Range) -> Range:
        low, high = self.given.get(place, usual.to_list())
        return Range(low, high, usual.log and low > 0, usual.whole)

    def _proposed(self, choose: Chooser, method: str, setting: str, described: FieldInfo) -> Any:
        place = f"{method}.{setting}"
        usual = _range_of(described)
        if usual is not None:
            return choose.number(place, self._range(place, usual))
        chosen = choose.category(place, tuple(self.given.get(place, _names(tuned_methods()[method], described))))
        known = members(described.annotation)
        if chosen not in known:  # a color, or the name of a design
            return chosen
        inner: JsonObject = {"name": chosen}
        for name, one in known[chosen].model_fields.items():
            among = _range_of(one)
            if among is not None:
                inner_place = f"{method}.{chosen}.{name}"
                inner[name] = choose.number(inner_place, self._range(inner_place, among))
        return inner

    def _of_setting(self, method: str, setting: str, described: FieldInfo) -> dict[str, Range | tuple[str, ...]]:
        place, usual = f"{method}.{setting}", _range_of(described)
        if usual is not None:
            return {place: usual}
        found: dict[str, Range | tuple[str, ...]] = {place: _names(tuned_methods()[method], described)}
        for member, settings in members(described.annotation).items():
            for name, one in settings.model_fields.items():
                among = _range_of(one)
                if among is not None and member not in _NOT_PROPOSED:
                    found[f"{method}.{member}.{name}"] = among
        return found


def params_of(space: Space, method: Tuned) -> JsonObject | None:
    """Return the choices that lead to the sampling settings of ``method``; None where the space does not hold them."""
    held = _Held(method)
    try:
        found = space.propose(held)
    except (_OutsideError, InvalidInput):
        return None
    return held.params if sampling_of(found) == sampling_of(method) else None


def sampling_of(method: Tuned) -> JsonObject:
    """Return the settings of a method that decide what the model is asked, apart from how much."""
    left_out = method.fits | AMOUNT | {"unit"}
    return {name: value for name, value in method.to_dict().items() if name not in left_out}


class _OutsideError(Exception):
    """A value does not lie in the space."""


@dataclass
class _Held:
    """Chooses what a method has already, and notes it down."""

    method: Tuned
    params: JsonObject = field(default_factory=dict)

    def category(self, place: str, choices: Sequence[str]) -> str:
        """Return the name that the method has at ``place``."""
        if place == "method":
            return self._noted(place, self.method.name, choices)
        setting = place.split(".")[1]
        value = getattr(self.method, setting)
        name = getattr(value, "name", value)
        if name == "color":  # a color is a choice by its name
            name = next((one for one in choices if _setting(type(self.method), setting, one) == value), name)
        return self._noted(place, name, choices)

    def number(self, place: str, among: Range) -> float:
        """Return the number that the method has at ``place``."""
        _, *path = place.split(".")
        holder: Any = self.method
        if len(path) == 2:
            parts = [one for one in self.method.__dict__.values() if isinstance(one, Settings)]
            holder = next(one for one in parts if getattr(one, "name", "") == path[0])
        value = float(getattr(holder, path[-1]))
        if not among.low <= value <= among.high:
            raise _OutsideError
        self.params[place] = int(value) if among.whole else value
        return float(value)

    def _noted(self, place: str, value: Any, choices: Sequence[str]) -> str:
        if value not in choices:
            raise _OutsideError
        self.params[place] = value
        return str(value)


def _setting(method: type[Tuned], setting: str, value: str) -> object:
    """Return what a word stands for as a setting; None where it is none."""
    try:
        return getattr(method(**{setting: value}), setting)
    except InvalidInput:
        return None


def _searched(method: type[Tuned]) -> dict[str, FieldInfo]:
    """Return the sampling settings that can be searched; ``keep`` comes after the design that it depends on."""
    left_out = method.fits | AMOUNT | {"unit", "name"}
    found = {
        name: described
        for name, described in method.model_fields.items()
        if name not in left_out and (_range_of(described) is not None or _names(method, described))
    }
    return dict(sorted(found.items(), key=lambda item: item[0] == "keep"))


def _range_of(described: FieldInfo) -> Range | None:
    hints: Any = described.json_schema_extra
    if not isinstance(hints, dict) or "search" not in hints:
        return None
    low, high = hints["search"]
    return Range(low, high, bool(hints["log"]), described.annotation is int)


def _names(method: type[Tuned], described: FieldInfo) -> tuple[str, ...]:
    """Return the choices of a setting that is a name or a choice of settings; none where it is neither."""
    known = members(described.annotation)
    if known:
        left_out = _NOT_PROPOSED if "segmentation" in method.model_fields else _NOT_PROPOSED | {"segment-mean"}
        colors = _COLORS if "color" in known else ()
        return tuple(name for name in known if name not in left_out) + colors
    return tuple(str(name) for name in _literals(described.annotation) if name not in _DESIGNS_LEFT_OUT)


def _literals(annotation: Any) -> list[object]:
    """Return the words of a type that is nothing but words."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if get_origin(annotation) is tuple:
        return []
    found = [_literals(part) for part in get_args(annotation)]
    return [word for words in found for word in words] if all(found) else []


def _checked(place: str, values: object, usual: Range | tuple[str, ...]) -> None:
    """Refuse choices or a range that are none."""
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise InvalidInput.of(f"sampling.{place}", "be a list", values)
    if isinstance(usual, Range):
        numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
        if len(values) != 2 or not numbers or values[0] > values[1]:
            raise InvalidInput.of(f"sampling.{place}", "be the two ends of a range, low and high", values)
        if usual.whole and any(one != int(one) for one in values):
            raise InvalidInput.of(f"sampling.{place}", "be two whole numbers", values)
        return
    for one in values:
        if one not in usual and not (isinstance(one, str) and place != "method" and _setting(*_owner(place), one)):
            raise InvalidInput.of(f"sampling.{place}", f"be some of {', '.join(usual)}", one)


def _owner(place: str) -> tuple[type[Tuned], str]:
    method, setting = place.split(".")
    return tuned_methods()[method], setting
