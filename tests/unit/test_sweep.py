"""Several settings side by side: each map is that of a run of its own, and what can be read again costs nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

import seewhy
from support.refusing import refuses

PHOTO = np.random.default_rng(2).integers(0, 256, (32, 48, 3), dtype=np.uint8)


class Counting:
    def __init__(self):
        self.images = 0

    def __call__(self, batch):
        self.images += len(batch)
        return batch[:, 8:20, 8:24].mean(axis=(1, 2, 3))


def test_every_map_is_that_of_a_run_of_its_own():
    plans = []
    found = seewhy.sweep(
        PHOTO, model=Counting(), method=seewhy.Rise(), grid=[3, 5], keep=[0.3, 0.5], n_samples=[40, 120],
        progress=False, told=plans.append,
    )  # fmt: skip

    assert plans[0].text == "8 maps from 4 runs, at most 484 model calls; n_samples without further calls"
    assert len(found.cells) == 8
    for cell in found.cells:
        own = seewhy.explain(
            PHOTO, model=Counting(), method=seewhy.Rise(**cell.values), targets=0, progress=False, verdict=False
        )
        np.testing.assert_allclose(cell.explanation.heatmap(), own.heatmap(), atol=1e-7)
    assert found.calls <= 4 * 121
    assert [row["samples"] for row in found.rows()] == [40, 120] * 4


def test_what_can_be_read_again_asks_the_model_once():
    counting, other = Counting(), Counting()
    method = seewhy.Lime(segmentation="grid", n_samples=60)

    found = seewhy.sweep(
        PHOTO, model=counting, method=method, kernel=["cosine", "none"], surrogate=["ridge", "lasso"], progress=False
    )
    seewhy.explain(PHOTO, model=other, method=method, progress=False, verdict=False)

    assert found.plan.runs == 1
    assert counting.images == other.images


def test_the_figure_and_the_files_show_every_combination(tmp_path):
    found = seewhy.sweep(PHOTO, model=Counting(), method="rise", grid=[3, 4], n_samples=[40, 80], progress=False)

    written = found.write(tmp_path)

    assert [path.name for path in written] == ["sweep.png", "sweep.json"]
    held = json.loads(written[1].read_text())
    assert [(one["grid"], one["n_samples"]) for one in held["cells"]] == [(3, 40), (3, 80), (4, 40), (4, 80)]
    texts = {text.get_text() for text in found.plot().texts}
    assert {"grid 3", "grid 4", "n_samples 40", "n_samples 80"} <= texts
    assert sum(text.startswith("error ") for text in texts) >= 1
    assert len(found.plot().axes) == 4


def test_values_that_do_not_go_together_are_named():
    found = seewhy.sweep(
        PHOTO, model=Counting(), method=seewhy.Lime(segmentation="grid", n_samples=60), kernel=["cosine", "shapley"],
        progress=False,
    )  # fmt: skip

    assert found.cells[0].explanation is not None
    assert found.cells[1].explanation is None
    assert "needs design='shapley'" in found.cells[1].reason
    assert found.plot() is not None


@pytest.mark.parametrize(
    ("settings", "name"),
    [({}, "settings"), ({"cells": [4]}, "cells"), ({"grid": 4}, "grid"), ({"grid": [0]}, "Rise.grid")],
)
def test_what_is_no_sweep_is_refused(settings, name):
    with refuses(seewhy.InvalidInput, name):
        seewhy.sweep(PHOTO, model=Counting(), method="rise", **settings)
