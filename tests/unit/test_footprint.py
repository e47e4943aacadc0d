"""Result and settings files that claim more memory than there is: refused before any of it is taken."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.core.errors import FileError, InvalidInput
from seewhy.core.settings import read_toml
from seewhy.explanation import result_file
from seewhy.explanation.loading import load
from seewhy.explanation.record import fingerprint
from seewhy.sampling.samples import packed

MOST = 150 * 10**6
"""Bytes that a refusal may take."""
GRID = seewhy.Grid(rows=4, columns=8)
METHODS = {
    "lime": seewhy.Lime(segmentation=GRID, fill="black", n_samples=100),
    "rise": seewhy.Rise(fill="black", n_samples=100),
    "ensemble": seewhy.EnsembleLime(n_samples=128),
}


def score(batch):
    return np.stack([batch.mean((1, 2, 3)), batch[..., 0].mean((1, 2))], 1).astype(np.float32)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    paths = {}
    for name, method in METHODS.items():
        paths[name] = tmp_path_factory.mktemp("written") / f"{name}.seewhy"
        seewhy.explain(photo, model=score, method=method, targets=[0], progress=False).save(paths[name])
    return paths


@pytest.fixture
def forged(written, tmp_path):
    def forge(change, name="lime"):
        header, arrays = result_file.read(written[name])
        header.pop("format")
        change(header, arrays)
        return result_file.write(tmp_path / "forged.seewhy", header, arrays)

    return forge


@pytest.fixture
def small(monkeypatch):
    """A limit that is smaller than what a refusal may take."""
    monkeypatch.setenv("SEEWHY_MAX_MEMORY", "100MB")


def refused(path, read=load):
    """Return the error; little memory was taken for it."""
    tracemalloc.start()
    try:
        with pytest.raises((FileError, InvalidInput)) as error:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
    assert len(str(error.value)) <= 600
    assert "\n" not in str(error.value)
    return error.value


def png(pixels):
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG")
    return np.frombuffer(buffer.getvalue(), np.uint8)


def many(side, n, **settings):
    """Return a change: as many segments as pixels, all rows lost, so that they would be drawn again."""
    ids = np.arange(side * side).reshape(side, side)

    def change(header, arrays):
        header["view"].update(photo=[side, side], resized=[side, side], height=side, width=side)
        header["settings"].update(n_samples=n, **settings)
        header["settings"]["segmentation"].update(rows=side, columns=side)
        segments = {"shape": [side, side], "sha256": fingerprint(ids.astype(np.int32))}
        header.update(d=side * side, n_samples=n, n_evaluations=n + 1, segments=segments, classes=[0])
        arrays.pop("bits")
        arrays.update(photo=png(np.zeros((side, side, 3), np.uint8)), segments=png(ids.astype(np.uint16)))
        arrays.update(scores=np.zeros((n, 1), np.float32), untouched=np.zeros((1, 1), np.float32))

    return change


@pytest.mark.parametrize(
    ("side", "n", "design"), [(200, 60_000, "bernoulli"), (250, 4, "hadamard"), (250, 4, "foldover-hadamard")]
)
def test_rows_that_would_be_drawn_again_are_weighed_first(forged, side, n, design):
    path = forged(many(side, n, design=design))
    assert path.stat().st_size < 500_000
    refused(path)


def test_the_limit_can_be_raised(forged, monkeypatch):
    path = forged(many(40, 20_000, design="bernoulli"))
    monkeypatch.setenv("SEEWHY_MAX_MEMORY", "100MB")
    assert "SEEWHY_MAX_MEMORY=1GB" in str(refused(path))
    monkeypatch.setenv("SEEWHY_MAX_MEMORY", "1GB")
    assert "SEEWHY_MAX_MEMORY" not in str(refused(path))  # and the rows are not those of the header


def header_of(**changes):
    return lambda header, _: header.update(changes)


def view_of(**changes):
    return lambda header, _: header["view"].update(changes)


def zeros(name, shape, dtype):
    return lambda _, arrays: arrays.update({name: np.zeros(shape, dtype)})


def targets(count):
    return lambda header, _: header.update(targets=header["targets"] * count)


CLAIMS = {
    "a view of 7000 x 7000": view_of(resized=[7000, 7000], top=0, left=0, height=7000, width=7000),
    "a view of 10 million x 10 million": view_of(resized=[10**7, 10**7], height=10**7, width=10**7),
    "a view of one row": view_of(resized=[1, 4 * 10**7], top=0, left=0, height=1, width=4 * 10**7),
    "n of 10**12": header_of(n_samples=10**12),
    "n of 10**400": header_of(n_samples=10**400),
    "d of 10 million": header_of(d=10**7),
    "classes of 10**12": header_of(model_classes=10**12),
    "classes of 10**400": header_of(model_classes=10**400),
    "evaluations of 10**400": header_of(n_evaluations=10**400),
    "pilot of 10**12": header_of(pilot=10**12),
    "negative n": header_of(n_samples=-5),
    "float n": header_of(n_samples=100.0),
    "n as text": header_of(n_samples="100"),
    "n is true": header_of(n_samples=True),
    "5000 targets": targets(5000),
    "1 million labels": header_of(labels=["a"] * 10**6),
    "a label of 4 million characters": header_of(labels=["a" * 4_000_000]),
    "segments of 10**9 maps": header_of(segments={"shape": [10**9, 48, 64], "sha256": "0"}),
    "segments of 10**400": header_of(segments={"shape": [10**400, 48, 64], "sha256": "0"}),
    "a photo of 30000 x 30000": lambda _, arrays: arrays.update(photo=png(np.zeros((30000, 30000), np.uint8))),
    "no rows": zeros("bits", (0, 4), np.uint8),
    "rows too wide": zeros("bits", (100, 4000), np.uint8),
    "rows of another type": zeros("bits", (100, 4), np.float64),
    "scores of 1 million": zeros("scores", (10**6, 2), np.float32),
    "scores of half": zeros("scores", (100, 2), np.float16),
    "scores without dimension": zeros("scores", (), np.float32),
    "settings of n 10**12": lambda header, _: header["settings"].update(n_samples=10**12),
    "a grid of 10**6": lambda header, _: header["settings"]["segmentation"].update(rows=10**6, columns=10**6),
    "settings nested": lambda header, _: header["settings"].update(fill=json.loads("[" * 300 + "]" * 300)),
}


@pytest.mark.slow
@pytest.mark.parametrize("claim", CLAIMS)
def test_what_a_header_claims_is_weighed_first(forged, claim, small):
    refused(forged(CLAIMS[claim]))


@pytest.mark.parametrize(
    "change",
    [
        view_of(resized=[1, 4 * 10**7], top=0, left=0, height=1, width=4 * 10**7),
        lambda header, _: header["settings"].update(grid=10**6),
        header_of(n_samples=10**12),
    ],
    ids=["one row", "grid", "n"],
)
def test_maps_of_rise_are_weighed_first(forged, change, small):
    refused(forged(change, "rise"))


def test_segmentations_that_rows_name_are_not_computed_for_nothing(forged):
    def named(place, part):
        def change(header, arrays):
            arrays["parts"][place] = part
            header["asked"] = fingerprint(packed(arrays["bits"], None, arrays["parts"]))

        return change

    assert "65536 segmentations" in str(refused(forged(named(-1, 65_535), "ensemble")))
    assert "60001 segmentations" in str(refused(forged(named(0, 60_000), "ensemble")))


def sparse(path: Path, length: int, start: bytes = b"") -> Path:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(length)
    return path


@pytest.mark.parametrize(
    "start",
    [b"", struct.pack("<Q", 2**40), struct.pack("<Q", 2**63 - 1), struct.pack("<Q", 99_000_000) + b"{"],
    ids=["zeros", "1 TB header", "8 EB header", "99 MB header"],
)
def test_files_that_are_mostly_holes_are_not_read(tmp_path, start):
    refused(sparse(tmp_path / "holes.seewhy", 10**11, start))
    refused(sparse(tmp_path / "small.seewhy", 10**6, start))


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a":' * 10**5, "[" * 900 + "]" * 900, "1" * 5000, '"x' * 10**6])
def test_headers_that_are_no_plain_json_are_refused(tmp_path, written, text):
    from safetensors.numpy import save

    _, arrays = result_file.read(written["lime"])
    (tmp_path / "odd.seewhy").write_bytes(save(arrays, metadata={"seewhy": text}))
    refused(tmp_path / "odd.seewhy")


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 10**5, "a" + ".a" * 10**4 + " = 1", "a = {" + "a = {" * 10**4, "a = 1" + "0" * 5000],
    ids=["brackets", "dots", "braces", "digits"],
)
def test_settings_that_nest_without_end_are_refused(tmp_path, text):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises((FileError, InvalidInput)) as error:
        seewhy.Lime(**read_toml(tmp_path / "s.toml"))
    assert len(str(error.value)) <= 600


def test_settings_as_large_as_a_disk_are_not_read(tmp_path):
    refused(sparse(tmp_path / "s.toml", 10**11), read_toml)
