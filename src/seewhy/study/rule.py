"""The one rule by which a study chooses a setting and reports it: never on the same numbers, where there are two."""

from __future__ import annotations

from dataclasses import dataclass

from seewhy.core.errors import InvalidInput
from seewhy.metrics import METRICS, Measure, Metric

CHOSEN_ON, REPORTED_ON = "blur", "black"
"""Fills of the metrics that are measured over two."""
_OVER_FILLS = frozenset({"srg", "insertion", "sufficiency"})
ALLOWED = ("srg", "sufficiency", "insertion", "iou", "best-iou", "ap", "pointing", "energy")
"""Metrics that can judge settings against each other and against baselines: higher is better, from the map alone."""


@dataclass(frozen=True)
class Rule:
    """How settings are judged."""

    metric: Metric

    @classmethod
    def of(cls, name: object) -> Rule:
        """Return the rule of a metric.

        Raises
        ------
        InvalidInput
            It is no metric that settings can be chosen by.
        """
        if not isinstance(name, str) or name not in ALLOWED:
            raise InvalidInput.of("metric", f"be one of {', '.join(ALLOWED)}", name)
        return cls(METRICS[name])

    @property
    def name(self) -> str:
        """Name of the metric."""
        return self.metric.facts.name

    @property
    def apart(self) -> bool:
        """Whether settings are chosen by other numbers than those that are reported."""
        return self.name in _OVER_FILLS

    @property
    def region(self) -> bool:
        """Whether the metric reads the region that is shown, and not only the map."""
        return self.metric.facts.region

    @property
    def text(self) -> str:
        """The rule in words."""
        nothing = " A setting that gives no information on a photo (a flat map, or not applicable) counts "
        nothing += "as 0." if self.name == "srg" else "as the baseline random does."
        if self.apart:
            return (
                f"Settings are chosen by {self.name} with a {CHOSEN_ON} fill and reported by {self.name} with a "
                f"{REPORTED_ON} fill, so a winner is never reported on the score that chose it.{nothing}"
            )
        return (
            f"Settings are chosen and reported by the same {self.name} score, so on its own photo the best setting "
            f"looks better than it is.{nothing}"
        )

    def of_nothing(self, random: float) -> float:
        """Return what is reported of a setting without information: a flat map, or none at all.

        It does no better than chance: 0 for srg, which random order has on average; else what the baseline ``random``
        has on the same photo.
        """
        return 0.0 if self.name == "srg" else random

    def split(self, found: Measure) -> tuple[float | None, float | None]:
        """Return what a setting is chosen by, and what is reported of it; None: not measured over that fill."""
        if self.apart:
            return found.parts.get(CHOSEN_ON), found.parts.get(REPORTED_ON)
        return found.value, found.value
