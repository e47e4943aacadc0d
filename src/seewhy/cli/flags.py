"""Flags for every setting, made from the settings' own description."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from seewhy._types import JsonObject
from seewhy.errors import InvalidInput
from seewhy.methods import METHODS
from seewhy.settings import Settings, limits, members

_PYTHON_ONLY = {"custom", "regressor"}
"""Members that hold a Python object and so have no flags."""


@dataclass(frozen=True)
class Flag:
    """One flag: where its value goes, and who has the setting."""

    name: str
    """Such as ``--slic-n-segments``."""
    place: tuple[str, ...]
    """Where the value goes: ``("segmentation", "n_segments")``."""
    member: str | None
    """Member that must be chosen at ``place[0]``; None for a setting of the method itself."""
    owners: tuple[str, ...]
    """Methods that have the setting."""
    help: str

    @property
    def key(self) -> str:
        """The name click hands the value over under."""
        return self.name.removeprefix("--").replace("-", "_")


def families(settings: type[Settings]) -> dict[str, dict[str, type[Settings]]]:
    """Return the settings of a class that are a choice of settings, each with its members by name."""
    found = {name: members(field.annotation) for name, field in settings.model_fields.items()}
    return {name: known for name, known in found.items() if known}


def method_flags() -> list[Flag]:
    """Return the flags of all methods; a setting that several methods have is one flag."""
    flags: dict[str, Flag] = {}
    for method, settings in METHODS.items():
        for flag in _flags_of(method, settings):
            same = flags.get(flag.name)
            if same is None:
                flags[flag.name] = flag
            else:
                both = _join_help(same, flag)
                flags[flag.name] = Flag(flag.name, flag.place, flag.member, (*same.owners, method), both)
    return list(flags.values())


def options(flags: list[Flag]) -> Callable[[Any], Any]:
    """Return a decorator that gives a click command the flags, as text to be checked by the settings."""

    def decorate(command: Any) -> Any:
        for flag in reversed(flags):
            command = click.option(flag.name, flag.key, metavar="VALUE", help=flag.help)(command)
        return command

    return decorate


def apply(base: JsonObject, given: dict[str, str | None], flags: list[Flag]) -> JsonObject:
    """Return the settings ``base`` of a method with the flags that were given.

    Raises
    ------
    InvalidInput
        A flag belongs to another method, or to a member that is not chosen.
    """
    method = base["name"]
    known = families(METHODS[method])
    result = dict(base)
    chosen = sorted((flag for flag in flags if given.get(flag.key) is not None), key=lambda flag: len(flag.place))
    for flag in chosen:
        if method not in flag.owners:
            raise InvalidInput(f"{flag.name} is a setting of {', '.join(flag.owners)}, but the method is {method}")
        value: Any = given[flag.key]
        if flag.member is None:
            name = flag.place[0]
            if value in _PYTHON_ONLY:
                raise InvalidInput(f"{flag.name} {value} holds a Python object, so it works from Python only")
            # Naming the member that is there already keeps its settings.
            stays = name in known and isinstance(result.get(name), dict) and result[name]["name"] == value
            result[name] = result[name] if stays else value
            continue
        family, field = flag.place
        part = _as_dict(result.get(family))
        if part.get("name") != flag.member:
            raise InvalidInput(
                f"{flag.name} is a setting of {flag.member}, but {family} is {part.get('name')}; "
                f"add --{family} {flag.member}"
            )
        result[family] = part | {field: value}
    return result


def _as_dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {"name": value}


def _flags_of(method: str, settings: type[Settings]) -> Iterator[Flag]:
    known = families(settings)
    for name, field in settings.model_fields.items():
        if name == "name":
            continue
        usual = [member for member in known.get(name, {}) if member not in _PYTHON_ONLY]
        yield Flag(f"--{_dashed(name)}", (name,), None, (method,), _help(method, field, usual))
        for member in usual:
            for inner, described in known[name][member].model_fields.items():
                if inner not in {"name", "array"}:
                    text = _help(f"{name} {member}", described, [])
                    yield Flag(f"--{member}-{_dashed(inner)}", (name, inner), member, (method,), text)


def _help(owner: str, field: FieldInfo, usual: list[str]) -> str:
    choice = usual or _choices(field.annotation)
    default = field.get_default()
    shown = default.name if isinstance(default, Settings) else default  # type: ignore[attr-defined]
    facts = [
        ", ".join(choice),
        limits(field),
        "" if field.is_required() or shown is None else f"default {_plain(shown)}",
    ]
    return f"[{owner}] {field.description or ''} ({'; '.join(fact for fact in facts if fact) or 'no default'})"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if get_origin(annotation) in {Union, types.UnionType}:
        return [choice for part in get_args(annotation) for choice in _choices(part)]
    return []


def _join_help(one: Flag, other: Flag) -> str:
    """Name both owners where the text is the same, else show both texts."""
    owner, _, text = one.help.partition("] ")
    other_owner, _, other_text = other.help.partition("] ")
    if text != other_text:
        return f"{one.help} {other.help}"
    return one.help if owner == other_owner else f"{owner}, {other_owner.removeprefix('[')}] {text}"


def _dashed(name: str) -> str:
    return name.replace("_", "-")
