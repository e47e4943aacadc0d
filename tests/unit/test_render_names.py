"""Names of classes, models and photos in figures: whatever they hold, the figure is drawn, and nothing is a formula."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
import pytest

import seewhy
from seewhy.render import figure_png

NAMES = [
    "$\\frac",
    "$x_{$ and $",
    "\x1b[2J\x00\x07",
    "a\nb\tc",
    "\udcff",
    "猫 \u202eolleh",
    "x" * 3000,
    "",
    "%s {0} <b>",
]
PHOTO = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=2, columns=3), n_samples=40)


def explained(name: str, method: object = LIME) -> seewhy.Explanation:
    model = seewhy.FunctionModel(
        lambda batch: batch.mean(axis=(1, 2))[:, :2], labels=(name, "other"), kind="score", name=f"m{name}"
    )
    return seewhy.explain(PHOTO, model=model, method=method, targets=[0, "0 vs 1"])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_any_name_is_drawn(name: str) -> None:
    found = explained(name)

    assert figure_png(found.plot()).startswith(b"\x89PNG")
    assert figure_png(found.plot_examples(2)).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_any_name_is_the_title_of_own_axes(name: str) -> None:
    figure = matplotlib.figure.Figure()
    axes = figure.subplots()

    explained(name).plot(ax=axes)

    assert figure_png(figure).startswith(b"\x89PNG")
    assert not any(letter in axes.get_title() for letter in "\x1b\x00\x07\u202e\udcff")
