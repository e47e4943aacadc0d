"""Runs a PyTorch module: on a processor batch by batch, on a GPU without waiting for it more often than needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from seewhy.core import forks
from seewhy.core.errors import ModelError
from seewhy.core.types import Batch, Scores
from seewhy.engine.canvas import Masked
from seewhy.engine.traits import ModelTraits
from seewhy.models.answers import Reader
from seewhy.models.extras import need
from seewhy.models.last_layer import LastLayer, last_of
from seewhy.models.torch.batch_sizes import BatchSizes
from seewhy.models.torch.canvas import TorchComposer
from seewhy.models.torch.watch import Watch

_alone: WeakKeyDictionary[Any, forks.Lock] = WeakKeyDictionary()
"""Of two threads that ask one module, however it was wrapped, one would set its mode under the other's feet."""
_FULL = ("out of memory", "alloc_failed", "unable to find an engine")
"""Words of errors that come where memory is full."""


class TorchRuntime:
    """Runs a module on its own device, in its own number type, in eval mode, without gradients.

    On a GPU rows come as bits and are composed there, in the same stream as the module; the next batch is on its way
    before the last one's scores are waited for. The size of a batch is doubled until pictures per second stall, and
    halved where memory runs out.

    Parameters
    ----------
    module
        Takes (B, C, H, W); gives (B, N), or something that holds it.
    output_name
        The part of its answer that is read; see :class:`seewhy.models.answers.Reader`.
    batch_size
        Pictures a batch; None: no preference on a processor, found while it works on a GPU.
    autocast
        Whether it runs under torch's autocast to bfloat16.
    composes
        Whether it takes rows; None: on a GPU.
    channels_last
        Whether its pictures have channels beside each other in memory, unless the module cannot take them so; None:
        where tensor cores take part.
    watch
        Of another runtime of the same model, which shares it; None: one of its own.
    """

    def __init__(
        self,
        module: Any,
        batch_size: int | None = None,
        *,
        output_name: str | None = None,
        autocast: bool = False,
        composes: bool | None = None,
        channels_last: bool | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._torch = torch = need("torch", "torch")
        self._module = module
        self._read = Reader(output_name)
        self._alone = _alone.setdefault(module, forks.Lock())
        self.watch = Watch(module) if watch is None else watch
        weight = next(weights(module), None)
        self.device = torch.device("cpu") if weight is None else weight.device
        self._type = torch.float32 if weight is None else weight.dtype
        self._generation = forks.generation()
        settle_threads(torch)
        self._autocast = autocast
        self.composes = self.device.type != "cpu" if composes is None else composes
        self._sizes = BatchSizes(batch_size) if self.composes else None
        self._batch_size = batch_size
        if channels_last is None:
            half = autocast or self._type in {torch.bfloat16, torch.float16}
            channels_last = self.device.type == "cuda" and (half or _tf32(torch))
        self._compose = TorchComposer(self.device, channels_last)
        self._tried = not channels_last
        self.halved = 0
        """Times that a batch was halved because memory was full."""

    @property
    def traits(self) -> ModelTraits:
        """Whether it composes, how often memory was full, and what was read of answers without being asked."""
        return ModelTraits(composes=self.composes, halved=self.halved, notes=self._read.notes)

    @property
    def batch_size(self) -> int | None:
        """Pictures the next batch should have; None: no preference."""
        return self._batch_size if self._sizes is None else self._sizes.now

    @property
    def in_flight(self) -> int:
        """Batches in work at once: a GPU is told what comes next before it is asked what came out."""
        return 2 if self.composes else 1

    def last_layer(self, pictures: Batch) -> LastLayer | None:
        """Return what makes the answer, as torch remembers it for gradients; None where it does not, as of scripts."""
        with self.watch.asking(), self._alone, self._torch.enable_grad(), in_eval_mode(self._module):
            sent = self._compose.sent(pictures).to(self._type)
            answer = self._read(self._module(sent.requires_grad_()))
            made = answer.grad_fn
            if made is None or "DifferentiableGraph" in made.name() or made.name().startswith("Compiled"):
                return None
            return last_of(made, lambda one: str(one.name()), _before)

    def stream(self, batches: Iterable[Batch | Masked]) -> Iterator[Scores]:
        """Yield the numbers (B, N), float32, for each batch (B, C, H, W), in order.

        Raises
        ------
        ModelError
            The memory of the GPU does not hold a single picture's run, or the weights are not those that were loaded.
        """
        with self.watch.asking():
            yield from self._streamed(batches)

    def _streamed(self, batches: Iterable[Batch | Masked]) -> Iterator[Scores]:
        asked: deque[list[_Begun]] = deque()
        for batch in batches:
            asked.append(self._ask(batch))
            if len(asked) == self.in_flight:
                yield self._answer(asked.popleft())
        while asked:
            yield self._answer(asked.popleft())

    def _ask(self, batch: Batch | Masked) -> list[_Begun]:
        """Start a batch; in halves, and those in halves, where memory runs out."""
        if self._sizes is not None and len(batch) > self._sizes.most:
            return self._halves(batch)
        failed = ""
        try:
            begun = [self._start(batch)]
        except RuntimeError as error:
            if self._is_too_large(batch, error):
                failed = str(error)
            elif self._tried:
                raise
        else:
            self._tried = True
            return begun
        # Out here, because the traceback of an exception holds all that filled the memory.
        if failed:
            self._make_room(batch, failed)
            return self._halves(batch)
        # Many a module flattens by .view, which wants channels apart.
        self._compose, self._tried = TorchComposer(self.device), True
        return self._ask(batch)

    def _make_room(self, batch: Batch | Masked, failed: str) -> None:
        """Free what can be freed, and remember that so many pictures were too many.

        Raises
        ------
        ModelError
            It was a single picture.
        """
        if self.device.type == "cuda":
            self._torch.cuda.empty_cache()
        if len(batch) == 1:
            raise ModelError(
                f"{self.device} is out of memory for a single image: {failed:.200}",
                setting="device",
                rule="have memory for one image",
                value=str(self.device),
            )
        if self._sizes is not None:
            self._sizes.too_many(len(batch))
        self.halved += 1

    def _halves(self, batch: Batch | Masked) -> list[_Begun]:
        half = len(batch) // 2
        return self._ask(batch[:half]) + self._ask(batch[half:])

    def _is_too_large(self, batch: Batch | Masked, error: RuntimeError) -> bool:
        """Say whether a batch failed for its size: memory is full, or it is larger than any that was answered.

        Some kernels have limits of their own, which a size that was chosen here must not run into.
        """
        if isinstance(error, self._torch.OutOfMemoryError) or any(word in str(error).lower() for word in _FULL):
            return True
        return self._sizes is not None and self._sizes.is_a_try(len(batch))

    def _start(self, batch: Batch | Masked) -> _Begun:
        self._after_fork()
        # Whoever calls may be inside an autocast of their own, and another thread would not be.
        autocast = self._torch.autocast(self.device.type, self._torch.bfloat16, enabled=self._autocast)
        # Not inference mode: what a module keeps of it could not be trained on afterwards.
        with forks.working(), self._alone, self._torch.no_grad(), in_eval_mode(self._module):
            clock = _DeviceClock(self.device, self._torch) if self.device.type == "cuda" else _WallClock()
            pictures = self._compose(batch) if isinstance(batch, Masked) else self._compose.sent(batch)
            with autocast:
                answer = self._read(self._module(pictures.to(self._type)))
            if len(answer) != len(batch):
                msg = (
                    f"it must return one row of numbers per image, returned {tuple(answer.shape)} for "
                    f"{len(batch)} images"
                )
                raise ModelError(msg, setting="model", rule="return one row of numbers per image")
            answer = answer.detach().float().reshape(len(batch), -1)
            on_gpu = self.device.type == "cuda"
            found = self._torch.empty(answer.shape, dtype=answer.dtype, device="cpu", pin_memory=on_gpu)
            found.copy_(answer, non_blocking=on_gpu)
        return _Begun(len(batch), found, clock.stopped())

    def _after_fork(self) -> None:
        """Make do in a forked process, where a GPU cannot be used.

        Raises
        ------
        ModelError
            The module is on one.
        """
        if self._generation == forks.generation():
            return
        if self.device.type != "cpu":
            raise ModelError(
                (
                    f"a module on {self.device} does not work in a forked process; start it with the method "
                    "spawn, or load the model there with device=cpu"
                ),
                setting="device",
                rule="be cpu in a forked process",
                value=str(self.device),
            )
        settle_threads(self._torch)
        self._generation = forks.generation()

    def _answer(self, parts: list[_Begun]) -> Scores:
        """Wait for a batch, and learn from how long it took."""
        scores = []
        for part in parts:
            seconds = part.seconds()
            if self._sizes is not None:
                self._sizes.took(part.rows, seconds)
            scores.append(part.scores.numpy().copy())
        return np.concatenate(scores) if len(scores) > 1 else scores[0]


def _before(made: Any) -> Any:
    return next((one for one, _ in made.next_functions if one is not None), None)


@dataclass(frozen=True)
class _Begun:
    """Scores on their way."""

    rows: int
    scores: Any
    seconds: Callable[[], float]
    """Waits until they are there; how long the device worked on them."""


class _DeviceClock:
    """Measures a batch on a GPU, which goes on by itself."""

    def __init__(self, device: Any, torch: Any) -> None:
        self._begin, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self._stream = torch.cuda.current_stream(device)
        self._begin.record(self._stream)

    def stopped(self) -> Callable[[], float]:
        """Stop it; return what waits until then and says the seconds."""
        self._end.record(self._stream)

        def seconds() -> float:
            self._end.synchronize()
            return float(self._begin.elapsed_time(self._end)) / 1000

        return seconds


class _WallClock:
    """The same where the scores are there when the call returns."""

    def __init__(self) -> None:
        self._begin = perf_counter()

    def stopped(self) -> Callable[[], float]:
        """Stop it; return what says the seconds."""
        seconds = perf_counter() - self._begin
        return lambda: seconds


def _tf32(torch: Any) -> bool:
    """Say whether convolutions may use tensor cores; what cannot be told may not."""
    with suppress(RuntimeError, AttributeError):  # where the newer of two ways to say it was used, the older raises
        return bool(torch.backends.cudnn.allow_tf32)
    return str(getattr(getattr(torch.backends.cudnn, "conv", None), "fp32_precision", "")) == "tf32"


def settle_threads(torch: Any) -> None:
    """Let torch work in one thread in a process that was forked after torch was imported: its others are gone."""
    if forks.inherited("torch") and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


@contextmanager
def in_eval_mode(module: Any) -> Iterator[None]:
    """Put a module into eval mode for a while; every part that was training trains again afterwards."""
    training = [part for part in module.modules() if part.training] if hasattr(module, "modules") else []
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True


def weights(module: Any) -> Iterator[Any]:
    """Yield what holds floating-point numbers in a module."""
    torch = need("torch", "torch")
    for weight in [*module.parameters(), *module.buffers()]:
        if torch.is_floating_point(weight):
            yield weight
