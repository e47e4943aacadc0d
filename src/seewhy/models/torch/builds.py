"""torch and torchvision that do not fit together: whatever needs torchvision then fails in words of its own."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from seewhy.core.errors import MissingExtra
from seewhy.models.extras import need

_SIGNS = ("torchvision::", "torchvision._C", "torchvision/_C", "partially initialized module 'torchvision'")
"""What errors say where torchvision's compiled part cannot be loaded by the torch that is there."""


def need_with_torchvision(module: str, extra: str) -> Any:
    """Import and return a module of torchvision, or of a library that imports it.

    Raises
    ------
    MissingExtra
        It is not installed, or torchvision is there and does not fit to torch; says what to install.
    """
    try:
        return need(module, extra)
    except MissingExtra:
        raise
    except Exception as error:
        if (found := misfit(error)) is not None:
            raise found from error
        raise


def misfit(error: BaseException) -> MissingExtra | None:
    """Return what to raise if an error, or one behind it, comes of a torchvision that does not fit to torch."""
    texts = [" ".join(str(one).split()) for one in _behind(error)]
    signs = [text for text in texts if any(sign in text for sign in _SIGNS)]
    if not signs:
        return None
    return MissingExtra(
        (
            f"torchvision{_version('torchvision')} and torch{_version('torch')} do not fit together: "
            f"they come from different builds or versions ({signs[-1][:120]}); reinstall both from "
            "one place: pip install --force-reinstall torch torchvision"
        ),
        setting="torchvision",
        rule="fit torch",
        value=signs[-1][:120],
    )


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _version(package: str) -> str:
    try:
        return f" {version(package)}"
    except PackageNotFoundError:
        return ""
