"""How much memory files and servers of others may ask for: one limit, stated in every refusal, which can be raised."""

from __future__ import annotations

import math
import os
import re

from seewhy.core.errors import InvalidInput, SeewhyError

LIMIT = "SEEWHY_MAX_MEMORY"
"""Environment variable of the limit: a number of bytes, or one with MB or GB behind it."""

_USUAL = 2 * 10**9
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def most() -> int:
    """Return the bytes that what comes from others may take.

    Raises
    ------
    InvalidInput
        The variable holds no such number.
    """
    text = os.environ.get(LIMIT, "").strip()
    if not text:
        return _USUAL
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([KMGT]?B?)", text.upper())
    unit = found[2] if found is not None else ""
    if found is None or (unit and unit not in _UNITS) or float(found[1]) * _UNITS[unit] < 1:
        raise InvalidInput.of(LIMIT, "be a number of bytes such as 4GB", text)
    return int(float(found[1]) * _UNITS[unit])


def check(needed: float, what: str, error: type[SeewhyError]) -> None:
    """Refuse what would take more than the limit, before anything is allocated.

    Raises
    ------
    error
        ``what`` would need ``needed`` bytes, and that is more.
    """
    limit = most()
    if not needed <= limit:  # NaN is refused too
        advice = (
            f"set {LIMIT}={math.ceil(needed / 10**9)}GB to allow it" if needed < 10**15 else "no computer has that much"
        )
        raise error(
            f"{what} would need {size(needed)} of memory, and the limit is {size(limit)}; {advice}",
            setting=what,
            rule=f"need at most {limit} bytes",
            value=needed,
        )


def size(number: float) -> str:
    """Return a number of bytes for a message."""
    if not number < 10**15:
        return "more than 1000 TB"
    unit = next(name for name in ("TB", "GB", "MB", "KB", "B") if number >= _UNITS[name] or name == "B")
    return f"{number / _UNITS[unit]:.3g} {unit}"
