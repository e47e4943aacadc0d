"""The one loop: rows of a design in, scores out, one batch in memory at a time.

The picture and the fill are preprocessed once; every masked image is a mixture of the two. The next batch
is composed in a second thread while the model works on the one before.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import ModelError
from seewhy.core.types import Batch, Masks, Scores
from seewhy.engine.buffers import Buffers
from seewhy.engine.canvas import Canvas, Masked
from seewhy.engine.protocols import Model
from seewhy.engine.traits import traits_of
from seewhy.images.scene import Scene
from seewhy.sampling.blocks import Block, cut, join
from seewhy.sampling.protocols import MaskMaker

Cancel = Callable[[], bool]
"""Asked between batches; True stops the run and keeps what there is."""

_BATCH_BYTES = 32_000_000
_LARGEST_BATCH = 64

_ONE_EACH = "must return one answer for every batch"


@dataclass
class Clock:
    """Seconds the model was at work, or waited for, and how many are left."""

    model: float = 0.0
    deadline: float | None = None
    """When the time limit is reached, as :func:`time.perf_counter` counts; None: it never is."""
    picture: float | None = None
    """Seconds that the last call took for each of its pictures; None: there was none."""

    @classmethod
    def of(cls, limit: float | None, begun: float) -> Clock:
        """Return a clock of a run that may take ``limit`` seconds from ``begun`` on; None: any number."""
        return cls(deadline=None if limit is None else begun + limit)

    def took(self, seconds: float, pictures: int) -> None:
        """Write down a call."""
        self.model += seconds
        if pictures:
            # A model that works on several batches answers some of them at once: the mean tells what it can do.
            now = seconds / pictures
            self.picture = now if self.picture is None else (self.picture + now) / 2

    @property
    def left(self) -> float:
        """Seconds until the deadline, 0 behind it; infinite without one."""
        return math.inf if self.deadline is None else max(self.deadline - perf_counter(), 0.0)

    def allows(self, pictures: float, share: float = 1.0) -> bool:
        """Say whether so many pictures take at most this share of the time that is left."""
        return self.deadline is None or pictures * (self.picture or 0.0) <= share * self.left

    def most(self, ahead: int) -> int | None:
        """Return how many pictures the next batch may have, so that the run ends in time; None: any number.

        ``ahead``: batches that the model holds. While they are at work the next one is made, and then it is sent.
        """
        if self.deadline is None:
            return None
        if self.picture is None:  # nothing is known of its speed yet
            return 1
        return int(np.clip(self.left / max(self.picture, 1e-9) / (2 + ahead), 1, 2**31))


@dataclass
class Composer:
    """Mixes the prepared picture and the prepared fill by masks, in the model's layout."""

    model: Model
    scene: Scene
    keep_batches: int
    """Batches that must stay untouched while the model works on them; 0 hands every batch over for good."""
    _canvas: Canvas | None = None

    def __post_init__(self) -> None:
        # One batch being filled, one waiting, the others with the model.
        self.buffers = Buffers(self.keep_batches + 1 if self.keep_batches else 0)
        self._fill = self.model.prepare(self.scene.fill)
        self._picture = self.model.prepare(self.scene.pixels)
        self._difference = self._picture - self._fill

    @property
    def picture_bytes(self) -> int:
        """Memory of one prepared picture."""
        return self._fill.nbytes

    def untouched(self) -> Batch:
        """Return the prepared picture itself as a batch of one."""
        return self._picture[None].copy()

    def batch(self, masks: MaskMaker, block: Block) -> Batch | Masked:
        """Return the pictures of rows, or the rows themselves for a model that composes."""
        if not traits_of(self.model).composes:
            opposite = masks.opposite(block)
            return self._in_pairs(masks, block, opposite) if opposite.any() else self(masks(block))
        if self._canvas is None or self._canvas.masks is not masks:
            self._canvas = Canvas(self._picture, self._fill, masks)
        return Masked(((self._canvas, block),))

    def __call__(self, masks: Masks) -> Batch:
        """Return ``fill + mask * (picture - fill)`` for masks (B, H, W)."""
        mask = masks[:, None] if self.model.layout == "NCHW" else masks[..., None]
        batch = self.buffers.room((len(masks), *self._fill.shape))
        self._mix(mask, out=batch)
        return batch

    def _in_pairs(self, masks: MaskMaker, block: Block, opposite: NDArray[np.bool_]) -> Batch:
        """Return the pictures of rows; those opposite to the row before are it with picture and fill exchanged.

        To the last bit what mixing gives, in one pass over memory instead of three and a mask.
        """
        mixed = iter(masks(cut(block, np.flatnonzero(~opposite))))
        batch = self.buffers.room((len(opposite), *self._fill.shape))
        bits = batch.view(np.uint32)
        for i, turned in enumerate(opposite):
            if turned:
                np.bitwise_xor(bits[i - 1], self._exchange, out=bits[i])
            else:
                mask = next(mixed)
                self._mix(mask if self.model.layout == "NCHW" else mask[..., None], out=batch[i])
        return batch

    @cached_property
    def _exchange(self) -> NDArray[np.uint32]:
        """The bits in which a pixel of a kept segment differs from one of a replaced segment."""
        kept, replaced = np.empty((2, *self._fill.shape), dtype=np.float32)
        self._mix(np.float32(1), out=kept)
        self._mix(np.float32(0), out=replaced)
        return np.asarray(kept.view(np.uint32) ^ replaced.view(np.uint32))

    def _mix(self, mask: Masks | np.float32, out: Batch) -> None:
        np.multiply(mask, self._difference, out=out)
        out += self._fill


def best_batch_size(model: Model, picture_bytes: int, wanted: int | None) -> int:
    """Return the batch size asked for, else the model's, else what fits into 32 MB, at most 64."""
    return wanted or model.batch_size or int(np.clip(_BATCH_BYTES // picture_bytes, 1, _LARGEST_BATCH))


def _in_time(model: Model, picture_bytes: int, wanted: int | None, clock: Clock) -> int:
    """Return the best batch size, or what the time that is left allows."""
    best, most = best_batch_size(model, picture_bytes, wanted), clock.most(model.in_flight)
    return best if most is None else min(best, most)


def score_untouched(model: Model, composer: Composer, clock: Clock) -> Scores:
    """Return the scores (1, K) of the picture as it is."""
    start = perf_counter()
    scores = next(iter(model.stream([composer.untouched()])), None)
    clock.took(perf_counter() - start, 1)
    if scores is None:
        raise ModelError(
            f"the model {_ONE_EACH}, but returned none for the unmasked image", setting="model", rule=_ONE_EACH
        )
    _check(scores, 1, None, 0)
    return scores


def score_masks(model: Model, composer: Composer, masks: Masks, batch_size: int, clock: Clock) -> Scores:
    """Return the scores (B, K) of the picture seen through a few masks (B, H, W)."""
    start = perf_counter()
    pieces = [masks[i : i + batch_size] for i in range(0, len(masks), batch_size)]
    scores = list(model.stream(composer(piece) for piece in pieces))
    clock.took(perf_counter() - start, len(masks))
    if len(scores) != len(pieces):
        raise ModelError(
            f"the model {_ONE_EACH}, but gave {len(scores)} for {len(pieces)}",
            setting="model",
            rule=_ONE_EACH,
            value=len(scores),
        )
    for piece, answer in zip(pieces, scores, strict=True):
        _check(answer, len(piece), None, 0)
    return np.concatenate(scores)


def collect(
    model: Model,
    composer: Composer,
    masks: MaskMaker,
    blocks: Iterable[Block],
    *,
    batch_size: int | None = None,
    classes: int,
    clock: Clock,
    cancel: Cancel | None = None,
    first: int = 0,
) -> Generator[tuple[Block, Scores], None, None]:
    """Score the rows of ``blocks`` and yield them with their scores (B, K), in order, holding few batches.

    ``batch_size``: pictures a batch; None: what suits the model. ``classes`` is the K of the unmasked image;
    ``first`` the number of the first row, for messages.

    Raises
    ------
    ModelError
        The model answered something other than one finite row a picture. Its own exceptions keep their type
        and gain a note that names the samples.
    """
    done, answered = first, 0
    asked: deque[Block] = deque()

    def compose() -> Iterator[Batch | Masked]:
        for block in _rebatch(blocks, lambda: _in_time(model, composer.picture_bytes, batch_size, clock)):
            batch = composer.batch(masks, block)
            asked.append(block)
            yield batch

    waiting = _Ahead(compose())
    scores = model.stream(waiting)  # type: ignore[arg-type]  # rows come to those that compose
    try:
        while not (cancel is not None and cancel()):
            start, starved = perf_counter(), waiting.seconds
            try:
                answer = next(scores, None)
            except Exception as error:
                error.add_note(f"while scoring samples from {done} on")
                raise
            clock.took(perf_counter() - start - (waiting.seconds - starved), 0 if answer is None else len(answer))
            if answer is None and waiting.exhausted and answered == waiting.taken:
                composer.buffers.release()
                return
            if answer is None or answered == waiting.taken:
                wrong = "none" if answer is None else "one too many"
                raise ModelError(
                    f"the model {_ONE_EACH}, but gave {wrong} for samples from {done} on",
                    setting="model",
                    rule=_ONE_EACH,
                    value=wrong,
                )
            block = asked.popleft()
            _check(answer, len(block.coalitions), classes, done)
            done, answered = done + len(answer), answered + 1
            yield block, answer
    finally:
        close = getattr(scores, "close", None)
        if close is not None:
            close()
        waiting.close()


class _Ahead:
    """Iterates over ``items`` with the next one made in a second thread; counts the seconds waited for it."""

    def __init__(self, items: Iterator[Batch | Masked]) -> None:
        self.seconds, self.taken, self.exhausted = 0.0, 0, False
        self._items = items
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="seewhy-compose")
        self._next = self._thread.submit(next, items, None)

    def __iter__(self) -> Iterator[Batch | Masked]:
        return self

    def __next__(self) -> Batch | Masked:
        start = perf_counter()
        item = self._next.result()
        self.seconds += perf_counter() - start
        if item is None:
            self.exhausted = True
            raise StopIteration
        self.taken += 1
        self._next = self._thread.submit(next, self._items, None)
        return item

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


def _rebatch(blocks: Iterable[Block], best_size: Callable[[], int]) -> Iterator[Block]:
    """Cut and join blocks into batches of ``best_size()`` rows, asked anew for each; the last may be smaller."""
    held: list[Block] = []
    rows = 0
    for block in blocks:
        held.append(block)
        rows += len(block.coalitions)
        while rows >= (size := best_size()):
            joined = join(held)
            yield cut(joined, slice(0, size))
            held, rows = [cut(joined, slice(size, None))], rows - size
    if rows:
        yield join(held)


def _check(scores: Scores, expected: int, classes: int | None, done: int) -> None:
    if scores.ndim != 2 or len(scores) != expected or scores.shape[1] != (classes or scores.shape[1]):
        shape = f"({expected}, {classes or 'K'})"
        raise ModelError.of("model", f"return one row of scores per image, {shape}", scores.shape)
    finite = np.isfinite(scores)
    if not finite.all():
        row, column = (int(x) for x in np.argwhere(~finite)[0])
        value = float(scores[row, column])
        msg = f"the model must return finite scores, got {value} for sample {done + row}, class {column}"
        raise ModelError(msg, setting="model", rule="return finite scores", value=value)
