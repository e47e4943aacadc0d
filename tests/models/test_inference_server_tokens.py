"""A token that a server repeats, wherever it can: it is shown and stored nowhere, and goes to its hosts alone."""

import logging
import traceback

import pytest

import seewhy
from seewhy.core.errors import InvalidInput, SeewhyError
from seewhy.models import load_model
from support import servers
from support.inference import PHOTO, ask, load
from support.servers import Inference

pytestmark = pytest.mark.usefixtures("plain_http")

TOKEN = "Zq8wLk3vTy7uPn2mRb5c"


def raw(text):
    def send(handler):
        handler.wfile.write(text.encode("latin-1"))
        handler.close_connection = True

    return send


TENSOR = {"name": "pictures", "datatype": "FP32", "shape": [-1, 3, 32, 32]}
WAYS = {
    "reason": raw(f"HTTP/1.1 401 No {TOKEN}\r\nContent-Length: 0\r\n\r\n"),
    "status line": raw(f"Bearer {TOKEN}\r\n\r\n"),
    "version": raw(f"HTTP/{TOKEN} 200 OK\r\n\r\n"),
    "header line": raw(f"HTTP/1.1 200 OK\r\n{TOKEN}\r\n\r\n"),
    "length": raw(f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n"),
    "encoding": servers.says(200, b"x", Content_Encoding=TOKEN),
    "chunk": raw(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n"),
    "redirect": servers.says(302, b"", Location=f"http://x.example/{TOKEN}"),
    "redirect to a host": servers.says(302, b"", Location=f"http://{TOKEN}.example/"),
    "redirect, cut": servers.says(302, b"", Location=f"http://x.example/{'a' * 175}{TOKEN}"),
    "redirect, encoded": servers.says(302, b"", Location="http://x.example/" + "".join(f"%{ord(c):x}" for c in TOKEN)),
    "body": servers.says(400, f"you sent {TOKEN}".encode()),
    "body, cut": servers.says(400, b" " * 4090 + TOKEN.encode()),
    "body, cut twice": servers.says(400, b" " * 8185 + TOKEN.encode()),
    "body in two": servers.says(400, f"{TOKEN[:9]}\0{TOKEN[9:]}".encode()),
    "no JSON": servers.says(200, f"<p>{TOKEN}</p>".encode()),
}


def said(error):
    return "".join([*traceback.format_exception(error), str(vars(error)), repr(error)])


def hidden(text):
    return all(TOKEN[i : i + 8].lower() not in text.lower() for i in range(len(TOKEN) - 7))


@pytest.mark.parametrize("way", WAYS)
def test_a_token_is_masked_wherever_a_server_repeats_it(monkeypatch, caplog, way):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", TOKEN)
    monkeypatch.setenv("SEEWHY_HTTP_TIMEOUT", "5")
    monkeypatch.setattr("seewhy.models.served.http_requests.TRIES", 1)
    with Inference(always=WAYS[way]) as server, pytest.raises(SeewhyError) as error:
        load(server)
    assert hidden(said(error.value))
    assert hidden(caplog.text)
    assert len(str(error.value)) <= 600


METADATA = {
    "input": {"inputs": [TENSOR | {"name": TOKEN}, TENSOR]},
    "type": {"inputs": [TENSOR | {"datatype": TOKEN}]},
    "output": {"outputs": [TENSOR | {"name": TOKEN}, TENSOR]},
}


@pytest.mark.parametrize("way", METADATA)
def test_a_token_in_metadata_is_masked(monkeypatch, way):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", TOKEN)
    with Inference(**METADATA[way]) as server, pytest.raises(InvalidInput) as error:
        load(server)
    assert hidden(said(error.value))


def test_a_token_in_versions_and_notes_reaches_no_result_file(monkeypatch, tmp_path):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", TOKEN)
    method = seewhy.Lime(segmentation=seewhy.Grid(rows=4, columns=4), fill="gray", n_samples=32)

    class Repeats(Inference):
        def get(self, path):
            if path == "/v2":
                return [TOKEN]  # a note says what was wrong with it
            found = super().get(path)
            return found and found | {"versions": [TOKEN, TOKEN[:12]]}

    with Repeats() as server:
        model = load(server)
        got = seewhy.explain(PHOTO, model=model, method=method, targets=[0])
        saved = got.save(tmp_path / "result").read_bytes()
    shown = [model.fingerprint, str(model.notes), str(got.to_dict()), saved.decode("latin-1"), repr(model)]
    assert hidden("".join(shown))


@pytest.mark.parametrize(
    ("hosts", "sent"),
    [
        ("{host}", True),
        ("other.test, {host}", True),
        ("127.0.0.1", True),
        ("other.test", False),
        ("127.0.0.1:1", False),
    ],
)
def test_a_token_goes_to_the_hosts_it_is_for(monkeypatch, hosts, sent):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", TOKEN)
    with Inference() as server:
        monkeypatch.setenv("SEEWHY_HTTP_HOSTS", hosts.format(host=server.host))
        ask(load(server))
        assert {"Authorization" in one[2] for one in server.asked} == {sent}
        server.always = servers.says(401)
        with pytest.raises(SeewhyError) as error:
            load(server)
    assert ("SEEWHY_HTTP_HOSTS does not list this host" in str(error.value)) != sent


def test_a_redirect_to_another_port_of_the_host_is_not_followed(monkeypatch):
    monkeypatch.setenv("SEEWHY_HTTP_TOKEN", TOKEN)
    with Inference() as other, Inference(always=servers.says(308, b"", Location=other.url)) as server:
        with pytest.raises(SeewhyError, match="which is not followed"):
            load(server)
        assert other.asked == []


@pytest.mark.parametrize(
    "text", ["kserve:http://h.test/v2/models/m?token={}", "kserve:http://h.test/v2/models/m#key={}"]
)
def test_a_token_in_the_query_or_behind_the_number_sign_is_not_repeated(text):
    with pytest.raises(InvalidInput) as error:
        load_model(text.format(TOKEN))
    assert hidden(said(error.value))
