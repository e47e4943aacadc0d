"""Files are written whole or not at all."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import seewhy
from seewhy.core import atomic
from seewhy.core.atomic import create_file, drop_abandoned, make_folder, replace_file
from seewhy.core.errors import FileError
from support.patience import PATIENCE
from support.refusing import refuses

UNIX = pytest.mark.skipif(os.name != "posix", reason="permissions, links and limits of Unix")
LIMITED = """
import resource, signal, sys
from seewhy.core.atomic import replace_file
from seewhy.core.errors import FileError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    replace_file(sys.argv[1], bytes(5000))
except FileError as error:
    print(error)
"""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    assert replace_file(tmp_path / "a", b"old") == tmp_path / "a"
    replace_file(tmp_path / "a", b"new")

    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == {"a"}


@pytest.mark.slow
@UNIX
def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    source = str(Path(seewhy.__file__).parents[1])

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "a")],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"cannot write {tmp_path / 'a'}: File too large\n"
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == {"a"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device"), MemoryError])
def test_whatever_ends_the_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fail(file: int) -> None:
        raise error

    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(FileError if isinstance(error, OSError) else error):
        replace_file(tmp_path / "a", b"new")

    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == {"a"}


def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    name = "n" * 251 + ".png"

    replace_file(tmp_path / name, b"x")
    assert not create_file(tmp_path / name, b"y")

    assert names(tmp_path) == {name}
    with pytest.raises(FileError) as caught:
        replace_file(tmp_path / ("n" + name), b"x")
    assert caught.value.setting == str(tmp_path / ("n" + name))


@UNIX
def test_permissions_stay_and_new_files_get_the_usual_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "usual").write_bytes(b"")

    replace_file(tmp_path / "a", b"new")
    replace_file(tmp_path / "b", b"new")
    create_file(tmp_path / "c", b"new")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes["a"] == 0o640
    assert modes["b"] == modes["c"] == modes["usual"]


@UNIX
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("far/file")
    (tmp_path / "dangling").symlink_to("far/new")

    replace_file(tmp_path / "link", b"new")
    replace_file(tmp_path / "dangling", b"new")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "file").read_bytes() == b"new"
    assert (tmp_path / "far" / "new").read_bytes() == b"new"
    assert not create_file(tmp_path / "dangling", b"other")


@UNIX
def test_what_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()

    replace_file(tmp_path / "pipe", b"through")
    reader.join(timeout=PATIENCE)

    assert read == [b"through"]
    assert replace_file("/dev/null", b"x") == Path("/dev/null")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["folder", "nowhere/file", "file/below", "nul\0"])
def test_what_cannot_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")

    with refuses(FileError, str(tmp_path / name)) as caught:
        replace_file(tmp_path / name, b"x")

    assert caught.value.setting == str(tmp_path / name)
    assert names(tmp_path) == {"folder", "file"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_what_may_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "locked").write_bytes(b"old")
    (tmp_path / "locked").chmod(0o444)

    with refuses(FileError, "locked", rule="Permission denied"):
        replace_file(tmp_path / "locked", b"new")


@pytest.mark.parametrize("links", [True, False])
def test_of_many_that_create_a_file_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    def refuse(part: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(atomic.os, "link", refuse)
    start, won = threading.Barrier(8), []

    def create(i: int) -> None:
        start.wait()
        if create_file(tmp_path / "a", str(i).encode()):
            won.append(str(i).encode())

    threads = [threading.Thread(target=create, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1
    assert (tmp_path / "a").read_bytes() == won[0]
    assert names(tmp_path) == {"a"}


def test_what_killed_processes_left_is_removed_after_a_day(tmp_path: Path) -> None:
    for name in (".seewhy-1-a.part", ".seewhy-2-b.part", "mine.part"):
        (tmp_path / name).write_bytes(b"half")
    for name in (".seewhy-1-a.part", "mine.part"):
        os.utime(tmp_path / name, (0, 0))

    drop_abandoned(tmp_path)

    assert names(tmp_path) == {".seewhy-2-b.part", "mine.part"}


def test_a_folder_is_made_or_the_reason_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert make_folder(tmp_path / "a" / "b").is_dir()
    with refuses(FileError, "--out", rule="be a folder"):
        make_folder(tmp_path / "file", "--out")
    with refuses(FileError, "below", rule="be a folder"):
        make_folder(tmp_path / "file" / "below")


WRITES = re.compile(r"\.write_(bytes|text)\(|\.savefig\(|imsave|open\([^)]*[\"'][wax]b?[\"']|\.replace\(target\)")
ALLOWED = {
    "atomic.py": "the place itself",
    "conversions.py": "a folder that appears as a whole, by its own rename",
    "openvino_files.py": "a folder of its own, gone afterwards",
    "work.py": "a folder of its own, gone afterwards",
    "png.py": "a figure into memory",
}


def test_files_are_written_in_one_place() -> None:
    source = Path(seewhy.__file__).parent
    writers = {path.name for path in source.rglob("*.py") if WRITES.search(path.read_text(encoding="utf-8"))}

    assert writers <= set(ALLOWED)
