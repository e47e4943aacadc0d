"""The same evaluation on Ray: a real local cluster of two workers, one of which is killed in the middle."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.evaluate import evaluate
from seewhy.metrics import Facts, Measure, Metric
from support.graded import LIME, folder, plain, scores
from support.patience import PATIENCE
from support.refusing import refuses

ray = pytest.importorskip("ray", reason="the extra ray is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of Ray itself
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATHS = os.pathsep.join([str(Path(seewhy.__file__).parents[1]), str(Path(__file__).parents[1])])
METRICS = ["iou", "ap", "srg", "error"]


@pytest.fixture(scope="module")
def cluster():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": {"PYTHONPATH": PATHS, "OMP_NUM_THREADS": "1", "SEEWHY_CACHE": "off"}},
        )
    yield
    ray.shutdown()


def asked(place, function, **more):
    model = seewhy.FunctionModel(function, labels=("red", "green", "blue"), kind="score", input_size=16)
    usual = {"truth": place / "masks", "methods": {"lime": LIME}, "metrics": METRICS, "progress": False}
    return evaluate(place / "photos", model=model, **(usual | more))


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_time(cluster, tmp_path):
    folder(tmp_path, 6)
    marker = tmp_path / "killed"

    def deadly(batch):
        if batch[..., 2].max() > 0.97 and not marker.exists():  # a photo with blue
            marker.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return scores(batch)

    far = asked(tmp_path, deadly, out=tmp_path / "run", ray="auto")

    assert int(marker.read_text()) != os.getpid()
    assert far.complete
    assert far.faults == {}
    here = asked(tmp_path, deadly, out=tmp_path / "here")
    assert plain(far) == plain(here)
    again = asked(tmp_path, deadly, out=tmp_path / "run")  # what Ray did is not done again here
    assert again.to_dict() == far.to_dict()


def test_a_photo_that_kills_every_worker_is_recorded(cluster, tmp_path):
    folder(tmp_path, 3)
    here = os.getpid()

    def deadly(batch):
        if batch[..., 2].max() > 0.97 and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return scores(batch)

    found = asked(tmp_path, deadly, ray="auto", baselines=())

    assert list(found.faults) == ["2.png"]
    assert found.faults["2.png"].startswith("3 workers died while computing it")
    assert found.summary[0]["photos"] == 2


def test_metrics_that_workers_do_not_know_are_refused(tmp_path):
    folder(tmp_path, 2)
    own = Metric(Facts("own", "own", "", "", "", "0", "map", ""), lambda question, candidate: Measure(1.0))
    with refuses(InvalidInput, "metrics", value="own"):
        asked(tmp_path, scores, ray="auto", metrics=[own])


def test_a_worker_without_a_free_cpu_gets_no_work(cluster, tmp_path):
    folder(tmp_path, 2)

    @ray.remote(num_cpus=1)
    class Busy:
        def here(self):
            return True

    other = Busy.remote()
    assert ray.get(other.here.remote())

    def too_long(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(120)  # for work that nobody takes: the run would wait for ever
    try:
        found = asked(tmp_path, scores, ray="auto", baselines=(), metrics=["iou"])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        ray.kill(other)

    assert found.complete
    assert [row.grades["iou"].state for row in found.rows] == ["done"] * 2


def test_another_cluster_than_the_connected_one_is_refused(cluster, tmp_path):
    folder(tmp_path, 1)
    ask = {"baselines": (), "metrics": ["iou"]}
    with refuses(InvalidInput, "ray", value="ray://no.such.host:10001"):
        asked(tmp_path, scores, ray="ray://no.such.host:10001", **ask)
    assert asked(tmp_path, scores, ray=ray.get_runtime_context().gcs_address, **ask).complete


def test_what_differs_in_what_it_shows_is_explained_once(cluster, tmp_path):
    folder(tmp_path, 2)
    shown = {f"r{n}": {"method": LIME.to_dict(), "display": {"regions": n}} for n in (1, 2, 3)}
    far, here = (asked(tmp_path, scores, methods=shown, out=tmp_path / str(to), ray=to) for to in ("auto", None))

    assert plain(far) == plain(here)
    assert len(list((tmp_path / "auto" / "explanations").iterdir())) == 2


DRIVER = """
import os, signal, sqlite3, sys, time
from pathlib import Path

import ray

import seewhy
from seewhy.evaluate import evaluate
from support.graded import LIME, scores

address, place, paths = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
driver, seen = os.getpid(), []


def deadly(batch):
    seen.extend([0] * len(batch))
    if len(seen) > 100 and not (place / "killed").exists():  # SRG is in work
        database = sqlite3.connect(place / "run" / "cells.sqlite", timeout=600)
        for _ in range(6000):
            stored = [name for (name,) in database.execute("SELECT metric FROM cells")]
            if "ap" in stored:
                break
            time.sleep(0.1)
        (place / "killed").write_text(" ".join(sorted(stored)))
        os.kill(driver, signal.SIGKILL)
    return scores(batch)


env = {"PYTHONPATH": paths, "SEEWHY_CACHE": "off"}
ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": env})
model = seewhy.FunctionModel(deadly, labels=("red", "green", "blue"), kind="score", input_size=16)
metrics = ["iou", "ap", "srg"]
evaluate(place / "photos", truth=place / "masks", methods={"lime": LIME}, metrics=metrics, baselines=(), model=model,
         out=place / "run", progress=False, ray="auto", lease=1)
"""


@pytest.mark.slow
def test_what_a_killed_driver_had_heard_of_is_kept(cluster, tmp_path):
    folder(tmp_path, 1)
    address = ray.get_runtime_context().gcs_address

    def drive():
        command = [sys.executable, "-W", "ignore", "-c", DRIVER, address, str(tmp_path), PATHS]
        return subprocess.run(command, env=os.environ | {"PYTHONPATH": PATHS}, check=False, timeout=PATIENCE).returncode

    killed, whole = drive(), drive()

    assert (killed, whole) == (-signal.SIGKILL, 0)
    assert (tmp_path / "killed").read_text().split() == ["ap", "iou"]  # and the explanation, which has no name
    here = asked(tmp_path, scores, metrics=["iou", "ap", "srg"], baselines=(), out=tmp_path / "here")
    with (tmp_path / "run" / "photos.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert [float(row[name]) for name in here.metrics] == [here.rows[0].value(name) for name in here.metrics]
