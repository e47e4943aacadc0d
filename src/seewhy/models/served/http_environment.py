"""What the environment says about asking a server, credentials and timeout, and which addresses may be asked.

Credentials come from the environment alone: ``SEEWHY_HTTP_TOKEN``, or ``SEEWHY_HTTP_USER`` and
``SEEWHY_HTTP_PASSWORD``. They stand in the header of requests and nowhere else.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import math
import os
import re
from urllib.parse import urlsplit

from seewhy.core.errors import InvalidInput
from seewhy.core.words import shown

TIMEOUT, TOKEN, USER, PASSWORD = (f"SEEWHY_HTTP_{name}" for name in ("TIMEOUT", "TOKEN", "USER", "PASSWORD"))
WHERE = f"credentials are taken from the environment, {TOKEN} or {USER} and {PASSWORD}"

_READ = 60.0


def checked_address(url: str) -> tuple[str, bool]:
    """Return the host of an address, and whether it is reached by https.

    Raises
    ------
    InvalidInput
        It is not of http or https, or holds a user, a password or a query, which are not repeated.
    """
    if "@" in url:
        raise InvalidInput(f"a server's URL must hold no user and no password; {WHERE}")
    if "?" in url:
        raise InvalidInput(f"a server's URL must have no query, got {url.partition('?')[0]}?...")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"a server's URL must be http://HOST:PORT/..., got {shown(url)}: {error}") from error
    if parts.scheme not in {"http", "https"} or not host or not re.fullmatch(r"[!-~]+", url):
        raise InvalidInput(f"a server's URL must be http://HOST:PORT/..., or https, got {shown(url)}")
    return host, parts.scheme == "https"


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def credentials() -> tuple[str | None, tuple[str, ...]]:
    """Return the header that the environment asks for, and what of it must never be shown."""
    token, user, password = (os.environ.get(name, "") for name in (TOKEN, USER, PASSWORD))
    if token and (user or password):
        raise InvalidInput(f"{TOKEN} must not be set together with {USER} and {PASSWORD}")
    if token:
        if not re.fullmatch(r"[!-~]+", token):
            raise InvalidInput(f"{TOKEN} must be one word of plain characters")
        return f"Bearer {token}", forms(token)
    if not user and not password:
        return None, ()
    if not (user and password) or ":" in user:
        raise InvalidInput(f"{USER} and {PASSWORD} must be set together, the user without a colon")
    pair, secrets = basic(user, password)
    return f"Basic {pair}", secrets


def basic(user: str, password: str) -> tuple[str, tuple[str, ...]]:
    """Return what a header of Basic authentication says, and what of it must never be shown."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return pair, tuple(form for secret in (pair, password, user) if secret for form in forms(secret))


def forms(secret: str) -> tuple[str, str]:
    """Return what a secret looks like where a server repeats it: plain, and inside of JSON."""
    return secret, json.dumps(secret)[1:-1]


def timeout() -> float:
    """Return the seconds to wait for an answer."""
    text = os.environ.get(TIMEOUT, "")
    try:
        seconds = float(text) if text else _READ
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InvalidInput(f"{TIMEOUT} must be a number of seconds above 0, got {text!r}")
    return seconds
