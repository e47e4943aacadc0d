"""Which settings win, and what may be said of them: the score is reported on what they were not chosen on.

Sources: Stone (1974), doi:10.1111/j.2517-6161.1974.tb00994.x, and Cawley and Talbot (2010), JMLR 11, on why the choice
belongs inside of the cross-validation; Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seewhy.core.randomness import generator
from seewhy.core.types import Floats
from seewhy.estimation.intervals import FEWEST, expanded_tail

FOLDS = 5
_RESAMPLES = 10_000
_DIGITS = 10
"""Scores that differ beyond this many digits differ by rounding."""


@dataclass(frozen=True, eq=False)
class Table:
    """Scores of settings (columns) on photos (rows), higher is better; a column without a score somewhere is NaN."""

    chosen: Floats
    """(P, S): what settings are chosen by."""
    reported: Floats
    """(P, S): what is reported of them; the same where there is nothing to hold out."""
    samples: NDArray[np.intp]
    """(S,): samples that a setting needs."""
    may_win: NDArray[np.bool_]
    """(S,)"""
    groups: NDArray[np.intp]
    """(P,): photos of one group are held out together."""

    @property
    def ranked(self) -> NDArray[np.bool_]:
        """(S,): whether a setting has a score on every photo."""
        return np.asarray(np.isfinite(self.chosen).all(axis=0) & np.isfinite(self.reported).all(axis=0))

    @property
    def n_groups(self) -> int:
        """Groups of photos."""
        return len(np.unique(self.groups))

    def order(self, photos: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
        """Return the settings that may win, best first by their mean score on some photos.

        Of equal ones the one that needs the fewest samples comes first, then the one that was tried first.
        """
        rows = self.chosen if photos is None else self.chosen[photos]
        fits = np.flatnonzero(self.ranked & self.may_win)
        mean = np.round(rows[:, fits].mean(axis=0), _DIGITS)
        return fits[np.lexsort((fits, self.samples[fits], -mean))]


@dataclass(frozen=True, eq=False)
class OnHeldOut:
    """What a choice is worth where it was not made."""

    scores: Floats
    """(P,): of each photo, by the setting that is best on the photos of the other folds."""
    winners: tuple[int, ...]
    """The setting that each fold's photos were scored with; one where there are no folds."""


def hold_out(table: Table, seed: int) -> OnHeldOut:
    """Choose anew without each fold, and score its photos with that; without groups to hold out: on the same photos."""
    if table.n_groups < 2:
        best = int(table.order()[0])
        return OnHeldOut(table.reported[:, best], (best,))
    fold = _folds(table.groups, seed)
    scores, winners = np.empty(len(fold)), []
    for k in range(fold.max() + 1):
        best = int(table.order(fold != k)[0])
        scores[fold == k] = table.reported[fold == k, best]
        winners.append(best)
    return OnHeldOut(scores, tuple(winners))


def _folds(groups: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """Return (P,): up to five folds of whole groups, as even as they go."""
    names = np.unique(groups)
    place = np.empty(len(names), dtype=np.intp)
    place[generator(seed, "bootstrap", 2).permutation(len(names))] = np.arange(len(names)) % FOLDS
    return np.asarray(place[np.searchsorted(names, groups)])


@dataclass(frozen=True)
class Lead:
    """By how much the choice beats the settings that the tuning started from, on the photos' mean."""

    value: float
    low: float | None
    """Ends of its 95 % interval; None: there are fewer than six groups of photos, or nothing varies between them."""
    high: float | None
    groups: int
    """Groups of photos."""


def lead(held: OnHeldOut, start: Floats, groups: NDArray[np.intp], seed: int) -> Lead:
    """Return the lead with its interval, of a paired bootstrap over groups of photos, widened for few of them.

    Source: Hesterberg (2015), doi:10.1080/00031305.2015.1089789, the expanded percentile interval.
    """
    apart = held.scores - start
    names, place = np.unique(groups, return_inverse=True)
    n, value = len(names), float(apart.mean())
    if n < FEWEST or np.ptp(apart) == 0:
        return Lead(value, None, None, n)
    sums, sizes = np.bincount(place, apart), np.bincount(place)
    drawn = generator(seed, "bootstrap", 3).integers(n, size=(_RESAMPLES, n))
    share = expanded_tail(n)
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [share, 1 - share])
    return Lead(value, float(low), float(high), n)


def explained(values: Sequence[object], scores: Floats) -> float | None:
    """Return the share of the scores' variance that lies between the values of one setting; None: nothing varies."""
    total = float(np.sum((scores - scores.mean()) ** 2))
    if total <= 1e-20 * max(1.0, float(np.sum(scores**2))):
        return None
    names, place = np.unique([repr(value) for value in values], return_inverse=True)
    means = np.bincount(place, scores, len(names)) / np.bincount(place, minlength=len(names))
    return float(np.sum((means[place] - scores.mean()) ** 2) / total)


def without_copies(said: Sequence[Mapping[str, object]], scores: Floats) -> list[int]:
    """Return places of the settings that are left when values that always score the same count as one.

    ``auto`` and what it stands for are two values of a setting, and one in truth. Counted twice, they would weigh as
    two in what a setting explains.

    Parameters
    ----------
    said
        The value of every setting, for each of R settings.
    scores
        (P, R).
    """
    columns = [column.tobytes() for column in np.round(scores, _DIGITS).T + 0.0]
    left = list(range(len(said)))
    for name in said[0] if said else ():
        by_value: dict[str, dict[str, bytes]] = {}
        for i in left:
            rest = repr(sorted((key, repr(value)) for key, value in said[i].items() if key != name))
            by_value.setdefault(repr(said[i][name]), {})[rest] = columns[i]
        kept: list[str] = []
        for value, results in by_value.items():
            if not any(results == by_value[other] for other in kept):
                kept.append(value)
        left = [i for i in left if repr(said[i][name]) in kept]
    return left


def distinct(table: Table, limit: int) -> list[tuple[int, int]]:
    """Return the best settings that differ in their scores, each with how many settings score the same."""
    found: dict[bytes, tuple[int, int]] = {}
    for one in table.order():
        key = np.round(table.chosen[:, one], _DIGITS).tobytes()
        first, count = found.get(key, (int(one), 0))
        found[key] = (first, count + 1)
    return list(found.values())[:limit]
