"""A method as a file remembers it, which names objects of Python and files that it does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seewhy.core.array_setting import far_paths
from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.text import shown
from seewhy.core.types import Floats, JsonObject, Segments
from seewhy.engine.protocols import Method
from seewhy.engine.stopping import Amount, Draws
from seewhy.estimation.attribution import Attribution
from seewhy.estimation.intervals import Spread
from seewhy.images import Image
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.methods import METHODS, AnyMethod, as_concrete
from seewhy.sampling.blocks import Block
from seewhy.sampling.protocols import MaskMaker
from seewhy.sampling.samples import Samples


@dataclass(frozen=True)
class RecordedMethod:
    """The method of a result whose settings held a function, a regressor, an array, or the path of a file elsewhere.

    None of them is in the result file, and it may not send us looking, since others may have written it. What
    the samples alone can answer works; what needs the object says so.
    """

    settings: JsonObject
    stand_in: AnyMethod
    """The same settings with defaults where the objects were."""
    lost: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name shown to people."""
        return self.stand_in.name

    @property
    def unit(self) -> str:
        """Unit asked for."""
        return self.stand_in.unit

    @property
    def gives(self) -> Literal["segments", "map"]:
        """What the values belong to."""
        return self.stand_in.gives

    @property
    def chance(self) -> bool:
        """Whether rows were drawn at random."""
        return self.stand_in.chance

    @property
    def amounts(self) -> frozenset[str]:
        """Settings by which more or less is sampled."""
        return self.stand_in.amounts

    @property
    def fits(self) -> frozenset[str]:
        """Settings of the method that only say how samples are read."""
        return self.stand_in.fits

    def check(self, least: int) -> None:
        """Refuse fewer samples than can be read."""
        self.stand_in.check(least)

    @property
    def cut(self) -> Literal["share", "otsu"]:
        """How a region is cut from a map."""
        return self.stand_in.cut

    @property
    def log_odds(self) -> bool:
        """Whether ``auto`` means log-odds."""
        return self.stand_in.log_odds

    @property
    def amount(self) -> Amount:
        """How much was asked."""
        return self.stand_in.amount

    @property
    def estimates_from(self) -> int | None:
        """Samples from which the estimated error alone ends a run."""
        return self.stand_in.estimates_from

    @property
    def free(self) -> frozenset[str]:
        """Settings that need no new samples."""
        return self.stand_in.free

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

    def relatives(self) -> dict[str, JsonObject | str]:
        """Return other ways to read the same samples."""
        return self.stand_in.relatives()

    def draws(self, masks: MaskMaker) -> Draws:
        """Return what a plan must know of the rows."""
        return self.stand_in.draws(masks)

    def rows(self, masks: MaskMaker, seed: int) -> Iterator[Block]:
        """Yield the rows of the run."""
        return self.stand_in.rows(masks, seed)

    def estimate(self, samples: Samples, scene: Scene, scores: Floats) -> Attribution:
        """Read an attribution out of the samples, unless what reads them is lost."""
        self._need_readers()
        return self.stand_in.estimate(samples, scene, scores)

    def spread(self, samples: Samples, scene: Scene, scores: Floats) -> Spread | None:
        """Return how sure an attribution is, unless what reads the samples is lost."""
        self._need_readers()
        return self.stand_in.spread(samples, scene, scores)

    def warnings(self, samples: Samples) -> Iterator[str]:
        """Yield what a reader of the result must know."""
        return self.stand_in.warnings(samples)

    def replace(self, **changes: Any) -> RecordedMethod:
        """Return the same with other settings; an object that is replaced is no longer missed."""
        stand_in = self.stand_in.replace(**changes)
        known = {key: value for key, value in stand_in.to_dict().items() if key not in self.lost or key in changes}
        lost = tuple(key for key in self.lost if key not in changes)
        return RecordedMethod({key: self.settings[key] for key in lost} | known, stand_in, lost)

    def _need_readers(self) -> None:
        for name in ("kernel", "surrogate"):
            if name in self.lost:
                raise self._error(name)

    def _error(self, name: str) -> FileError:
        value = self.settings[name]
        if isinstance(value, dict) and "path" in value:
            return FileError.of(f"the file of {name}", "be in the current folder or beside the result", value["path"])
        return FileError(
            f"the {name} was a Python object, {shown(value)}, which a result file does not contain",
            setting=name,
            rule="be in the result file",
            value=value,
        )


def read_method(settings: JsonObject, folder: Path) -> Method:
    """Return the method of settings out of a file in ``folder``, as far as they can be opened from there.

    A file older than a setting does not state it: it means what was done then, and not what is the default now.
    """
    settings = getattr(METHODS.get(str(settings.get("name"))), "before", {}) | settings
    elsewhere = tuple(key for key, value in settings.items() if any(far_paths(value, folder)))
    try:
        found = as_concrete(settings)
        if not elsewhere:
            return found
    except InvalidInput:
        pass
    return recorded(settings, elsewhere)


def recorded(settings: JsonObject, elsewhere: tuple[str, ...] = ()) -> RecordedMethod:
    """Return the method of settings without the objects that they only name, and without those ``elsewhere``."""
    lost = tuple(key for key, value in settings.items() if key in elsewhere or is_lost(value))
    stand_in = as_concrete({key: value for key, value in settings.items() if key not in lost})
    return RecordedMethod(settings, stand_in, lost)


_OBJECTS = {"labels": "sha256", "picture": "sha256", "custom": "function", "regressor": "regressor"}
"""Settings that may hold a Python object, and what stands for it in a file."""


def is_lost(value: object) -> bool:
    """Say whether a setting is a Python object, of which a result file has only the name."""
    return isinstance(value, dict) and _OBJECTS.get(str(value.get("name"))) in value
