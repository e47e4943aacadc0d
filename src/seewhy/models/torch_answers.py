"""Which part of a torch module's answer is read: of several tensors, the one with the logits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seewhy.errors import InvalidInput

LOGITS = "logits"


class Reader:
    """Takes one tensor out of an answer, and remembers what there was to choose from.

    Parameters
    ----------
    wanted
        Key or field of the part; of a tuple its number, from 0. None: ``logits``, else the first tensor.
    """

    def __init__(self, wanted: str | None = None) -> None:
        self._wanted = wanted
        self.notes: tuple[str, ...] = ()
        """What was taken without being asked for, after the first answer with several tensors."""

    def __call__(self, answer: Any) -> Any:
        """Return the tensor.

        Raises
        ------
        InvalidInput
            There is none of the wanted name.
        """
        if hasattr(answer, LOGITS) and self._wanted is None:
            return answer.logits
        parts = tensors(answer)
        wanted = self._wanted
        if wanted is None:
            wanted = LOGITS if LOGITS in parts else next(iter(parts), "")
            if len(parts) > 1 and wanted != LOGITS:
                self.notes = (f"answers with {_listed(parts)}; {wanted} was read, output_name reads another",)
        if wanted not in parts:
            raise InvalidInput(f"output_name must be one of its tensors, {_listed(parts)}, got {wanted!r}")
        return parts[wanted]


def tensors(answer: Any) -> dict[str, Any]:
    """Return the tensors of an answer by key, field, or number."""
    if hasattr(answer, "shape"):
        return {"0": answer}
    return {str(key): part for key, part in _parts(answer) if hasattr(part, "shape")}


def _parts(answer: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(answer, dict):
        return answer.items()
    if hasattr(answer, "_fields"):
        return zip(answer._fields, answer, strict=True)
    if isinstance(answer, tuple | list):
        return enumerate(answer)
    return vars(answer).items() if hasattr(answer, "__dict__") else ()


def _listed(parts: dict[str, Any]) -> str:
    return ", ".join(f"{key} {tuple(part.shape)}" for key, part in parts.items()) or "of which it has none"
