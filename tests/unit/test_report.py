"""The report: one page that asks nothing, says everything and takes no orders from names; what its drawing holds."""

from __future__ import annotations

import base64
import json
import re
import tomllib

import numpy as np
import pytest

import seewhy
from seewhy.explanation import record
from seewhy.explanation.loading import load
from seewhy.explanation.report import report
from seewhy.methods import as_method
from seewhy.models import FunctionModel
from seewhy.render import heat_over, reduced
from seewhy.render.display import Display
from support.pages import Page, assert_asks_nothing
from support.pictures import PHOTO, encoded

EVIL = "</script><img src=x onerror=alert(1)>"
LABELS = (EVIL, "<!--<script>{{ 7 * 7 }}", "a\u202eb\u2028c")
LIME = seewhy.Lime(segmentation=seewhy.Grid(rows=3, columns=4), fill="black", n_samples=60)
RISE = seewhy.Rise(n_samples=80, grid=4)


def scores(batch: np.ndarray) -> np.ndarray:
    left, top = batch[:, :, :30].mean((1, 2, 3)), batch[:, :20].mean((1, 2, 3))
    powers = np.exp(4 * np.stack([left, top, 1 - left], axis=1))
    return powers / powers.sum(axis=1, keepdims=True)


MODEL = FunctionModel(scores, kind="probability", labels=LABELS, name="<b>net</b>")


@pytest.fixture(scope="module")
def lime(tmp_path_factory: pytest.TempPathFactory) -> seewhy.Explanation:
    from PIL import Image as Pillow

    path = tmp_path_factory.mktemp("photos") / "<img onerror=1> & 'a' $(x).png"
    path.write_bytes(encoded(Pillow.fromarray(PHOTO)))
    return seewhy.explain(path, model=MODEL, method=LIME, targets=[0, 1], progress=False)


@pytest.fixture(scope="module")
def rise() -> seewhy.Explanation:
    return seewhy.explain(PHOTO, model=MODEL, method=RISE, targets=[2, 0, 1], progress=False)


@pytest.fixture(scope="module")
def html(lime: seewhy.Explanation) -> str:
    return lime.to_html()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def drawn(html: str) -> list[dict]:
    """Return the data of every drawing."""
    return [json.loads(text) for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html)]


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text, validate=True), kind)


@pytest.mark.slow
def test_the_report_asks_nothing_of_anybody(html: str, rise: seewhy.Explanation) -> None:
    assert_asks_nothing(html)
    assert_asks_nothing(rise.to_html())
    assert_asks_nothing(report([(rise, Display()), (rise, Display())]))


def test_the_report_is_for_every_screen_and_reader(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert len(page.all("h1")) == 1
    assert all(len(one["alt"]) > 10 for one in page.all("img"))
    assert all("scope" in one for one in page.all("th"))
    boxes = [one for one in page.all("div") if one.get("class") == "wide"]
    assert len(boxes) == len(page.all("table"))
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in boxes)


def test_names_are_text_whatever_they_hold(html: str, page: Page) -> None:
    kinds = [one.get("type") for one in page.all("script")]
    assert kinds == ["application/json", "module"]
    assert "onerror" not in "".join(name for _, attributes in page.found for name in attributes)
    assert EVIL not in html
    assert EVIL in "".join(page.text)
    assert "<b>" not in html
    assert "\u202e" not in html
    assert "{{ 7 * 7 }}" in "".join(page.text)
    assert [one["label"] for one in drawn(html)[0]["targets"]] == list(LABELS[:2])


def test_the_report_says_what_is_needed_to_judge_and_repeat_it(lime: seewhy.Explanation, page: Page) -> None:
    text = " ".join("".join(page.text).split())
    for words in ("How to read it", "How it was made", "Repeat it", "How to cite", "Ribeiro", "seed 0"):
        assert words.replace(" 0", "") in text
    for one in (lime.image.sha256, lime.model.fingerprint, lime.fill, str(lime.n_evaluations)):
        assert one in text
    toml = next(one for one in re.findall(r"<pre>(.*?)</pre>", lime.to_html(), re.DOTALL) if "[method]" in one)
    held = tomllib.loads(toml.replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">"))
    assert as_method(held["method"]) == lime.method
    assert (held["targets"], held["seed"], held["display"]) == ([0, 1], 0, Display().to_dict())
    assert "seewhy explain '<img onerror=1> & '\"'\"'a'\"'\"' $(x).png' --settings settings.toml" in text


def test_the_same_result_gives_the_same_report_from_its_file(lime: seewhy.Explanation, tmp_path: object) -> None:
    def timeless(html: str) -> str:
        return re.sub(r"<dt>seconds</dt><dd>[\d.]+</dd>", "", html)

    again = load(lime.save(f"{tmp_path}/one.seewhy"))
    assert [line for line in timeless(again.to_html()).split("\n") if line.strip()] == [
        line for line in timeless(lime.to_html()).split("\n") if line.strip()
    ]


def test_a_verdict_comes_first(rise: seewhy.Explanation, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = {"grade": "firm", "sentence": "The supporting region <18 %> is enough."}
    plain = record.as_dict
    monkeypatch.setattr(record, "as_dict", lambda one: plain(one) | {"verdict": verdict})
    text = "".join(Page(rise.to_html()).text)
    assert 0 < text.index(verdict["sentence"]) < text.index("scores a")


def test_several_results_make_one_page(lime: seewhy.Explanation, rise: seewhy.Explanation) -> None:
    page = Page(report([(lime, Display(regions=2)), (rise, Display())]))
    names = [one["id"] for _, one in page.found if "id" in one]
    assert len(names) == len(set(names))
    assert [one["href"] for one in page.all("a")] == ["#result-1", "#result-2"]
    assert len(page.all("h1")) == 1
    assert len(page.all("article")) == 2


def test_a_photo_without_any_effect_is_said_to_have_none() -> None:
    model = FunctionModel(lambda batch: np.full((len(batch), 2), 0.5), kind="probability")
    found = seewhy.explain(PHOTO, model=model, method=LIME.replace(n_samples=40), progress=False)
    html = found.to_html()
    assert_asks_nothing(html)
    assert "No region has an effect that is distinguishable from 0." in html
    assert drawn(html)[0]["targets"][0]["limit"] == 0


def test_the_drawing_has_the_segments_and_their_values(lime: seewhy.Explanation, html: str) -> None:
    (data,) = drawn(html)
    held = data["segments"]
    pairs = unpacked(held["runs"], "<u2").reshape(-1, 2)
    ids = np.repeat(pairs[:, 1], pairs[:, 0]).reshape(held["height"], held["width"])
    np.testing.assert_array_equal(ids.astype(int) - 1, reduced(lime.segments, 512))
    for i, target in enumerate(data["targets"]):
        np.testing.assert_allclose(target["values"], lime.values(i), rtol=1e-5)
        np.testing.assert_allclose([target["low"], target["high"]], lime.interval(i), rtol=1e-5)
        assert target["told"] == lime.significant(i).astype(int).tolist()
        for k, place in enumerate(target["places"]):
            assert (place is None) == (not target["told"][k])
            if place is not None:
                x, y = int(place[0] * 80), int(place[1] * 60)
                assert lime.segments[y, x] == k


def test_the_drawing_has_the_map_as_figures_paint_it(rise: seewhy.Explanation) -> None:
    (data,) = drawn(rise.to_html())
    assert data["segments"] is None
    for i, target in enumerate(data["targets"]):
        held = target["map"]
        levels = unpacked(held["levels"], "i1").reshape(held["height"], held["width"])
        half = unpacked(held["half"], "u1").reshape(levels.shape) * held["half_step"]
        truth, se = rise.evidence(i), rise.standard_error(i)
        np.testing.assert_allclose(levels * held["step"], truth, atol=held["step"])
        told = truth != 0
        reach = rise.attributions[i].reach * se
        np.testing.assert_allclose(half[told], reach[told], atol=held["half_step"])
        painted = heat_over(PHOTO, (levels * held["step"]).astype(np.float32), target["limit"])
        assert np.abs(painted.astype(int) - heat_over(PHOTO, truth, target["limit"]).astype(int)).max() <= 2


@pytest.mark.slow
def test_too_many_classes_are_not_drawn_but_counted() -> None:
    model = FunctionModel(lambda batch: np.tile(batch.mean((1, 2, 3))[:, None], (1, 14)) * np.arange(14), kind="score")
    method = LIME.replace(n_samples=40)
    html = seewhy.explain(PHOTO, model=model, method=method, targets="top14", progress=False).to_html()
    assert len(drawn(html)[0]["targets"]) == 12
    assert "2 more classes are in the result file" in html
