"""The figure in axes, colors and a scale of one's own."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import seewhy
from seewhy.core.errors import InvalidInput
from seewhy.render import figure_file
from support.pages import contrast
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
        PHOTO, model=seewhy.FunctionModel(model, labels=two), method=lime, targets=two, progress=False, verdict=False
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
    assert any("effects above" in text.get_text() for text in found.plot(limit=strongest / 2).texts)
    assert not any("effects above" in text.get_text() for text in found.plot(limit=strongest * 2).texts)


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
    with refuses(InvalidInput, "Display.vmin", rule="not a setting"):
        found.plot(vmin=1)
    with refuses(InvalidInput, "target, a place in targets,", value=2):
        found.plot(ax=Figure().subplots(), target=2)


def test_one_target_is_drawn_alone(found: seewhy.Explanation) -> None:
    both, one = words(found.plot()), words(found.plot(target=1))
    assert "class 0" in both
    assert "class 1" in both
    assert "class 1" in one
    assert "class 0" not in one


@pytest.mark.slow
def test_the_line_below_says_with_what_it_was_made_and_no_note_of_developers(found: seewhy.Explanation) -> None:
    made = "LIME · 60 samples · 61 model calls · fill black · 12 segments by grid · keep 0.5 · probability · seed 0"
    noted = replace(found, warnings=("a note for developers",))
    assert made in words(noted.plot())
    assert "a note for developers" not in words(noted.plot())
    assert "Figure 3" in words(found.plot(caption="Figure 3"))
    assert made not in words(found.plot(caption="Figure 3"))
    assert made not in words(found.plot(caption=""))


@pytest.mark.slow
def test_the_line_below_says_the_grid_and_the_chance_of_rise() -> None:
    def model(batch: np.ndarray) -> np.ndarray:
        return batch.mean((1, 2))

    rise = seewhy.Rise(n_samples=40, grid=5, keep=0.4)
    text = words(seewhy.explain(PHOTO, model=model, method=rise, targets=[0], progress=False).plot())
    for one in ("RISE · 40 samples", "grid 5", "keep 0.4"):
        assert one in text


def test_vmax_is_the_limit(found: seewhy.Explanation) -> None:
    assert (drawn(found, vmax=0.7) == drawn(found, limit=0.7)).all()
    with refuses(InvalidInput, "vmax"):
        found.plot(vmax=1, limit=1)


def test_opacity_leaves_the_gray_photo_where_it_is_low(found: seewhy.Explanation) -> None:
    bare, full, half = (drawn(found, **given) for given in ({"limit": 1e9}, {"alpha": 1}, {"alpha": 0.5}))
    assert np.abs(half - bare).sum() == pytest.approx(np.abs(full - bare).sum() / 2, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(4, 4), (12.5, 3), (2, 9)])
def test_a_figure_has_the_size_that_is_asked_for_and_all_words_lie_on_it(
    found: seewhy.Explanation, size: tuple[float, float]
) -> None:
    figure = found.plot(figsize=size)
    assert tuple(figure.get_size_inches()) == pytest.approx(size)
    usual, width = found.plot(), figure.bbox.width
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= width
    times = min(size / usual.get_size_inches())
    assert figure.texts[0].get_fontsize() == pytest.approx(usual.texts[0].get_fontsize() * times)


@pytest.mark.parametrize("style", ["light", "dark", "print"])
def test_words_stand_out_from_the_paper_of_every_style(found: seewhy.Explanation, style: str) -> None:
    figure = found.plot(style=style)
    for text in figure.texts:
        assert contrast(mpl.colors.to_rgb(text.get_color()), figure.get_facecolor()[:3]) >= 4.5
    assert (figure.get_facecolor()[0] < 0.5) == (style == "dark")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", 0),
        ("alpha", 1.1),
        ("alpha", True),
        ("style", "neon"),
        ("figsize", (3,)),
        ("figsize", (3, 0)),
        ("figsize", 4),
    ],
)
def test_what_cannot_be_drawn_is_refused(found: seewhy.Explanation, name: str, value: object) -> None:
    with refuses(InvalidInput, name, value=value):
        found.plot(**{name: value})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_every_format_gives_the_same_bytes_again_and_no_date(found: seewhy.Explanation, kind: str) -> None:
    one, other = (figure_file(found.plot(target=0), kind, 40) for _ in range(2))
    assert one == other
    assert one.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind])
    assert b"atplotlib v" not in one
    assert b"CreationDate" not in one


def test_a_cut_out_is_transparent_where_nothing_is_shown(found: seewhy.Explanation) -> None:
    cut = found.cutout(target=1, regions=2)
    region = found.region(2, target=1)
    assert 0 < region.mean() < 1
    assert (cut[region, :3] == PHOTO[region]).all()
    assert (cut[~region] == 0).all()
    assert (cut[region, 3] == 255).all()


def test_values_are_written_with_digits_that_count_whatever_the_scale(found: seewhy.Explanation) -> None:
    texts = [text.get_text() for axes in found.plot(vmax=1000).axes for text in axes.texts]
    assert not {"+0", "−0", "+0.0", "−0.0"} & set(texts)


def words(figure: Figure) -> str:
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_one_scale_gives_every_class_the_limit_of_the_strongest(found: seewhy.Explanation) -> None:
    second = found.attributions[1]
    weak = replace(found, attributions=(found.attributions[0], replace(second, values=0.1 * second.values)))
    own = [text.get_text() for text in weak.plot().texts if text.get_text().startswith("+")]
    shared = [text.get_text() for text in weak.plot(one_scale=True).texts if text.get_text().startswith("+")]

    assert own[0] != own[1]
    assert shared == [own[0]] * 2
    with refuses(InvalidInput, "one_scale", rule="be given without limit"):
        found.plot(one_scale=True, vmax=0.5)


def test_badges_may_be_left_out(found: seewhy.Explanation) -> None:
    def numbers(**shown: object) -> int:
        return sum(len(axes.texts) for axes in found.plot(**shown).axes)

    assert numbers(badges=False) < numbers()


def test_the_bare_map_has_the_color_of_each_value_and_a_scale_that_says_so(found: seewhy.Explanation) -> None:
    figure, alone = found.plot_map(1), found.plot_map(1, colorbar=False)
    pixels, (only,) = np.asarray(figure.axes[0].images[0].get_array()).astype(int), alone.axes
    bar = np.asarray(figure.axes[1].images[0].get_array()).astype(int)[0]
    changes = found.changes(1)
    times = len(pixels) // len(changes)  # small photos are drawn larger
    limit = float(next(text.get_text() for text in figure.texts if text.get_text().startswith("+")))
    places = np.rint((changes / limit + 1) / 2 * (len(bar) - 1)).astype(int)

    assert changes.min() < 0
    assert np.abs(pixels[times // 2 :: times, times // 2 :: times] - bar[places]).max() <= 3
    assert np.array_equal(pixels, np.asarray(only.images[0].get_array()))
    assert not alone.texts
    width, height = alone.get_size_inches()
    assert width / height == pytest.approx(PHOTO.shape[1] / PHOTO.shape[0], rel=0.01)
