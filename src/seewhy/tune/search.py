"""Which sampling settings are tried, and in which order: those that are known to be good, then Optuna's proposals.

Source: Bergstra et al. (2011), "Algorithms for Hyper-Parameter Optimization", NeurIPS (TPE); Akiba et al. (2019),
arXiv:1907.10902 (Optuna); Hutter, Hoos and Leyton-Brown (2014), "An Efficient Approach for Assessing Hyperparameter
Importance", ICML (fANOVA).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.core.types import JsonObject
from seewhy.models.extras import need
from seewhy.render.display import Display
from seewhy.tune.space import Range, Space, Tuned, params_of

_RANDOM = 10
"""Finished trials before TPE takes over from chance."""
_ENOUGH = 16
"""Different settings with a score from which importances are worth telling."""
_TRIES = 200
"""Proposals in a row that may contradict themselves."""


@dataclass(frozen=True)
class Start:
    """Settings to try: where they come from, and how their explanations are shown."""

    name: str
    method: Tuned
    display: Display = field(default_factory=Display)


class Search(Protocol):
    """Says what to try next, and is told what came of it."""

    def next(self) -> Start | None:
        """Return the next sampling setting; None where there are no more."""

    def told(self, value: float | None) -> None:
        """Take in the objective of the last one; None: it has none."""

    def importance(self) -> dict[str, float]:
        """Return how much each sampling setting matters, adding up to 1; empty where that cannot be told."""


class OnlyStart:
    """One sampling setting, and no search."""

    def __init__(self, start: Start) -> None:
        self._left = [start]

    def next(self) -> Start | None:
        """Return the only one, once."""
        return self._left.pop() if self._left else None

    def told(self, value: float | None) -> None:
        """Do nothing: nothing follows from it."""

    def importance(self) -> dict[str, float]:
        """Return nothing: there is nothing to compare."""
        return {}


class OptunaSearch:
    """TPE over a space, after the starts; proposals have as many samples as the first start, and are shown like it.

    What is proposed depends on the seed and on the objectives so far alone, so a search that was killed and begins
    again proposes the same, and finds the answers in its memory.
    """

    def __init__(self, space: Space, starts: Sequence[Start], *, better: int, seed: int) -> None:
        self._optuna = need("optuna", "tune")
        self._space, self._starts, self._seed = space, list(starts), seed % 2**32
        self._first = starts[0]
        self._token: Any = None
        sampler = self._optuna.samplers.TPESampler(seed=self._seed, n_startup_trials=_RANDOM)
        direction = "maximize" if better > 0 else "minimize"
        with self._quiet():
            self._study = self._optuna.create_study(sampler=sampler, direction=direction)

    def next(self) -> Start:
        """Return the next start, or a proposal."""
        with self._quiet():
            if self._starts:
                start = self._starts.pop(0)
                # Settings outside of the space are tried as well; Optuna learns nothing from them.
                params = params_of(self._space, start.method)
                self._token = None
                if params is not None:
                    self._study.enqueue_trial(params)
                    self._token = self._study.ask()
                    self._space.propose(_Suggested(self._token))
                return start
            for _ in range(_TRIES):
                self._token = self._study.ask()
                try:
                    proposed = self._space.propose(_Suggested(self._token))
                    n = self._first.method.n_samples
                    return Start("search", proposed.replace(until=None, n_samples=n), self._first.display)
                except InvalidInput as error:  # settings that do not go together
                    why = str(error)
                    self.told(None)
        raise InvalidInput(
            f"no settings in sampling fit together, in {_TRIES} proposals: {why}",
            setting="sampling",
            rule="leave settings that fit together",
            value=_TRIES,
        )

    def told(self, value: float | None) -> None:
        """Tell Optuna."""
        if self._token is None:
            return
        with self._quiet():
            if value is None:
                self._study.tell(self._token, state=self._optuna.trial.TrialState.FAIL)
            else:
                self._study.tell(self._token, value)
        self._token = None

    def importance(self) -> dict[str, float]:
        """Return fANOVA's importance of the settings that all trials have; nothing where only one of them varies."""
        optuna = self._optuna
        done = self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        tried = {repr(sorted(one.params.items())) for one in done}
        if len(tried) < _ENOUGH or np.ptp([one.value for one in done]) == 0:
            return {}
        common = set.intersection(*(set(one.params) for one in done))
        if sum(len({one.params[name] for one in done}) > 1 for name in common) < 2:
            return {}  # all of it would be told of the one setting, whatever else differs
        with self._quiet():
            found: JsonObject = optuna.importance.get_param_importances(
                self._study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=self._seed)
            )
        return {name: float(value) for name, value in found.items()}

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Keep Optuna from writing about every trial, and leave its logging as it was."""
        logging = self._optuna.logging
        before = logging.get_verbosity()
        logging.set_verbosity(logging.ERROR)
        try:
            yield
        finally:
            logging.set_verbosity(before)


@dataclass(frozen=True)
class _Suggested:
    """Chooses what Optuna suggests."""

    trial: Any

    def category(self, place: str, choices: Sequence[str]) -> str:
        """Return one of ``choices``."""
        return str(self.trial.suggest_categorical(place, tuple(choices)))

    def number(self, place: str, among: Range) -> float:
        """Return a number of a range."""
        if among.whole:
            return int(self.trial.suggest_int(place, int(among.low), int(among.high), log=among.log))
        return float(self.trial.suggest_float(place, among.low, among.high, log=among.log))
