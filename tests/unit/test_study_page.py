"""The page of a study: one file that needs nothing else, for every screen and reader, whatever names hold."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image as Pillow

from seewhy.core.text import clean
from seewhy.models import FunctionModel
from seewhy.study import study
from support.pages import Page, assert_asks_nothing, contrast

EVIL = "<img src=x onerror=alert(1)> & \"co'"
KIND = "a<b>&amp; {{ 7 * 7 }}"


def score(batch):
    top, left = batch[:, :8].mean(axis=(1, 2, 3)), batch[:, :, :8].mean(axis=(1, 2, 3))
    found = np.clip((top + left) / 2, 0, 1)
    return np.stack([found, 1 - found], axis=1)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("photos")
    kinds = {KIND: [], "plain": []}
    for kind, name in ((KIND, "one"), (KIND, "two"), ("plain", EVIL.replace("/", "")), ("plain", "bad")):
        path = folder / f"{name}.png"
        cells = rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Pillow.fromarray(np.kron(cells, np.ones((8, 12, 1), np.uint8))).save(path)
        if name == "bad":
            path.write_bytes(b"<script>")
        kinds[kind].append(path)
    grid = {"name": "lime", "segmentation": {"name": "grid", "rows": 4, "columns": 4}}
    menu = {"sampling": {"lime <4>": grid, "rise": {"name": "rise", "grid": 4}}, "free": {"regions": [2]}}
    models = [
        FunctionModel(score, kind="probability", name="<b>model</b>", labels=("cat </td>", "dog")),
        FunctionModel(lambda batch: score(batch)[:, ::-1], kind="probability", name="other\u202e"),
    ]
    return study(kinds, model=models, menu=menu, n_samples=40, metric="sufficiency", progress=False)


@pytest.fixture(scope="module")
def html(found):
    return found.to_html()


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_well_formed_and_for_every_screen(html, page):
    assert html.startswith("<!DOCTYPE html>")
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert page.all("title")
    assert [tag for tag, _ in page.found].count("h1") == 1
    # Nothing that is wide moves the whole page: every table scrolls in a box of its own, by keyboard too.
    boxes = [one for one in page.all("div") if one.get("class") == "wide"]
    assert len(boxes) == len(page.all("table"))
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in boxes)
    assert all("scope" in one for one in page.all("th"))


def test_the_page_needs_nothing_else(html, page):
    assert_asks_nothing(html)
    assert not page.all("script")


def test_every_picture_says_what_it_shows_and_is_one(found, page):
    pictures = page.all("img")
    best = [found.best(photo, model) for photo in found.photos for model in found.models]
    assert len(pictures) == 3 + sum(1 + (one != found.plan.menu.default) for one in best if one is not None)
    for one in pictures:
        assert len(one["alt"]) > 10
        kind, data = one["src"].split(",")
        assert kind == "data:image/jpeg;base64"
        picture = Pillow.open(io.BytesIO(base64.b64decode(data, validate=True)))
        assert picture.size == (int(one["width"]), int(one["height"]))
    (chart,) = page.all("svg")
    assert chart["role"] == "img"
    assert chart["aria-labelledby"] == "chart said"
    assert {one.get("id") for one in page.all("desc") + page.all("h3")} >= {"chart", "said"}


def test_names_are_text_whatever_they_hold(html, page):
    text = "".join(page.text)
    for name in (KIND, EVIL, "<b>model</b>", "lime <4>", "cat </td>"):
        assert name in text
        assert name not in html
    assert "<script" not in html
    assert "49" not in re.sub(r"\d*\.\d+|\d{3,}|base64,[^\"]*", "", html)


def test_the_page_says_the_rule_the_answers_and_what_failed(found, page):
    text = " ".join("".join(page.text).split())

    assert found.plan.rule.text in text
    for one in found.questions:
        assert clean(one.text) in text
    assert "bad.png, other\\u202e: bad.png must be an image file" in text
    assert "Larger regions score higher" in text
    for one in found.plan.menu.settings:
        assert one.label in text
    words = [one for one in page.all("section") if one["class"].startswith("card")]
    assert [one["class"] for one in words] == [f"card {one.word.lower().replace(' ', '-')}" for one in found.questions]


def test_numbers_stand_on_colors_that_leave_them_readable(html, page):
    shades = dict(re.findall(r"td\.((?:above|below)-\d+) { background: rgb\((\d+ \d+ \d+ / [\d.]+)\)", html))
    used = {kind for one in page.all("td") for kind in one.get("class", "").split()} - {"number"}

    assert used
    assert used <= set(shades)
    assert len(shades) == 20
    for shade in shades.values():
        *color, share = map(float, shade.replace("/", "").split())
        assert color in ([183, 76, 0], [0, 114, 178])
        for paper, ink in (((255, 255, 255), (34, 34, 34)), ((23, 25, 28), (236, 236, 236))):
            mixed = [share * one + (1 - share) * other for one, other in zip(color, paper, strict=True)]
            assert contrast([c / 255 for c in mixed], [c / 255 for c in ink]) > 4.5


def test_no_name_reorders_the_page(html) -> None:
    assert "\u202e" not in html
    assert "other\\u202e" in html
