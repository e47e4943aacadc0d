"""Opening a result file again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from seewhy import result_file
from seewhy._types import JsonObject, Pixels, ScoreKind, Segments, Unit
from seewhy.api import MethodSettings, as_method
from seewhy.attribution import Attribution, SegmentAttribution
from seewhy.errors import FileError, InvalidInput, SeewhyError
from seewhy.explanation import Explanation, ModelFacts
from seewhy.geometry import View
from seewhy.images import MAX_PIXELS, Image, from_bytes
from seewhy.protocols import MaskMaker, Method
from seewhy.samples import Samples
from seewhy.scene import Block, Scene
from seewhy.targets import Prediction, Target


def load(path: str | os.PathLike[str]) -> Explanation:
    """Open a result written by :meth:`Explanation.save`. Nothing in the file is ever run.

    Raises
    ------
    FileError
        The file is missing, damaged, of another kind, or of a newer format.
    """
    raw, arrays = result_file.read(path)
    try:
        return _explanation(_Header(**raw), arrays)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise FileError(f"{path} is damaged: {place}: {fault['msg']}") from error
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, SeewhyError) else str(error)
        raise FileError(f"{path} is damaged: {' '.join(reason.split())}") from error


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class _Prediction(_Part, extra="forbid"):
    index: NonNegativeInt
    label: str
    score: float


class _Target(_Prediction, extra="ignore"):
    unit: Unit
    intercept: float | None = None
    r2: float | None = None


class _Header(_Part):
    """What the header must hold, by type; :func:`_explanation` checks what must fit together."""

    image: str
    image_warnings: list[str]
    view: JsonObject
    settings: JsonObject
    seed: NonNegativeInt
    model: str
    fingerprint: str
    kind: ScoreKind
    model_classes: PositiveInt
    d: PositiveInt
    classes: list[NonNegativeInt]
    predictions: list[_Prediction]
    targets: Annotated[list[_Target], Field(min_length=1)]
    n_evaluations: NonNegativeInt
    complete: bool
    warnings: list[str]
    version: str


def _explanation(header: _Header, arrays: result_file.Arrays) -> Explanation:
    image = from_bytes(_array(arrays, "photo").tobytes(), header.image, tuple(header.image_warnings))
    method = _method(header.settings)
    view = View.from_dict(header.view)
    if view.photo != (image.height, image.width):
        raise FileError(f"the photo is {image.height} x {image.width}, but the view is of {view.photo}")
    if view.resized[0] * view.resized[1] > MAX_PIXELS:
        raise FileError(f"the view resizes the photo to {view.resized}, more than {MAX_PIXELS} pixels")
    if not view.seen().any():
        raise FileError("the view shows the model nothing of the photo")
    samples = _samples(header, arrays, method.n_samples)
    segments = _segments(arrays, view, samples.d) if "segments" in arrays else None
    pixels = view.apply(image)
    masks = method.masks(Scene(pixels, pixels, segments))
    if masks.d != samples.d:
        raise FileError(f"the settings give {masks.d} segments or cells, but {samples.d} were switched")
    masks(samples.block(slice(0, 1)))  # refuses samples of another kind of method
    return Explanation(
        image=image,
        view=view,
        method=method,
        model=ModelFacts(header.model, header.fingerprint, header.kind, header.model_classes),
        seed=header.seed,
        scene_segments=segments,
        samples=samples,
        predictions=tuple(Prediction(p.index, p.label, p.score) for p in header.predictions),
        targets=tuple(Target(t.index, t.label, t.score, t.unit) for t in header.targets),
        attributions=tuple(_attributions(header, arrays, method, samples, pixels)),
        n_evaluations=header.n_evaluations,
        complete=header.complete,
        warnings=tuple(header.warnings),
        version=header.version,
    )


@dataclass(frozen=True)
class RecordedMethod:
    """The method of a result whose settings held a Python object: a function, a regressor or an array.

    Such an object is not in the file. What the samples alone can answer works; what needs the object says so.
    """

    settings: JsonObject
    stand_in: MethodSettings
    """The same settings with defaults where the objects were."""
    lost: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name shown to people."""
        return self.stand_in.name

    @property
    def n_samples(self) -> int:
        """Rows of the design."""
        return self.stand_in.n_samples

    @property
    def unit(self) -> str:
        """Unit asked for."""
        return self.stand_in.unit

    def to_dict(self) -> JsonObject:
        """Return the settings as they were recorded."""
        return self.settings

    def masks(self, scene: Scene) -> MaskMaker:
        """Return what turns rows into masks."""
        return self.stand_in.masks(scene)

    def scene(self, image: Image, view: View, seed: int, segments: Segments | None = None) -> Scene:
        """Return the picture and its fill, unless the fill is what is lost."""
        if "fill" in self.lost:
            raise self._error("fill")
        return self.stand_in.scene(image, view, seed, segments)

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield the rows that were asked."""
        return self.stand_in.rows(masks, seed)

    def estimate(self, samples: Samples, scene: Scene, target: int, unit: Unit) -> Attribution:
        """Read an attribution out of the samples, unless the surrogate is what is lost."""
        if "surrogate" in self.lost:
            raise self._error("surrogate")
        return self.stand_in.estimate(samples, scene, target, unit)

    def _error(self, name: str) -> FileError:
        return FileError(f"the {name} was a Python object, {self.settings[name]}, which a result file does not hold")


def _method(settings: JsonObject) -> Method:
    try:
        return as_method(settings)
    except InvalidInput:
        lost = tuple(key for key, value in settings.items() if _is_lost(value))
        stand_in = as_method({key: value for key, value in settings.items() if key not in lost})
        return RecordedMethod(settings, stand_in, lost)


_OBJECTS = {"labels": "sha256", "picture": "sha256", "custom": "function", "regressor": "regressor"}
"""Settings that may hold a Python object, and what stands for it in a file."""


def _is_lost(value: object) -> bool:
    return isinstance(value, dict) and _OBJECTS.get(str(value.get("name"))) in value


_TYPES = {
    "photo": np.uint8,
    "bits": np.uint8,
    "scores": np.float32,
    "shifts": np.uint16,
    "log_totals": np.float64,
    "segments": np.uint8,
    "values": np.float64,
}


def _array(arrays: result_file.Arrays, name: str, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """Return an array of the file if it is what it must be."""
    if name not in arrays:
        raise FileError(f"{name} is missing")
    found = arrays[name]
    if found.dtype != _TYPES[name] or found.shape != (shape or found.shape):
        raise FileError(f"{name} must be {np.dtype(_TYPES[name])} {shape or ''}, got {found.dtype} {found.shape}")
    if not np.isfinite(found).all():
        raise FileError(f"{name} must be finite")
    return found


def _samples(header: _Header, arrays: result_file.Arrays, asked: int) -> Samples:
    n, d, classes = len(_array(arrays, "bits")), header.d, tuple(header.classes)
    if not 2 <= n <= asked or header.complete != (n == asked):
        raise FileError(f"{n} samples of {asked} cannot be {'complete' if header.complete else 'partial'}")
    if len(set(classes)) != len(classes) or max(classes) >= header.model_classes:
        raise FileError(f"classes must be different ones of {header.model_classes}, got {list(classes)}")
    odd = "shifts" if "segments" in arrays else "values"
    if odd in arrays:
        raise FileError(f"{odd} belong to another kind of method")
    scores = _array(arrays, "scores", (n, len(classes)))
    totals = _array(arrays, "log_totals", (n,)) if header.kind == "logit" else None
    if totals is not None and (scores > totals[:, None] + 1e-3).any():
        raise FileError("log_totals must not lie below a score")
    return Samples(
        d=d,
        bits=_array(arrays, "bits", (n, -(-d // 8))),
        shifts=None if "segments" in arrays else _array(arrays, "shifts", (n, 2)),
        classes=classes,
        scores=scores,
        log_totals=totals,
        kind=header.kind,
    )


def _segments(arrays: result_file.Arrays, view: View, d: int) -> Segments:
    data = _array(arrays, "segments").tobytes()
    found: Segments = from_bytes(data, "segments", ()).pixels[..., 0].astype(np.int32)
    if found.shape != (view.height, view.width) or int(found.max()) + 1 != d:
        raise FileError(f"segments {found.shape} do not fit the view or the {d} switched segments")
    return found


def _attributions(
    header: _Header, arrays: result_file.Arrays, method: Method, samples: Samples, pixels: Pixels
) -> Iterator[Attribution]:
    """Yield what the file holds: values as they are; maps, which are large, computed again from the samples."""
    for i, target in enumerate(header.targets):
        if "segments" not in arrays:
            yield method.estimate(samples, Scene(pixels, pixels, None), target.index, target.unit)
            continue
        samples.target(target.index, target.unit)  # refuses a class that was not kept
        if target.intercept is None:
            raise FileError(f"targets.{i}.intercept is missing")
        values = _array(arrays, "values", (len(header.targets), samples.d))
        yield SegmentAttribution(values[i], target.intercept, target.r2)
