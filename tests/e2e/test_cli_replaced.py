"""Another evaluation, study or tuning in the same folder is not replaced in silence, and nothing of it is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.cli.replaced import Held
from support.cli import TINY, Call, strict

COMMANDS = {
    "evaluate": (("--methods", "lime", "--metrics", "srg"), "seewhy-evaluation/summary.csv"),
    "study": (("--menu", "menu.toml", "--n-samples", "40"), "seewhy-study/study.json"),
    "tune": (("--free-only", "--n-samples", "40", "--method", "lime"), "seewhy-tune/tune.json"),
}
MENU = (
    '[sampling.lime]\nname = "lime"\nsegmentation = {name = "grid", rows = 3, columns = 3}\n[free]\nregions = [1, 2]\n'
)


@pytest.fixture
def two(place: Path) -> Path:
    with Pillow.open("cat.png") as picture:
        Pillow.fromarray(np.asarray(picture)[::-1].copy()).save("dog.png")
    (place / "menu.toml").write_text(MENU)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_another_run_in_the_folder_is_said(call: Call, two: Path, name: str) -> None:
    flags, file = COMMANDS[name]

    def run(photo: str, *more: str) -> tuple[str, str]:
        found = call(name, photo, "--model", TINY, *flags, *more)
        assert found.code == 0, found.err
        return found.out, found.err

    first = run("cat.png")
    assert "held the files of another run" not in "".join(first)
    assert "held the files of another run" not in "".join(run("cat.png"))
    other, err = run("dog.png")
    assert err == ""
    assert "held the files of another run" in other
    assert "cat.png" in other.split("held the files of another run")[1]
    out, err = run("cat.png", "--quiet")
    assert (out, err.count("\n")) == ("", 1)
    assert "dog.png" in err
    again = strict(run("dog.png", "--json")[0])
    assert any("held the files of another run" in note for note in again["notes"])
    assert Path(file).is_file()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"questions": 3}', '{"photos": [], "metric": null}', "\udcff"])
def test_a_file_that_says_nothing_is_no_run(tmp_path: Path, text: str) -> None:
    for name in ("study.json", "tune.json", "photos.csv"):
        (tmp_path / name).write_text(text, errors="surrogateescape")
        held = Held(tmp_path, name)
        (tmp_path / name).unlink()
        assert held.notes(quiet=False) == []


def test_a_run_that_holds_all_of_the_one_before_is_its_extension(tmp_path: Path) -> None:
    table = "photo,model,contender\na.png,m,lime\n"
    (tmp_path / "photos.csv").write_text(table)
    held = Held(tmp_path, "photos.csv")

    (tmp_path / "photos.csv").write_text(table + "b.png,m,lime\n")
    assert held.notes(quiet=False) == []
    (tmp_path / "photos.csv").write_text("photo,model,contender\nb.png,m,lime\n")
    assert "(a.png, lime, m)" in held.notes(quiet=False)[0]
    shutil.rmtree(tmp_path)
