"""What the header of a result file must hold, by type. Files of others are read by it, so it believes nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from seewhy.core.types import JsonObject, ScoreKind, Unit
from seewhy.engine.stopping import StopReason


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class _Prediction(_Part, extra="forbid"):
    index: NonNegativeInt
    label: str
    score: float


class _Stability(_Part, extra="forbid"):
    same_top: list[float]
    vsi: float | None
    csi: float | None
    parts: NonNegativeInt
    part_samples: NonNegativeInt


class _Target(_Prediction, extra="ignore"):
    unit: Unit
    versus: NonNegativeInt | None
    error: float | None
    intercept: float | None = None
    r2: float | None = None
    effective: float | None = None
    reach: float = 0.0
    simultaneous: float = 0.0
    stability: _Stability | None = None


class _Segments(_Part, extra="forbid"):
    shape: list[PositiveInt]
    sha256: str


class _Stop(_Part, extra="forbid"):
    by: StopReason
    looks: NonNegativeInt


class _Check(_Part, extra="forbid"):
    """What the model said of the shown region; see :class:`seewhy.explanation.region_check.RegionCheck`."""

    calls: PositiveInt
    region: str
    share: Annotated[float, Field(gt=0, le=1)]
    fills: Annotated[list[str], Field(min_length=1, max_length=4)]
    unit: Unit
    whole: float
    alone: list[float]
    without: list[float]
    bare: list[float]
    other: str | None
    other_alone: list[float]
    other_without: list[float]


class Header(_Part):
    """What the header must hold, by type; ``loading`` checks what must fit together."""

    image: str
    image_warnings: list[str]
    view: JsonObject
    settings: JsonObject
    seed: NonNegativeInt
    model: str
    fingerprint: str
    kind: ScoreKind
    model_classes: PositiveInt
    model_notes: list[str]
    run_by: str
    labels: list[str] | None
    d: PositiveInt
    n_samples: PositiveInt
    asked: str
    fill: str
    segments: _Segments | None
    classes: Annotated[list[NonNegativeInt], Field(min_length=1)]
    predictions: list[_Prediction]
    targets: Annotated[list[_Target], Field(min_length=1)]
    n_exact: NonNegativeInt | None
    n_evaluations: NonNegativeInt
    pilot: NonNegativeInt
    check: _Check | None = None
    stopped: _Stop
    warnings: list[str]
    version: str
