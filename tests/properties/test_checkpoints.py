"""A long run saves what it has from time to time; whatever ends it, the file goes on to the straight run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import seewhy
from seewhy.engine import handing_over
from support.asked import EARLY, LIME, METHODS, THREE, Asked, file_of, run
from support.patience import PATIENCE, wait_for


@THREE
def test_a_checkpoint_is_a_partial_result_that_goes_on_to_the_straight_one(name, tmp_path, monkeypatch):
    method, kept = METHODS[name].replace(n_samples=200), {}
    before = run(method.replace(n_samples=60))
    monkeypatch.setattr(handing_over, "_SAVE_SECONDS", 0.0)

    def watch(done, total):
        if (tmp_path / "point").exists():
            kept.setdefault((tmp_path / "point").read_bytes(), done)

    before.continue_(n_samples=200, checkpoint=tmp_path / "point", progress=watch, batch_size=10)

    assert len(kept) >= 10
    straight = file_of(run(method), tmp_path)
    for data in list(kept)[::4]:
        (tmp_path / "again").write_bytes(data)
        found = seewhy.load(tmp_path / "again")
        assert (found.complete, found.stop.by) == (False, "interrupted")
        assert file_of(found.continue_(model=Asked()), tmp_path) == straight


def test_nothing_is_saved_before_its_time(tmp_path):
    run(LIME.replace(n_samples=100), checkpoint=tmp_path / "point")

    assert not (tmp_path / "point").exists()


def test_a_checkpoint_never_holds_less_than_the_result_it_goes_on_from(tmp_path, monkeypatch):
    before = run(LIME.replace(n_samples=300))
    before.save(tmp_path / "point")
    monkeypatch.setattr(handing_over, "_SAVE_SECONDS", 0.0)
    held = []

    def watch(done, total):
        held.append(len(seewhy.load(tmp_path / "point").samples))

    before.continue_(tolerance=0.001, max_evaluations=400, checkpoint=tmp_path / "point", progress=watch)

    assert min(held) >= 300


@pytest.mark.slow
@pytest.mark.parametrize("name", EARLY)
def test_a_checkpoint_that_comes_early_does_not_end_the_run(name, tmp_path, monkeypatch):
    monkeypatch.setattr(handing_over, "_SAVE_SECONDS", 0.0)

    found = run(EARLY[name].replace(n_samples=100), batch_size=2, checkpoint=tmp_path / "point")

    assert found.complete


SCRIPT = """
import sys, time
import numpy as np, seewhy
from seewhy.engine import handing_over

handing_over._SAVE_SECONDS = float(sys.argv[3])

asked = 0

def model(batch):
    global asked
    asked += 1
    time.sleep(600 if sys.argv[4] == "start" and asked > 20 else 0.05)  # to be killed long before it is done
    return np.tanh(batch[:, 2:20:6, 3:30:9, 0].reshape(len(batch), -1))

photo = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
grid = seewhy.Grid(rows=3, columns=4)
methods = {"lime": seewhy.Lime(segmentation=grid, n_samples=400), "rise": seewhy.Rise(grid=4, n_samples=400)}
method = methods[sys.argv[1]]
if sys.argv[4] == "start":
    seewhy.explain(photo, model=model, method=method, batch_size=10, checkpoint=sys.argv[2], progress=False)
elif sys.argv[4] == "go on":
    print(len(seewhy.load(sys.argv[2]).samples))
    seewhy.load(sys.argv[2]).continue_(model=model, batch_size=50).save(sys.argv[2] + ".done")
else:
    seewhy.explain(photo, model=model, method=method, batch_size=100).save(sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lime", "rise"])
def test_a_killed_process_leaves_a_file_that_goes_on_to_the_straight_run(name, tmp_path):
    source = Path(seewhy.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(source)}

    def start(file, what):
        command = [sys.executable, "-c", SCRIPT, name, str(tmp_path / file), "0.2", what]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    killed = start("point", "start")
    try:
        wait_for((tmp_path / "point").exists)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=PATIENCE)
    others = [start("point", "go on"), start("straight", "straight")]
    said = [other.communicate(timeout=PATIENCE)[0] for other in others]

    assert killed.returncode == -signal.SIGKILL
    assert [other.returncode for other in others] == [0, 0]
    assert 2 <= int(said[0]) < 400
    assert (tmp_path / "point.done").read_bytes() == (tmp_path / "straight").read_bytes()
