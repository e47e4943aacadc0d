"""Every environment variable that seewhy reads: the one list, for ``seewhy info``, the docs and the tests.

The modules that read them check what they hold; nothing else changes what a command or a call does from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Variable(NamedTuple):
    """An environment variable, in words."""

    name: str
    meaning: str
    default: str
    secret: bool = False
    """Whether its value is never shown."""
    any_case: bool = False
    """Whether it may be written in lower case too."""


VARIABLES: tuple[Variable, ...] = (
    Variable("SEEWHY_CACHE", "folder for converted networks; `off` keeps none", "the user's cache folder"),
    Variable("SEEWHY_CACHE_MB", "largest size of that folder, in megabytes", "2000"),
    Variable("SEEWHY_MAX_MEMORY", "memory that one file or server answer may need, such as `4GB`", "2GB"),
    Variable("SEEWHY_HTTP_TOKEN", "bearer token sent to model servers", "none", secret=True),
    Variable("SEEWHY_HTTP_USER", "user name for Basic authentication at model servers", "none", secret=True),
    Variable("SEEWHY_HTTP_PASSWORD", "password that belongs to SEEWHY_HTTP_USER", "none", secret=True),
    Variable("SEEWHY_HTTP_HOSTS", "the only hosts that receive these credentials, `HOST` or `HOST:PORT`", "all hosts"),
    Variable("SEEWHY_HTTP_TIMEOUT", "seconds to wait for a server's answer", "60"),
    Variable("HTTP_PROXY", "proxy for http addresses of model servers", "none", any_case=True),
    Variable("HTTPS_PROXY", "proxy for https addresses of model servers", "none", any_case=True),
    Variable("ALL_PROXY", "proxy for both, where the others are not set", "none", any_case=True),
    Variable("NO_PROXY", "hosts that are reached without a proxy", "none", any_case=True),
    Variable("SSL_CERT_FILE", "file with certificates of authorities to trust for https", "the usual authorities"),
    Variable(
        "HF_TOKEN", "token of the Hugging Face hub; seewhy only masks it in messages and files", "none", secret=True
    ),
    Variable("HF_HUB_OFFLINE", "`1`: the Hugging Face hub is not contacted, only its cache is used", "0"),
    Variable("KERAS_BACKEND", "library that Keras runs on: `tensorflow`, `torch` or `jax`", "Keras decides"),
)


def given(environment: Mapping[str, str]) -> Iterator[tuple[Variable, str, str]]:
    """Yield each variable that is set, with the name it is set under and its value."""
    for variable in VARIABLES:
        names = [variable.name, variable.name.lower()] if variable.any_case else [variable.name]
        for name in names:
            if environment.get(name):
                yield variable, name, environment[name]
