"""PyTorch modules: run where and as they are, and left as they were."""

from __future__ import annotations

import hashlib
import inspect
import sys
import warnings
from collections.abc import Callable
from typing import Any

from seewhy.errors import InvalidInput, ModelError
from seewhy.models.compiled import Found, assemble
from seewhy.models.extras import need
from seewhy.models.heads import LastLayer
from seewhy.models.network import NetworkModel
from seewhy.models.openvino_runtime import import_openvino
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import PREPROCESSINGS, Preprocessing
from seewhy.models.timm_config import timm_labels, timm_preprocessing
from seewhy.models.torch_answers import Reader
from seewhy.models.torch_runtime import TorchRuntime, in_eval_mode


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
    own, labels, notes = _known(found, options)
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
    read = options.output_name
    runtime = TorchRuntime(module, options.batch_size, output_name=read)
    on_gpu = runtime.device.type != "cpu"
    if on_gpu and (options.runtime == "openvino" or options.precision == "int8"):
        asked = "runtime=openvino" if options.runtime == "openvino" else "precision=int8"
        raise InvalidInput(
            f"{asked} is for processors, but {name} is on {runtime.device}; say device=cpu to run it there"
        )
    in_bf16 = TorchRuntime(module, options.batch_size, output_name=read, autocast=True) if on_gpu else None
    return assemble(
        Found(
            name=name,
            fingerprint=fingerprint or f"torch:{name}:sha256:{digest(module)}",
            native=runtime,
            preprocessing=preprocessing,
            last=last or last_layer(module),
            labels=labels,
            convert=None if on_gpu else convert or converter(module, preprocessing, read),
            in_bf16=in_bf16,
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
    if device.type == "meta":
        raise InvalidInput("device must be one that computes, got 'meta', which would lose the weights")
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


def converter(module: Any, preprocessing: Preprocessing, output_name: str | None) -> Callable[[], Any]:
    """Return what makes an ``openvino.Model`` of a module that gives the one output."""

    def convert() -> Any:
        torch = need("torch", "torch")
        openvino = import_openvino()
        if preprocessing.size is None:
            msg = "OpenVINO needs a fixed input_size"
            raise ModelError(msg)
        example = torch.zeros(2, preprocessing.channels, *preprocessing.size)
        with in_eval_mode(module), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer: what it may get wrong, the check on the photo finds
            return openvino.convert_model(_Plain.of(module, output_name), example_input=example)

    return convert


class _Plain:
    """Makes a module that gives one tensor of one whose answer holds it."""

    @staticmethod
    def of(module: Any, output_name: str | None) -> Any:
        torch = need("torch", "torch")

        class Plain(torch.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.inner = module
                self.read = Reader(output_name)

            def forward(self, pictures: Any) -> Any:
                return self.read(self.inner(pictures))

        return Plain()


def _known(module: Any, options: ModelOptions) -> tuple[Preprocessing | None, tuple[str, ...] | None, tuple[str, ...]]:
    """Return preprocessing, labels and notes of a module that carries them, or whose library is known."""
    config = getattr(module, "pretrained_cfg", None)
    if "timm" in sys.modules and isinstance(config, dict) and "mean" in config:
        return timm_preprocessing(module) if options.preprocessing is None else None, timm_labels(module), ()
    if type(module).__module__.startswith("torchvision.models."):
        name = type(module).__name__
        own = PREPROCESSINGS["imagenet"]
        if name == "Inception3":
            own = own.resized(299)
        note = f"{name}: photos were prepared as for torchvision's ImageNet weights; if it wants others, say so"
        return own, None, (note,)
    return None, None, ()
