"""How tests wait: for a state, never for a time; and a clock that goes on only when a test says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 600.0
"""Seconds after which what must come is given up. Nothing is fast enough or too slow by it: it only ends a hang."""


def wait_for(holds: Callable[[], bool]) -> None:
    """Return as soon as something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.01)


def written(path: str | Path, size: int = 1) -> Callable[[], bool]:
    """Return whether a file has so many bytes, as a function."""
    return lambda: Path(path).exists() and Path(path).stat().st_size >= size


class Clock:
    """Stands in for the clock of a run: it goes on by what the model is said to take."""

    def __init__(self, patch: Any) -> None:
        self.now = 0.0
        for module in ("engine.run", "engine.loop", "api", "explanation.first_run"):
            patch.setattr(f"seewhy.{module}.perf_counter", lambda: self.now)

    def taking(self, seconds: float, model: Callable[[Any], Any], *, each: bool = False) -> Callable[[Any], Any]:
        """Return the model as one that takes so long for a batch, or for each picture of it."""

        def slow(batch: Any) -> Any:
            self.now += seconds * (len(batch) if each else 1)
            return model(batch)

        return slow
