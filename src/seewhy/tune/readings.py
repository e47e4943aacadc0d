"""The settings that cost no model call: every combination of them is looked at for each explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeAlias

from seewhy.core.errors import InvalidInput
from seewhy.core.settings import Settings, plain
from seewhy.core.text import shown
from seewhy.core.types import JsonObject
from seewhy.explanation.figures import COLOR_NAMES
from seewhy.images.fills import Color
from seewhy.render.display import Display
from seewhy.tune.space import Tuned, tuned_methods

Free: TypeAlias = Mapping[str, Sequence[Any]]
"""Values by the name of a setting that is read after the model has answered."""

SHOWN: frozenset[str] = frozenset(Display.model_fields)
"""Settings of what is shown."""
_NEVER_JUDGED = frozenset({"hide_rest"})
"""Settings that change the picture and no metric."""

_ALWAYS_SAID = {"lasso": ("alpha",)}
"""Numbers without which a name says little: a lasso of another alpha has other segments."""

_USUAL: dict[str, dict[str, tuple[Any, ...]]] = {
    "lime": {
        "kernel": ("cosine", "none", "inverse-l2", "shapley"),
        "surrogate": ("least-squares", "ridge", "lasso"),
        "num_features": (None, 10),
        "regions": (5, 1, 2, 3, 8, 12),
        "sign": ("auto", "positive"),
    },
    "rise": {"estimator": ("controlled", "centered", "ratio"), "share": (None, 0.05, 0.1, 0.3, 0.4)},
    "ensemble-lime": {"weighting": ("root-area", "value", "density"), "share": (None, 0.05, 0.1, 0.2, 0.3, 0.4)},
}
"""What is looked at where nothing is said."""
_OF: dict[str, dict[str, tuple[Any, ...]]] = {
    "segments": {"regions": (5, 1, 2, 3, 8, 12), "sign": ("auto", "positive")},
    "map": {"share": (None, 0.05, 0.1, 0.2, 0.3, 0.4)},
}
"""The same for methods that are not listed, by what they give."""
_FEW: dict[str, dict[str, tuple[Any, ...]]] = {
    "lime": {"kernel": ("cosine", "none")},
    "rise": {},
    "ensemble-lime": {"weighting": ("root-area", "density")},
}
"""The same where each map costs model calls of its own."""


@dataclass(frozen=True)
class FitReading:
    """One way to read samples and to show the result."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the method, for :meth:`Explanation.refit`."""
    display: Display = field(default_factory=Display)
    said: Mapping[str, Any] = field(default_factory=dict)
    """The value of each setting that varies, as it was given."""

    def applied(self, method: Tuned) -> Tuned:
        """Return the settings of the method with these."""
        return method.replace(**self.changes)


@dataclass(frozen=True)
class Readings:
    """All ways to read samples of one method; the first is the one that the tuning starts from."""

    ways: tuple[FitReading, ...]
    not_judged: Mapping[str, tuple[Any, ...]]
    """Settings that cannot change the metric, with their values: each stays at its first."""
    impossible: tuple[str, ...]
    """Why combinations were left out, one line each."""

    @property
    def settings(self) -> int:
        """How many settings there are, those included that differ only in what is not judged."""
        count = len(self.ways)
        for values in self.not_judged.values():
            count *= len(values)
        return count

    @classmethod
    def of(cls, start: Tuned, display: Display, free: Free, *, region: bool, costly: bool, n: int) -> Readings:
        """Return the readings for the method of ``start``.

        Parameters
        ----------
        start
            Settings whose own reading comes first, and fills what ``free`` does not name.
        free
            Values in place of the usual ones; those of other methods' settings are passed over.
        region
            Whether the metric reads the region that is shown, or the map alone.
        costly
            Whether each map costs many model calls.
        n
            Samples of an explanation.

        Raises
        ------
        InvalidInput
            A value is possible in no combination.
        """
        usual = dict(_FEW.get(start.name, {}) if costly else _USUAL.get(start.name, _OF[start.gives])) | {
            "n_samples": (n, max(2, n // 4 * 2))
        }
        if not region:
            usual = {name: values for name, values in usual.items() if name not in SHOWN}
        own = {name: values for name, values in free.items() if name in (start.free | SHOWN) - {_idle(start)}}
        everything = sorted((usual | own).items(), key=lambda item: item[0] in SHOWN)  # what is shown varies fastest
        judged = {name: values for name, values in everything if _is_judged(name, region)}
        not_judged = {name: tuple(values) for name, values in own.items() if not _is_judged(name, region)}
        display = display.replace(**{name: values[0] for name, values in not_judged.items()})
        found = _Ways(start, display, n)
        found.add({name: found.as_is[name] for name in judged})
        for values in product(*judged.values()):
            found.add(dict(zip(judged, values, strict=True)))
        for name in own.keys() & judged.keys():
            found.check(name, own[name])
        return cls(tuple(found.ways.values()), not_judged, tuple(dict.fromkeys(why for _, why in found.refused)))


def check_free(free: Mapping[str, object], methods: Sequence[str]) -> None:
    """Refuse what is no list of values, or belongs to none of the methods."""
    known = sorted(set().union(*(tuned_methods()[name]().free for name in methods)) | SHOWN)
    for name, values in free.items():
        if name not in known:
            raise InvalidInput.of("free", f"name settings that cost no model call, {', '.join(known)}", name)
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise InvalidInput.of(f"free.{name}", "be a list of values", values)
        if name in SHOWN:
            for value in values:
                _ = Display(**{name: value})


def most_samples(free: Free, usual: int) -> int:
    """Return the samples that every reading can be had from."""
    wanted = free.get("n_samples", ())
    for value in wanted:
        if isinstance(value, bool) or not isinstance(value, int) or value < 2:
            raise InvalidInput.of("free.n_samples", "be whole numbers of at least 2", value)
    return max(wanted, default=usual)


def without_effect(method: Tuned, *, region: bool) -> frozenset[str]:
    """Return what is shown that cannot change the score of a method's explanation."""
    return frozenset(name for name in SHOWN if name == _idle(method) or not _is_judged(name, region))


def _idle(method: Tuned) -> str:
    """Return the setting of what is shown that a method does not heed: segments are counted, pixels are shared out."""
    return "share" if method.gives == "segments" else "regions"


def _is_judged(name: str, region: bool) -> bool:
    return name not in _NEVER_JUDGED and (region or name not in SHOWN)


class _Ways:
    """Combinations, each kept once, and why others are refused."""

    def __init__(self, start: Tuned, display: Display, n: int) -> None:
        fits = {name: getattr(start, name) for name in sorted(start.fits | {"unit"})}
        self._start, self._display = start, display
        self.as_is: JsonObject = fits | {"n_samples": n} | dict(display)
        self.ways: dict[str, FitReading] = {}
        self.refused: list[tuple[JsonObject, str]] = []
        self._fitting: set[tuple[str, int]] = set()

    def add(self, said: JsonObject) -> None:
        """Add a combination of values, or note down why it cannot be."""
        wanted = {name: value for name, value in (self.as_is | said).items() if name not in SHOWN}
        try:
            method = self._start.replace(until=None, **wanted)
            display = self._display.replace(**{name: value for name, value in said.items() if name in SHOWN})
        except InvalidInput as error:
            self.refused.append((said, str(error)))
            return
        changes = {name: getattr(method, name) for name in wanted}
        key = repr((sorted((name, plain(value)) for name, value in changes.items()), display.to_dict()))
        words = {name: word(changes.get(name, getattr(display, name, None))) for name in said}
        self.ways.setdefault(key, FitReading(changes, display, words))
        self._fitting |= {(name, id(value)) for name, value in said.items()}

    def check(self, name: str, values: Sequence[Any]) -> None:
        """Refuse values of a setting that no combination allows."""
        for value in values:
            if (name, id(value)) not in self._fitting:
                why = next(why for said, why in self.refused if said[name] is value)
                raise InvalidInput(
                    f"free.{name} has an impossible value, {shown(value)}: {why}",
                    setting=f"free.{name}",
                    rule="hold possible values",
                    value=value,
                )


def word(value: Any) -> Any:
    """Return a value for people: settings by their name, with the numbers that are not the usual ones."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Color):
        return COLOR_NAMES.get(value.value, value.value)
    if not isinstance(value, Settings):
        return value
    name, numbers = value.to_dict()["name"], []
    for field_name, one in type(value).model_fields.items():
        own = getattr(value, field_name)
        if field_name != "name" and (own != one.get_default() or field_name in _ALWAYS_SAID.get(name, ())):
            numbers.append(f"{field_name}={word(own)}")
    return f"{name}({', '.join(numbers)})" if numbers else name
