"""The proxy that requests pass through, where the environment or the system names one for their address."""

from __future__ import annotations

import importlib
import os
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from seewhy.core.errors import InvalidInput
from seewhy.core.masking import basic_pair
from seewhy.core.text import shown
from seewhy.models.served.http_environment import is_loopback


@dataclass(frozen=True)
class Proxy:
    """A proxy; its address may hold credentials, so it is shown as its place alone."""

    url: str = field(repr=False)
    place: str
    """Host, and port if one was given."""
    secrets: tuple[str, ...] = field(repr=False)
    """What of it must never be shown."""


def proxy_for(url: str, httpx: Any) -> Proxy | None:
    """Return the proxy for a checked address; None where it is asked directly, as this machine always is.

    Raises
    ------
    InvalidInput
        What is named for it is no proxy that can be used. Names the variable and its value, without credentials.
    """
    parts = urlsplit(url)
    host, place = parts.hostname or "", parts.netloc
    if is_loopback(host):  # a proxy is another machine: what is meant for this one must not pass through it
        return None
    named = getproxies()
    scheme = parts.scheme if named.get(parts.scheme) else "all"
    text = named.get(scheme)
    if not text or proxy_bypass(place) or proxy_bypass(host):
        return None
    return _checked(text, _source(scheme, text), httpx)


def _source(scheme: str, text: str) -> str:
    """Return the name of the variable that holds this."""
    names = [name for name, value in os.environ.items() if name.lower() == f"{scheme}_proxy" and value == text]
    return names[0] if names else f"the system's proxy for {scheme}"


def _checked(text: str, source: str, httpx: Any) -> Proxy:
    url = text if "://" in text else f"http://{text}"
    try:
        parts, found = urlsplit(url), httpx.Proxy(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, httpx.InvalidURL):
        host = None
    if not host:
        # Not chained: the reason may repeat a part of the credentials.
        raise InvalidInput.of(
            source,
            "be a proxy, http://HOST:PORT, or of https or socks5, with signs such as / in a password as %2F",
            _masked(text),
            "NO_PROXY lists hosts to reach without a proxy",
        ) from None
    if parts.scheme.startswith("socks"):
        _need_socks(source, text)
    secrets = () if found.auth is None else (basic_pair(*found.auth), *reversed(found.auth))
    return Proxy(url, parts.netloc.rpartition("@")[2], tuple(one for one in secrets if one))


def _need_socks(source: str, text: str) -> None:
    try:
        importlib.import_module("socksio")
    except ModuleNotFoundError:
        raise InvalidInput(
            (
                f"{source} is a SOCKS proxy, {_masked(text)}, which needs socksio: pip install "
                "'httpx[socks]'; or list hosts to reach without a proxy in NO_PROXY"
            ),
            setting=source,
            rule="be usable",
            value=_masked(text),
        ) from None


def _masked(text: str) -> str:
    """Return the address of a proxy for a message, without user and password."""
    return shown(re.sub(r"^([A-Za-z0-9+.-]*://)?.*@", r"\1***@", text, flags=re.DOTALL))
