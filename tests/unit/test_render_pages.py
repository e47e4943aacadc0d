"""What pages are built of: numbers in words, pictures within their room, arrays as text, escaped data."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.masking import hide
from seewhy.estimation.targets import Target
from seewhy.render.numbers import as_percent, as_probability, score_words
from seewhy.render.pages import PageTable, Section, embedded, sections_page
from seewhy.render.pages.embedded import runs
from support.pages import Page, assert_asks_nothing


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0 %"),
        (0.000001, "below 0.001 %"),
        (0.00012, "0.012 %"),
        (0.0067, "0.67 %"),
        (0.01, "1 %"),
        (0.0994, "9.9 %"),
        (0.123, "12 %"),
        (1, "100 %"),
        (1.34, "134 %"),
        (-0.05, "−5 %"),
    ],
)
def test_percent_has_digits_that_count_and_no_power_of_ten(share: float, words: str) -> None:
    assert as_percent(share) == words


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (0.0, "0"),
        (1e-9, "below 0.0001"),
        (0.00123, "0.0012"),
        (0.0123, "0.012"),
        (0.456, "0.46"),
        (0.99, "0.99"),
        (0.9951, "0.9951"),
        (1 - 1e-7, "above 0.9999"),
        (1.0, "1"),
    ],
)
def test_probabilities_have_digits_that_count_at_both_ends(score: float, words: str) -> None:
    assert as_probability(score) == words


def test_beside_log_odds_stands_the_probability_but_not_of_a_contrast() -> None:
    assert score_words(Target(0, "cat", 2.0, "log-odds")) == "log-odds 2 (probability 0.88)"
    assert score_words(Target(0, "cat", -1e4, "log-odds")) == "log-odds −10000 (probability 0)"
    assert score_words(Target(0, "cat", 2.0, "log-odds", versus=1)) == "log-odds 2"
    assert score_words(Target(0, "cat", 0.5, "probability")) == "probability 0.50"
    assert score_words(Target(0, "cat", 12.345, "score")) == "score 12.35"


def test_a_photo_of_a_phone_takes_its_room_and_no_more_even_where_it_is_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    found = embedded(noise, 1280, 400_000)
    data = base64.b64decode(found.source.removeprefix("data:image/jpeg;base64,"), validate=True)
    assert len(data) <= 400_000
    picture = Pillow.open(io.BytesIO(data))
    assert picture.size == (found.width, found.height)
    assert max(picture.size) > 500
    assert not picture.getexif()


def test_tiny_photos_get_larger_pixels_and_keep_their_shape() -> None:
    found = embedded(np.full((3, 5, 3), 90, np.uint8), 1000, 10_000)
    assert (found.width, found.height) == (1000, 600)


@pytest.mark.parametrize("shape", [(1, 1), (3, 70_000), (300, 400)])
def test_runs_say_labels_again(shape: tuple[int, int]) -> None:
    ids = np.random.default_rng(0).integers(0, 3, (1, shape[1]) if shape[0] == 1 else (shape[0], 4))
    ids = np.repeat(ids, shape[1] // ids.shape[1], axis=1) if shape[0] > 1 else ids
    pairs = np.frombuffer(base64.b64decode(runs(ids)), "<u2").reshape(-1, 2)
    np.testing.assert_array_equal(np.repeat(pairs[:, 1], pairs[:, 0]), ids.ravel())


class _Owner:
    pass


def test_a_page_of_sections_escapes_masks_and_leaves_out_what_is_empty() -> None:
    owner = _Owner()
    hide(owner, "secret-of-a-server")
    table = PageTable(
        "<caption>", ("<i>name</i>", "number"), [("</td>", "1"), ("secret-of-a-server", "2")], frozenset({1})
    )
    sections = [Section("<b>", ["a\u202eb"], [table], items=["<li>"]), Section("empty"), Section("code", code="x < 1")]
    html = sections_page("<title>", ["first", "second"], sections)
    assert_asks_nothing(html)
    text = "".join(Page(html).text)
    for one in ("<caption>", "<i>name</i>", "</td>", "<b>", "<li>", "<title>", "x < 1", "***"):
        assert one in text
    assert "secret-of-a-server" not in html
    assert "\u202e" not in html
    assert "empty" not in text


def test_what_a_terminal_shows_has_digits_that_count_and_a_minus_that_it_knows() -> None:
    from seewhy.cli.output import _error, _plain, _score

    shown = {0.0: "0.0000", 0.25: "0.2500", 0.00005: "0.0001", 0.000012: "1.2e-05"}
    assert {one: _score(one) for one in shown} == shown
    assert _error(1.3) == ", estimated error 130 %"
    assert _plain(score_words(Target(0, "cat", -2.0, "log-odds"))) == "log-odds -2 (probability 0.12)"
