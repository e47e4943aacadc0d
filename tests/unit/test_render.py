"""Colors mean what they say, pictures keep their size, figures survive odd photos and give the same bytes."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput
from seewhy.render import (
    TargetPanel,
    cut_out,
    dim_unseen,
    examples_figure,
    explanation_figure,
    figure_png,
    heat_over,
    mask_over,
    outlines_over,
    reduced,
    regions_over,
)
from seewhy.render.colors import CONTRADICTS, SUPPORTS, scale_colors
from seewhy.render.numbers import number, signed
from seewhy.render.sheet import rounded_up
from support.refusing import refuses

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
_DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
_PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]


def _linear(rgb8):
    share = np.asarray(rgb8, float) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _lab(linear):
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(linear, 0, 1) @ to_xyz.T / (0.9505, 1.0, 1.089)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _photo(height=60, width=80, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _quarters(height=60, width=80):
    rows, columns = np.arange(height) * 2 // height, np.arange(width) * 2 // width
    return (rows[:, None] * 2 + columns).astype(np.int32)


def _target(height=60, width=80, values=(0.3, -0.2, 0.1, 0.0), **changes):
    segments, values = _quarters(height, width), np.array(values)
    found = TargetPanel(
        label="black and gold garden spider",
        index=72,
        score=0.0003,
        unit="probability",
        heatmap=values[segments].astype(np.float32),
        segments=segments,
        values=values,
        chosen=(0, 1),
        region=segments < 2,
        intercept=0.1,
        r2=0.9,
        prediction=0.3,
    )
    return replace(found, **changes)


def _map_target(height=60, width=80, **changes):
    plain = {"segments": None, "values": None, "chosen": (), "intercept": None, "r2": None, "prediction": None}
    return replace(_target(height, width), **(plain | changes))


def _words(figure):
    return " ".join([t.get_text() for t in figure.texts] + [t.get_text() for a in figure.axes for t in a.texts])


# --- colors


def test_scale_is_symmetric_neutral_in_the_middle_and_darker_to_both_ends():
    colors = scale_colors(255)[0]
    lightness = _lab(_linear(colors))[:, 0]

    assert len(set(colors[127])) == 1
    assert (np.diff(lightness[:128]) > -0.3).all()
    assert (np.diff(lightness[127:]) < 0.3).all()
    assert lightness[127] > lightness[0] + 30
    np.testing.assert_allclose(lightness, lightness[::-1], atol=3)  # neither sign looks stronger


@pytest.mark.parametrize("sight", [np.eye(3), _DEUTERANOPIA, _PROTANOPIA], ids=["all", "deuteranopia", "protanopia"])
def test_signs_differ_for_every_eye(sight):
    ends = _lab(_linear(scale_colors(255)[0][[0, 64, 190, 254]]) @ np.array(sight).T)

    assert np.linalg.norm(ends[0] - ends[3]) > 60
    assert np.linalg.norm(ends[1] - ends[2]) > 25


# --- overlays


def test_heat_is_blue_where_it_supports_and_vermilion_where_it_contradicts():
    photo = np.full((1, 3, 3), 128, np.uint8)

    negative, zero, positive = heat_over(photo, np.array([[-2, 0, 2]], np.float32), 2.0)[0].astype(int)

    assert positive[2] > positive[0] + 80
    assert negative[0] > negative[2] + 80
    assert zero[0] == zero[1] == zero[2]


def test_heat_beyond_the_limit_has_the_color_of_the_limit():
    photo = _photo(1, 1)

    at, beyond = (heat_over(photo, np.full((1, 1), v, np.float32), 1.0) for v in (1, 50))

    np.testing.assert_array_equal(at, beyond)


def test_heat_with_no_limit_is_the_gray_photo():
    found = heat_over(_photo(), np.zeros((60, 80), np.float32), 0.0)

    assert (found == found[..., :1]).all()


def test_heat_grows_more_opaque_with_the_effect():
    photo = np.full((1, 5, 3), 128, np.uint8)

    found = heat_over(photo, np.linspace(0, 1, 5, dtype=np.float32)[None], 1.0).astype(int)

    distance = np.abs(found - found[:, :1]).sum(axis=2)[0]
    assert (np.diff(distance) > 0).all()


def test_unseen_part_is_gray_and_the_seen_part_as_it_was():
    photo, seen = _photo(), np.zeros((60, 80), bool)
    seen[:, 20:60] = True

    found = dim_unseen(photo, seen)

    np.testing.assert_array_equal(found[:, 25:55], photo[:, 25:55])
    assert (found[:, :15] == found[:, :15, :1]).all()
    np.testing.assert_array_equal(dim_unseen(photo, np.ones_like(seen)), photo)


def test_chosen_regions_keep_color_the_rest_is_gray():
    photo = np.full((60, 80, 3), (40, 160, 60), np.uint8)

    found = regions_over(photo, _quarters(), np.array([1.0, -1.0, 0.5, 0]), (0, 1), 1.0).astype(int)

    supports, contradicts, rest = found[15, 20], found[15, 60], found[45, 20]
    assert supports[2] - supports[0] > contradicts[2] - contradicts[0]
    assert rest[0] == rest[1] == rest[2]
    edges = {tuple(color) for color in found.reshape(-1, 3)}
    assert {SUPPORTS, CONTRADICTS} <= edges


def test_regions_dim_what_the_model_did_not_see():
    segments = _quarters()
    segments[:, 40:] = -1
    segments[segments == 2] = 1

    found = regions_over(_photo(), segments, np.array([1.0, -1.0]), (0, 1), 1.0)

    assert (found[:, 50:] == found[:, 50:, :1]).all()


@pytest.mark.parametrize("shade", [0, 255])
def test_outlines_show_on_black_and_white_photos(shade):
    photo = np.full((60, 80, 3), shade, np.uint8)

    found = outlines_over(photo, _quarters())

    assert np.ptp(found[:, 35:45]) > 200
    np.testing.assert_array_equal(found[10, 10], photo[10, 10])


def test_mask_and_cut_out_keep_the_region():
    photo, region = _photo(), _quarters() == 0

    masked, alone = mask_over(photo, region), cut_out(photo, region, (1, 2, 3))

    np.testing.assert_array_equal(masked[:20, :30], photo[:20, :30])
    np.testing.assert_array_equal(alone[region], photo[region])
    assert (alone[~region] == (1, 2, 3)).all()


def test_overlays_leave_their_input_alone():
    photo, segments = _photo(), _quarters()
    kept = photo.copy()

    regions_over(photo, segments, np.ones(4), (0,), 1.0)
    outlines_over(photo, segments)
    mask_over(photo, segments > 0)
    heat_over(photo, np.ones((60, 80), np.float32), 1.0, segments > 0)

    np.testing.assert_array_equal(photo, kept)


def test_reduced_averages_photos_and_invents_no_label():
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[:, ::2] = 200
    labels = np.tile(np.array([0, 9], np.int32), (100, 100))

    assert reduced(photo, 50).shape == (25, 50, 3)
    assert (reduced(photo, 50) == 100).all()
    assert set(np.unique(reduced(labels, 50))) <= {0, 9}
    assert reduced(photo, 500) is photo
    assert reduced(np.ones((7, 9000), bool), 90).shape == (1, 90)


# --- numbers


@pytest.mark.parametrize(
    ("value", "text"), [(0.0003, "0.0003"), (12.7, "12.7"), (-3.14159, "−3.142"), (12345.6, "12346")]
)
def test_scores_are_short(value, text):
    assert number(value) == text


def test_effects_of_a_chart_have_the_same_decimals():
    assert [signed(v, 0.31) for v in (0.31, -0.2)] == ["+0.31", "−0.20"]
    assert signed(0.00012, 0.0003) == "+0.00012"
    assert signed(12.7, 13) == "+13"
    assert rounded_up(0.3001) == pytest.approx(0.31)
    assert rounded_up(0.3) == pytest.approx(0.3)


# --- figures


@pytest.mark.slow
def test_same_facts_same_bytes_without_date_or_software():
    first, second = (
        figure_png(explanation_figure(_photo(), _quarters() >= 0, [_target()], title="LIME")) for _ in range(2)
    )

    assert first == second
    assert b"matplotlib" not in first.lower()
    assert b"tEXt" not in first


@pytest.mark.slow
@pytest.mark.parametrize("make", [_target, _map_target])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (8, 8), (60, 180), (180, 60), (3, 2000)])
def test_any_shape_of_photo_gives_a_figure(make, size):
    figure = explanation_figure(_photo(*size), np.ones(size, bool), [make(*size)], title="a title", notes=["a note"])

    assert figure_png(figure, dpi=40).startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("make", [_target, _map_target])
def test_every_class_is_named_with_its_score(make, count):
    targets = [make(label=f"class of {i}", score=i + 0.25) for i in range(count)]

    said = _words(explanation_figure(_photo(), np.ones((60, 80), bool), targets, title="t"))

    for i in range(count):
        assert f"class of {i}" in said
        assert f"probability {i + 0.25}" in said
    assert said.count("supports") == count


@pytest.mark.parametrize("unit", ["probability", "log-odds", "score"])
def test_color_bar_is_symmetric_and_says_its_unit(unit):
    said = _words(explanation_figure(_photo(), np.ones((60, 80), bool), [_map_target(unit=unit)], title="t"))

    assert f"change in {unit}" in said
    assert "+0.30" in said
    assert "−0.30" in said


@pytest.mark.parametrize("make", [_target, _map_target])
@pytest.mark.parametrize("hide_rest", [False, True])
def test_a_constant_model_is_said_not_drawn_empty(make, hide_rest):
    zero = {"heatmap": np.zeros((60, 80), np.float32), "region": np.zeros((60, 80), bool), "chosen": ()}
    target = make(**zero, r2=None)
    target = target if target.values is None else replace(target, values=np.zeros(4))

    figure = explanation_figure(_photo(), np.ones((60, 80), bool), [target], title="t", hide_rest=hide_rest)

    assert "no region changes the score" in " ".join(_words(figure).split())
    assert figure_png(figure, dpi=40)


def test_no_region_of_the_asked_sign_is_said():
    target = _target(chosen=(), region=np.zeros((60, 80), bool))

    said = _words(explanation_figure(_photo(), np.ones((60, 80), bool), [target], title="t"))

    assert "no segment is distinguishable from 0" in " ".join(said.split())


def test_a_class_name_is_no_formula():
    figure = explanation_figure(_photo(), np.ones((60, 80), bool), [_target(label="$x^2 and _a")], title="$$")

    assert figure_png(figure, dpi=40)
    assert "$x^2 and _a" in _words(figure)


@pytest.mark.slow
def test_all_text_lies_on_the_page_and_lines_do_not_overlap():
    targets = [_target(label="a very long name " * 12, score=12.7), _target(values=(1e-7, -2e-7, 0, 5e-8))]
    notes = ["a warning that goes on and on " * 8]
    figure = explanation_figure(_photo(), np.ones((60, 80), bool), targets, title="title " * 40, notes=notes)
    boxes = [t.get_window_extent() for t in figure.texts]
    boxes += [t.get_window_extent() for a in figure.axes for t in a.texts]

    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
    for i, box in enumerate(boxes):
        assert box.count_overlaps(boxes[i + 1 :]) == 0


@pytest.mark.slow
def test_examples_show_masks_pictures_and_scores():
    pictures, masks = np.full((7, 20, 30, 3), 0.5, np.float32), np.ones((7, 20, 30), np.float32)

    figure = examples_figure(pictures, masks, np.arange(7) / 4, "probability", "tabby", "Examples")

    assert len(figure.axes) == 14
    assert "1.25" in _words(figure)
    assert figure_png(figure, dpi=40)
    assert len(examples_figure(pictures, None, np.zeros(7), "score", "tabby", "Examples").axes) == 7


def test_examples_must_agree_in_number():
    with refuses(InvalidInput, "examples", value=2):
        examples_figure(np.zeros((2, 4, 4, 3), np.float32), None, np.zeros(3), "score", "tabby", "Examples")


@pytest.mark.slow
def test_importing_render_loads_no_plotting():
    code = "import sys, seewhy.render; assert not {'matplotlib', 'skimage'} & set(sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)
