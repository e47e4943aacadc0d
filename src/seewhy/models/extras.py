"""Libraries that are not installed with seewhy itself."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from seewhy.core.errors import MissingExtra


def need(module: str, extra: str, load: Callable[[str], Any] = importlib.import_module) -> Any:
    """Import and return a module of an optional library, by ``load``.

    Raises
    ------
    MissingExtra
        It is not installed; says what to install.
    """
    try:
        return load(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        if error.name != library:  # the library is there, and broken by itself
            raise
        raise MissingExtra(
            f"{library} is not installed: pip install 'seewhy[{extra}]'",
            setting=library,
            rule="be installed",
            value=extra,
        ) from error
