"""Models behind the Open Inference Protocol, and how any server is asked: tries, timeouts, credentials, endings."""

import shutil
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

import seewhy
from seewhy.errors import InvalidInput, ModelError
from seewhy.models import FunctionModel, load_model
from seewhy.models.preprocessing import Preprocessing
from seewhy.testing import check_model
from support import servers
from support.served_planted import HEIGHT, SEGMENT, WIDTH, planted
from support.servers import Inference

pytest.importorskip("httpx", reason="httpx is not installed: pip install 'seewhy[http]'")
pytest.importorskip("orjson", reason="orjson is not installed: pip install 'seewhy[http]'")

RNG = np.random.default_rng(0)
PICTURES = RNG.random((5, HEIGHT, WIDTH, 3), dtype=np.float32)
NCHW = np.ascontiguousarray(PICTURES.transpose(0, 3, 1, 2))
PHOTO = RNG.integers(60, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
SECRET = "s3cret-T0ken.of/mine"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("TIMEOUT", "TOKEN", "USER", "PASSWORD"):
        monkeypatch.delenv(f"SEEWHY_HTTP_{name}", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("seewhy.models.http_requests._FIRST_PAUSE", 0.01)


def load(server, **options):
    return load_model(f"kserve:{server.url}", **{"preprocessing": "0..1", "head": "regression"} | options)


def ask(model, *batches):
    return list(model.stream(batches or [NCHW]))


def fails(model, *plan, error=ModelError):
    """Return the text of the failure after these answers."""
    with pytest.raises(error) as failure:
        ask(model)
    assert "\n" not in str(failure.value)
    return str(failure.value)


# --- real servers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["kserve", "mlserver"])
def test_a_real_server_explains_as_the_function_does(name):
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="black", n_samples=64)
    function = FunctionModel(planted, kind="score")
    expected = seewhy.explain(PHOTO, model=function, method=method, targets=[0, 1, 2])
    with servers.real(name) as url:
        model = load_model(f"kserve:{url}", preprocessing="0..1", head="regression")
        got = seewhy.explain(PHOTO, model=model, method=method, targets=[0, 1, 2])

    json_note = [note for note in model.notes if "sent as JSON" in note]
    assert len(json_note) == (name == "mlserver")
    for k in range(3):
        np.testing.assert_allclose(got.values(k), expected.values(k), rtol=0, atol=1e-5)
        assert int(np.argmax(np.abs(got.values(k)))) == SEGMENT


# --- what is asked, and what comes back --------------------------------------------------------------------------


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_scores_are_those_of_the_model(binary):
    with Inference(binary=binary) as server:
        model = load(server)
        check_model(model)
        first, second = ask(model, NCHW, NCHW[:2])

    np.testing.assert_allclose(first, planted(PICTURES), atol=1e-6)
    np.testing.assert_allclose(second, planted(PICTURES[:2]), atol=1e-6)
    assert (servers.HEADER in server.posts()[-1][2]) == binary
    assert (model.layout, model.channels, model.preprocessing.size, model.batch_size) == (
        "NCHW",
        3,
        (HEIGHT, WIDTH),
        16,
    )
    assert ("sent as JSON" in str(model.notes)) != binary
    assert "can change without notice" in model.notes[0]


@pytest.mark.parametrize(
    ("datatype", "preprocessing", "close"),
    [("FP16", "0..1", 1e-3), ("FP64", "0..1", 1e-6), ("UINT8", "0..255", 1e-3), ("INT8", {"scale": 100}, 1e-2)],
)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_types_and_layouts_are_those_of_the_metadata(datatype, preprocessing, close, layout):
    shape = [-1, 3, HEIGHT, WIDTH] if layout == "NCHW" else [-1, HEIGHT, WIDTH, 3]
    with Inference(inputs=[{"name": "in", "datatype": datatype, "shape": shape}]) as server:
        model = load(server, preprocessing=preprocessing)
        batch = np.stack([model.prepare(picture) for picture in PICTURES])
        (scores,) = ask(model, batch)

    scale = model.preprocessing.scale
    assert model.layout == layout
    np.testing.assert_allclose(scores / scale, planted(PICTURES), atol=close)
    assert ("rounded to whole numbers" in str(model.notes)) == datatype.endswith("INT8")


def test_integers_take_only_pictures_that_fit():
    with Inference(inputs=[{"name": "in", "datatype": "UINT8", "shape": [-1, 3, HEIGHT, WIDTH]}]) as server:
        with pytest.raises(InvalidInput, match=r"must give whole numbers .* 1 steps from black to white"):
            load(server)
        model = load(server, preprocessing="0..255")
        text = fails(Asking(model, NCHW * 256), error=InvalidInput)

    assert text.startswith("prepared pictures must fit uint8, 0 to 255, got 0 to 256;")


class Asking:
    """A model that is asked about given pictures."""

    def __init__(self, model, batch):
        self.model, self.batch = model, batch

    def stream(self, _):
        return self.model.stream([self.batch])


@pytest.mark.parametrize(
    ("more", "asked", "sizes", "best"),
    [
        ({}, {}, [5, 2], 16),
        ({"inputs": [{"name": "in", "datatype": "FP32", "shape": [2, 3, HEIGHT, WIDTH]}]}, {}, [2, 2, 2, 2], 2),
        ({"config": {"max_batch_size": 4}}, {}, [4, 1, 2], 4),
        ({"config": {"max_batch_size": 0}}, {}, [5, 2], 16),
        ({}, {"batch_size": 3}, [3, 2, 2], 3),
        ({"config": {"max_batch_size": 4}}, {"batch_size": 3}, [3, 2, 2], 3),
    ],
    ids=["any", "fixed", "limited", "not limited", "asked for", "both"],
)
def test_batches_are_cut_to_what_the_model_takes(more, asked, sizes, best):
    with Inference(**more) as server:
        model = load(server, **asked)
        server.sizes.clear()
        first, second = ask(model, NCHW, NCHW[:2])

    np.testing.assert_allclose(first, planted(PICTURES), atol=1e-6)
    np.testing.assert_allclose(second, planted(PICTURES[:2]), atol=1e-6)
    assert sorted(server.sizes) == sorted(sizes)
    assert model.batch_size == best


def test_one_of_several_outputs_must_be_chosen():
    outputs = [{"name": name, "datatype": "FP32", "shape": [-1, 3]} for name in ("features", "scores")]
    with Inference(outputs=outputs) as server:
        with pytest.raises(InvalidInput, match=r"planted has 2 outputs, features FP32 \[-1, 3\].*#output=features"):
            load(server)
        with pytest.raises(InvalidInput, match=r"output must be one of features .* got logits"):
            load_model(f"kserve:{server.url}#output=logits", preprocessing="0..1")
        model = load_model(f"kserve:{server.url}#output=scores", preprocessing="0..1")
        (scores,) = ask(model)
        np.testing.assert_array_equal(ask(load(server, output_name="scores"))[0], scores)
        with pytest.raises(InvalidInput, match="output_name=features and #output=scores of planted must be the same"):
            load_model(f"kserve:{server.url}#output=scores", preprocessing="0..1", output_name="features")

    np.testing.assert_allclose(scores, planted(PICTURES) + 1, atol=1e-6)
    assert {path for _, path, _, _ in server.posts()} == {f"{server.path}/infer"}


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        ([("a", "FP32", [-1, 3, 8, 8]), ("b", "FP32", [-1, 4])], {}, r"it has 2: a FP32 \[-1, 3, 8, 8\], b FP32"),
        ([("a", "BYTES", [-1, 1])], {}, r"must be of type FP32, .* got a BYTES"),
        ([("a", "FP32", [-1, 12])], {}, r"with 4 dimensions, got a FP32 \[-1, 12\]"),
        ([("a", "FP32", [-1, -1, -1, -1])], {}, "does not say where channels stand"),
        ([("a", "FP32", [-1, 3, 8, 3])], {}, "does not say where channels stand"),
        ([("a", "FP32", [-1, 1, 8, 8])], {}, "must give 1 channels .* order='gray'"),
        ([("a", "FP32", [-1, 3, 8, 8])], {"input_size": 9}, r"input_size must be \(8, 8\) .* got \(9, 9\)"),
        ([("a", "FP32", [-1, 3, 8, 8])], {"preprocessing": {"size": (9, 9)}}, r"must be \(8, 8\) .* got \(9, 9\)"),
        ([("a", "FP32", [-1, 3, 8, 8])], {"preprocessing": {"layout": "NHWC"}}, "layout must be NCHW .* got NHWC"),
        ([("a", "FP32", [-1, 3, 8, 8])], {"preprocessing": None}, "does not say how a photo must be prepared"),
        ([("a", "FP32", [-1, 3, 8, 8])], {"device": "cpu"}, "device is not a setting of the model planted"),
    ],
)
def test_what_does_not_fit_is_refused(inputs, options, words):
    tensors = [dict(zip(("name", "datatype", "shape"), one, strict=True)) for one in inputs]
    with Inference(inputs=tensors) as server, pytest.raises(InvalidInput, match=words):
        load(server, **options)
    assert not server.posts()


def test_layout_and_size_can_be_said_where_the_server_does_not():
    wanted = Preprocessing(size=(HEIGHT, WIDTH), layout="NHWC")
    with Inference(inputs=[{"name": "a", "datatype": "FP32", "shape": [-1, -1, -1, -1]}]) as server:
        model = load(server, preprocessing=wanted)
        (scores,) = ask(model, PICTURES)

    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)


def test_metadata_without_inputs_and_without_sense():
    with Inference() as server:
        server.inputs = []
        with pytest.raises(InvalidInput, match="its metadata names none; declare it there"):
            load(server)
        server.inputs = "none"
        with pytest.raises(ModelError, match=r"GET .*/planted must be answered with the metadata of a model, got: {"):
            load(server)
        server.always = servers.says(200, [1, 2])
        with pytest.raises(ModelError, match=r"must be answered with the metadata of a model, got: \[1, 2\]"):
            load(server)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8080/planted",
        "http://127.0.0.1:8080/v2/models/",
        "http://127.0.0.1:8080/v2/models/planted/infer",
        "http://127.0.0.1:8080/v1/models/planted",
        "ftp://127.0.0.1/v2/models/planted",
        "http:///v2/models/planted",
        "http://127.0.0.1:port/v2/models/planted",
        "http://127.0.0.1/v2/models/a b",
        "http://127.0.0.1/v2/models/planted?key=s3cret",
        "http://127.0.0.1/v2/models/planted#signature=x",
        "http://127.0.0.1/v2/models/planted#scores",
        "127.0.0.1:8080/v2/models/planted",
        "",
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidInput) as error:
        load_model(f"kserve:{text}", preprocessing="0..1")
    assert "must" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_version_is_asked_for_and_stands_in_the_fingerprint():
    with Inference() as server:
        latest = load(server)
        model = load_model(f"kserve:{server.url}/versions/7/", preprocessing="0..1")
        ask(model)
        server.outputs[0]["name"] = "logits"
        other = load(server)

    assert server.posts()[1][1] == "/v2/models/planted/versions/7/infer"
    assert f"{server.url}/versions/7 " in model.fingerprint
    assert "version:7 metadata:sha256:" in model.fingerprint
    assert latest.fingerprint != other.fingerprint
    assert latest.name == model.name == "planted"


# --- wrong answers: refused at once ------------------------------------------------------------------------------


def with_output(**more):
    def change(head, raw):
        head["outputs"][0] |= more
        return head, raw

    return change


def without_outputs(head, raw):
    return {"error": "no outputs today"}, b""


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
        (True, with_output(shape=[3, 5]), "one row of numbers for each of 5 pictures, got shape (3, 5)"),
        (True, with_output(shape=[15]), "one row of numbers for each of 5 pictures, got shape (15,)"),
        (True, with_output(shape=[-5, -3]), "as its shape says, got 15 numbers for [-5, -3]"),
        (True, with_output(shape="big"), "as its shape says, got 15 numbers for 'big'"),
        (True, with_output(datatype="BYTES"), "numbers, got datatype 'BYTES'"),
        (True, with_output(name="logits"), "one output scores, got 0 of logits"),
        (True, with_output(parameters={"binary_data_size": -1}), "tensors as long as they say"),
        (True, with_output(parameters={"binary_data_size": 59}), "whole numbers of FP32, got 59 bytes"),
        (True, lambda head, _: (head, NAN), "finite numbers, got nan at picture 0, output 1"),
        (False, twice, "one output scores, got 2 of scores, scores"),
        (False, with_output(data=[1.0] * 14), "got 14 numbers for [5, 3]"),
        (False, with_output(data=[1.0] * 14 + [None]), "finite numbers, got nan at picture 4, output 2"),
        (False, with_output(data=[1.0] * 14 + [float("inf")]), "finite numbers, got inf at picture 4, output 2"),
        (False, with_output(data=[1.0] * 14 + [1e300]), "finite numbers, got inf at picture 4, output 2"),
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
        (servers.announces_too_much, "was answered with 1000000000000 bytes, and 268435456 is the limit"),
        (
            servers.says(307, b"", Location="http://me:pw@other.test/v2?key=1"),
            "was answered with status 307, go to http://other.test/v2; that is not followed, give that URL",
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
    monkeypatch.setattr("seewhy.models.http_requests.LARGEST", 100)
    words = r"^GET .*/planted was answered with more than 100 bytes$"
    with Inference(always=servers.never_ends) as server, pytest.raises(ModelError, match=words):
        load(server)


# --- failures that may pass: three tries -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (servers.says(502), "was answered with status 502"),
        (servers.says(503), "was answered with status 503"),
        (servers.says(504), "was answered with status 504"),
        (servers.says(429, Retry_After="0"), "was answered with status 429"),
        (servers.says(429, Retry_After="soon"), "was answered with status 429"),
        (servers.cuts, "failed on the way: peer closed connection"),
        (servers.hangs_up, "failed on the way: Server disconnected"),
    ],
    ids=["502", "503", "504", "429", "429 soon", "cut", "hung up"],
)
def test_what_may_pass_is_tried_three_times(answer, words):
    with Inference() as server:
        model = load(server)
        server.plan, before = [answer, answer], len(server.posts())
        (scores,) = ask(model)
        assert len(server.posts()) == before + 3

        server.plan, before = [answer] * 3, len(server.posts())
        text = fails(model)

    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)
    assert words in text
    assert text.endswith(" (tried 3 times)")
    assert len(server.posts()) == before + 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_wait_that_is_asked_for_is_kept(form):
    with Inference() as server:
        model = load(server)
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)  # dates have whole seconds
        server.plan = [servers.says(429, Retry_After="1" if form == "seconds" else soon)]
        start = time.monotonic()
        ask(model)

    assert 0.8 < time.monotonic() - start < 15


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
    with pytest.raises(InvalidInput, match="SEEWHY_HTTP_TIMEOUT must be a number of seconds above 0"):
        load_model("kserve:http://127.0.0.1:9/v2/models/planted")


def test_nobody_at_home():
    url = f"http://127.0.0.1:{servers.free_port()}/v2/models/planted"
    with pytest.raises(ModelError, match=rf"^GET {url} could not connect: .* \(tried 3 times\)$"):
        load_model(f"kserve:{url}", preprocessing="0..1")


# --- several at once ---------------------------------------------------------------------------------------------


def test_four_are_on_their_way_and_answers_come_in_order():
    first = servers.slow(0.4)
    with Inference() as server:
        model = load(server)
        server.plan, server.most_at_once = [first, *[servers.slow(0.05)] * 11], 0
        batches = [NCHW[i % 5 : i % 5 + 1] for i in range(12)]
        scores = ask(model, *batches)

    np.testing.assert_allclose(np.concatenate(scores), planted(PICTURES)[np.arange(12) % 5], atol=1e-6)
    assert server.most_at_once == 4


def test_a_batch_may_be_used_again_once_the_next_is_taken():
    own = np.empty_like(NCHW[:1])

    def batches():
        for i in range(8):
            own[:] = NCHW[i % 5]
            yield own

    with Inference() as server:
        model = load(server)
        server.plan = [servers.slow(0.05)] * 8
        scores = list(model.stream(batches()))

    assert model.in_flight == 1
    np.testing.assert_allclose(np.concatenate(scores), planted(PICTURES)[np.arange(8) % 5], atol=1e-6)


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("seewhy")]


def wait_until(holds):
    end = time.monotonic() + 30
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    assert holds()


def only_the_first(does):
    """Do this with the request for one picture, and let all others hang."""
    small = NCHW[0].nbytes + 1000
    return lambda handler: (does if int(handler.headers["Content-Length"]) < small else servers.hangs)(handler)


@pytest.mark.parametrize("ending", ["closed", "failed", "finished", "source failed"])
def test_nothing_is_left_behind(ending):
    def batches():
        yield from [NCHW[:1], NCHW, NCHW, NCHW]
        if ending == "source failed":
            raise KeyError("no more")

    plan = {"closed": [only_the_first(servers.slow(0))] * 4, "failed": [only_the_first(servers.says(500))] * 4}
    with Inference() as server:
        model = load(server)
        wait_until(lambda: server.open == 0)
        server.plan = plan.get(ending, [])
        stream, start = model.stream(batches()), time.monotonic()
        if ending == "closed":
            next(stream)
            assert threads() == ["seewhy-http"]
            assert server.open > 0
            stream.close()
        elif ending == "finished":
            assert len(list(stream)) == 4
        else:
            with pytest.raises(ModelError if ending == "failed" else KeyError):
                list(stream)

        assert threads() == []
        assert time.monotonic() - start < 15
        server.let_go.set()  # a server that hangs does not notice that nobody listens
        wait_until(lambda: server.open == 0)


def test_a_cancelled_run_leaves_nothing():
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="gray", n_samples=400)
    with Inference() as server:
        model = load(server)
        server.plan = [servers.slow(0.05)] * 100
        enough = len(server.sizes) + 12
        more = {"cancel": lambda: len(server.sizes) > enough, "batch_size": 8}
        got = seewhy.explain(PHOTO, model=model, method=method, targets=[0], **more)
        wait_until(lambda: server.open == 0)

    assert server.most_at_once == 4
    assert 0 < len(got.samples.scores) < 400
    assert threads() == []


# --- credentials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["token", "password"])
def test_credentials_are_sent_and_never_seen(monkeypatch, tmp_path, capfd, caplog, way):
    caplog.set_level("DEBUG")
    if way == "token":
        monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
        header, hidden = f"Bearer {SECRET}", [SECRET]
    else:
        monkeypatch.setenv("SEEWHY_HTTP_USER", "somebody")
        monkeypatch.setenv("SEEWHY_HTTP_PASSWORD", SECRET)
        header, hidden = "Basic c29tZWJvZHk6czNjcmV0LVQwa2VuLm9mL21pbmU=", [SECRET, "c29tZWJvZHk6czNj", "somebody"]
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="gray", n_samples=32)
    with Inference() as server:
        model = load(server)
        got = seewhy.explain(PHOTO, model=model, method=method, targets=[0])
        saved = got.save(tmp_path / "result").read_bytes()
        server.plan = [servers.repeats_headers]
        text = fails(model)

    assert {one[2].get("Authorization") for one in server.asked} == {header}
    assert "***" in text
    said = "".join([text, repr(model), str(vars(model)), model.fingerprint, str(got.warnings), *capfd.readouterr()])
    for secret in hidden:
        assert secret not in said + caplog.text
        assert secret.encode() not in saved
    assert b"127.0.0.1" in saved  # what is asked stands there


def test_a_program_that_fails_does_not_print_them(monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
    code = "import seewhy.models, sys; seewhy.models.load_model(sys.argv[1], preprocessing='0..1')"
    with Inference(always=servers.repeats_headers) as server:
        done = subprocess.run([sys.executable, "-c", code, f"kserve:{server.url}"], capture_output=True, check=False)

    assert done.returncode == 1
    assert b"was answered with status 400" in done.stderr
    assert SECRET.encode() not in done.stderr + done.stdout


@pytest.mark.parametrize("host", ["models.test", "10.0.0.1", "0.0.0.0", "localhost.test"])
def test_credentials_do_not_travel_in_the_clear(monkeypatch, host):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
    with pytest.raises(InvalidInput, match="credentials must be sent over https, or to this machine") as error:
        load_model(f"kserve:http://{host}/v2/models/planted")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("url", ["http://me:pa55@127.0.0.1/v2/models/a", "http:/me:pa55@x", "me:pa55@127.0.0.1"])
def test_a_password_in_the_address_is_refused_and_not_repeated(url):
    with pytest.raises(InvalidInput, match="must hold no user and no password; credentials are taken from") as error:
        load_model(f"kserve:{url}")
    assert "pa55" not in str(error.value)


@pytest.mark.parametrize(
    "given",
    [
        {"TOKEN": SECRET, "USER": "a"},
        {"USER": SECRET},
        {"PASSWORD": SECRET},
        {"USER": "a:b", "PASSWORD": SECRET},
        {"TOKEN": SECRET + "\n"},
        {"TOKEN": SECRET + "é"},
    ],
)
def test_credentials_that_cannot_be_sent_are_refused(monkeypatch, given):
    for name, value in given.items():
        monkeypatch.setenv(f"SEEWHY_HTTP_{name}", value)
    with pytest.raises(InvalidInput, match=r"SEEWHY_HTTP_.* must") as error:
        load_model("kserve:http://127.0.0.1:9/v2/models/planted")
    assert SECRET not in str(error.value)


def test_a_redirect_takes_no_credentials_along(monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
    with Inference() as other, Inference() as server:
        model = load(server)
        server.plan = [servers.says(307, b"", Location=f"{other.url}/infer")]
        text = fails(model)

    assert f"go to {other.url}/infer; that is not followed" in text
    assert other.asked == []


# --- proxies and certificates ------------------------------------------------------------------------------------


def test_a_proxy_is_used_but_not_for_this_machine(monkeypatch):
    with Inference() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://{server.host}")
        with pytest.raises(ModelError, match=r"GET http://models.test/v2/models/planted was answered with status 404"):
            load_model("kserve:http://models.test/v2/models/planted", preprocessing="0..1")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{servers.free_port()}")
        load(server)

    assert server.asked[0][1] == "http://models.test/v2/models/planted"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=here"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "own.pem"]
    subprocess.run([*command.split(), *more], cwd=folder, check=True, capture_output=True)
    return folder


def test_certificates_are_verified(monkeypatch, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "own.pem", certificate / "key.pem")
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", SECRET)
    with Inference() as server:
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
        server.url = server.url.replace("http:", "https:")
        with pytest.raises(ModelError, match="certificate is not trusted, see SSL_CERT_FILE") as error:
            load(server)
        assert server.asked == []
        assert "tried" not in str(error.value)

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "own.pem"))
        (scores,) = ask(load(server))

    np.testing.assert_allclose(scores, planted(PICTURES), atol=1e-6)


def test_a_missing_file_of_certificates_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(InvalidInput, match=r"SSL_CERT_FILE must name a file of certificates, got '.*none.pem'"):
        load_model("kserve:http://127.0.0.1:9/v2/models/planted")
