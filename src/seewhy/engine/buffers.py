"""Memory for batches, used again and again: fresh memory costs a page fault every 4 kB, more than mixing pictures."""

from __future__ import annotations

import math
from collections import deque
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from seewhy.core import forks
from seewhy.core.types import Batch

SPARE_BYTES = 64_000_000
"""Memory at most that is kept for the next run when one has ended."""

_Flat: TypeAlias = NDArray[np.float32]


class Spare:
    """Memory that no run uses at present; several threads may take and give."""

    def __init__(self, most: int = SPARE_BYTES) -> None:
        self._most = most
        self._lock = forks.Lock()
        self._held: deque[_Flat] = deque()

    @property
    def nbytes(self) -> int:
        """What is kept now."""
        return sum(one.nbytes for one in self._held)

    def take(self, size: int) -> _Flat:
        """Return room for ``size`` numbers, at most twice as many; what stands in it is of no account."""
        with self._lock:
            for i, one in enumerate(self._held):
                if size <= one.size <= 2 * size:
                    del self._held[i]
                    return one
        return np.empty(size, dtype=np.float32)

    def give(self, room: _Flat) -> None:
        """Keep room for another run; what has been kept longest goes where there is too much."""
        with self._lock:
            self._held.append(room)
            while self.nbytes > self._most:
                self._held.popleft()


_spare = Spare()


class Buffers:
    """The batches of one run in turn.

    Parameters
    ----------
    ahead
        Batches that must stay unchanged while the next is filled; 0: the receiver owns each.
    spare
        Where memory comes from and goes to.
    """

    def __init__(self, ahead: int, spare: Spare = _spare) -> None:
        self._ahead = ahead
        self._spare = spare
        self._used: deque[_Flat] = deque()

    def room(self, shape: tuple[int, ...]) -> Batch:
        """Return a batch of this shape to be filled."""
        size = math.prod(shape)
        if not self._ahead:
            return np.empty(shape, dtype=np.float32)
        if len(self._used) <= self._ahead:
            self._used.append(self._spare.take(size))
        else:
            self._used.rotate(-1)
        if self._used[-1].size < size:
            self._used[-1] = self._spare.take(size)
        return self._used[-1][:size].reshape(shape)

    def release(self) -> None:
        """Leave the memory to the next run; only for when nobody works on a batch any more."""
        while self._used:
            self._spare.give(self._used.popleft())
