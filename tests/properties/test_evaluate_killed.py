"""An evaluation whose processes are killed at random ends with the same table, and does hardly anything twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import seewhy
from support.graded import folder
from support.patience import PATIENCE

TESTS = Path(__file__).parents[1]


def evaluated(place, how, seed):
    paths = os.pathsep.join([str(Path(seewhy.__file__).parents[1]), str(TESTS)])
    done = subprocess.run(
        [sys.executable, "-m", "support.evaluating", str(place), how, str(seed)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_processes_killed_at_random_leave_the_same_table(seed, tmp_path):
    folder(tmp_path, 10)

    found = evaluated(tmp_path, "killed", seed)

    assert found["kills"] >= 20
    assert found["same"]
    assert found["cells"] == 10 * 5 * 5
    assert found["straight"] == found["done"] == found["different"] == 10 * (5 + 5 + 3 * 3)  # a bare map has no samples
    assert found["measured"] <= found["done"] + found["kills"]  # at most the cell in work was lost


@pytest.mark.slow
def test_two_processes_at_one_run_share_the_work(tmp_path):
    folder(tmp_path, 6)

    found = evaluated(tmp_path, "two", 0)

    assert found["same"]
    assert found["measured"] == found["different"] == found["done"] == 6 * (5 + 5 + 3 * 3)


@pytest.mark.slow
def test_what_a_killed_process_had_in_work_is_taken_over(tmp_path):
    folder(tmp_path, 6)

    found = evaluated(tmp_path, "two", 1)

    assert found["kills"] == 1
    assert found["same"]
    assert found["different"] == found["done"] == 6 * (5 + 5 + 3 * 3)
    assert found["measured"] <= found["done"] + 1
