"""Settings found for one photo and model by a cheap pilot, with the reasons.

The method is ensemble LIME, which on photos with masks agreed best with the object and with the model among all that
was measured, so no segmentation has to be chosen. What is left to choose is the unit and the fill: each of three fills
is asked bare, which tells whether it removes the class. Over the first that does, and over the last, a balanced block
of LIME on a grid of 6 cells is asked, which tells whether the two agree.

Source: what the fill does to an explanation: Sturmfels, Lundberg and Lee (2020), doi:10.23915/distill.00022.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np

from seewhy.core.errors import Cancelled, InvalidInput, ModelError
from seewhy.core.settings import setting
from seewhy.core.types import Coalitions, Floats, ScoreKind
from seewhy.engine.loop import Cancel, Clock
from seewhy.engine.protocols import Model
from seewhy.engine.run import Asker, Subject
from seewhy.engine.stopping import Amount
from seewhy.estimation.targets import Target
from seewhy.images import Image
from seewhy.images.fills import AnyFill, Blur, Color, ImageMean, hides
from seewhy.images.geometry import View
from seewhy.images.segmentation import Grid
from seewhy.methods.ensemble_lime import EnsembleLime
from seewhy.methods.lime import Lime
from seewhy.sampling.blocks import Block
from seewhy.sampling.samples import Answers

_FILLS: dict[str, AnyFill] = {"blur": Blur(), "image-mean": ImageMean(), "black": Color(value=(0, 0, 0))}
"""In order of preference: the first that does its work is taken."""
_GRID = (2, 3)
_PILOT = 35
"""Pictures of the pilot, at most: every fill alone, and a block of 16 for each of two."""
_FEW, _COARSE = 300, (15, 30)
"""Samples up to which fewer and larger regions found objects better."""
_SOME, _MIDDLING = 600, (15, 40)
"""The same for somewhat more of them."""
_HARDLY, _COARSEST = 120, (8, 12)
"""Samples that do not make two blocks of such regions, and regions of which they do."""
_BLOCK, _TIME = 16, 0.5
"""Pictures that a look at a grid takes, and the share of the time left that they may take."""
_LEAVES = 0.5
"""A fill that alone keeps this share of the class's score does not remove it."""
_AGREE = 0.5
"""Correlation of two fills' maps below which the explanation depends on the fill."""


class Auto(Amount):
    """Chooses settings for the photo and the model by a pilot of at most 35 evaluations, then runs ensemble-lime."""

    source: ClassVar[str] = "this project; what it chooses from: see ensemble-lime"
    fits: ClassVar[frozenset[str]] = frozenset()
    becomes: ClassVar[str] = "ensemble-lime"
    """The method that is chosen."""

    name: Literal["auto"] = "auto"
    tolerance: Annotated[
        float, setting("stop when the estimated relative error reaches this value", ge=0.001, le=1, search=(0.1, 0.4))
    ] = 0.30
    max_evaluations: Annotated[
        int,
        setting(
            ("maximum number of model evaluations when the stopping rule is automatic (includes the pilot)"),
            ge=16,
            le=10_000_000,
        ),
    ] = 3000
    estimate_from: Annotated[
        int | None,
        setting(
            "minimum number of samples before the estimated error can end the run; none: use the strict stopping rule",
            ge=16,
            le=10_000_000,
        ),
    ] = 480  # fewer calls find worse regions, more hardly better ones: see docs/methods/ensemble-lime.md

    @property
    def usual(self) -> EnsembleLime:
        """The method before settings are chosen for the photo."""
        most = self._beside_the_pilot
        samples = self.n_samples or min(most, self.estimate_from or most)
        fewer = _COARSE if samples <= _FEW else _MIDDLING if samples <= _SOME else None
        kept = self.model_dump(exclude={"name", "max_evaluations"})
        return EnsembleLime(**kept, max_evaluations=max(16, most), **({} if fewer is None else {"n_segments": fewer}))

    @property
    def _beside_the_pilot(self) -> int:
        return self.max_evaluations - _PILOT

    def check(self, least: int) -> None:
        """Refuse fewer samples than the first block of a picture has.

        Raises
        ------
        InvalidInput
            Names the setting and the number.
        """
        adaptive = self.n_samples is None
        most, extra = (self.max_evaluations, _PILOT) if adaptive else (self.n_samples or 0, 0)
        if most < least + extra:
            raise InvalidInput.of(
                f"Auto.{('max_evaluations' if adaptive else 'n_samples')}",
                f"be at least {least + extra}, for {'the pilot and ' if adaptive else ''}one block of coalitions",
                most,
            )

    def choose(self, asked: Pilot) -> tuple[EnsembleLime, int, tuple[str, ...]]:
        """Return the settings for one target of one photo, the number of evaluations of the pilot, and the reasons.

        Raises
        ------
        ModelError
            The model fails on all fills.
        Cancelled
            It was cancelled.
        """
        tried, notes, untried = asked.tried()
        name, why = _fill(tried, asked.kind) if tried else _unchecked(untried)
        method = self.usual.replace(fill=_FILLS[name])
        few = {
            _COARSE: f", planned for at most {_FEW} samples",
            _MIDDLING: f", planned for at most {_SOME} samples",
        }.get(method.n_segments, "")
        affordable = asked.affordable
        if affordable is not None and affordable <= _FEW:
            method = method.replace(n_segments=_COARSE if affordable > _HARDLY else _COARSEST)
            few = f", because max_seconds leaves time for at most {affordable} samples"
        low, high = method.n_segments
        half = tried[name].kept if name in tried else None
        kept = (
            ""
            if half is None
            else f"; with half of the photo masked, the class keeps {_percent(half)} of its probability"
        )
        said = f"auto, for {asked.target.label}"
        pictures = sum(one.asked for one in tried.values())
        by = f"by a pilot of {pictures} evaluations, in addition to the samples" if tried else "without a pilot"
        reasons = [
            f"{said}: fill {name}, {why}",
            f"{said}: segmentations of {low} to {high} regions{few}",
            f"{said}: unit {asked.target.unit}{kept}",
            f"{said}: chosen {by}",
        ]
        doubts = _doubts(tried, name) if tried else ()
        return method, pictures, (*reasons, *(f"{said}: {text}" for text in (*notes, *doubts)))


@dataclass(frozen=True, eq=False)
class _Tried:
    """What one block says about a fill."""

    asked: int
    left: float
    """Probability of the class over the fill alone, as a share of the unmasked image's."""
    kept: float | None = None
    """Its mean with half of the photo masked, as a share of the unmasked image's; None: not looked at."""
    values: Floats | None = None
    """(cells,): what each cell adds to the target's score; None: not looked at."""
    cells: tuple[Coalitions, Answers] | None = None
    """What was asked of the cells, and the answers; None: not looked at."""

    @property
    def removes(self) -> bool:
        """Whether the class is gone where the fill is."""
        return self.left < _LEAVES


@dataclass(frozen=True, eq=False)
class Cells:
    """What the pilot asked of the cells of its grid, over the fill that is taken: a first, coarse answer."""

    subject: Subject
    rows: Coalitions
    answers: Answers
    beside: int
    """Pictures asked before, beside the untouched one."""


@dataclass(frozen=True, eq=False)
class Pilot:
    """What the pilot asks, and whom."""

    image: Image
    view: View
    model: Model
    seed: int
    target: Target
    """What is judged by; for a contrast, its first class where a probability is needed."""
    whole: Answers
    """What the model answered to the unmasked image."""
    classes: int
    """Outputs of the model."""
    batch_size: int | None = None
    cancel: Cancel | None = None
    clock: Clock = field(default_factory=Clock)
    first_map: Callable[[Cells], object] | None = None
    """Is given the cells over the first fill that is looked at closer."""

    @property
    def kind(self) -> ScoreKind:
        """What the scores are."""
        return self.whole.kind

    @property
    def affordable(self) -> int | None:
        """Samples for which there is time; None: any number."""
        clock = self.clock
        return None if clock.deadline is None else int(min(clock.left / max(clock.picture or 0.0, 1e-9), 10**9))

    def tried(self) -> tuple[dict[str, _Tried], list[str], list[str]]:
        """Return what each fill does, what is to be said of others, and those for which there was no time."""
        outcomes: dict[str, _Tried] = {}
        notes: list[str] = []
        late: list[str] = []
        failed: ModelError | None = None
        subjects = {name: self._subject(fill) for name, fill in _FILLS.items()}
        for name, subject in subjects.items():
            if not hides(subject.scene.pixels, subject.scene.fill):
                notes.append(f"fill {name} was not used, because it does not change this photo")
            elif not self.clock.allows(_BLOCK, _TIME):
                late.append(name)
            else:
                failed = self._try(name, outcomes, notes, partial(self._bare, subject)) or failed
        failed = self._looked_closer(subjects, outcomes, notes) or failed
        if failed is not None and not outcomes and not late:
            raise failed
        if late:
            notes.append(f"fills not tested, because max_seconds leaves no time: {', '.join(late)}")
        return outcomes, notes, late

    def _looked_closer(
        self, subjects: dict[str, Subject], found: dict[str, _Tried], notes: list[str]
    ) -> ModelError | None:
        """Ask the grid over the fill that will be taken and over the one least like it, as far as there is time.

        That is the last: black is further from blur than the mean color is. A fill on which the model fails leaves its
        place to another; where none removes the class, one is enough.
        """
        failed: ModelError | None = None
        fits = [name for name, one in found.items() if self.kind == "score" or one.removes] or list(found)[:1]
        looked = 0
        for name in (*fits[:1], *fits[:0:-1]):
            if looked < 2 and self.clock.allows(_BLOCK, _TIME):
                ask = partial(self._grid, subjects[name], found[name])
                failed = self._try(name, found, notes, ask) or failed
                looked += name in found
                cells = found[name].cells if looked == 1 and name in found else None
                if cells is not None and self.first_map is not None:
                    self.first_map(Cells(subjects[name], *cells, beside=len(found)))
        return failed

    @staticmethod
    def _try(name: str, found: dict[str, _Tried], notes: list[str], ask: Callable[[], _Tried]) -> ModelError | None:
        """Keep what is found of a fill, or say that the model fails over it."""
        try:
            found[name] = ask()
        except ModelError as error:
            notes.append(f"fill {name} was not used, because the model fails on it: {error}")
            found.pop(name, None)
            return error
        return None

    def _subject(self, fill: AnyFill) -> Subject:
        height, width = self.view.apply(self.image).shape[:2]
        grid = Grid(rows=min(_GRID[0], height), columns=min(_GRID[1], width))
        return Subject.of(self.image, self.view, Lime(segmentation=grid, fill=fill), self.seed)

    def _bare(self, subject: Subject) -> _Tried:
        """Evaluate the fully masked image."""
        left = self._shares(self._asked(subject, np.zeros((1, subject.masks.d), dtype=bool)))
        return _Tried(1, 0.0 if left is None else float(left[0]))

    def _grid(self, subject: Subject, bare: _Tried) -> _Tried:
        """Ask a block over the cells of a grid as well."""
        rows = next(subject.method.rows(subject.masks, self.seed)).coalitions
        answers = self._asked(subject, rows)
        kept = self._shares(answers)
        signs = np.where(rows, 2.0, -2.0)  # columns are balanced and orthogonal
        values = signs.T @ self.target.scores(answers) / len(signs)
        level = None if kept is None else float(kept.mean())
        return _Tried(bare.asked + len(rows), bare.left, level, values, (rows, answers))

    def _asked(self, subject: Subject, rows: Coalitions) -> Answers:
        asker = Asker(self.model, subject, self.batch_size, self.clock)
        asker = asker.exact or asker
        scored = list(asker(iter([Block(rows)]), self.classes, 0, lambda: self.cancel is not None and self.cancel()))
        scores = np.concatenate([np.empty((0, self.classes), np.float32), *(scores for _, scores in scored)])
        if len(scores) < len(rows):
            raise Cancelled(
                "cancelled during the pilot of auto, before there was anything to explain",
                setting="method",
                rule="finish its pilot",
                value="auto",
            )
        return Answers.of(scores, self.kind, self.whole.classes)

    def _shares(self, answers: Answers) -> Floats | None:
        """Return (n,) the class's probability as a share of the unmasked image's; None for raw scores."""
        if self.kind == "score":
            return None
        level = float(self.whole.target(self.target.index, "probability")[0])
        return np.asarray(answers.target(self.target.index, "probability") / max(level, 1e-12))


def _unchecked(untried: list[str]) -> tuple[str, str]:
    """Return the fill to take where none was tried, and why."""
    if not untried:
        return next(iter(_FILLS)), "although none of the pilot's fills changes this photo"
    return untried[0], "without a test"


def _fill(tried: dict[str, _Tried], kind: ScoreKind) -> tuple[str, str]:
    """Return the first fill that removes the class, and why."""
    first = next(iter(tried))
    if kind == "score":
        return first, "because raw scores cannot show whether a fill removes the class"
    fits = [name for name, one in tried.items() if one.removes]
    if not fits:
        left = _percent(tried[first].left)
        return first, f"although no fill removes the class: a fully masked photo keeps {left} of its probability"
    chosen = fits[0]
    why = f"which removes the class: a fully masked photo keeps {_percent(tried[chosen].left)} of its probability"
    before = [f"{name} keeps {_percent(tried[name].left)}" for name in tried if name not in fits]
    return chosen, why if chosen == first else f"{why}; {' and '.join(before)}"


def _doubts(tried: dict[str, _Tried], chosen: str) -> Iterator[str]:
    """Say where the choice decides what comes out."""
    ours, kept = tried[chosen].values, tried[chosen].kept
    for name, one in tried.items():
        if name == chosen or ours is None or one.values is None or np.ptp(one.values) == 0 or np.ptp(ours) == 0:
            continue
        alike = float(np.corrcoef(one.values, ours)[0, 1])
        if alike < _AGREE:
            yield (
                f"the explanation depends on the fill: the pilot's maps with {chosen} and with {name} have a "
                f"correlation of {alike:.2f}; compare explanations with both fills"
            )
    if kept is not None and kept > 1:
        yield "the class is more probable with half of the photo masked than on the whole photo: another class competes"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"
