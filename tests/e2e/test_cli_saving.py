"""The result is saved before it is drawn; what goes wrong afterwards costs nothing that the model answered."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.cli import output, writer
from support.cli import SMALL, TINY, Call, environment, process, strict

FILE = Path("seewhy-out/cat.lime.seewhy")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "Qt5Agg", "nonsense"])
def test_figures_are_drawn_whatever_backend_the_environment_names(place: Path, modules: Path, backend: str) -> None:
    found = process(modules, "explain", "cat.png", *SMALL, "--quiet", MPLBACKEND=backend)

    assert (found.code, found.err) == (0, "")
    with Pillow.open("seewhy-out/cat.lime.png") as picture:
        picture.load()


@pytest.mark.slow
def test_places_that_matplotlib_and_the_cache_cannot_use_do_not_matter(place: Path, modules: Path) -> None:
    (place / "file").write_text("")
    nowhere = str(place / "file" / "below")

    found = process(
        modules, "explain", "cat.png", *SMALL, "--quiet", MPLCONFIGDIR=nowhere, XDG_CACHE_HOME=nowhere, HOME=nowhere
    )

    assert found.code == 0
    assert FILE.is_file()


@pytest.mark.parametrize(
    "error", [MemoryError(), ValueError("no such backend"), OSError(28, "No space left on device")]
)
def test_a_figure_that_cannot_be_drawn_costs_only_itself(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        assert FILE.is_file()  # saved first
        raise error

    monkeypatch.setattr(seewhy.Explanation, "plot", fail)
    found = call("explain", "cat.png", *SMALL, "--json")

    assert found.code == 1
    assert "the result is in seewhy-out/cat.lime.seewhy" in found.error
    names = [Path(name).name for name in strict(found.out)["files"]]
    assert names == ["cat.lime.seewhy", "cat.lime.toml", "cat.lime.heatmap.png", "cat.lime.region.png"]
    assert seewhy.load(FILE).complete


def test_a_result_that_cannot_be_saved_is_still_printed(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise seewhy.FileError("cannot write it: No space left on device")

    monkeypatch.setattr(writer, "create_file", fail)
    found = call("explain", "cat.png", *SMALL)

    assert found.code == 2
    assert found.error == "error: cat.png: cannot write it: No space left on device"
    assert "lime for" in found.out
    assert "wrote" not in found.out


def test_an_output_folder_that_vanishes_during_the_run_is_made_again(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seewhy.Explanation.to_dict
    monkeypatch.setattr(writer, "drop_abandoned", lambda folder: folder.rmdir())

    found = call("explain", "cat.png", *SMALL, "--quiet")

    assert before is seewhy.Explanation.to_dict
    assert (found.code, found.err) == (0, "")
    assert FILE.is_file()


def test_the_smallest_region_is_asked_after_the_result_is_saved(call: Call, place: Path) -> None:
    (place / "tiring.py").write_text(
        "from pathlib import Path\nimport numpy as np\n"
        "def model(batch):\n"
        "    if list(Path('seewhy-out').glob('*.seewhy')):\n        raise RuntimeError('tired')\n"
        "    return np.stack([batch.mean((1, 2, 3)), batch[:, :9].mean((1, 2, 3))], 1)\n"
    )
    tiring = ("--model", "py:tiring:model", "--n-samples", "40", "--segmentation", "grid")

    found = call("explain", "cat.png", *tiring, "--smallest", "--json")

    assert found.code == 1
    assert "tired" in found.error
    assert len(strict(found.out)["files"]) == 5
    assert FILE.is_file()


def test_the_seconds_printed_include_drawing_and_saving(
    call: Call, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing, clock = writer.Writer.draw, [0.0]

    def slow(*given: object) -> None:
        clock[0] += 1000.0
        drawing(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(writer.Writer, "draw", slow)
    monkeypatch.setattr("seewhy.cli.deliver.perf_counter", lambda: clock[0])
    for command in (
        ("explain", "cat.png", *SMALL),
        ("refit", str(FILE), "--kernel", "none"),
        ("resume", str(FILE), "--model", TINY, "--n-samples", "60"),
    ):
        seconds = re.search(r"model calls(?: of the saved run)?, ([0-9.]+) s in all", call(*command).out)
        assert seconds is not None
        assert float(seconds[1]) > 999, command


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from seewhy.cli import main
main(sys.argv[2:])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits of Unix")
def test_on_a_full_disk_old_pictures_stay_whole_and_what_fits_is_kept(place: Path, modules: Path) -> None:
    assert process(modules, "explain", "cat.png", *SMALL, "--quiet").code == 0
    before = {path.name: path.read_bytes() for path in FILE.parent.iterdir()}
    size = len(before["cat.lime.seewhy"])
    assert size < len(before["cat.lime.png"])
    more = ("--model", TINY, "--n-samples", "40", "--segmentation", "grid", "--regions", "2", "--overwrite", "--quiet")

    for limit, kept in ((100, False), (size + 5000, True)):
        done = subprocess.run(
            [sys.executable, "-B", "-c", LIMITED, str(limit), "explain", "cat.png", *more, "--seed", "3"],
            env=environment(modules),
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode != 0
        assert len(done.stderr.splitlines()) == 1
        assert "File too large" in done.stderr
        after = {path.name: path.read_bytes() for path in FILE.parent.iterdir()}
        assert set(after) == set(before)  # and nothing half written beside them
        assert after["cat.lime.png"] == before["cat.lime.png"]
        assert (after["cat.lime.seewhy"] != before["cat.lime.seewhy"]) == kept
        seewhy.load(FILE)


# --- what is printed ----------------------------------------------------------------------------------------

ESCAPE = "\x1b]0;PWNED\x07\x1b[2J\r\u202e\x9b31m"
EVIL = f"""
import numpy as np
from seewhy import FunctionModel
NAMES = ({ESCAPE!r} + "a", "[bold]b[/bold] $\\\\frac", "猫\\nwrote /etc/passwd")
def scores(batch):
    return np.stack([batch.mean((1, 2, 3)), batch[:, :9].mean((1, 2, 3)), batch[:, 9:].mean((1, 2, 3))], 1)
model = FunctionModel(scores, labels=NAMES, kind="score", name="model" + {ESCAPE!r})
def fails(batch):
    raise RuntimeError({ESCAPE!r})
"""
EVIL_MODEL = ("--model", "py:hostile:model", "--segmentation", "grid", "--n-samples", "40")
UNSAFE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.fixture
def evil(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (place / "hostile.py").write_text(EVIL)
    monkeypatch.setenv("COLUMNS", "300")  # or a table may break a line of its own just before "wrote"
    name = f"bad{ESCAPE.replace('/', '')}.png"
    (place / "cat.png").rename(place / name)
    monkeypatch.delitem(sys.modules, "hostile", raising=False)
    return Path(name)


def test_nothing_of_others_gives_the_terminal_orders(call: Call, evil: Path) -> None:
    commands = {
        "explain": ("explain", str(evil), *EVIL_MODEL, "--targets", "top3", "--smallest"),
        "json": ("explain", str(evil), *EVIL_MODEL, "--json"),
        "refit": ("refit", f"seewhy-out/{evil.stem}.lime.seewhy", "--kernel", "none"),
        "compare": ("compare", f"seewhy-out/{evil.stem}.lime.seewhy"),
        "check": ("check", "py:hostile:model", str(evil)),
        "segments": ("segments", str(evil), "--model", "py:hostile:model"),
        "evaluate": ("evaluate", str(evil), "--model", "py:hostile:model", "--methods", "lime", "--metrics", "srg"),
        "failing": ("explain", str(evil), "--model", "py:hostile:fails"),
        "debug": ("explain", str(evil), "--model", "py:hostile:fails", "--debug"),
        "missing": ("explain", f"no{ESCAPE}.png"),
        "option": ("explain", "cat.png", f"--{ESCAPE}"),
        "command": (ESCAPE,),
    }
    for name, command in commands.items():
        found = call(*command)
        assert not UNSAFE.search(found.out + found.err), name
        assert found.out + found.err
        if name not in {"failing", "debug", "missing", "option", "command"}:
            assert found.code in {0, 1}, (name, found.err)
        assert not any(line.startswith("wrote /etc") for line in found.out.splitlines()), (name, found.out)


def test_a_key_of_a_settings_file_gives_no_orders(call: Call, place: Path) -> None:
    (place / "k.toml").write_text('"\\u001b]0;PWNED" = 1\n')

    assert not UNSAFE.search(call("explain", "cat.png", "--settings", "k.toml").error)


def test_tables_show_markup_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    page, rows = output.Printed(), output.Rows("name")
    rows.row("[red]x[/red]\x1b[2J")
    page.table(rows)
    page.line("[bold]y[/]\r")

    assert str(page).splitlines()[1:] == ["[red]x[/red]\\x1b[2J", "[bold]y[/]\\r"]


# --- streams ------------------------------------------------------------------------------------------------

ODD = """
import io, sys
from seewhy.cli import main

class Bare:
    def write(self, text): ...

closed = io.StringIO(); closed.close()
streams = {"none": None, "bare": Bare(), "closed": closed}
real, stream = sys.stderr, streams[sys.argv[1]]
for name in sys.argv[2].split(","):
    setattr(sys, name, stream)
code = 0
try:
    main(sys.argv[3:])
except SystemExit as end:
    code = end.code
except BaseException as error:
    real.write(repr(error))
    code = 99
import os; os._exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["none", "bare", "closed"])
@pytest.mark.parametrize("names", ["stderr", "stdout,stderr"])
def test_odd_streams_do_not_stop_a_run(place: Path, modules: Path, stream: str, names: str) -> None:
    command = [sys.executable, "-c", ODD, stream, names, "explain", "cat.png", *SMALL]
    done = subprocess.run(command, env=environment(modules), capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert FILE.is_file()
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("words", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"LANG": "C"}])
def test_what_the_environment_says_of_the_terminal_does_not_stop_a_run(place: Path, modules: Path, words) -> None:
    found = process(modules, "explain", "cat.png", *SMALL, "--targets", "top3", **words)

    assert (found.code, found.err) == (0, "")
    assert "\x1b" not in found.out


@pytest.mark.slow
def test_letters_that_the_encoding_does_not_have_do_not_stop_a_run(place: Path, modules: Path) -> None:
    (place / "cat.png").rename("猫.png")
    command = [sys.executable, "-m", "seewhy", "explain", "猫.png", *SMALL]

    done = subprocess.run(
        command, env=environment(modules, PYTHONIOENCODING="cp1252"), capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u732b.png (tiny" in done.stdout


def test_a_study_that_fails_says_why_also_when_quiet(call: Call, place: Path) -> None:
    asked = ("study", "cat.png", "--model", TINY, "--target", "nosuchclass", "--menu", "small", "--n-samples", "40")

    for flag in ("--quiet", "--json"):
        found = call(*asked, flag)
        assert found.code == 2
        assert "nosuchclass" in found.error
        assert found.out == "" or strict(found.out)["failed"]
