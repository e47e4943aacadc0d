"""Finished pieces of work, and how they are read back: a store may be damaged, or changed by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from seewhy.core.errors import InvalidInput
from seewhy.core.text import shown
from seewhy.core.types import JsonObject

State = Literal["done", "none", "failed"]
"""Measured; does not apply, with the reason; went wrong, with the reason."""

COLUMNS = ("key", "metric", "state", "value", "low", "high", "reason", "facts")
"""What is read of a stored piece of work."""

_LARGEST = 1e100
"""No measure of float32 scores comes near it, and sums and squares of such values stay finite."""


@dataclass(frozen=True)
class Record:
    """A finished piece of work: an explanation, or one grade of it."""

    key: str
    metric: str
    state: State
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    facts: JsonObject = field(default_factory=dict)
    file: bytes | None = field(default=None, repr=False)
    """The result file of an explanation; it is kept beside the store."""
    passing: bool = False
    """Whether it holds for this run alone, and is asked anew by the next."""


def record_of(row: Sequence[Any], needed: Mapping[str, Collection[str]]) -> Record:
    """Return a record from its :data:`COLUMNS`.

    ``needed``: names of the facts that a record must have, by its metric.

    Raises
    ------
    InvalidInput
        A value is none that a run stores; names the column.
    """
    key, metric, state, value, low, high, reason, facts = row
    for name, text in (("key", key), ("metric", metric), ("state", state), ("reason", reason), ("facts", facts)):
        _check(name, text, "be text", _is_text)
    _check("state", state, f"be one of {', '.join(get_args(State))}", get_args(State).__contains__)
    for name, number in (("value", value), ("low", low), ("high", high)):
        _check(name, number, "be a finite number or empty", _is_number)
    record = Record(key, metric, state, value, low, high, reason, _facts(facts))
    if state != "failed":
        missing = set(needed.get(metric, ())) - set(record.facts)
        _check("facts", record.facts, f"hold {', '.join(sorted(missing))}", lambda _: not missing)
    return record


def read_json(text: str) -> Any:
    """Return the values of a JSON text; NaN and Infinity, which JSON does not have, are a ValueError."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(name: str) -> None:
    msg = f"{name} is no number of JSON"
    raise ValueError(msg)


def _facts(text: str) -> JsonObject:
    try:
        facts = read_json(text)
    except (ValueError, RecursionError):
        facts = None
    _check("facts", facts if isinstance(facts, dict) else text, "be a JSON object", lambda held: isinstance(held, dict))
    for name, value in facts.items():
        if name in _FACTS:
            _check(f"facts.{name}", value, *_FACTS[name])
    return dict(facts)


def _check(name: str, value: object, rule: str, fits: Callable[[Any], bool]) -> None:
    if not fits(value):
        raise InvalidInput(f"{name} must {rule}, got {shown(value)}", setting=name, rule=rule, value=value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and _is_near(value)


def _is_near(value: float) -> bool:
    return abs(value) <= _LARGEST


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _maybe(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


_TEXT = ("be text", _is_text)
_NUMBER = ("be a finite number or empty", _is_number)
_WHOLE = ("be a whole number or empty", _maybe(_is_whole))
_FACTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "class": ("be a whole number", _is_whole),
    "label": _TEXT,
    "class_from": _TEXT,
    "truth_of": _TEXT,
    "unit": _TEXT,
    "digest": _TEXT,
    "right": ("be true, false or empty", lambda value: value is None or isinstance(value, bool)),
    "score": _NUMBER,
    "seconds": _NUMBER,
    "calls": _WHOLE,
    "samples": _WHOLE,
    "area": ("be a finite number", lambda value: value is not None and _is_number(value)),
    "chosen": _NUMBER,
    "parts": ("be a JSON object", lambda value: isinstance(value, dict)),
    "warnings": ("be a list of texts", lambda value: isinstance(value, list) and all(map(_is_text, value))),
}
"""What must hold of facts, by name."""
