"""Files of torch: TorchScript and exported programs run as the module did, and no pickle is read."""

import io
import pickle
import zipfile
from pathlib import Path

import pytest

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import load_model
from support.planted import BIAS, OPTIONS, SIDE, WEIGHTS, check_batches, check_planted, check_same
from support.refusing import refuses

torch = pytest.importorskip("torch", reason="files are made and read with it")
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:.torch\.jit:DeprecationWarning"),
    pytest.mark.filterwarnings(r"ignore:.isinstance\(treespec:FutureWarning"),
]


def planted(end=None, dropout=False):
    linear = torch.nn.Linear(3 * SIDE * SIDE, 3)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(WEIGHTS.transpose(0, 3, 1, 2).reshape(3, -1).copy()))
        linear.bias.copy_(torch.from_numpy(BIAS))
    ends = {None: [], "softmax": [torch.nn.Softmax(1)], "sigmoid": [torch.nn.Sigmoid()]}[end]
    module = torch.nn.Sequential(torch.nn.Flatten(), *([torch.nn.Dropout(0.9)] if dropout else []), linear, *ends)
    return module if dropout else module.eval()


def scripted(folder, batch=2, traced=True, **how):
    path = folder / "planted.pt"
    module = planted(**how)
    made = torch.jit.trace(module, torch.zeros(batch, 3, SIDE, SIDE)) if traced else torch.jit.script(module)
    torch.jit.save(made, str(path))
    return f"torchscript:{path}"


def exported(folder, batch=None, **how):
    path = folder / "planted.pt2"
    example = (torch.zeros(batch or 2, 3, SIDE, SIDE),)
    free = None if batch else ({0: torch.export.Dim("n", min=1, max=1024)},)
    torch.export.save(torch.export.export(planted(**how), example, dynamic_shapes=free), str(path))
    return f"torchexport:{path}"


# --- answers ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["auto", "native"])
@pytest.mark.parametrize(
    ("write", "how"),
    [
        (scripted, {}),
        (scripted, {"traced": False}),
        (scripted, {"traced": False, "dropout": True}),  # saved in training mode
        (exported, {}),
        (exported, {"batch": 1}),
        (exported, {"batch": 3}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_it_explains_as_a_plain_function_does(tmp_path, write, how, runtime):
    got = check_same(load_model(write(tmp_path, **how), runtime=runtime, **OPTIONS))

    assert got.model.run_by.startswith("OpenVINO f32") is (runtime == "auto")


@pytest.mark.slow
@pytest.mark.parametrize("write", [scripted, exported])
def test_it_points_at_what_the_network_reads(tmp_path, write):
    check_planted(load_model(write(tmp_path, end="softmax"), **OPTIONS))


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["native", "openvino"])
@pytest.mark.parametrize("batch", [1, 3, None])
def test_five_together_are_five_alone(tmp_path, batch, runtime):
    check_batches(load_model(exported(tmp_path, batch=batch), runtime=runtime, **OPTIONS))


def test_five_together_are_five_alone_in_torchscript(tmp_path):
    check_batches(load_model(scripted(tmp_path), runtime="native", **OPTIONS))


@pytest.mark.parametrize("write", [scripted, exported])
@pytest.mark.parametrize(("end", "head"), [("softmax", "softmax"), ("sigmoid", "multi-label"), (None, "logits")])
def test_its_last_layer_says_what_the_answers_are(tmp_path, write, end, head):
    assert load_model(write(tmp_path, end=end), **OPTIONS).head.name == head


@pytest.mark.slow
@pytest.mark.parametrize("write", [scripted, exported])
def test_its_content_is_its_fingerprint(tmp_path, write):
    prefix, _, path = write(tmp_path).partition(":")
    first = load_model(f"{prefix}:{path}", **OPTIONS).identity
    moved = Path(path).rename(tmp_path / "moved.pt2")

    assert first.startswith(f"{prefix}:sha256:")
    assert load_model(f"{prefix}:{moved}", **OPTIONS).identity == first
    assert load_model(write(tmp_path, end="softmax"), **OPTIONS).identity != first


# --- what is refused -------------------------------------------------------------------------------------------

PREFIXES = pytest.mark.parametrize("prefix", ["torchscript", "torchexport"])


class Bomb:
    """Says so when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a file was unpickled",))


@pytest.mark.slow
@PREFIXES
@pytest.mark.parametrize("what", ["module", "weights", "bomb", "old format"])
def test_pickles_are_never_read(tmp_path, prefix, what):
    path = tmp_path / "planted.pth"
    held = {"module": planted(), "weights": planted().state_dict(), "bomb": {"weights": Bomb()}}
    torch.save(held.get(what, planted()), path, _use_new_zipfile_serialization=what != "old format")

    with pytest.raises((InvalidInput, ModelError), match=r"planted\.pth.*is a pickle.*torch\.export\.save or torch"):
        load_model(f"{prefix}:{path}", **OPTIONS)


def repacked(place, change):
    """Change the parts of an archive: a part by name, to its new content, or None to leave it."""
    path = place.partition(":")[2]
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (parts | change(parts)).items():
            archive.writestr(name, content)
    return place


def test_sample_inputs_are_not_unpickled(tmp_path):
    bomb = io.BytesIO()
    torch.save((Bomb(),), bomb)
    place = repacked(
        exported(tmp_path), lambda parts: {next(n for n in parts if "sample_inputs" in n): bomb.getvalue()}
    )

    check_same(load_model(place, runtime="native", **OPTIONS))


@pytest.mark.parametrize(
    "part", ["data/weights/model.pt", "data/constants/opaque_obj_0", "data/aotinductor/model/code.so"]
)
def test_an_exported_program_with_pickled_parts_is_refused(tmp_path, part):
    place = repacked(exported(tmp_path), lambda parts: {f"planted/{part}": pickle.dumps(Bomb())})

    with refuses(InvalidInput, "model", rule="contain no pickled objects"):
        load_model(place, **OPTIONS)


def test_an_exported_program_with_pickled_weights_is_refused(tmp_path):
    config = "planted/data/weights/model_weights_config.json"
    place = repacked(
        exported(tmp_path),
        lambda parts: {config: parts[config].replace(b'"use_pickle": false', b'"use_pickle": true', 1)},
    )

    with refuses(InvalidInput, "model", value="data/weights/model_weights_config.json"):
        load_model(place, **OPTIONS)


def test_an_exported_program_with_code_for_a_length_is_refused(tmp_path):
    graph = "planted/models/model.json"

    def change(parts):
        assert b'"expr_str": "Symbol' in parts[graph]
        return {graph: parts[graph].replace(b'"expr_str": "Symbol', b'"expr_str": "f(7) or Symbol', 1)}

    with refuses(InvalidInput, "model", value="models/model.json"):
        load_model(repacked(exported(tmp_path), change), **OPTIONS)


@PREFIXES
def test_a_missing_file_is_named(tmp_path, prefix):
    with refuses(InvalidInput, "none.pt", rule="be a file"):
        load_model(f"{prefix}:{tmp_path / 'none.pt'}", **OPTIONS)


@pytest.mark.parametrize("write", [scripted, exported])
@pytest.mark.parametrize("keep", [3, 5000, "other"])
def test_a_broken_file_is_refused(tmp_path, write, keep):
    prefix, _, path = write(tmp_path).partition(":")
    content = Path(path).read_bytes()
    Path(path).write_bytes(b"something else" * 9 if keep == "other" else content[:keep])

    with refuses(ModelError, f"{prefix}:{Path(path).name}", rule="be a whole file of torch"):
        load_model(f"{prefix}:{path}", **OPTIONS)


def test_an_archive_without_its_graph_is_refused(tmp_path):
    place = repacked(exported(tmp_path), lambda parts: {"planted/models/model.json": b"{}"})

    with refuses(ModelError, "torchexport:planted.pt2", rule="be a whole file of torch"):
        load_model(place, **OPTIONS)


def test_the_other_prefix_is_named(tmp_path):
    with refuses(InvalidInput, "model", value="torchexport:planted.pt"):
        load_model(scripted(tmp_path).replace("torchscript", "torchexport"), **OPTIONS)
    with refuses(InvalidInput, "model", value="torchscript:planted.pt2"):
        load_model(exported(tmp_path).replace("torchexport", "torchscript"), **OPTIONS)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "b")
    with refuses(InvalidInput, "model", value="torchexport:other.zip"):
        load_model(f"torchexport:{tmp_path / 'other.zip'}", **OPTIONS)


@pytest.mark.parametrize("write", [scripted, exported])
def test_preprocessing_must_be_said(tmp_path, write):
    with refuses(InvalidInput, "preprocessing", rule="be given"):
        load_model(write(tmp_path))


def test_the_size_of_an_exported_program_is_kept(tmp_path):
    place = exported(tmp_path)

    assert load_model(place, preprocessing="imagenet").preprocessing.size == (SIDE, SIDE)
    with refuses(InvalidInput, "input_size", value="(64, 64)"):
        load_model(place, preprocessing="imagenet", input_size=64)


def test_several_inputs_are_refused_by_name(tmp_path):
    class Two(torch.nn.Module):
        def forward(self, pictures, mask):
            return pictures.mean((2, 3)) * mask

    path = tmp_path / "two.pt2"
    torch.export.save(torch.export.export(Two(), (torch.zeros(2, 3, 8, 8), torch.zeros(2, 1))), str(path))

    with refuses(InvalidInput, "model", value=2):
        load_model(f"torchexport:{path}", **OPTIONS)
