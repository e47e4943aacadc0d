"""On other processors and with other threads: the same decisions, and numbers within the bound that is promised."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import seewhy
from support.patience import PATIENCE

pytestmark = pytest.mark.slow
BOUND = 1e-6
"""Share of the largest number of an array; docs/how-sure.md promises it."""
TESTS = Path(__file__).parents[1]
PATHS = os.pathsep.join([str(Path(seewhy.__file__).parents[1]), str(TESTS)])
HERE = {"OPENBLAS_NUM_THREADS": "1"}
X86 = {
    "without AVX": {"OPENBLAS_CORETYPE": "Prescott"},
    "of 2013": {"OPENBLAS_CORETYPE": "Haswell"},
    "of 2017": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "numpy without AVX": {"NPY_DISABLE_CPU_FEATURES": "X86_V3"},
}
ELSEWHERE = {"two threads": {"OPENBLAS_NUM_THREADS": "2"}} | (
    X86 if platform.machine().lower() in {"x86_64", "amd64"} else {}
)
CAN = "import numpy as np; a = np.random.default_rng(0).random((300, 300)); np.linalg.eigh(a @ a.T)"


def started(changes, *command):
    environment = os.environ | {"PYTHONPATH": PATHS} | HERE | changes
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return results(HERE, tmp_path_factory.mktemp("here") / "results")


def results(changes, file):
    done = started(changes, "-m", "support.elsewhere", str(file))
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


def test_again_means_the_same_numbers(here, tmp_path):
    assert results(HERE, tmp_path / "again") == here


@pytest.mark.parametrize("place", ELSEWHERE)
def test_elsewhere_means_the_same_decisions_and_nearly_the_same_numbers(place, here, tmp_path):
    if started(ELSEWHERE[place], "-W", "ignore", "-c", CAN).returncode != 0:
        pytest.skip("this processor does not know such instructions")
    there = results(ELSEWHERE[place], tmp_path / "there")

    assert {name: one["decisions"] for name, one in there.items()} == {
        name: one["decisions"] for name, one in here.items()
    }
    for name, one in here.items():
        for key, numbers in one["numbers"].items():
            wanted = np.array(numbers, dtype=float)
            scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
            found = there[name]["numbers"][key]
            np.testing.assert_allclose(found, wanted, rtol=0, atol=BOUND * scale, err_msg=f"{name}: {key}")
