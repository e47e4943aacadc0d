"""EfficientNet-Lite, built layer by layer for OpenVINO.

Source: Tan and Le (2019), arXiv:1905.11946, table 1 and section 3.3, with what the Lite family changes: ReLU6
for swish, no squeeze-and-excitation, stem and head not scaled (tensorflow/tpu, efficientnet/lite). Names of
layers are those of the weights, see :mod:`seewhy.models.embedded.weights`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seewhy.models import imagenet
from seewhy.models.compiled.assembly import Compiled, in_precision
from seewhy.models.compiled.openvino_runtime import TOGETHER, Network, import_openvino
from seewhy.models.embedded.weights import SOURCES, load_weights
from seewhy.models.heads import HEADS
from seewhy.models.network import NetworkModel
from seewhy.models.options import ModelOptions
from seewhy.models.preprocessing import Preprocessing

Weights = Mapping[str, NDArray[Any]]

_STEM_CHANNELS = 32
_NORM_EPSILON = 1e-3
_CROP_PADDING = 32
"""The shorter side is resized to the resolution and this, as in the evaluation of the original."""


class Stage(NamedTuple):
    """A row of table 1: inverted bottlenecks of one width; the first of them may halve the size."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


_STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Variant(NamedTuple):
    """A member of the family: how much wider, deeper and larger than Lite0."""

    name: str
    width: float
    depth: float
    resolution: int

    def stages(self) -> list[Stage]:
        """Return the stages with their scaled width and depth; the first and the last keep their depth."""
        ends = {0, len(_STAGES) - 1}
        return [
            stage._replace(
                repeats=stage.repeats if i in ends else math.ceil(stage.repeats * self.depth),
                channels=_round_channels(stage.channels * self.width),
            )
            for i, stage in enumerate(_STAGES)
        ]


LITE0 = Variant("efficientnet-lite0", 1.0, 1.0, 224)
LITE1 = Variant("efficientnet-lite1", 1.0, 1.1, 240)
LITE2 = Variant("efficientnet-lite2", 1.1, 1.2, 260)
VARIANTS = (LITE0, LITE1, LITE2)


def _round_channels(wanted: float) -> int:
    """Return the nearest multiple of 8 that is not over 10 % too small."""
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class EfficientNetLite(NetworkModel):
    """A classifier of the 1000 classes of ImageNet-1k; answers with logits, each of its picture alone.

    The shorter side of a photo is resized to 256 and the center 224 x 224 taken; 240 and 260 pixels for Lite1 and
    Lite2. 0..255 less 127, by 128, goes in.

    Raises
    ------
    ModelError
        The weights are not installed, or are not the expected ones.
    """

    tested = True

    def __init__(self, variant: Variant) -> None:
        size = variant.resolution
        super().__init__(
            Network(build(variant, load_weights(variant.name), TOGETHER)),
            Preprocessing(
                size=(size, size),
                shorter=size + _CROP_PADDING,
                interpolation="bicubic",
                scale=255,
                mean=(127.0,),
                std=(128.0,),
                layout="NCHW",  # as fast for OpenVINO as NHWC, and NumPy mixes pictures four times as fast
            ),
            HEADS["logits"],
            name=variant.name,
            fingerprint=f"{variant.name}:sha256:{SOURCES[variant.name].sha256}",
            labels=imagenet.labels(),
        )
        self.run_by = "OpenVINO f32"


def load(number: int, options: ModelOptions) -> NetworkModel:
    """Return a member of the family, run in the precision asked for.

    Raises
    ------
    InvalidInput
        An option is not for a model that is known in full.
    """
    variant = VARIANTS[number]
    options.refuse(variant.name, "precision")
    original = EfficientNetLite(variant)
    if options.precision == "f32":
        return original
    model = build(variant, load_weights(variant.name), TOGETHER)
    network = in_precision(model, options.precision, original.preprocessing, original.fingerprint)
    return Compiled(original, network, options.precision)


def build(variant: Variant, weights: Weights, batch_size: int) -> Any:
    """Return the network as an ``openvino.Model``: (batch_size, 3, H, W) to logits (batch_size, K)."""
    openvino = import_openvino()
    layers = _Layers(openvino.opset13, weights)
    size = variant.resolution
    picture = layers.ops.parameter([batch_size, 3, size, size], np.float32, name="pictures")
    x = layers.convolution(picture, "_conv_stem", "_bn0", stride=2)
    channels, number = _STEM_CHANNELS, 0
    for stage in variant.stages():
        for repeat in range(stage.repeats):
            stride = stage.stride if repeat == 0 else 1
            y = layers.bottleneck(x, f"_blocks.{number}.", stage.expand, stride)
            x = layers.ops.add(y, x) if stride == 1 and channels == stage.channels else y
            channels, number = stage.channels, number + 1
    x = layers.convolution(x, "_conv_head", "_bn1")
    return openvino.Model([layers.classifier(x)], [picture], variant.name)


class _Layers:
    """The kinds of layers there are, each reading its weights by name."""

    def __init__(self, ops: Any, weights: Weights) -> None:
        self.ops = ops
        self._weights = weights

    def bottleneck(self, x: Any, prefix: str, expand: int, stride: int) -> Any:
        """Widen, filter each channel by itself, narrow again."""
        if expand != 1:
            x = self.convolution(x, f"{prefix}_expand_conv", f"{prefix}_bn0")
        x = self.convolution(x, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride)
        return self.convolution(x, f"{prefix}_project_conv", f"{prefix}_bn2", clamp=False)

    def convolution(self, x: Any, name: str, norm: str, *, stride: int = 1, clamp: bool = True) -> Any:
        """Convolve with batch normalization folded in; depthwise if the kernels have one input channel.

        The padding is TensorFlow's SAME: where it is uneven, the extra row and column stand at the end.
        """
        kernels, bias = self._folded(name, norm)
        convolve = self.ops.convolution
        if kernels.shape[1] == 1:
            kernels, convolve = kernels[:, None], self.ops.group_convolution
        steps, none, dense = [stride, stride], [0, 0], [1, 1]
        x = convolve(x, self._constant(kernels), steps, none, none, dense, auto_pad="same_upper")
        x = self.ops.add(x, self._constant(bias[None, :, None, None]))
        return self.ops.clamp(x, 0.0, 6.0) if clamp else x

    def classifier(self, x: Any) -> Any:
        """Average over the picture, then one linear layer."""
        x = self.ops.reduce_mean(x, self._constant(np.array([2, 3])))
        x = self.ops.matmul(x, self._constant(self._weights["_fc.weight"]), False, True)  # noqa: FBT003 -- transposed
        return self.ops.add(x, self._constant(self._weights["_fc.bias"][None]))

    def _folded(self, name: str, norm: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return kernels and bias that do what convolution and normalization do, folded in float64."""
        kernels, gain, shift, mean, variance = (
            self._weights[key].astype(np.float64)
            for key in (f"{name}.weight", *(f"{norm}.{part}" for part in _NORM_PARTS))
        )
        scale = gain / np.sqrt(variance + _NORM_EPSILON)
        return (kernels * scale[:, None, None, None]).astype(np.float32), (shift - mean * scale).astype(np.float32)

    def _constant(self, values: NDArray[Any]) -> Any:
        return self.ops.constant(values)  # an array given to an operation directly goes through a list


_NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
