"""Converted networks on disk: found again, whole or not at all, within their room, whoever else is writing."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import seewhy
from seewhy.models.compiled import conversions
from seewhy.models.compiled.conversions import converted
from seewhy.models.compiled.openvino_runtime import Network, import_openvino
from support.refusing import refuses


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SEEWHY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def network(factor=2.0, width=3):
    """A network of one layer that adds up its picture."""
    openvino = import_openvino()
    ops = openvino.opset13
    picture = ops.parameter([2, width], np.float32)
    weights = ops.constant(np.full((width, 4), factor, np.float32))
    return openvino.Model([ops.matmul(picture, weights, False, False)], [picture], "small")  # noqa: FBT003


def answer(model, width=3):
    return next(Network(model).stream([np.ones((2, width), np.float32)]))[0, 0]


def never():
    raise AssertionError("it is there already")


def entries(folder):
    return sorted(one.name for one in folder.iterdir())


def test_it_is_converted_once(folder):
    assert answer(converted("a", network)) == 6
    assert answer(converted("a", never)) == 6
    assert answer(converted("b", lambda: network(3.0))) == 9
    assert answer(converted("a", never)) == 6
    assert len(entries(folder)) == 2


@pytest.mark.parametrize("name", ["network.xml", "network.bin", "sha256"])
@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_what_is_damaged_is_made_again(folder, name, damage):
    converted("a", network)
    path = folder / entries(folder)[0] / name
    if damage == "missing":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    made = []
    assert answer(converted("a", lambda: made.append(1) or network())) == 6
    assert made == [1]
    assert answer(converted("a", never)) == 6


def test_nothing_half_written_is_left_where_writing_fails(folder, monkeypatch):
    def full(model, xml, weights):
        Path(xml).write_text("<half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(import_openvino(), "serialize", full)
    assert answer(converted("a", network)) == 6
    assert entries(folder) == []


def test_a_place_that_cannot_be_written_costs_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SEEWHY_CACHE", str(tmp_path / "file"))
    assert answer(converted("a", network)) == 6


@pytest.mark.parametrize("off", ["off", "OFF", "Off"])
def test_off_is_off(tmp_path, monkeypatch, off):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEWHY_CACHE", off)
    assert answer(converted("a", network)) == 6
    assert entries(tmp_path) == []


def test_the_entries_not_used_for_longest_make_room(folder, monkeypatch):
    monkeypatch.setenv("SEEWHY_CACHE_MB", "0.12")
    for i, key in enumerate("abc"):
        converted(key, lambda: network(width=2000))  # 32 kB each
        newest = max(folder.iterdir(), key=lambda one: one.stat().st_mtime)
        os.utime(newest, (1000 + i, 1000 + i))
    first = {key: key_of(key) for key in "abc"}
    converted("a", never)  # used again
    converted("d", lambda: network(width=2000))
    assert set(entries(folder)) == {first["a"], first["c"], key_of("d")}


def test_what_is_not_ours_is_left_alone(folder, monkeypatch):
    """The folder may be one that holds other things too."""
    monkeypatch.setenv("SEEWHY_CACHE_MB", "0")
    ours = ["a" * 64, ".seewhy-new-dead"]
    theirs = ["photos", "new-york", "b" * 63, ".seewhy-new-busy", "A" * 64, "c" * 64]
    for name in ours + theirs:
        (folder / name / "deep").mkdir(parents=True)
        (folder / name / "file").write_text("x" * 1000)
    (folder / ("a" * 64) / "sha256").touch()
    (folder / "link").symlink_to(folder / "photos")
    os.utime(folder / ".seewhy-new-dead", (1000, 1000))

    converted("a", network)

    assert set(entries(folder)) == {*theirs, "link", key_of("a")}


def test_a_sealed_entry_that_cannot_be_read_is_made_again(folder):
    import hashlib

    converted("a", network)
    (entry,) = folder.iterdir()
    (entry / "network.xml").write_text("<net")
    parts = [hashlib.sha256((entry / name).read_bytes()).digest() for name in ("network.xml", "network.bin")]
    (entry / "sha256").write_text(hashlib.sha256(b"".join(parts)).hexdigest())
    made = []

    assert answer(converted("a", lambda: made.append(1) or network())) == 6
    assert made == [1]
    assert answer(converted("a", never)) == 6


def test_a_seal_that_is_no_text_is_no_seal(folder):
    converted("a", network)
    (entry,) = folder.iterdir()
    (entry / "sha256").write_bytes(b"\xff\xfe")
    assert answer(converted("a", network)) == 6
    assert answer(converted("a", never)) == 6


def test_home_is_meant_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "me"))
    monkeypatch.setenv("SEEWHY_CACHE", "~/kept")
    converted("a", network)
    assert entries(tmp_path / "me" / "kept") == [key_of("a")]
    assert entries(tmp_path) == ["me"]


def key_of(key):
    import hashlib

    return hashlib.sha256(f"{key} {import_openvino().__version__}".encode()).hexdigest()


def _convert(folder):
    os.environ["SEEWHY_CACHE"] = str(folder)
    return float(answer(converted("a", lambda: network(width=2000)), 2000))


@pytest.mark.slow
def test_processes_at_once_leave_one_whole_entry(folder):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert pool.map(_convert, [folder] * 6) == [4000.0] * 6
    assert len(entries(folder)) == 1
    assert answer(converted("a", never), 2000) == 4000


def test_an_entry_that_another_process_made_in_the_meantime_stays(folder):
    def make():
        converted("a", network)
        (entry,) = folder.iterdir()
        (entry / "mark").touch()
        return network()

    assert answer(converted("a", make)) == 6
    (entry,) = folder.iterdir()
    assert (entry / "mark").exists()


def test_an_entry_that_goes_while_it_is_read_is_made_again(folder, monkeypatch):
    converted("a", network)
    (entry,) = folder.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(conversions.os, "utime", shutil.rmtree)
        assert answer(converted("a", network)) == 6
    assert entry.exists()
    assert answer(converted("a", never)) == 6


def test_a_wrong_entry_is_found_out_on_the_photo(folder):
    torch = pytest.importorskip("torch", reason="the extra torch is not installed")

    def net(seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 3))

    asked = {"preprocessing": seewhy.Preprocessing(size=(8, 8)), "head": "logits"}
    photo = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=2), n_samples=20)
    seewhy.load_model(net(1), **asked)
    (entry,) = folder.iterdir()
    seewhy.load_model(net(2), **asked)
    (other,) = set(folder.iterdir()) - {entry}
    for file in ("network.xml", "network.bin", "sha256"):
        (other / file).write_bytes((entry / file).read_bytes())
    got = seewhy.explain(photo, model=seewhy.load_model(net(2), **asked), method=method)
    native = seewhy.explain(photo, model=seewhy.load_model(net(2), runtime="native", **asked), method=method)
    np.testing.assert_array_equal(got.values(), native.values())
    assert any("its own framework" in note for note in got.warnings)


@pytest.mark.slow
def test_int8_is_corrected_by_the_exact_model_and_kept(folder, monkeypatch, capfd):
    pytest.importorskip("nncf", reason="the extra int8 is not installed")
    from skimage import data

    model = seewhy.load_model("efficientnet-lite0", precision="int8")
    assert capfd.readouterr().out == ""
    assert len(entries(folder)) == 1
    monkeypatch.setattr(conversions, "_keep", never)
    seewhy.load_model("efficientnet-lite0", precision="int8")
    lime = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), n_samples=256)
    got = seewhy.explain(data.coffee(), model=model, method=lime)
    exact = seewhy.explain(data.coffee(), method=lime)
    assert got.model.run_by.startswith("OpenVINO int8, up to ")
    assert got.samples.n_exact == 32
    assert np.linalg.norm(got.values() - exact.values()) < 2 * got.error * np.linalg.norm(exact.values())
    quick = got.samples.scores[~got.samples.answers.exact.known][:, 0]
    assert not np.allclose(quick, exact.samples.scores[~got.samples.answers.exact.known][:, 0], atol=1e-3)


def test_a_limit_that_is_no_number_is_named(folder, monkeypatch):
    monkeypatch.setenv("SEEWHY_CACHE_MB", "2GB")
    with refuses(seewhy.InvalidInput, "SEEWHY_CACHE_MB", value="2GB"):
        converted("a", network)


@pytest.mark.parametrize("value", ["-1", "nan", "-inf"])
def test_a_limit_below_nothing_is_refused(folder, monkeypatch, value):
    monkeypatch.setenv("SEEWHY_CACHE_MB", value)
    with refuses(seewhy.InvalidInput, "SEEWHY_CACHE_MB", value=value):
        converted("a", network)
    assert not folder.exists()
