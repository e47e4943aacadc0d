"""The figure in axes, colors and a scale of one's own."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import seewhy
from seewhy.core.errors import InvalidInput
from support.pictures import PHOTO
from support.refusing import refuses


@pytest.fixture(scope="module")
def found() -> seewhy.Explanation:
    lime = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), fill="black", n_samples=60)
    two = ["class 0", "class 1"]

    def model(batch: np.ndarray) -> np.ndarray:
        left = batch[:, :20, :30].mean((1, 2, 3))
        return np.stack([left, 1 - left], 1)

    return seewhy.explain(
        PHOTO, model=seewhy.FunctionModel(model, labels=two), method=lime, targets=two, progress=False
    )


def drawn(found: seewhy.Explanation, **shown: object) -> np.ndarray:
    """Return the heat map as it is drawn into own axes."""
    ax = Figure().subplots()
    assert found.plot(ax=ax, **shown) is ax.figure
    (image,) = ax.images
    return np.asarray(image.get_array()).astype(int)


def test_the_heat_map_of_a_target_is_drawn_into_own_axes(found: seewhy.Explanation) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    right.set_title("mine")
    assert found.plot(ax=left) is figure
    assert found.plot(ax=right, target=1) is figure
    assert [ax.get_title() for ax in figure.axes] == ["class 0", "mine"]
    one, other = (np.asarray(ax.images[0].get_array()) for ax in (left, right))
    assert one.shape == PHOTO.shape
    assert (one != other).any()


def test_axes_of_a_part_of_a_figure_give_the_whole_figure(found: seewhy.Explanation) -> None:
    figure = Figure()
    assert found.plot(ax=figure.subfigures(1, 2)[0].subplots()) is figure


def test_a_larger_limit_makes_colors_paler_and_a_smaller_one_is_noted(found: seewhy.Explanation) -> None:
    strongest = float(np.abs(found.values()).max())
    grays = drawn(found, limit=1e9)
    usual, wide = (np.abs(drawn(found, limit=limit) - grays).sum() for limit in (strongest, 4 * strongest))
    assert 0 < wide < usual / 2
    assert any("beyond" in text.get_text() for text in found.plot(limit=strongest / 2).texts)
    assert not any("beyond" in text.get_text() for text in found.plot(limit=strongest * 2).texts)


@pytest.mark.parametrize("cmap", ["PiYG", mpl.colormaps["PiYG"]])
def test_colors_are_those_of_the_colormap(found: seewhy.Explanation, cmap: object) -> None:
    segment = int(np.argmax(np.abs(found.values())))
    strongest = found.values()[segment]
    color = np.array(mpl.colormaps["PiYG"](1.0 if strongest > 0 else 0.0)[:3]) * 255
    inside = drawn(found, cmap=cmap, limit=abs(float(strongest)))[found.segments == segment]
    gray = inside.mean(0) - 0.85 * color
    assert np.ptp(gray) < 2  # 15 % of the photo in gray shines through
    assert found.plot(cmap=cmap).axes


def test_effects_below_the_least_weight_are_not_shown(found: seewhy.Explanation) -> None:
    values = np.sort(np.abs(found.values()))[::-1]
    between = float(values[0] + values[1]) / 2
    strongest = found.segments == int(np.argmax(np.abs(found.values())))
    none = drawn(found, min_weight=float(values[0]) * 2)
    one = drawn(found, min_weight=between)
    assert (one[~strongest] == none[~strongest]).all()
    assert (one[strongest] != none[strongest]).any()
    assert (drawn(found)[~strongest] != none[~strongest]).any()


def test_a_map_is_drawn_with_all_of_them() -> None:
    def model(batch: np.ndarray) -> np.ndarray:
        return batch[:, :20, :20].mean((1, 2, 3))

    found = seewhy.explain(PHOTO, model=model, method=seewhy.Rise(n_samples=60), progress=False)
    assert drawn(found, cmap="gray", limit=0.5, min_weight=0.01).shape == PHOTO.shape
    assert found.plot(cmap="gray", limit=0.5, min_weight=0.01, share=0.1).axes


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("limit", 0),
        ("limit", -1),
        ("limit", np.nan),
        ("limit", "1"),
        ("limit", True),
        ("min_weight", -1),
        ("min_weight", np.inf),
        ("min_weight", None),
        ("cmap", "no such"),
        ("cmap", 3),
        ("ax", 3),
        ("ax", [1]),
    ],
)
def test_what_cannot_be_used_is_one_error(found: seewhy.Explanation, setting: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        found.plot(**{setting: value})
    assert caught.value.setting == setting


def test_what_is_unknown_and_targets_that_are_not_there_are_errors(found: seewhy.Explanation) -> None:
    with refuses(InvalidInput, "Display.vmax", rule="not a setting"):
        found.plot(vmax=1)
    with refuses(InvalidInput, "target, a place in targets,", value=2):
        found.plot(ax=Figure().subplots(), target=2)
