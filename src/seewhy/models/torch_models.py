"""PyTorch modules: run where and as they are, and left as they were."""

from __future__ import annotations

import hashlib
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np

from seewhy._types import Batch, Scores
from seewhy.errors import InvalidInput, ModelError
from seewhy.models.compiled import Found, assemble
from seewhy.models.extras import need
from seewhy.models.heads import LastLayer
from seewhy.models.network import NetworkModel
from seewhy.models.openvino_runtime import import_openvino
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import PREPROCESSINGS, Preprocessing
from seewhy.models.timm_config import from_timm_config


class TorchRuntime:
    """Runs a module on its own device, in its own number type, in eval mode, without gradients.

    Parameters
    ----------
    module
        Takes (B, C, H, W); gives (B, N), or something that holds it as ``logits`` or as its first part.
    batch_size
        Pictures a batch at best; None: no preference.
    """

    in_flight = 1

    def __init__(self, module: Any, batch_size: int | None = None) -> None:
        self._torch = need("torch", "torch")
        self._module = module
        self._alone = Lock()  # of two threads, one would set the mode under the other's feet
        weight = next(_weights(module), None)
        self.device = self._torch.device("cpu") if weight is None else weight.device
        self._type = self._torch.float32 if weight is None else weight.dtype
        self.batch_size = batch_size or (None if self.device.type == "cpu" else 64)

    def stream(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Yield the numbers (B, N), float32, for each batch (B, C, H, W), in order."""
        for batch in batches:
            # Not inference mode: what a module keeps of it could not be trained on afterwards.
            with self._alone, self._torch.no_grad(), in_eval_mode(self._module):
                pictures = self._torch.from_numpy(batch).to(self.device, self._type)
                answer = numbers(self._module(pictures))
                scores = answer.float().cpu().numpy().reshape(len(batch), -1)
            yield np.array(scores, np.float32)


def numbers(answer: Any) -> Any:
    """Return the tensor of an answer: itself, its ``logits``, or its first part."""
    if hasattr(answer, "logits"):
        return answer.logits
    if isinstance(answer, dict):
        return answer["logits"] if "logits" in answer else next(iter(answer.values()))
    return answer[0] if isinstance(answer, tuple | list) else answer


@contextmanager
def in_eval_mode(module: Any) -> Iterator[None]:
    """Put a module into eval mode for a while; every part that was training trains again afterwards."""
    training = [part for part in module.modules() if part.training] if hasattr(module, "modules") else []
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def adapt_torch(found: object, options: ModelOptions) -> NetworkModel | None:
    """Return the model of a torch module; None for any other object.

    Raises
    ------
    InvalidInput
        Nothing says how a photo must be prepared for it.
    """
    torch = need("torch", "torch")
    if not isinstance(found, torch.nn.Module):
        return None
    name = type(found).__name__
    own, labels, notes = _known(found)
    return module_model(found, options, name=name, own=own, labels=labels, notes=notes)


def module_model(  # what differs between the places that torch modules come from
    module: Any,
    options: ModelOptions,
    *,
    name: str,
    own: Preprocessing | None,
    labels: tuple[str, ...] | None = None,
    notes: tuple[str, ...] = (),
    fingerprint: str | None = None,
    last: LastLayer | None = None,
    convert: Callable[[], Any] | None = None,
) -> NetworkModel:
    """Return the model of a module, with ``own`` preprocessing unless another is asked for.

    ``convert`` makes an ``openvino.Model`` of it, where tracing the module does not.
    """
    preprocessing = options.preprocessing_of(own, "NCHW", name)
    if options.preprocessing is not None:
        notes = ()
    if preprocessing.layout != "NCHW":
        raise InvalidInput(f"preprocessing.layout of the torch module {name} must be NCHW, got {preprocessing.layout}")
    if options.device != "auto":
        module = module.to(chosen_device(options.device))
    runtime = TorchRuntime(module, options.batch_size)
    convert = None if runtime.device.type != "cpu" else convert or converter(module, preprocessing)
    return assemble(
        Found(
            name=name,
            fingerprint=fingerprint or f"torch:{name}:sha256:{digest(module)}",
            native=runtime,
            preprocessing=preprocessing,
            last=last or last_layer(module),
            labels=labels,
            convert=convert,
            notes=notes,
        ),
        options,
    )


def chosen_device(wanted: str) -> Any:
    """Return the torch device of that name; ``auto``: a GPU if there is one.

    Raises
    ------
    InvalidInput
        There is no such device here.
    """
    torch = need("torch", "torch")
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(f"device must be one that torch has here, got {wanted!r}: {error}") from error
    return device


def digest(module: Any) -> str:
    """Return a SHA-256 over a module's structure, the code of its parts, and its weights."""
    found = hashlib.sha256(repr(module).encode())
    for kind in dict.fromkeys(type(part) for part in module.modules()):
        try:
            found.update(inspect.getsource(kind).encode())
        except (OSError, TypeError):  # typed in at a prompt, or compiled
            found.update(kind.__qualname__.encode())
    found.update(repr([(name, _plain(part)) for name, part in module.named_modules()]).encode())
    for name, weight in [*module.state_dict().items(), *module.named_buffers()]:
        values = weight.detach().cpu().contiguous()
        found.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        found.update(values.flatten().view(need("torch", "torch").uint8).numpy())
    return found.hexdigest()


def _plain(part: Any) -> dict[str, Any]:
    """Return the numbers that stand in a module beside weights and other modules; texts may be paths."""

    def is_plain(value: object) -> bool:
        return all(map(is_plain, value)) if isinstance(value, tuple | list) else isinstance(value, int | float)

    return {k: v for k, v in sorted(vars(part).items()) if is_plain(v) and k != "training" and k[0] != "_"}


def last_layer(module: Any) -> LastLayer:
    """Say what a module ends with, by the last of its parts; functions that it calls are not seen."""
    torch = need("torch", "torch")
    parts = list(module.modules())
    if isinstance(parts[-1], torch.nn.Softmax):
        return "softmax"
    if isinstance(parts[-1], torch.nn.Sigmoid):
        return "sigmoid"
    return "linear" if isinstance(parts[-1], torch.nn.Linear) else "unknown"


def converter(module: Any, preprocessing: Preprocessing) -> Callable[[], Any]:
    """Return what makes an ``openvino.Model`` of a module."""

    def convert() -> Any:
        torch = need("torch", "torch")
        openvino = import_openvino()
        if preprocessing.size is None:
            msg = "OpenVINO needs a fixed input_size"
            raise ModelError(msg)
        example = torch.zeros(2, preprocessing.channels, *preprocessing.size)
        with in_eval_mode(module), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer: what it may get wrong, the check on the photo finds
            return openvino.convert_model(_Plain.of(module), example_input=example)

    return convert


class _Plain:
    """Makes a module that gives one tensor of one whose answer holds it."""

    @staticmethod
    def of(module: Any) -> Any:
        torch = need("torch", "torch")

        class Plain(torch.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.inner = module

            def forward(self, pictures: Any) -> Any:
                return numbers(self.inner(pictures))

        return Plain()


def _weights(module: Any) -> Iterator[Any]:
    """Yield what holds floating-point numbers in a module."""
    torch = need("torch", "torch")
    for weight in [*module.parameters(), *module.buffers()]:
        if torch.is_floating_point(weight):
            yield weight


def _known(module: Any) -> tuple[Preprocessing | None, tuple[str, ...] | None, tuple[str, ...]]:
    """Return preprocessing, labels and notes of a module that carries them, or whose library is known."""
    config = getattr(module, "pretrained_cfg", None)
    if isinstance(config, dict) and "mean" in config:
        return (*from_timm_config(module), ())
    if type(module).__module__.startswith("torchvision.models."):
        name = type(module).__name__
        own = PREPROCESSINGS["imagenet"]
        if name == "Inception3":
            own = own.resized(299)
        note = f"{name}: photos were prepared as for torchvision's ImageNet weights; if it wants others, say so"
        return own, None, (note,)
    return None, None, ()
