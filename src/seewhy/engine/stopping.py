"""When a run has asked enough: the settings that say so, and the looks at what is known so far.

After a few blocks the run looks at its own error bars, and goes on to where a forecast puts the aim. Looking often and
stopping at the first good look would promise too much, so every look spends a part of one error probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self, TypeAlias

from pydantic import field_validator, model_validator

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, setting
from seewhy.estimation.intervals import Spread

SLACK = 1.1
"""The error reached may exceed the tolerance by this factor."""
RISK = 0.10
"""... and beyond it in at most this share of runs."""
LARGEST_AMOUNT = 10_000_000
"""Most samples, or pictures, that can be asked for."""
_GROWTH = 4.0
"""Most that one look may add, as a multiple of the samples there are: early forecasts are rough."""
_MARGIN = 1.1
"""Samples asked beyond the forecast, so that the next look mostly is the last."""

StopReason: TypeAlias = Literal[
    "n-samples",
    "tolerance",
    "until",
    "max-evaluations",
    "max-seconds",
    "design",
    "interrupted",
    "cancelled",
]

WORDS: dict[StopReason, str] = {
    "n-samples": "all requested samples were evaluated",
    "tolerance": "the tolerance was reached",
    "until": "the strongest regions are separated from the rest",
    "max-evaluations": "stopped at the maximum number of evaluations",
    "max-seconds": "stopped at the time limit",
    "design": "all rows of the design were evaluated",
    "interrupted": "interrupted",
    "cancelled": "cancelled",
}


@dataclass(frozen=True)
class Stop:
    """Why a run ended."""

    by: StopReason
    looks: int
    """Number of times the run checked its error before it ended."""

    @property
    def complete(self) -> bool:
        """Whether the run ended by its own settings; False if it was interrupted or cancelled."""
        return self.by not in {"interrupted", "cancelled"}


class Amount(Settings):
    """How many samples a run takes: a fixed number, or as many as the stopping rule needs."""

    name: str = ""
    n_samples: Annotated[
        int | None,
        setting(
            "number of samples; not given: the stopping rule decides",
            ge=2,
            le=LARGEST_AMOUNT,
            search=(100, 8000),
            log=True,
        ),
    ] = None
    tolerance: Annotated[
        float, setting("stop when the estimated relative error reaches this value", ge=0.001, le=1, search=(0.05, 0.3))
    ] = 0.10
    max_evaluations: Annotated[
        int,
        setting("maximum number of model evaluations when the stopping rule is automatic", ge=16, le=LARGEST_AMOUNT),
    ] = 4000
    max_seconds: Annotated[float | None, setting("maximum run time in seconds", gt=0, le=1e7)] = None
    until: Annotated[
        str | None,
        setting("topK: stop when the K strongest segments are separated (such as top5), instead of at the tolerance"),
    ] = None

    @field_validator("until")
    @classmethod
    def _names_a_number(cls, value: str | None) -> str | None:
        if value is not None and _top(value) is None:
            msg = "must be topK with K from 1 to 999, such as top5"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _one_way_of_stopping(self) -> Self:
        if self.until is not None and self.n_samples is not None:
            raise InvalidInput(
                (
                    f"{type(self).__name__}.until is a stopping rule, but n_samples={self.n_samples} fixes "
                    "the number of samples; give one of them"
                ),
                setting=f"{type(self).__name__}.until",
                rule="not be given with n_samples",
                value=self.n_samples,
            )
        return self

    def check(self, least: int) -> None:
        """Refuse fewer samples than can be read.

        Raises
        ------
        InvalidInput
            Names the setting and the number.
        """
        name, given = "n_samples", self.n_samples
        if given is None:
            name, given, least = "max_evaluations", self.max_evaluations, least + 1  # and the picture as it is
        if given < least:
            raise InvalidInput.of(
                f"{type(self).__name__}.{name}",
                f"be at least {least}, the size of the first block for this photo",
                given,
            )

    @property
    def top(self) -> int | None:
        """The K of ``until``."""
        return None if self.until is None else _top(self.until)


AMOUNT = frozenset(Amount.model_fields) - {"name"}
"""Settings that say how much is asked."""


def _top(text: Any) -> int | None:
    digits = str(text).removeprefix("top")
    return (
        int(digits)
        if str(text).startswith("top") and digits.isdecimal() and 0 < len(digits) <= 3 and int(digits)
        else None
    )


class Draws(Protocol):
    """What a plan must know of the rows to come."""

    def least(self) -> int:
        """Return the fewest rows that give intervals."""

    def total(self) -> int | None:
        """Return the rows there are in all; None: without end."""

    def readable(self) -> int:
        """Return the fewest rows from which anything can be read."""

    def partial(self) -> int:
        """Return the fewest rows from which a run that its time cuts short can give a rough answer."""

    def boundary(self, n: int) -> int:
        """Return the end of the block that row ``n`` - 1 is in: at least ``n``."""

    def usable(self, n: int) -> int:
        """Return how many of the first ``n`` rows can be read."""

    def alike(self) -> bool:
        """Say whether any share of the rows stands for all of them."""


@dataclass(frozen=True)
class WholeBlocks:
    """Rows of one design over ``d`` segments or cells, in blocks of one size."""

    design: _Design
    d: int
    first: int = 2
    """Rows from which something can be read."""

    def readable(self) -> int:
        """Return the fewest rows from which anything can be read."""
        return self.first

    def partial(self) -> int:
        """Return the same."""
        return self.first

    def least(self) -> int:
        """Return the fewest rows that give intervals."""
        return self.design.least(self.d)

    def total(self) -> int | None:
        """Return the rows there are in all."""
        return self.design.total(self.d)

    def boundary(self, n: int) -> int:
        """Return the next multiple of the block."""
        block = self.design.block_rows(self.d)
        return -(-n // block) * block

    def usable(self, n: int) -> int:
        """Return ``n``: a block that was begun can be read."""
        return n

    def alike(self) -> bool:
        """Say whether any share of the rows stands for all of them."""
        return self.design.alike


class _Design(Protocol):
    alike: ClassVar[bool]

    def block_rows(self, d: int) -> int: ...

    def least(self, d: int) -> int: ...

    def total(self, d: int) -> int | None: ...


@dataclass
class Looks:
    """The looks of one run: where they are, and whether the last one was good enough."""

    amount: Amount
    draws: Draws
    twice: float = 0.0
    """Share of the rows that two models are asked for."""
    estimate_from: int | None = None
    """Samples from which the estimated error alone, at the tolerance, ends the run; None: it never does."""
    count: int = 0
    tests: int = 0
    """Looks that could have ended the run."""
    forecast: int | None = None
    """Samples that the aim is thought to need."""
    error: float | None = None
    """Largest estimated error of a target at the last look; None: unknown, or there was no look."""

    def first(self) -> int:
        """Return the samples before the first look; all of them where their number is given."""
        if self.amount.n_samples is not None:
            return self._whole(self.amount.n_samples)
        if self.estimate_from is not None:
            self.forecast = min(self.estimate_from, self._most)
        return self._whole(min(self.draws.least(), self._most))

    def next(self, n: int, spreads: Iterable[Spread | None]) -> int | StopReason:
        """Look at ``n`` samples: return why to stop, or how many samples to have at the next look."""
        if n >= (self.draws.total() or math.inf):
            return "design"
        if self.amount.n_samples is not None:
            return "n-samples"
        self.count += 1
        found = list(spreads)
        known = [spread for spread in found if spread is not None]
        self.error = max((spread.error for spread in known), default=None)
        if len(known) == len(found) and (self._enough(known) or self._estimated(n, known)):
            return "tolerance" if self.amount.top is None else "until"
        self.forecast = self._forecast(n, known)
        wanted = math.ceil(min(max(self.forecast * _MARGIN, 1.25 * n), _GROWTH * n))
        if self.estimate_from is not None and n < self.estimate_from:
            wanted = self.estimate_from
        following = self._whole(min(wanted, self._most))
        return following if following > n else "max-evaluations"

    @property
    def alpha(self) -> float:
        """Error probability that the next test may spend; all tests together spend :data:`RISK`.

        A look tests only if the estimated error has come down to the tolerance. Others cannot end the run, so they
        spend nothing.
        """
        return RISK * 0.5 ** (self.tests + 1)

    def _enough(self, known: Sequence[Spread]) -> bool:
        top, alpha = self.amount.top, self.alpha / max(len(known), 1)  # all targets have to keep the promise
        if top is None and any(spread.error > self.amount.tolerance for spread in known):
            return False
        self.tests += 1
        if top is not None:
            return all(spread.separated(top, alpha) for spread in known)
        return all(spread.bound(alpha) <= SLACK * self.amount.tolerance for spread in known)

    def _estimated(self, n: int, known: Sequence[Spread]) -> bool:
        """Say whether the estimate alone ends the run: there are as many samples as it takes, and it is low enough."""
        if self.estimate_from is None or n < self.estimate_from or self.amount.top is not None:
            return False
        return all(spread.error <= self.amount.tolerance for spread in known)

    def _forecast(self, n: int, known: Sequence[Spread]) -> int:
        """Return the samples at which the worst target reaches its aim, if its variance goes on falling as 1 / n."""
        if not known or self.amount.top is not None:
            return 2 * n
        if self.estimate_from is None:
            worst = max(spread.bound(self.alpha / len(known), certain=True) for spread in known) / SLACK
        else:
            worst = max(spread.error for spread in known)
        if math.isinf(worst):
            return self._most
        needed = math.ceil(n * (worst / self.amount.tolerance) ** 2)
        return min(self._most, max(needed, self.estimate_from or 0))

    @property
    def _most(self) -> int:
        """Most samples: the unmasked image is one evaluation more, and pairs stay whole."""
        rounded = 2 if self.twice else 0  # the share is rounded up to a pair
        return int((self.amount.max_evaluations - 1 - rounded) / (1 + self.twice)) // 2 * 2

    def _whole(self, n: int) -> int:
        """Round up to whole blocks, as far as the settings and the design allow."""
        total = self.draws.total()
        if self.amount.n_samples is None:
            whole = self.draws.boundary(n)
            n = whole if whole <= self._most else self.draws.usable(self._most)
        return n if total is None else min(n, total)
