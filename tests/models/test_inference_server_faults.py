"""Servers that answer wrongly, late or not at all: what is refused at once, and what is tried again, how often."""

import asyncio
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import load_model
from support import servers
from support.inference import PICTURES, ask, fails, load
from support.patience import PATIENCE
from support.refusing import refuses
from support.served_planted import planted
from support.servers import Inference, says

pytestmark = pytest.mark.usefixtures("plain_http")


# --- wrong answers: refused at once ------------------------------------------------------------------------------


def with_output(**more):
    def change(head, raw):
        head["outputs"][0] |= more
        return head, raw

    return change


def without_outputs(head, raw):
    return {"error": "no outputs today"}, b""


def bfloat16(head, raw):
    head["outputs"][0] |= {"datatype": "BF16", "parameters": {"binary_data_size": len(raw) // 2}}
    return head, raw[: len(raw) // 2]


def twice(head, raw):
    return head | {"outputs": head["outputs"] * 2}, raw


def shorter(head, raw):
    return head, raw[:-4]


NAN = np.array([[0.5, np.nan, 1]] * 5, "<f4").tobytes()


@pytest.mark.parametrize(
    ("binary", "change", "words"),
    [
        (True, without_outputs, 'outputs, got: {"error": "no outputs today"}'),
        (True, shorter, "tensors as long as they say, got "),
        (True, with_output(shape=[4, 3]), r"as many numbers as its shape says, got 15 numbers for [4, 3]"),
        (True, with_output(shape=[3, 5]), "one row of numbers for each of 5 images, got shape (3, 5)"),
        (True, with_output(shape=[15]), "one row of numbers for each of 5 images, got shape (15,)"),
        (True, with_output(shape=[-5, -3]), "as its shape says, got 15 numbers for [-5, -3]"),
        (True, with_output(shape="big"), "as its shape says, got 15 numbers for 'big'"),
        (True, with_output(datatype="BYTES"), "numbers, got datatype 'BYTES'"),
        (True, with_output(name="logits"), "one output scores, got 0 of logits"),
        (True, with_output(parameters={"binary_data_size": -1}), "tensors as long as they say"),
        (True, with_output(parameters={"binary_data_size": 59}), "whole numbers of FP32, got 59 bytes"),
        (True, lambda head, _: (head, NAN), "finite numbers, got nan at image 0, output 1"),
        (False, twice, "one output scores, got 2 of scores, scores"),
        (False, with_output(data=[1.0] * 14), "got 14 numbers for [5, 3]"),
        (False, with_output(data=[1.0] * 14 + [None]), "finite numbers, got nan at image 4, output 2"),
        (False, with_output(data=[1.0] * 14 + [float("inf")]), "finite numbers, got inf at image 4, output 2"),
        (False, with_output(data=[1.0] * 14 + [1e300]), "finite numbers, got inf at image 4, output 2"),
        (False, with_output(data=["1.0"] * 15), "got no numbers for [5, 3]"),
        (False, with_output(data=[[1, 2], [3]]), "got no numbers for [5, 3]"),
    ],
)
def test_nonsense_is_refused_after_one_try(binary, change, words):
    with Inference(binary=binary) as server:
        model = load(server)
        server.change, before = change, len(server.posts())
        text = fails(model)

    assert text.startswith(f"POST {server.url}/infer must be answered with ")
    assert words in text
    assert len(server.posts()) == before + 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (servers.says(200, b"<html>Welcome!</html>"), "must be answered with JSON, got: <html>Welcome!</html>"),
        (servers.says(200, b"[" * 100_000), "must be answered with JSON, got: [[[["),
        (servers.says(200, b"{}", Inference_Header_Content_Length="90"), "of at most 2 bytes, got '90'"),
        (servers.says(500), 'was answered with status 500: {"error": "out of order"}'),
        (servers.says(400, b"x" * 900), f"was answered with status 400: {'x' * 200}..."),
        (servers.says(404, b""), "was answered with status 404: Not Found"),
        (servers.says(401), "credentials are taken from the environment, SEEWHY_HTTP_TOKEN or"),
        (servers.says(429, Retry_After="3600"), "it asks to wait 3600 s, and 30 s is the limit"),
        (servers.announces_too_much, "was answered with 1 TB, more than the limit of 250 MB; set SEEWHY_MAX_MEMORY"),
        (
            servers.says(307, b"", Location="http://me:pw@other.test/v2?key=1"),
            "was answered with status 307, a redirect to http://other.test/v2, which is not followed; use that URL",
        ),
    ],
)
def test_what_another_try_cannot_help_is_not_tried_again(answer, words):
    with Inference() as server:
        model = load(server)
        server.plan, before = [answer], len(server.posts())
        text = fails(model)

    assert text.startswith(f"POST {server.url}/infer ")
    assert words in text
    assert "tried" not in text
    assert len(server.posts()) == before + 1


def test_an_answer_without_end_is_refused(monkeypatch):
    monkeypatch.setenv("SEEWHY_MAX_MEMORY", "800")
    with (
        Inference(always=servers.never_ends) as server,
        refuses(ModelError, "planted", rule=("more than the limit of 100 B")),
    ):
        load(server)


# --- the first question of all: an error is told as it is --------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "words", "asked"),
    [
        ({"plan": says(500)}, 'was answered with status 500: {"error": "out of order"}', 1),
        ({"plan": says(400, b"bad batch size")}, "was answered with status 400: bad batch size", 1),
        ({"plan": says(503, Retry_After="3600")}, "it asks to wait 3600 s, and 30 s is the limit", 1),
        ({"plan": servers.hangs}, "was not answered within 0.2 s; set SEEWHY_HTTP_TIMEOUT for more", 3),
        ({"change": bfloat16}, "must be answered with numbers, got datatype 'BF16'", 1),
        ({"change": with_output(shape=None)}, "as many numbers as its shape says, got 6 numbers for None", 1),
    ],
    ids=["500", "400", "503", "silence", "BF16", "no shape"],
)
def test_a_failure_at_the_first_question_is_no_matter_of_shapes(monkeypatch, more, words, asked):
    monkeypatch.setenv("SEEWHY_HTTP_TIMEOUT", "0.2" if "0.2 s" in words else "30")
    plan = [more["plan"]] * 3 if "plan" in more else []
    with Inference(*plan, change=more.get("change")) as server:
        with pytest.raises(ModelError) as failure:
            load(server)
        posts = len(server.posts())

    assert str(failure.value).startswith(f"POST {server.url}/infer ")
    assert words in str(failure.value)
    assert "input_size" not in str(failure.value)
    assert "give batch_size" not in str(failure.value)
    assert posts == asked


# --- answers of another model ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        (
            {"model_version": "7"},
            {"model_version": "8"},
            "model_name planted, model_version 8, after model_name planted, model_version 7;",
        ),
        (
            {"model_version": 0},
            {"model_version": 1},
            "model_name planted, model_version 1, after model_name planted, model_version 0;",
        ),
        ({}, {"model_name": "other"}, "model_name other, after model_name planted;"),
    ],
    ids=["version", "number", "name"],
)
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_a_model_that_changes_in_between_is_refused(binary, first, then, words):
    with Inference(binary=binary, change=lambda head, raw: (head | first, raw)) as server:
        model = load(server)
        ask(model)
        server.change = lambda head, raw: (head | first | then, raw)
        text = fails(model)

    assert f"must be answered with the outputs of one model all the time, got those of {words}" in text
    assert "/v2/models/NAME/versions/VERSION" in text


# --- failures that may pass: three tries, and more where the server has answered before --------------------------

SHORT_TO_PASS = [(servers.says(504), "was answered with status 504")]
LONG_TO_PASS = [
    (servers.says(502), "was answered with status 502"),
    (servers.says(503), "was answered with status 503"),
    (servers.says(429, Retry_After="0"), "was answered with status 429"),
    (servers.says(429, Retry_After="soon"), "was answered with status 429"),
    (servers.cuts, "failed on the way: peer closed connection"),
    (servers.hangs_up, "failed on the way: Server disconnected"),
]
NAMES = ["502", "503", "429", "429 soon", "cut", "hung up"]


@pytest.mark.parametrize(("answer", "words"), SHORT_TO_PASS + LONG_TO_PASS, ids=["504", *NAMES])
def test_what_may_pass_is_tried_three_times(answer, words):
    with Inference(answer, answer) as server:
        load(server)
        assert len(server.posts()) == 3
    with Inference(answer, answer, answer) as server:
        with pytest.raises(ModelError) as failure:
            load(server)
        assert len(server.posts()) == 3

    assert words in str(failure.value)
    assert str(failure.value).endswith(" (tried 3 times)")


@pytest.mark.parametrize(
    ("answer", "words", "tries"),
    [(*one, 3) for one in SHORT_TO_PASS] + [(*one, 11) for one in LONG_TO_PASS],
    ids=["504", *NAMES],
)
def test_where_numbers_came_before_it_is_tried_for_longer(monkeypatch, answer, words, tries):
    monkeypatch.setattr("seewhy.models.served.http_requests._FIRST_PAUSE", 0.001)
    with Inference() as server:
        model = load(server)
        server.plan, before = [answer] * (tries - 1), len(server.posts())
        (scores,) = ask(model)
        assert len(server.posts()) == before + tries

        server.plan, before = [answer] * tries, len(server.posts())
        text = fails(model)

    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)
    assert words in text
    assert text.endswith(f" (tried {tries} times)")
    assert len(server.posts()) == before + tries


def test_a_server_that_starts_again_is_waited_for(monkeypatch):
    pauses, pause = [], asyncio.sleep

    async def take_down(seconds):
        pauses.append(seconds)
        if len(pauses) == back:
            server.come_back()
        await pause(0)

    back = 8
    monkeypatch.setattr("seewhy.models.served.http_requests._FIRST_PAUSE", 0.25)  # nobody waits for it here
    monkeypatch.setattr("seewhy.models.served.http_requests.asyncio.sleep", take_down)
    with Inference() as server:
        model = load(server)
        server.go()
        (scores,) = ask(model)
        waited, pauses[:] = pauses[:], []

        server.go()
        back = 0
        text = fails(model)
        server.come_back()

    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)
    assert len(waited) == 8
    assert "could not connect: " in text
    assert text.endswith(" (tried 11 times)")
    assert 13 < sum(pauses) < 42
    assert max(pauses) <= 6


def test_patience_has_an_end(monkeypatch):
    monkeypatch.setattr("seewhy.models.served.http_requests._PATIENCE", 0.0)
    with Inference() as server:
        model = load(server)
        server.plan = [servers.says(503)] * 3
        text = fails(model)

    assert text.endswith(" (tried 3 times)")


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent to one thread there")
def test_waiting_can_be_interrupted(monkeypatch):
    def refuses(handler):
        servers.send(handler, 503, b"")
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with Inference() as server:
        model = load(server)
        monkeypatch.setattr("seewhy.models.served.http_requests._FIRST_PAUSE", 3600)
        server.plan = [refuses]
        with pytest.raises(KeyboardInterrupt):
            ask(model)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("seewhy")]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_wait_that_is_asked_for_is_kept(form, monkeypatch):
    waits, sleep = [], asyncio.sleep

    def noted(seconds, *more):
        waits.append(seconds)
        return sleep(0, *more)

    with Inference() as server:
        model = load(server)
        in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        server.plan = [servers.says(429, Retry_After="3600" if form == "seconds" else in_an_hour)]
        monkeypatch.setattr("seewhy.models.served.http_requests._LONGEST_PAUSE", 7200)
        monkeypatch.setattr(asyncio, "sleep", noted)
        ask(model)

    assert max(waits) == pytest.approx(3600, abs=PATIENCE)


def test_silence_is_tried_again_and_then_an_error(monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_TIMEOUT", "0.2")
    with Inference() as server:
        model = load(server)
        server.plan, before = [servers.hangs], len(server.posts())
        (scores,) = ask(model)
        server.plan = [servers.hangs] * 3
        text = fails(model)

    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)
    assert "was not answered within 0.2 s; set SEEWHY_HTTP_TIMEOUT for more" in text
    assert len(server.posts()) == before + 5


def test_a_byte_now_and_then_is_no_answer(monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_TIMEOUT", "0.1")
    with Inference() as server:
        model = load(server)
        server.plan, before = [servers.drips], len(server.posts())
        text = fails(model)

    assert "was not answered in full within 1 s" in text
    assert len(server.posts()) == before + 1


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_must_be_one(monkeypatch, value):
    monkeypatch.setenv("SEEWHY_HTTP_TIMEOUT", value)
    with refuses(InvalidInput, "SEEWHY_HTTP_TIMEOUT", rule="be a number of seconds above 0"):
        load_model("kserve:http://127.0.0.1:9/v2/models/planted")


def test_nobody_at_home():
    url = f"http://127.0.0.1:{servers.free_port()}/v2/models/planted"
    with refuses(ModelError, url, rule="could not connect"):
        load_model(f"kserve:{url}", preprocessing="0..1")
