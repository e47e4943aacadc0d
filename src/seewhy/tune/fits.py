"""Samples read in another way, without the intervals that metrics of maps do not look at."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from seewhy.estimation.attribution import SegmentAttribution
from seewhy.estimation.kernels import Shapley
from seewhy.estimation.surrogate import fit
from seewhy.explanation.explanation import Explanation
from seewhy.methods import Lime
from seewhy.tune.readings import FitReading

_OF_SCORES = ("n_samples", "unit")
"""Settings that change what the surrogate is fitted to."""


class Fits:
    """Refits of one explanation. Values are those of :meth:`Explanation.refit`; LIME's come without intervals.

    A jackknife fits twenty times what is fitted here once.
    """

    def __init__(self, explanation: Explanation, *, intervals: bool) -> None:
        self._explanation, self._intervals = explanation, intervals
        self._known: dict[str, Explanation] = {}

    def __call__(self, way: FitReading) -> Explanation:
        """Return the explanation as a way reads it.

        Raises
        ------
        InvalidInput
            The samples cannot be read so.
        """
        changes = asked_for(self._explanation, way.changes)
        with _without_complaints():
            if self._intervals or not isinstance(self._explanation.method, Lime):
                return self._explanation.refit(**changes)
            if isinstance(changes.get("kernel", self._explanation.method.kernel), Shapley):
                return self._explanation.refit(**changes)
            return _fitted(self._of_scores(changes), changes)

    def _of_scores(self, changes: dict[str, Any]) -> Explanation:
        """Return the explanation with as many samples and the unit; its fit is a plain one."""
        wanted = {name: changes[name] for name in _OF_SCORES if name in changes}
        key = repr(sorted(wanted.items()))
        if key not in self._known:
            plain = {
                "kernel": "cosine",
                "surrogate": "least-squares",
                "feature_selection": "auto",
                "num_features": None,
            }
            self._known[key] = self._explanation.refit(**plain, **wanted)
        return self._known[key]


def asked_for(explanation: Explanation, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes for a refit, without a number of samples that a design which ended cannot give."""
    found = dict(changes)
    if found.get("n_samples", 0) >= len(explanation.samples):  # the design had no more rows: these are all
        del found["n_samples"]
    return found


def _fitted(base: Explanation, changes: dict[str, Any]) -> Explanation:
    method = base.method.replace(**changes)
    assert isinstance(method, Lime)
    samples, scores = base.samples, base.targets[0].read(base.samples)
    weights = method.weights(samples, base.scene)
    rows = ((block.coalitions, scores[place], weights[place]) for place, block in samples.blocks())
    found = fit(method.surrogate, rows, how=method.feature_selection, num_features=method.num_features)
    return replace(base, method=method, attributions=(SegmentAttribution(found.coef, found.intercept, found.r2),))


@contextmanager
def _without_complaints() -> Iterator[None]:
    """Keep quiet about solvers that stop short of a tolerance: among hundreds of fits some do, and lose by it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Objective did not converge")
        yield
