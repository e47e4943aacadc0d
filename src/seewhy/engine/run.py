"""One run: rows are queried and answered in rounds, and between rounds the error is looked at.

What a run asks depends on the settings, the seed and the answers, never on batches, threads or where it was stopped
before. Going on with a run is the same run again, with the answers that are known already not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import Cancelled, InvalidInput
from seewhy.core.progress import Progress
from seewhy.core.types import Batch, Masks, Scores, Segments
from seewhy.engine.handing_over import Save, Update, handing_over
from seewhy.engine.loop import Cancel, Clock, Composer, best_batch_size, collect, score_masks, score_untouched
from seewhy.engine.protocols import Method, Model
from seewhy.engine.stopping import Looks, Stop, StopReason
from seewhy.engine.traits import traits_of
from seewhy.estimation.intervals import Spread
from seewhy.estimation.targets import Target
from seewhy.images import Image
from seewhy.images.geometry import View
from seewhy.images.scene import Scene
from seewhy.sampling.blocks import Block, cut, join
from seewhy.sampling.protocols import MaskMaker
from seewhy.sampling.samples import SHARE, Answers, Recorder, Samples, to_be_exact

KEPT = "and seewhy resume continues from there"
"""What the error of a failed run says where its samples were saved."""
_EXACT_LEAST = 16
"""Rows that the exact model is asked for even if the time is over: without any of them its correction is missing."""
_DRAWN = 4096
"""Rows drawn at a time: they take a byte a bit until they are packed."""


@dataclass(frozen=True, eq=False)
class Subject:
    """What is explained and how it is asked; nothing of it changes during a run."""

    image: Image
    view: View
    method: Method
    seed: int
    scene: Scene
    masks: MaskMaker

    @classmethod
    def of(cls, image: Image, view: View, method: Method, seed: int, segments: Segments | None = None) -> Subject:
        """Make the scene and its masks; ``segments``, if given, are taken as they are."""
        scene = method.scene(image, view, seed, segments)
        return cls(image, view, method, seed, scene, method.masks(scene))


@dataclass(eq=False)
class Asker:
    """Sends pictures of one scene to the model; what is not a row of the design to the exact one, if it has one."""

    model: Model
    subject: Subject
    batch_size: int | None = None
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        traits = traits_of(self.model)
        self.batch_size = min((n for n in (self.batch_size, traits.at_most) if n is not None), default=None)
        self._composer = Composer(self.model, self.subject.scene, keep_batches=self.model.in_flight)
        exact = traits.exact
        self.exact = None if exact is None else Asker(exact, self.subject, self.batch_size, self.clock)
        """Asks the original of a model of lower precision."""

    @property
    def batch(self) -> int:
        """Pictures the next batch has."""
        return best_batch_size(self.model, self._composer.picture_bytes, self.batch_size)

    def untouched(self) -> Scores:
        """Return the scores (1, K) of the picture as it is."""
        if self.exact is not None:
            return self.exact.untouched()
        return score_untouched(self.model, self._composer, self.clock)

    def pictures(self, n: int) -> Batch:
        """Return (n, ...) prepared pictures to try a model with: the whole one, then the first rows of the design."""
        subject = self.subject
        rows = _DrawnRows(subject.method.rows(subject.masks, subject.seed)).take(n - 1)
        return np.concatenate([self._composer.untouched(), self._composer(subject.masks(rows))])

    def score(self, masks: Masks) -> Scores:
        """Return the scores (B, K) of the picture seen through any masks (B, H, W)."""
        if self.exact is not None:
            return self.exact.score(masks)
        return score_masks(self.model, self._composer, masks, self.batch, self.clock)

    def __call__(
        self, blocks: Iterator[Block], classes: int, first: int, cancel: Cancel
    ) -> Iterator[tuple[Block, Scores]]:
        """Yield the rows of ``blocks`` with their scores; see :func:`seewhy.engine.loop.collect`."""
        return collect(
            self.model,
            self._composer,
            self.subject.masks,
            blocks,
            batch_size=self.batch_size,
            classes=classes,
            clock=self.clock,
            cancel=cancel,
            first=first,
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run found."""

    samples: Samples
    stop: Stop


class Run:
    """Samples of one subject, from a first look to the stop."""

    def __init__(
        self,
        subject: Subject,
        targets: Sequence[Target],
        untouched: Answers,
        known: Samples | None = None,
        *,
        exact: bool = False,
        started: float | None = None,
    ) -> None:
        method, masks = subject.method, subject.masks
        self.subject, self.targets, self.known = subject, targets, known
        draws = method.draws(masks)
        self.looks = Looks(method.amount, draws, SHARE if exact else 0.0, method.estimates_from)
        self._readable, self._partial = draws.readable(), draws.partial()
        self._untouched = untouched
        self._source = _DrawnRows(method.rows(masks, subject.seed))
        self._recorder = Recorder(masks.d, untouched, exact=exact)
        self._done = 0
        self._started = perf_counter() if started is None else started

    def collect(
        self,
        asker: Asker,
        classes: int,
        report: Progress,
        cancel: Cancel | None,
        save: Save | None = None,
        update: Update | None = None,
    ) -> Outcome:
        """Ask until an aim or a limit is reached, or somebody stops it.

        ``save`` gets what there is every 20 seconds, ``update`` is offered it as soon as it can be read.

        Where the asker's model is one of lower precision, its original is asked for a share of the rows as well. Where
        a model fails, what it has answered is saved before its error passes through.

        Raises
        ------
        Cancelled
            It was cancelled before there were samples that can be read. Ctrl-C so early passes through.
        """
        wanted = self.looks.first()
        saving = handing_over(report, self._readable, lambda n: self._recorder.samples().head(n), save, update)
        while True:
            n = self._ask(wanted)
            try:
                why = self._answer(asker, classes, saving, cancel)
                if asker.exact is not None and why not in {"interrupted", "cancelled"}:
                    why = self._answer_exactly(asker.exact, classes, report, cancel) or why
            except Exception as error:
                self._save_before(error, save)
                raise
            samples = self._recorder.samples().head(self._done)
            if why is not None and self._done < (self._partial if why == "max-seconds" else self._readable):
                text = f"cancelled after {self._done} of {n} samples; too few for an explanation"
                raise Cancelled(text, setting="n_samples", rule="be at least 2", value=self._done)
            step = why or ("design" if n < wanted else self._next(n, samples))
            if isinstance(step, str):
                return Outcome(samples, Stop(step, self.looks.count))
            wanted = step

    def _next(self, n: int, samples: Samples) -> int | StopReason:
        """Return how many samples are wanted next, or why the run ends; Ctrl-C keeps what there is."""
        try:
            return self.looks.next(n, self._spreads(samples))
        except KeyboardInterrupt:
            if self._done < self._readable:
                raise
            return "interrupted"

    def _save_before(self, error: Exception, save: Save | None) -> None:
        """Save what there is, and let the error say where."""
        if save is None or self._done < self._readable:
            return
        with suppress(Exception):  # whatever keeps it from being saved must not hide the error itself
            path = save(self._recorder.samples().head(self._done))
            if path is not None:
                error.add_note(f"the first {self._done} samples are in {path}, {KEPT}")

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return perf_counter() - self._started

    def _spreads(self, samples: Samples) -> Iterator[Spread | None]:
        """Yield how sure each target is; costs nothing until it is asked for."""
        for target in self.targets:
            yield self.subject.method.spread(samples, self.subject.scene, target.read(samples))

    def _ask(self, n: int) -> int:
        """Draw rows until there are ``n``, or the design ends; return how many there are."""
        while len(self._recorder) < n:
            more = self._source.take(min(n - len(self._recorder), _DRAWN))
            if not len(more.coalitions):
                break
            self._recorder.ask(more)
        return len(self._recorder)

    def _answer(self, asker: Asker, classes: int, report: Progress, cancel: Cancel | None) -> StopReason | None:
        """Answer all rows, asking the model for those that nobody asked before; return what stopped it, if anything."""
        samples = self._recorder.samples()
        self._take_known(samples)
        first, whole = first_equal(samples), samples.whole
        open_rows = np.flatnonzero((first == np.arange(len(samples))) & ~whole)
        open_rows = open_rows[open_rows >= self._done]
        total = max(len(samples), self.looks.forecast or 0)
        reason = _Reasons(cancel, self.subject.method.amount.max_seconds, self._started, self._partial)
        sent = 0
        report(self._done, total)
        try:
            start = int(open_rows[0]) if len(open_rows) else self._done
            scored = asker(_pieces(samples, open_rows), classes, start, lambda: reason.ask(self._done))
            with closing(scored):  # type: ignore[type-var]  # whatever ends the loop, no thread goes on composing
                for block, scores in scored:
                    places = open_rows[sent : sent + len(block.coalitions)]
                    samples.answers.put(places, Answers.of(scores, samples.kind, samples.classes))
                    sent += len(places)
                    self._settle(samples, first, whole, open_rows[sent:])
                    report(self._done, total)
        except KeyboardInterrupt:
            self._settle(samples, first, whole, open_rows[sent:])
            if self._done < self._readable:
                raise
            return "interrupted"
        self._settle(samples, first, whole, open_rows[sent:])
        return reason.why if self._done < len(samples) else None

    def _take_known(self, samples: Samples) -> None:
        """Take over answers of the run that this one goes on with."""
        if self.known is None:
            return
        n = min(len(self.known), len(samples))
        if not np.array_equal(self.known.asked()[:n], samples.asked()[:n]):
            text, rule = "the existing samples were not drawn with these settings and this seed", "belong to this run"
            raise InvalidInput(text, setting="samples", rule=rule)
        known = self.known.answers.take(slice(0, n))
        samples.answers.put(slice(0, n), known)
        if samples.answers.exact is not None and known.exact is not None:
            places = np.flatnonzero(known.exact.known)  # what was found since must stay
            samples.answers.exact.put(places, known.exact.take(places))
        self._done = max(self._done, n)

    def _answer_exactly(self, asker: Asker, classes: int, report: Progress, cancel: Cancel | None) -> StopReason | None:
        """Ask the exact model for its share of the answered rows, in order; return what stopped it, if anything."""
        samples = self._recorder.samples().head(self._done)  # a view: what is written here stands in all of them
        exact = samples.answers.exact
        if exact is None:
            return None
        share = np.flatnonzero(to_be_exact(self._done))
        whole = samples.rows(share).whole
        first = share[first_equal(samples.rows(share))]
        rows, sent = share[~whole & (first == share) & ~exact.take(share).known], 0
        known, total = int(np.count_nonzero(exact.known)), max(len(samples), self.looks.forecast or 0)
        reason = _Reasons(cancel, self.subject.method.amount.max_seconds, self._started, _EXACT_LEAST)
        why: StopReason | None = None
        scored = asker(_pieces(samples, rows), classes, 0, lambda: reason.ask(known + sent))
        try:
            with closing(scored):  # type: ignore[type-var]
                for block, scores in scored:
                    places = rows[sent : sent + len(block.coalitions)]
                    exact.put(places, Answers.of(scores, samples.kind, samples.classes))
                    sent += len(places)
                    report(self._done, total)
        except KeyboardInterrupt:
            why = "interrupted"
        finally:
            # Up to the first that is still open: a file holds the first rows of the share.
            open_ = share >= (rows[sent] if sent < len(rows) else self._done)
            ours = share[whole & ~open_]
            exact.put(ours, self._untouched.take(np.zeros_like(ours)))
            again = ~whole & ~open_ & (first < share)
            exact.put(share[again], exact.take(first[again]))
        return why or (reason.why if sent < len(rows) else None)

    def _settle(
        self, samples: Samples, first: NDArray[np.intp], whole: NDArray[np.bool_], rest: NDArray[np.intp]
    ) -> None:
        """Answer rows that repeat an earlier one or are the unmasked image, up to the first that is still open."""
        end = int(rest[0]) if len(rest) else len(samples)
        places = np.arange(self._done, end)
        again = places[first[places] < places]
        samples.answers.put(again, samples.answers.take(first[again]))
        untouched = places[whole[places]]
        samples.answers.put(untouched, self._untouched.take(np.zeros_like(untouched)))
        self._done = end


@contextmanager
def saved_if_interrupted(samples: Samples, save: Save) -> Iterator[None]:
    """Save the answers of a run that is over if Ctrl-C comes while they are read."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(Exception):  # it is Ctrl-C that must pass through
            save(samples)
        raise


def evaluations(samples: Samples) -> int:
    """Return how many different pictures samples needed, the untouched one included."""
    exact = samples.answers.exact
    known = None if exact is None else samples.rows(np.flatnonzero(exact.known))
    return 1 + _different(samples) + (0 if known is None else _different(known))


def _different(samples: Samples) -> int:
    """Return how many different pictures rows ask for, beside the untouched one."""
    return int(np.sum((first_equal(samples) == np.arange(len(samples))) & ~samples.whole)) if len(samples) else 0


def first_equal(samples: Samples) -> NDArray[np.intp]:
    """Return (n,): for each row the place of the first one that asks for the same picture."""
    asked = np.ascontiguousarray(samples.asked())
    if samples.parts is not None or samples.shifts is not None:
        # The fully masked image is the same picture whatever divides it, wherever a grid lies.
        asked = np.where(samples.bits.any(axis=1, keepdims=True), asked, 0)
    keys = asked.view(np.dtype((np.void, asked.shape[1]))).ravel()
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(first[group.ravel()], dtype=np.intp)


def _pieces(samples: Samples, rows: NDArray[np.intp], size: int = 4096) -> Iterator[Block]:
    for start in range(0, len(rows), size):
        yield samples.block(rows[start : start + size])


class _DrawnRows:
    """Rows of a design, as many as are wanted at a time."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks = blocks
        self._held = next(blocks)  # a design that cannot be drawn says so before the model is asked

    def take(self, n: int) -> Block:
        """Return the next ``n`` rows, fewer where the design ends."""
        held = [self._held]
        rows = len(self._held.coalitions)
        while rows < n and (block := next(self._blocks, None)) is not None:
            held.append(block)
            rows += len(block.coalitions)
        found = join(held)
        self._held = cut(found, slice(n, None))
        return cut(found, slice(0, n))


@dataclass
class _Reasons:
    """Asked between batches whether to go on."""

    cancel: Cancel | None
    max_seconds: float | None
    started: float
    readable: int
    why: StopReason | None = None

    def ask(self, done: int) -> bool:
        """Return whether to stop, and remember why."""
        if self.cancel is not None and self.cancel():
            self.why = "cancelled"
        elif (
            self.max_seconds is not None and done >= self.readable and perf_counter() - self.started > self.max_seconds
        ):
            self.why = "max-seconds"
        return self.why is not None
