"""Odd metadata, configurations and answers of servers, drawn by seeds: each works or is one clear line."""

import copy
import json
import random

import pytest

from seewhy.core.errors import InvalidInput, ModelError
from seewhy.models import load_model
from support import servers
from support.inference import ask
from support.servers import HEADER, Inference, Tensorflow, send

pytestmark = pytest.mark.usefixtures("plain_http")

EACH = 40
"""Changes a seed."""
ODD = [
    None,
    True,
    False,
    0,
    -1,
    -5,
    3,
    2**31,
    2**63,
    10**25,
    -(10**25),
    1.5,
    float("nan"),
    float("inf"),
    -1e308,
    "",
    "x",
    "-1",
    "3",
    "9" * 5000,
    "\x1b[2J\u202e\x00",
    "\ud800",
    "FP32",
    "BYTES",
    "a" * 5000,
    [],
    [[]],
    [None],
    [1, "x", None],
    ["a" * 3000] * 5,
    list(range(300)),
    {},
    {"name": None},
    {"a" * 5000: 1},
    {"binary_data_size": 10**9},
    {"binary_data_size": True},
    {"binary_data_size": "4"},
]


def places(value, path=()):
    """Yield the path of every part."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def changed(value, rng):
    """Return a copy with one to three parts that are odd, missing, or there twice."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        path = rng.choice(list(places(value)))
        if not path:
            if rng.random() < 0.2:
                return rng.choice(ODD)
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        what = rng.random()
        if what < 0.75:
            parent[path[-1]] = copy.deepcopy(rng.choice(ODD))
        elif what < 0.9 or not isinstance(parent, list):
            del parent[path[-1]]
        else:
            parent.append(copy.deepcopy(parent[path[-1]]))
    return value


def spoiled(text, rng):
    """Return JSON cut, with a byte changed, a key twice, or something quite different."""
    at = rng.randrange(len(text))
    others = [b"", b"\xff\xfe\x00", b"<html><p>\x1b[31mno</p></html>", b"null", b"[" * 5000, b"1" * 5000]
    twice = text[:1] + b'"outputs": [], "inputs": null, ' + text[1:] if text.startswith(b"{") else text
    ways = [text[:at], text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :], twice, rng.choice(others)]
    return rng.choice([*ways, text.decode().encode("utf-16"), text + rng.randbytes(9), text, text, text])


def outcome(run):
    """Return the error, or None where all went well: nothing else may come of it."""
    try:
        run()
    except (ModelError, InvalidInput) as error:
        text = str(error)
        assert len(text) <= 600, text
        assert text.isprintable(), text
        return error
    return None


@pytest.fixture(autouse=True)
def once(monkeypatch):
    monkeypatch.setattr("seewhy.models.served.http_requests.TRIES", 1)
    monkeypatch.setattr("seewhy.models.served.http_requests.TRIES_OF_KNOWN", 1)
    monkeypatch.setenv("SEEWHY_HTTP_TIMEOUT", "10")


def opened(prefix, server):
    return load_model(f"{prefix}:{server.url}", preprocessing="0..1", head="regression", input_size=(24, 32))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("prefix", "kind"), [("kserve", Inference), ("tfserving", Tensorflow)])
def test_odd_metadata(prefix, kind, seed):
    rng, errors = random.Random(seed), 0

    class Odd(kind):
        def get(self, path):
            found = super().get(path)
            return found if found is None else spoiled(json.dumps(changed(found, rng)).encode(), rng)

    more = {"config": {"max_batch_size": 8}} if kind is Inference else {}
    with Odd(**more) as server:
        for _ in range(EACH):
            errors += outcome(lambda: opened(prefix, server)) is not None
    assert errors > EACH // 3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["binary", "JSON", "columns"])
def test_odd_answers(kind, seed):
    rng, errors = random.Random(seed), 0
    server = Tensorflow() if kind == "columns" else Inference(binary=kind == "binary")
    with server:
        model = opened("tfserving" if kind == "columns" else "kserve", server)
        whole = server.post

        def post(handler, body):
            found = whole(handler, body)
            text, headers = found if isinstance(found, tuple) and len(found) == 2 else (found, {})
            text = text[0] if isinstance(text, tuple) else text
            data = text if isinstance(text, bytes) else json.dumps(text).encode()
            length = int(headers.get(HEADER, len(data)))
            head, raw = json.dumps(changed(json.loads(data[:length]), rng)).encode(), data[length:]
            head = spoiled(head, rng)
            if headers:
                said = str(len(head)) if rng.random() < 0.8 else rng.choice(["", "-1", "9" * 5000, "x", "1e3", "٣"])
                headers = headers | {HEADER: said.encode().decode("latin-1")}
                raw = rng.choice([raw, raw, raw[:-1], raw + b"\0", b"", raw[: len(raw) // 2]])
            return head + raw, headers

        server.post = post
        for _ in range(EACH):
            errors += outcome(lambda: ask(model)) is not None
    assert errors > EACH // 3


def raw(data):
    def say(handler):
        handler.wfile.write(data)
        handler.close_connection = True

    return say


WIRE = {
    "204": servers.says(204, b""),
    "200 and nothing": servers.says(200, b""),
    "another type": servers.says(200, b"{}", Content_Type="image/png"),
    "gzip": servers.says(200, b"\x1f\x8b", Content_Encoding="gzip"),
    "brotli": servers.says(200, b"x", Content_Encoding="br, gzip"),
    "zstd of long name": servers.says(200, b"x", Content_Encoding="z" * 5000),
    "100 only": raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
    "101": raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "103, then 200": raw(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "600": raw(b"HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n"),
    "status without end": raw(b"HTTP/1.1 " + b"2" * 10**5),
    "reason of 5000": raw(b"HTTP/1.1 400 " + b"a" * 5000 + b"\r\nContent-Length: 0\r\n\r\n"),
    "reason with escapes": raw(b"HTTP/1.1 400 \x1b[2J\xff\r\nContent-Length: 0\r\n\r\n"),
    "a header of 1 MB": raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10**6 + b"\r\nContent-Length: 2\r\n\r\n{}"),
    "10 000 headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 10**4 + b"Content-Length: 2\r\n\r\n{}"),
    "length of 5000 digits": raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}"),
    "negative length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}"),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "too short": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"),
    "a bad chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "a chunk of 2**64": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"),
    "binary": raw(bytes(range(256)) * 20),
    "TLS": raw(b"\x15\x03\x01\x00\x02\x02\x28"),
    "FTP": raw(b"220 Welcome\r\n"),
    "redirect without place": servers.says(302, b""),
    "redirect of 5000": servers.says(302, b"", Location="http://x.example/" + "a" * 5000),
    "redirect with escapes": raw(b"HTTP/1.1 302 x\r\nLocation: http://\x1b[2J\xff/\r\nContent-Length: 0\r\n\r\n"),
    "redirect to itself": servers.says(302, b"", Location="/v2/models/planted"),
    "wait for years": servers.says(503, b"", Retry_After="9" * 400),
    "wait until year 0": servers.says(503, b"", Retry_After="Mon, 00 Jan 0000 00:00:00 GMT"),
    "wait until year 9999": servers.says(503, b"", Retry_After="Fri, 31 Dec 9999 23:59:59 -2359"),
    "HTML": servers.says(500, b"<html>" + b"<p>\x1b[31m</p>" * 1000),
}


@pytest.mark.parametrize("way", WIRE)
def test_odd_exchanges(way):
    with Inference(always=WIRE[way]) as server:
        error = outcome(lambda: opened("kserve", server))
    assert isinstance(error, ModelError | InvalidInput)


def test_an_encoded_bomb_is_not_unpacked():
    import gzip

    bomb = gzip.compress(b"[" + b"0," * 10**7 + b"0]")
    with Inference(always=lambda handler: send(handler, 200, bomb, {"Content-Encoding": "gzip"})) as server:
        error = outcome(lambda: opened("kserve", server))
    assert "encoded as gzip, which was not requested" in str(error)


@pytest.mark.parametrize(
    "shape",
    [[-1, 3, 20_000, 20_000], [200_000, 3, 32, 32], [-1, 3, 2**40, 2**40], [2**40, 3, 32, 32], [1, 3, 10**9, 8]],
)
def test_sizes_that_metadata_states_are_weighed_first(shape):
    tensor = {"name": "pictures", "datatype": "FP32", "shape": shape}
    with Inference(inputs=[tensor]) as server:
        error = outcome(lambda: load_model(f"kserve:{server.url}", preprocessing="0..1"))
        assert "SEEWHY_MAX_MEMORY" in str(error) or "no computer has that much" in str(error)
        assert server.posts() == []
