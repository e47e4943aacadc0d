"""OpenVINO on the CPU: imported without its telemetry, several requests in flight, answers in order.

Whatever the sizes of the batches handed in, the network always sees the same number of pictures at once, so
the answer to a picture has the same bits in every batch.
"""

from __future__ import annotations

import importlib
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seewhy.core import forks
from seewhy.core.errors import InvalidInput
from seewhy.core.types import Batch, Scores

TOGETHER = 2
"""Pictures the network sees at once. In one interleaved measurement on two cores, 1, 2, 4 and 8 together gave
335, 352, 328 and 293 pictures a second (medians); a second measurement put 2 before 1 by 4 % again."""

_TELEMETRY = "openvino_telemetry"
_importing = forks.Lock()


def import_openvino() -> Any:
    """Return the module ``openvino``, with what converts other networks to it."""
    found = import_quietly("openvino")
    import_quietly("openvino.tools.ovc.convert_impl")  # it looks for its telemetry by itself
    return found


def import_quietly(name: str) -> Any:
    """Import and return a module of OpenVINO's family, without letting its import report to Google Analytics.

    On import it writes a client id below ``~/intel`` and sends an event, unless its telemetry package is
    missing; so that package is missing for as long as the import takes.
    """
    with _importing:
        if name in sys.modules:
            return sys.modules[name]
        hidden = {part: sys.modules.pop(part) for part in list(sys.modules) if part.split(".")[0] == _TELEMETRY}
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # the documented way to forbid an import
        try:
            return importlib.import_module(name)
        finally:
            del sys.modules[_TELEMETRY]
            sys.modules.update(hidden)


def processor() -> tuple[str, list[str]]:
    """Return the processor's name, and the kinds of numbers that OpenVINO computes with on it, such as ``BF16``.

    Raises
    ------
    Exception
        OpenVINO cannot be imported or has no CPU device.
    """
    core = import_openvino().Core()
    return core.get_property("CPU", "FULL_DEVICE_NAME"), sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


class Network:
    """A compiled network (n, ...) to (n, K), asked by several threads at will.

    Parameters
    ----------
    model
        An ``openvino.Model`` with one input and one output, both of the static batch size ``n``. An input of 8-bit
        integers gets rounded values.
    precision
        ``f32``; or ``bf16``, which OpenVINO would take by itself where the processor has it. ``int8`` is what the model
        itself holds.
    """

    in_flight = 2
    """Batches held at once: while one is awaited the other keeps the cores busy."""

    def __init__(self, model: Any, precision: str = "f32") -> None:
        openvino = import_openvino()
        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",  # a stream for each core; one stream over all cores is 10 % slower
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        self._tensor = openvino.Tensor
        with forks.working():
            self._compiled = openvino.Core().compile_model(model, "CPU", settings)
        self._settings = settings
        self._generation, self._reviving = forks.generation(), forks.Lock()
        self._idle: list[Any] = []
        self._together, *picture = tuple(self._compiled.input(0).shape)
        self._picture = tuple(picture)
        self._type = np.dtype(self._compiled.input(0).element_type.to_dtype())
        self._classes = int(np.prod(tuple(self._compiled.output(0).shape)[1:], dtype=int))
        self.batch_size = self._together * max(8, int(self._compiled.get_property("NUM_STREAMS")))
        """Pictures a batch at best: each core finds work in one batch while the next is being made."""

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield scores (B, K) for each batch (B, ...), in order.

        A batch must not change before its scores have come. However the iteration ends, no request is left
        reading a batch.

        Raises
        ------
        InvalidInput
            A batch does not hold pictures of the network's shape.
        """
        self._revive()
        held: deque[_Asked] = deque()
        source = iter(batches)
        try:
            while True:
                while len(held) < self.in_flight and (batch := next(source, None)) is not None:
                    held.append(_Asked(len(batch)))  # held before it starts, so that no error can lose it
                    self._start(held[-1], self._checked(batch))
                if not held:
                    return
                scores = self._finish(held[0])
                _flying.pop(id(held[0]), None)
                self._idle += held.popleft().requests
                yield scores
        finally:
            for asked in held:
                asked.wait()
                _flying.pop(id(asked), None)

    def _revive(self) -> None:
        """Make the network anew in a forked process, where the threads that compute it are gone."""
        if self._generation == forks.generation():
            return
        with self._reviving:
            if self._generation != forks.generation():
                self._compiled = compiled_again(self._compiled, self._settings)
                forks.leave(self._idle)
                self._idle = []
                self._generation = forks.generation()

    def _checked(self, batch: Batch) -> Batch:
        if batch.shape[1:] != self._picture:
            raise InvalidInput.of("a batch", f"hold images {self._picture}", batch.shape[1:])
        if self._type.kind in "iu":
            ends = np.iinfo(self._type)
            batch = np.rint(batch).clip(ends.min, ends.max)
        return np.require(batch, self._type, ["C", "W"])

    def _start(self, asked: _Asked, batch: Batch) -> None:
        """Start as many requests as ``batch`` needs, without copying it; a short last one is padded with 0."""
        with forks.working():
            _flying[id(asked)] = asked
            self._started(asked, batch)

    def _started(self, asked: _Asked, batch: Batch) -> None:
        for start in range(0, len(batch), self._together):
            part = batch[start : start + self._together]
            if len(part) < self._together:
                rest = np.zeros((self._together - len(part), *self._picture), self._type)
                part = np.concatenate([part, rest])
            request = self._request()
            asked.requests.append(request)
            asked.parts.append(part)
            request.set_input_tensor(self._tensor(part, shared_memory=True))
            request.start_async()

    def _request(self) -> Any:
        """Return a request that nobody waits for; making one takes as long as a few pictures."""
        try:
            return self._idle.pop()  # two threads cannot pop the same
        except IndexError:
            return self._compiled.create_infer_request()

    def _finish(self, asked: _Asked) -> Scores:
        asked.wait()
        scores = np.empty((asked.size, self._classes), np.float32)
        for start, request in zip(range(0, asked.size, self._together), asked.requests, strict=True):
            rows = scores[start : start + self._together]
            rows[:] = request.get_output_tensor().data.reshape(self._together, -1)[: len(rows)]
        return scores


def compiled_again(compiled: Any, settings: dict[str, str] | None = None) -> Any:
    """Return a copy of a network that was compiled before this process was forked from another one.

    What the other process compiled is read, never asked, and never freed: that would wait for threads that are gone.
    """
    forks.leave(compiled)
    with forks.working():
        return import_openvino().Core().import_model(compiled.export_model(), "CPU", settings or {})


def _land() -> None:
    """Wait for whatever is on its way."""
    for asked in list(_flying.values()):
        asked.wait()


_flying: dict[int, _Asked] = {}
"""Batches on their way, by identity."""
forks.before_forks(_land)


def with_fixed_size(model: Any, picture: tuple[int, ...]) -> Any:
    """Give an ``openvino.Model`` a fixed size: as many pictures at once as is best, or as it demands."""
    batch = model.input(0).get_partial_shape()[0]
    model.reshape([TOGETHER if batch.is_dynamic else batch.get_length(), *picture])
    return model


@dataclass(eq=False)
class _Asked:
    """A batch on its way: its requests, and the memory they read."""

    size: int
    requests: list[Any] = field(default_factory=list)
    parts: list[Batch] = field(default_factory=list)

    def wait(self) -> None:
        for request in self.requests:
            request.wait()
