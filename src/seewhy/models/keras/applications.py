"""The classifiers of ``keras.applications``: the size of their pictures, and what each family does to a photo first.

Source: ``preprocess_input`` and ``default_size`` in the modules of ``keras.applications`` (Keras 3.15).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from seewhy.models.extras import need
from seewhy.models.preprocessing import PREPROCESSINGS, Preprocessing

Mode = Literal["tf", "torch", "caffe", "inside"]
"""As Keras names them; ``inside``: the model's first layers do it, and it takes 0..255."""

_MODES: dict[Mode, str] = {"tf": "-1..1", "torch": "imagenet", "caffe": "caffe", "inside": "0..255"}

_FAMILIES: tuple[tuple[Mode, dict[str, int]], ...] = (
    ("tf", {"Xception": 299, "InceptionV3": 299, "InceptionResNetV2": 299}),
    ("tf", {"MobileNet": 224, "MobileNetV2": 224, "NASNetMobile": 224, "NASNetLarge": 331}),
    ("tf", {"ResNet50V2": 224, "ResNet101V2": 224, "ResNet152V2": 224}),
    ("torch", {"DenseNet121": 224, "DenseNet169": 224, "DenseNet201": 224}),
    ("caffe", {"ResNet50": 224, "ResNet101": 224, "ResNet152": 224, "VGG16": 224, "VGG19": 224}),
    ("inside", {f"EfficientNetB{i}": size for i, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))}),
    ("inside", {f"EfficientNetV2B{i}": size for i, size in enumerate((224, 240, 260, 300))}),
    ("inside", {"EfficientNetV2S": 384, "EfficientNetV2M": 480, "EfficientNetV2L": 480}),
    ("inside", {f"ConvNeXt{size}": 224 for size in ("Tiny", "Small", "Base", "Large", "XLarge")}),
    ("inside", {"MobileNetV3Small": 224, "MobileNetV3Large": 224}),
)

APPLICATIONS: dict[str, tuple[int, Mode]] = {
    name: (size, mode) for mode, sizes in _FAMILIES for name, size in sizes.items()
}
"""Height and width, and the mode, by name."""


def preprocessing_of_application(name: str, layout: Literal["NCHW", "NHWC"] = "NHWC") -> Preprocessing:
    """Return what ``preprocess_input`` of that application does, behind a stretch to its default size."""
    size, mode = APPLICATIONS[name]
    return PREPROCESSINGS[_MODES[mode]].replace(size=(size, size), shorter=None, layout=layout)


def recognized(model: Any) -> str | None:
    """Return the application that a Keras model is by its name, and by whether its first layers prepare the picture.

    A model whose application should prepare pictures inside, but does not, was built otherwise and is not known.
    """
    text = re.sub(r"_\d\.\d\d_\d+$", "", str(model.name))  # MobileNet's width and size
    wanted = re.sub(r"[-_]", "", text).lower()
    for name, (_, mode) in APPLICATIONS.items():
        if name.lower() == wanted:
            return name if (mode == "inside") == takes_bytes(model) else None
    return None


def takes_bytes(model: Any) -> bool:
    """Whether a model's first layer shows that it takes 0..255: it brings just this range near to 0..1 or -1..1."""
    keras = need("keras", "keras")
    first = next(_layers(model), None)
    if isinstance(first, keras.layers.Rescaling):
        span = 255 * np.asarray(first.scale, np.float64)
        return bool(span.min() > 0.5 and span.max() < 8)  # 4.5 for the usual means and deviations
    if isinstance(first, keras.layers.Normalization) and not first.invert and first.mean is not None:
        mean, variance = (np.asarray(keras.ops.convert_to_numpy(one)) for one in (first.mean, first.variance))
        return bool(mean.min() > 1.5 and variance.min() > 1.5)  # no mean of 0..1 is as high
    return False


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers that do something to a picture when asked, in order; those inside others too."""
    keras = need("keras", "keras")
    for layer in getattr(model, "layers", ()):
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif not (isinstance(layer, keras.layers.InputLayer) or type(layer).__name__.startswith("Random")):
            yield layer  # random changes are made in training alone
