"""Which part of a network's answer is read: of several arrays, one with a row of numbers a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seewhy.core.errors import InvalidInput

LOGITS = "logits"


class Reader:
    """Takes one array out of an answer, and remembers what there was to choose from.

    Parameters
    ----------
    wanted
        Key or field of the part; of a tuple its number, from 0; inside another part ``part.number`` or ``part.field``.
        None: ``logits``, else the only part inside of others that is called so, else the first with a row of numbers a
        picture of those that lie the least deep.
    """

    def __init__(self, wanted: str | None = None) -> None:
        self._wanted = wanted
        self.notes: tuple[str, ...] = ()
        """What was taken without being asked for, after the first answer with several arrays."""

    def __call__(self, answer: Any) -> Any:
        """Return the array: (B, K), (B,), or one with axes of length 1 behind.

        Raises
        ------
        InvalidInput
            There is none of the wanted name, or none of such a shape.
        """
        parts = arrays(answer)
        if self._wanted is not None and self._wanted not in parts:
            raise InvalidInput.of("output_name", f"be one of its arrays, {_listed(parts)}", self._wanted)
        wanted = self._wanted or self._found(parts)
        if wanted is None or not _is_row(parts[wanted]):
            said = "" if self._wanted is None else f" in output_name={self._wanted!r}"
            rule, got = f"return one row of numbers per image{said}", _listed(parts)
            raise InvalidInput(f"it must {rule}, got {got}", setting="model", rule=rule, value=got)
        return parts[wanted]

    def _found(self, parts: dict[str, Any]) -> str | None:
        """Return the part that is read where none was asked for; say so where there are several."""
        if len(parts) <= 1:
            return next(iter(parts), None)
        rows = [key for key, part in parts.items() if len(part.shape) == 2]
        if LOGITS in rows or not rows:
            return LOGITS if rows else None
        inside = [key for key in rows if key.rpartition(".")[2] == LOGITS]
        outermost = min(rows, key=lambda key: key.count("."))  # the first of them
        read = inside[0] if len(inside) == 1 else outermost
        self.notes = (f"answers with {_listed(parts)}; using {read}; set output_name to use another",)
        return read


def arrays(answer: Any) -> dict[str, Any]:
    """Return the arrays of an answer by key, field, or number, those inside of others by both, in order."""
    return {"0": answer} if _is_array(answer) else dict(_inside(answer, set()))


def _inside(answer: Any, seen: set[int]) -> Iterable[tuple[str, Any]]:
    """Yield the arrays in an answer, however deep; ``seen``: identities of what was gone into before."""
    seen.add(id(answer))
    for key, part in _parts(answer):
        if _is_array(part):
            yield str(key), part
        elif id(part) not in seen:
            yield from ((f"{key}.{inside}", one) for inside, one in _inside(part, seen))


def _is_array(part: Any) -> bool:
    return isinstance(getattr(part, "shape", None), tuple) and not isinstance(part, Mapping | type)


def _parts(answer: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(answer, Mapping):
        return list(answer.items())
    if isinstance(answer, tuple | list):
        fields = getattr(answer, "_fields", None)  # of a named tuple
        return enumerate(answer) if fields is None else zip(fields, answer, strict=True)
    if isinstance(answer, type) or hasattr(answer, "named_modules"):  # its arrays are no answers
        return []
    slots = (slot for kind in type(answer).__mro__ for slot in _names(vars(kind).get("__slots__", ())))
    held = [(slot, getattr(answer, slot)) for slot in slots if hasattr(answer, slot) and not slot.startswith("__")]
    return [*held, *getattr(answer, "__dict__", {}).items()]


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _is_row(part: Any) -> bool:
    return len(part.shape) >= 1 and all(length == 1 for length in part.shape[2:])


def _listed(parts: dict[str, Any]) -> str:
    if parts.keys() == {"0"}:
        return str(tuple(parts["0"].shape))
    return ", ".join(f"{key} {tuple(part.shape)}" for key, part in parts.items()) or "none"
