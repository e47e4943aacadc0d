"""Settings found for one photo and model by a cheap pilot, with the reasons.

The method is ensemble LIME, which on photos with masks agreed best with the object and with the model among all that
was measured, so no segmentation has to be chosen. What is left to choose is the unit and the fill: a balanced block of
LIME over a grid of 25 cells is asked with each of three fills; it tells whether the fill removes the class, and whether
the fills agree.

Source: what the fill does to an explanation: Sturmfels, Lundberg and Lee (2020), doi:10.23915/distill.00022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy._types import Floats, Scores
from seewhy.fills import Blur, Color, ImageMean
from seewhy.geometry import View
from seewhy.images import Image
from seewhy.methods.ensemble_lime import EnsembleLime
from seewhy.methods.lime import Lime
from seewhy.protocols import Model
from seewhy.run import Asker, Subject
from seewhy.samples import Answers, recognize_kind, resolve_unit
from seewhy.segmentation import Grid
from seewhy.settings import setting
from seewhy.stopping import Amount
from seewhy.targets import Target

_FILLS = {"blur": Blur(), "image-mean": ImageMean(), "black": Color(value=(0, 0, 0))}
"""In order of preference: the first that does its work is taken."""
_GRID = 5
_FEW, _COARSE = 300, (15, 30)
"""Samples up to which fewer and larger regions found objects better."""
_LEAVES = 0.5
"""A bare fill that keeps this share of the class's score does not remove it."""
_AGREE = 0.5
"""Correlation of two fills' maps below which the explanation depends on the fill."""


class Auto(Amount):
    """Settings found for the photo and the model by a pilot of about 170 pictures."""

    source: ClassVar[str] = "this project; what it chooses from: see ensemble-lime"
    fits: ClassVar[frozenset[str]] = frozenset()
    becomes: ClassVar[str] = "ensemble-lime"
    """The method that is chosen."""

    name: Literal["auto"] = "auto"
    tolerance: Annotated[
        float, setting("estimated relative error at which a run stops by itself", ge=0.001, le=1, search=(0.1, 0.4))
    ] = 0.30
    max_evaluations: Annotated[
        int, setting("most pictures sent to the model by a run that stops by itself", ge=16, le=10_000_000)
    ] = 600  # more hardly helped: see the table of quality in docs/benchmarks.md

    @property
    def usual(self) -> EnsembleLime:
        """The method as it is before anything is known of the photo."""
        few = (self.n_samples or self.max_evaluations) <= _FEW
        return EnsembleLime(**self.model_dump(exclude={"name"}), **({"n_segments": _COARSE} if few else {}))

    def choose(
        self, image: Image, view: View, model: Model, seed: int, target: int, whole: Scores
    ) -> tuple[EnsembleLime, tuple[str, ...]]:
        """Return the settings for one class of one photo, and the reasons.

        ``whole``: what the model answered to the whole picture, (1, K).
        """
        tried = _tried(image, view, model, seed, target, whole)
        name, why = _fill(tried)
        method = self.usual.replace(fill=_FILLS[name])
        asked = sum(one.asked for one in tried.values())
        unit = resolve_unit(model.kind or "probability", "auto", log_odds=True)
        low, high = method.n_segments
        reasons = [
            f"auto: fill {name}, {why}",
            f"auto: many segmentations, of {low} to {high} regions"
            + (f", for {_FEW} samples or fewer" if method.n_segments == _COARSE else ""),
            f"auto: unit {unit}; through half of the photo the class keeps {_percent(tried[name].kept)} of its score",
            f"auto: chosen by a pilot of {asked} pictures, beside those of the samples",
        ]
        return method, (*reasons, *_doubts(tried, name))


@dataclass(frozen=True, eq=False)
class _Tried:
    """What one block says about a fill."""

    asked: int
    left: float
    """Score of the bare fill, as a share of the whole picture's."""
    kept: float
    """Mean score through half of the photo, as a share of the whole picture's."""
    values: Floats
    """(cells,): what each cell adds, in log-odds where the model allows them."""

    @property
    def removes(self) -> bool:
        """Whether the class is gone where the fill is."""
        return self.left < _LEAVES


def _tried(image: Image, view: View, model: Model, seed: int, target: int, whole: Scores) -> dict[str, _Tried]:
    found = {}
    for name, fill in _FILLS.items():
        method = Lime(segmentation=Grid(rows=_GRID, columns=_GRID), fill=fill)
        subject = Subject.of(image, view, method, seed)
        asker = Asker(model, subject)
        block = next(method.rows(subject.masks, seed))
        bare = np.zeros((1, *subject.scene.pixels.shape[:2]), np.float32)
        scores = asker.score(np.concatenate([bare, subject.masks(block)]))
        kind = model.kind or recognize_kind(whole)
        untouched, rows = (Answers.of(one, kind, (target,)) for one in (whole, scores))
        plain = Target.of(target, untouched, None, resolve_unit(kind, "auto"))
        odds = Target.of(target, untouched, None, resolve_unit(kind, "auto", log_odds=True))
        level = plain.score if plain.score != 0 else 1.0
        shares = plain.scores(rows) / level
        signs = np.where(block.coalitions, 2.0, -2.0)  # columns are balanced and orthogonal
        values = signs.T @ odds.scores(rows)[1:] / len(signs)
        found[name] = _Tried(len(scores), float(shares[0]), float(shares[1:].mean()), values)
    return found


def _fill(tried: dict[str, _Tried]) -> tuple[str, str]:
    """Return the first fill that removes the class, and why."""
    fits = [name for name, one in tried.items() if one.removes]
    first = next(iter(tried))
    if not fits:
        return first, f"though no fill removes the class: bare, it keeps {_percent(tried[first].left)} of its score"
    chosen = fits[0]
    if chosen == first:
        return chosen, f"which removes the class: bare, it keeps {_percent(tried[chosen].left)} of its score"
    return chosen, (
        f"which removes the class ({_percent(tried[chosen].left)} of its score is left), as "
        f"{' and '.join(name for name in tried if name not in fits)} does not ({_percent(tried[first].left)})"
    )


def _doubts(tried: dict[str, _Tried], chosen: str) -> Sequence[str]:
    """Say where the choice decides what comes out."""
    found = []
    for name, one in tried.items():
        if name == chosen or not one.removes:
            continue
        both = np.ptp(one.values) > 0 and np.ptp(tried[chosen].values) > 0
        alike = float(np.corrcoef(one.values, tried[chosen].values)[0, 1]) if both else 0.0
        if alike < _AGREE:
            found.append(
                f"auto: the explanation depends on the fill: over {chosen} and over {name}, the pilot's maps have a "
                f"correlation of {alike:.2f}; look at both"
            )
    if tried[chosen].kept > 1:
        found.append("auto: the class scores higher through half of the photo than on the whole: another one competes")
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
