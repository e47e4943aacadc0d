"""The report in a real browser: asks nothing, follows hand and keyboard, is readable without scripts and on paper."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

import seewhy
from seewhy.explanation.report import report
from seewhy.models import FunctionModel
from seewhy.render import heat_over
from seewhy.render.display import Display
from support.browser import Visit, chromium
from support.pictures import PHOTO

EVIL = "</script><img src=x onerror=alert(1)>"
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), fill="black", n_samples=60)
RISE = seewhy.Rise(n_samples=120, grid=3)
LARGE = np.kron(PHOTO, np.ones((8, 8, 1), np.uint8))


def scores(batch: np.ndarray) -> np.ndarray:
    powers = np.exp(4 * np.stack([batch[:, :, :30].mean((1, 2, 3)), batch[:, :20].mean((1, 2, 3))], axis=1))
    return powers / powers.sum(axis=1, keepdims=True)


MODEL = FunctionModel(scores, kind="probability", labels=(EVIL, "top"), input_size=(60, 80))


@pytest.fixture(scope="module")
def lime() -> seewhy.Explanation:
    return seewhy.explain(LARGE, model=MODEL, method=LIME, targets=[0, 1], progress=False)


@pytest.fixture(scope="module")
def rise() -> seewhy.Explanation:
    return seewhy.explain(LARGE, model=MODEL, method=RISE, targets=[0], progress=False)


@pytest.fixture(scope="module")
def folder(lime: seewhy.Explanation, rise: seewhy.Explanation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages")
    pages = {"lime": lime.to_html(), "both": report([(lime, Display()), (rise, Display())])}
    for name, html in pages.items():
        (place / f"{name}.html").write_text(html, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def visit(browser: Any, folder: Path) -> Visit:
    return Visit(browser, folder / "both.html", viewport={"width": 1200, "height": 900})


@pytest.fixture
def first(visit: Visit) -> Any:
    """The first result of the page, as it is when it is opened."""
    visit.page.reload()
    return visit.page.locator("article").first


def said(article: Any) -> str:
    return str(article.locator(".sw-readout").inner_text())


def slider(article: Any, name: str, value: int) -> None:
    article.get_by_label(name).evaluate(
        "(one, value) => { one.value = value; one.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )


@pytest.mark.slow
def test_the_page_asks_for_nothing_and_complains_of_nothing(visit: Visit, folder: Path) -> None:
    outside = [one for one in visit.asked if not one.startswith("data:")]
    assert set(outside) == {(folder / "both.html").as_uri()[:80]}
    assert visit.complaints == []
    assert visit.overflow() <= 0


def test_pointing_at_a_segment_says_its_value_and_interval(first: Any, lime: seewhy.Explanation) -> None:
    stage = first.locator(".sw-stage")
    box = stage.bounding_box()
    segment = lime.top(1)[0].segment
    y, x = (int(np.median(one)) for one in np.nonzero(lime.segments == segment))
    stage.hover(position={"x": x / 640 * box["width"], "y": y / 480 * box["height"]})
    low, high = lime.interval()
    value = f"{lime.values()[segment]:+.2f}".replace("-", "−")
    assert said(first).startswith(f"Segment {segment}: {value} change in probability, 95 % interval ")
    assert f"to {high[segment]:+.2f}".replace("-", "−") in said(first)
    assert low[segment] < high[segment]


def test_the_slider_says_how_many_segments_are_outlined(first: Any) -> None:
    slider(first, "Segments outlined", 1)
    assert said(first).startswith("Outlined: the strongest segment, 8.3 % ")
    slider(first, "Segments outlined", 0)
    assert said(first) == "No segment is shown."


def test_signs_views_and_classes_are_switched(first: Any, lime: seewhy.Explanation) -> None:
    before = first.locator("canvas").screenshot()
    first.get_by_role("radio", name="Contradicts").click()
    assert "that contradict it" in said(first)
    first.get_by_role("radio", name="Region").click()
    assert first.locator(".sw-stage").get_attribute("data-show") == "region"
    first.get_by_role("radio", name="Photo").click()
    assert said(first) == "The photo without the map."
    first.get_by_role("radio", name="Heat map").click()
    first.get_by_label("Class").select_option(label="top")
    assert first.locator("canvas").screenshot() != before
    assert first.get_by_label("Class").locator("option").all_inner_texts() == [EVIL, "top"]


def test_the_keyboard_goes_through_the_segments_by_strength(first: Any, lime: seewhy.Explanation) -> None:
    stage = first.locator(".sw-stage")
    stage.focus()
    for one in lime.top(2):
        stage.press("ArrowRight")
        assert said(first).startswith(f"Segment {one.segment}: ")
    stage.press("Escape")
    assert said(first).startswith("Outlined:")


def test_what_it_draws_is_what_the_library_draws(
    visit: Visit, first: Any, lime: seewhy.Explanation, rise: seewhy.Explanation
) -> None:
    for i, (found, name) in enumerate([(lime, "Segments outlined"), (rise, "Share outlined")]):
        article = visit.page.locator("article").nth(i)
        slider(article, name, 0)
        shot = Pillow.open(io.BytesIO(article.locator(".sw-stage").screenshot())).convert("RGB")
        evidence = found.evidence()
        limit = float(np.abs(evidence).max())
        wanted = heat_over(LARGE, evidence, limit)
        mine = np.asarray(shot.resize((640, 480), Pillow.Resampling.BOX)).astype(int)
        apart = np.abs(mine - wanted)[8:-8, 8:-8]
        assert apart.mean() < 6
        other = np.abs(mine - heat_over(LARGE, -evidence, limit))[8:-8, 8:-8]
        assert other.mean() > 2 * apart.mean()


def test_without_scripts_everything_is_there(browser: Any, folder: Path) -> None:
    page = Visit(browser, folder / "lime.html", java_script_enabled=False).page
    assert page.locator("figure img:visible").count() == 4
    assert page.locator("[data-drawing]:visible").count() == 0
    page.get_by_text("How it was made").click()
    assert page.get_by_text("model evaluations").is_visible()


@pytest.mark.slow
def test_on_a_phone_and_on_paper(browser: Any, folder: Path) -> None:
    phone = Visit(browser, folder / "both.html", viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    assert phone.overflow() <= 0
    phone.page.emulate_media(media="print")
    assert phone.page.locator("figure img:visible").count() == 6
    assert phone.page.locator(".sw-stage:visible").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(visit: Visit, first: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: make test does it")
    visit.page.emulate_media(color_scheme=scheme)
    visit.overflow()  # unfolds everything
    found = axe.Axe().run(visit.page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found] == []
