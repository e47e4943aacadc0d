"""A rule that a part must keep."""

from __future__ import annotations


def must(fine: bool, rule: str) -> None:
    """Raise AssertionError with the rule where it is broken."""
    if not fine:
        raise AssertionError(rule)
