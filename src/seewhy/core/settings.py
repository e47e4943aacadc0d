"""The one description of a setting: type, limits, help and search range.

From it come the check and its message, JSON and TOML, the flags of the command line, and the bad values
that the tests generate. A setting is a field of a frozen pydantic model::

    keep: Annotated[float, setting("chance that a segment stays", ge=0.01, le=0.99, search=(0.2, 0.9))] = 0.5
"""

from __future__ import annotations

import operator
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from seewhy.core import memory
from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.files import kind_of, open_regular
from seewhy.core.masking import masked_values
from seewhy.core.text import shown
from seewhy.core.types import JsonObject

_TOML = 1000
"""Times that TOML may grow when it is read: a key of many dots is a table in a table in a table."""


def setting(help_text: str, *, search: tuple[float, float] | None = None, log: bool = False, **limits: Any) -> Any:
    """Describe a setting: ``help_text``, pydantic limits (``ge``, ``le``, ...), and the range a tuner may search."""
    extra: Any = {"search": list(search), "log": log} if search is not None else None
    return Field(description=help_text, json_schema_extra=extra, **limits)


class Settings(BaseModel):
    """Frozen settings that check themselves and know no surplus names.

    Raises
    ------
    InvalidInput
        Names the class, the setting, the rule and the value that broke it.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=False, arbitrary_types_allowed=True, allow_inf_nan=False
    )

    source: ClassVar[str] = ""
    """Paper or code the thing comes from."""

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise _refusal(type(self), error) from None

    def replace(self, **changes: Any) -> Self:
        """Return the same settings with ``changes``, checked again."""
        return type(self)(**{name: getattr(self, name) for name in type(self).model_fields} | changes)

    def to_dict(self) -> JsonObject:
        """Return plain JSON values; what is None is left out, so TOML can hold it too."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]


def members(family: Any) -> dict[str, type[Settings]]:
    """Return the settings classes of a union such as ``Segmentation``, by their ``name``."""
    found: dict[str, type[Settings]] = {}
    for member in get_args(family):
        if isinstance(member, type) and issubclass(member, Settings):
            found[member.model_fields["name"].default] = member
        else:
            found |= members(member)
    return found


def by_name(family: Any) -> Any:
    """Return a validator that lets a member of ``family`` be given by its bare name: ``"slic"`` for ``Slic()``.

    ``family`` is a union of settings classes, or a registry of them by name.
    """
    known: Mapping[str, type[Settings]] = family if isinstance(family, Mapping) else members(family)

    def expand(value: Any) -> Any:
        if isinstance(value, tuple(known.values())):
            return value
        given = value if isinstance(value, dict) else {"name": value}
        name = given.get("name")
        if not isinstance(name, str) or name not in known:  # nothing is guessed from a dict without a name
            msg = f"must be one of {', '.join(known)}"
            raise ValueError(msg)
        return known[name](**{k: v for k, v in given.items() if k != "name"})

    return expand


def a_function(value: Any) -> Any:
    """Return a setting that is a function of the user's; its name alone does not load it."""
    if isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into a message
            "cannot be loaded by its name; pass the function itself"
        )
    return value


def qualified(function: Callable[..., Any]) -> str:
    """Return the name that stands in JSON for a function of the user's."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def fields_of(settings: Any) -> dict[str, FieldInfo]:
    """Return the settings of an object by name, with their description; none where it is no :class:`Settings`."""
    fields: dict[str, FieldInfo] = getattr(type(settings), "model_fields", {})
    return fields


def plain(value: Any) -> Any:
    """Return a value of a setting as JSON can hold it."""
    return value.to_dict() if isinstance(value, Settings) else value


def limits(field: FieldInfo) -> str:
    """Return the limits of a field in words, such as ``at least 1, at most 100``."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    found = [
        f"{words[key]} {_plain(getattr(rule, key))}"
        for rule in field.metadata
        for key in words
        if getattr(rule, key, None) is not None
    ]
    return ", ".join(found)


def bounds(field: FieldInfo) -> str:
    """Return the limits of a field as a range, such as ``1 <= value <= 100``; empty where there are none."""
    found = {key: limit for rule in field.metadata for key in _SIGNS if (limit := getattr(rule, key, None)) is not None}
    lower = "".join(f"{_plain(found[key])} {_SIGNS[key]} " for key in ("ge", "gt") if key in found)
    upper = "".join(f" {_SIGNS[key]} {_plain(found[key])}" for key in ("le", "lt") if key in found)
    return f"{lower}value{upper}" if found else ""


_SIGNS = {"ge": "<=", "gt": "<", "le": "<=", "lt": "<"}


def _plain(number: float) -> str:
    return f"{number:g}" if abs(number) < 1e4 else f"{number:,.0f}"


def as_whole(value: object) -> int | None:
    """Return a whole number of Python, or of an array or tensor without axes; None for anything else, also for True."""
    if isinstance(value, bool | str | bytes | float) or "bool" in str(getattr(value, "dtype", "")):
        return None
    if tuple(getattr(value, "shape", ())) != ():
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - tensors of any library raise anything
        item = getattr(value, "item", None)
    number = item() if callable(item) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def whole_number(name: str, value: object, least: int, most: int | None = None, advice: str = "") -> int:
    """Return ``value`` if it is a whole number (see :func:`as_whole`) within its limits.

    Raises
    ------
    InvalidInput
        It is not; ``advice`` ends the sentence.
    """
    number = as_whole(value)
    if number is not None and number >= least and (most is None or number <= most):
        return number
    rule = f"of at least {least}" if most is None else f"from {least} to {most}"
    raise InvalidInput.of(name, f"be a whole number {rule}{advice}", value)


def read_toml(path: str | Path) -> JsonObject:
    """Read a settings file.

    Raises
    ------
    FileError
        The file is missing or is not TOML.
    """
    with open_regular(path, what="settings file") as file:
        memory.check(_TOML * os.fstat(file.fileno()).st_size, f"the settings file {path}", FileError)
        content = file.read()
    if kind := kind_of(content):
        what = f"{path}: not a settings file (TOML) but {kind}"
        raise FileError(what, setting=str(path), rule="be TOML", value=kind)
    try:
        return tomllib.loads(content.decode())
    except RecursionError as error:
        raise FileError(
            f"{path}: not a readable TOML settings file: nested too deeply", setting=str(path), rule="be readable TOML"
        ) from error
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise FileError(
            f"{path}: not a readable TOML settings file: {error}",
            setting=str(path),
            rule="be readable TOML",
            value=str(error),
        ) from error


def to_toml(values: JsonObject) -> str:
    """Return ``values`` as TOML text."""
    return tomli_w.dumps(masked_values(values))


def _refusal(cls: type[Settings], error: ValidationError) -> InvalidInput:
    """Return the error that names each setting of ``cls`` that broke a rule; it carries the first one's."""
    lines: dict[str, str] = {}
    first: InvalidInput | None = None
    for fault in error.errors(include_url=False):
        place = ".".join([cls.__name__, *(str(part) for part in fault["loc"][:1])])
        inner = fault.get("ctx", {}).get("error")
        named = isinstance(inner, InvalidInput)  # a setting inside this one has named its own place
        text = str(inner) if named else f"{place} {_rule(cls, fault)}"
        lines.setdefault(place, text)
        if first is None:
            rule = text.removeprefix(f"{place} ").removeprefix("must ").partition(", got ")[0]
            first = inner if named else InvalidInput(setting=place, rule=rule, value=fault.get("input"))
    carried = first or InvalidInput(setting=cls.__name__)
    return InvalidInput("; ".join(lines.values()), setting=carried.setting, rule=carried.rule, value=carried.value)


_KINDS = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "too_short": "must have more values",
    "too_long": "must have fewer values",
}


def _rule(cls: type[Settings], fault: Any) -> str:
    kind, loc = fault["type"], fault["loc"]
    if kind == "extra_forbidden":
        return f"is not a setting; {cls.__name__} has {', '.join(cls.model_fields)}"
    if kind == "missing":
        return "must be given" if len(loc) == 1 else f"must have more values, got {shown(fault.get('input'))}"
    text = _KINDS.get(kind, str(fault["msg"]))
    text = text.removeprefix("Value error, ").replace("Input should be", "must be")
    field = cls.model_fields.get(str(loc[0])) if loc else None
    rule = limits(field) if field is not None else ""
    if rule and kind in {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}:
        text = f"must be {rule}"
    return f"{text}, got {shown(fault.get('input'))}"
