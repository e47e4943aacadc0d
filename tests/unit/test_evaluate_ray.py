"""The same evaluation on Ray: a real local cluster of two workers, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
import warnings
from pathlib import Path

import pytest

import seewhy
from seewhy.errors import InvalidInput
from seewhy.evaluate import evaluate
from seewhy.metrics import Facts, Measure, Metric
from support.graded import LIME, folder, plain, scores

ray = pytest.importorskip("ray", reason="the extra ray is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # of Ray itself
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
METRICS = ["iou", "ap", "srg", "error"]


@pytest.fixture(scope="module")
def cluster():
    paths = os.pathsep.join([str(Path(seewhy.__file__).parents[1]), str(Path(__file__).parents[1])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "SEEWHY_CACHE": "off"}},
        )
    yield
    ray.shutdown()


def asked(place, function, **more):
    model = seewhy.FunctionModel(function, labels=("red", "green", "blue"), kind="score", input_size=16)
    usual = {"truth": place / "masks", "methods": {"lime": LIME}, "metrics": METRICS, "progress": False}
    return evaluate(place / "photos", model=model, **(usual | more))


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
    assert found.faults["2.png"].startswith("workers died 3 times at it")
    assert found.summary[0]["photos"] == 2


def test_metrics_that_workers_do_not_know_are_refused(tmp_path):
    folder(tmp_path, 2)
    own = Metric(Facts("own", "own", "", "", "", "0", "map", ""), lambda question, candidate: Measure(1.0))
    with pytest.raises(InvalidInput, match="seewhy's own on Ray"):
        asked(tmp_path, scores, ray="auto", metrics=[own])
