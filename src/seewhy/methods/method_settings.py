"""What the settings of every method have in common, and the facts that a method states about itself."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from seewhy.core.settings import Settings, setting
from seewhy.engine.stopping import AMOUNT, LARGEST_AMOUNT, Amount

_OF_SEGMENTS = frozenset({"until"})
"""Amounts that need segments: a map has no strongest K."""


class MethodSettings(Settings):
    """Settings of a method, and its facts: commands, tuning and files read them, and need to know no method by name.

    A method of one's own derives from this class where nothing is random, else from :class:`SampledSettings`,
    and offers what :class:`seewhy.engine.protocols.Method` lists.
    """

    fits: ClassVar[frozenset[str]] = frozenset()
    """Settings of the method that only say how samples are read: they change without a model call."""
    gives: ClassVar[Literal["segments", "map"]] = "map"
    """What the values belong to: segments of the photo, or single pixels."""
    chance: ClassVar[bool] = False
    """Whether rows are drawn at random; else the design has an end, and a run always comes to it."""
    amounts: ClassVar[frozenset[str]] = frozenset()
    """Settings by which more or less is sampled; empty where nothing is random."""
    searched: ClassVar[bool] = False
    """Whether :func:`seewhy.tune` may look for settings of this method; needs ``n_samples``."""
    cut: ClassVar[Literal["share", "otsu"]] = "share"
    """How a region is cut from a map, unless a share is given."""
    before: ClassVar[dict[str, str]] = {}
    """What settings mean in a result file that does not state them, since it is older than they are."""
    log_odds: ClassVar[bool] = False
    """Whether ``unit="auto"`` means log-odds where the model allows them, and not probability."""

    name: str = ""
    unit: Annotated[
        Literal["auto", "probability", "log-odds", "score"],
        setting(
            "unit of the score that is explained; auto: probability, or log-odds for ensemble-lime, where possible"
        ),
    ] = "auto"

    @property
    def amount(self) -> Amount:
        """How much is sampled: the whole design."""
        return Amount(max_evaluations=LARGEST_AMOUNT)

    def check(self, least: int) -> None:
        """Refuse fewer samples than can be read: without an amount, there is nothing to refuse."""

    @property
    def estimates_from(self) -> int | None:
        """Samples from which the estimated error alone ends a run; None: the strict stopping rule applies."""
        return None

    @property
    def free(self) -> frozenset[str]:
        """Settings that may change without asking the model again; ``n_samples`` only downwards."""
        return self.fits | {"unit"} | ({"n_samples"} & self.amounts)


class SampledSettings(MethodSettings, Amount):
    """Settings of a method that samples: with an amount, which ends a run."""

    chance: ClassVar[bool] = True
    amounts: ClassVar[frozenset[str]] = AMOUNT - _OF_SEGMENTS
    searched: ClassVar[bool] = True

    def check(self, least: int) -> None:
        """Refuse fewer samples than can be read; see :meth:`Amount.check`."""
        Amount.check(self, least)

    @property
    def amount(self) -> Amount:
        """How much is sampled: these very settings."""
        return self
