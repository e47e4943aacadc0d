"""The pages of an evaluation and of a tuning: everything that the result says, and nothing asked of anybody."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from support.graded import LIME, asked, folder
from support.pages import Page, assert_asks_nothing
from support.tuning import OBJECT, SHOWN, only_free

EVIL = "</script><b>{{ 7 * 7 }}"


def text_of(html: str) -> str:
    return " ".join("".join(Page(html).text).split())


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    place = folder(tmp_path_factory.mktemp("photos"))
    return asked(place, methods={EVIL: LIME}, metrics=["iou"], baselines=["center"])


def test_the_page_of_an_evaluation_has_every_mean_and_every_photo(evaluation):
    html = evaluation.to_html()
    text = text_of(html)
    assert_asks_nothing(html)
    assert EVIL not in html
    for one in (EVIL, "center", "iou", *(row.photo for row in evaluation.rows)):
        assert one in text
    for line in evaluation.summary:
        assert f"{line['metrics']['iou']['value']:.4g}" in text
    assert "Incomplete" not in text
    assert "Incomplete" in text_of(replace(evaluation, complete=False).to_html())


def test_the_page_of_a_tuning_has_its_reason_its_worth_and_the_settings_file():
    found = replace(only_free(truth=OBJECT, n_samples=40, free=SHOWN), notes=(EVIL,))
    html = found.to_html()
    text = text_of(html)
    assert_asks_nothing(html)
    assert EVIL in text
    assert EVIL not in html
    for one in (found.reason, found.chosen_on, f"{found.score:.4f}", f"{found.calls.total} model calls"):
        assert one in text
    written = html.partition("<pre>")[2].partition("</pre>")[0].replace("&#34;", '"')
    assert tomllib.loads(written)["method"]["name"] == found.winner.method.name
