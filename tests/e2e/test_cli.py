"""The command line, as people and scripts use it: what it prints, writes, refuses, and how it ends."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from skimage import data

import seewhy
from seewhy.cli import main
from seewhy.cli.explain import explain, settings_from
from seewhy.cli.flags import Flag, families, method_flags
from seewhy.methods import METHODS
from seewhy.presets import PRESETS

MODULE = """
import time
import numpy as np
from seewhy import FunctionModel

def _scores(batch):
    bright = batch.mean(axis=(1, 2, 3))
    top = batch[:, :16].mean(axis=(1, 2, 3))
    powers = np.exp(3 * np.stack([bright, top, 1 - bright], axis=1))
    return powers / powers.sum(axis=1, keepdims=True)

NAMES = ("[bold]cat[/bold]", "dog \\u00b7 \\u00b2", "[/] :cat: $x_{$")
model = FunctionModel(_scores, input_size=32, labels=NAMES, kind="probability", name="tiny [red]x")
logits = FunctionModel(lambda batch: 20 * _scores(batch) - 3, input_size=32, labels=("a", "b", "c"), kind="logit")

def raises(batch):
    raise RuntimeError("weights\\nexploded")

def garbage(batch):
    return "hello"

def nan(batch):
    return np.full((len(batch), 3), np.nan)

def bright(batch):
    return batch.mean(axis=(1, 2))[:, :1]

def _called():
    with open("calls", "a") as file:
        file.write("x")

def slow(batch):
    _called()
    time.sleep(0.1)
    return _scores(batch)

def stuck(batch):
    _called()
    time.sleep(30)
"""
TINY = "py:seewhy_tiny:model"
SMALL = ("--model", TINY, "--n-samples", "40", "--segmentation", "grid")
KEYS = {
    *("image", "model", "method", "settings", "seed", "predictions", "targets", "n_evaluations", "complete"),
    *("seconds", "seconds_model", "files", "warnings", "version"),
}
TARGET = {"index", "label", "score", "unit"}


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line an error must be."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("error: ")
        return lines[0]


Call = Callable[..., Answer]


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "seewhy_tiny.py").write_text(MODULE)
    sys.path.append(str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("seewhy_tiny", None)


@pytest.fixture
def place(tmp_path: Path, modules: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with one small real photo."""
    Pillow.fromarray(data.chelsea()).resize((90, 60)).save(tmp_path / "cat.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(place: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """The command line in this process."""

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(list(arguments))
        found = capsys.readouterr()
        return Answer(int(end.value.code or 0), found.out, found.err)

    return run


def _environment(modules: Path, **more: str) -> dict[str, str]:
    source = Path(seewhy.__file__).parents[1]
    return os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{modules}", "COLUMNS": "100"} | more


def _process(modules: Path, *arguments: str, **more: str) -> Answer:
    done = subprocess.run(
        [sys.executable, "-m", "seewhy", *arguments],
        capture_output=True,
        check=False,
        env=_environment(modules, **more),
        timeout=60,
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


# --- what a run prints and writes ---------------------------------------------------------------------------


def test_a_run_of_the_embedded_model_prints_and_writes_what_is_promised(place: Path, modules: Path) -> None:
    shutil.copy(Path(data.__file__).parent / "chelsea.png", place / "chelsea.png")

    found = _process(modules, "explain", "chelsea.png", "--n-samples", "120", "--out", "new/folder")

    assert (found.code, found.err) == (0, "")
    assert "282    tiger cat" in found.out
    assert "0.39" in found.out
    assert "lime for tiger cat (282), probability 0.39" in found.out
    assert "segment" in found.out
    assert "box x0 y0 x1 y1" in found.out
    assert "R2 0." in found.out
    assert "120 model calls, " in found.out
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


@pytest.mark.parametrize("method", METHODS)
def test_the_settings_file_gives_the_same_bytes_again(call: Call, place: Path, method: str) -> None:
    flags = ["--targets", "1", "--targets", "0", "--seed", "7", "--regions", "2", "--sign", "negative", "--hide-rest"]
    own = ["--grid", "4"] if method == "rise" else ["--segmentation", "grid", "--grid-rows", "3", "--keep", "0.4"]
    run = ["explain", "cat.png", "--model", TINY, "--method", method, "--n-samples", "40"]
    assert call(*run, *flags, *own, "--out", "one").code == 0

    assert call("explain", "cat.png", "--settings", f"one/cat.{method}.toml", "--out", "two").code == 0

    for path in (place / "one").iterdir():
        assert path.read_bytes() == (place / "two" / path.name).read_bytes(), path.name
    settings = tomllib.loads((place / f"one/cat.{method}.toml").read_text())
    assert settings["display"] == {"regions": 2, "share": 0.2, "sign": "negative", "hide_rest": True}
    assert (settings["seed"], settings["model"], settings["targets"]) == (7, TINY, ["1", "0"])


def test_flags_win_over_the_settings_file(call: Call, place: Path) -> None:
    (place / "s.toml").write_text(
        f'model = "{TINY}"\nseed = 3\ntargets = 1\n[method]\nname = "lime"\nn_samples = 30\nsegmentation = "grid"\n'
        "[display]\nregions = 2\n"
    )

    found = call("explain", "cat.png", "--settings", "s.toml", "--n-samples", "35", "--json", "--targets", "2")

    result = json.loads(found.out)
    assert (result["settings"]["n_samples"], result["seed"], result["n_evaluations"]) == (35, 3, 35)
    assert result["settings"]["segmentation"]["name"] == "grid"
    assert [t["index"] for t in result["targets"]] == [2]


def test_json_of_lime_has_the_promised_keys_and_nothing_else_is_printed(call: Call, place: Path) -> None:
    found = call("explain", "cat.png", *SMALL, "--targets", "top2", "--json", "--seed", "5")

    assert (found.code, found.err) == (0, "")
    result = _strict(found.out)
    assert set(result) == KEYS
    assert set(result["predictions"][0]) == {"index", "label", "score"}
    assert len(result["targets"]) == 2
    for target in result["targets"]:
        assert set(target) == TARGET | {"intercept", "r2", "prediction", "values"}
        assert set(target["values"][0]) == {"segment", "value", "area", "box"}
        assert len(target["values"]) == 49
    assert (result["image"], result["method"], result["seed"], result["n_evaluations"]) == ("cat.png", "lime", 5, 40)
    assert result["complete"] is True
    assert result["version"] == seewhy.__version__
    assert result["seconds"] >= result["seconds_model"] > 0
    assert len(result["files"]) == 7
    assert all(Path(file).is_file() for file in result["files"])
    saved = json.loads(json.dumps(seewhy.load("seewhy-out/cat.lime.seewhy").to_dict()))
    changing = {"files", "seconds", "seconds_model"}
    assert {k: v for k, v in saved.items() if k not in changing} == {
        k: v for k, v in result.items() if k not in changing
    }


def test_json_of_rise_has_statistics_and_the_peak(call: Call) -> None:
    found = call("explain", "cat.png", "--model", TINY, "--method", "rise", "--n-samples", "90", "--json")

    result = _strict(found.out)
    assert set(result) == KEYS
    assert set(result["targets"][0]) == TARGET | {"map"}
    assert set(result["targets"][0]["map"]) == {"min", "max", "mean", "std", "peak"}
    peak = result["targets"][0]["map"]["peak"]
    heatmap = seewhy.load("seewhy-out/cat.rise.seewhy").heatmap()
    assert heatmap[peak["y"], peak["x"]] == pytest.approx(peak["value"]) == pytest.approx(heatmap.max())


def test_one_object_a_line_for_each_photo(call: Call, place: Path) -> None:
    shutil.copy("cat.png", "dog.png")

    found = call("explain", "cat.png", "missing.png", "dog.png", *SMALL, "--json")

    assert [_strict(line)["image"] for line in found.out.splitlines()] == ["cat.png", "dog.png"]
    assert found.code == 2
    assert found.error == "error: missing.png must be a file that exists, got nothing there"


def test_quiet_is_silent_and_still_writes(place: Path, modules: Path) -> None:
    found = _process(modules, "explain", "cat.png", *SMALL, "--quiet")

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
    assert "no segment has a negative value" in found.out


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

    files = [_strict(line)["files"] for line in found.out.splitlines()]
    assert files[3] == files[4]  # the same photo twice
    different = [file.casefold() for of_one in files[:4] for file in of_one]
    assert len(set(different)) == len(different) == 20


@pytest.mark.parametrize("name", ["my cat.png", "kätzchen 猫.png", "a$b_{$.png", ".png", "[bold].png", "c:at.png"])
def test_any_file_name_works(call: Call, place: Path, name: str) -> None:
    shutil.copy("cat.png", name)

    found = call("explain", name, *SMALL)

    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"{name} (tiny")
    assert (place / "seewhy-out" / f"{Path(name).stem}.lime.seewhy").is_file()


def test_a_file_name_that_is_not_unicode_works(place: Path, modules: Path) -> None:
    try:
        shutil.copy("cat.png", "b\udcff.png")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system knows Unicode names only")

    found = _process(modules, "explain", "b\udcff.png", *SMALL)

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

    assert found.code == 2
    assert "cat.lime.png: it is one of the photos" in found.error
    assert (place / "cat.lime.png").read_bytes() == before


def test_a_model_in_the_folder_one_stands_in_is_found(place: Path, modules: Path) -> None:
    (place / "mine_only.py").write_text("def f(batch):\n    return batch.mean(axis=(1, 2))\n")
    shown = "import sys; sys.path = [p for p in sys.path if p]; from seewhy.cli import main; main(sys.argv[1:])"

    done = subprocess.run(
        [sys.executable, "-c", shown, "explain", "cat.png", "--model", "py:mine_only:f", "-q", "--n-samples", "60"],
        env=_environment(modules),
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, b"")


# --- terminals and pipes ------------------------------------------------------------------------------------


def _on_a_terminal(modules: Path, *arguments: str) -> tuple[int, str]:
    """Run on a pseudo-terminal of 100 columns; return the exit code and all that was shown."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "seewhy", *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=_environment(modules, TERM="xterm"),
    )
    os.close(slave)
    shown = b""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        ready, _, _ = select.select([master], [], [], 0.2)
        if not ready:
            continue
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux says so when the last writer is gone
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    return process.wait(timeout=10), shown.decode()


def test_a_terminal_shows_a_bar_with_a_forecast(place: Path, modules: Path) -> None:
    slow = ("--model", "py:seewhy_tiny:slow", "--n-samples", "12", "--batch-size", "1", "--segmentation", "grid")

    code, shown = _on_a_terminal(modules, "explain", "cat.png", *slow)

    assert code == 0
    assert "cat.png:" in shown
    assert "/12 [" in shown
    assert "<00:0" in shown  # time left
    assert "pictures/s" in shown
    assert "12 model calls" in shown


def test_quiet_shows_nothing_on_a_terminal(place: Path, modules: Path) -> None:
    assert _on_a_terminal(modules, "explain", "cat.png", *SMALL, "--quiet") == (0, "")


def test_a_pipe_gets_no_bar_and_no_escape_codes(place: Path, modules: Path) -> None:
    found = _process(modules, "explain", "cat.png", *SMALL, TERM="xterm-256color", COLUMNS="20")

    assert (found.code, found.err) == (0, "")
    assert "\x1b" not in found.out
    assert "\r" not in found.out
    assert "segment value area box x0 y0 x1 y1" in [" ".join(line.split()) for line in found.out.splitlines()]
    assert "…" not in found.out  # nothing is cut, however narrow


@pytest.mark.parametrize("encoding", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_a_terminal_without_unicode_does_not_stop_the_run(place: Path, modules: Path, encoding: dict[str, str]) -> None:
    shutil.copy("cat.png", "ä.png")

    found = _process(modules, "explain", "ä.png", *SMALL, **encoding)

    assert (found.code, found.err) == (0, "")
    assert "lime for" in found.out


@pytest.mark.parametrize("arguments", [("methods",), ("explain", "cat.png", "cat.png", *SMALL)])
def test_a_reader_that_stops_early_sees_no_traceback(place: Path, modules: Path, arguments: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seewhy", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(modules),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    said = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert said == b""


# --- Ctrl-C -------------------------------------------------------------------------------------------------


def _interrupted(modules: Path, *arguments: str, calls: int) -> Answer:
    """Press Ctrl-C once the model was called so often."""
    # a process started in the background ignores Ctrl-C unless it says otherwise
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    start += "from seewhy.cli import main; main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", start, "explain", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(modules),
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and not (Path("calls").exists() and Path("calls").stat().st_size >= calls):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return Answer(process.returncode, out.decode(), err.decode())


def test_ctrl_c_leaves_a_partial_result_marked_as_such(place: Path, modules: Path) -> None:
    slow = ("--model", "py:seewhy_tiny:slow", "--n-samples", "5000", "--batch-size", "1", "--segmentation", "grid")

    found = _interrupted(modules, "cat.png", "cat.png", *slow, calls=6)

    assert (found.code, found.err) == (130, "")
    assert "model calls (partial)" in found.out
    assert "note: partial: interrupted after" in found.out
    partial = seewhy.load("seewhy-out/cat.lime.seewhy")
    assert not partial.complete
    assert 2 <= len(partial.samples) < 5000
    assert found.out.count("cat.png (") == 1  # and the photos after it are not begun


def test_ctrl_c_before_there_is_a_result_says_so(place: Path, modules: Path) -> None:
    found = _interrupted(modules, "cat.png", "--model", "py:seewhy_tiny:stuck", calls=1)

    assert (found.code, found.out, found.err) == (130, "", "\ninterrupted\n")  # after the terminal's ^C


# --- what is wrong is answered by one line ------------------------------------------------------------------

WRONG: dict[str, tuple[list[str], str]] = {
    "no photo": (["explain"], "missing argument 'PHOTO...'; see seewhy explain --help"),
    "no such command": (["explian"], "no such command 'explian'. Did you mean 'explain'?; see seewhy --help"),
    "no such flag": (["explain", "cat.png", "--n-smaples", "5"], "did you mean one of: '--examples', '--n-samples'"),
    "flag without value": (["explain", "cat.png", "--n-samples"], "option '--n-samples' requires an argument"),
    "value for a switch": (["explain", "cat.png", "--json=3"], "option '--json' does not take a value"),
    "surplus word": (["models", "extra"], "got unexpected extra argument (extra); see seewhy models --help"),
    "method": (["explain", "cat.png", "--method", "lmie"], "--method must be one of lime, rise, got 'lmie'; did you"),
    "methods": (["methods", "nope"], "there is no method 'nope'; there are lime, rise"),
    "preset": (["explain", "cat.png", "--preset", "rise-lba"], "got 'rise-lba'; did you mean rise-lab?"),
    "preset and settings": (["explain", "cat.png", "--preset", "rise-lab", "--settings", "x.toml"], "together"),
    "preset and method": (
        ["explain", "cat.png", "--preset", "rise-lab", "--method", "lime"],
        "--method must be rise, as in --preset rise-lab, or not be given, got 'lime'",
    ),
    "model": (["explain", "cat.png", "--model", "efficientnet"], "did you mean efficientnet-lite0?"),
    "module": (["explain", "cat.png", "--model", "py:nowhere:f"], "No module named 'nowhere'"),
    "attribute": (["explain", "cat.png", "--model", "py:seewhy_tiny:f"], "seewhy_tiny, which has no f"),
    "half a module": (["explain", "cat.png", "--model", "py:seewhy_tiny"], "must be py:module:attribute"),
    "target": (
        ["explain", "cat.png", "--targets", "tigre cat"],
        "targets='tigre cat' is not a class of this model; nearest: tiger cat (282)",
    ),
    "target index": (["explain", "cat.png", "--model", TINY, "--targets", "7"], "class indices from 0 to 2, got 7"),
    "several targets": (["explain", "cat.png", "--targets", "top5,3"], "write --targets top5 --targets 3"),
    "seed": (["explain", "cat.png", "--seed", "-1"], "invalid value for '--seed': -1"),
    "batch size": (["explain", "cat.png", "--batch-size", "0"], "invalid value for '--batch-size': 0"),
    "examples": (["explain", "cat.png", "--examples", "0"], "invalid value for '--examples': 0"),
    "background": (["explain", "cat.png", "cat.png", "--background", "fo"], "background must be a color name"),
    "folder": (["explain", "."], ". must be a file that exists, got a folder"),
    "not a photo": (["explain", "x.toml"], "x.toml "),
    "flag of another method": (
        ["explain", "cat.png", "--method", "rise", "--slic-n-segments", "20"],
        "--slic-n-segments is a setting of lime, but the method is rise",
    ),
    "flag of another member": (
        ["explain", "cat.png", "--quickshift-ratio", "0.5"],
        "--quickshift-ratio is a setting of quickshift, but segmentation is slic; add --segmentation quickshift",
    ),
    "python only": (["explain", "cat.png", "--surrogate", "regressor"], "works from Python only"),
    "labels without a file": (["explain", "cat.png", "--segmentation", "labels"], "needs --labels-path FILE"),
    "picture without a file": (["explain", "cat.png", "--fill", "picture"], "needs --picture-path FILE"),
    "labels file": (
        ["explain", "cat.png", "--model", TINY, "--segmentation", "labels", "--labels-path", "no.png"],
        "Labels.path no.png must be a readable image file",
    ),
    "several at once": (
        ["explain", "cat.png", "--n-samples", "1e9", "--num-features", "0"],
        "--n-samples must be a whole number, got '1e9'; --num-features must be at least 1, got '0'",
    ),
    "selection": (["explain", "cat.png", "--feature-selection", "lasso-path"], "needs num_features, got none"),
    "out is a file": (["explain", "cat.png", "--out", "cat.png"], "--out must be a folder, but cat.png is a file"),
    "out below a file": (["explain", "cat.png", "--out", "cat.png/x"], "cannot make the folder cat.png/x"),
    "segments out": (["segments", "cat.png", "--out", "cat.png"], "cannot write cat.png/cat.segments.png"),
    "segments photo": (["segments", "nope.png"], "nope.png must be a file that exists"),
    "segments setting": (["segments", "cat.png", "--slic-n-segments", "0"], "--slic-n-segments must be at least 2"),
    "settings missing": (["explain", "cat.png", "--settings", "no.toml"], "no.toml must be a readable TOML"),
    "grid too fine": (
        ["explain", "cat.png", "--model", TINY, "--method", "rise", "--grid", "40"],
        "Rise.grid must be at most 32",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_answered_by_one_line(call: Call, place: Path, name: str) -> None:
    (place / "x.toml").write_text("")
    arguments, said = WRONG[name]

    found = call(*arguments)

    assert said in found.error
    assert (found.code, found.out) == (2, "")


BAD_FILES = {
    "x =": "must be a readable TOML settings file",
    "x = 1": "must hold only method, model, targets, seed, display, got x",
    "display = 3": "display must be a table, got 3",
    "display = {regions = 0}": "Display.regions must be at least 1, at most 10000, got 0",
    "display = {colors = 1}": "Display.colors is not a setting",
    "method = 5": "method must be a name or a table, got 5",
    "method = 'lmie'": "method must be one of lime, rise, got 'lmie'",
    "method = {n_samples = 5}": "method must be one of lime, rise, got {'n_samples': 5}",
    "method = {name = [1]}": "method must be one of lime, rise, got {'name': [1]}",
    "method = {name = 'lime', foo = 1}": "Lime.foo is not a setting; Lime has name, segmentation",
    "method = {name = 'lime', segmentation = [1]}": "Lime.segmentation must be one of slic",
    "method = {name = 'lime', segmentation = {name = 'slic', n = 5}}": "Slic.n is not a setting",
    "method = {name = 'lime', segmentation = {name = 'labels'}}": "exactly one of path and array",
    "method = {name = 'lime', kernel = {name = 'cosine', width = nan}}": "Cosine.width must be a finite number",
    "method = {name = 'lime', surrogate = {name = 'regressor', regressor = 'x'}}": "must be a regressor object",
    "targets = {a = 1}": "targets must be text, a number, or a list",
    "targets = true": "targets must be text, a number, or a list",
    "targets = [1.5]": "targets must be 'topN', class indices or class names, got 1.5",
    "targets = []": "targets must name at least one class, got none",
    "seed = 'x'": "seed must be a whole number of at least 0, got 'x'",
    "seed = -1": "seed must be a whole number of at least 0, got -1",
    "seed = true": "seed must be a whole number of at least 0, got True",
    "model = 5": "model must be text, got 5",
}


@pytest.mark.parametrize("text", BAD_FILES)
def test_a_bad_settings_file_is_answered_by_one_line(call: Call, place: Path, text: str) -> None:
    (place / "bad.toml").write_text(text)
    model = () if text.startswith("model") else ("--model", TINY)

    found = call("explain", "cat.png", *model, "--settings", "bad.toml")

    assert BAD_FILES[text] in found.error
    assert (found.code, found.out) == (2, "")
    assert "bad.toml" in found.error or text.startswith("targets = [")


def test_a_settings_file_that_is_not_text(call: Call, place: Path) -> None:
    found = call("explain", "cat.png", "--settings", "cat.png")

    assert "cat.png must be a readable TOML settings file" in found.error
    assert found.code == 2


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere

    found = call("explain", "cat.png", "--model", "py:seewhy_tiny:raises", "--out", "locked")

    assert found.error == "error: --out must be a folder that can be written to, got locked"
    assert found.code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(call: Call, place: Path) -> None:
    (place / "locked").mkdir(mode=0o555)

    assert "can be written to, got locked" in call("explain", "cat.png", *SMALL, "--out", "locked").error


def test_a_file_that_cannot_be_written_costs_only_its_photo(call: Call, place: Path) -> None:
    shutil.copy("cat.png", "dog.png")
    (place / "seewhy-out/cat.lime.png").mkdir(parents=True)

    found = call("explain", "cat.png", "dog.png", *SMALL, "--json")

    assert found.error == "error: cat.png: cannot write seewhy-out/cat.lime.png: Is a directory"
    assert found.code == 2
    assert _strict(found.out)["image"] == "dog.png"


FAILING = {
    "raises": "error: cat.png: RuntimeError: weights exploded (in model raises, batch of 1 pictures",
    "garbage": "error: cat.png: model garbage must return numbers, returned an object of type str",
    "nan": "error: cat.png: model nan must return finite scores, returned nan at picture 0, class 0",
}


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_model_is_one_line_and_a_traceback_only_with_debug(call: Call, name: str) -> None:
    plain = call("explain", "cat.png", "--model", f"py:seewhy_tiny:{name}")
    after = call("explain", "cat.png", "--model", f"py:seewhy_tiny:{name}", "--debug")
    before = call("--debug", "explain", "cat.png", "--model", f"py:seewhy_tiny:{name}")

    assert plain.error.startswith(FAILING[name])
    assert plain.error.endswith("(--debug shows more)")
    assert plain.code == after.code == before.code == 1
    assert after.err == before.err
    assert after.err.startswith("Traceback (most recent call last)")
    assert after.err.splitlines()[-1].startswith(FAILING[name])


def test_debug_shows_where_wrong_input_was_refused(call: Call) -> None:
    found = call("--debug", "explain", "cat.png", "--n-samples", "0")

    assert found.code == 2
    assert "Traceback" in found.err
    assert found.err.splitlines()[-1].startswith("error: --n-samples must be at least 2")


# --- flags --------------------------------------------------------------------------------------------------


def _asked(*flags: str) -> dict[str, Any]:
    context = explain.make_context("explain", ["cat.png", *flags])
    return settings_from(context.params)


def _chosen(flag: Flag) -> list[str]:
    method = ["--method", flag.owners[0]]
    return method if flag.member is None else [*method, f"--{flag.place[0]}", flag.member]


def _default(flag: Flag) -> Any:
    settings: Any = METHODS[flag.owners[0]]
    if flag.member is not None:
        settings = families(settings)[flag.place[0]][flag.member]
    default = settings.model_fields[flag.place[-1]].get_default()
    return getattr(default, "name", default)


@pytest.mark.parametrize("flag", method_flags(), ids=lambda flag: flag.name)
def test_each_flag_with_its_default_gives_the_same_settings(flag: Flag) -> None:
    if flag.place[-1] == "path":
        asked = _asked(*_chosen(flag), flag.name, "x.png")["method"]
        assert asked[flag.place[0]]["path"] == "x.png"
        return
    default = _default(flag)
    text = "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)

    assert _asked(*_chosen(flag), flag.name, text) == _asked(*_chosen(flag))


def test_every_setting_that_a_file_can_hold_has_a_flag() -> None:
    names = {flag.name for flag in method_flags()}
    python_only = {"custom", "regressor"}
    for settings in METHODS.values():
        expected = {f"--{name.replace('_', '-')}" for name in settings.model_fields if name != "name"}
        for known in families(settings).values():
            for member, described in known.items():
                inner = set(described.model_fields) - {"name", "array"} if member not in python_only else set()
                expected |= {f"--{member}-{name.replace('_', '-')}" for name in inner}
        assert expected <= names


def test_every_flag_stands_in_the_help_the_usual_ones_first(call: Call) -> None:
    text = call("explain", "--help").out

    for flag in method_flags():
        assert f"  {flag.name} " in text
        assert f"\n{flag.section}:\n" in text
    usual = text[text.index("The usual:") : text.index("What is shown:")]
    for name in ("--method", "--preset", "--settings", "--model", "--targets", "--seed", "--out", "--json", "--quiet"):
        assert name in usual
    assert "--n-samples" in usual
    assert len([line for line in usual.splitlines() if line.startswith("  -")]) <= 12
    assert text.index("Settings of lime:") < text.index("For --segmentation slic:")


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_runs(call: Call, name: str) -> None:
    few = ["--n-samples", "40"]
    if PRESETS[name].method.name == "rise":
        few += ["--grid", "4"]
    elif "default" in name or name == "lime-lab":
        few += ["--quickshift-max-dist", "5", "--quickshift-kernel-size", "1"]

    found = call("explain", "cat.png", "--preset", name, *few, "--model", "py:seewhy_tiny:logits", "--targets", "top3")

    assert (found.code, found.err) == (0, "")


def test_a_preset_sets_method_targets_and_display() -> None:
    for name, preset in PRESETS.items():
        asked = _asked("--preset", name)
        assert seewhy.api.as_method(asked["method"]) == preset.method
        assert asked["targets"] == preset.targets
        assert seewhy.Display(**asked["display"]) == preset.display


WORKFLOWS: dict[str, tuple[str, seewhy.Lime | seewhy.Rise, dict[str, Any]]] = {
    "W1 slic and colors": (
        (
            "--segmentation slic --slic-n-segments 30 --slic-compactness 5 --num-features 6 --n-samples 64 "
            "--fill white --surrogate bayesian-ridge"
        ),
        seewhy.Lime(
            segmentation=seewhy.Slic(n_segments=30, compactness=5),
            num_features=6,
            n_samples=64,
            fill="white",
            surrogate="bayesian-ridge",
        ),
        {},
    ),
    "W1 kite, three classes": ("--targets top3 --fill gray", seewhy.Lime(fill="gray"), {}),
    "W2": (
        (
            "--slic-n-segments 50 --n-samples 100 --design drop-fraction --keep 0.8 --surrogate lasso "
            "--kernel inverse-l2 --regions 7 --sign both"
        ),
        seewhy.Lime(
            n_samples=100,
            design="drop-fraction",
            keep=0.8,
            surrogate="lasso",
            kernel="inverse-l2",
        ),
        {"regions": 7, "sign": "both"},
    ),
    "W3": (
        (
            "--slic-n-segments 20 --n-samples 500 --fill black --surrogate lasso --lasso-alpha 0.1 "
            "--kernel image-cosine --unit score --targets top3 --sign positive"
        ),
        seewhy.Lime(
            segmentation=seewhy.Slic(n_segments=20),
            n_samples=500,
            fill="black",
            surrogate=seewhy.Lasso(alpha=0.1),
            kernel="image-cosine",
            unit="score",
        ),
        {"sign": "positive"},
    ),
    "W4": (
        (
            "--segmentation quickshift --num-features 100000 --n-samples 5000 --fill [255,0,0] --sign negative "
            "--hide-rest --regions 15"
        ),
        seewhy.Lime(segmentation="quickshift", num_features=100_000, n_samples=5000, fill="red"),
        {"regions": 15, "sign": "negative", "hide_rest": True},
    ),
    "W5": (
        "--method rise --n-samples 2000 --grid 8 --keep 0.5 --fill color --color-value #808080 --estimator reference",
        seewhy.Rise(n_samples=2000, grid=8, keep=0.5, fill=seewhy.Color(value="#808080"), estimator="reference"),
        {},
    ),
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_five_workflows_can_be_said_by_flags(name: str) -> None:
    flags, method, display = WORKFLOWS[name]

    asked = _asked(*flags.split())

    assert seewhy.api.as_method(asked["method"]) == method
    assert seewhy.Display(**asked["display"]) == seewhy.Display(**display)


def test_naming_the_member_that_is_there_keeps_its_settings() -> None:
    base = ("--preset", "lime-scratch-resnet50")

    assert _asked(*base, "--segmentation", "slic", "--surrogate", "lasso") == _asked(*base)
    assert _asked(*base, "--surrogate", "ridge")["method"]["surrogate"] == {"name": "ridge", "alpha": 1.0}


def test_none_takes_an_optional_setting_away() -> None:
    asked = _asked("--preset", "lime-default", "--num-features", "none", "--feature-selection", "none")

    assert "num_features" not in asked["method"]


# --- the other commands -------------------------------------------------------------------------------------


def test_version_and_help(call: Call) -> None:
    assert call("--version").out == f"seewhy, version {seewhy.__version__}\n"
    found = call("--help")
    assert found.code == 0
    for name in ("explain", "segments", "models", "methods"):
        assert f"  {name} " in found.out
        assert call(name, "-h").code == 0
    bare = call()
    assert bare.code == 2
    assert "Usage: seewhy" in bare.err


def test_models_names_the_default(call: Call) -> None:
    found = call("models")

    assert found.code == 0
    assert any(line.startswith("efficientnet-lite0 ") and "(default)" in line for line in found.out.splitlines())
    assert "py:module:attribute" in found.out


def test_methods_lists_every_setting_with_default_and_source(call: Call) -> None:
    text = call("methods").out

    for name, settings in METHODS.items():
        assert f"\n{name}: " in f"\n{text}"
        assert settings.source in text
        for field in settings.model_fields:
            assert field == "name" or f"  {field} = " in text or f"  {field}  " in text
    for name in PRESETS:
        assert f"  {name}: " in text
    alone = call("methods", "rise").out
    assert "rise: " in alone
    assert "lime: " not in alone


def test_segments_draws_and_counts(call: Call, place: Path) -> None:
    found = call(
        "segments", "cat.png", "--model", TINY, "--segmentation", "grid", "--grid-rows", "2", "--grid-columns", "3"
    )

    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("6 segments by grid; area from ")
    with Pillow.open("seewhy-out/cat.segments.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (90, 60))


@pytest.mark.parametrize("arguments", [["--help"], ["explain", "--help"]], ids=" ".join)
def test_help_loads_nothing_that_only_a_run_needs(arguments: list[str]) -> None:
    code = f"""
import sys
from seewhy.cli import main
try:
    main({arguments})
except SystemExit:
    pass
slow = ("scipy", "skimage", "sklearn", "openvino", "matplotlib", "safetensors")
print([name for name in slow if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def _strict(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found
