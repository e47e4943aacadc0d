"""The reader of torch's legacy files: what it reads, and that nothing in a file can run."""

import hashlib
import importlib
import os
import pickle
import struct
import sys

import numpy as np
import pytest

from seewhy.core.errors import ModelError
from seewhy.models.embedded import weights
from seewhy.models.embedded.weights import SOURCES, Source, _locate, _parse, load_weights
from support.refusing import refuses

HEADER = (weights._MAGIC, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
NAME = "efficientnet-lite0"


def tensor(*, key="0", size=4, offset=0, shape=(2, 2), strides=(2, 1), kind="FloatStorage", place="storage"):
    """Return the opcodes that describe a tensor, as torch writes them."""
    numbers = [b"(" + b"".join(b"I%d\n" % n for n in values) + b"t" for values in (shape, strides)]
    storage = f"(V{place}\nctorch\n{kind}\nV{key}\nVcpu\nI{size}\nNtQ".encode()
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"I%d\n" % offset + b"".join(numbers) + b"I00\ntR"


def state(*described):
    return b"ccollections\nOrderedDict\n)R" + b"".join(b"Vt%d\n%bs" % pair for pair in enumerate(described)) + b"."


def legacy(described, numbers=(1, 2, 3, 4), *, header=HEADER, keys=("0",), dtype="<f4"):
    """Return a whole file; a part of the header may be given as a pickle."""
    head = b"".join(part if isinstance(part, bytes) else pickle.dumps(part, 2) for part in header)
    raw = struct.pack("<q", len(numbers)) + np.array(numbers, dtype).tobytes()
    return head + described + pickle.dumps(list(keys), 2) + raw


class Attack:
    """Makes a pickle that calls ``function`` when it is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def read(data):
    return _parse(data, "file.pth")


def test_reads_values_shape_and_strides():
    found = read(legacy(state(tensor(), tensor(strides=(1, 2)), tensor(shape=(), strides=(), offset=3))))

    assert list(found) == ["t0", "t1", "t2"]
    np.testing.assert_array_equal(found["t0"], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(found["t1"], [[1, 3], [2, 4]])
    assert found["t1"].flags.c_contiguous
    assert found["t1"].dtype == np.float32
    assert found["t2"].shape == ()
    assert found["t2"] == 4


def test_reads_integers():
    (found,) = read(legacy(state(tensor(kind="LongStorage")), dtype="<i8")).values()

    assert found.dtype == np.int64


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("attack", ["os.system", "eval", "exec", "getattr", "import"])
def test_runs_nothing_wherever_it_stands_in_the_file(tmp_path, attack, nested, place):
    proof = tmp_path / "ran"
    code = f"open({str(proof)!r}, 'w')"
    call = {
        "os.system": Attack(os.system, f"touch {proof}"),
        "eval": Attack(eval, code),
        "exec": Attack(exec, code),
        "getattr": Attack(getattr, "text", "upper"),
        "import": Attack(importlib.import_module, "antigravity"),
    }[attack]
    evil = pickle.dumps({"weight": [{"deep": call}]} if nested else call, 2)
    parts = [*HEADER, state(tensor()), ["0"]]
    parts[place] = evil
    data = b"".join(part if isinstance(part, bytes) else pickle.dumps(part, 2) for part in parts)

    with refuses(ModelError, "weights", value="file.pth"):
        read(data)

    assert not proof.exists()
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("protocol", range(6))
def test_knows_no_other_global_in_any_protocol(protocol):
    data = legacy(pickle.dumps(np.dtype("<f4"), protocol))

    with refuses(ModelError, "weights", value="file.pth"):
        read(data)


@pytest.mark.parametrize(
    "described",
    [
        tensor(offset=1),
        tensor(shape=(3, 2)),
        tensor(strides=(3, 1)),
        tensor(offset=-1),
        tensor(shape=(-1, 2)),
        tensor(strides=(-2, 1)),
        tensor(shape=(2,)),
        tensor(shape=(2**40, 2), strides=(0, 1)),
        tensor(size=5),
        tensor(key="1"),
        tensor(place="module"),
    ],
    ids=lambda described: str(described[-70:]),
)
def test_refuses_a_tensor_that_leaves_its_storage(described):
    with refuses(ModelError, "weights", value="file.pth"):
        read(legacy(state(described)))


@pytest.mark.parametrize(
    "header",
    [
        (1, *HEADER[1:]),
        (HEADER[0], 1000, HEADER[2]),
        (*HEADER[:2], {"little_endian": False}),
        (*HEADER[:2], 7),
    ],
)
def test_refuses_another_header(header):
    with refuses(ModelError, "weights", value="file.pth"):
        read(legacy(state(tensor()), header=header))


def test_refuses_a_file_cut_short_anywhere():
    whole = legacy(state(tensor()))
    read(whole)

    for length in range(len(whole)):
        with refuses(ModelError, "weights", value="file.pth"):
            read(whole[:length])


def test_refuses_something_else_than_a_dict_of_tensors():
    with refuses(ModelError, "weights", value="file.pth"):
        read(legacy(pickle.dumps({"weight": 1}, 2)))
    with refuses(ModelError, "weights", value="file.pth"):
        read(legacy(pickle.dumps([1], 2)))


def test_the_embedded_weights_are_read_without_torch():
    found = load_weights(NAME)

    assert found["_fc.weight"].shape == (1000, 1280)
    assert {array.dtype.name for array in found.values()} == {"float32", "int64"}
    assert all(np.isfinite(array).all() for array in found.values())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on the path whose code must not run; its one file holds ``data``."""

    def make(data, sha256):
        folder = tmp_path / "seewhy_test_weights"
        folder.mkdir()
        (folder / "__init__.py").write_text("raise AssertionError('the package was run')")
        if data is not None:
            (folder / "file.pth").write_bytes(data)
        monkeypatch.syspath_prepend(tmp_path)
        source = Source("seewhy-test-weights==1", folder.name, "file.pth", sha256)
        monkeypatch.setitem(SOURCES, NAME, source)
        return folder

    return make


def test_finds_the_file_without_running_its_package(package):
    data = legacy(state(tensor()))
    folder = package(data, hashlib.sha256(data).hexdigest())

    assert _locate(SOURCES[NAME]) == folder / "file.pth"
    assert list(load_weights(NAME)) == ["t0"]


def test_a_wrong_hash_is_refused_before_anything_is_unpickled(package, monkeypatch):
    monkeypatch.setattr(weights, "_parse", lambda *_: pytest.fail("unpickled"))
    package(legacy(state(tensor())), "0" * 64)

    with refuses(ModelError, "weights", rule="have the known SHA-256"):
        load_weights(NAME)


def test_a_missing_file_and_a_missing_package_say_how_to_get_it(package, monkeypatch):
    package(None, "")
    with refuses(ModelError, "weights", rule="be readable"):
        load_weights(NAME)

    monkeypatch.setattr("importlib.util.find_spec", lambda *_: None)
    with refuses(ModelError, "weights", value="seewhy_test_weights"):
        load_weights(NAME)
    for number in (1, 2):
        with refuses(ModelError, "weights", rule="be installed"):
            load_weights(f"efficientnet-lite{number}")
