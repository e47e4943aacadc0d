"""Ctrl-C, SIGTERM and SIGHUP: what there is, is saved; the exit code says which it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import seewhy
from support.cli import environment

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of Unix")
OUT = Path("seewhy-out")
SLOW = ("--model", "py:seewhy_tiny:slow", "--n-samples", "5000", "--batch-size", "1", "--segmentation", "grid")
ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
# a process started in the background ignores Ctrl-C unless it says otherwise
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def start(modules: Path, *arguments: str, before: str = "") -> subprocess.Popen[str]:
    code = f"{START}{before}\nfrom seewhy.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=environment(modules),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait(running: subprocess.Popen[str], reached: object) -> None:
    """Wait until a state is reached, or the process is over."""
    deadline = time.monotonic() + 300
    while not reached() and running.poll() is None and time.monotonic() < deadline:  # type: ignore[operator]
        time.sleep(0.01)


def called(times: int) -> bool:
    return Path("calls").exists() and Path("calls").stat().st_size >= times


def ended(running: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = running.communicate(timeout=300)
    return running.returncode, out, err


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), ENDINGS)
def test_a_signal_saves_what_there_is(place: Path, modules: Path, sent: int, code: int) -> None:
    running = start(modules, "explain", "cat.png", *SLOW, "--no-preflight")
    wait(running, lambda: called(30))
    running.send_signal(sent)

    found = ended(running)

    assert (found[0], found[2]) == (code, "")
    assert "(partial)" in found[1]
    assert 2 <= len(seewhy.load(OUT / "cat.lime.seewhy").samples) < 5000
    assert (OUT / "cat.lime.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), ENDINGS)
@pytest.mark.parametrize("what", ["preflight", "pilot"])
def test_a_signal_before_there_is_anything_ends_the_run(
    place: Path, modules: Path, what: str, sent: int, code: int
) -> None:
    auto = ("explain", "cat.png", "--model", "py:seewhy_tiny:slow", "--batch-size", "1")
    running = start(modules, *auto, *(() if what == "preflight" else ("--no-preflight",)))
    wait(running, lambda: called(2))
    running.send_signal(sent)

    found = ended(running)

    assert (found[0], found[1].strip(), found[2].strip()) == (code, "", "interrupted")
    assert list(OUT.iterdir()) == []


HOLD_DRAWING = """
import time
from pathlib import Path
from seewhy import Explanation
def plot(*_, **__):
    Path("drawing").write_text("")
    time.sleep(600)
Explanation.plot = plot
"""


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), ENDINGS)
def test_a_signal_while_drawing_leaves_the_whole_result(place: Path, modules: Path, sent: int, code: int) -> None:
    small = ("--model", "py:seewhy_tiny:model", "--n-samples", "40", "--segmentation", "grid")
    running = start(modules, "explain", "cat.png", *small, before=HOLD_DRAWING)
    wait(running, Path("drawing").exists)
    running.send_signal(sent)

    found = ended(running)

    assert (found[0], found[2].strip()) == (code, "interrupted")
    assert "wrote seewhy-out/cat.lime.seewhy" in found[1]
    assert seewhy.load(OUT / "cat.lime.seewhy").complete


HOLD_READING = """
import time
from pathlib import Path
from seewhy import Explanation
made = Explanation.of
def of(*given, **more):
    if not Path("reading").exists():
        Path("reading").write_text("")
        time.sleep(600)
    return made(*given, **more)
Explanation.of = of
"""


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), ENDINGS)
def test_a_signal_while_the_answers_are_read_saves_them(place: Path, modules: Path, sent: int, code: int) -> None:
    small = ("--model", "py:seewhy_tiny:model", "--n-samples", "40", "--segmentation", "grid")
    running = start(modules, "explain", "cat.png", *small, before=HOLD_READING)
    wait(running, Path("reading").exists)
    running.send_signal(sent)

    assert ended(running)[0] == code
    assert len(seewhy.load(OUT / "cat.lime.seewhy").samples) == 40


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(place: Path, modules: Path) -> None:
    small = ("--model", "py:seewhy_tiny:model", "--n-samples", "40", "--segmentation", "grid")
    stubborn = HOLD_DRAWING.replace("    time.sleep(600)", STUBBORN)
    running = start(modules, "explain", "cat.png", *small, before=stubborn)
    wait(running, Path("drawing").exists)
    running.send_signal(signal.SIGINT)
    wait(running, Path("stubborn").exists)
    deadline = time.monotonic() + 300
    while running.poll() is None and time.monotonic() < deadline:
        running.send_signal(signal.SIGINT)
        time.sleep(0.05)

    assert ended(running)[0] == 130
    assert seewhy.load(OUT / "cat.lime.seewhy").complete


STUBBORN = """
    while True:
        try:
            time.sleep(600)
        except KeyboardInterrupt:
            Path("stubborn").write_text("")
"""


@pytest.mark.slow
def test_repeated_sigterm_and_sighup_change_nothing(place: Path, modules: Path) -> None:
    running = start(modules, "explain", "cat.png", *SLOW, "--no-preflight")
    wait(running, lambda: called(30))
    for sent in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        running.send_signal(sent)

    code, out, err = ended(running)

    assert code in {129, 143}  # whichever the system hands over first
    assert err == ""
    assert "(partial)" in out


@pytest.mark.slow
def test_what_was_ignored_stays_ignored_as_under_nohup(place: Path, modules: Path) -> None:
    ignoring = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    few = ("--model", "py:seewhy_tiny:slow", "--n-samples", "60", "--batch-size", "1", "--segmentation", "grid")
    running = start(modules, "explain", "cat.png", *few, "--no-preflight", before=ignoring)
    wait(running, lambda: called(5))
    running.send_signal(signal.SIGHUP)

    assert ended(running)[0] == 0
    assert seewhy.load(OUT / "cat.lime.seewhy").complete


OTHERS = {
    "evaluate": ("evaluate", "cat.png", "--methods", "lime", "--metrics", "srg"),
    "tune": ("tune", "cat.png", "--calls", "100000"),
    "study": ("study", "cat.png", "--menu", "small", "--n-samples", "500"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(("sent", "code"), ENDINGS[1:])
def test_other_commands_end_by_a_signal_in_one_line(
    place: Path, modules: Path, name: str, sent: int, code: int
) -> None:
    running = start(modules, *OTHERS[name], "--model", "py:seewhy_tiny:slow", "--batch-size", "1", "--quiet")
    wait(running, lambda: called(20))
    running.send_signal(sent)

    found = ended(running)

    assert found[0] == code
    assert "interrupted" in found[2]
    assert "Traceback" not in found[2]


IMPORTING = """
import importlib.abc, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
held, sys.argv = sys.argv[1], ["seewhy", "methods"]

class Hold(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == held:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Hold())
from seewhy.cli import main
main()
"""


@pytest.mark.parametrize("module", ["numpy", "pydantic", "seewhy.api", "click", "seewhy.cli.explain", "rich.console"])
def test_ctrl_c_while_importing_leaves_no_traceback(modules: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, module],
        env=environment(modules),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "interrupted")


def test_a_program_that_only_uses_the_package_keeps_its_ctrl_c(modules: Path) -> None:
    code = f"{START}import seewhy; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(modules), capture_output=True, check=True)

    assert done.stdout == b"True\n"


def test_the_command_line_is_told_from_other_programs() -> None:
    from seewhy._start import is_command_line

    assert is_command_line(["/usr/bin/seewhy", "explain"], ["python", "/usr/bin/seewhy", "explain"])
    assert is_command_line(["-m", "explain"], ["python", "-X", "dev", "-m", "seewhy", "explain"])
    assert not is_command_line(["-m", "explain"], ["python", "-m", "pytest", "seewhy"])
    assert not is_command_line(["/usr/bin/pytest", "-m", "seewhy"], ["python", "-m", "pytest", "-m", "seewhy"])
    assert not is_command_line([], [])
