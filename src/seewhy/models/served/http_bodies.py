"""What an answer says of itself and holds, read with limits: servers may say anything, of any length."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from seewhy.core.masking import masked_answer
from seewhy.core.memory import LIMIT, most, size
from seewhy.core.text import clean, shortened

ERROR_BODY = 4096
"""Bytes of an error's body that are read."""
EXCERPT = 200
"""Characters of what a server says that are shown."""

_BODY, _JSON = 8, 32
"""A whole body may take this part of the memory, and JSON a smaller one, which grows when it is read."""


class BodyError(Exception):
    """A body that is not taken; its text goes on after the request."""


def largest() -> int:
    """Return the bytes of the largest answer that is taken."""
    return most() // _BODY


def largest_json() -> int:
    """Return the same of JSON."""
    return most() // _JSON


def excerpt(text: str) -> str:
    """Return the beginning of what a server says as one line, without credentials that it may have repeated."""
    plain = masked_answer(" ".join("".join(c if c.isprintable() else " " for c in masked_answer(text)).split()))
    return plain if len(plain) <= EXCERPT else plain[:EXCERPT] + "..."


def name_of(value: object, longest: int = 80) -> str:
    """Return a name that a server states, of a tensor or a version, as it may be shown."""
    return shortened(masked_answer(clean(str(value))), longest)


def count(text: str | None) -> int | None:
    """Return the number in a header; None if there is none that a header could mean."""
    found = re.fullmatch(r" *([0-9]{1,15}) *", text or "", re.ASCII)
    return int(found[1]) if found is not None else None


def asked_to_wait(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``; None if there is none that can be read."""
    if header is None:
        return None
    if (seconds := count(header)) is not None:
        return float(seconds)
    try:
        when = parsedate_to_datetime(header)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def place_of(location: str) -> str:
    """Return where a redirect leads, without what may be secret in it."""
    plain = re.sub(r"[?#].*", "", location, flags=re.DOTALL)
    plain = masked_answer(re.sub(r"//[^/]*@", "//", plain))
    return shortened(plain, EXCERPT) if plain.isprintable() else "nowhere"


async def start_of(response: Any) -> str:
    """Return the beginning of an error's body, or what came of it before the connection broke; never half a secret."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) >= 2 * ERROR_BODY:
            break
    text = masked_answer(body[: 2 * ERROR_BODY].decode("utf-8", "replace"))
    return text[:ERROR_BODY]


async def whole_of(response: Any) -> bytes:
    """Return a body that is not too large, as it was sent.

    Raises
    ------
    BodyError
        It is too large, or encoded, which could make it larger when it is read.
    """
    limit = largest()
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        msg = f"returned a body encoded as {excerpt(encoding)}, which was not requested"
        raise BodyError(msg)
    stated = response.headers.get("content-length")
    length = count(stated)
    if stated is not None and (length is None or length > limit):
        said = f"{excerpt(stated)} bytes" if length is None else size(length)
        msg = f"was answered with {said}, more than the limit of {size(limit)}; set {LIMIT} to allow more"
        raise BodyError(msg)
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > limit:
            msg = f"returned more than the limit of {size(limit)}; set {LIMIT} to allow more"
            raise BodyError(msg)
    return bytes(body)


class _Masked(logging.Filter):
    """Keeps credentials out of what the libraries of HTTP log."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = masked_answer(record.getMessage()), ()
        return True


_FILTER = _Masked()


def mask_logs() -> None:
    """Mask what the libraries of HTTP log; their loggers know the filter once, however often this is said."""
    for name in (
        "httpx",
        "httpcore.connection",
        "httpcore.http11",
        "httpcore.http2",
        "httpcore.proxy",
        "httpcore.socks",
    ):
        logging.getLogger(name).addFilter(_FILTER)
