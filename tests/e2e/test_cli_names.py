"""A run never replaces the files of another one in silence: a number is added, and said."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from support.cli import SMALL, TINY, Call, environment, strict

OUT = Path("seewhy-out")
GRID = ("--model", TINY, "--segmentation", "grid", "--n-samples", "40")


def contents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


def another(path: str) -> str:
    """Write another photo of the same size."""
    with Pillow.open("cat.png") as picture:
        Path(path).parent.mkdir(exist_ok=True)
        Pillow.fromarray(np.asarray(picture)[::-1].copy()).save(path)
    return path


def test_the_same_run_replaces_its_files(call: Call, place: Path) -> None:
    assert call("explain", "cat.png", *SMALL).code == 0
    before = contents()

    found = call("explain", "cat.png", *SMALL, "--json")

    assert contents() == before
    assert strict(found.out)["notes"] == []


def test_another_photo_of_the_same_name_gets_a_number(call: Call, place: Path) -> None:
    assert call("explain", "cat.png", *SMALL).code == 0
    before = contents()

    found = call("explain", another("b/cat.png"), *SMALL)
    said = call("explain", another("b/cat.png"), *SMALL, "--json")

    assert (found.code, found.err) == (0, "")
    note = (
        "note: seewhy-out/cat.lime.seewhy is a result for another photo, so it was kept; the new result is cat.lime-2"
    )
    assert note in found.out
    assert "wrote seewhy-out/cat.lime-2.seewhy" in found.out
    assert strict(said.out)["files"][0] == "seewhy-out/cat.lime-2.seewhy"  # the same run again: no third name
    assert "cat.lime-2" in strict(said.out)["notes"][0]
    after = contents()
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {name.replace("lime.", "lime-2.") for name in before}


OTHER_RUNS = {
    "fill": (["--fill", "black"], "has other settings"),
    "seed": (["--seed", "4"], "has other settings"),
    "targets": (["--targets", "1"], "is a result for other classes"),
    "unit": (["--unit", "log-odds"], "is a result for other classes"),
    "display": (["--regions", "2"], "has other display settings"),
    "model": (["--model", "py:seewhy_tiny:logits"], "is a result for another model"),
}


@pytest.mark.parametrize("name", OTHER_RUNS)
def test_another_setting_gets_a_number(call: Call, place: Path, name: str) -> None:
    flags, why = OTHER_RUNS[name]
    assert call("explain", "cat.png", *GRID).code == 0
    before = contents()

    found = call("explain", "cat.png", *GRID, *flags, "--json")

    result = strict(found.out)
    assert (found.code, found.err) == (0, "")
    assert result["files"][0] == "seewhy-out/cat.lime-2.seewhy"
    assert why in result["notes"][0]
    assert {name: contents()[name] for name in before} == before


def test_a_result_of_more_classes_takes_the_place_of_the_one_it_holds(call: Call, place: Path) -> None:
    assert call("explain", "cat.png", *GRID, "--targets", "1").code == 0

    more = call("explain", "cat.png", *GRID, "--targets", "1", "--targets", "0", "--json")
    fewer = call("explain", "cat.png", *GRID, "--targets", "1", "--json")

    assert strict(more.out)["files"][0] == "seewhy-out/cat.lime.seewhy"
    assert [target.index for target in seewhy.load(OUT / "cat.lime.seewhy").targets] == [1, 0]
    assert strict(fewer.out)["files"][0] == "seewhy-out/cat.lime-2.seewhy"


def test_five_fills_and_two_refits_leave_seven_results(call: Call, place: Path) -> None:
    for fill in ("blur", "black", "white", "image-mean", "noise"):
        assert call("explain", "cat.png", *GRID, "--fill", fill, "--quiet").code == 0
    first = str(OUT / "cat.lime.seewhy")
    for surrogate in ("lasso", "least-squares"):
        assert call("refit", first, "--surrogate", surrogate, "--quiet").code == 0

    fills = [seewhy.load(OUT / f"cat.lime{n}.seewhy").method.fill.name for n in ("", "-2", "-3", "-4", "-5")]
    assert len(set(map(str, fills))) >= 4
    refits = [seewhy.load(OUT / f"cat.refit.lime{n}.seewhy").method.surrogate.name for n in ("", "-2")]
    assert refits == ["lasso", "least-squares"]


def test_a_result_with_more_samples_stays(call: Call, place: Path) -> None:
    assert call("explain", "cat.png", *GRID, "--quiet").code == 0
    assert call("resume", "seewhy-out/cat.lime.seewhy", "--model", TINY, "--n-samples", "80", "--quiet").code == 0

    assert call("explain", "cat.png", *GRID, "--quiet").code == 0

    assert [len(seewhy.load(OUT / f"cat.lime{n}.seewhy").samples) for n in ("", "-2")] == [80, 40]


def test_overwrite_replaces(call: Call, place: Path) -> None:
    assert call("explain", "cat.png", *GRID).code == 0
    before = contents()

    found = call("explain", "cat.png", *GRID, "--fill", "black", "--overwrite", "--json")

    assert strict(found.out)["notes"] == []
    assert set(contents()) == set(before)
    assert contents()["cat.lime.seewhy"] != before["cat.lime.seewhy"]


def test_quiet_says_on_stderr_that_a_name_was_taken(call: Call, place: Path) -> None:
    assert call("explain", "cat.png", *GRID).code == 0

    found = call("explain", "cat.png", *GRID, "--seed", "1", "--quiet")

    assert (found.code, found.out) == (0, "")
    assert found.err.startswith("note: seewhy-out/cat.lime.seewhy has other settings, so it was kept")


def test_resume_goes_on_in_its_own_file_whatever_it_is_called(call: Call, place: Path) -> None:
    for seed in ("0", "1"):
        assert call("explain", "cat.png", *GRID, "--seed", seed, "--quiet").code == 0
    (OUT / "cat.lime-2.seewhy").rename(OUT / "mine.seewhy")
    before = contents()

    found = call("resume", "seewhy-out/mine.seewhy", "--model", TINY, "--n-samples", "60", "--json")

    assert strict(found.out)["files"][0] == "seewhy-out/mine.seewhy"
    assert len(seewhy.load(OUT / "mine.seewhy").samples) == 60
    assert {name: data for name, data in contents().items() if not name.startswith("mine")} == {
        name: data for name, data in before.items() if name != "mine.seewhy"
    }


def test_files_of_others_under_the_name_stay(call: Call, place: Path) -> None:
    OUT.mkdir()
    (OUT / "cat.lime.png").write_bytes(b"a picture of mine")
    (OUT / "cat.lime-2.seewhy").write_bytes(b"no result")

    found = call("explain", "cat.png", *GRID, "--json")

    assert strict(found.out)["files"][0] == "seewhy-out/cat.lime-3.seewhy"
    assert (OUT / "cat.lime.png").read_bytes() == b"a picture of mine"
    assert (OUT / "cat.lime-2.seewhy").read_bytes() == b"no result"


def test_numbered_pictures_are_not_photos_of_a_folder(call: Call, place: Path) -> None:
    (place / "photos").mkdir()
    shutil.copy("cat.png", "photos/cat.png")
    for seed in ("0", "1"):
        found = call("explain", "photos", *GRID, "--seed", seed, "--out", "photos/out", "--json")
        assert (found.code, len(found.out.splitlines())) == (0, 1)

    found = call("explain", "photos", *GRID, "--seed", "1", "--out", "photos/out", "--json")

    assert len(found.out.splitlines()) == 1


def test_segments_of_other_settings_get_a_number(call: Call, place: Path) -> None:
    for n, name in (("10", ""), ("20", "-2"), ("10", "")):
        found = call("segments", "cat.png", "--model", TINY, "--slic-n-segments", n)
        assert f"wrote seewhy-out/cat.segments{name}.png" in found.out
        assert ("already exists with other content" in found.out) == bool(name)


@pytest.mark.slow
def test_processes_at_the_same_moment_do_not_collide(place: Path, modules: Path) -> None:
    def start(seed: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "seewhy", "explain", "cat.png", *GRID, "--seed", str(seed), "--quiet"]
        return subprocess.Popen(command, env=environment(modules), stderr=subprocess.PIPE)

    running = [start(seed) for seed in (0, 1, 2)]
    said = [process.communicate(timeout=300)[1] for process in running]

    assert [process.returncode for process in running] == [0, 0, 0], said
    found = [seewhy.load(path) for path in OUT.glob("*.seewhy")]
    assert sorted(one.seed for one in found) == [0, 1, 2]
    assert len(list(OUT.iterdir())) == 15


@pytest.mark.parametrize("name", ["n" * 251 + ".png", "ä" * 120 + ".png", "x.seewhy.png", "-x y.png", "a\x1bb.png"])
def test_odd_names_of_photos(call: Call, place: Path, name: str) -> None:
    shutil.copy("cat.png", place / name)

    found = call("explain", "--json", *GRID, "--targets", "top2", "--", name)

    assert (found.code, found.err) == (0, "")
    files = strict(found.out)["files"]
    assert all(Path(file).is_file() for file in files)
    assert call("refit", files[0], "--kernel", "none", "--json").code == 0
