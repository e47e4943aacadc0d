"""What the environment says about asking a server, credentials and timeout, and which addresses may be asked.

Credentials come from the environment alone: ``SEEWHY_HTTP_TOKEN``, or ``SEEWHY_HTTP_USER`` and
``SEEWHY_HTTP_PASSWORD``. They stand in the header of requests and nowhere else; ``SEEWHY_HTTP_HOSTS`` names the only
hosts they are for.
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from seewhy.core.errors import InvalidInput
from seewhy.core.masking import PASSWORD, TOKEN, USER, basic_pair
from seewhy.core.text import shown

TIMEOUT, HOSTS = "SEEWHY_HTTP_TIMEOUT", "SEEWHY_HTTP_HOSTS"
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
        raise InvalidInput(
            f"the server's URL must not contain a user or password; {WHERE}",
            setting="url",
            rule="contain no user or password",
        )
    if "?" in url:
        raise InvalidInput(
            f"the server's URL must not contain a query, got {url.partition('?')[0]}?...",
            setting="url",
            rule="contain no query",
            value=url.partition("?")[0],
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(
            f"the server's URL must be http://HOST:PORT/..., got {shown(url)}: {error}",
            setting="url",
            rule="be http://HOST:PORT/...",
            value=url,
        ) from error
    if parts.scheme not in {"http", "https"} or not host or not re.fullmatch(r"[!-~]+", url):
        raise InvalidInput.of("a server's URL", "be http://HOST:PORT/..., or https", url)
    return host, parts.scheme == "https"


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Credentials:
    """The header that is sent, None for none, and what of it must never be shown."""

    header: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    withheld: bool = False
    """Whether there are some, and they are for other hosts."""


def credentials(url: str, host: str, *, secure: bool) -> Credentials:
    """Return what the environment says to send to a checked address.

    Raises
    ------
    InvalidInput
        They cannot be sent, or would travel in the clear.
    """
    token, user, password = (os.environ.get(name, "") for name in (TOKEN, USER, PASSWORD))
    if token and (user or password):
        raise InvalidInput(f"{TOKEN} must not be set together with {USER} and {PASSWORD}", setting=TOKEN)
    if not (token or user or password):
        return Credentials()
    if token and not re.fullmatch(r"[!-~]+", token):
        raise InvalidInput(f"{TOKEN} must be one word of plain characters", setting=TOKEN)
    if not token and (not (user and password) or ":" in user):
        raise InvalidInput(f"{USER} and {PASSWORD} must be set together, the user without a colon", setting=USER)
    if not _is_meant(url, host):
        return Credentials(withheld=True)
    if not secure and not is_loopback(host):
        raise InvalidInput(
            f"refusing to send credentials over plain http to {url}; use https or localhost, unset {TOKEN}, {USER} and "
            f"{PASSWORD}, or name the hosts they are for in {HOSTS}",
            setting="url",
            rule="be https or localhost where credentials are sent",
            value=url,
        )
    if token:
        return Credentials(f"Bearer {token}", (token,))
    pair = basic_pair(user, password)
    return Credentials(f"Basic {pair}", (pair, password))


def _is_meant(url: str, host: str) -> bool:
    """Return whether credentials are for a host: any that is named by hand, unless ``SEEWHY_HTTP_HOSTS`` lists them."""
    listed = [one for one in re.split(r"[,\s]+", os.environ.get(HOSTS, "").lower()) if one]
    port = urlsplit(url).port or {"http": 80, "https": 443}[urlsplit(url).scheme]
    shown_as = f"[{host}]" if ":" in host else host
    return not listed or bool({host, shown_as, f"{shown_as}:{port}"} & set(listed))


def timeout() -> float:
    """Return the seconds to wait for an answer."""
    text = os.environ.get(TIMEOUT, "")
    try:
        seconds = float(text) if text else _READ
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InvalidInput.of(TIMEOUT, "be a number of seconds above 0", text)
    return seconds
