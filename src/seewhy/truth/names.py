"""Names in a truth: those of classes, and those of files that are not in UTF-8."""

from __future__ import annotations


def index_of(one: int | str, labels: tuple[str, ...] | None) -> int | None:
    """Return the index of a class of the truth, by index or name; None: the model has no class of that name, or two."""
    if isinstance(one, int):
        return one
    plain = _plain(one)
    same = [i for i, label in enumerate(labels or ()) if _plain(label) == plain]
    return same[0] if len(same) == 1 else None


def printable(name: str) -> str:
    r"""Return a name that UTF-8 can hold: what it cannot, such as a byte of a file's name, is written as ``\udce9``."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ")
