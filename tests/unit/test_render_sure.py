"""Figures show how sure an answer is: whiskers, hollow bars, question marks, pixels without color; or nothing new."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from seewhy.render import TargetPanel, explanation_figure, figure_png, heat_over, regions_over
from seewhy.render.colors import CONTRADICTS, FAINT, SUPPORTS, unit_rgb

VALUES = np.array([0.3, -0.2, 0.1, 0.05])
LOW = np.array([0.2, -0.35, -0.02, 0.01])
HIGH = np.array([0.4, 0.06, 0.15, 0.09])
"""Segments 1 and 2 are not sure; 2 and 3 are not chosen."""


def _photo(height=60, width=80):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _quarters(height=60, width=80):
    rows, columns = np.arange(height) * 2 // height, np.arange(width) * 2 // width
    return (rows[:, None] * 2 + columns).astype(np.int32)


def _target(height=60, width=80, values=VALUES, **changes):
    segments = _quarters(height, width)
    found = TargetPanel(
        label="tabby",
        index=281,
        score=0.4,
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


def _sure_target(**changes):
    return _target(**{"low": LOW, "high": HIGH} | changes)


def _map_target(height=60, width=80, **changes):
    plain = {"segments": None, "values": None, "chosen": (), "intercept": None, "r2": None, "prediction": None}
    return replace(_target(height, width), **plain | changes)


def _figure(*targets, **options):
    shape = targets[0].heatmap.shape
    return explanation_figure(_photo(*shape), np.ones(shape, bool), targets, title="LIME", **options)


def _said(figure):
    return [t.get_text() for t in figure.texts] + [t.get_text() for a in figure.axes for t in a.texts]


def _chart(figure):
    """Return the axes of the only chart, and its bars by segment."""
    (axes,) = [axes for axes in figure.axes if axes.containers]
    left = axes.get_xlim()[0]
    ids = {round(t.get_position()[1]): int(t.get_text()) for t in axes.texts if t.get_position()[0] == left}
    return axes, {ids[row]: bar for row, bar in enumerate(axes.containers[0])}


def _whiskers(axes):
    """Return (low, high) by row."""
    return {line.get_ydata()[0]: tuple(line.get_xdata()) for line in axes.lines if len(set(line.get_ydata())) == 1}


def _badges(figure):
    return {
        t.get_text(): t.get_bbox_patch().get_facecolor()
        for axes in figure.axes
        if axes.images
        for t in axes.texts
        if t.get_bbox_patch() is not None
    }


# --- the chart


def test_whiskers_reach_from_low_to_high_on_the_bar_of_their_segment():
    axes, bars = _chart(_figure(_sure_target()))

    rows = {i: round(bar.get_y() + bar.get_height() / 2) for i, bar in bars.items()}
    assert len(rows) == 4
    assert _whiskers(axes) == {row: (LOW[i], HIGH[i]) for i, row in rows.items()}


def test_a_bar_whose_interval_includes_zero_is_an_outline_in_the_color_of_its_sign():
    _, bars = _chart(_figure(_sure_target()))

    for i, color in ((1, CONTRADICTS), (2, SUPPORTS)):
        assert bars[i].get_facecolor()[3] == 0
        assert bars[i].get_edgecolor()[:3] == unit_rgb(color)
        assert bars[i].get_linewidth() > 0
    assert bars[1].get_edgecolor()[3] > bars[2].get_edgecolor()[3] > 0  # 2 is not chosen
    assert bars[0].get_facecolor() == (*unit_rgb(SUPPORTS), 1)
    assert bars[3].get_facecolor() == (*unit_rgb(SUPPORTS), 0.3)


def test_an_interval_that_ends_at_zero_includes_it():
    found = _sure_target(low=np.array([0, -1, 0.01, np.nan]), high=np.array([1, 0, 1, 1]))

    assert found.unsure.tolist() == [True, True, False, False]


def test_foot_and_caption_say_what_hollow_pale_and_whiskers_mean():
    said = _said(_figure(_sure_target()))

    assert "hollow: interval includes 0" in said
    assert "pale: not among the chosen" in said
    assert "change in probability, 95 % intervals" in said
    sure = _said(_figure(_sure_target(low=VALUES - 0.01, high=VALUES + 0.01)))
    assert "hollow: interval includes 0" not in sure
    assert "change in probability, 95 % intervals" in sure


@pytest.mark.slow
@pytest.mark.parametrize("wide", [0.01, 1, 1000])
@pytest.mark.parametrize("sign", [1, -1, (1, -1, 1, -1)])
def test_the_axis_holds_whiskers_and_words_and_these_stay_apart(wide, sign):
    values, half = VALUES * sign, np.array([0.1, 0.9, 0.4, 0.02]) * wide
    figure = _figure(_target(values=values, low=values - half, high=values + half))
    axes, _ = _chart(figure)
    words = {round(t.get_position()[1]): [] for t in axes.texts}
    for t in axes.texts:
        words[round(t.get_position()[1])].append(t.get_window_extent())

    for row, (low, high) in _whiskers(axes).items():
        start, end = (axes.transData.transform((x, row))[0] for x in (low, high))
        for box in words[row]:
            assert box.x1 < start - 1 or box.x0 > end + 1
            assert axes.bbox.x0 - 1 <= box.x0
            assert box.x1 <= axes.bbox.x1 + 1
        assert axes.bbox.x0 < start < end < axes.bbox.x1


def test_a_value_outside_its_interval_keeps_its_number_beyond_both():
    axes, _ = _chart(_figure(_sure_target(low=VALUES - 0.3, high=VALUES - 0.1)))

    (place,) = [t.get_position()[0] for t in axes.texts if t.get_text() == "+0.30"]
    assert place > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("columns", range(64, 128, 8))
def test_a_chart_that_fills_its_row_keeps_room_for_both_lines_below_it(columns):
    segments = (np.arange(columns, dtype=np.int32) // 4)[None].repeat(60, axis=0)
    values = np.linspace(0.1, 0.3, columns // 4)
    facts = {"segments": segments, "heatmap": values[segments], "region": segments < 2}
    target = _target(values=values, low=values - 1, high=values + 1, **facts)
    figure = _figure(target, target)  # two classes: rows are low

    axes = [axes for axes in figure.axes if axes.containers][-1]
    places = {t.get_text().split(":")[0]: t.get_window_extent() for t in figure.texts}  # of the last row
    hollow, pale = places["hollow"], places["pale"]
    margin = 0.3 * figure.dpi
    assert margin - 1 < hollow.y0 < hollow.y1 < pale.y0 < pale.y1 < axes.bbox.y0


@pytest.mark.slow
def test_only_intervals_make_a_chart_wider():
    width = {name: _chart(_figure(t))[0].bbox.width for name, t in (("no", _target()), ("yes", _sure_target()))}

    assert width["yes"] > width["no"]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["low", "high"])
def test_a_value_without_a_finite_interval_has_no_whisker_and_a_full_bar(odd, side):
    ends = {"low": LOW.copy(), "high": HIGH.copy()}
    ends[side][1] = odd
    figure = _figure(_target(**ends))
    axes, bars = _chart(figure)

    assert set(_whiskers(axes).values()) == {(LOW[i], HIGH[i]) for i in (0, 2, 3)}
    assert bars[1].get_facecolor() == (*unit_rgb(CONTRADICTS), 1)
    assert "1" in _badges(figure)


@pytest.mark.slow
@pytest.mark.parametrize("nothing", [{"low": LOW}, {"high": HIGH}, {"low": LOW * np.nan, "high": HIGH * np.inf}])
def test_without_any_interval_the_figure_is_as_before(nothing):
    before, after = _figure(_target()), _figure(_target(**nothing))

    assert _said(after) == _said(before)
    assert figure_png(after, dpi=50) == figure_png(before, dpi=50)
    axes, bars = _chart(after)
    assert not _whiskers(axes)
    assert bars[1].get_facecolor() == (*unit_rgb(CONTRADICTS), 1)
    assert "change in probability" in _said(after)


# --- regions


@pytest.mark.parametrize("hide_rest", [False, True])
def test_a_region_that_is_not_sure_has_a_gray_badge_with_a_question_mark(hide_rest):
    figure = _figure(_sure_target(), hide_rest=hide_rest)

    assert _badges(figure) == {"0": to_rgba(unit_rgb(SUPPORTS)), "1?": to_rgba(unit_rgb(FAINT))}
    assert any("?: unsure" in words for words in _said(figure))


def test_no_question_mark_is_explained_where_none_is_shown():
    said = _said(_figure(_sure_target(chosen=(0, 3))))  # 1 and 2 are in the chart only

    assert "2 chosen regions" in said
    assert "hollow: interval includes 0" in said


def test_an_unsure_region_is_dashed_gray_and_tinted_more_weakly():
    photo = np.full((120, 160, 3), (40, 160, 60), np.uint8)
    segments, values = _quarters(120, 160), np.array([1.0, -1, 0.5, 0])
    sure = regions_over(photo, segments, values, (0, 1), 1.0)

    found = regions_over(photo, segments, values, (0, 1), 1.0, unsure=np.array([False, True, True, True]))

    one, other = segments == 1, segments == 0
    np.testing.assert_array_equal(found[other], sure[other])
    assert not (found == CONTRADICTS).all(axis=2).any()
    tint, before = (np.abs(p[30, 120].astype(int) - photo[30, 120]).sum() for p in (found, sure))
    assert 0 < tint < before / 2
    line = (sure == CONTRADICTS).all(axis=2)
    dash, gap = ((found == color).all(axis=2) & one for color in (FAINT, (255, 255, 255)))
    np.testing.assert_array_equal(dash | gap, line)
    assert 0.3 < dash.sum() / line.sum() < 0.75
    edge = dash[:58, 80]  # down the border between the two chosen ones
    assert np.abs(np.diff(edge.astype(int))).sum() >= 4
    np.testing.assert_array_equal(found[segments > 1], sure[segments > 1])


def test_the_figure_dashes_the_regions_that_are_not_sure():
    colors = []
    for target in (_target(), _sure_target()):
        picture = [axes for axes in _figure(target).axes if axes.images][2].images[0].get_array()
        colors.append([(picture == color).all(axis=2).any() for color in (SUPPORTS, CONTRADICTS, FAINT)])

    assert colors == [[True, True, False], [True, False, True]]


def test_no_doubt_paints_the_same_regions():
    arguments = _photo(), _quarters(), VALUES, (0, 1), 1.0

    np.testing.assert_array_equal(regions_over(*arguments, unsure=np.zeros(4, bool)), regions_over(*arguments))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (8, 8), (180, 60), (3, 2000)])
@pytest.mark.parametrize("hide_rest", [False, True])
def test_any_shape_of_photo_shows_its_doubts(size, hide_rest):
    segments = _sure_target(height=size[0], width=size[1], low=VALUES - 1, high=VALUES + 1, error=np.inf)
    heat = _map_target(*size, spread=np.full(size, 0.15, np.float32), error=0.08)

    for target in (segments, heat):
        assert figure_png(_figure(target, hide_rest=hide_rest), dpi=40).startswith(b"\x89PNG")


# --- heat maps


def test_pixels_whose_interval_includes_zero_are_the_gray_photo():
    photo, heatmap = _photo(), np.linspace(-1, 1, 80, dtype=np.float32) * np.ones((60, 1), np.float32)
    spread = np.where(np.arange(60)[:, None] < 30, np.float32(0.5), np.float32(0)) * np.ones(80, np.float32)
    gray, colored = (heat_over(photo, heatmap * share, 1.0) for share in (0, 1))

    found = heat_over(photo, heatmap, 1.0, spread=spread)

    unsure = np.abs(heatmap) <= spread
    assert 1000 < unsure.sum() < 1400
    np.testing.assert_array_equal(found[unsure], gray[unsure])
    np.testing.assert_array_equal(found[~unsure], colored[~unsure])


def test_a_pixel_without_interval_keeps_its_color():
    heatmap, spread = np.ones((1, 3), np.float32), np.array([[np.nan, np.inf, 1]], np.float32)

    found = heat_over(np.full((1, 3, 3), 90, np.uint8), heatmap, 1.0, spread=spread)[0]

    assert [len(set(color)) > 1 for color in found.tolist()] == [True, False, False]


@pytest.mark.parametrize("size", [(60, 80), (1200, 1600)])
def test_the_figure_of_a_map_leaves_what_is_not_sure_uncolored(size):
    heatmap = np.full(size, 0.1, np.float32)
    spread = np.zeros(size, np.float32)
    heatmap[:, : size[1] // 2] = -0.3
    spread[:, size[1] // 2 :] = 0.2
    figure = _figure(_map_target(*size, heatmap=heatmap, spread=spread))
    picture = [axes for axes in figure.axes if axes.images][2].images[0].get_array()

    half = picture.shape[1] // 2
    assert (picture[:, half:] == picture[:, half:, :1]).all()
    assert (picture[:, : half - 1, 0] > picture[:, : half - 1, 2]).all()
    assert any("heat map (uncolored: unsure)" in words for words in _said(figure))


def test_a_peak_is_marked_only_where_it_is_sure():
    heatmap = np.zeros((60, 80), np.float32)
    heatmap[20, 30] = 0.5
    for spread, marks, words in ((0.4, 2, "+ peak"), (0.6, 0, "unsure)")):
        figure = _figure(_map_target(heatmap=heatmap, spread=np.full((60, 80), spread, np.float32)))

        assert len([axes for axes in figure.axes if axes.images][2].lines) == marks
        (caption,) = [said for said in _said(figure) if said.startswith("heat map")]
        assert caption.endswith(words)


def test_a_narrow_caption_says_it_shorter():
    said = _said(_figure(_map_target(180, 60, spread=np.ones((180, 60), np.float32))))

    assert "heat map (gray: unsure)" in said
    assert not [words for words in said if words.endswith("…")]


def test_the_heat_map_of_segments_keeps_its_colors():
    pictures = [
        [axes for axes in _figure(target).axes if axes.images][3].images[0].get_array()
        for target in (_target(), _sure_target(spread=np.ones((60, 80), np.float32)))
    ]

    np.testing.assert_array_equal(*pictures)


# --- the answer as a whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (0.083, "error about 8 %"),
        (0.0042, "error about 0.4 %"),
        (0.0, "error about 0 %"),
        (1.7, "error about 170 %"),
        (np.inf, "error unknown: more noise than signal"),
    ],
)
@pytest.mark.parametrize("make", [_target, _map_target])
def test_the_facts_tell_the_error(make, error, words):
    assert words in " ".join(_said(_figure(make(error=error))))
    assert "error" not in " ".join(_said(_figure(make())))


def test_no_text_overlaps_where_everything_is_said():
    wide = _sure_target(low=VALUES - 50, high=VALUES + 50, error=np.inf)
    figure = _figure(_sure_target(error=0.08), wide, _target())
    boxes = [t.get_window_extent() for t in figure.texts]
    boxes += [t.get_window_extent() for a in figure.axes for t in a.texts]

    for i, box in enumerate(boxes):
        assert box.count_overlaps(boxes[i + 1 :]) == 0
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y0 >= 0
