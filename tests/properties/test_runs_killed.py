"""Tunings and studies whose processes are killed at random end with the same result, and hardly ask anything twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import seewhy
from support.graded import folder

TESTS = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["tune", "study"])
def test_processes_killed_at_random_leave_the_same_result(command, tmp_path):
    folder(tmp_path, 3)
    paths = os.pathsep.join([str(Path(seewhy.__file__).parents[1]), str(TESTS)])
    done = subprocess.run(
        [sys.executable, "-m", "support.killing", str(tmp_path), command, "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["kills"] >= 3
    assert found["same"]
    assert found["again"] < found["whole"] / 4  # what was done is kept
