"""Flags for every setting, made from the settings' own description."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, bounds, limits, members
from seewhy.core.types import JsonObject
from seewhy.methods import METHODS

_PYTHON_ONLY = {"custom", "regressor"}
"""Members that hold a Python object and so have no flags."""
USUAL = "The usual"
"""Heading of the flags that a newcomer needs."""


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
    settings: str
    """What messages call the setting: ``Slic.n_segments``."""
    optional: bool
    """Whether ``none`` takes the setting away."""

    @property
    def key(self) -> str:
        """The name click hands the value over under."""
        return self.name.removeprefix("--").replace("-", "_")

    @property
    def section(self) -> str:
        """The heading it stands under in ``--help``."""
        if self.name == "--n-samples":
            return USUAL
        if self.member is not None:
            return f"For --{self.place[0]} {self.member}"
        return f"Settings of {' and '.join(self.owners)}"

    def value(self, text: str) -> Any:
        """Return what the text on the command line stands for, as far as the settings do not read it themselves."""
        if self.place[-1] == "path":
            return text
        if self.optional and text == "none":
            return None
        if text.startswith("["):
            try:
                return json.loads(text)
            except json.JSONDecodeError:
                return text
        return text


class Option(click.Option):
    """An option that stands under a heading."""

    def __init__(self, *names: Any, section: str = USUAL, **given: Any) -> None:
        super().__init__(*names, **given)
        self.section = section


_LIMITS = ((r"\[x>=([^\]]+)\]", r"(at least \1)"), (r"\[x>([^\]]+)\]", r"(above \1)"))
"""How click writes limits in the help, and how the help of settings does."""


def limits_in_words(text: str) -> str:
    """Return a help text with limits in words.

    >>> limits_in_words("Sampling settings to try (default 30).  [x>=1]")
    'Sampling settings to try (at least 1; default 30).'
    """
    for pattern, words in _LIMITS:
        text = re.sub(rf"\.?\s+{pattern}$", rf" {words}.", text)
    return re.sub(r" \((default[^()]*)\) \(((?:at least|above) [^)]*)\)\.$", r" (\2; \1).", text)


class Sectioned(click.Command):
    """A command whose ``--help`` lists the options under headings, the usual ones first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of options for each heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None and isinstance(option, click.Option):
                named, said = record
                sections.setdefault(getattr(option, "section", USUAL), []).append((named, limits_in_words(said)))
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


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
            flags[flag.name] = flag if same is None else _join(same, flag)
    return sorted(flags.values(), key=lambda flag: flag.member is not None)


def options(flags: list[Flag]) -> Callable[[Any], Any]:
    """Return a decorator that gives a click command the flags, as text to be checked by the settings."""

    def decorate(command: Any) -> Any:
        for flag in reversed(flags):
            command = click.option(
                flag.name, flag.key, cls=Option, section=flag.section, metavar="VALUE", help=flag.help
            )(command)
        return command

    return decorate


def settings_of(base: JsonObject, given: dict[str, str | None], flags: list[Flag]) -> Settings:
    """Return the settings ``base`` of a method with the flags that were given, checked.

    Raises
    ------
    InvalidInput
        A flag belongs to another method, or to a member that is not chosen, or its value breaks a rule.
    """
    used = [flag for flag in flags if given.get(flag.key) is not None]
    result = _merged(base, given, sorted(used, key=lambda flag: len(flag.place)))
    try:
        return METHODS[base["name"]](**result)
    except InvalidInput as error:
        text = str(error)
        for flag in used:
            for setting in sorted(flag.settings.split(), key=len, reverse=True):  # EnsembleLime before Lime
                text = text.replace(f"{setting} ", f"{flag.name} ")
        raise InvalidInput(text, setting=error.setting, rule=error.rule, value=error.value) from None


def _merged(base: JsonObject, given: dict[str, str | None], used: list[Flag]) -> JsonObject:
    method = base["name"]
    known = families(METHODS[method])
    result = dict(base)
    for flag in used:
        if method not in flag.owners:
            raise InvalidInput(
                f"{flag.name} is a setting of {', '.join(flag.owners)}, but the method is {method}",
                setting=flag.name,
                rule="be a setting of the method",
                value=method,
            )
        text = str(given[flag.key])
        value = flag.value(text)
        family = flag.place[0]
        if flag.member is None:
            if family in known and text in _PYTHON_ONLY:
                raise InvalidInput(
                    f"{flag.name} {text} needs a Python object; use it from Python",
                    setting=flag.name,
                    rule="not be a Python object",
                    value=text,
                )
            # Naming the member that is there already keeps its settings.
            stays = family in known and isinstance(result.get(family), dict) and result[family]["name"] == value
            result[family] = result[family] if stays else value
            continue
        part = _as_dict(result.get(family))
        if part.get("name") != flag.member:
            raise InvalidInput(
                (
                    f"{flag.name} is a setting of {flag.member}, but {family} is {part.get('name')}; add --"
                    f"{family} {flag.member}"
                ),
                setting=flag.name,
                rule=f"be a setting of the {family}",
                value=part.get("name"),
            )
        result[family] = part | {flag.place[1]: value}
    for family, by_name in known.items():
        _needs_path(by_name, family, _as_dict(result.get(family)))
    return result


def _needs_path(known: dict[str, type[Settings]], family: str, part: JsonObject) -> None:
    member = part.get("name")
    if isinstance(member, str) and member in known and "path" in known[member].model_fields and not part.get("path"):
        raise InvalidInput(
            f"--{family} {member} needs a file: --{member}-path FILE", setting=f"--{member}-path", rule="be given"
        )


def _as_dict(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {"name": value}


def _flags_of(method: str, settings: type[Settings]) -> Iterator[Flag]:
    known = families(settings)
    for name, field in settings.model_fields.items():
        if name == "name":
            continue
        usual = [member for member in known.get(name, {}) if member not in _PYTHON_ONLY]
        place = f"{settings.__name__}.{name}"
        yield Flag(
            f"--{_dashed(name)}", (name,), None, (method,), describe(field, usual), place, _takes_none(field.annotation)
        )
        for member in usual:
            for inner, described in known[name][member].model_fields.items():
                if inner not in {"name", "array"}:
                    yield Flag(
                        f"--{member}-{_dashed(inner)}",
                        (name, inner),
                        member,
                        (method,),
                        describe(described, ["true", "false"] if described.annotation is bool else None),
                        f"{known[name][member].__name__}.{inner}",
                        _takes_none(described.annotation),
                    )


def describe(field: FieldInfo, usual: list[str] | None = None) -> str:
    """Return the help of a setting: what it is, what it may be, and its default."""
    choice = usual or _choices(field.annotation)
    if choice and "color" in choice:
        choice = [*choice, "or a color such as black"]
    default = field.get_default()
    facts = [
        ", ".join(choice),
        bounds(field),
        "" if field.is_required() or default is None else f"default {as_typed(default)}",
        '"none" disables the limit' if _takes_none(field.annotation) and limits(field) else "",
    ]
    said = "; ".join(fact for fact in facts if fact)
    text = field.description or ""
    return f"{text[:1].upper()}{text[1:]}" + (f" ({said})." if said else ".")


def as_typed(value: object) -> str:
    """Return a default as people type it."""
    if isinstance(value, Settings):
        color = getattr(value, "value", "")
        return f"{getattr(value, 'name', '')} {color}".strip()
    if isinstance(value, tuple):
        return ",".join(map(as_typed, value))
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if get_origin(annotation) in {Union, types.UnionType}:
        return [choice for part in get_args(annotation) for choice in _choices(part)]
    return []


def _takes_none(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _join(one: Flag, other: Flag) -> Flag:
    """Return one flag for two methods; where they differ, its help says which is whose."""
    text = one.help
    if other.help != one.help:
        told = one.help.startswith((f"{one.owners[0]}: ", f"{one.owners[0]}, "))
        first = one.help if told else f"{', '.join(one.owners)}: {one.help}"
        text = first if other.help in first else f"{first} {other.owners[0]}: {other.help}"
    known = " ".join(dict.fromkeys([*one.settings.split(), *other.settings.split()]))
    owners = (*one.owners, *other.owners)
    return Flag(one.name, one.place, one.member, owners, text, known, one.optional or other.optional)


def _dashed(name: str) -> str:
    return name.replace("_", "-")
