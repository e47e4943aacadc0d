"""A package of somebody else's brings a method, a metric, a kind of model, a segmentation and a fill.

It stands in tests/data/plugin as pip would install it, and is there only for processes that have it on their path.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seewhy

PLUGIN = Path(__file__).parents[1] / "data" / "plugin"
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join([str(Path(seewhy.__file__).parents[1]), str(PLUGIN)]),
    "SEEWHY_CACHE": "off",
}
USED = ("--model", "bright:tiny", "--method", "doubled", "--segmentation", "halves", "--halves-stripes", "3")


def run(place, *words, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "seewhy", *map(str, words)],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def python(place, code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def place(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    (tmp_path / "masks").mkdir()
    mask = np.zeros((24, 32), dtype=np.uint8)
    mask[:12, :16] = 255
    for i in range(2):
        Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"p{i}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"p{i}.png")
    return tmp_path


@pytest.mark.slow
def test_it_is_listed_with_its_settings(place):
    assert "doubled: LIME whose values are twice as large" in run(place, "methods", "doubled")
    assert "what values are multiplied by" in run(place, "methods", "doubled")
    assert "bright:... of the package seewhy-plugin" in run(place, "models")
    helped = run(place, "explain", "--help")
    assert "--factor" in helped
    assert "--halves-stripes" in helped


@pytest.mark.slow
def test_it_explains_saves_loads_and_refits(place):
    words = (*USED, "--fill", "stripes", "--n-samples", "40", "--targets", "0", "--json")
    found = json.loads(run(place, "explain", "photos/p0.png", *words))
    (result,) = [file for file in found["files"] if file.endswith(".seewhy")]
    again = json.loads(run(place, "refit", result, "--factor", "1", "--json"))

    first, second = (np.array([v["value"] for v in one["targets"][0]["values"]]) for one in (found, again))
    assert found["method"] == "doubled"
    assert found["settings"]["fill"]["name"] == "stripes"
    assert len(first) == 6
    np.testing.assert_allclose(first, 2 * second, rtol=1e-9)
    assert (np.argsort(-first)[:2] == np.argsort(-second)[:2]).all()


@pytest.mark.slow
def test_it_is_evaluated_and_tuned(place):
    code = """
import json, numpy as np, seewhy
from PIL import Image
settings = {"name": "doubled", "segmentation": "halves", "n_samples": 40}
graded = seewhy.evaluate(
    "photos", truth="masks", model="bright:tiny", metrics=["iou", "peak"], progress=False,
    methods={"mine": settings},
)
mask = np.asarray(Image.open("masks/p0.png")) > 0
tuned = seewhy.tune(
    "photos/p0.png", truth=mask, model="bright:tiny", start=settings, methods=["doubled"], metric="iou", target=0,
    calls=400, progress=False,
)
print(json.dumps([graded.to_dict(), tuned.to_dict()], default=str))
"""
    graded, tuned = json.loads(python(place, code))

    assert "peak" in json.dumps(graded)
    assert tuned["winner"]["method"]["name"] == "doubled"


@pytest.mark.slow
def test_a_member_that_does_not_fit_is_left_out_with_a_warning(place, tmp_path):
    broken = tmp_path / "broken"
    info = broken / "broken-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[seewhy.methods]\nlime = nowhere:Lime\nmissing = nowhere:Thing\nwrong = json:dumps\n"
    )
    code = "import warnings; warnings.simplefilter('always'); import seewhy; print(sorted(seewhy.METHODS))"
    environment = ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([ENVIRONMENT["PYTHONPATH"], str(broken)])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=place
    )

    assert "'lime' of the package broken is left out of seewhy.methods: its name is taken" in done.stderr
    assert "'missing' of the package broken" in done.stderr
    assert "'wrong' of the package broken" in done.stderr
    assert "doubled" in done.stdout
    assert "wrong" not in done.stdout


@pytest.mark.slow
def test_it_is_evaluated_on_ray_as_here(place):
    pytest.importorskip("ray", reason="the extra ray is not installed")
    code = """
import json, warnings
import seewhy
warnings.simplefilter("ignore")
lime = {"name": "lime", "segmentation": "grid", "fill": "stripes", "n_samples": 60}
methods = {"lime": lime, "doubled": lime | {"name": "doubled", "segmentation": {"name": "halves"}}}
asked = {"truth": "masks", "methods": methods, "metrics": ["iou", "peak"], "model": "bright:tiny", "progress": False}
tables = []
for more in ({"out": "here"}, {"out": "far", "ray": "local"}):
    found = seewhy.evaluate("photos", **asked, **more)
    tables.append([[row.photo, row.contender, row.value("iou"), row.value("peak")] for row in found.rows])
print(json.dumps(tables))
"""
    here, far = json.loads(python(place, code).splitlines()[-1])

    assert far == here
    assert {"lime", "doubled"} < {row[1] for row in here}
    assert all(row[3] > 0 for row in here if row[1] in {"lime", "doubled"})
