"""Keras models as OpenVINO's: traced in memory, on the backends that OpenVINO reads."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from seewhy.models.answers import Reader
from seewhy.models.compiled.openvino_runtime import TOGETHER, import_openvino
from seewhy.models.extras import need
from seewhy.models.graphs.graph import Takes
from seewhy.models.preprocessing import Preprocessing


def converter(model: Any, takes: Takes, preprocessing: Preprocessing, read: Reader) -> Callable[[], Any] | None:
    """Return what makes an ``openvino.Model`` of a Keras model; None on other backends and devices than it reads."""
    backend = need("keras", "keras").backend.backend()
    height, width = preprocessing.size or (0, 0)
    channels = preprocessing.channels
    picture = (channels, height, width) if preprocessing.layout == "NCHW" else (height, width, channels)
    if backend == "torch" and all(weight.value.device.type == "cpu" for weight in model.weights):
        return lambda: _from_torch(model, (takes.batch or TOGETHER, *picture), takes, read)
    if backend == "tensorflow" and not need("tensorflow", "keras").config.list_physical_devices("GPU"):
        return lambda: _from_tensorflow(model, (takes.batch, *picture), takes, read)
    return None


def _from_torch(model: Any, shape: tuple[int, ...], takes: Takes, read: Reader) -> Any:
    """Trace a model's torch layers for batches of this shape."""
    from seewhy.models.torch.runtime import in_eval_mode

    torch = need("torch", "torch")
    example = torch.zeros(shape, dtype=getattr(torch, takes.type.name))
    with warnings.catch_warnings(), torch.no_grad(), in_eval_mode(model):
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # sizes are meant to be constants
        warnings.simplefilter("ignore", DeprecationWarning)  # that TorchScript itself is old is known
        traced = torch.jit.trace(_module(model, read), example, check_trace=False)
        return import_openvino().convert_model(traced)


def _module(model: Any, read: Reader) -> Any:
    """Return a module that runs a model in operations that OpenVINO knows.

    Keras calls some by their other names (``divide`` for ``div``), which OpenVINO does not know; and it computes
    paddings from shapes, which OpenVINO needs as constants.
    """
    torch = need("torch", "torch")
    names = {"subtract": torch.sub, "divide": torch.div, "true_divide": torch.div, "multiply": torch.mul}
    shapes = {torch.Tensor.shape.__get__, torch.Tensor.size}

    class KnownFunctions(torch.overrides.TorchFunctionMode):  # type: ignore[misc, name-defined]
        def __torch_function__(self, called: Any, _: Any, args: Any = (), given: Any = None) -> Any:
            answer = names.get(getattr(called, "__name__", ""), called)(*args, **(given or {}))
            if called in shapes:
                return torch.Size(map(int, answer)) if isinstance(answer, tuple) else int(answer)
            return answer

    class Traced(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, pictures: Any) -> Any:
            with KnownFunctions():
                return read(self.inner(pictures, training=False))

    return Traced()


def _from_tensorflow(model: Any, shape: tuple[int | None, ...], takes: Takes, read: Reader) -> Any:
    """Convert the graph of a model."""
    tensorflow = need("tensorflow", "keras")
    openvino = import_openvino()
    graph = tensorflow.function(lambda pictures: read(model(pictures, training=False)))
    concrete = graph.get_concrete_function(tensorflow.TensorSpec(shape, takes.type.name))
    converted = openvino.convert_model(concrete)
    # What custom gradients hold on to comes out as well, and would be computed each time.
    answer = converted.output(concrete.outputs[0].name)
    return openvino.Model([answer.node], converted.get_parameters(), str(model.name))
