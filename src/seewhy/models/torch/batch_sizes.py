"""How many pictures a GPU is sent at once: found while it works, by doubling until that gains nothing."""

from __future__ import annotations

_FIRST, _MOST = 32, 1024
_LOOKS = 2
"""Batches of each size before it is judged: what the first one of its shape sets up takes time of its own."""
_GAIN = 1.05
"""A size twice as large must raise pictures per second by this much, or the one before stays."""


class BatchSizes:
    """The size of the next batch, learned from how long earlier ones took.

    Parameters
    ----------
    fixed
        The size, if it is given; then only memory can lower it.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self.now = fixed or _FIRST
        """Pictures of the next batch."""
        self._settled = fixed is not None
        self.most = fixed or _MOST
        """Pictures that may be sent at once."""
        self._answered = 0
        self._times: list[float] = []
        self._before: float | None = None

    def took(self, pictures: int, seconds: float) -> None:
        """Learn that a batch took so long; those of other sizes than the present one say nothing."""
        self._answered = max(self._answered, pictures)
        if self._settled or pictures != self.now:
            return
        self._times.append(seconds)
        if len(self._times) < _LOOKS:
            return
        rate = self.now / max(min(self._times), 1e-9)
        self._times = []
        if self._before is not None and rate < _GAIN * self._before:
            self.now, self._settled = self.now // 2, True
        elif 2 * self.now > self.most:
            self._settled = True
        else:
            self.now, self._before = 2 * self.now, rate

    def is_a_try(self, pictures: int) -> bool:
        """Say whether a size was proposed here, and is larger than any that was answered."""
        return not self._settled and 0 < self._answered < pictures

    def too_many(self, pictures: int) -> None:
        """Learn that the memory does not hold so many at once: half of them is the most from now on."""
        self.most = min(self.most, max(1, pictures // 2))
        if self.now > self.most:
            self.now, self._settled = self.most, True
