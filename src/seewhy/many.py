"""Several photos at once: batches are filled across photos, and the model rests as little as possible."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Literal

from seewhy.api import explain
from seewhy.engine import Cancel
from seewhy.errors import InvalidInput
from seewhy.explanation import Explanation
from seewhy.models import load_model
from seewhy.protocols import Model
from seewhy.settings import whole_number
from seewhy.together import Together

_AT_ONCE = 2
"""Photos in work: more do not make a model faster that two keep busy."""


def explain_many(
    images: Iterable[object],
    *,
    model: object = None,
    at_once: int = _AT_ONCE,
    errors: Literal["raise", "return"] = "raise",
    checkpoint: Callable[[object], str | Path] | None = None,
    progress: Callable[[int], None] | None = None,
    cancel: Cancel | None = None,
    **settings: Any,
) -> Iterator[Explanation | Exception]:
    """Explain photos one after the other, several of them in work, and yield the explanations in order.

    Each is the same as :func:`explain` alone would give, to the byte for the embedded model.

    Parameters
    ----------
    images
        Photos, each as for :func:`explain`; read as they are needed.
    model
        As for :func:`explain`; one for all of them. One thread sends it all rows.
    at_once
        Photos in work at a time.
    errors
        ``"raise"``: the first photo that fails ends it. ``"return"``: its exception is yielded in its place.
    checkpoint
        Returns the file to which the run of a photo saves itself.
    progress
        Called with the number of photos that are done.
    cancel
        Asked between batches; True ends it, with partial explanations of the photos in work.
    settings
        Everything else that :func:`explain` takes: method, targets, seed, ...

    Yields
    ------
    Explanation
        Of each photo; partial ones, marked so, after Ctrl-C or if cancelled, and none for photos not begun.
    """
    if errors not in ("raise", "return"):
        raise InvalidInput(f"errors must be 'raise' or 'return', got {errors!r}")
    whole_number("at_once", at_once, 1)
    work = _Work(load_model(model), at_once, checkpoint, cancel, settings)
    return _in_order(work, iter(images), errors == "return", progress)


@dataclass(frozen=True)
class _Work:
    """How every photo is explained."""

    black_box: Model
    at_once: int
    checkpoint: Callable[[object], str | Path] | None
    cancel: Cancel | None
    settings: dict[str, Any]
    stop: Event = field(default_factory=Event)

    def one(self, photo: object, model: object) -> Explanation:
        """Explain one photo with the shared model."""
        path = None if self.checkpoint is None else self.checkpoint(photo)
        return explain(photo, model=model, checkpoint=path, progress=False, cancel=self._cancelled, **self.settings)

    def _cancelled(self) -> bool:
        if self.stop.is_set():
            raise KeyboardInterrupt  # here it ends this photo's run, with what there is
        return self.cancel is not None and self.cancel()


def _in_order(
    work: _Work,
    photos: Iterator[object],
    keep_errors: bool,
    progress: Callable[[int], None] | None,
) -> Iterator[Explanation | Exception]:
    begun: deque[Future[Explanation]] = deque()
    done = 0
    with (
        Together(work.settings.get("batch_size")) as together,
        ThreadPoolExecutor(work.at_once, thread_name_prefix="seewhy-photo") as workers,
    ):
        model = together.share(work.black_box)
        try:
            while True:
                while (
                    len(begun) <= work.at_once and not work.stop.is_set() and (one := next(photos, _NONE)) is not _NONE
                ):
                    begun.append(workers.submit(work.one, one, model))
                if not begun:
                    return
                found = _result(begun.popleft(), work.stop, begun)
                done += 1
                if progress is not None:
                    progress(done)
                if isinstance(found, BaseException) and not (keep_errors and isinstance(found, Exception)):
                    raise found
                if found is not None:
                    yield found
        finally:
            work.stop.set()
            for future in begun:
                future.cancel()


_NONE = object()


def _result(future: Future[Explanation], stop: Event, later: Iterable[Future[Explanation]]) -> Any:
    """Return an explanation or its exception, None for a photo that was not begun; Ctrl-C makes all of them partial."""
    while True:
        try:
            failed = None if future.cancelled() else future.exception()
            if future.cancelled() or isinstance(failed, KeyboardInterrupt):
                return None
            return failed or future.result()
        except KeyboardInterrupt:
            if stop.is_set():
                raise
            stop.set()
            for other in later:
                other.cancel()
