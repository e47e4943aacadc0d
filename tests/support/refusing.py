"""Errors are told by class, setting, value and rule; their sentences may change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from seewhy.core.errors import SeewhyError

ANY = object()
"""A value that is not compared."""


@contextmanager
def refuses(
    kind: type[BaseException], setting: str, *, value: Any = ANY, rule: str = ""
) -> Iterator[pytest.ExceptionInfo[BaseException]]:
    """Expect an error of ``kind`` about ``setting``, with ``value`` and a rule that contains ``rule``.

    Where the setting is the path of a file, ``setting`` may be the last part of it.
    """
    with pytest.raises(kind) as raised:
        yield raised
    error = raised.value
    assert isinstance(error, SeewhyError), repr(error)
    assert error.setting is not None, str(error)
    assert error.setting == setting or error.setting.endswith(f"/{setting}"), str(error)
    assert rule in (error.rule or ""), str(error)
    if value is not ANY:
        assert error.value == value, str(error)
