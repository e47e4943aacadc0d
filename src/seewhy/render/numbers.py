"""Numbers in words, for figures, pages and tables: the one place that says how many digits they get."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from seewhy.core.types import Unit

_MINUS = "\N{MINUS SIGN}"


class Scored(Protocol):
    """A class or contrast with its score, in a unit."""

    @property
    def score(self) -> float: ...
    @property
    def unit(self) -> Unit: ...
    @property
    def versus(self) -> int | None: ...


def number(value: float) -> str:
    """Return a score with four digits that count."""
    text = f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"
    return text.replace("-", _MINUS)


def signed(value: float, limit: float) -> str:
    """Return an effect with its sign, and the decimals that ``limit`` needs for two digits that count."""
    form = "+.1e" if limit < 1e-4 else f"+.{max(0, 1 - math.floor(math.log10(limit)))}f"
    return format(value, form).replace("-", _MINUS)


def as_percent(share: float) -> str:
    """Return a share in percent with two digits that count, never as a power of ten: 0.67 %, 12 %, 130 %.

    >>> as_percent(0.0067), as_percent(0.123), as_percent(1.34), as_percent(0)
    ('0.67 %', '12 %', '134 %', '0 %')
    """
    percent = 100 * share
    if percent == 0:
        return "0 %"
    if 0 < percent < 0.001:
        return "below 0.001 %"
    decimals = max(0, 1 - math.floor(math.log10(abs(percent))))
    text = f"{percent:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %".replace("-", _MINUS)


def as_probability(score: float) -> str:
    """Return a probability with digits that count at both ends: 0.86, 0.9997, 0.0021, below 0.0001.

    What is none, because a model broke its word, is a number like any other.
    """
    if not 0 <= score <= 1:
        return number(score)
    if score < 1e-4:
        return "0" if score == 0 else "below 0.0001"
    if score > 1 - 1e-4:
        return "1" if score == 1 else "above 0.9999"
    return f"{score:.2g}" if score < 0.1 else f"{score:.{2 if 0.1 <= score <= 0.99 else 4}f}"


def score_words(target: Scored) -> str:
    """Return the score of a class in its unit; beside log-odds of one class stands the probability.

    A contrast has none: it is the difference of two scores.
    """
    if target.unit == "probability" and target.versus is None:
        return f"probability {as_probability(target.score)}"
    words = f"{target.unit} {number(target.score)}"
    if target.unit != "log-odds" or target.versus is not None:
        return words
    return f"{words} (probability {as_probability(_sigmoid(target.score))})"


def _sigmoid(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0
