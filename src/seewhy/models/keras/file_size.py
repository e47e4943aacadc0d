"""What a file of Keras would take in memory once it is read, told before: what it unpacks to, and what it states."""

from __future__ import annotations

import contextlib
import json
import zipfile
from pathlib import Path
from typing import IO, Any

from seewhy.core import memory
from seewhy.core.errors import InvalidInput
from seewhy.models.extras import need
from seewhy.models.model_files import members

_FLOAT = 4
_CONFIG = "config.json"


def check_file(keras: Any, path: Path) -> None:
    """Refuse a file of Keras that would take more memory than is allowed; what is not well formed is left to Keras.

    Raises
    ------
    InvalidInput
        It unpacks to too much, or states weights or layers that are too large.
    """
    name = f"keras:{path.name}"
    if not zipfile.is_zipfile(path):
        check_weights(path, name)
        _check_layers(keras, _attribute(path, "model_config"), name)
        return
    inside = members(path, name)
    with zipfile.ZipFile(path) as archive:
        for member in inside:
            if member.endswith((".h5", ".hdf5")):
                with archive.open(member) as weights:
                    check_weights(weights, name)
        if _CONFIG in inside:
            _check_layers(keras, archive.read(_CONFIG).decode("utf-8", "replace"), name)


def check_weights(file: Path | IO[bytes], name: str) -> None:
    """Refuse weights in HDF5 that state more numbers than memory may hold: what is packed, or was never written."""
    h5py = need("h5py", "keras")
    sizes: list[int] = []

    def weigh(_: str, part: Any) -> None:
        if isinstance(part, h5py.Dataset):
            sizes.append(int(part.size or 0) * max(1, part.dtype.itemsize))

    with contextlib.suppress(OSError), h5py.File(file, "r") as held:
        held.visititems(weigh)
    memory.check(sum(sizes), f"the weights of {name}", InvalidInput)


def _attribute(path: Path, key: str) -> str:
    """Return a text that an HDF5 file states; empty where there is none."""
    h5py = need("h5py", "keras")
    with contextlib.suppress(OSError, UnicodeDecodeError), h5py.File(path, "r") as held:
        value = held.attrs.get(key, "")
        return value.decode() if isinstance(value, bytes) else str(value)
    return ""


def _check_layers(keras: Any, config: str, name: str) -> None:
    """Refuse layers that are too large, by building them without numbers first: the torch backend can."""
    if not config or keras.backend.backend() != "torch":
        return
    with contextlib.suppress(Exception):  # Keras itself says why it cannot be built
        described = json.loads(config)
        with keras.device("meta"):
            model = keras.saving.deserialize_keras_object(described, safe_mode=True)
        sizes = [_FLOAT * _product(weight.shape) for weight in model.weights]
        if sum(sizes) <= memory.most():
            return
        described = sum(sizes)
    if isinstance(described, int):
        memory.check(described, f"the layers of {name}", InvalidInput)


def _product(shape: Any) -> int:
    number = 1
    for length in shape:
        number *= int(length)
    return number
