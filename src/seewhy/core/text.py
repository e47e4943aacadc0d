"""Text from elsewhere, made fit for a message: one line, no control characters, not too long."""

from __future__ import annotations

import os
import unicodedata

import numpy as np

from seewhy.core.masking import masked

_LONGEST_VALUE = 80
_LONGEST_TEXT = 2000
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that can move the cursor, hide or reorder text, or break a line."""
_JOINERS = {"\u200c", "\u200d"}
"""Format characters that scripts and emoji need; they do nothing else."""


class Words(str):
    """A value that is described in words, such as ``nothing``: a message shows it without quotes."""

    __slots__ = ()


_SHOWN_PLAINLY = (Words, os.PathLike, np.generic, np.dtype)
"""What a reader does not want as ``PosixPath('photo.jpg')`` or ``np.int64(3)``."""


def clean(text: str, *, keep: str = "") -> str:
    r"""Return ``text`` with each control character written as an escape such as ``\x1b``.

    Escape sequences of terminals, characters that reorder text and line breaks come from labels, file names and
    answers of servers. ``keep`` names characters that are meant, such as ``"\n"`` in a text of several lines.

    >>> clean("tabby\x1b[2J")
    'tabby\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if _is_safe(one) or one in keep else _escaped(one) for one in text)


def shortened(text: str, longest: int = _LONGEST_TEXT) -> str:
    """Return ``text`` of at most ``longest`` characters; what is left out is marked by dots."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def shown(value: object) -> str:
    """Return a value for a message: one line, not too long, no control characters."""
    try:
        text = str(value) if isinstance(value, _SHOWN_PLAINLY) else repr(value)
    except Exception as error:  # noqa: BLE001 - an object of the user's must not hide the message it stands in
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return shortened(masked(clean(" ".join(text.split()))), _LONGEST_VALUE)


def _is_safe(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _UNSAFE


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
