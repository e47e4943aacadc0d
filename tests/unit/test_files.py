"""Files that people name: regular ones are opened, everything else is refused at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from seewhy.core.errors import FileError, ImageError, InvalidInput, SeewhyError
from seewhy.core.files import open_regular, read_regular
from seewhy.core.settings import read_toml
from seewhy.evaluate.identity import digest_of
from seewhy.explanation.loading import load
from seewhy.images import load_image
from seewhy.images.segmentation import Labels
from seewhy.models.options import ModelOptions
from seewhy.truth import read_truth
from support.pictures import png
from support.refusing import refuses

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


def test_a_regular_file_is_read_whole_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "a") == read_regular(str(tmp_path / "b")) == b"content"
    with open_regular(tmp_path / "a") as file:
        assert file.read(3) == b"con"


@needs_pipes
@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "folder"])
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_regular_file_is_refused_without_waiting(
    kind: str, linked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the address of a socket must be short
    path = Path("special")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    if linked:
        Path("link").symlink_to(path)
        path = Path("link")
    with pytest.raises(FileError) as caught:
        open_regular(path)
    assert (caught.value.setting, caught.value.rule, caught.value.value) == (str(path), "be a regular file", kind)


@needs_pipes
@pytest.mark.parametrize("to_zero", [False, True], ids=["pipe", "link to a device"])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("x.png", load_image),
        ("x.toml", read_toml),
        ("x.seewhy", load),
        ("x.json", read_truth),
        ("x.csv", read_truth),
        ("x.other", read_truth),
        ("x.xml", lambda path: read_truth(path.parent)),
        ("x.npy", lambda path: Labels(path=path).on_photo(4, 4)),
        ("x.tif", lambda path: Labels(path=path).on_photo(4, 4)),
        ("x.txt", lambda path: ModelOptions(labels=path).labels_of(None, 2)),
    ],
)
def test_every_reader_refuses_pipes_and_devices(name: str, read: object, to_zero: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    if to_zero:
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)
    with pytest.raises(SeewhyError) as caught:
        read(path)
    assert caught.value.rule == "be a regular file"


@needs_pipes
def test_the_digest_of_a_pipe_is_that_of_what_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert digest_of(tmp_path / "pipe").startswith("unreadable:")


@pytest.mark.parametrize("error", [FileError, ImageError, InvalidInput])
def test_a_missing_file_is_named_alone(error: type[SeewhyError], tmp_path: Path) -> None:
    path = tmp_path / "nothing.jpg"
    with pytest.raises(error) as caught:
        read_regular(path, error=error)
    assert type(caught.value) is error
    assert str(caught.value) == f"{path}: no such file"


@pytest.mark.parametrize("address", ["https://a.org/b/cat.jpg", "https:/a.org/b/cat.jpg", "s3://b/cat.jpg"])
@pytest.mark.parametrize("kind", [str, Path])
def test_an_address_is_shown_with_both_slashes(address: str, kind: type) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(kind(address))
    scheme, _, rest = address.partition(":")
    assert str(caught.value).startswith(f"{scheme}://{rest.lstrip('/')}: no such file; seewhy does not download")


@pytest.mark.parametrize("suffix", ["jpg", "seewhy"])
def test_a_photo_is_not_taken_for_a_damaged_result(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{suffix}"
    path.write_bytes(png())
    with pytest.raises(FileError) as caught:
        load(path)
    assert caught.value.rule == "be a result file"


def test_a_result_is_not_taken_for_a_damaged_photo(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(2)}, tmp_path / "a.seewhy", metadata={"seewhy": "{}"})
    with refuses(ImageError, "a.seewhy", rule="be an image file (PNG, JPEG, GIF, WEBP, TIFF,"):
        load_image(tmp_path / "a.seewhy")
