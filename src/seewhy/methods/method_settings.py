"""What the settings of every method have in common: how much is asked, and the unit of what is explained."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from seewhy.core.settings import setting
from seewhy.engine.stopping import Amount


class MethodSettings(Amount):
    """Amount and unit; a method adds what it needs to ask and to read."""

    fits: ClassVar[frozenset[str]] = frozenset()
    """Settings of the method that only say how samples are read."""

    cut: ClassVar[Literal["share", "otsu"]] = "share"
    """How a region is cut from a map, unless a share is given."""
    log_odds: ClassVar[bool] = False
    """Whether ``unit="auto"`` means log-odds where the model allows them, and not probability."""

    unit: Annotated[
        Literal["auto", "probability", "log-odds", "score"],
        setting(
            "unit of the score that is explained; auto: probability, or log-odds for ensemble-lime, where possible"
        ),
    ] = "auto"

    @property
    def amount(self) -> Amount:
        """How much is asked: these very settings."""
        return self

    @property
    def free(self) -> frozenset[str]:
        """Settings that may change without asking the model again; ``n_samples`` only downwards."""
        return self.fits | {"unit", "n_samples"}
