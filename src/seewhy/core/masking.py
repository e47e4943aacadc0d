"""Credentials kept out of everything that is shown or stored: the one place that knows them all.

They are read from the environment each time, and those of a server that is in use are known as long as it is.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus
from weakref import WeakKeyDictionary

TOKEN, USER, PASSWORD = "SEEWHY_HTTP_TOKEN", "SEEWHY_HTTP_USER", "SEEWHY_HTTP_PASSWORD"
MASK = "***"

_SHORTEST = 6
"""Shorter secrets are masked in what a server says alone: elsewhere they would be parts of ordinary words."""
_PARTED = 16
"""Secrets of this length are masked by their halves too, wherever they stand."""
_LEAST = 4
"""Characters of a fragment that is masked in what a server says."""
_IN_URL = re.compile(r"(?<=//)[^/?#\s'\"]*@")

_known: WeakKeyDictionary[Any, tuple[str, ...]] = WeakKeyDictionary()


def hide(owner: object, *secrets: str) -> None:
    """Mask ``secrets`` for as long as ``owner`` lives."""
    _known[owner] = tuple(secret for secret in secrets if secret)


def basic_pair(user: str, password: str) -> str:
    """Return what a header of Basic authentication says of a user and a password."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def masked(text: str) -> str:
    """Return ``text`` with credentials replaced by ``***``: whole ones, encoded ones and halves; users in addresses."""
    return _masked(text, by_server=False)


def masked_answer(text: str) -> str:
    """Return what a server said without credentials: short ones and parts of them are replaced too.

    Cut it afterwards, never before: a part that is left of a cut cannot be told from other text.
    """
    return _masked(text, by_server=True)


def masked_values(values: Any) -> Any:
    """Return plain values, as JSON holds them, with every text in them masked."""
    return _masked_values(values, tuple(_secrets(by_server=False)))


def _masked_values(values: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(values, str):
        return _without(values, secrets, by_server=False)
    if isinstance(values, dict):
        return {_masked_values(key, secrets): _masked_values(value, secrets) for key, value in values.items()}
    return [_masked_values(value, secrets) for value in values] if isinstance(values, list | tuple) else values


def _masked(text: str, *, by_server: bool) -> str:
    return _without(text, _secrets(by_server=by_server), by_server=by_server)


def _without(text: str, secrets: Iterable[str], *, by_server: bool) -> str:
    if "@" in text:
        text = _IN_URL.sub(f"{MASK}@", text)
    for secret in secrets:
        if not by_server and len(secret) < _SHORTEST:
            continue
        text = _whole(secret).sub(MASK, text)
        if by_server or len(secret) >= _PARTED:
            size = max(_LEAST, len(secret) // 3) if by_server else len(secret) // 2
            text = _without_fragments(text, secret, size)
    return text


def _secrets(*, by_server: bool) -> Iterator[str]:
    """Yield what is secret, the longest first; a user's name only where a server may repeat it."""
    token, user, password = (os.environ.get(name, "") for name in (TOKEN, USER, PASSWORD))
    found = {token, password, os.environ.get("HF_TOKEN", ""), *(one for held in _known.values() for one in held)}
    if user and password:
        found.add(basic_pair(user, password))
    if by_server:
        found.add(user)
    yield from sorted(found - {"", user if not by_server else ""}, key=lambda one: (-len(one), one))


@lru_cache(maxsize=64)
def _whole(secret: str) -> re.Pattern[str]:
    """Return the pattern of a secret, plain and as it stands in JSON, HTML, addresses, headers and base64."""
    raw = secret.encode("utf-8", "surrogateescape")
    quoted = [quote(secret, safe="", errors="replace"), quote(secret, errors="replace")]
    found = {secret, *quoted, quote_plus(secret, errors="replace"), html.escape(secret), repr(secret)[1:-1]}
    found |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], secret.replace("/", r"\/")}
    found |= {raw.decode("latin-1"), raw.decode("ascii", "replace"), raw.hex()}
    found |= {secret.encode("unicode_escape").decode("ascii")}
    if len(secret) >= _LEAST:
        found |= set(_in_base64(raw))
    return re.compile("|".join(re.escape(one) for one in sorted(found, key=len, reverse=True)), re.IGNORECASE)


def _in_base64(raw: bytes) -> Iterator[str]:
    """Yield what all base64 of a text around ``raw`` has in common: it depends on how many bytes stand before."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        for text in (whole[first:last], whole[first:last].translate(str.maketrans("+/", "-_"))):
            if len(text) >= _LEAST:
                yield text


def _without_fragments(text: str, secret: str, size: int) -> str:
    """Return ``text`` without its parts of at least ``size`` characters that are parts of ``secret``."""
    if len(secret) <= size:
        return text
    plain, hidden = _lower(text), _lower(secret)
    parts = {hidden[i : i + size] for i in range(len(hidden) - size + 1)}
    covered = bytearray(len(text))
    for i in range(len(plain) - size + 1):
        if plain[i : i + size] in parts:
            covered[i : i + size] = b"\1" * size
    if not any(covered):
        return text
    pieces = [(text[m.start() : m.end()] if m[0][0] == 0 else MASK) for m in re.finditer(rb"\x00+|\x01+", covered)]
    return "".join(pieces)


def _lower(text: str) -> str:
    """Return ``text`` in lower case, character by character, so that it stays as long as it is."""
    return "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
