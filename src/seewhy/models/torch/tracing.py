"""Torch modules as OpenVINO sees them: traced, with what cannot be traced taken off for as long as that takes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from inspect import getattr_static
from types import MethodType
from typing import Any

from seewhy.core.errors import ModelError
from seewhy.models.answers import Reader
from seewhy.models.compiled.assembly import first_sentence
from seewhy.models.compiled.openvino_runtime import import_openvino
from seewhy.models.extras import need
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.torch.runtime import in_eval_mode, weights

_IS_TRACED = "_jit_is_scripting"
"""What Lightning's modules have for it: without, their properties ask for a Trainer while they are traced."""
_GIVEN = "_torchdynamo_orig_callable"
"""What a compiled function has for the one that it was made of."""


def converter(module: Any, preprocessing: Preprocessing, output_name: str | None) -> Callable[[], Any]:
    """Return what makes an ``openvino.Model`` of a module that gives the one output."""

    def convert() -> Any:
        torch = need("torch", "torch")
        openvino = import_openvino()
        if preprocessing.size is None:
            msg = "OpenVINO needs a fixed input_size"
            raise ModelError(msg, setting="model", rule="be traceable")
        example = torch.zeros(2, preprocessing.channels, *preprocessing.size)
        with in_eval_mode(module), _traceable(module), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer: what it may get wrong, the check on the photo finds
            try:
                return openvino.convert_model(_Plain.of(module, output_name), example_input=example)
            except Exception as error:  # OpenVINO's own words are advice for whoever calls it; below is the reason
                reason = error
                while isinstance(reason.__cause__, Exception):
                    reason = reason.__cause__
                raise ModelError(
                    f"it cannot be traced: {first_sentence(reason)}", setting="model", rule="be traceable"
                ) from error

    return convert


def uncompiled(module: Any) -> Any:
    """Return the module that ``torch.compile`` was given; any other as it is."""
    return module._orig_mod if type(module).__name__ == "OptimizedModule" else module  # noqa: SLF001  # its only name


class _Plain:
    """Makes a module from float32 to one tensor in float32 of one with its own type of numbers and answers."""

    @staticmethod
    def of(module: Any, output_name: str | None) -> Any:
        torch = need("torch", "torch")
        kind = next((weight.dtype for weight in weights(module)), torch.float32)

        class Plain(torch.nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.inner = uncompiled(module)
                self.read = Reader(output_name)

            def forward(self, pictures: Any) -> Any:
                return self.read(self.inner(pictures.to(kind))).float()

            def train(self, mode: bool = True) -> Any:
                """Leave the parts as they are: they are in eval mode, and those of exported programs refuse this."""
                self.training = mode
                return self

        return Plain()


@contextmanager
def _traceable(module: Any) -> Iterator[None]:
    """Run every part uncompiled for a while, since what ``torch.compile`` made cannot be traced."""
    with ExitStack() as restored:
        for part in module.modules():
            for name, value in _without_compiler(part).items():
                _set(restored, part, name, value)
        kinds = {kind for part in module.modules() for kind in type(part).__mro__ if _IS_TRACED in vars(kind)}
        for kind in kinds:
            restored.callback(setattr, kind, _IS_TRACED, getattr(kind, _IS_TRACED))
            setattr(kind, _IS_TRACED, True)
        yield


def _without_compiler(part: Any) -> dict[str, Any]:
    """Return the attributes with which a part is called as it was before it was compiled."""
    found: dict[str, Any] = {}
    if vars(part).get("_compiled_call_impl") is not None:
        found["_compiled_call_impl"] = None
    if (inner := uncompiled(part)) is not part:
        found["forward"] = inner.forward
    elif (plain := getattr(getattr_static(part, "forward", None), _GIVEN, None)) is not None:
        found["forward"] = MethodType(plain, part)
    return found


def _set(restored: ExitStack, part: Any, name: str, value: Any) -> None:
    held = vars(part)
    if name in held:
        restored.callback(held.__setitem__, name, held[name])
    else:
        restored.callback(held.pop, name)
    held[name] = value
