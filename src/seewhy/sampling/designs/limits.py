"""What designs demand of ``keep``, of the number of segments, and of a number of rows."""

from seewhy.core.errors import InvalidInput


def demand_chance(name: str, keep: float) -> None:
    """Raise InvalidInput unless ``keep`` lies between 0 and 1, both excluded."""
    if not 0 < keep < 1:
        raise InvalidInput(
            f"keep must lie between 0 and 1 with design='{name}', got {keep:g}",
            setting="keep",
            rule="lie between 0 and 1",
            value=keep,
        )


def demand_one_half(name: str, keep: float, why: str) -> None:
    """Raise InvalidInput unless ``keep`` is 1/2; ``why`` ends the sentence that says so."""
    if keep != 0.5:
        raise InvalidInput(
            f"keep must be 0.5 with design='{name}', got {keep:g}; {why}", setting="keep", rule="be 0.5", value=keep
        )


def demand_segments(name: str, d: int, low: int = 1, high: int | None = None) -> None:
    """Raise InvalidInput unless the number ``d`` of segments or cells is from ``low`` to ``high``."""
    if d < low:
        raise InvalidInput(
            (f"design='{name}' needs at least {low} segment{'s' * (low > 1)}, got {d}; use a finer segmentation"),
            setting="design",
            rule=f"get at least {low} segments",
            value=d,
        )
    if high is not None and d > high:
        raise InvalidInput(
            (f"design='{name}' needs at most {high} segments, got {d}; use a coarser segmentation or another design"),
            setting="design",
            rule=f"get at most {high} segments",
            value=d,
        )


def whole_blocks(rows: int, block: int) -> int:
    """Return the smallest multiple of ``block`` that is at least ``rows``."""
    return -(-rows // block) * block
