"""Opening a result file again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seewhy import result_file
from seewhy._types import JsonObject, Pixels, Segments, Unit
from seewhy.api import MethodSettings, as_method
from seewhy.attribution import Attribution, SegmentAttribution
from seewhy.errors import FileError, InvalidInput, SeewhyError
from seewhy.explanation import Explanation, ModelFacts
from seewhy.geometry import View
from seewhy.images import Image, from_bytes
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
    header, arrays = result_file.read(path)
    try:
        return _explanation(header, arrays)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, FileError):
            raise
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, SeewhyError) else str(error)
        raise FileError(f"{path} is damaged: {reason}") from error


def _explanation(header: JsonObject, arrays: result_file.Arrays) -> Explanation:
    image = from_bytes(arrays["photo"].tobytes(), header["image"], tuple(header["image_warnings"]))
    method = _method(header["settings"])
    view = View.from_dict(header["view"])
    if view.photo != (image.height, image.width):
        raise FileError(f"the photo is {image.height} x {image.width}, but the view is of {view.photo}")
    samples = _samples(header, arrays)
    segments = None
    if "segments" in arrays:
        segments = from_bytes(arrays["segments"].tobytes(), "segments", ()).pixels[..., 0].astype(np.int32)
        if segments.shape != (view.height, view.width) or int(segments.max()) + 1 != samples.d:
            raise FileError(f"segments {segments.shape} do not fit the view or the {samples.d} switched segments")
    targets = tuple(Target(t["index"], t["label"], t["score"], t["unit"]) for t in header["targets"])
    return Explanation(
        image=image,
        view=view,
        method=method,
        model=ModelFacts(header["model"], header["fingerprint"], header["kind"], header["model_classes"]),
        seed=header["seed"],
        scene_segments=segments,
        samples=samples,
        predictions=tuple(Prediction(**p) for p in header["predictions"]),
        targets=targets,
        attributions=tuple(_attributions(header, arrays, method, samples, view.apply(image))),
        n_evaluations=header["n_evaluations"],
        complete=header["complete"],
        warnings=tuple(header["warnings"]),
        version=header["version"],
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
        # Each choice of settings is tried by itself, so that real damage is not taken for a lost object.
        name = settings.get("name")
        parts = {key: value for key, value in settings.items() if isinstance(value, dict)}
        lost = tuple(key for key, value in parts.items() if not _usable(name, key, value))
        stand_in = as_method({key: value for key, value in settings.items() if key not in lost})
        return RecordedMethod(settings, stand_in, lost)


def _usable(name: object, key: str, value: JsonObject) -> bool:
    try:
        as_method({"name": name, key: value})
    except InvalidInput:
        return False
    return True


def _samples(header: JsonObject, arrays: result_file.Arrays) -> Samples:
    n, d, classes = len(arrays["bits"]), header["d"], tuple(header["classes"])
    shapes = {
        "bits": (n, -(-d // 8)),
        "scores": (n, len(classes)),
        "shifts": (n, 2),
        "log_totals": (n,),
    }
    for name, shape in shapes.items():
        if name in arrays and arrays[name].shape != shape:
            raise FileError(f"{name} must have shape {shape}, got {arrays[name].shape}")
    return Samples(
        d=d,
        bits=arrays["bits"],
        shifts=arrays.get("shifts"),
        classes=classes,
        scores=arrays["scores"],
        log_totals=arrays.get("log_totals"),
        kind=header["kind"],
    )


def _attributions(
    header: JsonObject, arrays: result_file.Arrays, method: Method, samples: Samples, pixels: Pixels
) -> Iterator[Attribution]:
    """Yield what the file holds: values as they are; maps, which are large, computed again from the samples."""
    for i, target in enumerate(header["targets"]):
        if "values" in arrays:
            yield SegmentAttribution(arrays["values"][i].astype(np.float64), target["intercept"], target["r2"])
        else:
            yield method.estimate(samples, Scene(pixels, pixels, None), target["index"], target["unit"])
