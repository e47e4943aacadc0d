"""Small networks of Keras, on the torch backend, and how they are adapted and asked."""

import os

import numpy as np
import pytest

from seewhy.models.keras.networks import adapt_keras
from seewhy.models.options import ModelOptions

pytest.importorskip("torch", reason="the extra torch is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")  # read when Keras is imported
keras = pytest.importorskip("keras", reason="the extra keras is not installed")

MARKS = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras, with NumPy 2
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
]

layers = keras.layers
PICTURES = np.random.default_rng(0).random((5, 16, 16, 3), dtype=np.float32)


def adapt(model, **options):
    return adapt_keras(model, ModelOptions(**options))


def ask(model, pictures=PICTURES):
    batch = np.stack([model.prepare(one) for one in pictures])
    return np.concatenate(list(model.stream([batch])))


def small(*first, size=16, channels=3, last="softmax", name=None, **head):
    """Return a network with weights that make its classes differ."""
    parts = [
        layers.Conv2D(4, 3, strides=2, activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2, padding="same"),
        layers.Dropout(0.5),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation=last),
    ]
    model = keras.Sequential([keras.Input((size, size, channels)), *first, *parts], name=name)
    rng = np.random.default_rng(0)
    for weight in model.weights[-8:]:
        weight.assign(rng.random(weight.shape) + 0.2)
    model.layers[-1].kernel.assign(rng.normal(size=(4, 3)) / 2)
    return model


def answers(model, batch):
    return np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)))
