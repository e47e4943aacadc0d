"""What a run prints and writes, and under which names."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data

import seewhy
from seewhy.methods import METHODS
from support.cli import KEYS, SMALL, TARGET, TINY, Call, environment, process, strict
from support.patience import PATIENCE

# --- what a run prints and writes ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_of_the_embedded_model_prints_and_writes_what_is_promised(place: Path, modules: Path) -> None:
    shutil.copy(Path(data.__file__).parent / "chelsea.png", place / "chelsea.png")

    found = process(modules, "explain", "chelsea.png", "--method", "lime", "--n-samples", "120", "--out", "new/folder")

    assert (found.code, found.err) == (0, "")
    assert "282    tiger cat" in found.out
    assert "0.39" in found.out
    assert "lime for tiger cat (282), probability 0.39" in found.out
    assert "segment" in found.out
    assert "box x0 y0 x1 y1" in found.out
    assert "R2 0." in found.out
    assert "127 model calls, " in found.out  # six of them for the verdict
    assert " s in all, " in found.out
    assert " s inside the model" in found.out
    endings = ("png", "heatmap.png", "region.png", "seewhy", "toml")
    for ending in endings:
        assert f"wrote new/folder/chelsea.lime.{ending}\n" in found.out
    assert {p.name for p in (place / "new/folder").iterdir()} == {f"chelsea.lime.{ending}" for ending in endings}
    assert "\x1b" not in found.out
    for ending in ("heatmap.png", "region.png"):
        with Pillow.open(place / f"new/folder/chelsea.lime.{ending}") as picture:
            assert (picture.format, picture.size) == ("PNG", (451, 300))
    with Pillow.open(place / "new/folder/chelsea.lime.region.png") as picture:
        mask = np.asarray(picture)
    assert set(np.unique(mask)) == {0, 255}
    explanation = seewhy.load(place / "new/folder/chelsea.lime.seewhy")
    np.testing.assert_array_equal(mask == 255, explanation.region(5, sign="both"))


@pytest.mark.parametrize("method", [name for name in METHODS if name != "auto"])
def test_the_settings_file_gives_the_same_bytes_again(call: Call, place: Path, method: str) -> None:
    flags = ["--targets", "1", "--targets", "0", "--seed", "7", "--regions", "2", "--sign", "negative", "--hide-rest"]
    flags += ["--share", "0.3"]
    own = {
        "lime": ["--segmentation", "grid", "--grid-rows", "3", "--keep", "0.4"],
        "rise": ["--grid", "4"],
        "ensemble-lime": ["--n-segments", "4,6", "--weighting", "density"],
        "occlusion": ["--window", "8", "--stride", "8"],
    }[method]
    if METHODS[method].chance:
        own += ["--n-samples", "40"]
    run = ["explain", "cat.png", "--model", TINY, "--method", method]
    assert call(*run, *flags, *own, "--out", "one").code == 0

    again = call("explain", "cat.png", "--settings", f"one/cat.{method}.toml", "--model", TINY, "--out", "two")
    assert again.code == 0

    for path in (place / "one").iterdir():
        assert path.read_bytes() == (place / "two" / path.name).read_bytes(), path.name
    settings = tomllib.loads((place / f"one/cat.{method}.toml").read_text())
    assert settings["display"] == {"regions": 2, "share": 0.3, "sign": "negative", "hide_rest": True}
    assert (settings["seed"], settings["model"], settings["targets"]) == (7, TINY, ["1", "0"])


def test_flags_win_over_the_settings_file(call: Call, place: Path) -> None:
    (place / "s.toml").write_text(
        f'model = "{TINY}"\nseed = 3\ntargets = 1\n[method]\nname = "lime"\nn_samples = 30\nsegmentation = "grid"\n'
        "[display]\nregions = 2\n"
    )

    flags = ("--model", TINY, "--n-samples", "35", "--json", "--targets", "2")
    found = call("explain", "cat.png", "--settings", "s.toml", *flags)

    result = json.loads(found.out)
    assert (result["settings"]["n_samples"], result["seed"], result["n_evaluations"]) == (35, 3, 36)
    assert result["settings"]["segmentation"]["name"] == "grid"
    assert [t["index"] for t in result["targets"]] == [2]


def test_json_of_lime_has_the_promised_keys_and_nothing_else_is_printed(call: Call, place: Path) -> None:
    found = call("explain", "cat.png", *SMALL, "--targets", "top2", "--json", "--seed", "5")

    assert (found.code, found.err) == (0, "")
    result = strict(found.out)
    assert set(result) == KEYS
    assert set(result["predictions"][0]) == {"index", "label", "score"}
    assert len(result["targets"]) == 2
    for target in result["targets"]:
        fit = {"intercept", "r2", "prediction", "reach", "simultaneous", "stability", "effective"}
        assert set(target) == TARGET | fit | {"values"}
        assert set(target["values"][0]) == {
            "segment",
            "value",
            "area",
            "box",
            "low",
            "high",
            "se",
            "rank",
            "significant",
        }
        assert len(target["values"]) == 49
    assert (result["image"], result["method"], result["seed"], result["n_evaluations"]) == ("cat.png", "lime", 5, 41)
    assert (result["n_samples"], result["stopped"]) == (40, {"by": "n-samples", "looks": 0})
    assert result["complete"] is True
    assert result["version"] == seewhy.__version__
    assert result["seconds"] >= result["seconds_model"] > 0
    assert len(result["files"]) == 7
    assert all(Path(file).is_file() for file in result["files"])
    saved = json.loads(json.dumps(seewhy.load("seewhy-out/cat.lime.seewhy").to_dict()))
    changing = {"files", "seconds", "seconds_model", "notes"}
    assert {k: v for k, v in saved.items() if k not in changing} == {
        k: v for k, v in result.items() if k not in changing
    }


def test_json_of_rise_has_statistics_and_the_peak(call: Call) -> None:
    found = call(
        "explain", "cat.png", "--model", TINY, "--method", "rise", "--n-samples", "90", "--grid", "4", "--json"
    )

    result = strict(found.out)
    assert set(result) == KEYS
    assert set(result["targets"][0]) == TARGET | {"map"}
    assert set(result["targets"][0]["map"]) == {"min", "max", "mean", "std", "se", "peak"}
    peak = result["targets"][0]["map"]["peak"]
    assert set(peak) == {"x", "y", "value", "low", "high", "se", "significant"}
    heatmap = seewhy.load("seewhy-out/cat.rise.seewhy").heatmap()
    assert heatmap[peak["y"], peak["x"]] == pytest.approx(peak["value"]) == pytest.approx(heatmap.max())


def test_one_object_a_line_for_each_photo(call: Call, place: Path) -> None:
    shutil.copy("cat.png", "dog.png")

    found = call("explain", "cat.png", "missing.png", "dog.png", *SMALL, "--json")

    assert [strict(line)["image"] for line in found.out.splitlines()] == ["cat.png", "dog.png"]
    assert found.code == 2
    assert found.error == "error: missing.png: no such file"


@pytest.mark.slow
def test_quiet_is_silent_and_still_writes(place: Path, modules: Path) -> None:
    found = process(modules, "explain", "cat.png", *SMALL, "--quiet")

    assert (found.code, found.out, found.err) == (0, "", "")
    assert len(list((place / "seewhy-out").iterdir())) == 5


def test_each_target_has_its_own_pictures_and_table(call: Call, place: Path) -> None:
    found = call("explain", "cat.png", *SMALL, "--targets", "dog · ²", "--targets", "0")

    assert "lime for dog · ² (1), probability" in found.out
    assert "lime for [bold]cat[/bold] (0), probability" in found.out
    assert found.out.count("box x0 y0 x1 y1") == 2
    explanation = seewhy.load("seewhy-out/cat.lime.seewhy")
    for i, table in enumerate(found.out.split("box x0 y0 x1 y1")[1:]):
        best = explanation.top(1, target=i, sign="both")[0]
        first = table.splitlines()[1].split()
        assert (int(first[0]), float(first[1])) == (best.segment, pytest.approx(best.value, rel=1e-2))
    assert (place / "seewhy-out/cat.lime.heatmap.png").is_file()
    assert (place / "seewhy-out/cat.lime.0.region.png").is_file()


def test_names_that_look_like_markup_are_printed_as_they_are(call: Call) -> None:
    found = call("explain", "cat.png", *SMALL, "--targets", "top3")

    assert found.code == 0
    assert "cat.png (tiny [red]x)\n" in found.out
    assert "lime for [/] :cat: $x_{$ (2)" in found.out
    for name in ("[bold]cat[/bold]", "dog · ²", "[/] :cat: $x_{$"):
        assert name in found.out


def test_values_of_a_table_have_the_same_number_of_decimals(call: Call) -> None:
    lines = call("explain", "cat.png", *SMALL, "--regions", "49").out.splitlines()

    start = next(i for i, line in enumerate(lines) if line.startswith("segment"))
    values = [line.split()[1] for line in lines[start + 1 : start + 50]]
    assert len({len(value.split(".")[1]) for value in values}) == 1
    assert max(abs(float(value)) for value in values) == abs(float(values[0]))
    assert values[0][0] in "+-"


def test_no_segment_of_the_sign_is_said(call: Call) -> None:
    black = ("--fill", "black", "--n-samples", "200", "--surrogate", "least-squares", "--sign", "negative")

    # black pictures are less bright, so no segment contradicts brightness
    found = call("explain", "cat.png", "--model", "py:seewhy_tiny:bright", "--segmentation", "grid", *black)

    assert found.code == 0
    assert "nothing contradicts the class: no segment has a negative value" in found.out


def test_rise_prints_the_range_of_the_map_and_its_peak(call: Call) -> None:
    found = call("explain", "cat.png", "--model", TINY, "--method", "rise", "--n-samples", "90", "--examples", "3")

    assert "map from " in found.out
    assert "peak " in found.out
    assert "wrote seewhy-out/cat.rise.examples.png" in found.out
    with Pillow.open("seewhy-out/cat.rise.examples.png") as picture:
        assert picture.format == "PNG"


def test_the_picture_shown_is_the_python_one(call: Call, place: Path) -> None:
    assert call("explain", "cat.png", *SMALL, "--json", "--fill", "blur", "--kernel", "inverse-l2").code == 0

    method = seewhy.Lime(segmentation="grid", fill="blur", kernel="inverse-l2", n_samples=40)
    same = seewhy.explain("cat.png", model=seewhy.load_model(TINY), method=method)
    np.testing.assert_array_equal(same.values(), seewhy.load("seewhy-out/cat.lime.seewhy").values())


# --- file names ---------------------------------------------------------------------------------------------


def test_photos_of_the_same_name_do_not_overwrite_each_other(call: Call, place: Path) -> None:
    for name in ("a/cat.png", "b/Cat.png", "b/cat.bmp", "cat-1.png"):
        path = place / name
        path.parent.mkdir(exist_ok=True)
        with Pillow.open("cat.png") as picture:
            picture.save(path)
    photos = ("a/cat.png", "b/Cat.png", "b/cat.bmp", "cat-1.png", "cat-1.png")

    found = call("explain", *photos, *SMALL, "--json")

    files = [strict(line)["files"] for line in found.out.splitlines()]
    assert files[3] == files[4]  # the same photo twice
    different = [file.casefold() for of_one in files[:4] for file in of_one]
    assert len(set(different)) == len(different) == 20


def test_a_folder_stands_for_its_photos_and_not_for_what_was_written_there(call: Call, place: Path) -> None:
    for name in ("photos/a.PNG", "photos/deep/b.png", "photos/.hidden/c.png"):
        path = place / name
        path.parent.mkdir(exist_ok=True)
        shutil.copy("cat.png", path)
    (place / "photos" / "notes.txt").write_text("no photo")

    for notes in ("", "note: skipped 6 images written by seewhy, such as photos/out/a.lime.heatmap.png\n"):
        found = call("explain", "photos", "cat.png", *SMALL, "--out", "photos/out")

        assert (found.code, found.err) == (0, "")
        assert [line.split(" (tiny")[0] for line in found.out.splitlines() if " (tiny" in line] == [
            "a.PNG",
            "b.png",
            "cat.png",
        ]
        assert notes in found.out
        assert ("skipped" in found.out) == bool(notes)
        for file in (place / "photos" / "out").glob("cat.lime*"):  # a picture beside nothing may be anybody's
            file.unlink()


@pytest.mark.parametrize("name", ["my cat.png", "kätzchen 猫.png", "a$b_{$.png", ".png", "[bold].png", "c:at.png"])
def test_any_file_name_works(call: Call, place: Path, name: str) -> None:
    shutil.copy("cat.png", name)

    found = call("explain", name, *SMALL)

    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"{name} (tiny")
    assert (place / "seewhy-out" / f"{Path(name).stem}.lime.seewhy").is_file()


@pytest.mark.slow
def test_a_file_name_that_is_not_unicode_works(place: Path, modules: Path) -> None:
    try:
        shutil.copy("cat.png", "b\udcff.png")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system knows Unicode names only")

    found = process(modules, "explain", "b\udcff.png", *SMALL)

    assert (found.code, found.err) == (0, "")


def test_a_photo_with_a_leading_dash_is_explained_or_the_way_is_said(call: Call, place: Path) -> None:
    shutil.copy("cat.png", "./-x.png")

    assert call("explain", "-x.png", *SMALL).error.endswith("a photo of that name is given as ./-x.png")
    assert call("explain", "./-x.png", *SMALL).code == 0
    assert call("explain", *SMALL, "--", "-x.png").code == 0


def test_a_photo_is_never_overwritten(call: Call, place: Path) -> None:
    shutil.copy("cat.png", "cat.lime.png")
    before = (place / "cat.lime.png").read_bytes()

    found = call("explain", "cat.png", "cat.lime.png", *SMALL, "--out", ".")
    forced = call("explain", "cat.png", "cat.lime.png", *SMALL, "--out", ".", "--overwrite")

    assert (found.code, found.err) == (0, "")
    assert "wrote cat.lime-2.png" in found.out
    assert forced.code == 2
    assert "cat.lime.png: it is one of the photos" in forced.error
    assert (place / "cat.lime.png").read_bytes() == before


@pytest.mark.slow
def test_a_model_in_the_folder_one_stands_in_is_found(place: Path, modules: Path) -> None:
    (place / "mine_only.py").write_text("def f(batch):\n    return batch.mean(axis=(1, 2))\n")
    shown = "import sys; sys.path = [p for p in sys.path if p]; from seewhy.cli import main; main(sys.argv[1:])"

    done = subprocess.run(
        [sys.executable, "-c", shown, "explain", "cat.png", "--model", "py:mine_only:f", "-q", "--n-samples", "200"],
        env=environment(modules),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stderr) == (0, b"")
