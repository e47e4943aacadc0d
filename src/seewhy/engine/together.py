"""One model for several runs at once: their batches are merged, and one thread asks it.

While one run looks at its error, divides the next photo or writes its files, the others keep the model busy; and a
model that is not made for several threads still sees only one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Self

from seewhy.core import forks
from seewhy.core.errors import ModelError
from seewhy.core.types import Batch, Scores
from seewhy.engine.canvas import Masked, merged
from seewhy.engine.protocols import Model
from seewhy.engine.traits import ModelTraits, traits_of

_BATCH = 16
"""Pictures that are merged into one batch where the model has no preference."""


@dataclass(eq=False)
class _Item:
    """A batch of one run, and where its answer goes."""

    batch: Any
    """An array, or :class:`seewhy.engine.canvas.Masked` for a model that composes."""
    answer: Future[Scores] = field(default_factory=Future)


class Together:
    """Models that several threads may ask; a context that ends with them.

    ``batch_size``: most pictures that are sent at once; None: what suits a model.
    """

    def __init__(self, batch_size: int | None = None) -> None:
        self._lock = Lock()
        self._most = batch_size
        self._shared: dict[int, SharedModel] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._shared.values():
            one.close()

    def share(self, model: Any) -> Any:
        """Return ``model`` to be asked by any thread; the same network is asked by one thread, whoever names it."""
        with self._lock:
            network = traits_of(model).network or model
            first = self._shared.get(id(network))
            if first is None:
                first = self._shared[id(network)] = SharedModel(self, model, _Server(model, self._most))
            return first if first.model is model else SharedModel(self, model, first.server)


class SharedModel:
    """A model whose pictures are sent by a thread of its own, merged with those of other runs."""

    in_flight = 2

    def __init__(self, together: Together, model: Model, server: _Server) -> None:
        self.model = model
        self.server = server
        self._together = together

    def __getattr__(self, name: str) -> Any:
        if name == "model" or name.startswith("__"):  # asked for before there is anything, by copy and pickle
            raise AttributeError(name)
        return getattr(self.model, name)

    @property
    def traits(self) -> ModelTraits:
        """What the model states of itself; its original is shared as well."""
        traits, share = traits_of(self.model), self._together.share
        if (checked := traits.checked) is not None:
            traits = replace(traits, checked=lambda pictures: share(checked(pictures)))
        return traits if traits.exact is None else replace(traits, exact=share(traits.exact))

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield scores for each batch, in order; see :meth:`seewhy.engine.protocols.Model.stream`."""
        if self.server.closed or self.server.generation != forks.generation():  # its thread is not in this process
            yield from self.model.stream(batch.copy() for batch in batches)
            return
        asked: deque[_Item] = deque()
        try:
            for batch in batches:
                asked.append(self.server.ask(batch))
                if len(asked) == self.in_flight:
                    yield asked.popleft().answer.result()
            while asked:
                yield asked.popleft().answer.result()
        finally:
            for item in asked:  # their memory is read until they are answered
                item.answer.exception()

    def close(self) -> None:
        """End its thread; from then on it is asked directly."""
        self.server.close()


class _Server:
    """Asks one model for everybody."""

    def __init__(self, model: Model, most: int | None) -> None:
        self.closed, self.generation = False, forks.generation()
        self._model = model
        self._given = most
        self._copies = not model.in_flight  # such a model may keep what it was given
        self._items: SimpleQueue[_Item | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="seewhy-model", daemon=True)
        self._thread.start()

    def ask(self, batch: Batch) -> _Item:
        """Line up a batch; it must stay unchanged until its scores are there."""
        item = _Item(batch.copy() if self._copies else batch)
        self._items.put(item)
        return item

    def close(self) -> None:
        """Answer what is asked, then end."""
        self.closed = True
        self._items.put(None)
        self._thread.join()

    def _serve(self) -> None:
        try:
            while (item := self._items.get()) is not None:
                if not self._answer_from(item):
                    return
        finally:
            self.closed = True

    def _answer_from(self, first: _Item) -> bool:
        """Answer an item and whatever else comes in meanwhile; return False at the end of all."""
        joined = _Merged(self._items, first, lambda: self._given or self._model.batch_size or _BATCH)
        with suppress(BaseException):  # whose fault it is shows when they are asked one by one
            for scores in self._model.stream(joined):
                _hand_out(joined.held.popleft(), scores)
        for item in joined.left():
            self._answer_alone(item)
        return not joined.ended

    def _answer_alone(self, item: _Item) -> None:
        try:
            found = list(self._model.stream([item.batch]))
            if len(found) != 1:
                raise ModelError.of("model", "return one answer per batch", len(found))  # noqa: TRY301
            item.answer.set_result(found[0])
        except BaseException as error:  # noqa: BLE001  # it belongs to the run that asked
            item.answer.set_exception(error)


class _Merged:
    """Iterates over batches made of the items that wait, until none does."""

    def __init__(self, items: SimpleQueue[_Item | None], first: _Item, most: Callable[[], int]) -> None:
        self.held: deque[list[_Item]] = deque()
        self.ended = False
        self._items = items
        self._next: _Item | None = first
        self._most = most

    def left(self) -> list[_Item]:
        """Return what was taken and not answered."""
        return [item for items in self.held for item in items] + ([] if self._next is None else [self._next])

    def __iter__(self) -> Iterator[Any]:
        while self._next is not None:
            together, self._next = [self._next], None
            size, most = len(together[0].batch), self._most()
            while (item := self._take()) is not None:
                if size + len(item.batch) > most or _kind(item.batch) != _kind(together[0].batch):
                    self._next = item
                    break
                together.append(item)
                size += len(item.batch)
            self.held.append(together)
            yield merged([item.batch for item in together])

    def _take(self) -> _Item | None:
        if self.ended:
            return None
        try:
            item = self._items.get_nowait()
        except Empty:
            return None
        self.ended = item is None
        return item


def _kind(batch: Batch | Masked) -> tuple[object, ...]:
    """Return what batches that stand in one have in common."""
    return type(batch), batch.shape[1:]


def _hand_out(items: list[_Item], scores: Scores) -> None:
    start = 0
    for item in items:
        end = start + len(item.batch)
        item.answer.set_result(scores[start:end])
        start = end
