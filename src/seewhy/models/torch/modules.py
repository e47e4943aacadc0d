"""PyTorch modules: run where and as they are, and left as they were."""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from seewhy.core.errors import InvalidInput
from seewhy.models.code_digest import class_code, described
from seewhy.models.compiled.assembly import Found, assemble
from seewhy.models.extras import need
from seewhy.models.last_layer import LastLayer, ending
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import PREPROCESSINGS, Preprocessing
from seewhy.models.torch import hf_config
from seewhy.models.torch.runtime import TorchRuntime
from seewhy.models.torch.timm_config import timm_labels, timm_preprocessing, timm_size
from seewhy.models.torch.tracing import converter, uncompiled

_PLACE = re.compile("path|file|folder|directory")
"""Names of texts that say where a module came from; weights count, wherever they lay."""
_COMPILERS = {"_compiled_call_impl", "_is_torch_compile"}
"""What torch.compile leaves in a module, whose answers stay what they are."""
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")


def adapt_torch(found: object, options: ModelOptions) -> NetworkModel | None:
    """Return the model of a torch module; None for any other object.

    Raises
    ------
    InvalidInput
        Nothing says how a photo must be prepared for it, or it holds no weights.
    """
    torch = need("torch", "torch")
    if type(found).__name__ == "ExportedProgram" and type(found).__module__.startswith("torch.export"):
        raise InvalidInput(
            (
                "model must be a module, but this is an ExportedProgram: write it with torch.export.save "
                "and load torchexport:FILE, or pass its program.module() if that takes any batch size"
            ),
            setting="model",
            rule="be a module",
            value="ExportedProgram",
        )
    if not isinstance(found, torch.nn.Module):
        return None
    name = type(uncompiled(found)).__name__
    inner = _inside(found)
    own, labels, notes = _known(inner, options)
    size = timm_size(inner)
    if type(inner).__module__.startswith("transformers."):
        options, labels, notes = hf_config.of_module(inner, options)
        size = hf_config.size_of(getattr(inner, "config", None))
    return module_model(found, options, name=name, own=own, labels=labels, notes=notes, stated=size)


def _inside(module: Any) -> Any:
    """Return the module that knows what it is: without torch.compile, peft's adapters, and copies on several devices.

    Their answers are those of the module itself, but for what adapters change.
    """
    module = uncompiled(module)
    if type(module).__module__.startswith("torch.nn.parallel."):
        return _inside(module.module)
    if callable(getattr(module, "get_base_model", None)):
        return _inside(module.get_base_model())
    return module


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
    stated: tuple[int, int] | None = None,
) -> NetworkModel:
    """Return the model of a module, with ``own`` preprocessing unless another is asked for.

    ``convert`` makes an ``openvino.Model`` of it, where tracing the module does not; ``stated`` is the size of pictures
    that its configuration names.
    """
    stated = stated or (None if own is None else own.size)
    preprocessing = options.preprocessing_of(own, "NCHW", name, stated)
    if preprocessing.layout != "NCHW":
        raise InvalidInput.of(f"preprocessing.layout of the torch module {name}", "be NCHW", preprocessing.layout)
    _check_weights(module, name)
    if options.device != "auto":
        module = module.to(chosen_device(options.device))
    read = options.output_name
    runtime = TorchRuntime(module, options.batch_size, output_name=read)
    on_gpu = runtime.device.type != "cpu"
    if on_gpu and (options.runtime == "openvino" or options.precision == "int8"):
        asked = "runtime=openvino" if options.runtime == "openvino" else "precision=int8"
        raise InvalidInput(
            f"{asked} needs a CPU, but {name} is on {runtime.device}; use device=cpu to run it there",
            setting="device",
            rule="be cpu",
            value=str(runtime.device),
        )
    in_bf16 = None
    if on_gpu:
        in_bf16 = TorchRuntime(module, options.batch_size, output_name=read, autocast=True, watch=runtime.watch)
    return assemble(
        Found(
            name=name,
            fingerprint=fingerprint or f"torch:{name}:sha256:{digest(module)}",
            native=runtime,
            preprocessing=preprocessing,
            last=_ends_with(runtime, preprocessing) or ("unknown" if read else last or last_layer(module)),
            labels=labels,
            convert=None if on_gpu else convert or converter(module, preprocessing, read),
            in_bf16=in_bf16,
            notes=(*notes, *options.sized_by_name(name, stated)),
        ),
        options,
    )


def _ends_with(runtime: TorchRuntime, preprocessing: Preprocessing) -> LastLayer | None:
    """Return what a module was seen to end with; None where its operations cannot be seen."""
    height, width = preprocessing.size or (224, 224)
    try:
        return runtime.last_layer(np.zeros((1, preprocessing.channels, height, width), np.float32))
    except Exception:  # noqa: BLE001  # whatever it is, it comes again where the module is tried, and is told there
        return None


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
        raise InvalidInput(
            f"device must be one that torch has here, got {wanted!r}: {error}",
            setting="device",
            rule="be one that torch has here",
            value=wanted,
        ) from error
    if device.type == "meta":
        raise InvalidInput(
            "device must be one that computes, got 'meta', which would lose the weights",
            setting="device",
            rule="be one that computes",
            value="meta",
        )
    return device


def _check_weights(module: Any, name: str) -> None:
    """Refuse a module whose weights are yet to come."""
    torch = need("torch", "torch")
    for place, weight in [*module.named_parameters(), *module.named_buffers()]:
        if torch.nn.parameter.is_lazy(weight):
            raise InvalidInput(
                (f"{name} has no weights yet: {place} is created by the first images; run the model on some first"),
                setting="model",
                rule="have its weights",
                value=place,
            )
        if weight.is_meta:
            raise InvalidInput(
                (
                    f"the weights of {name} are not loaded: {place} is on the meta device, which holds none; "
                    "load them first"
                ),
                setting="model",
                rule="have its weights",
                value=place,
            )


def digest(module: Any) -> str:
    """Return a SHA-256 over a module's structure, the code of its parts, what stands beside, and its weights."""
    module = uncompiled(module)
    found = hashlib.sha256(_ADDRESS.sub("", repr(module)).encode())
    for kind in dict.fromkeys(type(part) for part in module.modules()):
        try:
            found.update(inspect.getsource(kind).encode())
        except (OSError, TypeError):  # typed in at a prompt, or compiled
            found.update(f"{kind.__qualname__} {class_code(kind)}".encode())
    usual = vars(need("torch", "torch").nn.Module()).keys()
    for name, part in module.named_modules():
        found.update(repr((name, _beside(part, usual))).encode())
    for name, held in [*module.state_dict().items(), *module.named_buffers()]:
        for text in _stored(name, held):
            found.update(text)
    return found.hexdigest()


def _beside(part: Any, usual: Iterable[str]) -> list[object]:
    """Return what decides a module's answers beside weights and other modules: attributes, hooks, compiled code."""
    torch = need("torch", "torch")
    code = None
    if isinstance(part, torch.jit.ScriptModule | torch.fx.GraphModule):
        with suppress(RuntimeError, AttributeError):  # without a forward of its own
            code = part.code
    hooks = [[*vars(part).get(kind, {}).values()] for kind in ("_forward_pre_hooks", "_forward_hooks")]
    own = {
        name: value
        for name, value in vars(part).items()
        if name not in usual and name not in _COMPILERS and not (isinstance(value, str) and _PLACE.search(name))
    }
    return [code, *map(described, hooks), described(own)]


def _stored(name: str, held: Any) -> Iterator[Any]:
    """Yield the bytes of an entry of a module's state: a tensor, also a quantized one, or what else is kept there."""
    torch = need("torch", "torch")
    if isinstance(held, tuple | list):
        for number, part in enumerate(held):
            yield from _stored(f"{name}.{number}", part)
        return
    if not isinstance(held, torch.Tensor):
        yield f"{name} {described(held)!r}".encode()
        return
    values = held.detach().cpu()
    if values.is_quantized:
        yield f"{name} {values.dtype} {_scale(values)}".encode()
        values = values.int_repr()
    values = (values if values.layout == torch.strided else values.to_dense()).contiguous()
    yield f"{name} {values.dtype} {tuple(values.shape)}".encode()
    yield values.flatten().view(torch.uint8).numpy()


def _scale(values: Any) -> list[object]:
    """Return what makes numbers of a quantized tensor's integers."""
    if str(values.qscheme()).startswith("torch.per_tensor"):
        return [values.q_scale(), values.q_zero_point()]
    zeros = values.q_per_channel_zero_points().tolist()
    return [values.q_per_channel_axis(), values.q_per_channel_scales().tolist(), zeros]


def last_layer(module: Any) -> LastLayer:
    """Say what a module ends with, by the last of its parts; functions that it calls are not seen."""
    last = list(module.modules())[-1]
    if getattr(last, "dim", None) not in {None, 1, -1}:  # a softmax over the pictures of a batch, say
        return "unknown"
    return ending(type(last).__name__)


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
        note = (
            f"{name}: photos were prepared as for torchvision's ImageNet weights; set preprocessing if "
            "the model needs another"
        )
        return own, None, (note,) if options.preprocessing is None else ()
    return None, None, ()
