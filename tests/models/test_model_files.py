"""Model files that are no models, or unpack to more than memory holds: one clear line, before anything is allocated."""

import json
import os
import struct
import zipfile

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.core.files import kind_of
from seewhy.models import load_model
from seewhy.models.graphs.onnx_claims import check_claims, claims_of
from seewhy.models.model_files import check_files, members
from support.planted import OPTIONS

ENDINGS = {
    "torchscript": "pt", "torchexport": "pt2", "keras": "keras", "onnx": "onnx", "tflite": "tflite", "openvino": "xml",
}  # fmt: skip
EACH = pytest.mark.parametrize("prefix", ENDINGS)


@pytest.fixture(autouse=True)
def little(monkeypatch):
    monkeypatch.setenv("SEEWHY_MAX_MEMORY", "1MB")


def made(path, kind):
    """Make something that is no model file where one is named."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(5 * 10**9)
    elif kind != "nothing":
        path.write_bytes({"empty": b"", "photo": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-1.7"}[kind])
    return path


@EACH
@pytest.mark.parametrize(
    ("kind", "rule", "value"),
    [
        ("nothing", "be a file", None),
        ("empty", "hold a network", 0),
        ("folder", "be a regular file", "folder"),
        ("pipe", "be a regular file", "pipe"),
        ("device", "be a regular file", "device"),
        ("photo", "hold a network", "a PNG image"),
        ("pdf", "hold a network", "a PDF"),
        ("sparse", "need at most 1000000 bytes", 5 * 10**9),
    ],
)
def test_what_is_no_model_is_refused_before_a_library_opens_it(tmp_path, prefix, kind, rule, value):
    path = made(tmp_path / f"it.{ENDINGS[prefix]}", kind)

    with pytest.raises(InvalidInput) as error:
        load_model(f"{prefix}:{path}", **OPTIONS)

    assert (error.value.rule, error.value.value) == (rule, value)
    assert "\n" not in str(error.value)


@EACH
@pytest.mark.parametrize("content", [b"hello\n", bytes(range(256)) * 20, b"PK\x03\x04" + bytes(100)])
def test_other_content_is_told_by_name(tmp_path, prefix, content):
    path = tmp_path / f"it.{ENDINGS[prefix]}"
    path.write_bytes(content)
    path.with_suffix(".bin").write_bytes(b"")

    with pytest.raises(ModelError, match=rf"{prefix}:it\.") as error:
        load_model(f"{prefix}:{path}", **OPTIONS)

    assert error.value.setting == f"{prefix}:{path.name}"
    assert "\n" not in str(error.value)


# --- archives --------------------------------------------------------------------------------------------------


def archive(path, how=zipfile.ZIP_DEFLATED, size=5_000_000):
    with zipfile.ZipFile(path, "w", how) as file:
        for name in ("archive_format", "code/it.py", "config.json"):
            file.writestr(f"it/{name}" if name != "config.json" else name, "{}")
        file.writestr("it/data/weights/weight_0", bytes(size))
    return path


@pytest.mark.parametrize("prefix", ["torchscript", "torchexport", "keras"])
def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, prefix):
    path = archive(tmp_path / f"it.{ENDINGS[prefix]}")
    assert path.stat().st_size < 10_000

    with pytest.raises(InvalidInput, match="SEEWHY_MAX_MEMORY=1GB") as error:
        load_model(f"{prefix}:{path}", **OPTIONS)

    assert error.value.value == 5_000_006


def understated(path):
    """Write another size of the last member into the archive, as a reader trusts it."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 10)
    path.write_bytes(content)
    return path


def test_an_archive_that_states_less_than_it_holds_is_refused(tmp_path):
    with pytest.raises(InvalidInput) as error:
        members(understated(archive(tmp_path / "it.pt2")), "it")

    assert (error.value.rule, error.value.value) == ("unpack to what it states", 10)


def test_an_archive_that_contradicts_itself_is_no_archive(tmp_path):
    with pytest.raises(zipfile.BadZipFile):
        members(understated(archive(tmp_path / "it.pt2", zipfile.ZIP_STORED, 100)), "it")


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_whose_readers_have_no_limit_are_refused(tmp_path, how):
    with pytest.raises(InvalidInput) as error:
        members(archive(tmp_path / "it.pt2", how, 100), "it")

    assert error.value.rule == "be stored or deflated"


def test_an_honest_archive_is_read(tmp_path):
    assert len(members(archive(tmp_path / "it.pt2", size=500_000), "it")) == 4


# --- what the formats state ------------------------------------------------------------------------------------


def test_weights_of_keras_that_were_never_written_are_weighed(tmp_path):
    pytest.importorskip("keras")
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "it.h5", "w") as file:
        file.create_dataset("a/kernel", (10**6, 10), "f4", chunks=True, compression="gzip")

    with pytest.raises(InvalidInput) as error:
        load_model(f"keras:{tmp_path / 'it.h5'}", **OPTIONS)

    assert error.value.value == 4 * 10**7


def test_layers_of_keras_are_weighed_before_they_are_built(tmp_path):
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("the torch backend alone builds without numbers")
    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
    config = json.dumps(json.loads(keras.Sequential(layers).to_json()))
    with zipfile.ZipFile(tmp_path / "it.keras", "w") as file:
        file.writestr("config.json", config.replace('"units": 4', '"units": 1000000000'))

    with pytest.raises(InvalidInput) as error:
        load_model(f"keras:{tmp_path / 'it.keras'}", **OPTIONS)

    assert error.value.value == 4 * (192 + 1) * 10**9


def graph(nodes=(), numbers=(), shape=("n", 3, 8, 8), **more):
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    ends = [helper.make_tensor_value_info(name, 1, shape) for name in "xy"]
    body = helper.make_graph([*nodes, helper.make_node("Relu", ["x"], ["y"])], "g", *([one] for one in ends), numbers)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, **more)


def claimed(model):
    check_claims(claims_of(memoryview(model.SerializeToString())), "it")


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("operation", ["ConstantOfShape", "Expand", "Tile", "Range"])
def test_tensors_that_an_onnx_graph_makes_are_weighed(operation, packed):
    onnx = pytest.importorskip("onnx")
    lengths = [1000, 1000]
    shape = onnx.numpy_helper.from_array(np.array(lengths), "s")
    if not packed:
        shape = onnx.helper.make_tensor("s", onnx.TensorProto.INT64, [2], lengths)
    value = onnx.numpy_helper.from_array(np.ones(1, np.float32), "v")
    inputs = ["s"] if operation in {"ConstantOfShape", "Range"} else ["v", "s"]

    with pytest.raises(InvalidInput) as error:
        claimed(graph([onnx.helper.make_node(operation, inputs, ["c"])], [shape, value]))

    assert error.value.value == 4_000_000


def test_numbers_that_an_onnx_file_states_are_weighed_and_honest_ones_are_not_refused():
    onnx = pytest.importorskip("onnx")
    claimed(graph(numbers=[onnx.numpy_helper.from_array(np.ones((100, 100), np.float32), "v")]))

    with pytest.raises(InvalidInput) as error:
        claimed(graph(numbers=[onnx.TensorProto(name="v", dims=[10**6, 10**6], data_type=1)]))

    assert error.value.value == 4 * 10**12


@pytest.mark.parametrize("end", range(0, 200, 7))
def test_a_cut_onnx_file_claims_no_more_than_it_says(end):
    claims_of(memoryview(graph().SerializeToString()[:end]))
    claims_of(memoryview(np.random.default_rng(end).bytes(end)))


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("pipe", "be a regular file"),
        ("nothing", "be a file"),
        ("../above", "keep its numbers in its folder"),
        ("/etc/hostname", "keep its numbers in its folder"),
    ],
)
def test_numbers_of_an_onnx_file_lie_in_regular_files_beside_it(tmp_path, place, rule):
    onnx = pytest.importorskip("onnx")
    os.mkfifo(tmp_path / "pipe")
    tensor = onnx.TensorProto(name="v", dims=[4], data_type=1, data_location=1)
    tensor.external_data.add(key="location", value=place)
    (tmp_path / "it.onnx").write_bytes(graph(numbers=[tensor]).SerializeToString())

    with pytest.raises(InvalidInput) as error:
        load_model(f"onnx:{tmp_path / 'it.onnx'}", **OPTIONS)

    assert error.value.rule == rule


@pytest.mark.parametrize("shape", [("n", 3, 60000, 60000), (10**9, 3, 8, 8)])
def test_an_input_that_no_memory_holds_is_refused(tmp_path, shape):
    pytest.importorskip("onnxruntime")
    (tmp_path / "it.onnx").write_bytes(graph(shape=shape).SerializeToString())

    with pytest.raises(InvalidInput) as error:
        load_model(f"onnx:{tmp_path / 'it.onnx'}", preprocessing="0..1")

    assert error.value.value == 4 * np.prod([1 if one == "n" else one for one in shape])


def test_a_folder_of_transformers_holds_regular_files(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"")
    check_files(tmp_path)
    os.mkfifo(tmp_path / "config.json")

    with pytest.raises(InvalidInput) as error:
        check_files(tmp_path)

    assert error.value.value == "pipe"


# --- labels, and kinds of files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"\xff\xfea\0", b"\xff"),
        (b"a\ncaf\xe9\n", b"\xe9"),
        (b"PK\x03\x04", "a zip archive"),
        (b"x\n" * 10_000, 64 * 20_000),
    ],
)
def test_a_file_of_labels_is_text_of_a_size_that_memory_holds(tmp_path, content, value):
    from seewhy.models.options import ModelOptions

    (tmp_path / "labels.txt").write_bytes(content)

    with pytest.raises(InvalidInput) as error:
        ModelOptions(labels=tmp_path / "labels.txt").labels_of(None)

    assert error.value.value == value


@pytest.mark.parametrize("text", ["BMW\nAudi\nOpel\nSkoda", "GIF\n", "II\n", "[method]\nname = 'lime'", "", "{}"])
def test_text_is_of_no_known_kind(text):
    assert kind_of(text.encode()) == ""


def test_settings_that_are_a_photo_say_so(tmp_path):
    from seewhy.core.errors import FileError
    from seewhy.core.settings import read_toml

    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))

    with pytest.raises(FileError, match=r"not a settings file \(TOML\) but a JPEG image") as error:
        read_toml(tmp_path / "photo.jpg")

    assert error.value.value == "a JPEG image"
