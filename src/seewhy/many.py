"""Several photos at once: batches are filled across photos, and the model rests as little as possible."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Literal

from seewhy.api import explain, loaded
from seewhy.core.errors import Cancelled, InvalidInput
from seewhy.core.progress import reporting
from seewhy.core.settings import whole_number
from seewhy.core.text import shown
from seewhy.engine.loop import Cancel
from seewhy.engine.protocols import Model
from seewhy.engine.together import Together
from seewhy.explanation.explanation import Explanation
from seewhy.explanation.first_run import Checkpoint

_AT_ONCE = 2
"""Photos in work: more do not make a model faster that two keep busy."""


def explain_many(
    images: Iterable[object],
    *,
    model: object = None,
    at_once: int = _AT_ONCE,
    errors: Literal["raise", "return"] = "raise",
    checkpoint: Callable[[object], Checkpoint] | None = None,
    progress: Callable[[int], None] | bool | None = None,
    cancel: Cancel | None = None,
    **settings: Any,
) -> Iterator[Explanation | Exception]:
    """Explain several photos, some of them at the same time, and yield the explanations in order.

    Each explanation equals that of :func:`explain`, byte for byte with the embedded model.

    Parameters
    ----------
    images
        Photos, each as for :func:`explain`; read as they are needed.
    model
        As for :func:`explain`; one model for all photos, used by one thread.
    at_once
        Number of photos that are explained at the same time.
    errors
        ``"raise"``: stop at the first photo that fails. ``"return"``: yield its exception instead.
    checkpoint
        Function that returns the ``checkpoint`` of a photo, as for :func:`explain`.
    progress
        Called with the number of finished photos; True for a bar on stderr, None or False for nothing.
    cancel
        Called between batches; if it returns True, the run stops and yields partial explanations of the current photos.
    settings
        All other arguments of :func:`explain`: method, targets, seed, ...

    Yields
    ------
    Explanation
        One for each photo. After Ctrl-C or a cancellation, those of current photos are marked as partial; photos
        without enough samples have none.
    """
    if isinstance(images, str | bytes | Path):
        raise InvalidInput(
            f"images must be several photos, got one, {shown(images)}; explain it with seewhy.explain",
            setting="images",
            rule="be several photos",
            value=images,
        )
    found = with_photos(
        images, model=model, at_once=at_once, errors=errors, checkpoint=checkpoint, progress=progress, cancel=cancel,
        **settings,
    )  # fmt: skip
    return (one for _, one in found)


def with_photos(
    images: Iterable[object],
    *,
    model: object = None,
    at_once: int = _AT_ONCE,
    errors: Literal["raise", "return"] = "raise",
    checkpoint: Callable[[object], Checkpoint] | None = None,
    progress: Callable[[int], None] | bool | None = None,
    cancel: Cancel | None = None,
    **settings: Any,
) -> Iterator[tuple[object, Explanation | Exception]]:
    """Explain photos as :func:`explain_many`, and yield each with what was found."""
    if errors not in ("raise", "return"):
        raise InvalidInput.of("errors", "be 'raise' or 'return'", errors)
    whole_number("at_once", at_once, 1)
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise InvalidInput.of("progress", "be a function, True, False or None", progress)
    size = settings.get("batch_size")
    black_box, size = loaded(model, None if size is None else whole_number("batch_size", size, 1))
    work = _Work(black_box, at_once, checkpoint, cancel, settings | {"batch_size": size})
    if progress is not True:
        return _in_order(work, iter(images), errors == "return", progress or None)
    return _with_bar(work, images, errors == "return")


def _with_bar(work: _Work, images: Iterable[object], keep_errors: bool) -> Iterator[tuple[object, Any]]:
    """Yield the same, under a bar on stderr; of a generator it cannot know how many photos there are."""
    total = len(images) if isinstance(images, Sized) else 0
    with reporting(True, "photos", unit="photos") as report:  # noqa: FBT003
        yield from _in_order(work, iter(images), keep_errors, lambda done: report(done, max(total, done)))


@dataclass(frozen=True)
class _Work:
    """How every photo is explained."""

    black_box: Model
    at_once: int
    checkpoint: Callable[[object], Checkpoint] | None
    cancel: Cancel | None
    settings: dict[str, Any]
    stop: Event = field(default_factory=Event)
    """Set by Ctrl-C."""
    cancelled: Event = field(default_factory=Event)
    """Set when ``cancel`` has said True: no more photos are begun."""

    @property
    def over(self) -> bool:
        """Whether no more photos are to be begun."""
        return self.stop.is_set() or self.cancelled.is_set()

    def one(self, photo: object, model: object) -> Explanation:
        """Explain one photo with the shared model."""
        path = None if self.checkpoint is None else self.checkpoint(photo)
        return explain(photo, model=model, checkpoint=path, progress=False, cancel=self._cancelled, **self.settings)

    def _cancelled(self) -> bool:
        if self.stop.is_set():
            raise KeyboardInterrupt  # here it ends this photo's run, with what there is
        if self.cancel is not None and self.cancel():
            self.cancelled.set()
        return self.cancelled.is_set()


def _in_order(
    work: _Work,
    photos: Iterator[object],
    keep_errors: bool,
    progress: Callable[[int], None] | None,
) -> Iterator[tuple[object, Explanation | Exception]]:
    begun: deque[tuple[object, Future[Explanation]]] = deque()
    done = 0
    with (
        Together(work.settings.get("batch_size")) as together,
        ThreadPoolExecutor(work.at_once, thread_name_prefix="seewhy-photo") as workers,
    ):
        model = together.share(work.black_box)
        try:
            while True:
                while len(begun) <= work.at_once and not work.over and (one := next(photos, _NONE)) is not _NONE:
                    begun.append((one, workers.submit(work.one, one, model)))
                if not begun:
                    return
                photo, future = begun.popleft()
                found = _result(future, work, [later for _, later in begun])
                done += 1
                if progress is not None:
                    progress(done)
                if isinstance(found, BaseException) and not (keep_errors and isinstance(found, Exception)):
                    raise found
                if found is not None:
                    yield photo, found
        finally:
            work.stop.set()
            for _, future in begun:
                future.cancel()


_NONE = object()


def _result(future: Future[Explanation], work: _Work, later: Iterable[Future[Explanation]]) -> Any:
    """Return an explanation or its exception, None where nothing can be said; Ctrl-C makes all of them partial."""
    while True:
        try:
            failed = None if future.cancelled() else future.exception()
            if work.cancelled.is_set():
                for other in later:
                    other.cancel()
            nothing = isinstance(failed, KeyboardInterrupt) or (isinstance(failed, Cancelled) and work.over)
            if future.cancelled() or nothing:
                return None
            return failed or future.result()
        except KeyboardInterrupt:
            if work.stop.is_set():
                raise
            work.stop.set()
            for other in later:
                other.cancel()
