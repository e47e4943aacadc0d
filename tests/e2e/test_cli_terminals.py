"""Terminals, pipes and Ctrl-C."""

from __future__ import annotations

import fcntl
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
from pathlib import Path

import pytest

import seewhy
from support.cli import SMALL, Answer, environment, process
from support.patience import PATIENCE, wait_for, written

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
        env=environment(modules, TERM="xterm"),
    )
    os.close(slave)
    shown = b""
    until = time.monotonic() + PATIENCE
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
    return process.wait(timeout=PATIENCE), shown.decode()


@pytest.mark.slow
def test_a_terminal_shows_a_bar_with_a_forecast(place: Path, modules: Path) -> None:
    slow = ("--model", "py:seewhy_tiny:slow", "--n-samples", "12", "--batch-size", "1", "--segmentation", "grid")

    code, shown = _on_a_terminal(modules, "explain", "cat.png", *slow)

    assert code == 0
    assert "cat.png:" in shown
    assert "/12 [" in shown
    assert "<00:0" in shown  # time left
    assert "samples/s" in shown
    assert "19 model calls" in shown  # 12 samples, the photo itself, and six for the verdict


@pytest.mark.slow
def test_quiet_shows_nothing_on_a_terminal(place: Path, modules: Path) -> None:
    assert _on_a_terminal(modules, "explain", "cat.png", *SMALL, "--quiet") == (0, "")


@pytest.mark.slow
def test_a_pipe_gets_no_bar_and_no_escape_codes(place: Path, modules: Path) -> None:
    found = process(modules, "explain", "cat.png", *SMALL, TERM="xterm-256color", COLUMNS="20")

    assert (found.code, found.err) == (0, "")
    assert "\x1b" not in found.out
    assert "\r" not in found.out
    assert "segment value area box x0 y0 x1 y1" in [" ".join(line.split()) for line in found.out.splitlines()]
    assert "…" not in found.out  # nothing is cut, however narrow


@pytest.mark.slow
@pytest.mark.parametrize("encoding", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_a_terminal_without_unicode_does_not_stop_the_run(place: Path, modules: Path, encoding: dict[str, str]) -> None:
    shutil.copy("cat.png", "ä.png")

    found = process(modules, "explain", "ä.png", *SMALL, **encoding)

    assert (found.code, found.err) == (0, "")
    assert "lime for" in found.out


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("methods",), ("explain", "cat.png", "cat.png", *SMALL)])
def test_a_reader_that_stops_early_sees_no_traceback(place: Path, modules: Path, arguments: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "seewhy", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(modules),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    said = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=PATIENCE)
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
        env=environment(modules),
    )
    wait_for(written("calls", calls))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    return Answer(process.returncode, out.decode(), err.decode())


@pytest.mark.slow
def test_ctrl_c_leaves_a_partial_result_marked_as_such(place: Path, modules: Path) -> None:
    slow = ("--model", "py:seewhy_tiny:slow", "--n-samples", "5000", "--batch-size", "1", "--segmentation", "grid")

    found = _interrupted(modules, *["cat.png"] * 5, *slow, "--no-preflight", calls=30)

    assert (found.code, found.err) == (130, "")
    assert "model calls (partial)" in found.out
    assert "note: partial: interrupted after" in found.out
    partial = seewhy.load("seewhy-out/cat.lime.seewhy")
    assert not partial.complete
    assert 2 <= len(partial.samples) < 5000
    assert found.out.count("cat.png (") <= 2  # and the photos after those in work are not begun


@pytest.mark.slow
def test_ctrl_c_before_there_is_a_result_says_so(place: Path, modules: Path) -> None:
    found = _interrupted(modules, "cat.png", "--model", "py:seewhy_tiny:stuck", calls=1)

    assert (found.code, found.out, found.err) == (130, "", "\ninterrupted\n")  # after the terminal's ^C
